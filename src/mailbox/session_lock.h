/*
 * session_lock.h - one POP3 session a mailbox (RFC 1939, 8).
 *
 * The lock is the kernel's, on a file that is never unlinked: nothing is left
 * of a session that was killed, and nobody can lock a file that is not there
 * any more.  It belongs to the open file description, not to the process
 * (closing another descriptor of the file must not drop it): children share
 * it and must close it.  What the file says is for the log only.
 */

#ifndef SESSION_LOCK_H
#define SESSION_LOCK_H

#include "error.h"

#define SESSION_LOCK_GRACE 500 /* ms: who quits and comes back at once */
#define SESSION_LOCK_PAUSE 50  /* ms, between tries */
#define SESSION_LOCK_LINE 256  /* octets of what the file says */

/*
 * One try to lock the file of that name in folder, made where it is missing:
 * a descriptor, which is the lock.  -1 with errno; EAGAIN when another session
 * has it: what that wrote is in holder then.
 */
int session_lock_try(
    int folder, const char *name, char holder[SESSION_LOCK_LINE]) MUST_CHECK;

/*
 * Write who holds it.  0, or -1 where nothing can be written: a full disk is
 * no reason to fail.
 */
int session_lock_sign(int lock, const char *peer);

/* CODE_IN_USE for the mailbox at path, from what the holder wrote. */
void
session_lock_held(const char *path, char *holder, struct mailbox_error *error);

#endif
