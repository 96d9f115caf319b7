/*
 * mbox.c - opening and closing an mbox.
 *
 * Session lock, mailbox locks, journal, scan, then the mailbox locks are
 * given back: mail can be delivered during the session.  The session lock is
 * given back by mbox_close().
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mbox.h"

#define MBOX_OPENS 3 /* replaced between the scan and the front's open */

/* Where it is, and the folder's descriptor (-1 when there is no folder). */
static int
mbox_find(struct mbox *mbox, const char *path, struct mailbox_error *error)
{
	if (path_resolve(&mbox->path, path, error) == -1)
		return -1;
	if (mbox->path.folder_missing) {
		mailbox_warn(error,
		    "%s: its folder does not exist: served "
		    "as empty",
		    mbox->path.path);
		return 0;
	}
	mbox->folder = path_folder(&mbox->path);
	if (mbox->folder != -1)
		return 0;
	mailbox_fail(error, mailbox_code(errno), "mailbox is not usable",
	    "%s: folder: %s", mbox->path.path, strerror(errno));
	return -1;
}

/*
 * Lock, read, unlock.  1, or 0 when there is no mailbox (the view is that of
 * an empty one); -1 with error.
 */
static int
mbox_read(struct mbox *mbox, struct mailbox_error *error)
{
	static const struct view_stamp none;
	int found = mbox_take(mbox, error), result;

	if (found == -1)
		return -1;
	if (found == 0)
		return mbox_view_empty(&mbox->view, &none, error);
	result = mbox_finish(mbox, error);
	if (result == 0)
		result = mbox_view_read(mbox, &mbox->view, true, error);
	mbox_drop(mbox);
	return result == 0 ? 1 : -1;
}

/*
 * The view, and the front's descriptor in *file (-1 when there is nothing to
 * read), both of the same file.
 */
static int
mbox_read_both(struct mbox *mbox, int *file, struct mailbox_error *error)
{
	int tries, found;

	*file = -1;
	for (tries = 0; tries < MBOX_OPENS; tries++) {
		found = mbox_read(mbox, error);
		if (found == -1)
			return -1;
		if (mbox->view.parts.head.count == 0)
			return 0;
		*file = mbox_file_front(mbox, &mbox->view.parts.head.stamp);
		if (*file != -1)
			return 0;
		mbox_view_free(&mbox->view);
		if (errno != ESTALE && errno != ENOENT)
			break;
	}
	mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read", "%s: %s",
	    mbox->path.path, strerror(errno));
	return -1;
}

static void
mbox_free(struct mbox *mbox)
{
	mbox_drop(mbox);
	mbox_view_free(&mbox->view);
	state_close(&mbox->state);
	if (mbox->folder != -1)
		close(mbox->folder);
	free(mbox);
}

/* Everything before the mailbox itself is touched. */
static int
mbox_begin(struct mbox *mbox, const struct mailbox_options *options,
    const char *path, struct mailbox_error *error)
{
	if (mbox_find(mbox, path, error) == -1)
		return -1;
	if (mbox->folder == -1)
		return 0;
	if (lock_init(&mbox->lock, options->config->locks, mbox->folder,
		mbox->path.name, mbox->path.path, options->keeper, error) == -1)
		return -1;
	if (state_open(&mbox->state, options->state, mbox->folder, &mbox->path,
		options->peer, error) != CODE_OK)
		return -1;
	return 0;
}

/* One of which nothing is open; NULL with error. */
static struct mbox *
mbox_new(
    const struct config *config, const char *path, struct mailbox_error *error)
{
	struct mbox *mbox = calloc(1, sizeof(*mbox));

	if (mbox == NULL) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be opened",
		    "%s: out of memory", path);
		return NULL;
	}
	mbox->config = config;
	mbox->folder = -1;
	mbox->file = -1;
	mbox->view.parts.fd = mbox->view.parts.base = -1;
	mbox->view.kept.view.fd = -1;
	mbox->writable = true;
	return mbox;
}

static int
mbox_recover(const struct mailbox_options *options, const char *path,
    struct mailbox_error *error)
{
	struct mbox *mbox = mbox_new(options->config, path, error);
	int result = -1;

	if (mbox == NULL)
		return -1;
	if (mbox_begin(mbox, options, path, error) == 0) {
		result = mbox_take(mbox, error);
		if (result == 1) {
			result = mbox_finish(mbox, error);
		} else if (result == 0) {
			/* Its file system is not mounted, perhaps. */
			mailbox_fail(error, CODE_PERMANENT,
			    "there is no mailbox", "%s: there is no mailbox",
			    mbox->path.path);
			result = -1;
		}
	}
	mbox_free(mbox);
	return result;
}

static int
mbox_open(struct mailbox *mb, const struct mailbox_options *options,
    const char *path, struct mailbox_error *error)
{
	struct mbox *mbox = mbox_new(options->config, path, error);

	if (mbox == NULL)
		return -1;
	if (mbox_begin(mbox, options, path, error) == -1 ||
	    mbox_read_both(mbox, &mb->file, error) == -1) {
		mbox_free(mbox);
		return -1;
	}
	mbox_view_sleep(&mbox->view);
	mb->own = mbox;
	mb->view = &mbox->view.parts;
	mb->read_only = !mbox->writable || !state_writable(&mbox->state);
	if (mb->read_only && mbox->folder != -1)
		mailbox_warn(error, "%s: served read-only", mbox->path.path);
	return 0;
}

static void
mbox_distrust(struct mailbox *mb)
{
	struct mbox *mbox = mb->own;

	mbox->distrusted = true;
	mbox_kept_discard(mbox);
}

static void
mbox_close(struct mailbox *mb)
{
	struct mbox *mbox = mb->own;

	/* Now, for nobody waits any more. */
	mbox_kept_close(mbox);
	mbox_free(mbox);
}

const struct mailbox_driver mbox_driver = {
    .name = "mbox",
    .open = mbox_open,
    .look = mbox_look,
    .update = mbox_update,
    .distrust = mbox_distrust,
    .recover = mbox_recover,
    .close = mbox_close,
};
