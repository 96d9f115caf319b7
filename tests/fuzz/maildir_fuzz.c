/*
 * maildir_fuzz.c - any octets as names of a Maildir's files: what is made of
 * them is in order, has no size that cannot be, and gives unique-ids.
 */

#include <stdlib.h>
#include <string.h>

#include "mailbox/maildir_list.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define FUZZ_NAMES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_sizes(const struct maildir_name *name)
{
	MUST(name->base <= name->length);
	MUST(name->size == MAILDIR_SIZE_UNKNOWN ||
	    name->size <= MAILDIR_SIZE_MAX);
	if (!maildir_name_sized(name))
		return;
	MUST(name->wire <= 2 * MAILDIR_SIZE_MAX + 2);
	if (name->size != MAILDIR_SIZE_UNKNOWN)
		MUST(name->size <= name->wire &&
		    name->wire - name->size <= name->size + 2);
}

/* What it is called in cur/ has the same base name, and is that for good. */
static void
fuzz_cur(const struct maildir_name *name, const char *text, bool seen)
{
	char cur[MAILDIR_NAME + 1], again[MAILDIR_NAME + 1];
	struct maildir_name is;

	if (maildir_name_cur(cur, text, seen) == -1) {
		MUST(strlen(text) + 4 > MAILDIR_NAME);
		return;
	}
	maildir_name_read(&is, cur, strlen(cur));
	MUST(is.base == name->base && memcmp(cur, text, is.base) == 0);
	MUST(is.size == name->size && is.wire == name->wire);
	MUST(
	    maildir_name_cur(again, cur, seen) == 0 && strcmp(again, cur) == 0);
	if (seen && strstr(text, ":") == NULL)
		MUST(maildir_name_flag(cur, 'S'));
}

/* What the view makes of it is the unique-id that was expected. */
static void
fuzz_uidl(const struct maildir_name *name, const char *text)
{
	struct {
		struct view_head head;
		struct view_message message;
		char names[MAILDIR_NAME + 1];
	} file;
	char id[UIDL_MAX + 1];
	struct view view;

	memset(&file, 0, sizeof(file));
	file.head.magic = VIEW_MAGIC;
	file.head.format = VIEW_MAILDIR;
	file.head.count = 1;
	file.head.names_size = name->length + 1U;
	memcpy(file.names, text, name->length + 1U);
	MUST(view_init(&view, &file,
		 offsetof(__typeof__(file), names) + name->length + 1U) == 0);
	view_uidl(&view, 0, id);
	if (name->legal)
		MUST(strlen(id) == name->base &&
		    memcmp(id, text, name->base) == 0);
	else
		MUST(strspn(id, "0") == 2 * (size_t)VIEW_DIGEST);
}

static void
fuzz_sort(struct maildir_entry *entries, uint32_t count)
{
	struct maildir_entry room[FUZZ_NAMES];
	struct maildir_list list = {.entries = entries, .count = count};
	uint32_t i, found;

	maildir_sort_entries(entries, room, count);
	for (i = 1; i < count; i++)
		MUST(maildir_order(&entries[i - 1].is, entries[i - 1].name,
			 &entries[i].is, entries[i].name) <= 0);
	for (i = 0; i < count; i++) {
		const struct maildir_entry *e =
		    maildir_list_find(&list, entries[i].name, &found);

		MUST(e != NULL && e <= &entries[i] && e + found > &entries[i]);
	}
}

/* Names end with a line end, and at their most octets. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char names[FUZZ_NAMES][MAILDIR_NAME + 1];
	struct maildir_entry entries[FUZZ_NAMES];
	uint32_t count = 0;
	size_t at, n;

	memset(entries, 0, sizeof(entries));
	for (at = 0; at < size && count < FUZZ_NAMES; at += n + 1) {
		for (n = 0; at + n < size && n < MAILDIR_NAME; n++)
			if (data[at + n] == '\n' || data[at + n] == '\0' ||
			    data[at + n] == '/')
				break;
		if (n == 0 || data[at] == '.')
			continue;
		memcpy(names[count], data + at, n);
		names[count][n] = '\0';
		entries[count].name = names[count];
		maildir_name_read(&entries[count].is, names[count], n);
		fuzz_sizes(&entries[count].is);
		fuzz_cur(&entries[count].is, names[count], n % 2 == 0);
		fuzz_uidl(&entries[count].is, names[count]);
		count++;
	}
	fuzz_sort(entries, count);
	return 0;
}
