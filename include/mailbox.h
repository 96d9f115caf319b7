/*
 * mailbox.h - one locked maildrop, whatever its format.
 *
 * Opened once a session, by the back, after it has become the user.  What a
 * delivery agent adds later belongs to the next session (RFC 1939, 3).
 */

#ifndef MAILBOX_H
#define MAILBOX_H

#include "base.h"
#include "channel.h"
#include "view.h"

struct mailbox;

/* Which messages: bit i % 8 of octet i / 8. */
struct mailbox_set {
	const uint8_t *deleted;
	const uint8_t *fetched;
	uint32_t count; /* messages, those of the view */
};

struct mailbox_options {
	const struct config *config;
	const char *path; /* "mbox:/var/mail/x": format and absolute path */
	int state;        /* the user's state folder, or -1: read-only;
				 * stays the caller's */
	int keeper;       /* channel to the lock keeper, or -1 */
	const char *peer; /* address, for who holds the session lock */
	bool read_only;   /* change no message, make no mailbox */
};

/*
 * Why something failed: what the client may know, and a line for the log,
 * which the caller writes when no lock is held.
 */
struct mailbox_error {
	enum channel_code code;
	char text[CHANNEL_TEXT]; /* for the client */
	char log[CHANNEL_TEXT];  /* "" when there is nothing to say */
};

/*
 * Lock, finish an interrupted update, build the view.  A mailbox that does
 * not exist is empty, not an error.  NULL with error filled; nothing is
 * locked or open then.  Without a failure error->log may hold a warning.
 */
struct mailbox *mailbox_open(
    const struct mailbox_options *options, struct mailbox_error *error);

/* The view, as files that may be read with pread; the mailbox's. */
const struct view_parts *mailbox_view(const struct mailbox *mb);

/* It turned out to be no view: the next session shall not find it again. */
void mailbox_distrust(struct mailbox *mb);

/*
 * An O_RDONLY descriptor of an mbox for the front, with an open file
 * description of its own; -1 when there is none (Maildir, empty).  To be
 * closed by mailbox_given(), once it is sent.
 */
int mailbox_file(const struct mailbox *mb);
void mailbox_given(struct mailbox *mb);

bool mailbox_read_only(const struct mailbox *mb);

/*
 * Is message index of an mbox what it was when the view was made, but for
 * what its readers mark in its head?  Looks under the lock.  CODE_OK with
 * *looked filled, CODE_CHANGED, or another with error filled.
 */
enum channel_code mailbox_look(struct mailbox *mb, uint32_t index,
    struct ch_looked *looked, struct mailbox_error *error);

/*
 * Maildir: open the messages from first on, count of them (1 to
 * CHANNEL_DESCRIPTORS) or fewer, for reading: how many, in order, their
 * descriptors being the caller's.  0 with error when the first cannot be
 * opened; CODE_CHANGED: it is not there any more.
 */
size_t mailbox_messages(struct mailbox *mb, uint32_t first, uint32_t count,
    int *descriptors, struct mailbox_error *error);

struct mailbox_tally {
	uint32_t removed, left;
	uint64_t removed_octets, left_octets;
};

/*
 * Remove the messages marked in the set: all or nothing.  0: done, durable,
 * *done filled; error->log may hold a warning.  -1 with error: before anything
 * was changed, or (SYS/TEMP) at the next open.  CODE_PARTIAL: the same as 0 but
 * for those of several equal messages that could not be told apart after
 * another program changed the mailbox; *done is filled.
 *
 * A Maildir is not all or nothing: each message is removed or not, CODE_PARTIAL
 * says that some were not, and what was fetched is moved to cur/.
 */
int mailbox_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error) MUST_CHECK;

/*
 * Only finish what an interrupted update has left, with the locks that
 * mailbox_open() takes for it; nothing is locked or open then.  0: nothing is
 * left to be finished; error->log says what was done, "" when there was
 * nothing.  -1 with error, CODE_IN_USE while the mailbox is in session.
 */
int mailbox_recover(const struct mailbox_options *options,
    struct mailbox_error *error) MUST_CHECK;

/*
 * The mailbox ("mbox:/var/mail/x") whose journal has this name in a state
 * folder.  -1 with errno EINVAL: it is no journal of a mailbox.
 */
int mailbox_journal(const char *name, char dst[CHANNEL_PATH]) MUST_CHECK;

/* Unlocks and frees; NULL is nothing. */
void mailbox_close(struct mailbox *mb);

/*
 * See that a state folder has the file that an update of an mbox uses up when
 * there is no space for its journal; -1 with errno.  See journal_reserve().
 */
int mailbox_reserve(int state) MUST_CHECK;

/*
 * The lock keeper's life: takes, refreshes and drops the dotlock of the file
 * named in directory, as the user with the mail group, until channel ends.
 * Runs in a forked child of the back while that is root; becomes uid and
 * mail_gid, closes itself in, answers on channel, _exits.
 */
_Noreturn void lock_keeper_run(
    int channel, int directory, const char *file, uid_t uid, gid_t mail_gid);

/*
 * Would the user need the keeper: may the folder of path be written by
 * mail_gid's members, but not by uid, gid and groups?  With true, an O_PATH
 * descriptor of the folder and the file's name (of CHANNEL_PATH octets) for
 * the keeper.  To be called with the user's effective ids.
 */
bool lock_keeper_needed(
    const char *path, gid_t mail_gid, int *directory, char *file);

#endif
