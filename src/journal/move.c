/*
 * move.c - planning and doing the steps.  Why this order: journal.c.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

int
file_sync(int fd)
{
	int result;

	do {
		result = fsync(fd);
	} while (result == -1 && errno == EINTR);
	return result;
}

int
file_sync_data(int fd)
{
	int result;

	do {
		result = fdatasync(fd);
	} while (result == -1 && errno == EINTR);
	return result;
}

int
file_truncate(int file, uint64_t size)
{
	int result;

	do {
		result = ftruncate(file, (off_t)size);
	} while (result == -1 && errno == EINTR);
	return result;
}

int
move_plan(struct job *job, const struct journal_range *ranges, size_t count,
    uint64_t size)
{
	struct header *header = &job->header;
	struct record *record = &job->record;
	unsigned char octets[RANGE_SIZE];

	memset(header, 0, sizeof(*header));
	memset(record, 0, sizeof(*record));
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].length == 0 || ranges[i].offset < header->end ||
		    ranges[i].offset > size ||
		    ranges[i].length > size - ranges[i].offset)
			goto bad;
		header->end = ranges[i].offset + ranges[i].length;
		header->removed += ranges[i].length;
		range_put(octets, &ranges[i]);
		header->ranges_sum =
		    sum64(header->ranges_sum, octets, sizeof(octets));
	}
	if (header->removed < REMOVED_LEAST || size > INT64_MAX)
		goto bad;
	header->count = count;
	header->first = ranges[0].offset;
	header->data_at = data_place(count);
	record->phase = PHASE_MOVING;
	record->size = size;
	record->moved = header->first;
	job->ranges = ranges;
	cursor_init(&job->cursor, ranges, -1, header);
	return 0;
bad:
	errno = EINVAL;
	return -1;
}

/*
 * How much to save in room octets, when place is next and comes from source:
 * nothing, when the gap alone lets us go as far as with the room; but all
 * that is left, when there is room for that, since it spares a step.
 */
static uint64_t
window_size(uint64_t place, uint64_t source, uint64_t target, uint64_t room)
{
	if (source >= target)
		return 0;
	if (target - source <= room)
		return target - source;
	return source - place >= room ? 0 : room;
}

static uint64_t
job_target(const struct job *job)
{
	return job->record.size - job->header.removed;
}

uint64_t
move_limit(const struct job *job)
{
	uint64_t space = job->place->space, used = job->header.data_at;
	uint64_t limit = space > used ? space - used : 0;

	/* A long list of ranges must not leave the steps without room. */
	if (space >= JOURNAL_LEAST && limit < DATA_LEAST)
		limit = DATA_LEAST;
	return limit;
}

int
move_room(struct job *job, uint64_t limit, uint64_t *room)
{
	uint64_t source, place = job->header.first;

	cursor_init(&job->cursor, job->ranges, job->journal, &job->header);
	if (cursor_seek(&job->cursor, job->record.size, place, &source) == -1)
		return -1;
	*room = window_size(place, source, job_target(job), limit);
	return 0;
}

int
move_affordable(struct job *job, uint64_t room, bool *affordable)
{
	uint64_t source, window, place = job->header.first;
	uint64_t target = job_target(job);
	unsigned steps;

	*affordable = true;
	if (room >= DATA_LEAST)
		return 0;
	cursor_init(&job->cursor, job->ranges, job->journal, &job->header);
	for (steps = 0; place < target && steps <= STEPS_MOST; steps++) {
		if (cursor_seek(
			&job->cursor, job->record.size, place, &source) == -1)
			return -1;
		window = window_size(place, source, target, room);
		place = source + window < target ? source + window : target;
	}
	*affordable = steps <= STEPS_MOST;
	return 0;
}

int
move_sum(
    struct job *job, int fd, uint64_t offset, uint64_t length, uint64_t *sum)
{
	uint64_t done = 0;
	size_t n;
	ssize_t got;

	for (*sum = 0; done < length; done += n) {
		n = length - done < BUFFER_SIZE ? (size_t)(length - done) :
						  BUFFER_SIZE;
		got = pread_full(fd, job->buffer, n, offset + done);
		if (got == -1)
			return -1;
		if ((size_t)got != n) {
			errno = EINVAL;
			return -1;
		}
		*sum = sum64(*sum, job->buffer, n);
	}
	return 0;
}

