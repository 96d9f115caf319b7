/*
 * mbox_read.c - what is in a locked mailbox.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mbox.h"

/*
 * How old a file's times must be for a change that comes later to give it
 * others: clocks of file systems tick in up to 2 s (FAT), and a file server
 * may round.
 */
#define MBOX_SETTLED 2 /* s */

int
mbox_finish(struct mbox *mbox, struct mailbox_error *error)
{
	char name[STATE_FILE];
	size_t i;

	for (i = 0; i < mbox->state.count; i++) {
		struct journal_place place = {
		    .directory = mbox->state.place[i].folder,
		    .name = name,
		    .space = mbox->config->journal_size,
		};
		enum journal_state state = JOURNAL_NONE;

		state_file(&mbox->state.place[i], ".journal", name);
		if (journal_finish(&place, mbox->file, &state) == -1) {
			mailbox_fail(error, CODE_TEMPORARY,
			    "an interrupted update cannot be finished now",
			    "%s: interrupted update (%s) cannot be finished: "
			    "%s",
			    mbox->path.path, name, strerror(errno));
			return -1;
		}
		if (state == JOURNAL_FINISHED)
			mailbox_warn(error, "%s: interrupted update finished",
			    mbox->path.path);
		else if (state == JOURNAL_ASIDE)
			mailbox_warn(error,
			    "%s: journal %s does not match: "
			    "set aside",
			    mbox->path.path, name);
	}
	return 0;
}

static bool
mbox_settled(const struct lock *lock, const struct view_stamp *stamp)
{
	struct timespec now;

	lock_clock(lock, &now);
	return stamp->mtime_s < now.tv_sec - MBOX_SETTLED &&
	    stamp->ctime_s < now.tv_sec - MBOX_SETTLED;
}

/* view->fd and size are there: read it, and check the scanner's work. */
static int
mbox_view_load(struct mbox_view *view)
{
	ssize_t got;

	view->data = malloc((size_t)view->size);
	if (view->data == NULL)
		return -1;
	got = pread_full(view->fd, view->data, (size_t)view->size, 0);
	if (got == -1)
		return -1;
	if ((uint64_t)got != view->size ||
	    view_init(&view->view, view->data, (size_t)view->size) == -1 ||
	    view->view.head->format != VIEW_MBOX) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

/* A new view: nobody may write to it from here on. */
static int
mbox_view_first(struct mbox_view *view, const struct view_stamp *stamp)
{
	view->sealed = platform_memory_seal(view->fd) == 0;
	if (mbox_view_load(view) == -1)
		return -1;
	if (memcmp(&view->view.head->stamp, stamp, sizeof(*stamp)) == 0)
		return 0;
	errno = EBADMSG;
	return -1;
}

static int
mbox_view_failed(
    struct mbox_view *view, const char *path, struct mailbox_error *error)
{
	mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
	    "%s: view: %s", path, strerror(errno));
	mbox_view_free(view);
	return -1;
}

int
mbox_view_empty(struct mbox_view *view, const struct view_stamp *stamp,
    struct mailbox_error *error)
{
	struct view_head head;

	memset(view, 0, sizeof(*view));
	memset(&head, 0, sizeof(head));
	head.magic = VIEW_MAGIC;
	head.format = VIEW_MBOX;
	head.stamp = *stamp;
	view->size = sizeof(head);
	view->fd = platform_memory_file("pop3d-view");
	if (view->fd == -1 ||
	    pwrite_full(view->fd, &head, sizeof(head), 0) == -1 ||
	    mbox_view_first(view, stamp) == -1)
		return mbox_view_failed(view, "empty mailbox", error);
	return 0;
}

int
mbox_view_read(
    struct mbox *mbox, struct mbox_view *view, struct mailbox_error *error)
{
	struct view_stamp stamp;
	bool settled;

	memset(view, 0, sizeof(*view));
	view->fd = -1;
	if (mbox_stamp(mbox, &stamp, error) == -1)
		return -1;
	settled = mbox_settled(&mbox->lock, &stamp);
	if (stamp.size == 0)
		return mbox_view_empty(view, &stamp, error);
	if (scanner_mbox(&mbox->lock, &stamp, &view->fd, &view->size, error) ==
	    -1)
		return -1;
	if (mbox_view_first(view, &stamp) == -1)
		return mbox_view_failed(view, mbox->path.path, error);
	view->settled = settled;
	return 0;
}

int
mbox_view_wake(struct mbox_view *view, struct mailbox_error *error)
{
	if (view->data != NULL || mbox_view_load(view) == 0)
		return 0;
	mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
	    "view: %s", strerror(errno));
	mbox_view_sleep(view);
	return -1;
}

void
mbox_view_sleep(struct mbox_view *view)
{
	if (!view->sealed)
		return;
	free(view->data);
	view->data = NULL;
	memset(&view->view, 0, sizeof(view->view));
}

void
mbox_view_free(struct mbox_view *view)
{
	if (view->fd != -1)
		close(view->fd);
	free(view->data);
	memset(view, 0, sizeof(*view));
	view->fd = -1;
}
