/*
 * journal.c - taking ranges out of a file so that any interruption can be
 * finished.
 *
 * THE THEORY
 *
 * The file is O octets long; the ranges, R octets in all, are to go; N = O - R
 * are to stay.  The octet at d of the file as it shall be comes from s(d) =
 * d + gap(d), where gap(d) is the length of all ranges before it.  The gap only
 * grows, so s(d) > d from the first range on, and going forward is right.
 *
 * What the file system is trusted with: what was synced stays.  What was not
 * may be there or not, each sector and each change of the size by itself, in
 * any order.  A rename is there or not.  A write that is cut short harms no
 * block but its own.  After a sync that failed, octets may be lost for good
 * that the system goes on showing.
 *
 * The journal has a header (device, inode, ranges), a window (a copy of some
 * octets of the file) and two blocks of which the one with the greater
 * sequence is the record: phase, O, P (below it the file is as it shall be),
 * which octets [A, A+J) the window has, the mark, and what was under the mark.
 * A = s(P).
 *
 *      1  fsync the file; compare its size with the caller's
 *      2  write journal NAME.new: MOVING, P = the first range, and a window;
 *         fsync it, rename it to NAME, fsync the folder       <- begun
 *      3  a step: move what belongs to [P, E), E = min(N, A+J); fdatasync file
 *      4  unless E = N: record P = E without a window, fdatasync; where the
 *         gap is less than the window's room, save [A, A+J) for the next step
 *         and record that, fdatasync; back to 3
 *      5  with the last step's fdatasync: the mark, 16 random octets, at Q,
 *         the last aligned place before O.  Record MARKED, fdatasync
 *      6  fstat: still O?  ftruncate to N, fsync
 *      7  unlink the journal, fsync the folder
 *
 * INVARIANTS
 *
 * I1  A step writes below A+J only (and the mark at Q).  It reads at A and
 *     above, of which [A, A+J) is in the window and the 16 octets at Q are in
 *     the record.  So in MOVING every octet that the step needs is in the
 *     file, the window or the record, however much of the step is done: it can
 *     be done again, any number of times, with the same result.  Without a
 *     window (J = 0) this is the step no longer than the gap before it.
 * I2  A record says P only after the octets below P were synced.
 * I3  The window changes only while the record in force has none.  A record
 *     with a window goes out with it in one sync: if the record came to the
 *     disk and the window did not, no step has begun, and the file still has
 *     the octets themselves, as their sum shows.
 * I4  Nothing shortens the file in MOVING; what stands above O was appended.
 * I5  In MARKED, [0, N) is as it shall be, and synced; so was the mark.  All
 *     of [N, O) is dead.
 * I6  A size stands in a record only after a sync of the file, so that no
 *     power loss can make the file shorter than the record believes.
 * I7  NAME is a whole journal or none: it gets its name after its content.
 *     NAME.new means nothing, be it a whole journal.
 * I8  Nothing is done to the file on the word of a journal that might not be
 *     on the disk (killed before its sync; or that failed, and the system shows
 *     octets that the disk never got): recovery first writes it again, syncs it
 *     and its folder.  So with the file: what is not behind P is written again.
 * I9  Recovery first leaves only the record in force, in both its copies: an
 *     older one, left by a torn write, could be all that the next one leaves.
 *
 * The design wrote the mark first, over octets still needed, before anything
 * moved, with one more phase and two more syncs.  It is needed only to tell
 * whether the file has been truncated, so it is enough to write it when all has
 * moved; then it lies over dead octets.  It is not at N, because
 * truncation writes there: file systems zero the rest of N's block, and ext4
 * (data=ordered) sends that block before the new size, so that after a power
 * loss the size can be O and the mark gone.  Q is in another block, unless all
 * of [N, O) is in one; then [N, Q+16) is all zeros after such a loss.
 *
 * CRASHES (K: a crash or error; D: what is delivered before recovery runs)
 *
 * K in 1, 2   No NAME: the file was not touched.  D: no matter.
 *             NAME, its folder not synced: a power loss takes it away or not;
 *             either way the file was not touched.
 * K in 3..5   MOVING.  By I4 the size S >= O, and [O, S) is D, be it a twin of
 *             whatever went: recovery moves it with the rest, as if it
 *             had been there from the start.  If there is D: put back what was
 *             under the mark (which may be there, or not); sync the file (I6);
 *             record S in place of O, with the octets under the new Q and a
 *             new mark, the same P and window.  Then step 3.  By I1 the step
 *             may be half done; and with D its E is no smaller, since
 *             A+J does not change and N grows.
 * K in 6      MARKED and the mark at Q (and S >= O): not truncated, D = [O, S).
 *             Without D truncate again.  With D: a new removal, of the one
 *             range [N, O) from a file of S octets, whose journal takes
 *             the old one's name by rename; before the rename the old one
 *             holds, after it the new one, and both are true.
 *             Instead of the mark [N, Q+16) all zeros (and in 64 KiB, the
 *             largest block): not truncated either.  Nobody appends zeros to
 *             a mailbox; if he did, it is zeros that we take away.
 *             MARKED, no mark: truncated, D = [N, S), even if D is octet for
 *             octet what was there before: the mark was in no mail.  Sync the
 *             file, then 7.  (Killed between ftruncate and fsync, mail
 *             appended and not synced, and then power lost: that mail, for
 *             which nobody vouched, may be cut or end in zeros; no more.)
 * K in 7      The same: MARKED, no mark, nothing is written.  If the journal
 *             comes back after a power loss, as well.
 * K in recovery  Each of its writes is one of the above, or puts octets where
 *             they were: the same table holds again.
 *
 * ANOTHER PROGRAM changed the file between, not by appending.  Device, inode,
 * S >= O in MOVING, and the octets at Q (each as it was, or the mark's) must
 * fit, else the journal is set aside.  Whoever takes out or adds octets
 * before Q moves what is at Q.  Changes in place, of the same length, do not
 * disturb us: we move what we find.  MARKED without its mark does nothing.
 *
 * A FULL DISK.  The first window fills all the room there will ever be for
 * one, so that it, the records and the file are only written over later.  Where
 * writing over takes new space (copy on write), an error there is a crash as
 * above, finished when there is space.
 *
 * THE RESERVE (reserve.c): where no journal can be allocated step 2 renames a
 * file of allocated blocks to NAME.new and goes on in place.  Its old octets
 * may be a whole journal of this very file: they are under a name that means
 * nothing until all that recovery looks at is written over and synced (I7).
 *
 * A PURE TRUNCATION (all ranges are one piece that reaches to O) moves nothing,
 * but if N is not 0 it zeroes the rest of N's block, see above: power lost at
 * the wrong moment leaves the old size, and the first message to go without its
 * beginning, so that it becomes the end of the message before it, which was to
 * stay as it was.  So only N = 0 does without a journal, and a full disk, where
 * that risk is less than that of no deletion at all; but not where writing over
 * takes new space: btrfs over a quota zeroes that rest, and then it fails.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

#define FILE_BLOCK_MOST 65536 /* octets; of any file system */

