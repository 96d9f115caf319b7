/*
 * wire_header.c - where a message's header ends.
 */

#include <string.h>

#include "wire.h"

void
wire_header_init(struct wire_header *header)
{
	header->ended = false;
	header->last = '\n';
}

size_t
wire_header_put(struct wire_header *header, const char *text, size_t length)
{
	const char *s = text, *end = text + length;

	while (s < end && !header->ended) {
		if (header->last != 0 && *s == '\n') {
			header->ended = true;
			s++;
		} else if (header->last == '\n' && *s == '\r') {
			header->last = '\r';
			s++;
		} else {
			s = memchr(s, '\n', (size_t)(end - s));
			header->last = s == NULL ? 0 : '\n';
			s = s == NULL ? end : s + 1;
		}
	}
	return (size_t)(s - text);
}
