/*
 * view_test.c - what view_init() lets in, and what it says of a message.
 */

#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "view.h"

#define MESSAGES 3

struct view_file {
	struct view_head head;
	struct view_message message[MESSAGES];
	char names[64];
};

static void
view_file_mbox(struct view_file *file)
{
	unsigned i;

	memset(file, 0, sizeof(*file));
	file->head.magic = VIEW_MAGIC;
	file->head.format = VIEW_MBOX;
	file->head.count = MESSAGES;
	file->head.stamp.size = 100 * MESSAGES;
	for (i = 0; i < MESSAGES; i++) {
		file->message[i].place = 100 * i;
		file->message[i].envelope = 30;
		file->message[i].length = 70;
		file->message[i].octets = 75;
		file->message[i].body = 20;
		memset(file->message[i].digest, (int)(i + 0xa0), VIEW_DIGEST);
		file->head.octets += file->message[i].octets;
	}
}

static const char *const names[MESSAGES] = {
    "1000.M1P1.host,S=70:2,S", "1001.M1P1.host", "10\01\3:2,"};

static size_t
view_file_maildir(struct view_file *file)
{
	size_t n = 0;
	unsigned i;

	view_file_mbox(file);
	file->head.format = VIEW_MAILDIR;
	for (i = 0; i < MESSAGES; i++) {
		file->message[i].envelope = 0;
		file->message[i].place = n;
		memcpy(file->names + n, names[i], strlen(names[i]) + 1);
		n += strlen(names[i]) + 1;
	}
	file->head.names_size = n;
	return n;
}

/* In memory of exactly that size, so that ASan sees each octet too far. */
static bool
view_accepted(const struct view_file *file, size_t names_size)
{
	size_t size = offsetof(struct view_file, names) + names_size;
	void *copy = malloc(size);
	struct view view;
	bool accepted;

	memcpy(copy, file, size);
	accepted = view_init(&view, copy, size) == 0;
	free(copy);
	return accepted;
}

#define refused(change, text) \
	do { \
		view_file_mbox(&file); \
		change; \
		ok(!view_accepted(&file, 0), "refused: %s", text); \
	} while (0)

static void
view_test_head(void)
{
	struct view_file file;
	struct view view;
	char *odd = malloc(sizeof(file) + 8);

	view_file_mbox(&file);
	ok(view_accepted(&file, 0), "an mbox's view is accepted");
	file.head.hidden = 1;
	ok(!view_accepted(&file, 0), "no room for a hidden message");
	file.message[0].place++;
	file.message[0].length--;
	ok(view_accepted(&file, 0), "with room it is accepted");
	ok(!view_accepted(&file, 1), "an octet too many");
	memcpy(odd + 4, &file, offsetof(struct view_file, names));
	ok(view_init(&view, odd + 4, offsetof(struct view_file, names)) == -1,
	    "unaligned");
	ok(view_init(&view, &file, sizeof(file.head) - 1) == -1, "a short one");
	ok(view_init(&view, &file, 0) == -1, "an empty one");
	ok(view_init(&view, NULL, 0) == -1, "none at all");
	free(odd);
	refused(file.head.magic++, "magic");
	refused(file.head.format = 3, "format");
	refused(file.head.count--, "fewer messages than octets");
	refused(file.head.count++, "more messages than octets");
	refused(file.head.count = UINT32_MAX, "far too many messages");
	refused(file.head.hidden = 2, "two hidden messages");
	refused(file.head.octets++, "a wrong sum");
	refused(file.head.names_size = UINT64_MAX, "names beyond all memory");
	refused(file.head.names_size = 1, "names in an mbox");
	refused(file.head.base = 4, "a base of more messages than all");
	refused(file.head.base_names = 1, "a base of more names than all");
	refused(file.head.stamp.size--, "a file that ends before its messages");
	refused(file.head.stamp.size = UINT64_MAX, "a file of all octets");
}

static void
view_test_messages(void)
{
	struct view_file file;

	refused(file.message[1].place--, "a message in the one before");
	refused(file.message[0].place++, "a message that reaches the next");
	refused(file.message[1].place = UINT64_MAX, "a place out of the world");
	refused(file.message[1].length = UINT64_MAX - 300, "length: overflow");
	refused(file.message[2].length++, "a message beyond the end");
	refused(file.message[2].body = 71, "a body beyond the text");
	refused((file.message[2].octets = 69, file.head.octets -= 6),
	    "fewer octets than stored");
	refused((file.message[2].octets = 143, file.head.octets += 68),
	    "more octets than there can be");
	refused(
	    (file.message[0].octets = UINT64_MAX - 1, file.head.octets = 148),
	    "a sum that overflows");
	refused(file.message[2].flags = 2, "a flag that is none");
	refused(file.message[2].envelope = 0, "no envelope");
	view_file_mbox(&file);
	file.message[1].flags = VIEW_REMOVED;
	ok(view_accepted(&file, 0), "a removed message");
}

