/*
 * scan_head.c - what makes a message's unique-id.
 *
 * Only fields that no reader adds or changes count, in the order in which
 * they stand, whatever their line ends are; so does the number of the body's
 * octets on the wire.  Each is written as number, length and value, so that
 * no two heads read the same.  The form is for ever: another one gives every
 * message a new unique-id, and every client fetches all its mail again.
 */

#include <errno.h>
#include <string.h>

#include "scan_parts.h"

enum field {
	FIELD_NONE,
	FIELD_ENVELOPE,
	FIELD_RECEIVED,
	FIELD_DELIVERED_TO,
	FIELD_MESSAGE_ID,
	FIELD_DATE,
	FIELD_FROM,
	FIELD_TO,
	FIELD_SUBJECT,
	FIELD_X_IMAP, /* these two are only looked at */
	FIELD_X_IMAPBASE,
	FIELD_BODY = 254,
	FIELD_DIGEST = 255 /* of all before it, where there is much */
};

#define FIELD_PREFIX 3 /* number, and length in two octets */
#define FIELD_OPEN_NONE SIZE_MAX

/* By first letter. */
static const struct {
	const char *name;
	size_t length;
	enum field field;
} scan_fields[] = {
    {"received", 8, FIELD_RECEIVED},
    {"delivered-to", 12, FIELD_DELIVERED_TO},
    {"date", 4, FIELD_DATE},
    {"message-id", 10, FIELD_MESSAGE_ID},
    {"from", 4, FIELD_FROM},
    {"to", 2, FIELD_TO},
    {"subject", 7, FIELD_SUBJECT},
    {"x-imap", 6, FIELD_X_IMAP},
    {"x-imapbase", 10, FIELD_X_IMAPBASE},
    {"", 0, FIELD_NONE},
};

/* Where a letter's names begin, plus one; most lines have none. */
#define LETTER(c) ((unsigned char)(c)&31)
static const unsigned char scan_letters[32] = {
    [LETTER('r')] = 1,
    [LETTER('d')] = 2,
    [LETTER('m')] = 4,
    [LETTER('f')] = 5,
    [LETTER('t')] = 6,
    [LETTER('s')] = 7,
    [LETTER('x')] = 8,
};

_Static_assert(SCAN_AHEAD >= 12 + 1 + HEAD_FIELD_MAX + 2,
    "the part of a long line that can be seen fills a field");

static bool
scan_name_is(const char *line, const char *name, size_t length)
{
	size_t i;
	char c;

	if (line[length] != ':')
		return false;
	for (i = 0; i < length; i++) {
		c = line[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != name[i])
			return false;
	}
	return true;
}

/* Which field begins with this line; *value is where its value does. */
static enum field
scan_field_find(const char *line, size_t length, size_t *value)
{
	size_t i = scan_letters[LETTER(line[0])], n;

	if (i-- == 0)
		return FIELD_NONE;
	for (; LETTER(scan_fields[i].name[0]) == LETTER(line[0]); i++) {
		n = scan_fields[i].length;
		if (n < length && scan_name_is(line, scan_fields[i].name, n)) {
			*value = n + 1;
			return scan_fields[i].field;
		}
	}
	return FIELD_NONE;
}

/* Begin a field; where there is no room, what was before becomes its digest. */
static void
scan_field_open(struct scan_head *head, enum field field)
{
	uint8_t digest[CRYPTO_SHA256];

	if (HEAD_TEXT - head->used < FIELD_PREFIX + HEAD_FIELD_MAX) {
		if (head->crypto->sha256(head->text, head->used, digest) != 0)
			head->failed = true;
		head->used = 0;
		head->text[head->used++] = FIELD_DIGEST;
		head->text[head->used++] = 0;
		head->text[head->used++] = sizeof(digest);
		memcpy(head->text + head->used, digest, sizeof(digest));
		head->used += sizeof(digest);
	}
	head->field = head->used;
	head->text[head->field] = (uint8_t)field;
	head->used += FIELD_PREFIX;
}

static void
scan_field_put(struct scan_head *head, const char *value, size_t length)
{
	size_t room =
	    HEAD_FIELD_MAX + FIELD_PREFIX - (head->used - head->field);

	if (length > room)
		length = room;
	memcpy(head->text + head->used, value, length);
	head->used += length;
}

static void
scan_field_close(struct scan_head *head)
{
	size_t length;

	if (head->field == FIELD_OPEN_NONE)
		return;
	length = head->used - head->field - FIELD_PREFIX;
	head->text[head->field + 1] = (uint8_t)(length >> 8);
	head->text[head->field + 2] = (uint8_t)length;
	head->field = FIELD_OPEN_NONE;
}

void
scan_head_init(struct scan_head *head, const struct crypto *crypto,
    const char *envelope, size_t length)
{
	head->crypto = crypto;
	head->used = 0;
	head->seen = 0;
	head->internal_mark = false;
	head->internal_subject = false;
	head->failed = false;
	scan_field_open(head, FIELD_ENVELOPE);
	scan_field_put(head, envelope, length);
	scan_field_close(head);
}

/* c-client's and Dovecot's own message; also as others have spelled it. */
static bool
scan_subject_internal(const char *value, size_t length)
{
	static const char *const texts[] = {
	    "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA",
	    "DO NOT DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"};
	size_t i, n;

	while (length > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		length--;
	}
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		n = strlen(texts[i]);
		if (length >= n && memcmp(value, texts[i], n) == 0)
			return true;
	}
	return false;
}

/* A line that begins a field, without its line end. */
static void
scan_head_field(struct scan_head *head, const char *line, size_t length)
{
	size_t value = 0;
	enum field field;
	unsigned bit;

	scan_field_close(head);
	if (length == 0)
		return;
	field = scan_field_find(line, length, &value);
	if (field == FIELD_NONE)
		return;
	bit = 1U << field;
	if (field == FIELD_X_IMAP || field == FIELD_X_IMAPBASE) {
		head->internal_mark = true;
		return;
	}
	if ((head->seen & bit) != 0 && field != FIELD_DELIVERED_TO)
		return;
	head->seen |= bit;
	if (field == FIELD_SUBJECT)
		head->internal_subject =
		    scan_subject_internal(line + value, length - value);
	scan_field_open(head, field);
	scan_field_put(head, line + value, length - value);
}

bool
scan_head_put(struct scan_head *head, const char *line, size_t length)
{
	bool folded = line[0] == ' ' || line[0] == '\t';

	if (line[length - 1] == '\n') {
		length--;
		if (length > 0 && line[length - 1] == '\r')
			length--;
		if (length == 0)
			return false;
	}
	if (!folded)
		scan_head_field(head, line, length);
	else if (head->field != FIELD_OPEN_NONE) {
		scan_field_put(head, "\n", 1);
		scan_field_put(head, line, length);
	}
	return true;
}

int
scan_head_end(
    struct scan_head *head, uint64_t octets, uint8_t digest[VIEW_DIGEST])
{
	uint8_t whole[CRYPTO_SHA256];
	char number[8];
	unsigned i;

	for (i = 0; i < sizeof(number); i++)
		number[i] = (char)(uint8_t)(octets >> (56 - 8 * i));
	scan_field_close(head);
	scan_field_open(head, FIELD_BODY);
	scan_field_put(head, number, sizeof(number));
	scan_field_close(head);
	if (head->failed ||
	    head->crypto->sha256(head->text, head->used, whole) != 0) {
		errno = EIO;
		return -1;
	}
	memcpy(digest, whole, VIEW_DIGEST);
	return 0;
}
