/*
 * maildir_kept.c - the view that one session leaves to the next.
 *
 * pop3d.view is a view with a tail behind it, so that its descriptor can go to
 * the front as it is.  It is a hypothesis: taken for what the folders hold
 * only when both have the device, inode, size and times that they had before
 * they were scanned, and had been left alone for more than the 2 s in which a
 * clock may not tick.  Otherwise it still says of each file that it knows (its
 * inode and name) how large that is on the wire.  It is the user's file and may
 * hold anything: its checks are for accidents, view_init() for the rest.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"

#define KEPT_NEW MAILDIR_VIEW ".new"
#define KEPT_MAGIC 0x31574d5643503350U /* changes with the layout */
#define KEPT_MAX (1U << 30)            /* octets; larger ones are not kept */
#define KEPT_SETTLED 2 /* s: clocks tick in so much (FAT), or are rounded */

struct kept_tail {
	uint64_t magic;
	uint64_t view_size;
	uint64_t view_check; /* view_check() of the view */
	uint64_t settled;    /* 1: times will tell a change */
	struct view_stamp stamps[MAILDIR_FOLDERS];
	uint64_t check; /* view_check() of what is above */
};

static uint64_t
kept_tail_check(const struct kept_tail *tail)
{
	return view_check(tail, offsetof(struct kept_tail, check));
}

void *
maildir_view_read(int fd, uint64_t size, struct view *view)
{
	void *data;

	if (size > SIZE_MAX / 2 || (data = malloc((size_t)size)) == NULL)
		return NULL;
	if (pread_full(fd, data, (size_t)size, 0) == (ssize_t)size &&
	    view_init(view, data, (size_t)size) == 0 &&
	    view->head->format == VIEW_MAILDIR)
		return data;
	free(data);
	errno = EBADMSG;
	return NULL;
}

/* The tail of a file of ours; -1 when it is none. */
static int
kept_tail_read(int fd, struct kept_tail *tail)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_size < (off_t)sizeof(*tail))
		return -1;
	size = (uint64_t)st.st_size - sizeof(*tail);
	if (size > KEPT_MAX ||
	    pread_full(fd, tail, sizeof(*tail), size) !=
		(ssize_t)sizeof(*tail) ||
	    tail->magic != KEPT_MAGIC || tail->view_size != size ||
	    tail->check != kept_tail_check(tail))
		return -1;
	return 0;
}

static bool
kept_fresh(const struct maildir *md, const struct kept_tail *tail)
{
	struct view_stamp now;
	int i;

	if (tail->settled != 1)
		return false;
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (maildir_stamp(md->folder[i], &now) == -1 ||
		    memcmp(&now, &tail->stamps[i], sizeof(now)) != 0)
			return false;
	return true;
}

/* Is the view whole, and one?  The front will look at it again. */
static bool
kept_whole(int fd, const struct kept_tail *tail)
{
	struct view view;
	void *data = maildir_view_read(fd, tail->view_size, &view);
	bool whole = data != NULL &&
	    view_check(data, (size_t)tail->view_size) == tail->view_check;

	free(data);
	return whole;
}

int
maildir_kept_open(const struct maildir *md, uint64_t *size, bool *fresh)
{
	struct kept_tail tail;
	int fd;

	fd = openat(md->root, MAILDIR_VIEW, O_RDONLY | MAILDIR_FILE_FLAGS);
	if (fd == -1)
		return -1;
	if (kept_tail_read(fd, &tail) == 0) {
		*size = tail.view_size;
		*fresh = kept_fresh(md, &tail);
		/* One that is only a hint is checked by the scanner. */
		if (!*fresh || kept_whole(fd, &tail))
			return fd;
	}
	close(fd);
	return -1;
}

static bool
kept_settled(const struct maildir *md)
{
	int i;

	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (md->stamps[i].mtime_s >= md->begin - KEPT_SETTLED ||
		    md->stamps[i].ctime_s >= md->begin - KEPT_SETTLED)
			return false;
	return true;
}

/* The view and its tail to a new file. */
static int
kept_put(const struct maildir *md, int fd)
{
	struct kept_tail tail;
	struct view view;
	void *data = maildir_view_read(md->view, md->view_size, &view);
	int result;

	if (data == NULL)
		return -1;
	memset(&tail, 0, sizeof(tail));
	tail.magic = KEPT_MAGIC;
	tail.view_size = md->view_size;
	tail.view_check = view_check(data, (size_t)md->view_size);
	tail.settled = kept_settled(md);
	memcpy(tail.stamps, md->stamps, sizeof(tail.stamps));
	tail.check = kept_tail_check(&tail);
	result = pwrite_full(fd, data, (size_t)md->view_size, 0);
	if (result == 0)
		result = pwrite_full(fd, &tail, sizeof(tail), md->view_size);
	free(data);
	return result;
}

int
maildir_kept_write(const struct maildir *md)
{
	int fd, number, result;

	if (md->view_size > KEPT_MAX) {
		errno = EFBIG;
		return -1;
	}
	(void)unlinkat(md->root, KEPT_NEW, 0);
	fd = openat(md->root, KEPT_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | MAILDIR_FILE_FLAGS, 0600);
	if (fd == -1)
		return -1;
	result = kept_put(md, fd);
	number = errno;
	if (close(fd) == -1 && result == 0) {
		number = errno;
		result = -1;
	}
	if (result == 0 &&
	    renameat(md->root, KEPT_NEW, md->root, MAILDIR_VIEW) == 0)
		return 0;
	if (result == 0)
		number = errno;
	(void)unlinkat(md->root, KEPT_NEW, 0);
	errno = number;
	return -1;
}
