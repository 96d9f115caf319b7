/*
 * cursor.c - see cursor.h.
 */

#include <errno.h>
#include <string.h>

#include "cursor.h"

void
cursor_init(struct cursor *cursor, const struct journal_range *ranges,
    int journal, const struct header *header)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->ranges = ranges;
	cursor->journal = journal;
	cursor->count = header->count;
	cursor->place = header->first;
}

static int
cursor_read(struct cursor *cursor)
{
	unsigned char octets[CURSOR_RANGES * RANGE_SIZE];
	uint64_t left = cursor->count - cursor->next;
	size_t n = left < CURSOR_RANGES ? (size_t)left : CURSOR_RANGES;
	ssize_t got;

	got = pread_full(cursor->journal, octets, n * RANGE_SIZE,
	    RANGES_AT + cursor->next * RANGE_SIZE);
	if (got == -1)
		return -1;
	if ((size_t)got != n * RANGE_SIZE) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		range_get(&cursor->read[i], octets + i * RANGE_SIZE);
	cursor->read_at = cursor->next;
	cursor->read_count = n;
	return 0;
}

/* The next range; only while there is one. */
static int
cursor_range(struct cursor *cursor, struct journal_range *range)
{
	if (cursor->ranges != NULL) {
		*range = cursor->ranges[cursor->next];
		return 0;
	}
	if (cursor->next < cursor->read_at ||
	    cursor->next - cursor->read_at >= cursor->read_count) {
		if (cursor_read(cursor) == -1)
			return -1;
	}
	*range = cursor->read[cursor->next - cursor->read_at];
	return 0;
}

int
cursor_piece(
    struct cursor *cursor, uint64_t size, uint64_t *source, uint64_t *length)
{
	struct journal_range range;

	for (;;) {
		*source = cursor->place + cursor->gap;
		range.offset = size;
		range.length = 0;
		if (cursor->next < cursor->count &&
		    cursor_range(cursor, &range) == -1)
			return -1;
		if (range.offset < *source || range.offset > size) {
			errno = EINVAL;
			return -1;
		}
		*length = range.offset - *source;
		if (*length > 0 || cursor->next == cursor->count)
			return 0;
		if (range.length > size - range.offset) {
			errno = EINVAL;
			return -1;
		}
		cursor->gap += range.length;
		cursor->next++;
	}
}

void
cursor_advance(struct cursor *cursor, uint64_t octets)
{
	cursor->place += octets;
}

int
cursor_seek(
    struct cursor *cursor, uint64_t size, uint64_t place, uint64_t *source)
{
	uint64_t length;

	for (;;) {
		if (cursor_piece(cursor, size, source, &length) == -1)
			return -1;
		if (place == cursor->place)
			return 0;
		if (length == 0 || place < cursor->place) {
			errno = EINVAL;
			return -1;
		}
		if (length > place - cursor->place)
			length = place - cursor->place;
		cursor_advance(cursor, length);
	}
}
