/*
 * maildir.h - the Maildir driver, and what its files share.
 */

#ifndef MAILDIR_H
#define MAILDIR_H

#include "driver.h"
#include "kept.h"
#include "maildir_list.h"
#include "path.h"

#define MAILDIR_LOCK "pop3d.lock"
#define MAILDIR_VIEW "pop3d.view"

struct maildir {
	const struct config *config;
	struct path path;
	int root;                    /* the Maildir itself; -1: there is none */
	int folder[MAILDIR_FOLDERS]; /* cur, new; -1: there is none */
	int lock;                    /* of the session, held; -1: read-only */
	int64_t begin; /* s: the file server's clock, once locked */
	struct view_parts view;
	bool scanned;     /* it is new, and worth keeping */
	bool partial;     /* files were left out, perhaps for this time only */
	struct kept kept; /* of an earlier session; fd -1: none, or one of
			   * view's */
	struct view_stamp stamps[MAILDIR_FOLDERS]; /* of the scan */
	struct maildir_list now; /* the folders, when something had moved */
};

/* Names of files are looked for in the Maildir's own folders, and no link. */
#define MAILDIR_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MAILDIR_FILE_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

/* The session lock (maildir_lock.c) */

/*
 * Lock the Maildir for this session: md->lock and md->begin.  CODE_OK, with a
 * warning when it cannot be made (md->lock stays -1); CODE_IN_USE with error.
 */
enum channel_code
maildir_lock(struct maildir *md, const char *peer, struct mailbox_error *error);

/* The view (maildir_scanner.c, maildir_kept.c) */

/*
 * A view of both folders, read by a child: md->view, with md->kept for a base
 * where those that are the same have not changed.  -1 with error.
 */
int maildir_scanner(struct maildir *md, const bool same[MAILDIR_FOLDERS],
    struct mailbox_error *error) MUST_CHECK;

/*
 * What an earlier session kept, if anything: md->kept, and which folders are
 * the same now.  True when both are and it is whole.
 */
bool maildir_kept_open(struct maildir *md, bool same[MAILDIR_FOLDERS]);

/* All of the view, for the caller to free; NULL with errno. */
void *maildir_view_load(const struct maildir *md, struct view *view) MUST_CHECK;

/* Keep the view of this session's scan; 0, or -1 with errno. */
int maildir_kept_write(const struct maildir *md) MUST_CHECK;

/* Where messages are (maildir_find.c) */

struct maildir_place {
	enum maildir_folder folder;
	char name[MAILDIR_NAME + 1];
};

/* Where message index was when it was scanned; -1 with errno. */
int maildir_place_get(const struct maildir *md, uint32_t index,
    struct maildir_place *place) MUST_CHECK;

/* List both folders anew into md->now; -1 with errno. */
int maildir_now(struct maildir *md) MUST_CHECK;

/*
 * Where md->now has message index: 1 with *place, 0 when it is not there,
 * -1 when it cannot be told from a twin of it.
 */
int maildir_place_find(const struct maildir *md, uint32_t index,
    struct maildir_place *place) MUST_CHECK;

/* As mailbox_messages(). */
size_t maildir_messages(struct mailbox *mb, uint32_t first, uint32_t count,
    int *descriptors, struct mailbox_error *error);

/* UPDATE (maildir_update.c, maildir_tidy.c) */

int maildir_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error) MUST_CHECK;

/* What a removal takes from the quota. */
struct maildir_quota {
	uint64_t octets;
	uint64_t messages;
};

/* Note it in maildirsize, where that is; -1 with errno. */
int maildir_quota_put(
    const struct maildir *md, const struct maildir_quota *quota) MUST_CHECK;

/* Remove what deliveries that failed left in tmp/ 36 hours ago. */
void maildir_tidy(const struct maildir *md);

#endif
