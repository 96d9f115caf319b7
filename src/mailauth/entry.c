/*
 * entry.c - one user as a line.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "database.h"

enum {
	FIELD_NAME,
	FIELD_LOCKED,
	FIELD_SHA1,
	FIELD_SHA256,
	FIELD_SECRET,
	FIELD_HASH,
	FIELDS
};

struct field {
	const char *text;
	size_t length;
};

const char *
name_trouble(const char *name)
{
	const unsigned char *c = (const unsigned char *)name;
	size_t length = strlen(name);

	if (length == 0)
		return "the name is empty";
	if (length >= CHANNEL_NAME)
		return "the name is longer than 255 octets";
	/* pop3d finds no mailbox for these two (pop3d.conf(5), mailbox). */
	if (name[0] == '.')
		return "the name begins with a dot";
	if (strchr(name, '/') != NULL)
		return "the name has a slash in it";
	/* USER's argument never has them. */
	if (name[0] == ' ' || name[length - 1] == ' ')
		return "the name begins or ends with a blank";
	for (; *c != '\0'; c++) {
		if (*c == ':')
			return "the name has a colon in it";
		if (*c < ' ' || *c == 0x7f)
			return "the name has a control character in it";
	}
	return NULL;
}

/* Exactly so many fields, the last without a colon in it. */
static int
fields_cut(struct field fields[FIELDS], const char *line, size_t length)
{
	const char *end = line + length, *colon;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		colon = memchr(line, ':', (size_t)(end - line));
		if ((colon == NULL) != (i == FIELDS - 1))
			return -1;
		fields[i].text = line;
		fields[i].length =
		    (size_t)((colon == NULL ? end : colon) - line);
		line = colon + (colon != NULL);
	}
	return 0;
}

static int
field_name(char name[CHANNEL_NAME], const struct field *field)
{
	if (memchr(field->text, '\0', field->length) != NULL ||
	    text_copy(name, CHANNEL_NAME, field->text, field->length) == -1 ||
	    name_trouble(name) != NULL)
		return -1;
	return 0;
}

static int
field_secret(char secret[CHANNEL_SECRET], const struct field *field)
{
	size_t got;

	if (base64_decode(secret, CHANNEL_SECRET - 1, field->text,
		field->length, &got) == -1 ||
	    memchr(secret, '\0', got) != NULL)
		return -1;
	secret[got] = '\0';
	return 0;
}

static int
field_hash(struct mailauth_entry *entry, const struct field *field)
{
	size_t i;

	for (i = 0; i < field->length; i++) {
		if (field->text[i] <= ' ' || field->text[i] >= 0x7f)
			return -1;
	}
	return text_copy(
	    entry->hash, sizeof(entry->hash), field->text, field->length);
}

static int
field_keys(struct mailauth_entry *entry, enum mailauth_hash hash,
    const struct field *field)
{
	if (field->length == 0)
		return 0;
	return keys_read(&entry->keys[hash], hash, field->text, field->length);
}

static int
field_locked(struct mailauth_entry *entry, const struct field *field)
{
	static const char locked[] = "locked";

	if (field->length == 0)
		return 0;
	if (field->length != strlen(locked) ||
	    memcmp(field->text, locked, field->length) != 0)
		return -1;
	entry->locked = true;
	return 0;
}

int
entry_read(struct mailauth_entry *entry, const char *line, size_t length)
{
	struct field fields[FIELDS];
	bool keys;

	memset(entry, 0, sizeof(*entry));
	if (fields_cut(fields, line, length) == -1 ||
	    field_name(entry->name, &fields[FIELD_NAME]) == -1 ||
	    field_locked(entry, &fields[FIELD_LOCKED]) == -1 ||
	    field_keys(entry, MAILAUTH_SHA1, &fields[FIELD_SHA1]) == -1 ||
	    field_keys(entry, MAILAUTH_SHA256, &fields[FIELD_SHA256]) == -1 ||
	    field_secret(entry->secret, &fields[FIELD_SECRET]) == -1 ||
	    field_hash(entry, &fields[FIELD_HASH]) == -1) {
		errno = EBADMSG;
		return -1;
	}
	keys = entry->keys[MAILAUTH_SHA1].iterations != 0 ||
	    entry->keys[MAILAUTH_SHA256].iterations != 0;
	if (keys == (entry->hash[0] != '\0')) {
		errno = EBADMSG;
		return -1;
	}
	entry->password = entry->keys[MAILAUTH_SHA256].iterations != 0 ?
	    MAILAUTH_SHA256 :
	    MAILAUTH_SHA1;
	return 0;
}

/* What is written is bounded by ENTRY_LINE, so nothing can be cut. */
static void
line_add(char line[ENTRY_LINE], const char *text)
{
	size_t length = strlen(line);

	text_cut(line + length, ENTRY_LINE - length, "%s", text);
}

static void
line_add_octets(char line[ENTRY_LINE], const void *octets, size_t size)
{
	size_t length = strlen(line);

	(void)!base64_encode(line + length, ENTRY_LINE - length, octets, size);
}

static void
line_add_keys(char line[ENTRY_LINE], const struct mailauth_keys *keys,
    enum mailauth_hash hash)
{
	char number[16];

	if (keys->iterations == 0)
		return;
	text_cut(number, sizeof(number), "%u,", (unsigned)keys->iterations);
	line_add(line, number);
	line_add_octets(line, keys->salt, keys->salt_length);
	line_add(line, ",");
	line_add_octets(line, keys->stored, keys_size(hash));
	line_add(line, ",");
	line_add_octets(line, keys->server, keys_size(hash));
}

size_t
entry_write(const struct mailauth_entry *entry, char line[ENTRY_LINE])
{
	line[0] = '\0';
	line_add(line, entry->name);
	line_add(line, entry->locked ? ":locked:" : "::");
	line_add_keys(line, &entry->keys[MAILAUTH_SHA1], MAILAUTH_SHA1);
	line_add(line, ":");
	line_add_keys(line, &entry->keys[MAILAUTH_SHA256], MAILAUTH_SHA256);
	line_add(line, ":");
	line_add_octets(line, entry->secret, strlen(entry->secret));
	line_add(line, ":");
	line_add(line, entry->hash);
	line_add(line, "\n");
	return strlen(line);
}
