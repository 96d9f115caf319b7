/*
 * view.c - a view is input: its file is the user's.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

#define NAME_OCTETS_MAX 255 /* of a file, in every file system */
#define NAMES_MAX (VIEW_MESSAGES_MAX * (uint64_t)(NAME_OCTETS_MAX + 1))
#define ENVELOPE_LEAST 5                 /* "From " */
#define LENGTH_MAX ((uint64_t)INT64_MAX) /* what a file may have */

bool
view_head_valid(const struct view_head *head)
{
	if (head->magic != VIEW_MAGIC || head->count > VIEW_MESSAGES_MAX ||
	    head->base > head->count || head->base_names > head->names_size ||
	    head->names_size > NAMES_MAX)
		return false;
	if (head->format == VIEW_MBOX)
		return head->hidden <= 1 && head->names_size == 0 &&
		    head->stamp.size <= LENGTH_MAX;
	return head->format == VIEW_MAILDIR && head->hidden == 0;
}

uint64_t
view_size(const struct view_head *head)
{
	return sizeof(*head) +
	    head->count * (uint64_t)sizeof(struct view_message) +
	    head->names_size;
}

/* What holds in both formats. */
static bool
view_message_valid(const struct view_message *m, unsigned flags)
{
	return m->length <= LENGTH_MAX && m->body <= m->length &&
	    m->octets >= m->length && m->octets - m->length <= m->length + 2 &&
	    (m->flags & ~flags) == 0;
}

static bool
view_mbox_valid(const struct view_head *head, const struct view_message *m)
{
	uint64_t room, start = head->hidden; /* that one is not empty */
	uint32_t i;

	/* Places are in order if each message ends before the next begins. */
	for (i = 0; i < head->count; i++) {
		if (m[i].place < start || m[i].place > head->stamp.size)
			return false;
		room = head->stamp.size - m[i].place;
		if (m[i].envelope < ENVELOPE_LEAST || m[i].envelope > room ||
		    m[i].length > room - m[i].envelope)
			return false;
		start = m[i].place + m[i].envelope + m[i].length;
	}
	return true;
}

/* Names are those of files, of no other folder, and none is hidden. */
static bool
view_name_valid(const char *names, uint64_t size, uint64_t place)
{
	const char *name, *end;
	size_t most;

	if (place >= size || (place > 0 && names[place - 1] != '\0'))
		return false;
	name = names + place;
	most = size - place > NAME_OCTETS_MAX ? NAME_OCTETS_MAX + 1 :
						(size_t)(size - place);
	end = memchr(name, '\0', most);
	return end != NULL && end != name && name[0] != '.' &&
	    memchr(name, '/', (size_t)(end - name)) == NULL;
}

static bool
view_maildir_valid(const struct view_head *head, const struct view_message *m,
    const char *names)
{
	uint32_t i;

	for (i = 0; i < head->count; i++)
		if (m[i].envelope != 0 ||
		    !view_name_valid(names, head->names_size, m[i].place))
			return false;
	return true;
}

int
view_init(struct view *view, const void *data, size_t size)
{
	const struct view_head *head = data;
	const struct view_message *messages;
	const char *names;
	unsigned flags = VIEW_REMOVED;
	uint64_t octets = 0;
	uint32_t i;

	errno = EINVAL;
	if (data == NULL || (uintptr_t)data % _Alignof(struct view_head) != 0 ||
	    size < sizeof(*head) || !view_head_valid(head) ||
	    view_size(head) != size)
		return -1;
	messages = (const void *)(head + 1);
	names = (const char *)(messages + head->count);
	if (head->format == VIEW_MAILDIR)
		flags |= VIEW_UNREAD | VIEW_NEW;
	for (i = 0; i < head->count; i++)
		if (!view_message_valid(&messages[i], flags) ||
		    __builtin_add_overflow(octets, messages[i].octets, &octets))
			return -1;
	if (octets != head->octets)
		return -1;
	if (head->format == VIEW_MBOX ?
		!view_mbox_valid(head, messages) :
		!view_maildir_valid(head, messages, names))
		return -1;
	view->head = head;
	view->message = messages;
	view->names = names;
	return 0;
}

size_t
view_check_length(const struct view_message *message)
{
	uint64_t length = message->envelope + message->length;

	return length < VIEW_HEAD_CHECK ? (size_t)length : VIEW_HEAD_CHECK;
}

static uint64_t
view_mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15U;
	return h ^ (h >> 32);
}

uint64_t
view_check(const void *octets, size_t length)
{
	const unsigned char *s = octets;
	uint64_t a = length, b = ~(uint64_t)length, word[2];

	/* Two chains, or each multiplication waits for the one before. */
	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(word, s, sizeof(word));
		a = view_mix(a, word[0]);
		b = view_mix(b, word[1]);
		s += sizeof(word);
	}
	memset(word, 0, sizeof(word));
	if (length > 0)
		memcpy(word, s, length);
	return view_mix(view_mix(a, word[0]), view_mix(b, word[1]));
}

uint64_t
view_message_check(const struct view_message *message, const void *octets)
{
	size_t length = view_check_length(message), head = length;
	uint64_t body;

	if (message->envelope + message->body < length)
		head = (size_t)(message->envelope + message->body);
	body = view_check((const char *)octets + head, length - head);
	return (view_check(octets, head) & UINT32_MAX) | body << 32;
}

/* Octets of the base name if that is a legal unique-id, else 0. */
static size_t
view_base_name(const char *name)
{
	size_t n;

	for (n = 0; name[n] != '\0' && name[n] != ':'; n++)
		if (n == UIDL_MAX || name[n] < 0x21 || name[n] > 0x7e)
			return 0;
	return n;
}

void
view_uidl(const struct view *view, uint32_t index, char dst[UIDL_MAX + 1])
{
	const struct view_message *m = &view->message[index];
	static const char hex[] = "0123456789abcdef";
	size_t i, n;

	if (view->head->format == VIEW_MAILDIR && m->twin == 0) {
		n = view_base_name(view->names + m->place);
		if (n > 0) {
			memcpy(dst, view->names + m->place, n);
			dst[n] = '\0';
			return;
		}
	}
	for (i = 0; i < VIEW_DIGEST; i++) {
		dst[2 * i] = hex[m->digest[i] >> 4];
		dst[2 * i + 1] = hex[m->digest[i] & 0xf];
	}
	dst[2 * i] = '\0';
	if (m->twin != 0)
		(void)snprintf(
		    dst + 2 * i, UIDL_MAX + 1 - 2 * i, "-%u", m->twin);
}
