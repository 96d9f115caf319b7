/*
 * lock.c - the locks that delivery agents and mail readers know.
 *
 * Theory
 *
 * There is no one lock that every program honours.  Delivery agents take
 * some of: a dotlock (a file MAILBOX.lock), fcntl (POSIX record lock on the
 * mailbox), flock.  A program that takes two in the order A, B and waits for
 * B while it holds A deadlocks with one that takes them in the order B, A;
 * and both orders are in use (Debian's policy says fcntl, dotlock; Dovecot
 * and Exim dotlock, fcntl).  Hence rule 1.
 *
 *  1. Nobody here waits for a lock while holding another.  One try takes
 *     all, none of them waiting; a refusal gives all back, then we sleep,
 *     at first a few ms, as a delivery takes, in the end a random 50 to
 *     200 ms (the same pause for all would have two of us meet again and
 *     again).  So the order is free; the order of the table
 *     is cheap to dear: fcntl and flock touch no disk, the dotlock makes and
 *     removes files.
 *
 *  2. A lock is on an inode, mailboxes are found by name.  Who waited may
 *     hold the lock of a file that was replaced meanwhile.  So the caller
 *     looks at the path again after locking, and starts over with another
 *     inode (mbox_file.c).
 *
 *  3. POSIX record locks belong to the process and the inode: closing any
 *     descriptor of that file drops them, even one that was opened only to
 *     look.  While a lock is held this process neither opens nor closes
 *     another descriptor of the mailbox.  They are not inherited by fork: a
 *     child may close what it likes, and must not write to the mailbox,
 *     because its parent's death drops the locks at once.  This is why the
 *     update is done by the process that took the locks, and a child only
 *     touches the dotlock meanwhile.
 *
 *  4. flock belongs to the open file description, which children share: they
 *     close it and do not unlock it.
 *
 *  5. Locks are held while scanning and while updating, never while talking
 *     to anybody: not to the client, not to syslog.
 *
 *  6. Other programs break a dotlock that is old (five minutes are usual).
 *     While ours is held it is touched every LOCK_REFRESH.  One that was
 *     taken from us ends a scan; an update that has begun goes on, since
 *     stopping in its middle is worse, and fcntl is still held.
 *
 *  7. No lock that a file system cannot give (full, over quota, read-only)
 *     is a reason not to go on: deleting is the only way out of a full disk.
 *     A lock that we may not make is: others can make it, and will.
 */

#include <sys/file.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "lock.h"

#define LOCK_SHORT 5  /* pauses that grow, the first of 4 ms at most */
#define LOCK_LONG 200 /* ms at most, of those that follow */

enum lock_outcome {
	LOCK_GOT,
	LOCK_WITHOUT,
	LOCK_BUSY,
	LOCK_REFUSED,
	LOCK_ERROR
};

static enum lock_outcome
lock_by_errno(void)
{
	switch (errno) {
	case EAGAIN:
		return LOCK_BUSY;
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return LOCK_WITHOUT;
	case EACCES:
	case EPERM:
		return LOCK_REFUSED;
	default:
		return LOCK_ERROR;
	}
}

static void
lock_fcntl_record(const struct lock *lock, short type, struct flock *record)
{
	memset(record, 0, sizeof(*record));
	record->l_type = type;
	record->l_whence = SEEK_SET;
	if (type == F_WRLCK && !lock->writable)
		record->l_type = F_RDLCK;
}

static enum lock_outcome
lock_fcntl_take(struct lock *lock)
{
	struct flock record;

	lock_fcntl_record(lock, F_WRLCK, &record);
	if (fcntl(lock->file, F_SETLK, &record) == 0)
		return LOCK_GOT;
	if (errno != EAGAIN && errno != EACCES)
		return lock_by_errno();
	lock_fcntl_record(lock, F_WRLCK, &record);
	if (fcntl(lock->file, F_GETLK, &record) == 0 &&
	    record.l_type != F_UNLCK && record.l_pid > 0)
		text_cut(lock->holder, sizeof(lock->holder), "pid %ld",
		    (long)record.l_pid);
	return LOCK_BUSY;
}

static void
lock_fcntl_drop(struct lock *lock)
{
	struct flock record;

	lock_fcntl_record(lock, F_UNLCK, &record);
	(void)fcntl(lock->file, F_SETLK, &record);
}

static enum lock_outcome
lock_flock_take(struct lock *lock)
{
	if (flock(lock->file, LOCK_EX | LOCK_NB) == 0)
		return LOCK_GOT;
	return lock_by_errno();
}

