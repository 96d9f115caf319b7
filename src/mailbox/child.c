/*
 * child.c - a child that reads a mailbox for us, and what it says.
 *
 * Mail is what strangers wrote, and the back owns the mailbox: so it does not
 * parse it.  The end of the pipe tells that the child is done.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "child.h"

_Noreturn void
child_end(int to, const void *result, size_t size)
{
	(void)!write_full(to, result, size);
	_exit(0);
}

/* What the child says; -1 with errno. */
static int
child_result(struct lock *lock, pid_t pid, int from, void *result, size_t size)
{
	int number = EIO;

	if (lock != NULL && lock_wait(lock, from) == -1) {
		number = errno;
		(void)kill(pid, SIGKILL);
	} else if (read_full(from, result, size) == (ssize_t)size)
		return 0;
	errno = number;
	return -1;
}

int
child_run(void (*work)(const void *job, int to), const void *job,
    struct lock *lock, void *result, size_t size, int *status)
{
	int ends[2], number, failed = -1;
	pid_t pid;

	*status = 0;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		work(job, ends[1]);
		_exit(1);
	}
	number = errno;
	close(ends[1]);
	if (pid != -1) {
		failed = child_result(lock, pid, ends[0], result, size);
		number = errno;
		while (waitpid(pid, status, 0) == -1)
			if (errno != EINTR)
				break;
	}
	close(ends[0]);
	errno = number;
	return failed;
}

int
child_view(int out, const struct kept *known, enum view_format format,
    struct view_parts *view)
{
	struct view_parts made;
	struct view_head head;
	int base = -1;

	if (pread_full(out, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    head.base > 0 && known != NULL)
		base = known->view.fd;
	if (view_parts_open(&made, out, base) == 0 &&
	    made.head.format == (uint32_t)format) {
		*view = made;
		return 0;
	}
	errno = EBADMSG;
	return -1;
}
