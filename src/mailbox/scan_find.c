/*
 * scan_find.c - where messages begin.
 *
 * Lines that begin with "From " are found by the room that knows lines; here
 * they get the closer look.
 */

#include <string.h>

#include "scan_parts.h"
#include "wire.h"

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

size_t
scan_find(const char *text, size_t limit, size_t length, size_t *envelope)
{
	size_t n;

	for (n = 0; n < limit; n++) {
		n += wire_find_line(text + n, limit - n, length - n, "From ");
		if (n == limit)
			break;
		if (scan_empty_line(text + n) == 0)
			continue;
		*envelope = scan_envelope(text + n, length - n);
		if (*envelope > 0)
			return n;
	}
	*envelope = 0;
	return limit;
}
