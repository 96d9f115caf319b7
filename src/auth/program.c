/*
 * program.c - a checkpassword program; see program.h.
 *
 * It is waited for, and not its descriptors: what it leaves running may hold
 * those for ever.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define INPUT_FD 3
#define ABOVE 16 /* where descriptors are out of the way of those above */
#define STATUS_TEMPORARY 111
#define READS_MAX 16 /* at a time */

/* Descriptors of one run, ours and its; -1 where there is none (any more). */
struct wires {
	int input[2];
	int said[2];
	int errors[2];
};

static void
wire_close(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
wires_close(struct wires *w)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		wire_close(&w->input[i]);
		wire_close(&w->said[i]);
		wire_close(&w->errors[i]);
	}
}

/* The input fits into the pipe, so nothing waits for it to be read. */
static int
wires_open(struct wires *w, const void *input, size_t length)
{
	*w = (struct wires){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(w->input, O_CLOEXEC) == -1 ||
	    pipe2(w->errors, O_CLOEXEC) == -1 || channel_pair(w->said) == -1 ||
	    sender_want(w->said[0]) == -1 ||
	    fcntl(w->errors[0], F_SETFL, O_NONBLOCK) == -1 ||
	    write_full(w->input[1], input, length) == -1)
		return -1;
	wire_close(&w->input[1]);
	return 0;
}

/* Its descriptors, each moved out of the others' way first. */
static int
child_descriptors(const struct wires *w)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int from[5] = {null, null, w->errors[1], w->input[0], w->said[1]}, i;

	for (i = 0; i < 5; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE);
		if (from[i] == -1)
			return -1;
	}
	for (i = 0; i < 5; i++) {
		if (dup2(from[i], i) == -1)
			return -1;
	}
	platform_close_from(IDENTITY_FD + 1);
	return 0;
}

/*
 * The alarm, later than we are, and the parent's death are for when we are
 * killed and cannot kill it: both stay with it when it executes another
 * program, the former also when it becomes another user.
 */
static int
child_prepare(const struct wires *w, int64_t end)
{
	int64_t left = end - clock_ms();
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(left > 0 ? (unsigned)(left / 1000) + 2 : 1);
	if (setsid() == -1 || platform_die_with_parent() == -1 ||
	    child_descriptors(w) == -1 || chdir("/") == -1)
		return -1;
	/* Else those of root would be left to who forgets them. */
	return geteuid() == 0 ? setgroups(0, NULL) : 0;
}

_Noreturn static void
child_run(
    char *const argv[], char *const envp[], const struct wires *w, int64_t end)
{
	const char *error;

	if (child_prepare(w, end) == 0)
		(void)execve(argv[0], argv, envp);
	error = strerror(errno);
	if (write_full(STDERR_FILENO, error, strlen(error)) == -1)
		_exit(1);
	_exit(STATUS_TEMPORARY);
}

/*
 * The start of it; the rest is read so that it need not wait.  Not for ever:
 * it may write faster than we read.
 */
static void
errors_read(int *fd, struct program *program)
{
	size_t used = strlen(program->text), room, length;
	char text[512];
	ssize_t n;
	int i;

	for (i = 0; i < READS_MAX && *fd != -1; i++) {
		n = read(*fd, text, sizeof(text));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			wire_close(fd);
			break;
		}
		room = sizeof(program->text) - 1 - used;
		length = (size_t)n < room ? (size_t)n : room;
		memcpy(program->text + used, text, length);
		used += length;
	}
	explicit_bzero(text, sizeof(text));
}

/* No more than it takes to know that something is wrong. */
static void
said_read(int *fd, struct program *program)
{
	struct identity identity;
	int rc;

	while (*fd != -1) {
		rc = identity_read(*fd, &identity);
		if (rc == 0)
			return;
		if (rc == 1) {
			program->identity = identity;
			program->identities++;
		} else if (errno != EPIPE) {
			program->error = errno;
		}
		if (rc == -1 || program->identities > 1)
			wire_close(fd);
	}
}

/*
 * Kill what is left of its group while its number cannot be another's yet,
 * that is before it is waited for.
 */
static void
program_end(pid_t pid, struct program *program)
{
	(void)kill(-pid, SIGKILL);
	if (program->late)
		(void)kill(pid, SIGKILL);
	/* One that the system cannot end now is not waited for. */
	if (waitpid(pid, &program->status, program->late ? WNOHANG : 0) == -1)
		program->status = 0;
}

static bool
program_ended(pid_t pid)
{
	siginfo_t info;

	info.si_pid = 0;
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    -1 ||
	    info.si_pid == pid;
}

/* SIGCHLD comes in ppoll() only; mask is what the mask was. */
static void
program_watch(pid_t pid, struct wires *w, const sigset_t *mask, int64_t end,
    struct program *program)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	struct timespec wait;
	int64_t left;

	for (;;) {
		if (program_ended(pid))
			break;
		left = end - clock_ms();
		if (left <= 0) {
			program->late = true;
			break;
		}
		p[0].fd = w->said[0];
		p[1].fd = w->errors[0];
		wait.tv_sec = (time_t)(left / 1000);
		wait.tv_nsec = (long)(left % 1000) * 1000000;
		(void)ppoll(p, 2, &wait, mask);
		said_read(&w->said[0], program);
		errors_read(&w->errors[0], program);
	}
	/* What it wrote last. */
	said_read(&w->said[0], program);
	errors_read(&w->errors[0], program);
	program_end(pid, program);
}

/* It shall only interrupt. */
static void
on_child(int number)
{
	(void)number;
}

int
program_run(char *const argv[], char *const envp[], const void *input,
    size_t length, int64_t end, struct program *program)
{
	struct sigaction action, action_before;
	sigset_t blocked, before;
	struct wires w;
	pid_t pid = -1;

	memset(program, 0, sizeof(*program));
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_child;
	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	(void)sigaction(SIGCHLD, &action, &action_before);
	if (wires_open(&w, input, length) == 0)
		pid = fork();
	if (pid == 0)
		child_run(argv, envp, &w, end);
	if (pid != -1) {
		wire_close(&w.input[0]);
		wire_close(&w.said[1]);
		wire_close(&w.errors[1]);
		program_watch(pid, &w, &before, end, program);
	}
	wires_close(&w);
	(void)sigaction(SIGCHLD, &action_before, NULL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid == -1 ? -1 : 0;
}
