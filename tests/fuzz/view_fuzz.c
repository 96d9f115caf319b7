/*
 * view_fuzz.c - any octets as a view: what is accepted can be used.
 *
 * Few octets are a view by chance, so head and messages are made right as one
 * of the octets says.
 */

#include <stdlib.h>
#include <string.h>

#include "view.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_use(const struct view *view)
{
	const struct view_message *m;
	uint64_t octets = 0;
	char uidl[UIDL_MAX + 1];
	size_t n;
	uint32_t i;

	for (i = 0; i < view->head->count; i++) {
		m = &view->message[i];
		octets += m->octets;
		MUST(view_check_length(m) <= VIEW_HEAD_CHECK);
		MUST(m->body <= m->length && m->length <= m->octets);
		if (view->head->format == VIEW_MBOX)
			MUST(m->place + m->envelope + m->length <=
			    view->head->stamp.size);
		else
			MUST(strlen(view->names + m->place) > 0);
		memset(uidl, 'x', sizeof(uidl));
		view_uidl(view, i, uidl);
		n = strnlen(uidl, sizeof(uidl));
		MUST(n >= 1 && n <= UIDL_MAX);
		while (n-- > 0)
			MUST(uidl[n] >= 0x21 && uidl[n] <= 0x7e);
	}
	MUST(octets == view->head->octets);
}

static void
fuzz_right(void *octets, size_t size)
{
	struct view_head *head = octets;
	struct view_message *m = (void *)(head + 1);
	size_t rest = size - sizeof(*head);
	uint32_t i;

	head->magic = VIEW_MAGIC;
	head->format = 2 - head->format % 2;
	head->hidden = 0;
	head->count %= (uint32_t)(rest / sizeof(*m) + 1);
	if (head->format == VIEW_MBOX)
		head->count = (uint32_t)(rest / sizeof(*m));
	head->names_size = rest - head->count * sizeof(*m);
	head->base %= head->count + 1;
	head->base_names %= head->names_size + 1;
	head->octets = 0;
	for (i = 0; i < head->count; i++)
		head->octets += m[i].octets;
}

/* The messages, too, all but their places in the names. */
static void
fuzz_right_messages(void *octets)
{
	struct view_head *head = octets;
	struct view_message *m = (void *)(head + 1);
	uint64_t place = 0;
	uint32_t i;

	head->octets = 0;
	for (i = 0; i < head->count; i++, m++) {
		m->length %= 10000;
		m->body %= m->length + 1;
		m->octets = m->length + m->octets % (m->length + 3);
		m->flags %= 2;
		head->octets += m->octets;
		if (head->format == VIEW_MAILDIR) {
			m->envelope = 0;
			continue;
		}
		m->envelope = (uint16_t)(5 + m->envelope % 1000);
		m->place = place;
		place += m->envelope + m->length;
	}
	head->stamp.size = place;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *octets = malloc(size + (size == 0));
	struct view view;

	memcpy(octets, data, size);
	if (size >= sizeof(struct view_head) && data[15] % 4 != 3) {
		fuzz_right(octets, size);
		if (data[15] % 4 != 2)
			fuzz_right_messages(octets);
	}
	if (view_init(&view, octets, size) == 0)
		fuzz_use(&view);
	(void)view_check(octets, size);
	free(octets);
	return 0;
}