static void
view_test_maildir(void)
{
	struct view_file file;
	struct view view;
	char uidl[UIDL_MAX + 1];
	size_t n = view_file_maildir(&file), size;

	ok(view_accepted(&file, n), "a Maildir's view is accepted");
	size = offsetof(struct view_file, names) + n;
	if (view_init(&view, &file, size) == -1)
		abort();
	view_uidl(&view, 0, uidl);
	ok(strcmp(uidl, "1000.M1P1.host,S=70") == 0, "base name: %s", uidl);
	view_uidl(&view, 1, uidl);
	ok(strcmp(uidl, "1001.M1P1.host") == 0, "without flags: %s", uidl);
	view_uidl(&view, 2, uidl);
	ok(strcmp(uidl, "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2") == 0,
	    "illegal as id: %s", uidl);
	file.message[1].place++;
	ok(!view_accepted(&file, n), "a place within a name");
	file.message[1].place = n;
	ok(!view_accepted(&file, n), "a place behind the names");
	view_file_maildir(&file);
	file.names[n - 1] = 'x';
	ok(!view_accepted(&file, n), "a name without an end");
	view_file_maildir(&file);
	file.names[2] = '/';
	ok(!view_accepted(&file, n), "a name of another folder");
	view_file_maildir(&file);
	file.names[0] = '.';
	ok(!view_accepted(&file, n), "a hidden name");
	file.names[0] = '\0';
	ok(!view_accepted(&file, n), "an empty name");
}

/* A Maildir's view with one name of that many octets. */
static void
view_test_long_name(size_t length, bool accepted, bool as_it_is)
{
	size_t size = sizeof(struct view_head) + sizeof(struct view_message);
	struct view_head *head = calloc(1, size + length + 1);
	char *name = (char *)head + size, uidl[UIDL_MAX + 1];
	struct view view;

	head->magic = VIEW_MAGIC;
	head->format = VIEW_MAILDIR;
	head->count = 1;
	head->names_size = length + 1;
	memset(name, 'a', length);
	ok((view_init(&view, head, size + length + 1) == 0) == accepted,
	    "a name of %zu octets", length);
	if (accepted) {
		view_uidl(&view, 0, uidl);
		ok((strcmp(uidl, name) == 0) == as_it_is, "uidl %s", uidl);
	}
	free(head);
}

static void
view_test_uidl(void)
{
	struct view_file file;
	struct view view;
	char uidl[UIDL_MAX + 1];

	view_file_mbox(&file);
	file.message[0].digest[0] = 0x0f;
	file.message[1].twin = 1;
	file.message[2].twin = UINT32_MAX;
	if (view_init(&view, &file, offsetof(struct view_file, names)) == -1)
		abort();
	view_uidl(&view, 0, uidl);
	ok(strcmp(uidl, "0fa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0") == 0, "%s", uidl);
	view_uidl(&view, 1, uidl);
	ok(strcmp(uidl, "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1-1") == 0, "%s", uidl);
	view_uidl(&view, 2, uidl);
	ok(strcmp(uidl, "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2-4294967295") == 0,
	    "%s", uidl);
}

static void
view_test_check(void)
{
	char text[VIEW_HEAD_CHECK], *copy;
	unsigned i, differ = 0, shorter = 0, whole = 0;
	struct view_message m = {.envelope = 40, .length = 20};
	uint64_t check;

	memset(text, 0, sizeof(text));
	check = view_check(text, sizeof(text));
	for (i = 0; i < sizeof(text); i++) {
		text[i] ^= 1;
		differ += view_check(text, sizeof(text)) != check;
		text[i] ^= 1;
		copy = malloc(i + 1);
		memcpy(copy, text, i);
		shorter += view_check(copy, i) != check;
		memmove(copy + 1, copy, i);
		whole += view_check(copy + 1, i) == view_check(text, i);
		free(copy);
	}
	ok(differ == sizeof(text), "every octet changes the check");
	ok(shorter == sizeof(text), "so does the length");
	ok(whole == sizeof(text), "alignment does not");
	ok(view_check_length(&m) == 60, "a short message's check is of it all");
	m.length = 473;
	ok(view_check_length(&m) == 512, "a long one's of its head");
	m.length = INT64_MAX;
	ok(view_check_length(&m) == 512, "a very long one's, too");
}

int
main(void)
{
	view_test_head();
	view_test_messages();
	view_test_maildir();
	view_test_long_name(70, true, true);
	view_test_long_name(71, true, false);
	view_test_long_name(255, true, false);
	view_test_long_name(256, false, false);
	view_test_uidl();
	view_test_check();
	return tap_end();
}
