/*
 * reserve.c - blocks for a journal, kept for the day when there are none.
 *
 * When the least journal cannot be allocated, step 2 (journal.c) is: rename the
 * reserve to NAME.new, write over its blocks; then fsync, rename to NAME and
 * fsync of the folder as ever.  Its old octets may be anything.  They cannot be
 * taken for a journal: before the rename to NAME they are under names that
 * mean nothing (I7), and at that rename every octet that recovery can come to
 * look at has been written and synced: the header, all ranges, both records'
 * blocks, and the window, whose sum is in the record.  What is behind the
 * window is looked at by nobody, since no later window is longer than the
 * first.  So nothing of a reserve is believed, not that its blocks are there
 * either: if it cannot be written it is the reserve again, and nothing has
 * begun.  A crash between the two renames leaves the reserve or a NAME.new,
 * which is removed; then there is none until one is made, which needs space.
 * Finished, a journal is unlinked, whatever it was made of.
 *
 * It is neither made nor used where writing over it, or over the file, may
 * take new space (copy on write): the removal would begin, and in step 3 wait
 * for space, and so would its owner, who can read his mail until it begins.
 *
 * It gets its name when it is whole, and nobody writes to it under that name:
 * who has it may be making a journal of it at the same time.  So it is made
 * under another name, by one process at a time, which holds the kernel's lock
 * on it; one that was left half made is made again by the next.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "job.h"

/* O_NONBLOCK: a FIFO or a lease of the folder's owner must not stop us. */
#define RESERVE_FLAGS (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static bool
reserve_good(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1;
}

/* Is the open file ours alone to make, and still the one of the name? */
static int
reserve_lock(int fd, int directory, const char *name)
{
	struct stat here, there;

	if (flock(fd, LOCK_EX | LOCK_NB) == -1 || fstat(fd, &here) == -1 ||
	    fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (reserve_good(&here) && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino)
		return 0;
	errno = EAGAIN;
	return -1;
}

/* Who makes it: NULL is the user himself. */
static int
reserve_act(const struct stat *owner)
{
	return owner == NULL ? 0 :
			       platform_file_ids(owner->st_uid, owner->st_gid);
}

static int
reserve_allocate(int fd, const struct stat *owner)
{
	int error;

	if (owner != NULL && platform_file_ids(0, getegid()) == -1)
		return -1;
	error = posix_fallocate(fd, 0, (off_t)JOURNAL_RESERVE);
	if (reserve_act(owner) == -1)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

/*
 * Allocated first, so that a full disk is found out at once; then written,
 * since the first write to blocks that never were may need more of them.
 */
static int
reserve_fill(int fd, const struct stat *owner)
{
	static const unsigned char zeros[BLOCK_SIZE];
	uint64_t at;

	if (file_truncate(fd, 0) == -1 || reserve_allocate(fd, owner) == -1)
		return -1;
	for (at = 0; at < JOURNAL_RESERVE; at += sizeof(zeros))
		if (pwrite_full(fd, zeros, sizeof(zeros), at) == -1)
			return -1;
	return 0;
}

static int
reserve_make(int directory, const char *name, const struct stat *owner)
{
	char unfinished[NAME_MAX + 1];
	int fd, error;

	if (text_print(unfinished, sizeof(unfinished), "%s.new", name) == -1)
		return -1;
	fd = openat(directory, unfinished, RESERVE_FLAGS | O_CREAT, 0600);
	if (fd == -1)
		return -1;
	if (reserve_lock(fd, directory, unfinished) == 0) {
		if (reserve_fill(fd, owner) == 0 &&
		    renameat(directory, unfinished, directory, name) == 0)
			return close(fd);
		error = errno;
		(void)unlinkat(directory, unfinished, 0);
		errno = error;
	}
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* 1: it is there, or what its folder's owner wants there; 0; -1. */
static int
reserve_there(int directory, const char *name)
{
	struct stat st;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return !S_ISREG(st.st_mode) || (uint64_t)st.st_size >= JOURNAL_RESERVE;
}

int
journal_reserve(int directory, const char *name)
{
	struct stat owner;
	bool root = geteuid() == 0;
	int there, result = -1, error;

	if (reserve_there(directory, name) == 1)
		return 0;
	if (!platform_overwrites(directory)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (fstat(directory, &owner) == -1 ||
	    reserve_act(root ? &owner : NULL) == -1)
		return -1;
	/* Root may see less than the owner, on another host's disk. */
	there = reserve_there(directory, name);
	if (there == 1)
		result = 0;
	else if (there == 0)
		result = reserve_make(directory, name, root ? &owner : NULL);
	error = errno;
	if (root && platform_file_ids(0, getegid()) == -1)
		return -1;
	errno = error;
	return result;
}

int
reserve_take(struct job *job, const char *name, uint64_t *size)
{
	const struct journal_place *place = job->place;
	struct stat st;

	if (place->reserve == NULL ||
	    fstatat(place->directory, place->reserve, &st,
		AT_SYMLINK_NOFOLLOW) == -1 ||
	    !reserve_good(&st) || !platform_overwrites(job->file))
		return -1;
	/* By rename: of two sessions, with two mailboxes, one gets it. */
	if (renameat(
		place->directory, place->reserve, place->directory, name) == -1)
		return -1;
	job->journal = openat(place->directory, name, RESERVE_FLAGS);
	if (job->journal != -1 && fstat(job->journal, &st) == 0 &&
	    reserve_good(&st) && platform_overwrites(job->journal)) {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	reserve_give(job, name);
	return -1;
}

void
reserve_give(struct job *job, const char *name)
{
	const struct journal_place *place = job->place;

	if (job->journal != -1)
		(void)close(job->journal);
	job->journal = -1;
	if (renameat(
		place->directory, name, place->directory, place->reserve) == -1)
		store_clean(place);
}
