/*
 * maildir.c - opening and closing a Maildir.
 *
 * One file a message: no lock but the session's, and nothing that a crash
 * could leave half done.  A session reads; whatever changes the Maildir is
 * done in UPDATE.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"

static int
maildir_failed(
    const struct maildir *md, const char *why, struct mailbox_error *error)
{
	mailbox_fail(error, why != NULL ? CODE_PERMANENT : mailbox_code(errno),
	    "mailbox is not usable", "%s: %s", md->path.path,
	    why != NULL ? why : strerror(errno));
	return -1;
}

/* PATH, cur, new and tmp, as far as they are missing; -1 with errno. */
static int
maildir_make(int parent, const char *name)
{
	static const char *const folders[] = {"tmp", "new", "cur"};
	int root, number, result = 0;
	size_t i;

	if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST)
		return -1;
	root = openat(parent, name, MAILDIR_FOLDER_FLAGS);
	if (root == -1)
		return -1;
	for (i = 0; i < ARRAY_SIZE(folders) && result == 0; i++)
		if (mkdirat(root, folders[i], 0700) == -1 && errno != EEXIST)
			result = -1;
	number = errno;
	close(root);
	errno = number;
	return result;
}

/* The Maildir itself: 1; 0 when there is none; -1 with error. */
static int
maildir_root(
    struct maildir *md, int parent, bool make, struct mailbox_error *error)
{
	struct stat st;

	if (make && maildir_make(parent, md->path.name) == -1)
		mailbox_warn(error, "%s: cannot be made: %s", md->path.path,
		    strerror(errno));
	md->root = openat(parent, md->path.name, MAILDIR_FOLDER_FLAGS);
	if (md->root == -1)
		return errno == ENOENT ? 0 : maildir_failed(md, NULL, error);
	if (fstat(md->root, &st) == -1)
		return maildir_failed(md, NULL, error);
	if (st.st_uid != geteuid())
		return maildir_failed(md, "belongs to somebody else", error);
	return 1;
}

/* cur and new; one that is missing is empty.  -1 with error. */
static int
maildir_folders_open(struct maildir *md, struct mailbox_error *error)
{
	int i;

	for (i = 0; i < MAILDIR_FOLDERS; i++) {
		md->folder[i] =
		    openat(md->root, maildir_folders[i], MAILDIR_FOLDER_FLAGS);
		if (md->folder[i] == -1 && errno != ENOENT) {
			mailbox_fail(error, mailbox_code(errno),
			    "mailbox is not usable", "%s/%s: %s", md->path.path,
			    maildir_folders[i], strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* Everything before the messages; 1, 0 when there is no Maildir, or -1. */
static int
maildir_begin(struct maildir *md, const struct mailbox_options *options,
    const char *path, struct mailbox_error *error)
{
	int parent, found;

	if (path_resolve(&md->path, path, error) == -1)
		return -1;
	if (md->path.folder_missing) {
		mailbox_warn(error,
		    "%s: its folder does not exist: served as empty",
		    md->path.path);
		return 0;
	}
	parent = path_folder(&md->path);
	if (parent == -1)
		return maildir_failed(md, NULL, error);
	found = maildir_root(md, parent,
	    md->config->mailbox_create && !options->read_only, error);
	close(parent);
	if (found != 1)
		return found;
	if (maildir_lock(md, options->peer, error) != CODE_OK)
		return -1;
	return maildir_folders_open(md, error) == -1 ? -1 : 1;
}

/* The kept view, or a new one. */
static int
maildir_view(struct maildir *md, struct mailbox_error *error)
{
	bool same[MAILDIR_FOLDERS] = {false};

	if (md->root != -1 && maildir_kept_open(md, same)) {
		md->view = md->kept.view;
		md->kept.view.fd = -1;
		return 0;
	}
	if (maildir_scanner(md, same, error) == -1)
		return -1;
	if (md->kept.view.fd != -1 && md->view.base == -1)
		close(md->kept.view.fd);
	md->kept.view.fd = -1;
	return 0;
}

static bool
maildir_writable(const struct maildir *md)
{
	int i;

	if (md->lock == -1)
		return false;
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (md->folder[i] != -1 &&
		    faccessat(md->root, maildir_folders[i], W_OK | X_OK,
			AT_EACCESS) == -1)
			return false;
	return true;
}

static void
maildir_free(struct maildir *md)
{
	int i;

	if (md->kept.view.fd != -1)
		close(md->kept.view.fd);
	view_parts_close(&md->view);
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (md->folder[i] != -1)
			close(md->folder[i]);
	if (md->lock != -1)
		close(md->lock);
	if (md->root != -1)
		close(md->root);
	maildir_list_free(&md->now);
	free(md);
}

static int
maildir_open(struct mailbox *mb, const struct mailbox_options *options,
    const char *path, struct mailbox_error *error)
{
	struct maildir *md = calloc(1, sizeof(*md));
	int found;

	if (md == NULL) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be opened",
		    "%s: out of memory", path);
		return -1;
	}
	md->config = options->config;
	md->root = md->lock = md->view.fd = md->view.base = -1;
	md->kept.view.fd = -1;
	md->folder[MAILDIR_CUR] = md->folder[MAILDIR_NEW] = -1;
	found = maildir_begin(md, options, path, error);
	if (found == -1 || maildir_view(md, error) == -1) {
		maildir_free(md);
		return -1;
	}
	mb->own = md;
	mb->view = &md->view;
	mb->read_only = found == 1 && !maildir_writable(md);
	if (mb->read_only)
		mailbox_warn(error, "%s: served read-only", md->path.path);
	return 0;
}

static void
maildir_distrust(struct mailbox *mb)
{
	struct maildir *md = mb->own;

	if (md->root != -1)
		(void)unlinkat(md->root, MAILDIR_VIEW, 0);
	md->scanned = false;
}

static void
maildir_close(struct mailbox *mb)
{
	struct maildir *md = mb->own;

	/* Now, for nobody waits any more; without it the next one reads. */
	if (md->scanned && md->lock != -1)
		(void)!maildir_kept_write(md);
	maildir_free(md);
}

const struct mailbox_driver maildir_driver = {
    .name = "maildir",
    .open = maildir_open,
    .messages = maildir_messages,
    .update = maildir_update,
    .distrust = maildir_distrust,
    .close = maildir_close,
};
