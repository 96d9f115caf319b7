/*
 * format.h - what a journal is on the disk.
 *
 *      0       the header: written once, before the journal has its name
 *      4096    record of an even sequence
 *      8192    record of an odd sequence
 *      12288   the ranges, 16 octets each: offset, length
 *      data_at the window: octets of the file, data_size of them at most
 *
 * Numbers are 64 bits, least octet first.  Each of the first three blocks
 * holds its content twice, each copy with its checksum, so that one wrong
 * octet is not taken for a block that a crash cut short.  The checksums are
 * against torn writes and bad media, not against people: a journal stands in
 * a folder that only its owner may write, and all it can name is his file.
 */

#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "journal.h"

#define BLOCK_SIZE 4096
#define SLOT_AT(sequence) (BLOCK_SIZE * (1 + ((sequence)&1)))
#define RANGES_AT (BLOCK_SIZE * 3)
#define RANGE_SIZE 16
#define MARK_SIZE 16

/*
 * Fewer octets than this cannot be taken out: the mark, aligned to its own
 * size, must find room in them.
 */
#define REMOVED_LEAST 32

struct header {
	uint64_t device;
	uint64_t inode;
	uint64_t count;      /* of ranges, at least 1 */
	uint64_t first;      /* where the first range begins */
	uint64_t end;        /* where the last one ends */
	uint64_t removed;    /* octets in all of them; REMOVED_LEAST or more */
	uint64_t ranges_sum; /* sum64() of the ranges as they stand here */
	uint64_t data_at;    /* the next whole block behind the ranges */
	uint64_t data_size;  /* room for a window; may be 0 */
};

enum phase {
	PHASE_MOVING = 1, /* the file has not been truncated */
	PHASE_MARKED      /* it has, unless the mark is there */
};

/* How far it is.  The valid record with the greater sequence counts. */
struct record {
	uint64_t sequence;
	enum phase phase;
	uint64_t size;        /* of the file, before truncation */
	uint64_t moved;       /* below this, the file is as it shall be */
	uint64_t window_at;   /* what of the file is in the window: */
	uint64_t window_size; /* none: 0; never more than data_size */
	uint64_t window_sum;  /* sum64() of it */
	unsigned char mark[MARK_SIZE];
	unsigned char under[MARK_SIZE]; /* what the file had in its place */
};

/* A checksum of length octets, going on from sum (0 at first). */
uint64_t sum64(uint64_t sum, const void *octets, size_t length);

void header_put(unsigned char block[BLOCK_SIZE], const struct header *header);
void record_put(unsigned char block[BLOCK_SIZE], const struct record *record);
void
range_put(unsigned char octets[RANGE_SIZE], const struct journal_range *range);

/* Torn: neither copy is whole.  Wrong: one is, but no journal says that. */
enum block_state { BLOCK_GOOD, BLOCK_TORN, BLOCK_WRONG };

/*
 * A header is checked in itself, a record also against its header; whether
 * the window fits the ranges is the caller's to see.
 */
enum block_state header_get(
    struct header *header, const unsigned char block[BLOCK_SIZE]) MUST_CHECK;
enum block_state record_get(struct record *record, const struct header *header,
    const unsigned char block[BLOCK_SIZE]) MUST_CHECK;
void
range_get(struct journal_range *range, const unsigned char octets[RANGE_SIZE]);

/* Where the window stands behind that many ranges. */
uint64_t data_place(uint64_t count);

/* Where the mark of a file of this size (REMOVED_LEAST or more) stands. */
uint64_t mark_place(uint64_t size);

#endif
