/*
 * mbox_update.c - UPDATE of an mbox, and looking whether a message is still
 * there.
 *
 * Order: mailbox locks; an interrupted update is finished; the file is as it
 * was scanned, or its messages are found again (match.c); the journal takes
 * the octets out, and has made it durable when it returns; the locks are
 * given back.  Interrupted before journal_remove(), nothing has happened;
 * within it, the next session finishes it (mbox_finish()).
 *
 * A message reaches to the next one's place, so that the empty line between
 * two goes with the one before it.  What is before the first message shown
 * (the pseudo message of IMAP servers) and what came behind the last is in no
 * range.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "mbox.h"

#define UPDATE_TRIES 3 /* somebody appends without a lock */
#define UPDATE_LONG \
	(64U << 20) /* octets: moving these may take long enough
				 * for a dotlock to look stale */

enum update_outcome { UPDATE_DONE, UPDATE_FAILED, UPDATE_AGAIN };

static bool
stamp_same(const struct view_stamp *a, const struct view_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
	    a->ctime_ns == b->ctime_ns;
}

/* Where message index ends: where the next begins, or the file ended. */
static uint64_t
update_end(const struct view *view, uint32_t index)
{
	if (index + 1 < view->head->count)
		return view->message[index + 1].place;
	return view->head->stamp.size;
}

/* The octets of the marked messages, as ranges that the caller frees. */
static struct journal_range *
update_ranges(
    const struct view *view, const struct mailbox_set *set, size_t *count)
{
	struct journal_range *ranges, *last = NULL;
	uint32_t i;

	ranges = calloc((size_t)view->head->count + 1, sizeof(*ranges));
	if (ranges == NULL)
		return NULL;
	*count = 0;
	for (i = 0; i < view->head->count; i++) {
		uint64_t place = view->message[i].place;

		if (!set_has(set, i))
			continue;
		if (last == NULL || last->offset + last->length != place) {
			last = &ranges[(*count)++];
			last->offset = place;
		}
		last->length = update_end(view, i) - last->offset;
	}
	return ranges;
}

static enum update_outcome
update_failed(const struct mbox *mbox, bool begun, int number,
    struct mailbox_error *error)
{
	char text[128];

	if (begun) {
		mailbox_fail(error, CODE_TEMPORARY,
		    "the removal will be finished at the next login",
		    "%s: update interrupted: %s", mbox->path.path,
		    strerror(number));
		return UPDATE_FAILED;
	}
	text_cut(
	    text, sizeof(text), "nothing was removed: %s", strerror(number));
	mailbox_fail(error, CODE_TEMPORARY, text, "%s: update failed: %s",
	    mbox->path.path, strerror(number));
	return number == EAGAIN ? UPDATE_AGAIN : UPDATE_FAILED;
}

/* Take the marked messages of view out of the locked file. */
static enum update_outcome
update_remove(struct mbox *mbox, const struct view *view,
    const struct mailbox_set *set, struct mailbox_error *error)
{
	char name[STATE_FILE];
	struct journal_place place = {
	    .directory = mbox->state.place[0].folder,
	    .name = name,
	    .space = mbox->config->journal_size,
	    .reserve = STATE_RESERVE,
	};
	struct lock_helper helper = {.pid = -1, .end = -1};
	struct journal_range *ranges;
	size_t count = 0;
	bool begun = false;
	int result = 0, number;

	ranges = update_ranges(view, set, &count);
	if (ranges == NULL)
		return update_failed(mbox, false, ENOMEM, error);
	state_file(&mbox->state.place[0], STATE_JOURNAL, name);
	if (!platform_file_fits(view->head->stamp.size)) {
		free(ranges);
		return update_failed(mbox, false, EFBIG, error);
	}
	if (view->head->stamp.size > UPDATE_LONG)
		lock_helper_start(&mbox->lock, &helper);
	if (count > 0)
		result = journal_remove(&place, mbox->file,
		    view->head->stamp.size, ranges, count, &begun);
	number = errno;
	lock_helper_stop(&helper);
	free(ranges);
	return result == 0 ? UPDATE_DONE :
			     update_failed(mbox, begun, number, error);
}

