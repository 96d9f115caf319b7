/*
 * dotlock.c - the lock file NAME.lock beside a mailbox.
 *
 * The lock is there when the name is there.  So it gets its content first: a
 * private file is written and then link(2)ed to the name, and no reader ever
 * sees a lock that does not yet say whose it is.
 *
 *     PID LF host LF boot-id LF pid namespace LF
 *
 * The first line is what other programs write and read; the rest tells
 * whether PID means anything to us.  Only when all three are ours can we know
 * that a holder is dead.  Of every other holder we know nothing but that he
 * touches his lock or changes the mailbox from time to time: after
 * DOTLOCK_STALE seconds without either the lock is stale.  Seconds of the
 * file server's clock: the time it gave the private file that we just made.
 *
 * A stale lock is removed by renaming it to another name and looking at what
 * was caught: between judging and unlinking by name somebody else may have
 * removed it and made his own, which we would hit.  A fresh lock that was
 * caught is put back.  Our own is removed by its name after a look: while we
 * live and refresh it, nobody who keeps these rules takes it away.
 *
 * Who is killed on the way leaves a file.  Its name must be known, for a spool
 * of many thousands cannot be read at each login; so the private names are two
 * for each mailbox, NEW (to become the lock) and OLD (caught), and they need an
 * order:
 *
 *  1. NEW is made with O_EXCL, and its maker takes the kernel's lock (flock)
 *     on it and sees that it still has its name.  From then on it is his until
 *     he unlinks it, with the kernel's lock held, or dies, which gives that
 *     lock back.
 *  2. Who finds NEW there opens it and tries its kernel lock.  Refused: its
 *     maker lives, and this try has failed.  Had, and the name still means
 *     this file: nobody has it (the maker is dead, or has not come to his lock
 *     and will see that the name is gone), nor will anybody else come to that
 *     now, so unlinking the name hits this file and no other.
 *  3. OLD is used only by him who has NEW.  So when NEW is removed by 2, OLD
 *     is first: linked to the lock's name again, where it is judged like any
 *     other, be it stale or a fresh one whose catcher died; and unlinked.
 *
 * Where the kernel has no such lock or it does not hold between hosts, 2 may
 * take a living maker's NEW away: his link(2) then fails, or gives the name to
 * another's NEW.  So whoever made a link, the lock's holder is he whose file
 * has the name.
 */

#include <sys/file.h>
#include <sys/utsname.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dotlock.h"

#define DOTLOCK_TRIES 4 /* removals and losses of a race in one try */

struct dotlock_fresh {
	int fd;
	struct stat st;
};

static void
dotlock_line(const char *path, char *dst, size_t size)
{
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		got = read_full(fd, dst, size - 1);
		close(fd);
	}
	dst[got > 0 ? got : 0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
	if (dst[0] == '\0')
		memcpy(dst, "-", 2);
}

static void
dotlock_self(struct dotlock_self *self)
{
	struct utsname names;
	ssize_t got;

	memset(self, 0, sizeof(*self));
	if (uname(&names) == -1 ||
	    text_copy(self->host, sizeof(self->host), names.nodename,
		strlen(names.nodename)) == -1)
		memcpy(self->host, "-", 2);
	dotlock_line(
	    "/proc/sys/kernel/random/boot_id", self->boot, sizeof(self->boot));
	got =
	    readlink("/proc/self/ns/pid", self->space, sizeof(self->space) - 1);
	if (got <= 0)
		memcpy(self->space, "-", 2);
}

int
dotlock_init(struct dotlock *dot, int directory, const char *mailbox)
{
	memset(dot, 0, sizeof(*dot));
	dot->directory = directory;
	dot->mailbox = mailbox;
	dot->known = -1;
	if (text_print(dot->name, sizeof(dot->name), "%s.lock", mailbox) ==
		-1 ||
	    text_print(dot->fresh, sizeof(dot->fresh), ".pop3d-new-%s",
		mailbox) == -1 ||
	    text_print(dot->caught, sizeof(dot->caught), ".pop3d-old-%s",
		mailbox) == -1)
		return -1;
	dotlock_self(&dot->self);
	return 0;
}

