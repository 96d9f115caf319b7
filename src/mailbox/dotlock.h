/*
 * dotlock.h - the lock file NAME.lock beside a mailbox.
 */

#ifndef DOTLOCK_H
#define DOTLOCK_H

#include <sys/stat.h>

#include "base.h"

#define DOTLOCK_NAME 256    /* octets with the NUL */
#define DOTLOCK_CONTENT 512 /* octets with the NUL */
#define DOTLOCK_HOLDER 128  /* octets with the NUL */
#define DOTLOCK_STALE 300   /* s without a change of lock and mailbox */

/* Who we are, as far as a lock's reader can tell. */
struct dotlock_self {
	char host[256];
	char boot[64];  /* the kernel's boot id, or "-" */
	char space[64]; /* the namespace our pid is of, or "-" */
};

struct dotlock {
	int directory;             /* the folder; the caller's */
	const char *mailbox;       /* its name in the folder; the caller's */
	char name[DOTLOCK_NAME];   /* MAILBOX.lock */
	char fresh[DOTLOCK_NAME];  /* what is to become it */
	char caught[DOTLOCK_NAME]; /* one that is being removed */
	struct dotlock_self self;
	bool held;
	int fd;       /* our lock file, while held: as long as it is
				 * open no other gets its inode's number */
	dev_t device; /* of our lock file, while held */
	ino_t inode;
	/*
	 * The only lock of others that may be read, or -1: for the keeper,
	 * who has closed itself in and can open nothing.
	 */
	bool closed_in;
	int known;
	char holder[DOTLOCK_HOLDER]; /* after EAGAIN: in words, or "" */
};

/*
 * Ready to take the dotlock of mailbox in directory.  0, or -1 with errno
 * ENAMETOOLONG.
 */
int dotlock_init(
    struct dotlock *dot, int directory, const char *mailbox) MUST_CHECK;

/*
 * For a process that will not be able to open files: hold the lock file that
 * is there now open, so that it can be judged by its content; one that comes
 * later is judged by its age alone.  What a killed process has left is removed
 * here, and not later.
 */
void dotlock_close_in(struct dotlock *dot);

/*
 * One try.  0: held.  -1 with errno EAGAIN: another holds it, see holder;
 * EACCES, EPERM: the folder does not let us; ENOSPC, EDQUOT, EROFS: no lock
 * can be made there by anybody; else what the system said.  After a failure
 * nothing of ours is in the folder; after a success neither is what a process
 * that was killed in the middle of this has left.
 */
int dotlock_take(struct dotlock *dot) MUST_CHECK;

/* Make it new again; -1 with errno ESTALE when it is not ours any more. */
int dotlock_refresh(struct dotlock *dot) MUST_CHECK;

/* Remove it if it is still ours. */
void dotlock_drop(struct dotlock *dot);

#endif
