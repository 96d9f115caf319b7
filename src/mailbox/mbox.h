/*
 * mbox.h - the mbox driver, and what its files share.
 */

#ifndef MBOX_H
#define MBOX_H

#include <sys/stat.h>

#include "driver.h"
#include "journal.h"
#include "kept.h"
#include "lock.h"
#include "path.h"
#include "scanner.h"
#include "state.h"

/*
 * A view.  The descriptors that it is read from go to the front: what the
 * scanner wrote is sealed before, a kept view has its sum, so that both can be
 * read again when they are needed, which is once a session; where the platform
 * has no seals, data stays in our memory.
 */
struct mbox_view {
	struct view_parts parts; /* nothing else is there while asleep */
	bool sealed;
	void *data;       /* view_size() octets, or NULL: asleep */
	struct view view; /* of data, checked */
	bool settled;     /* the stamp's times were old enough for a
				 * later change to make others */
	struct kept kept; /* of which parts, or their base, are; its fd
				 * is that of parts */
	bool fresh;       /* parts are what kept has */
	bool sampled;     /* as kept.sampled: not good enough for UPDATE */
};

struct mbox {
	const struct config *config;
	struct path path;
	int folder; /* descriptor of the mailbox's folder; -1:
				 * there is none */
	struct state state;
	struct lock lock;
	int file;              /* the mailbox, open and locked; -1 */
	bool writable;         /* file is O_RDWR */
	struct mbox_view view; /* as the session sees it */
	bool removed;          /* UPDATE has taken out of it what was to go */
	bool marked;     /* another program has changed messages in place */
	bool distrusted; /* the front could not take the view */
};

/* Locking (mbox_file.c) */

/*
 * Open the mailbox, check that it is one, lock it, and see that it is still
 * the file of its path.  1; 0 when there is none; -1 with error, and nothing
 * is open or locked.
 */
int mbox_take(struct mbox *mbox, struct mailbox_error *error) MUST_CHECK;

/* Unlock and close. */
void mbox_drop(struct mbox *mbox);

/*
 * A descriptor for the front; to be called with no lock held.  -1 with
 * errno; ESTALE when the file at the path is not the one of this stamp.
 */
int mbox_file_front(
    const struct mbox *mbox, const struct view_stamp *stamp) MUST_CHECK;

/* What fstat() says of the open mailbox; -1 with error. */
int mbox_stamp(const struct mbox *mbox, struct view_stamp *stamp,
    struct mailbox_error *error) MUST_CHECK;

/* Reading (mbox_read.c); with the mailbox locked */

/* Finish interrupted updates; -1 with error: it must not be read then. */
int mbox_finish(struct mbox *mbox, struct mailbox_error *error) MUST_CHECK;

/*
 * The view of the mailbox as it is now, from what an earlier session kept as
 * far as that goes, where kept; -1 with error.
 */
int mbox_view_read(struct mbox *mbox, struct mbox_view *view, bool kept,
    struct mailbox_error *error) MUST_CHECK;

/* The view of no messages; -1 with error. */
int mbox_view_empty(struct mbox_view *view, const struct view_stamp *stamp,
    struct mailbox_error *error) MUST_CHECK;

/* Have the view in memory, or not; -1 with error. */
int
mbox_view_wake(struct mbox_view *view, struct mailbox_error *error) MUST_CHECK;
void mbox_view_sleep(struct mbox_view *view);

void mbox_view_free(struct mbox_view *view);

/* Kept views (mbox_kept.c) */

/*
 * What an earlier session kept, or nothing: view->kept.  True when it is the
 * view of a file with this stamp; then view->parts is that.
 */
bool mbox_kept_open(const struct mbox *mbox, const struct view_stamp *stamp,
    struct mbox_view *view);

/* The session's view becomes this newer one, whose twins take its numbers. */
void mbox_kept_replace(struct mbox *mbox, struct mbox_view *now);

/* The view without what was removed, and with the stamp of the locked file. */
void mbox_kept_remove(struct mbox *mbox, const struct mailbox_set *set);

/* Leave the view to the next session, when it is worth it. */
void mbox_kept_close(struct mbox *mbox);

/* The next session shall not find what this one found. */
void mbox_kept_discard(const struct mbox *mbox);

/* The driver's other functions (mbox_update.c) */

enum channel_code mbox_look(struct mailbox *mb, uint32_t index,
    struct ch_looked *looked, struct mailbox_error *error);
int mbox_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error) MUST_CHECK;

#endif