/* A lock to be read: only a regular file, and never waiting for it. */
static int
dotlock_open(const struct dotlock *dot)
{
	return openat(dot->directory, dot->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* Is this file the one of the name? */
static bool
dotlock_named(
    const struct dotlock *dot, const char *name, const struct stat *st)
{
	struct stat there;

	return fstatat(dot->directory, name, &there, AT_SYMLINK_NOFOLLOW) ==
	    0 &&
	    there.st_dev == st->st_dev && there.st_ino == st->st_ino;
}

/* Refused: somebody has it.  Where there are no such locks, nobody. */
static bool
dotlock_kernel(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* EEXIST: he is too late whose lock it was, as are we. */
static void
dotlock_put_back(const struct dotlock *dot)
{
	(void)!linkat(
	    dot->directory, dot->caught, dot->directory, dot->name, 0);
	(void)unlinkat(dot->directory, dot->caught, 0);
}

/*
 * NEW is there.  0: it is not any more; -1 with errno EAGAIN: it is somebody's,
 * or it is none that we have left.
 */
static int
dotlock_sweep(const struct dotlock *dot)
{
	int fd = openat(dot->directory, dot->fresh,
	    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int result = -1;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd != -1 && dotlock_kernel(fd) && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink <= 2) {
		result = 0;
		if (dotlock_named(dot, dot->fresh, &st)) {
			dotlock_put_back(dot);
			result = unlinkat(dot->directory, dot->fresh, 0);
		}
	}
	if (fd != -1)
		close(fd);
	errno = EAGAIN;
	return result;
}

void
dotlock_close_in(struct dotlock *dot)
{
	(void)!dotlock_sweep(dot);
	dot->closed_in = true;
	dot->known = dotlock_open(dot);
}

/* NEW, if nobody has it; -1 with errno, EEXIST: somebody has. */
static int
dotlock_fresh_open(const struct dotlock *dot, struct dotlock_fresh *file)
{
	file->fd = openat(dot->directory, dot->fresh,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd == -1)
		return -1;
	if (dotlock_kernel(file->fd) && fstat(file->fd, &file->st) == 0 &&
	    dotlock_named(dot, dot->fresh, &file->st))
		return 0;
	/* Swept, as if we had been killed: not ours to unlink. */
	close(file->fd);
	errno = EEXIST;
	return -1;
}

static int
dotlock_fresh_write(const struct dotlock *dot, struct dotlock_fresh *file)
{
	char content[DOTLOCK_CONTENT];

	/* Whoever finds it shall see whose it is. */
	return text_print(content, sizeof(content), "%ld\n%s\n%s\n%s\n",
		   (long)getpid(), dot->self.host, dot->self.boot,
		   dot->self.space) == -1 ||
		fchmod(file->fd, 0644) == -1 ||
		write_full(file->fd, content, strlen(content)) == -1 ||
		fstat(file->fd, &file->st) == -1 ?
	    -1 :
	    0;
}

/* NEW is ours; -1 with errno as dotlock_take(). */
static int
dotlock_fresh_make(struct dotlock *dot, struct dotlock_fresh *file)
{
	int tries = 0, number;

	while (dotlock_fresh_open(dot, file) == -1) {
		if (errno != EEXIST)
			return -1;
		text_cut(dot->holder, sizeof(dot->holder),
		    "the maker of %.100s", dot->fresh);
		errno = EAGAIN;
		if (dot->closed_in || ++tries == DOTLOCK_TRIES ||
		    dotlock_sweep(dot) == -1)
			return -1;
	}
	dot->holder[0] = '\0';
	if (dotlock_fresh_write(dot, file) == 0)
		return 0;
	number = errno;
	(void)unlinkat(dot->directory, dot->fresh, 0);
	close(file->fd);
	errno = number;
	return -1;
}

/* The answer of link(2) may be lost on the way from a file server. */
static int
dotlock_fresh_link(const struct dotlock *dot, const struct dotlock_fresh *file)
{
	int number = EEXIST;

	if (linkat(dot->directory, dot->fresh, dot->directory, dot->name, 0) ==
		-1 &&
	    errno != ENOENT)
		number = errno;
	if (dotlock_named(dot, dot->name, &file->st))
		return 0;
	errno = number;
	return -1;
}

/*
 * The same file, and not one that has got its inode's number: a number that
 * nobody holds open is given away again at once.
 */
static bool
dotlock_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * Take this lock file away, whoever made it; NEW is ours.  -1 with errno
 * ESTALE when it is not there under the name.
 */
static int
dotlock_remove(const struct dotlock *dot, const struct stat *lock)
{
	struct stat st;

	if (fstatat(dot->directory, dot->name, &st, AT_SYMLINK_NOFOLLOW) ==
		-1 ||
	    !dotlock_same(&st, lock)) {
		errno = ESTALE;
		return -1;
	}
	if (renameat(dot->directory, dot->name, dot->directory, dot->caught) ==
	    -1)
		return -1;
	if (fstatat(dot->directory, dot->caught, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    !dotlock_same(&st, lock)) {
		dotlock_put_back(dot);
		errno = ESTALE;
		return -1;
	}
	return unlinkat(dot->directory, dot->caught, 0);
}

/* What a lock file says, as a string; "" when it cannot be known. */
static void
dotlock_read(const struct dotlock *dot, const struct stat *lock,
    char content[DOTLOCK_CONTENT])
{
	int fd = dot->closed_in ? dot->known : dotlock_open(dot);
	struct stat st;
	ssize_t got = -1;

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_dev == lock->st_dev && st.st_ino == lock->st_ino)
		got = pread_full(fd, content, DOTLOCK_CONTENT - 1, 0);
	content[got > 0 ? got : 0] = '\0';
	if (fd != -1 && !dot->closed_in)
		close(fd);
}

/* Cut the next line off; "" when there is none. */
static char *
dotlock_next(char **rest)
{
	char *line = *rest;
	size_t length = strcspn(line, "\n");

	*rest = line + length + (line[length] == '\n');
	line[length] = '\0';
	return line;
}

/* Does the lock's content prove that its holder is dead? */
static bool
dotlock_dead(struct dotlock *dot, const struct stat *lock)
{
	char content[DOTLOCK_CONTENT], *rest = content;
	const char *pid, *host, *boot, *space;
	uint64_t number;

	dot->holder[0] = '\0';
	dotlock_read(dot, lock, content);
	pid = dotlock_next(&rest);
	host = dotlock_next(&rest);
	boot = dotlock_next(&rest);
	space = dotlock_next(&rest);
	pid += strspn(pid, " "); /* some right-align it */
	if (number_get(pid, strlen(pid), 1, INT32_MAX, &number) == -1)
		return false;
	text_cut(dot->holder, sizeof(dot->holder), "pid %lu%s%s",
	    (unsigned long)number, host[0] != '\0' ? " on " : "", host);
	if (strcmp(host, dot->self.host) != 0 ||
	    strcmp(boot, dot->self.boot) != 0 || strcmp(boot, "-") == 0 ||
	    strcmp(space, dot->self.space) != 0 || strcmp(space, "-") == 0)
		return false;
	return kill((pid_t)number, 0) == -1 && errno == ESRCH;
}

/* now is the file server's. */
static bool
dotlock_old(const struct dotlock *dot, const struct stat *lock, time_t now)
{
	struct stat st;
	time_t last = lock->st_mtime;

	if (fstatat(dot->directory, dot->mailbox, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    st.st_mtime > last)
		last = st.st_mtime;
	return now > last && now - last > DOTLOCK_STALE;
}

/*
 * A lock of this name is there: 0 when it is gone now or was stale and has
 * been removed, -1 with errno EAGAIN when it holds.
 */
static int
dotlock_judge(struct dotlock *dot, time_t now)
{
	struct stat st;

	if (fstatat(dot->directory, dot->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) &&
	    (dotlock_dead(dot, &st) || dotlock_old(dot, &st, now)) &&
	    (dotlock_remove(dot, &st) == 0 || errno == ENOENT))
		return 0;
	errno = EAGAIN;
	return -1;
}

int
dotlock_take(struct dotlock *dot)
{
	struct dotlock_fresh file;
	int result = -1, tries = 0, number;

	dot->holder[0] = '\0';
	if (dotlock_fresh_make(dot, &file) == -1)
		return -1;
	do {
		result = dotlock_fresh_link(dot, &file);
		if (result == 0)
			break;
		if (errno != EEXIST ||
		    dotlock_judge(dot, file.st.st_mtime) == -1)
			break;
		errno = EAGAIN;
	} while (++tries < DOTLOCK_TRIES);
	number = errno;
	(void)unlinkat(dot->directory, dot->fresh, 0);
	if (result == 0) {
		dot->held = true;
		dot->fd = file.fd;
		dot->device = file.st.st_dev;
		dot->inode = file.st.st_ino;
	} else {
		close(file.fd);
	}
	errno = number;
	return result;
}

int
dotlock_refresh(struct dotlock *dot)
{
	struct stat st;

	if (fstatat(dot->directory, dot->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == dot->device && st.st_ino == dot->inode &&
	    utimensat(dot->directory, dot->name, NULL, AT_SYMLINK_NOFOLLOW) ==
		0)
		return 0;
	errno = ESTALE;
	return -1;
}

void
dotlock_drop(struct dotlock *dot)
{
	struct stat st;

	if (!dot->held)
		return;
	dot->held = false;
	/* When it is not ours any more, it is its new owner's. */
	if (fstat(dot->fd, &st) == 0 && dotlock_named(dot, dot->name, &st))
		(void)unlinkat(dot->directory, dot->name, 0);
	close(dot->fd);
}
