/*
 * store.c - a journal as a file: made, read, renewed, removed.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

struct name {
	char text[NAME_MAX + 1];
};

static int
name_make(
    struct name *name, const struct journal_place *place, const char *suffix)
{
	return text_print(
	    name->text, sizeof(name->text), "%s%s", place->name, suffix);
}

/* Some file systems cannot sync a folder and say EINVAL: no more to be had. */
static int
folder_sync(const struct journal_place *place)
{
	return file_sync(place->directory) == -1 && errno != EINVAL ? -1 : 0;
}

static int
write_ranges(struct job *job)
{
	const uint64_t count = job->header.count;
	unsigned char *p = job->buffer;
	uint64_t at = RANGES_AT;
	size_t filled = 0;

	for (uint64_t i = 0; i < count; i++) {
		range_put(p + filled, &job->ranges[i]);
		filled += RANGE_SIZE;
		if (filled < BUFFER_SIZE && i + 1 < count)
			continue;
		if (pwrite_full(job->journal, p, filled, at) == -1)
			return -1;
		at += filled;
		filled = 0;
	}
	return 0;
}

/* All of it; the first window takes all the room, and so reserves it. */
static int
write_content(struct job *job)
{
	unsigned char block[BLOCK_SIZE];

	header_put(block, &job->header);
	if (pwrite_full(job->journal, block, sizeof(block), 0) == -1 ||
	    write_ranges(job) == -1)
		return -1;
	cursor_init(&job->cursor, job->ranges, -1, &job->header);
	if (move_window(job) == -1 || move_under(job) == -1)
		return -1;
	platform_random(job->record.mark, MARK_SIZE);
	record_put(block, &job->record);
	if (pwrite_full(job->journal, block, sizeof(block),
		SLOT_AT(job->record.sequence)) == -1)
		return -1;
	/* The other record's block, too, must be there already. */
	memset(block, 0, sizeof(block));
	if (pwrite_full(job->journal, block, sizeof(block),
		SLOT_AT(job->record.sequence + 1)) == -1)
		return -1;
	return file_sync(job->journal);
}

