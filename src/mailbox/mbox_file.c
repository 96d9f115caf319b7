/*
 * mbox_file.c - the mailbox as a file: is it one, and locked.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mbox.h"

#define MBOX_TRIES 10 /* replaced while we waited for its locks */

/* O_NONBLOCK: a FIFO or device put there meanwhile must not stop us. */
#define MBOX_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

/* Why it is no mailbox of this user's; NULL when it is one. */
static const char *
mbox_file_check(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (S_ISLNK(st->st_mode))
		return "is a symlink";
	if (!S_ISREG(st->st_mode))
		return "is a FIFO, socket or device";
	if (st->st_uid != geteuid())
		return "belongs to somebody else";
	if (st->st_nlink > 1)
		return "has more than one link";
	return NULL;
}

static int
mbox_file_failed(const struct mbox *mbox, const char *why,
    enum channel_code code, struct mailbox_error *error)
{
	mailbox_fail(error, code, "mailbox is not usable", "%s: %s",
	    mbox->path.path, why);
	return -1;
}

/* Open the mailbox; as mbox_take(). */
static int
mbox_file_open(struct mbox *mbox, struct mailbox_error *error)
{
	const char *why = NULL;
	struct stat st;

	/* Before opening it: to open some devices is to do something. */
	if (fstatat(mbox->folder, mbox->path.name, &st, AT_SYMLINK_NOFOLLOW) ==
	    -1) {
		if (errno == ENOENT)
			return 0;
		return mbox_file_failed(
		    mbox, strerror(errno), mailbox_code(errno), error);
	}
	why = mbox_file_check(&st);
	if (why != NULL)
		return mbox_file_failed(mbox, why, CODE_PERMANENT, error);
	mbox->writable = true;
	mbox->file = openat(mbox->folder, mbox->path.name, O_RDWR | MBOX_FLAGS);
	if (mbox->file == -1 && (errno == EACCES || errno == EROFS)) {
		mbox->writable = false;
		mbox->file = openat(
		    mbox->folder, mbox->path.name, O_RDONLY | MBOX_FLAGS);
	}
	if (mbox->file == -1)
		return errno == ENOENT ? 0 :
					 mbox_file_failed(mbox, strerror(errno),
					     mailbox_code(errno), error);
	if (fstat(mbox->file, &st) == -1)
		why = strerror(errno);
	else
		why = mbox_file_check(&st);
	if (why == NULL)
		return 1;
	close(mbox->file);
	mbox->file = -1;
	return mbox_file_failed(mbox, why, CODE_PERMANENT, error);
}

/* Is the open file still the one of the path? */
static bool
mbox_file_same(const struct mbox *mbox)
{
	struct stat here, there;

	return fstat(mbox->file, &here) == 0 &&
	    fstatat(mbox->folder, mbox->path.name, &there,
		AT_SYMLINK_NOFOLLOW) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

int
mbox_take(struct mbox *mbox, struct mailbox_error *error)
{
	int64_t deadline =
	    clock_ms() + (int64_t)mbox->config->lock_timeout * 1000;
	int tries, found;

	if (mbox->folder == -1)
		return 0;
	for (tries = 0; tries < MBOX_TRIES; tries++) {
		found = mbox_file_open(mbox, error);
		if (found != 1)
			return found;
		if (lock_take(&mbox->lock, mbox->file, mbox->writable, deadline,
			error) == -1) {
			close(mbox->file);
			mbox->file = -1;
			return -1;
		}
		if (mbox_file_same(mbox))
			return 1;
		mbox_drop(mbox);
	}
	return mbox_file_failed(
	    mbox, "is replaced again and again", CODE_TEMPORARY, error);
}

void
mbox_drop(struct mbox *mbox)
{
	if (mbox->file == -1)
		return;
	lock_drop(&mbox->lock);
	close(mbox->file);
	mbox->file = -1;
}

static void
mbox_stamp_put(struct view_stamp *stamp, const struct stat *st)
{
	memset(stamp, 0, sizeof(*stamp));
	stamp->device = (uint64_t)st->st_dev;
	stamp->inode = (uint64_t)st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->mtime_s = st->st_mtim.tv_sec;
	stamp->mtime_ns = st->st_mtim.tv_nsec;
	stamp->ctime_s = st->st_ctim.tv_sec;
	stamp->ctime_ns = st->st_ctim.tv_nsec;
}

int
mbox_stamp(const struct mbox *mbox, struct view_stamp *stamp,
    struct mailbox_error *error)
{
	struct stat st;

	if (fstat(mbox->file, &st) == -1)
		return mbox_file_failed(
		    mbox, strerror(errno), CODE_TEMPORARY, error);
	mbox_stamp_put(stamp, &st);
	return 0;
}

int
mbox_file_front(const struct mbox *mbox, const struct view_stamp *stamp)
{
	int fd = openat(mbox->folder, mbox->path.name, O_RDONLY | MBOX_FLAGS);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_dev == stamp->device &&
	    (uint64_t)st.st_ino == stamp->inode)
		return fd;
	close(fd);
	errno = ESTALE;
	return -1;
}