int
job_init(struct job *job, const struct journal_place *place, int file)
{
	memset(job, 0, sizeof(*job));
	job->place = place;
	job->file = file;
	job->journal = -1;
	job->buffer = malloc(BUFFER_SIZE);
	return job->buffer == NULL ? -1 : 0;
}

void
job_free(struct job *job)
{
	int error = errno;

	if (job->journal != -1)
		(void)close(job->journal);
	free(job->buffer);
	errno = error;
}

static int
file_stat(struct job *job, uint64_t *size)
{
	struct stat st;

	if (fstat(job->file, &st) == -1)
		return -1;
	job->header.device = (uint64_t)st.st_dev;
	job->header.inode = (uint64_t)st.st_ino;
	*size = (uint64_t)st.st_size;
	return 0;
}

/* A journal for taking ranges out of a file of this size, durable. */
static int
journal_begin(struct job *job, const struct journal_range *ranges, size_t count,
    uint64_t size, bool *named)
{
	uint64_t now;

	*named = false;
	if (move_plan(job, ranges, count, size) == -1 ||
	    file_stat(job, &now) == -1)
		return -1;
	if (now != size) {
		errno = EAGAIN;
		return -1;
	}
	return store_create(job, named);
}

/* Mail came before the truncation: [N, O) is what is still to go. */
static int
journal_renew(struct job *job)
{
	const struct header *header = &job->header;
	struct journal_range dead;
	uint64_t size;
	bool named;
	int result, old = job->journal;

	dead.offset = job->record.size - header->removed;
	dead.length = header->removed;
	/* Marked, no more is needed than this; the disk may be full. */
	if (file_truncate(old, RANGES_AT) == -1 || file_sync(job->file) == -1 ||
	    file_stat(job, &size) == -1)
		return -1;
	result = journal_begin(job, &dead, 1, size, &named);
	job->ranges = NULL;
	if (job->journal != old)
		(void)close(old);
	return result;
}

