/*
 * scan_find.c - where messages begin.
 *
 * Every octet of the mailbox is looked at, so it is done 64 at a time: an
 * "F" after a LF is worth a closer look, and in mail that is rare.
 */

#include <string.h>

#include "scan_parts.h"

#define LANES 16
#define BLOCK (4 * LANES)

typedef char octets_v __attribute__((vector_size(LANES)));
typedef uint64_t words_v __attribute__((vector_size(LANES)));

static octets_v
scan_load(const char *text)
{
	octets_v v;

	memcpy(&v, text, sizeof(v));
	return v;
}

/* Where one of LANES octets from text on is an F, and the one before a LF. */
static octets_v
scan_first(const char *text)
{
	return (octets_v)((scan_load(text) == 'F') &
	    (scan_load(text - 1) == '\n'));
}

static bool
scan_block(const char *text)
{
	words_v hits = (words_v)(scan_first(text) | scan_first(text + LANES) |
	    scan_first(text + 2 * LANES) | scan_first(text + 3 * LANES));

	return (hits[0] | hits[1]) != 0;
}

size_t
scan_envelope(const char *text, size_t length)
{
	const char *lf;
	size_t n = length;

	if (length < 5 || memcmp(text, "From ", 5) != 0)
		return 0;
	if (n > ENVELOPE_MAX + 2)
		n = ENVELOPE_MAX + 2;
	lf = memchr(text, '\n', n);
	if (lf == NULL && n != length)
		return 0;
	if (lf != NULL) {
		n = (size_t)(lf - text);
		length = n + 1;
		if (n > 0 && text[n - 1] == '\r')
			n--;
	}
	return n <= ENVELOPE_MAX && envelope_check(text, n) ? length : 0;
}

size_t
scan_empty_line(const char *end)
{
	if (end[-1] != '\n')
		return 0;
	if (end[-2] == '\n')
		return 1;
	return end[-2] == '\r' && end[-3] == '\n' ? 2 : 0;
}

static bool
scan_begins(const char *text, size_t length)
{
	return *text == 'F' && scan_empty_line(text) > 0 &&
	    scan_envelope(text, length) > 0;
}

size_t
scan_find(const char *text, size_t limit, size_t length)
{
	size_t i, k;

	for (i = 0; limit - i >= BLOCK; i += BLOCK) {
		if (!scan_block(text + i))
			continue;
		for (k = i; k < i + BLOCK; k++)
			if (scan_begins(text + k, length - k))
				return k;
	}
	for (; i < limit; i++)
		if (scan_begins(text + i, length - i))
			return i;
	return limit;
}
