/*
 * maildir_lock.c - one POP3 session a Maildir.
 *
 * As an mbox's, but in the Maildir itself.  Deliveries and IMAP servers need
 * none, and take no notice of it.
 */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "maildir.h"
#include "session_lock.h"

/* Signed; the file's time then is the server's clock. */
static void
maildir_lock_sign(struct maildir *md, const char *peer)
{
	struct stat st;

	md->begin = 0;
	if (session_lock_sign(md->lock, peer) == 0 && fstat(md->lock, &st) == 0)
		md->begin = st.st_mtim.tv_sec;
}

enum channel_code
maildir_lock(struct maildir *md, const char *peer, struct mailbox_error *error)
{
	static const struct timespec pause = {0, SESSION_LOCK_PAUSE * 1000000L};
	int64_t end = clock_ms() + SESSION_LOCK_GRACE;
	char holder[SESSION_LOCK_LINE];

	while ((md->lock = session_lock_try(md->root, MAILDIR_LOCK, holder)) ==
	    -1) {
		if (errno != EAGAIN) {
			mailbox_warn(error,
			    "%s: session lock cannot be made: %s",
			    md->path.path, strerror(errno));
			return CODE_OK;
		}
		if (clock_ms() >= end) {
			session_lock_held(md->path.path, holder, error);
			return CODE_IN_USE;
		}
		(void)nanosleep(&pause, NULL);
	}
	maildir_lock_sign(md, peer);
	return CODE_OK;
}