enum truncation { TRUNCATION_ERROR, TRUNCATION_DONE, TRUNCATION_GROWN };

static enum truncation
journal_truncate(struct job *job)
{
	struct stat st;

	if (fstat(job->file, &st) == -1)
		return TRUNCATION_ERROR;
	if ((uint64_t)st.st_size > job->record.size)
		return TRUNCATION_GROWN;
	if (file_truncate(job->file, job->record.size - job->header.removed) ==
		-1 ||
	    file_sync(job->file) == -1)
		return TRUNCATION_ERROR;
	return TRUNCATION_DONE;
}

/* From a durable journal to none. */
static int
journal_run(struct job *job)
{
	enum truncation truncation;

	do {
		if (job->record.phase == PHASE_MOVING && move_run(job) == -1)
			return -1;
		truncation = journal_truncate(job);
		if (truncation == TRUNCATION_ERROR ||
		    (truncation == TRUNCATION_GROWN &&
			journal_renew(job) == -1))
			return -1;
	} while (truncation != TRUNCATION_DONE);
	return store_drop(job->place);
}

/* The new size and nothing else. */
static int
truncate_only(int file, uint64_t old, uint64_t new, bool *begun)
{
	struct stat st;

	if (fstat(file, &st) == -1)
		return -1;
	if ((uint64_t)st.st_size != old) {
		errno = EAGAIN;
		return -1;
	}
	if (file_truncate(file, new) == -1)
		return -1;
	*begun = true;
	return file_sync(file);
}

