/*
 * mbox_kept.c - the view of an mbox that one session leaves to the next.
 *
 * It is what the mailbox holds when that has the device, inode, size and times
 * that it had when it was scanned, and had then been left alone for more than
 * the 2 s in which a clock may not tick.  Of one that has changed it still
 * tells the scanner where to begin (scan_known.c).
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "match.h"
#include "mbox.h"
#include "scan_parts.h"

#define MBOX_VIEW ".view"

bool
mbox_kept_open(const struct mbox *mbox, const struct view_stamp *stamp,
    struct mbox_view *view)
{
	struct kept *kept = &view->kept;
	char name[STATE_FILE];

	if (!state_writable(&mbox->state))
		return false;
	state_file(&mbox->state.place[0], MBOX_VIEW, name);
	if (kept_open(mbox->state.place[0].folder, name, VIEW_MBOX, kept) == -1)
		return false;
	if (kept->settled != 1 ||
	    memcmp(&kept->view.head.stamp, stamp, sizeof(*stamp)) != 0 ||
	    !kept_whole(kept))
		return false;
	view->parts = kept->view;
	view->settled = true;
	view->fresh = true;
	view->sampled = kept->sampled;
	return true;
}

void
mbox_kept_replace(struct mbox *mbox, struct mbox_view *now)
{
	struct view_head *head = now->data;

	/* Without memory for it they begin anew. */
	(void)!scan_twins_known(
	    (void *)(head + 1), head->count, &mbox->view.view);
	mbox_view_free(&mbox->view);
	mbox->view = *now;
}

/* What stays moves down, in the view as in the mailbox. */
static void
kept_shift(struct mbox_view *view, const struct mailbox_set *set)
{
	struct view_head *head = view->data;
	struct view_message *m = (void *)(head + 1);
	uint64_t gone = 0, end;
	uint32_t i, count = 0;

	for (i = 0; i < head->count; i++) {
		end = i + 1 < head->count ? m[i + 1].place : head->stamp.size;
		if (set_has(set, i)) {
			gone += end - m[i].place;
			head->octets -= m[i].octets;
			continue;
		}
		m[count] = m[i];
		m[count++].place -= gone;
	}
	head->count = count;
	head->stamp.size -= gone;
}

void
mbox_kept_remove(struct mbox *mbox, const struct mailbox_set *set)
{
	struct view_head *head = mbox->view.data;
	struct mailbox_error ignored;
	struct view_stamp stamp;

	kept_shift(&mbox->view, set);
	/* Something was appended without a lock: the next session finds it. */
	if (mbox_stamp(mbox, &stamp, &ignored) == -1 ||
	    stamp.size != head->stamp.size)
		return;
	head->stamp = stamp;
	mbox->view.parts.head = *head;
	mbox->view.settled = false;
	mbox->removed = true;
}

void
mbox_kept_discard(const struct mbox *mbox)
{
	char name[STATE_FILE];

	if (!state_writable(&mbox->state))
		return;
	state_file(&mbox->state.place[0], MBOX_VIEW, name);
	(void)unlinkat(mbox->state.place[0].folder, name, 0);
}

void
mbox_kept_close(struct mbox *mbox)
{
	struct mbox_view *view = &mbox->view;
	struct kept kept = {
	    .view = view->parts,
	    .settled = view->settled,
	    .sampled = view->sampled,
	};
	char name[STATE_FILE];

	if (!state_writable(&mbox->state) || view->parts.fd == -1)
		return;
	if (mbox->marked || mbox->distrusted) {
		mbox_kept_discard(mbox);
		return;
	}
	if (view->fresh && !mbox->removed)
		return;
	/* What is taken over from the user's file gets a new sum. */
	if (view->parts.head.count == 0 ||
	    (!mbox->removed && view->parts.base != -1 &&
		!kept_whole(&view->kept))) {
		mbox_kept_discard(mbox);
		return;
	}
	state_file(&mbox->state.place[0], MBOX_VIEW, name);
	/* Without it the next session reads the mailbox. */
	(void)!kept_write(mbox->state.place[0].folder, name, &kept,
	    mbox->removed ? view->data : NULL);
}
