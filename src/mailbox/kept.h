/*
 * kept.h - a view that one session leaves to the next.
 *
 * A file with a view and a tail behind it, so that its descriptor can go to
 * the front as it is.  It is a hypothesis, and the user's, who may write
 * anything there: its sums are for accidents, view_init() for the rest.
 * Replaced by rename, never rewritten; it may be removed at any time.
 */

#ifndef KEPT_H
#define KEPT_H

#include "channel.h"

#define KEPT_STAMPS 2
#define KEPT_SETTLED 2 /* s: clocks tick in so much (FAT), or are rounded */

struct kept {
	struct view_parts view; /* whole; its fd is the kept file's, or -1 */
	uint64_t sum;           /* of the view's octets */
	/*
	 * What it was made of (mbox: bit 0; Maildir: a bit a folder) had been
	 * left alone so long that times tell a change.
	 */
	uint32_t settled;
	bool sampled; /* mbox: some of it was found to be the same only by a
		       * sample (scan_known.c), since all of it was read */
	struct view_stamp stamps[KEPT_STAMPS]; /* a Maildir's folders */
};

/*
 * The file of that name in folder, if it is one of ours, its tail is whole and
 * its view of this format; its fd is the caller's.  -1: there is none.
 */
int kept_open(int folder, const char *name, enum view_format format,
    struct kept *kept) MUST_CHECK;

/*
 * Read all of it: is its sum what it should be?  In small pieces, so that a
 * login costs no memory.
 */
bool kept_whole(const struct kept *kept);

/*
 * A sum of octets, piece by piece; each but the last is a multiple of
 * KEPT_BLOCK octets.  Not a digest.
 */
#define KEPT_LANES 8 /* or each multiplication waits for the one before */
#define KEPT_BLOCK (8 * KEPT_LANES)

struct kept_sum {
	uint64_t lane[KEPT_LANES];
};

void kept_sum_init(struct kept_sum *sum);
void kept_sum_put(struct kept_sum *sum, const void *octets, size_t length);
uint64_t kept_sum_end(const struct kept_sum *sum);

#define KEPT_PIECE ((size_t)64 * 1024) /* octets read at once; fits a cache */

/*
 * Write a new file of that name: the view that data points into, or where that
 * is NULL the one in kept->view, with its stamps and settled.  0, or -1 with
 * errno, and what was there before stays.
 */
int kept_write(int folder, const char *name, const struct kept *kept,
    const void *data) MUST_CHECK;

#endif
