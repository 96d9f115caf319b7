/*
 * cursor.h - which octet of a file, as it is, becomes which octet of the file
 * as it shall be.
 */

#ifndef JOURNAL_CURSOR_H
#define JOURNAL_CURSOR_H

#include "format.h"

#define CURSOR_RANGES (BLOCK_SIZE / RANGE_SIZE)

/*
 * A place in the file as it shall be, going forward.  Ranges come from the
 * caller's memory or, where that is NULL, a block at a time from a journal:
 * there may be more than memory should hold.
 */
struct cursor {
	const struct journal_range *ranges;
	int journal;
	uint64_t count;
	uint64_t next; /* the first range not yet behind us */
	uint64_t place;
	uint64_t gap;     /* octets in the ranges behind us */
	uint64_t read_at; /* which ranges are in read[] */
	size_t read_count;
	struct journal_range read[CURSOR_RANGES];
};

/* Stand where the first range begins. */
void cursor_init(struct cursor *cursor, const struct journal_range *ranges,
    int journal, const struct header *header);

/*
 * The octets for this place: *length of them, in one piece, from *source of
 * a file of this size; none (and *source is size) at its end.  -1 with errno;
 * EINVAL when the ranges are not in order.
 */
int cursor_piece(struct cursor *cursor, uint64_t size, uint64_t *source,
    uint64_t *length) MUST_CHECK;

/* Go forward, over octets of one piece. */
void cursor_advance(struct cursor *cursor, uint64_t octets);

/*
 * Go forward to place, at most the end; *source as cursor_piece(), which it
 * also fails like; EINVAL when the end comes before place.
 */
int cursor_seek(struct cursor *cursor, uint64_t size, uint64_t place,
    uint64_t *source) MUST_CHECK;

#endif
