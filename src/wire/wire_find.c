/*
 * wire_find.c - lines that begin in a certain way.
 *
 * Each octet is compared as one of 32; where a line begins with the prefix's
 * first octet, which is rare, a closer look is taken octet by octet.
 */

#include "wide.h"
#include "wire.h"

#define BLOCK (2 * LANES)

struct wire_prefix {
	const char *octets;
	size_t length;
	const char *end; /* of what can be seen */
};

static bool
wire_begins(const struct wire_prefix *prefix, const char *text)
{
	return *text == *prefix->octets && text[-1] == '\n' &&
	    (size_t)(prefix->end - text) >= prefix->length &&
	    memcmp(text, prefix->octets, prefix->length) == 0;
}

/* -1 in each octet from s on that is first, with a LF before it. */
#define FIRST(v, w, s) \
	(memcpy(&(v), (s), LANES), memcpy(&(w), (s)-1, LANES), \
	    (octets_v)(((v) == first) & ((w) == '\n')))

/* Octets of whole blocks in which no line begins with first. */
WIDE static size_t
wire_find_block(const char *text, size_t length, unsigned char octet)
{
	const octets_v first = (octets_v){0} + octet;
	const char *s;
	octets_v v, w, a, b;
	words_v hits;

	for (s = text; length >= BLOCK; length -= BLOCK, s += BLOCK) {
		a = FIRST(v, w, s);
		b = FIRST(v, w, s + LANES);
		hits = (words_v)(a | b);
		if ((hits[0] | hits[1] | hits[2] | hits[3]) != 0)
			break;
	}
	return (size_t)(s - text);
}

size_t
wire_find_line(
    const char *text, size_t limit, size_t length, const char *prefix)
{
	struct wire_prefix p = {prefix, strlen(prefix), text + length};
	size_t i = 0, end;

	while (i < limit) {
		i += wire_find_block(
		    text + i, limit - i, (unsigned char)*prefix);
		end = limit - i < BLOCK ? limit : i + BLOCK;
		for (; i < end; i++)
			if (wire_begins(&p, text + i))
				return i;
	}
	return limit;
}
