/*
 * mbox_read.c - what is in a locked mailbox.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mbox.h"

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
		    .reserve = STATE_RESERVE,
		};
		enum journal_state state = JOURNAL_NONE;

		state_file(&mbox->state.place[i], STATE_JOURNAL, name);
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

/* Old enough for a change that comes later to give it other times. */
static bool
mbox_settled(const struct lock *lock, const struct view_stamp *stamp)
{
	struct timespec now;

	lock_clock(lock, &now);
	return stamp->mtime_s < now.tv_sec - KEPT_SETTLED &&
	    stamp->ctime_s < now.tv_sec - KEPT_SETTLED;
}

static void
mbox_view_init(struct mbox_view *view)
{
	memset(view, 0, sizeof(*view));
	view->parts.fd = view->parts.base = view->kept.view.fd = -1;
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

/* A new view: nobody may write to it from here on. */
static int
mbox_view_seal(struct mbox_view *view)
{
	view->sealed = platform_memory_seal(&view->parts.fd) == 0;
	if (view->sealed)
		return 0;
	view->data = view_parts_load(&view->parts, &view->view);
	return view->data == NULL ? -1 : 0;
}

int
mbox_view_empty(struct mbox_view *view, const struct view_stamp *stamp,
    struct mailbox_error *error)
{
	struct view_head head;
	int fd;

	mbox_view_init(view);
	memset(&head, 0, sizeof(head));
	head.magic = VIEW_MAGIC;
	head.format = VIEW_MBOX;
	head.stamp = *stamp;
	fd = platform_memory_file("pop3d-view");
	view->parts.fd = fd;
	if (fd == -1 || pwrite_full(fd, &head, sizeof(head), 0) == -1 ||
	    view_parts_open(&view->parts, fd, -1) == -1 ||
	    mbox_view_seal(view) == -1)
		return mbox_view_failed(view, "empty mailbox", error);
	return 0;
}

int
mbox_view_read(struct mbox *mbox, struct mbox_view *view, bool kept,
    struct mailbox_error *error)
{
	struct view_stamp stamp;
	const struct kept *known;

	mbox_view_init(view);
	if (mbox_stamp(mbox, &stamp, error) == -1)
		return -1;
	if (stamp.size == 0)
		return mbox_view_empty(view, &stamp, error);
	if (kept && mbox_kept_open(mbox, &stamp, view))
		return 0;
	view->settled = mbox_settled(&mbox->lock, &stamp);
	known = view->kept.view.fd == -1 ? NULL : &view->kept;
	if (scanner_mbox(&mbox->lock, &stamp, known, &view->parts, error) ==
	    -1) {
		mbox_view_free(view);
		return -1;
	}
	if (mbox_view_seal(view) == -1)
		return mbox_view_failed(view, mbox->path.path, error);
	view->sampled = view->parts.base != -1;
	if (known != NULL && view->parts.base == -1) {
		close(view->kept.view.fd);
		view->kept.view.fd = -1;
	}
	return 0;
}

int
mbox_view_wake(struct mbox_view *view, struct mailbox_error *error)
{
	if (view->data != NULL)
		return 0;
	errno = EBADMSG;
	/* What is the user's may have changed since it was looked at. */
	if ((!view->fresh && view->parts.base == -1) || kept_whole(&view->kept))
		view->data = view_parts_load(&view->parts, &view->view);
	if (view->data != NULL)
		return 0;
	mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
	    "view: %s", strerror(errno));
	return -1;
}

void
mbox_view_sleep(struct mbox_view *view)
{
	if (!view->sealed && !view->fresh)
		return;
	free(view->data);
	view->data = NULL;
	memset(&view->view, 0, sizeof(view->view));
}

void
mbox_view_free(struct mbox_view *view)
{
	/* A kept file is one of the parts, or only known. */
	if (view->kept.view.fd != -1 &&
	    view->kept.view.fd != view->parts.base &&
	    view->kept.view.fd != view->parts.fd)
		close(view->kept.view.fd);
	view_parts_close(&view->parts);
	free(view->data);
	mbox_view_init(view);
}
