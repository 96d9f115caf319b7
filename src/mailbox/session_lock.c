/*
 * session_lock.c - one POP3 session a mailbox.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_lock.h"

/* A whole-file lock of the open file description; EAGAIN: held. */
static int
session_lock_kernel(int fd)
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

int
session_lock_try(int folder, const char *name, char holder[SESSION_LOCK_LINE])
{
	struct stat st;
	ssize_t got;
	int fd, number;

	fd = openat(folder, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		errno = EPERM;
	else if (session_lock_kernel(fd) == 0)
		return fd;
	number = errno;
	if (number == EAGAIN) {
		got = pread_full(fd, holder, SESSION_LOCK_LINE - 1, 0);
		holder[got > 0 ? got : 0] = '\0';
	}
	close(fd);
	errno = number;
	return -1;
}

int
session_lock_sign(int lock, const char *peer)
{
	char line[SESSION_LOCK_LINE];

	if (text_print(line, sizeof(line), "%ld %.128s %lld\n", (long)getpid(),
		peer != NULL && peer[0] != '\0' ? peer : "-",
		(long long)time(NULL)) == 0 &&
	    pwrite_full(lock, line, strlen(line), 0) == 0 &&
	    ftruncate(lock, (off_t)strlen(line)) == 0)
		return 0;
	(void)!ftruncate(lock, 0);
	return -1;
}

void
session_lock_held(const char *path, char *holder, struct mailbox_error *error)
{
	/* "PID PEER UNIXTIME\n", if it is that. */
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
		    "%s: mailbox in use by another session", path);
	else
		mailbox_fail(error, CODE_IN_USE, "mailbox is in use",
		    "%s: mailbox in use: pid %lu from %s since %lu s", path,
		    (unsigned long)pid, peer, (unsigned long)(now - begin));
}
