/*
 * journal.h - taking ranges out of a file so that any interruption can be
 * finished.
 *
 * Knows nothing of mail.  The theory (invariants, crash points, what recovery
 * sees) stands at the top of src/journal/journal.c.  The caller holds every
 * lock that writers of the file honour, during every call.
 */

#ifndef JOURNAL_H
#define JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base.h"

/* Octets to take out: in order of offset, not touching, none empty. */
struct journal_range {
	uint64_t offset;
	uint64_t length;
};

/*
 * Where a journal is: a folder that only its owner may write, and a name.  The
 * folder's descriptor must be one that can be synced, so no O_PATH.  A list of
 * ranges comes on top of space, 16 octets each.
 */
struct journal_place {
	int directory;       /* a descriptor of the folder */
	const char *name;    /* one path component */
	uint64_t space;      /* octets it may use: journal-size */
	const char *reserve; /* a reserve in the folder, or NULL */
};

/*
 * What a reserve has: the least journal (64 KiB), and room for a list of 2000
 * ranges.
 */
#define JOURNAL_RESERVE ((uint64_t)96 * 1024) /* octets */

/*
 * See that the folder has a reserve of this name: a file of allocated blocks
 * of which a journal is made when none can be allocated, and which is gone
 * then.  One look, when it is there.  What the folder's owner may have put in
 * its place is left alone, unless it is a regular file and too short.  Root
 * acts as that owner, but for taking the space: a disk's last blocks, and more
 * than a quota, are root's alone.
 *
 * -1 with errno; EOPNOTSUPP where a file system copies on write, so that
 * blocks that are there are no promise.  Nothing else is in the folder then.
 */
int journal_reserve(int directory, const char *name) MUST_CHECK;

/*
 * Take ranges out of file (read-write), whose size is size; what lies behind
 * the last range moves down, then the file is truncated.
 *
 * 0: done and durable.  -1 with errno:
 *   before anything was changed (EAGAIN: the size is not size; ENOSPC,
 *   EDQUOT, EIO, ...): *begun is false, the file is as it was, no journal is
 *   left;
 *   afterwards: *begun is true, the removal takes effect, and
 *   journal_finish() will do the rest at any later time.
 * EINVAL for ranges out of order or fewer than 32 octets in all (a whole file
 * may be shorter), EEXIST while a journal stands: finish it first.
 */
int journal_remove(const struct journal_place *place, int file, uint64_t size,
    const struct journal_range *ranges, size_t count, bool *begun) MUST_CHECK;

enum journal_state {
	JOURNAL_NONE,     /* there was no journal */
	JOURNAL_FINISHED, /* an interrupted removal has been finished */
	JOURNAL_ASIDE     /* did not match the file: renamed NAME.aside */
};

/*
 * Finish what was interrupted, if anything: to be called after the locks are
 * taken and before the file is read.  What was appended to the file since is
 * kept.  -1 with errno when it could not be finished now: the file must not
 * be used then, the journal stays.
 */
int journal_finish(const struct journal_place *place, int file,
    enum journal_state *state) MUST_CHECK;

#endif
