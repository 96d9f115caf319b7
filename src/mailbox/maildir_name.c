/*
 * maildir_name.c - what the name of a message's file says.
 *
 * TIME.UNIQUE.HOST,S=SIZE,W=WIRE:2,FLAGS - any octets but NUL and slash may be
 * there instead: nothing here fails, and what is not understood says nothing.
 */

#include <errno.h>
#include <string.h>

#include "maildir_list.h"

#define DIGITS_FIT 19 /* of any number in 64 bits */

/* Digits at text, as many as there are; more than fit are a large number. */
static size_t
maildir_number(const char *text, size_t length, uint64_t *number)
{
	size_t i, fit = length < DIGITS_FIT ? length : DIGITS_FIT;
	uint64_t sum = 0;

	for (i = 0; i < fit && text[i] >= '0' && text[i] <= '9'; i++)
		sum = 10 * sum + (unsigned)(text[i] - '0');
	*number = sum;
	for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		if (__builtin_mul_overflow(*number, 10U, number) ||
		    __builtin_add_overflow(
			*number, (unsigned)(text[i] - '0'), number))
			*number = UINT64_MAX / 10;
	return i;
}

/* What follows a comma, up to the next one or the end; where that is. */
static const char *
maildir_field(struct maildir_name *name, const char *text, const char *end)
{
	const char *next;
	uint64_t number, *field;
	size_t digits;

	if (end - text >= 3 && text[1] == '=' &&
	    (text[0] == 'S' || text[0] == 'W')) {
		digits =
		    maildir_number(text + 2, (size_t)(end - text) - 2, &number);
		next = text + 2 + digits;
		if (digits > 0 && (next == end || *next == ',')) {
			field = text[0] == 'S' ? &name->size : &name->wire;
			/* Two contradict each other: the second is no good. */
			if (*field != MAILDIR_SIZE_UNKNOWN)
				number = MAILDIR_SIZE_UNKNOWN - 1;
			*field = number;
			return next;
		}
	}
	next = memchr(text, ',', (size_t)(end - text));
	return next != NULL ? next : end;
}

#define EACH(octet) (UINT64_C(0x0101010101010101) * (octet))

/* All of 0x21 to 0x7e?  Eight at a time: every name of a Maildir comes here. */
static bool
maildir_legal(const char *text, size_t base)
{
	uint64_t word, odd = 0;
	size_t i;

	if (base == 0 || base > UIDL_MAX)
		return false;
	for (i = 0; base - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		odd |= word | (word - EACH(0x21)) | (word + EACH(0x01));
	}
	for (; i < base; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return (odd & EACH(0x80)) == 0;
}

/* Does it begin as view_uidl() writes digests: so many digits, or "-" too? */
static bool
maildir_digest(const char *text, size_t base)
{
	const size_t digits = 2 * (size_t)VIEW_DIGEST;
	size_t i;

	if (base < digits)
		return false;
	/* From the end: most names begin with digits. */
	for (i = digits; i-- > 0;)
		if (!((text[i] >= '0' && text[i] <= '9') ||
			(text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return base == digits || text[digits] == '-';
}

void
maildir_name_read(struct maildir_name *name, const char *text, size_t length)
{
	const char *end, *comma;

	end = memchr(text, ':', length);
	if (end == NULL)
		end = text + length;
	name->length = (uint8_t)length;
	name->base = (uint8_t)(end - text);
	name->size = name->wire = MAILDIR_SIZE_UNKNOWN;
	name->legal = maildir_legal(text, name->base);
	name->digest = maildir_digest(text, name->base);
	(void)maildir_number(text, name->base, &name->time);
	comma = memchr(text, ',', name->base);
	while (comma != NULL && comma != end)
		comma = maildir_field(name, comma + 1, end);
	if (name->size > MAILDIR_SIZE_MAX)
		name->size = MAILDIR_SIZE_UNKNOWN;
	if (name->wire > 2 * MAILDIR_SIZE_MAX + 2)
		name->wire = MAILDIR_SIZE_UNKNOWN;
}

bool
maildir_name_sized(const struct maildir_name *name)
{
	if (name->wire == MAILDIR_SIZE_UNKNOWN)
		return false;
	return name->size == MAILDIR_SIZE_UNKNOWN ||
	    (name->size <= name->wire && name->wire <= 2 * name->size + 2);
}

/* The flags in text; NULL when its info part has none. */
static const char *
maildir_flags(const char *text)
{
	const char *info = strchr(text, ':');

	return info != NULL && info[1] == '2' && info[2] == ',' ? info + 3 :
								  NULL;
}

bool
maildir_name_flag(const char *text, char flag)
{
	const char *flags = maildir_flags(text);

	return flags != NULL && strchr(flags, flag) != NULL;
}

int
maildir_name_cur(char dst[MAILDIR_NAME + 1], const char *text, bool seen)
{
	const char *flags = maildir_flags(text);
	size_t before = 0;

	/* Another program's info part stays as it is. */
	if (strchr(text, ':') != NULL && flags == NULL)
		return text_copy(dst, MAILDIR_NAME + 1, text, strlen(text));
	if (flags == NULL)
		return text_print(
		    dst, MAILDIR_NAME + 1, "%s:2,%s", text, seen ? "S" : "");
	if (!seen || strchr(flags, 'S') != NULL)
		return text_copy(dst, MAILDIR_NAME + 1, text, strlen(text));
	/* Flags are in ASCII order. */
	while (flags[before] != '\0' && flags[before] < 'S')
		before++;
	return text_print(dst, MAILDIR_NAME + 1, "%.*sS%s",
	    (int)(flags - text) + (int)before, text, flags + before);
}
