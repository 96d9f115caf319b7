/*
 * maildir_kept.c - the view of a Maildir that one session leaves to the next.
 *
 * It is what the folders hold when both have the device, inode, size and times
 * that they had before they were scanned, and had then been left alone for
 * more than the 2 s in which a clock may not tick.  Otherwise it still says of
 * each file that it knows (its inode and name) how large that is on the wire;
 * and where cur/ is the same, only new/ is read.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"

bool
maildir_kept_open(struct maildir *md, bool same[MAILDIR_FOLDERS])
{
	struct view_stamp now;
	bool all = true;
	int i;

	if (kept_open(md->root, MAILDIR_VIEW, VIEW_MAILDIR, &md->kept) == -1)
		return false;
	for (i = 0; i < MAILDIR_FOLDERS; i++) {
		same[i] = (md->kept.settled >> i & 1) != 0 &&
		    maildir_stamp(md->folder[i], &now) == 0 &&
		    memcmp(&now, &md->kept.stamps[i], sizeof(now)) == 0;
		all = all && same[i];
	}
	return all && kept_whole(&md->kept);
}

void *
maildir_view_load(const struct maildir *md, struct view *view)
{
	struct kept kept = md->kept;

	/* What is the user's may have changed since it was looked at. */
	kept.view.fd = md->scanned ? md->view.base : md->view.fd;
	if (kept.view.fd == -1 || kept_whole(&kept))
		return view_parts_load(&md->view, view);
	errno = EBADMSG;
	return NULL;
}

/*
 * A file that could not be read may be readable the next time, and no time of
 * a folder tells: then the next session has to look at both.
 */
int
maildir_kept_write(const struct maildir *md)
{
	struct kept kept = {.view = md->view};
	struct kept known = md->kept;
	int i;

	/* What is taken over from the user's file gets a new sum. */
	known.view.fd = md->view.base;
	if (known.view.fd != -1 && !kept_whole(&known)) {
		(void)unlinkat(md->root, MAILDIR_VIEW, 0);
		errno = EBADMSG;
		return -1;
	}
	for (i = 0; i < MAILDIR_FOLDERS; i++) {
		kept.stamps[i] = md->stamps[i];
		if (!md->partial &&
		    md->stamps[i].mtime_s < md->begin - KEPT_SETTLED &&
		    md->stamps[i].ctime_s < md->begin - KEPT_SETTLED)
			kept.settled |= 1U << i;
	}
	return kept_write(md->root, MAILDIR_VIEW, &kept, NULL);
}