/* Exactly length octets of the file: fewer mean that somebody cut it. */
static int
file_get(struct job *job, unsigned char *dst, size_t length, uint64_t offset)
{
	ssize_t got = pread_full(job->file, dst, length, offset);

	if (got == -1)
		return -1;
	if ((size_t)got != length) {
		errno = ESTALE;
		return -1;
	}
	return 0;
}

int
move_window(struct job *job)
{
	struct record *record = &job->record;
	uint64_t source, done = 0;
	size_t n;

	record->window_size = record->window_at = record->window_sum = 0;
	if (cursor_seek(&job->cursor, record->size, record->moved, &source) ==
	    -1)
		return -1;
	record->window_size = window_size(
	    record->moved, source, job_target(job), job->header.data_size);
	if (record->window_size == 0)
		return 0;
	record->window_at = source;
	for (; done < record->window_size; done += n) {
		n = record->window_size - done < BUFFER_SIZE ?
		    (size_t)(record->window_size - done) :
		    BUFFER_SIZE;
		if (file_get(job, job->buffer, n, source + done) == -1 ||
		    pwrite_full(job->journal, job->buffer, n,
			job->header.data_at + done) == -1)
			return -1;
		record->window_sum = sum64(record->window_sum, job->buffer, n);
	}
	return 0;
}

int
move_under(struct job *job)
{
	return file_get(
	    job, job->record.under, MARK_SIZE, mark_place(job->record.size));
}

/* Octets of the file as they were before this step. */
static int
source_get(struct job *job, unsigned char *dst, size_t length, uint64_t source)
{
	const struct record *record = &job->record;
	uint64_t from = record->window_at;
	uint64_t to = record->window_at + record->window_size;
	ssize_t got;

	if (file_get(job, dst, length, source) == -1)
		return -1;
	if (!job->replay || to <= source || from >= source + length)
		return 0;
	if (from < source)
		from = source;
	if (to > source + length)
		to = source + length;
	got =
	    pread_full(job->journal, dst + (from - source), (size_t)(to - from),
		job->header.data_at + (from - record->window_at));
	if (got == -1)
		return -1;
	if ((uint64_t)got != to - from) {
		errno = ESTALE;
		return -1;
	}
	return 0;
}

/*
 * Move up to end.  A buffer is read whole before it is written, and what is
 * still to be read lies above all that has been written, so within a step
 * the window is needed only to do the step again.
 */
static int
move_step(struct job *job, uint64_t end)
{
	struct cursor *cursor = &job->cursor;
	uint64_t start, source, length, room;
	size_t filled;

	while (cursor->place < end) {
		start = cursor->place;
		for (filled = 0; filled < BUFFER_SIZE && cursor->place < end;
		     filled += (size_t)length) {
			if (cursor_piece(cursor, job->record.size, &source,
				&length) == -1)
				return -1;
			room = BUFFER_SIZE - filled;
			if (length > room)
				length = room;
			if (length > end - cursor->place)
				length = end - cursor->place;
			if (source_get(job, job->buffer + filled,
				(size_t)length, source) == -1)
				return -1;
			cursor_advance(cursor, length);
		}
		if (pwrite_full(job->file, job->buffer, filled, start) == -1)
			return -1;
	}
	return 0;
}

/* The step is done and in the file for good: let its window go. */
static int
move_advance(struct job *job, uint64_t end)
{
	job->replay = false;
	job->record.moved = end;
	job->record.window_size = 0;
	if (store_record(job) == -1)
		return -1;
	if (move_window(job) == -1)
		return -1;
	return job->record.window_size == 0 ? 0 : store_record(job);
}

int
move_run(struct job *job)
{
	struct record *record = &job->record;
	uint64_t source, end, target = job_target(job);

	cursor_init(&job->cursor, job->ranges, job->journal, &job->header);
	for (;;) {
		if (cursor_seek(&job->cursor, record->size, record->moved,
			&source) == -1)
			return -1;
		end = source + record->window_size;
		if (end >= target)
			break;
		if (move_step(job, end) == -1 ||
		    file_sync_data(job->file) == -1 ||
		    move_advance(job, end) == -1)
			return -1;
	}
	if (move_step(job, target) == -1 ||
	    pwrite_full(job->file, record->mark, MARK_SIZE,
		mark_place(record->size)) == -1 ||
	    file_sync_data(job->file) == -1)
		return -1;
	job->replay = false;
	record->phase = PHASE_MARKED;
	record->moved = target;
	record->window_size = 0;
	return store_record(job);
}
