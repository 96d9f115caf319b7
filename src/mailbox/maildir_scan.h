/*
 * maildir_scan.h - what a Maildir's messages are.
 *
 * Runs in a child of the back, closed in (maildir_scanner.c).
 */

#ifndef MAILDIR_SCAN_H
#define MAILDIR_SCAN_H

#include "crypto.h"
#include "kept.h"
#include "maildir_list.h"

struct maildir_scan_job {
	DIR *folders[MAILDIR_FOLDERS]; /* NULL: there is none */
	const struct kept *known;    /* of an earlier session, or NULL: what is
				   * in it need not be read again */
	bool same[MAILDIR_FOLDERS];  /* since known: not changed */
	const struct crypto *crypto; /* NULL: none loaded */
	uid_t user;                  /* whose files are messages */
	int out;                     /* the view is written here */
};

struct maildir_scan_result {
	struct view_stamp stamps[MAILDIR_FOLDERS]; /* before it began */
	uint32_t count;                            /* messages */
	uint32_t odd;  /* files that are none, or cannot be read */
	uint32_t read; /* files that were read */
};

/*
 * Write the view of both folders to job->out.  Where cur/ is the same, only
 * new/ is read, and what is there now and comes behind all others has known's
 * file for its base.  0 with *result; -1 with errno:
 * ENOTSUP when names need a digest and there is no job->crypto, EFBIG for
 * more than VIEW_MESSAGES_MAX messages, or what readdir, write and malloc
 * say.
 */
int maildir_scan(const struct maildir_scan_job *job,
    struct maildir_scan_result *result) MUST_CHECK;

#endif
