/*
 * scan_find.c - where messages begin.
 *
 * Every octet of the mailbox is counted, and lines that begin with "From "
 * are found on the way; here they get the closer look.
 */

#include <string.h>

#include "scan_parts.h"

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

static size_t
scan_begins(const char *text, size_t length)
{
	if (*text != 'F' || scan_empty_line(text) == 0)
		return 0;
	return scan_envelope(text, length);
}

size_t
scan_find(const char *text, size_t limit, size_t length,
    struct wire_count *count, size_t *envelope)
{
	size_t n = 0;

	*envelope = 0;
	while (n < limit) {
		*envelope = scan_begins(text + n, length - n);
		if (*envelope > 0)
			break;
		n += wire_count_line(
		    count, text + n, limit - n, length - n, "From ");
	}
	return n;
}