static void
lock_flock_drop(struct lock *lock)
{
	(void)flock(lock->file, LOCK_UN);
}

/* Ask the keeper; the answer's code, or CODE_LIMIT when there is none. */
static uint32_t
lock_ask_keeper(struct lock *lock, uint32_t type)
{
	struct record record;

	memset(&record, 0, sizeof(record));
	if (channel_write(lock->keeper, &record, type, NULL, 0) == -1 ||
	    channel_read(lock->keeper, &record, NULL, NULL) != 1 ||
	    record.type != type + 1)
		return CODE_LIMIT;
	text_cut(
	    lock->holder, sizeof(lock->holder), "%s", record.u.result.text);
	return record.u.result.code;
}

static enum lock_outcome
lock_dotlock_take(struct lock *lock)
{
	enum lock_outcome outcome;
	uint32_t code;

	if (lock->keeper == -1) {
		if (dotlock_take(&lock->dotlock) == 0)
			return LOCK_GOT;
		outcome = lock_by_errno();
		text_cut(lock->holder, sizeof(lock->holder), "%s",
		    lock->dotlock.holder);
		return outcome;
	}
	code = lock_ask_keeper(lock, CH_TAKE);
	if (code == CODE_OK)
		return LOCK_GOT;
	if (code == CODE_IN_USE)
		return LOCK_BUSY;
	if (code == CODE_TEMPORARY)
		return LOCK_WITHOUT;
	errno = code == CODE_REFUSED ? EACCES : EPIPE;
	return code == CODE_REFUSED ? LOCK_REFUSED : LOCK_ERROR;
}

static int
lock_dotlock_refresh(struct lock *lock)
{
	if (lock->keeper == -1)
		return dotlock_refresh(&lock->dotlock);
	if (lock_ask_keeper(lock, CH_REFRESH) == CODE_OK)
		return 0;
	errno = ESTALE;
	return -1;
}

static void
lock_dotlock_drop(struct lock *lock)
{
	if (lock->keeper == -1)
		dotlock_drop(&lock->dotlock);
	else
		(void)lock_ask_keeper(lock, CH_DROP);
}

/* clang-format off */
static const struct lock_kind {
	unsigned bit;
	const char *name;
	enum lock_outcome (*take)(struct lock *lock);
	void (*drop)(struct lock *lock);
} lock_kinds[] = {
	{ LOCK_FCNTL,   "fcntl lock", lock_fcntl_take,   lock_fcntl_drop },
	{ LOCK_FLOCK,   "flock",      lock_flock_take,   lock_flock_drop },
	{ LOCK_DOTLOCK, "dotlock",    lock_dotlock_take, lock_dotlock_drop },
};
/* clang-format on */

int
lock_init(struct lock *lock, unsigned kinds, int directory, const char *name,
    const char *path, int keeper, struct mailbox_error *error)
{
	memset(lock, 0, sizeof(*lock));
	lock->kinds = kinds;
	lock->path = path;
	lock->keeper = keeper;
	lock->file = -1;
	if (dotlock_init(&lock->dotlock, directory, name) == 0)
		return 0;
	mailbox_fail(error, CODE_PERMANENT, "mailbox cannot be locked",
	    "%s: the name of its lock file is too long", path);
	return -1;
}

/* One try; *kind is the lock that was not got. */
static enum lock_outcome
lock_try(struct lock *lock, const struct lock_kind **kind)
{
	enum lock_outcome outcome;
	size_t i;

	lock->holder[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(lock_kinds); i++) {
		*kind = &lock_kinds[i];
		if ((lock->kinds & (*kind)->bit) == 0)
			continue;
		outcome = (*kind)->take(lock);
		if (outcome == LOCK_GOT)
			lock->held |= (*kind)->bit;
		else if (outcome != LOCK_WITHOUT)
			return outcome;
	}
	return LOCK_GOT;
}

static void
lock_pause(unsigned tries, int64_t left)
{
	int64_t most = tries < LOCK_SHORT ? 4 << tries : LOCK_LONG, ms;
	struct timespec pause;
	uint16_t random;

	platform_random(&random, sizeof(random));
	ms = most / 4 + random % (most * 3 / 4 + 1);
	if (ms > left)
		ms = left;
	pause.tv_sec = 0;
	pause.tv_nsec = (long)ms * 1000000;
	(void)nanosleep(&pause, NULL);
}