static bool
no_journal(const struct journal_place *place)
{
	struct stat st;

	if (fstatat(place->directory, place->name, &st, AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return errno == ENOENT;
	errno = EEXIST;
	return false;
}

int
journal_remove(const struct journal_place *place, int file, uint64_t size,
    const struct journal_range *ranges, size_t count, bool *begun)
{
	struct job job;
	int result = -1, error;

	*begun = false;
	if (count == 0)
		return 0;
	if (!no_journal(place))
		return -1;
	if (count == 1 && ranges[0].offset == 0 && ranges[0].length == size)
		return truncate_only(file, size, 0, begun);
	if (job_init(&job, place, file) == -1)
		return -1;
	if (file_sync(file) == 0 &&
	    journal_begin(&job, ranges, count, size, begun) == 0)
		result = journal_run(&job);
	job_free(&job);
	if (result == 0 || *begun || (errno != ENOSPC && errno != EDQUOT) ||
	    count != 1 || ranges[0].offset + ranges[0].length != size)
		return result;
	error = errno;
	if (platform_overwrites(file))
		return truncate_only(file, size, ranges[0].offset, begun);
	errno = error;
	return -1;
}

/*
 * Is the file the one that MOVING speaks of?  1: yes, and what was under the
 * mark is there again; 0: no.  What the system shows there is not believed
 * (I8): it is written in any case.
 */
static int
match_moving(struct job *job, uint64_t size)
{
	const struct record *record = &job->record;
	const uint64_t place = mark_place(record->size);
	unsigned char found[MARK_SIZE];
	ssize_t got;

	if (size < record->size)
		return 0;
	got = pread_full(job->file, found, sizeof(found), place);
	if (got == -1)
		return -1;
	if ((size_t)got != sizeof(found))
		return 0;
	for (size_t i = 0; i < sizeof(found); i++) {
		if (found[i] != record->mark[i] && found[i] != record->under[i])
			return 0;
	}
	return 1;
}

/*
 * 1: the window is good, or its octets are still in the file; *replay says
 * which.  0: neither.
 */
static int
match_window(struct job *job)
{
	const struct record *record = &job->record;
	uint64_t sum, source;

	cursor_init(&job->cursor, NULL, job->journal, &job->header);
	if (cursor_seek(&job->cursor, record->size, record->moved, &source) ==
	    -1)
		return errno == EINVAL ? 0 : -1;
	job->replay = false;
	if (record->window_size == 0)
		return 1;
	if (record->window_at != source)
		return 0;
	if (move_sum(job, job->journal, job->header.data_at,
		record->window_size, &sum) == -1) {
		if (errno != EINVAL)
			return -1;
		sum = ~record->window_sum;
	}
	if (sum == record->window_sum) {
		job->replay = true;
		return 1;
	}
	if (move_sum(job, job->file, record->window_at, record->window_size,
		&sum) == -1)
		return errno == EINVAL ? 0 : -1;
	return sum == record->window_sum;
}

/* MOVING, and all fits: from here on as if nothing had happened. */
static int
resume_moving(struct job *job, uint64_t size)
{
	struct record *record = &job->record;

	if (pwrite_full(job->file, record->under, MARK_SIZE,
		mark_place(record->size)) == -1)
		return -1;
	if (size > record->size) {
		if (file_sync(job->file) == -1)
			return -1;
		record->size = size;
		platform_random(record->mark, MARK_SIZE);
		if (move_under(job) == -1 || store_record(job) == -1)
			return -1;
	}
	if (!job->replay && record->window_size > 0) {
		/* Torn before its step began: save it once more. */
		record->window_size = 0;
		if (store_record(job) == -1 || move_window(job) == -1 ||
		    store_record(job) == -1)
			return -1;
	}
	return journal_run(job);
}

/* 1: the file has not been truncated; 0: it has; -1 with errno. */
static int
mark_there(struct job *job)
{
	const uint64_t end = mark_place(job->record.size) + MARK_SIZE;
	uint64_t start = job->record.size - job->header.removed;
	size_t length;
	ssize_t got;

	got = pread_full(job->file, job->buffer, MARK_SIZE, end - MARK_SIZE);
	if (got == -1)
		return -1;
	if (got == MARK_SIZE &&
	    memcmp(job->buffer, job->record.mark, MARK_SIZE) == 0)
		return 1;
	if (end - start > FILE_BLOCK_MOST)
		return 0;
	length = (size_t)(end - start);
	got = pread_full(job->file, job->buffer, length, start);
	if (got == -1)
		return -1;
	if ((size_t)got != length)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (job->buffer[i] != 0)
			return 0;
	}
	return 1;
}

static int
finish_aside(struct job *job, enum journal_state *state)
{
	if (store_aside(job->place) == -1)
		return -1;
	*state = JOURNAL_ASIDE;
	return 0;
}

static int
finish_marked(struct job *job, uint64_t size, enum journal_state *state)
{
	int there = mark_there(job);

	if (there == -1)
		return -1;
	if (size < job->record.size - job->header.removed ||
	    (there == 1 && size < job->record.size))
		return finish_aside(job, state);
	if (store_refresh(job) == -1)
		return -1;
	if (there == 1)
		return journal_run(job);
	return file_sync(job->file) == -1 ? -1 : store_drop(job->place);
}

static int
finish_open(struct job *job, enum journal_state *state)
{
	const struct header was = job->header;
	uint64_t size;
	int match;

	if (file_stat(job, &size) == -1)
		return -1;
	if (job->header.device != was.device || job->header.inode != was.inode)
		return finish_aside(job, state);
	*state = JOURNAL_FINISHED;
	if (job->record.phase == PHASE_MARKED)
		return finish_marked(job, size, state);
	match = match_moving(job, size);
	if (match == 1)
		match = match_window(job);
	if (match == -1)
		return -1;
	if (match == 0)
		return finish_aside(job, state);
	return store_refresh(job) == -1 ? -1 : resume_moving(job, size);
}

int
journal_finish(
    const struct journal_place *place, int file, enum journal_state *state)
{
	struct job job;
	int result = -1;

	*state = JOURNAL_NONE;
	store_clean(place);
	if (job_init(&job, place, file) == -1)
		return -1;
	if (store_open(&job) == 0)
		result = finish_open(&job, state);
	else if (errno == ENOENT)
		result = 0;
	else if (errno == EINVAL)
		result = finish_aside(&job, state);
	job_free(&job);
	return result;
}