/* The file is another than was scanned: find the messages again. */
static enum update_outcome
update_found(struct mbox *mbox, const struct mailbox_set *set,
    struct match *match, struct mailbox_error *error)
{
	enum update_outcome outcome;
	struct mailbox_set remove;
	struct mbox_view now;

	if (mbox_view_read(mbox, &now, false, error) == -1)
		return UPDATE_FAILED;
	if (mbox_view_wake(&now, error) == -1) {
		mbox_view_free(&now);
		return UPDATE_FAILED;
	}
	if (match_views(&mbox->view.view, set, &now.view, match) == -1) {
		mbox_view_free(&now);
		return update_failed(mbox, false, ENOMEM, error);
	}
	remove.deleted = match->remove;
	remove.fetched = NULL;
	remove.count = now.view.head->count;
	outcome = update_remove(mbox, &now.view, &remove, error);
	if (outcome == UPDATE_DONE) {
		mbox_kept_replace(mbox, &now);
		mbox_kept_remove(mbox, &remove);
	} else
		mbox_view_free(&now);
	free(match->remove);
	match->remove = NULL;
	return outcome;
}

/* It is what was scanned. */
static enum update_outcome
update_scanned(struct mbox *mbox, const struct mailbox_set *set,
    struct mailbox_error *error)
{
	enum update_outcome outcome =
	    update_remove(mbox, &mbox->view.view, set, error);

	if (outcome == UPDATE_DONE)
		mbox_kept_remove(mbox, set);
	return outcome;
}

static enum update_outcome
update_locked(struct mbox *mbox, const struct mailbox_set *set,
    struct match *match, struct mailbox_error *error)
{
	struct view_stamp stamp;

	/* It may have become so since; a journal could not be carried out. */
	if (!mbox->writable) {
		mailbox_fail(error, CODE_PERMANENT,
		    "nothing was removed: the mailbox is read-only",
		    "%s: has become read-only", mbox->path.path);
		return UPDATE_FAILED;
	}
	if (mbox_finish(mbox, error) == -1 ||
	    mbox_stamp(mbox, &stamp, error) == -1)
		return UPDATE_FAILED;
	if (mbox->view.settled && !mbox->view.sampled &&
	    stamp_same(&stamp, &mbox->view.view.head->stamp))
		return update_scanned(mbox, set, error);
	return update_found(mbox, set, match, error);
}

static enum update_outcome
update_once(struct mbox *mbox, const struct mailbox_set *set,
    struct match *match, struct mailbox_error *error)
{
	enum update_outcome outcome;
	int found;

	memset(error, 0, sizeof(*error));
	memset(match, 0, sizeof(*match));
	found = mbox_take(mbox, error);
	if (found == -1)
		return UPDATE_FAILED;
	if (found == 0) {
		mailbox_warn(error, "%s: was removed during the session",
		    mbox->path.path);
		return UPDATE_DONE;
	}
	outcome = update_locked(mbox, set, match, error);
	mbox_drop(mbox);
	return outcome;
}

/* How many messages are marked, with their octets; done->left is the rest. */
static void
update_count(const struct view *view, const struct mailbox_set *set,
    struct mailbox_tally *done)
{
	uint32_t i;

	memset(done, 0, sizeof(*done));
	for (i = 0; i < view->head->count; i++) {
		if (!set_has(set, i))
			continue;
		done->removed++;
		done->removed_octets += view->message[i].octets;
	}
	done->left = view->head->count - done->removed;
	done->left_octets = view->head->octets - done->removed_octets;
}

