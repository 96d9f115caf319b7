/*
 * job.h - one removal, from the first journal of it to the last.
 */

#ifndef JOURNAL_JOB_H
#define JOURNAL_JOB_H

#include "cursor.h"

/* Octets read and written at a time; all the memory that a removal takes. */
#define BUFFER_SIZE (256 * 1024)

/*
 * The least journal that is asked for, in all and for data.  With less, a
 * removal that would take more than STEPS_MOST steps is not begun: each costs
 * three times a disk's latency, and the mailbox is locked.
 */
#define JOURNAL_LEAST ((uint64_t)64 * 1024)
#define DATA_LEAST (JOURNAL_LEAST - RANGES_AT - BLOCK_SIZE)
#define STEPS_MOST 65536

struct job {
	const struct journal_place *place;
	const struct journal_range *ranges; /* NULL: those in the journal */
	int file;
	int journal; /* the open journal; -1: none */
	struct header header;
	struct record record; /* as it is in the journal */
	struct cursor cursor;
	bool replay;           /* the window, not the file, has its octets */
	unsigned char *buffer; /* BUFFER_SIZE */
};

/* 0, or -1 with errno ENOMEM. */
int job_init(
    struct job *job, const struct journal_place *place, int file) MUST_CHECK;
void job_free(struct job *job);

/* fsync(), fdatasync() and ftruncate(), again after EINTR only. */
int file_sync(int fd) MUST_CHECK;
int file_sync_data(int fd) MUST_CHECK;
int file_truncate(int fd, uint64_t size) MUST_CHECK;

/* move.c: the octets */

/*
 * Fill in header and record for taking ranges, which are in order, out of
 * job->file of this size; nothing is written.  EINVAL: not in order, or fewer
 * than REMOVED_LEAST octets in all.
 */
int move_plan(struct job *job, const struct journal_range *ranges, size_t count,
    uint64_t size) MUST_CHECK;

/* The most room for windows that place->space leaves. */
uint64_t move_limit(const struct job *job);

/*
 * How much of limit the first window of this plan takes; as the gap only
 * grows, none later takes more.
 */
int move_room(struct job *job, uint64_t limit, uint64_t *room) MUST_CHECK;

/* Is the plan with this room (instead of header.data_size) worth starting? */
int
move_affordable(struct job *job, uint64_t room, bool *affordable) MUST_CHECK;

/*
 * Do it, from the record in the journal up to PHASE_MARKED there.  -1 with
 * errno: everything is as some record in the journal says.
 */
int move_run(struct job *job) MUST_CHECK;

/*
 * Save the octets that the next step overwrites before it has read them (none
 * where the gap is enough): into the journal, with their place and sum in
 * job->record, which is not written yet.  The cursor stands at record.moved.
 */
int move_window(struct job *job) MUST_CHECK;

/* What the file has at the mark's place goes into job->record.under. */
int move_under(struct job *job) MUST_CHECK;

/* The sum of length octets of fd from offset, into *sum; EINVAL: too short. */
int move_sum(struct job *job, int fd, uint64_t offset, uint64_t length,
    uint64_t *sum) MUST_CHECK;

/* store.c: the journal as a file */

/*
 * Write a journal for the plan, with its first record and window, and give it
 * its name in place of any other; PHASE_MOVING is durable then.  After a
 * failure *named is false: no journal has come under that name; or true: it is
 * there, but perhaps not after a power loss.
 */
int store_create(struct job *job, bool *named) MUST_CHECK;

/* job->record, with the next sequence, onto the disk; the older one goes. */
int store_record(struct job *job) MUST_CHECK;

/*
 * Open the journal and check all of it that does not need the file.  ENOENT:
 * there is none; EINVAL: not a whole journal.
 */
int store_open(struct job *job) MUST_CHECK;

/*
 * Write what was read once more, and sync it: what this system has in memory
 * may never have come to the disk, if a sync failed.  Only the record in force
 * is left, in both its copies.
 */
int store_refresh(struct job *job) MUST_CHECK;

/* No journal any more; or another name for it. */
int store_drop(const struct journal_place *place) MUST_CHECK;
int store_aside(const struct journal_place *place) MUST_CHECK;

/* What a creation that was cut short may have left. */
void store_clean(const struct journal_place *place);

/* reserve.c: the file that is used up when there is no space */

/*
 * Make the reserve, if there is one that will do, the file of this name, open
 * in job->journal; its size in *size.  -1: there is none.
 */
int reserve_take(struct job *job, const char *name, uint64_t *size) MUST_CHECK;

/* The journal that it should have become is not: it is the reserve again. */
void reserve_give(struct job *job, const char *name);

#endif
