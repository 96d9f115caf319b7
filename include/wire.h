/*
 * wire.h - the wire form of a message: CRLF line ends and stuffed dots
 * (RFC 1939, 3).  Counting and sending are one room, so that STAT and RETR
 * cannot disagree.
 *
 * The rule: a LF without a CR before it is sent as CRLF; everything else,
 * bare CRs and NULs included, is sent as it is; text that does not end in a
 * LF gets a CRLF at its end.  An empty text has no lines.
 */

#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counting: a text in pieces of any size. */
struct wire_count {
	uint64_t octets;    /* on the wire, dots not counted */
	unsigned char last; /* the last octet seen; LF before the first */
};

void wire_count_init(struct wire_count *count);
void wire_count_put(struct wire_count *count, const void *text, size_t length);

/* The whole text's octets, with the CRLF that a missing last line end gets. */
uint64_t wire_count_end(const struct wire_count *count);

/*
 * The offset of the first line of text that begins before limit, with prefix
 * (which is not empty); limit if there is none.  The octet before text can
 * be seen (a LF there makes text's start a line's), and length octets, at
 * least limit: a prefix may reach beyond limit, but not beyond them.
 */
size_t wire_find_line(
    const char *text, size_t limit, size_t length, const char *prefix);

/* The header of a text in pieces of any size: it ends with an empty line. */
struct wire_header {
	bool ended;
	unsigned char last; /* of an unfinished line: 0 within it, LF at
				 * its start, CR when that is all of it */
};

void wire_header_init(struct wire_header *header);

/* How many octets of text are the header's; all while it has not ended. */
size_t
wire_header_put(struct wire_header *header, const char *text, size_t length);

/* Sending: a text in pieces of any size, to a buffer of any size. */
struct wire {
	uint64_t octets;     /* put so far, dots not counted */
	uint64_t lines_left; /* TOP: lines that may still be put */
	unsigned char last;  /* the last octet taken; LF before the first */
};

#define WIRE_LINES_ALL UINT64_MAX

void wire_init(struct wire *wire, uint64_t lines);

/*
 * Put the wire form of text to dst.  Returns the octets put; *taken is how many
 * of text's octets they stand for.  Stops when dst is full (fewer than 3 octets
 * left may stay unused), the text is used up, or lines_left is 0 (lines_left
 * counts down only at a LF).
 */
size_t wire_put(struct wire *wire, char *dst, size_t size, const char *text,
    size_t length, size_t *taken);

/* The CRLF that a missing last line end gets: 0 or 2 octets to dst. */
size_t wire_end(struct wire *wire, char dst[2]);

#endif
