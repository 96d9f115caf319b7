/*
 * lock.h - the locks that delivery agents and mail readers know.
 */

#ifndef LOCK_H
#define LOCK_H

#include <time.h>

#include "dotlock.h"
#include "error.h"

#define LOCK_REFRESH 60000 /* ms between two refreshes of a dotlock */

struct lock {
	unsigned kinds;   /* LOCK_*: those to take */
	unsigned held;    /* LOCK_*: those we have now */
	const char *path; /* of the mailbox, for the log; the caller's */
	int file;         /* the mailbox, open; while held */
	bool writable;    /* file is O_RDWR */
	int keeper;       /* channel to the keeper, or -1: by ourselves */
	struct dotlock dotlock;
	char holder[DOTLOCK_HOLDER + 64]; /* of the lock that was refused */
};

/*
 * Ready to lock the mailbox named name in directory.  path, name, directory
 * and keeper stay the caller's and must outlive the lock.  0, or -1 with
 * error.
 */
int
lock_init(struct lock *lock, unsigned kinds, int directory, const char *name,
    const char *path, int keeper, struct mailbox_error *error) MUST_CHECK;

/*
 * Take every lock on file, trying until the time deadline (clock_ms()).
 * -1 with error: CODE_IN_USE when others held one all the time; nothing is
 * held then.
 */
int lock_take(struct lock *lock, int file, bool writable, int64_t deadline,
    struct mailbox_error *error) MUST_CHECK;

/* -1 with errno when a lock that has to be touched is not ours any more. */
int lock_refresh(struct lock *lock) MUST_CHECK;

/*
 * Wait until done can be read or is at its end, and refresh meanwhile.
 * -1 with errno when a lock was lost; then it was not waited to the end.
 */
int lock_wait(struct lock *lock, int done) MUST_CHECK;

/*
 * Refresh in a child from now on, while this process is busy: start before,
 * stop after.  In between the caller uses no function of the lock.
 */
struct lock_helper {
	pid_t pid; /* -1: none could be started */
	int end;   /* closing it ends the child */
};
void lock_helper_start(struct lock *lock, struct lock_helper *helper);
void lock_helper_stop(struct lock_helper *helper);

/* The time on the file server's clock, as far as a held lock can tell it. */
void lock_clock(const struct lock *lock, struct timespec *now);

void lock_drop(struct lock *lock);

#endif
