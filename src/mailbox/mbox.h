/*
 * mbox.h - the mbox driver, and what its files share.
 */

#ifndef MBOX_H
#define MBOX_H

#include <sys/stat.h>

#include "driver.h"
#include "journal.h"
#include "lock.h"
#include "path.h"
#include "scanner.h"
#include "state.h"

/*
 * A view.  The descriptor that it is read from goes to the front: it is sealed
 * before, so that it can be read again when it is needed, which is once a
 * session; where the platform has no seals, data stays in our memory.
 */
struct mbox_view {
	int fd; /* or -1 */
	uint64_t size;
	bool sealed;
	void *data;       /* size octets, or NULL: asleep */
	struct view view; /* of data, checked */
	bool settled;     /* the stamp's times were old enough for a
				 * later change to make others */
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

/* The view of the mailbox as it is now; -1 with error. */
int mbox_view_read(struct mbox *mbox, struct mbox_view *view,
    struct mailbox_error *error) MUST_CHECK;

/* The view of no messages; -1 with error. */
int mbox_view_empty(struct mbox_view *view, const struct view_stamp *stamp,
    struct mailbox_error *error) MUST_CHECK;

/* Have the view in memory, or not; -1 with error. */
int
mbox_view_wake(struct mbox_view *view, struct mailbox_error *error) MUST_CHECK;
void mbox_view_sleep(struct mbox_view *view);

void mbox_view_free(struct mbox_view *view);

/* The driver's other functions (mbox_update.c) */

enum channel_code
mbox_look(struct mailbox *mb, uint32_t index, struct mailbox_error *error);
int mbox_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error) MUST_CHECK;

#endif