/* Under a name that means nothing to anybody, until it is whole. */
static int
create_try(struct job *job, const struct name *name)
{
	int error;

	store_clean(job->place);
	job->journal = openat(job->place->directory, name->text,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (job->journal == -1)
		return -1;
	if (write_content(job) == 0)
		return 0;
	error = errno;
	(void)close(job->journal);
	job->journal = -1;
	store_clean(job->place);
	errno = error;
	return -1;
}

static bool
space_short(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* The plan with so much room at most: is it worth starting? */
static int
create_plan(struct job *job, uint64_t limit)
{
	uint64_t *room = &job->header.data_size;
	bool affordable;

	if (move_room(job, limit, room) == -1 ||
	    move_affordable(job, *room, &affordable) == -1)
		return -1;
	if (affordable)
		return 0;
	errno = ENOSPC;
	return -1;
}

/* Of the reserve's blocks; whatever stands in them is written over. */
static int
create_reserved(struct job *job, const struct name *name)
{
	uint64_t size, limit = move_limit(job);
	int error = ENOSPC;

	if (reserve_take(job, name->text, &size) == 0) {
		if (size >= job->header.data_at) {
			size -= job->header.data_at;
			if (create_plan(job, size < limit ? size : limit) ==
				0 &&
			    write_content(job) == 0)
				return 0;
			error = errno;
		}
		reserve_give(job, name->text);
	}
	errno = error;
	return -1;
}

/*
 * With less and less room, while the disk or the quota is short of it; but
 * before it is less than the least, of the reserve.
 */
static int
create_fitting(struct job *job, const struct name *name)
{
	uint64_t room, limit = move_limit(job);
	bool reserve = true;
	int error;

	for (;;) {
		if (create_plan(job, limit) == 0 && create_try(job, name) == 0)
			return 0;
		error = errno;
		room = job->header.data_size;
		limit = room / 2 < BLOCK_SIZE ? 0 : room / 2;
		if (space_short(error) && limit < DATA_LEAST && reserve) {
			reserve = false;
			if (create_reserved(job, name) == 0)
				return 0;
			if (!space_short(errno))
				error = errno;
		}
		if (!space_short(error) || room == 0) {
			errno = error;
			return -1;
		}
	}
}

/*
 * Did rename(2) give it its name?  The answer may be lost on the way from a
 * file server, and the question fail when it is asked again.
 */
static bool
journal_named(const struct job *job)
{
	struct stat own, there;

	return fstat(job->journal, &own) == 0 &&
	    fstatat(job->place->directory, job->place->name, &there,
		AT_SYMLINK_NOFOLLOW) == 0 &&
	    own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

int
store_create(struct job *job, bool *named)
{
	struct name name;
	int error;

	*named = false;
	if (name_make(&name, job->place, ".new") == -1 ||
	    create_fitting(job, &name) == -1)
		return -1;
	if (renameat(job->place->directory, name.text, job->place->directory,
		job->place->name) == -1) {
		error = errno;
		if (!journal_named(job)) {
			store_clean(job->place);
			errno = error;
			return -1;
		}
	}
	*named = true;
	return folder_sync(job->place);
}

int
store_record(struct job *job)
{
	unsigned char block[BLOCK_SIZE];

	job->record.sequence++;
	record_put(block, &job->record);
	if (pwrite_full(job->journal, block, sizeof(block),
		SLOT_AT(job->record.sequence)) == -1)
		return -1;
	return file_sync_data(job->journal);
}

/* A block of the journal; short ones are filled with zeros, and so invalid. */
static int
read_block(struct job *job, unsigned char block[BLOCK_SIZE], uint64_t offset)
{
	memset(block, 0, BLOCK_SIZE);
	return pread_full(job->journal, block, BLOCK_SIZE, offset) == -1 ? -1 :
									   0;
}

/*
 * The newer of the two.  A torn one was being written when we stopped, and the
 * other counts; a wrong one was written by nobody of us.  When both are there
 * they follow one another, but that a block of which a new copy was torn still
 * has one of the record before (I9).
 */
static int
read_record(struct job *job)
{
	unsigned char block[BLOCK_SIZE];
	struct record records[2];
	enum block_state states[2];
	uint64_t apart;
	unsigned newer;

	for (unsigned i = 0; i < 2; i++) {
		if (read_block(job, block, SLOT_AT(i)) == -1)
			return -1;
		states[i] = record_get(&records[i], &job->header, block);
		if (states[i] == BLOCK_WRONG ||
		    (states[i] == BLOCK_GOOD && (records[i].sequence & 1) != i))
			goto bad;
	}
	if (states[0] == BLOCK_TORN && states[1] == BLOCK_TORN)
		goto bad;
	newer = states[0] == BLOCK_TORN;
	if (states[0] == BLOCK_GOOD && states[1] == BLOCK_GOOD) {
		newer = records[1].sequence > records[0].sequence;
		apart = records[newer].sequence - records[!newer].sequence;
		if (apart != 1 && apart != 3)
			goto bad;
	}
	job->record = records[newer];
	return 0;
bad:
	errno = EINVAL;
	return -1;
}

/* In order, inside the file, and as many and as long as the header says. */
static int
check_ranges(struct job *job)
{
	const struct header *header = &job->header;
	unsigned char octets[CURSOR_RANGES * RANGE_SIZE];
	struct journal_range range;
	uint64_t sum = 0, end = header->first, removed = 0;
	size_t n;
	ssize_t got;

	for (uint64_t i = 0; i < header->count; i += n) {
		n = header->count - i < CURSOR_RANGES ?
		    (size_t)(header->count - i) :
		    CURSOR_RANGES;
		got = pread_full(job->journal, octets, n * RANGE_SIZE,
		    RANGES_AT + i * RANGE_SIZE);
		if (got == -1)
			return -1;
		if ((size_t)got != n * RANGE_SIZE)
			goto bad;
		for (size_t j = 0; j < n; j++) {
			sum = sum64(sum, octets + j * RANGE_SIZE, RANGE_SIZE);
			range_get(&range, octets + j * RANGE_SIZE);
			if ((i + j == 0 && range.offset != header->first) ||
			    range.length == 0 || range.offset < end ||
			    range.offset > header->end ||
			    range.length > header->end - range.offset)
				goto bad;
			end = range.offset + range.length;
			removed += range.length;
		}
	}
	if (end == header->end && removed == header->removed &&
	    sum == header->ranges_sum)
		return 0;
bad:
	errno = EINVAL;
	return -1;
}

static int
read_content(struct job *job)
{
	unsigned char block[BLOCK_SIZE];

	if (read_block(job, block, 0) == -1)
		return -1;
	if (header_get(&job->header, block) != BLOCK_GOOD) {
		errno = EINVAL;
		return -1;
	}
	if (read_record(job) == -1)
		return -1;
	/* Marked, the rest is not needed, and may be gone to make room. */
	return job->record.phase == PHASE_MARKED ? 0 : check_ranges(job);
}

int
store_open(struct job *job)
{
	struct stat st;

	job->journal = openat(job->place->directory, job->place->name,
	    O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (job->journal == -1) {
		/* A symlink, a folder, a socket, a device: none of ours. */
		if (errno == ELOOP || errno == EISDIR || errno == ENXIO ||
		    errno == ENODEV || errno == EMLINK)
			errno = EINVAL;
		return -1;
	}
	if (fstat(job->journal, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = EINVAL;
		return -1;
	}
	return read_content(job);
}

/* What was read, over what was read. */
static int
refresh_content(struct job *job)
{
	uint64_t end, offset = 0;
	size_t n;
	ssize_t got;

	end = job->record.phase == PHASE_MARKED ?
	    RANGES_AT :
	    job->header.data_at + job->record.window_size;
	while (offset < end) {
		n = end - offset < BUFFER_SIZE ? (size_t)(end - offset) :
						 BUFFER_SIZE;
		got = pread_full(job->journal, job->buffer, n, offset);
		if (got == -1)
			return -1;
		if (got == 0)
			break;
		if (pwrite_full(
			job->journal, job->buffer, (size_t)got, offset) == -1)
			return -1;
		offset += (uint64_t)got;
	}
	return 0;
}

/*
 * Only when the record in force is on the disk may the other one go (I9).  If
 * the emptying is torn, there may be the record three before, known for old; or
 * one after it: nobody has acted on that, but what it says was so when it was
 * written.
 */
int
store_refresh(struct job *job)
{
	const struct record *record = &job->record;
	unsigned char block[BLOCK_SIZE];

	record_put(block, record);
	if (pwrite_full(job->journal, block, sizeof(block),
		SLOT_AT(record->sequence)) == -1 ||
	    refresh_content(job) == -1 || file_sync(job->journal) == -1 ||
	    folder_sync(job->place) == -1)
		return -1;
	memset(block, 0, sizeof(block));
	if (pwrite_full(job->journal, block, sizeof(block),
		SLOT_AT(record->sequence + 1)) == -1)
		return -1;
	return file_sync_data(job->journal);
}

int
store_drop(const struct journal_place *place)
{
	if (unlinkat(place->directory, place->name, 0) == -1)
		return -1;
	return folder_sync(place);
}

int
store_aside(const struct journal_place *place)
{
	struct name name;

	if (name_make(&name, place, ".aside") == -1 ||
	    renameat(place->directory, place->name, place->directory,
		name.text) == -1)
		return -1;
	return folder_sync(place);
}

void
store_clean(const struct journal_place *place)
{
	struct name name;

	if (name_make(&name, place, ".new") == 0)
		(void)unlinkat(place->directory, name.text, 0);
}