/*
 * What the client is told of messages that it deleted and that are not found
 * again: nothing, when another program has removed them; but with messages
 * there that nobody knows they may be those, changed.
 */
static int
update_told(const struct mbox *mbox, const struct match *match,
    struct mailbox_error *error)
{
	uint32_t stay = match->doubtful;

	if (match->strangers > 0)
		stay += match->missing;
	if (stay > 0) {
		mailbox_fail(error, CODE_PARTIAL,
		    "some messages were not removed",
		    "%s: changed by another program: %u messages not removed",
		    mbox->path.path, stay);
		return -1;
	}
	if (match->missing > 0)
		mailbox_warn(error,
		    "%s: changed by another program: %u messages were gone",
		    mbox->path.path, match->missing);
	return 0;
}

int
mbox_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error)
{
	enum update_outcome outcome = UPDATE_AGAIN;
	struct mbox *mbox = mb->own;
	struct mailbox_tally tally;
	struct match match;
	int tries;

	if (mbox_view_wake(&mbox->view, error) == -1)
		return -1;
	update_count(&mbox->view.view, set, &tally);
	if (tally.removed == 0) {
		*done = tally;
		return 0;
	}
	if (mb->read_only) {
		mailbox_fail(error, CODE_PERMANENT, "mailbox is read-only",
		    "%s: is read-only", mbox->path.path);
		return -1;
	}
	for (tries = 0; tries < UPDATE_TRIES && outcome == UPDATE_AGAIN;
	     tries++)
		outcome = update_once(mbox, set, &match, error);
	if (outcome != UPDATE_DONE)
		return -1;
	tally.removed -= match.doubtful + match.missing;
	tally.removed_octets -= match.doubtful_octets + match.missing_octets;
	tally.left += match.doubtful;
	tally.left_octets += match.doubtful_octets;
	*done = tally;
	return update_told(mbox, &match, error);
}

/* But for what its head says besides what makes its unique-id. */
static bool
look_same(const struct view_message *a, const struct view_message *b)
{
	return a->octets == b->octets && a->length == b->length &&
	    a->body == b->body && a->envelope == b->envelope &&
	    a->check >> 32 == b->check >> 32 &&
	    memcmp(a->digest, b->digest, VIEW_DIGEST) == 0;
}

/* The mailbox is locked. */
static enum channel_code
look_locked(struct mbox *mbox, uint32_t index, struct ch_looked *looked,
    struct mailbox_error *error)
{
	const struct view *view = &mbox->view.view;
	const struct view_message *then = &view->message[index];
	struct view_message now;
	struct view_stamp stamp;
	enum channel_code code;

	if (mbox_stamp(mbox, &stamp, error) == -1)
		return error->code;
	/* The front has the file that was scanned, not this one. */
	if (stamp.device != view->head->stamp.device ||
	    stamp.inode != view->head->stamp.inode ||
	    stamp.size < update_end(view, index))
		return CODE_CHANGED;
	code = scanner_message(
	    &mbox->lock, then->place, update_end(view, index), &now, error);
	if (code != CODE_OK)
		return code;
	looked->check = now.check;
	if (!look_same(then, &now)) {
		mbox->marked = true;
		return CODE_CHANGED;
	}
	if (now.check != then->check)
		mbox->marked = true;
	return CODE_OK;
}

enum channel_code
mbox_look(struct mailbox *mb, uint32_t index, struct ch_looked *looked,
    struct mailbox_error *error)
{
	struct mbox *mbox = mb->own;
	enum channel_code code = CODE_CHANGED;
	int found;

	if (mbox_view_wake(&mbox->view, error) == -1)
		return error->code;
	if (index < mbox->view.view.head->count) {
		found = mbox_take(mbox, error);
		if (found == 1) {
			code = look_locked(mbox, index, looked, error);
			mbox_drop(mbox);
		} else if (found == -1)
			code = error->code;
	}
	mbox_view_sleep(&mbox->view);
	return code;
}