static void
lock_failed(const struct lock *lock, enum lock_outcome outcome,
    const struct lock_kind *kind, int number, struct mailbox_error *error)
{
	if (outcome == LOCK_BUSY)
		mailbox_fail(error, CODE_IN_USE,
		    "mailbox is locked by another program",
		    "%s: %s is held by %s", lock->path, kind->name,
		    lock->holder[0] != '\0' ? lock->holder : "another program");
	else if (outcome == LOCK_REFUSED && kind->bit == LOCK_DOTLOCK)
		mailbox_fail(error, CODE_PERMANENT, "mailbox cannot be locked",
		    "%s.lock: cannot be made: %s (see mail-group and locks in "
		    "pop3d.conf)",
		    lock->path, strerror(number));
	else
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be locked",
		    "%s: %s: %s", lock->path, kind->name,
		    kind->bit == LOCK_DOTLOCK && lock->keeper != -1 ?
			"the lock keeper is gone" :
			strerror(number));
}

int
lock_take(struct lock *lock, int file, bool writable, int64_t deadline,
    struct mailbox_error *error)
{
	const struct lock_kind *kind = NULL;
	enum lock_outcome outcome;
	unsigned tries = 0;
	int64_t left;
	int number;

	lock->file = file;
	lock->writable = writable;
	for (;;) {
		outcome = lock_try(lock, &kind);
		if (outcome == LOCK_GOT)
			return 0;
		number = errno;
		lock_drop(lock);
		left = deadline - clock_ms();
		if (outcome != LOCK_BUSY || left <= 0)
			break;
		lock_pause(tries++, left);
	}
	lock_failed(lock, outcome, kind, number, error);
	lock->file = -1;
	return -1;
}

int
lock_refresh(struct lock *lock)
{
	if ((lock->held & LOCK_DOTLOCK) == 0)
		return 0;
	return lock_dotlock_refresh(lock);
}

int
lock_wait(struct lock *lock, int done)
{
	struct pollfd poller = {.fd = done, .events = POLLIN};
	int64_t next = clock_ms() + LOCK_REFRESH, left;
	int ready;

	for (;;) {
		left = next - clock_ms();
		ready = poll(&poller, 1, left > 0 ? (int)left : 0);
		if (ready > 0)
			return 0;
		if (ready == -1 && errno != EINTR)
			return -1;
		if (clock_ms() < next)
			continue;
		if (lock_refresh(lock) == -1)
			return -1;
		next = clock_ms() + LOCK_REFRESH;
	}
}

/* Keeps nothing open but what it needs: the session lock must not stay. */
static _Noreturn void
lock_helper_run(struct lock *lock, int end)
{
	int keep[3] = {end, lock->dotlock.directory, lock->keeper};

	if (filter_descriptors(keep, lock->keeper == -1 ? 2 : 3) == -1)
		_exit(1);
	lock->dotlock.directory = keep[1];
	if (lock->keeper != -1)
		lock->keeper = keep[2];
	/* What it cannot refresh is lost anyway. */
	_exit(lock_wait(lock, keep[0]) == 0 ? 0 : 1);
}

void
lock_helper_start(struct lock *lock, struct lock_helper *helper)
{
	int ends[2];

	helper->pid = -1;
	helper->end = -1;
	if ((lock->held & LOCK_DOTLOCK) == 0 || pipe2(ends, O_CLOEXEC) == -1)
		return;
	helper->pid = fork();
	if (helper->pid == 0)
		lock_helper_run(lock, ends[0]);
	close(ends[0]);
	if (helper->pid == -1)
		close(ends[1]);
	else
		helper->end = ends[1];
}

void
lock_helper_stop(struct lock_helper *helper)
{
	if (helper->pid == -1)
		return;
	close(helper->end);
	while (waitpid(helper->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	helper->pid = -1;
}

void
lock_clock(const struct lock *lock, struct timespec *now)
{
	struct stat st;

	if ((lock->held & LOCK_DOTLOCK) != 0 &&
	    fstatat(lock->dotlock.directory, lock->dotlock.name, &st,
		AT_SYMLINK_NOFOLLOW) == 0)
		*now = st.st_mtim;
	else
		(void)clock_gettime(CLOCK_REALTIME, now);
}

void
lock_drop(struct lock *lock)
{
	size_t i;

	for (i = ARRAY_SIZE(lock_kinds); i-- > 0;)
		if ((lock->held & lock_kinds[i].bit) != 0)
			lock_kinds[i].drop(lock);
	lock->held = 0;
}
