/*
 * maildir_lock.c - one POP3 session a Maildir.
 *
 * As state.c's lock of an mbox, but in the Maildir itself: a kernel lock on a
 * file that is never unlinked, which belongs to the open file description.
 * Deliveries and IMAP servers need none, and take no notice of it.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maildir.h"

#define LOCK_GRACE 500 /* ms: who quits and comes back at once */
#define LOCK_PAUSE 50  /* ms */
#define LOCK_LINE 256  /* octets of what the file says */

/* A whole-file lock of the open file description; EAGAIN: held. */
static int
maildir_lock_kernel(int fd)
{
#ifdef F_OFD_SETLK
	struct flock record;

	memset(&record, 0, sizeof(record));
	record.l_type = F_WRLCK;
	record.l_whence = SEEK_SET;
	if (fcntl(fd, F_OFD_SETLK, &record) == 0)
		return 0;
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
#else
	return flock(fd, LOCK_EX | LOCK_NB);
#endif
}

/* The lock file, opened and locked; -1 with errno, EAGAIN and its holder. */
static int
maildir_lock_try(const struct maildir *md, char holder[LOCK_LINE])
{
	struct stat st;
	ssize_t got;
	int fd, number;

	fd = openat(md->root, MAILDIR_LOCK,
	    O_RDWR | O_CREAT | MAILDIR_FILE_FLAGS, 0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		errno = EPERM;
	else if (maildir_lock_kernel(fd) == 0)
		return fd;
	number = errno;
	if (number == EAGAIN) {
		got = pread_full(fd, holder, LOCK_LINE - 1, 0);
		holder[got > 0 ? got : 0] = '\0';
	}
	close(fd);
	errno = number;
	return -1;
}

/*
 * Who holds it, for the log line of a second session; and the server's clock,
 * which is the file's time then.
 */
static void
maildir_lock_sign(struct maildir *md, const char *peer)
{
	char line[LOCK_LINE];
	struct stat st;

	if (text_print(line, sizeof(line), "%ld %.128s %lld\n", (long)getpid(),
		peer != NULL && peer[0] != '\0' ? peer : "-",
		(long long)time(NULL)) == -1 ||
	    pwrite_full(md->lock, line, strlen(line), 0) == -1 ||
	    ftruncate(md->lock, (off_t)strlen(line)) == -1) {
		/* A full disk: no reason to fail. */
		(void)!ftruncate(md->lock, 0);
		md->begin = 0;
		return;
	}
	if (fstat(md->lock, &st) == 0)
		md->begin = st.st_mtim.tv_sec;
}

/* "PID PEER UNIXTIME\n", if it is that. */
static void
maildir_lock_held(
    const struct maildir *md, char *holder, struct mailbox_error *error)
{
	char *peer = strchr(holder, ' ');
	char *since = peer != NULL ? strchr(peer + 1, ' ') : NULL;
	uint64_t pid, begin, now = (uint64_t)time(NULL);

	if (since != NULL) {
		*peer++ = '\0';
		*since++ = '\0';
		since[strcspn(since, "\n")] = '\0';
	}
	if (since == NULL ||
	    number_get(holder, strlen(holder), 1, INT32_MAX, &pid) == -1 ||
	    number_get(since, strlen(since), 0, now, &begin) == -1)
		mailbox_fail(error, CODE_IN_USE, "mailbox is in use",
		    "%s: mailbox in use by another session", md->path.path);
	else
		mailbox_fail(error, CODE_IN_USE, "mailbox is in use",
		    "%s: mailbox in use: pid %lu from %s since %lu s",
		    md->path.path, (unsigned long)pid, peer,
		    (unsigned long)(now - begin));
}

enum channel_code
maildir_lock(struct maildir *md, const char *peer, struct mailbox_error *error)
{
	static const struct timespec pause = {0, LOCK_PAUSE * 1000000L};
	int64_t end = clock_ms() + LOCK_GRACE;
	char holder[LOCK_LINE];

	while ((md->lock = maildir_lock_try(md, holder)) == -1) {
		if (errno != EAGAIN) {
			mailbox_warn(error,
			    "%s: session lock cannot be made: %s",
			    md->path.path, strerror(errno));
			return CODE_OK;
		}
		if (clock_ms() >= end) {
			maildir_lock_held(md, holder, error);
			return CODE_IN_USE;
		}
		(void)nanosleep(&pause, NULL);
	}
	maildir_lock_sign(md, peer);
	return CODE_OK;
}
