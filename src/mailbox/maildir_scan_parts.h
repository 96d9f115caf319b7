/*
 * maildir_scan_parts.h - what the scan of a Maildir is made of.
 */

#ifndef MAILDIR_SCAN_PARTS_H
#define MAILDIR_SCAN_PARTS_H

#include "maildir_scan.h"

#define SCAN_TRIES 3 /* while others move messages */

struct scan {
	const struct maildir_scan_job *job;
	const struct view *known; /* job->known's, or NULL */
	struct maildir_list list;
	struct view_message *messages; /* one for each entry */
	struct maildir_key *unknown; /* entries whose files must be looked at */
	uint32_t unknown_count;
	uint32_t odd, read, moved, doubled;
	char *piece;
	struct view_head base; /* of the view that this one goes on from, or
				* all 0 */
};

/*
 * Read new/ alone, when cur/ is the same: scan->list becomes what is new there
 * and comes behind everything known, scan->base is known's head.  1; 0: both
 * folders must be read; -1 with errno.
 */
int scan_more(struct scan *scan) MUST_CHECK;

#endif
