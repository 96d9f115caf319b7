/*
 * checkpassword_program.h - the test of checkpassword as the program that is
 * run: what each word after its name makes it do.
 */

#ifndef CHECKPASSWORD_PROGRAM_H
#define CHECKPASSWORD_PROGRAM_H

#include <sys/socket.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>

#include "auth_world.h"
#include "auth/identity.h"

#define SECRET "correct horse"
#define GROUP_ONE 54330
#define GROUP_TWO 54331

_Noreturn static void
say_exit(const char *text, int status)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
	_exit(status);
}

static size_t
input_get(char input[1024])
{
	ssize_t n = read_full(3, input, 1024);

	(void)close(3);
	if (n < 3 || n > 512 || input[n - 1] != '\0')
		say_exit("the input is no input", 111);
	return (size_t)n;
}

/* name NUL password NUL timestamp NUL */
static void
input_check(void)
{
	char input[1024];
	const char *secret, *stamp;
	size_t size = input_get(input);

	secret = input + strlen(input) + 1;
	if (secret >= input + size)
		say_exit("no password", 111);
	stamp = secret + strlen(secret) + 1;
	if (stamp >= input + size || stamp + strlen(stamp) + 1 != input + size)
		say_exit("no timestamp", 111);
	if (stamp[0] != '<' || strchr(stamp, '@') == NULL)
		say_exit("a strange timestamp", 111);
	if (strcmp(input, "joe") != 0 || strcmp(secret, SECRET) != 0)
		_exit(1);
}

static void
become(uid_t uid)
{
	static const gid_t groups[] = {GROUP_ONE, GROUP_TWO};

	if (geteuid() != 0)
		return;
	if (setgroups(2, groups) == -1 || setgid(OTHER_UID) == -1 ||
	    setuid(uid) == -1)
		say_exit("setuid", 111);
}

static void
account_run(char *const account[])
{
	static char user[] = "USER=jo", home[] = "HOME=/home/joe";
	static char *const envp[] = {user, home, NULL};

	(void)execve(account[0], account, envp);
	say_exit("exec", 111);
}

/* What is handed on besides the five descriptors is a leak. */
static void
check_descriptors(void)
{
	struct stat null, st;
	int fd, open_fds = 0;

	if (stat("/dev/null", &null) == -1)
		say_exit("/dev/null", 111);
	for (fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) != -1;
	if (open_fds != 5)
		say_exit("descriptors: not 0 to 4", 111);
	for (fd = 0; fd < 2; fd++) {
		if (fstat(fd, &st) == -1 || st.st_rdev != null.st_rdev)
			say_exit("0 and 1: not /dev/null", 111);
	}
}

static void
check_process(void)
{
	struct sigaction action;
	sigset_t mask;
	char cwd[8];
	int number;

	if (getsid(0) != getpid())
		say_exit("no session of its own", 111);
	if (getcwd(cwd, sizeof(cwd)) == NULL || strcmp(cwd, "/") != 0)
		say_exit("not in /", 111);
	if (geteuid() == 0 && getgroups(0, NULL) != 0)
		say_exit("root's groups", 111);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (number = 1; number < 32; number++) {
		/* The sanitizer's own. */
		if (number == SIGSEGV || number == SIGBUS || number == SIGFPE)
			continue;
		if (sigismember(&mask, number) == 1 ||
		    (sigaction(number, NULL, &action) == 0 &&
			action.sa_handler != SIG_DFL))
			say_exit("signals", 111);
	}
}

static void
check_environment(char **envp)
{
	static const char *const want[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	    "PROTO=TCP", "TCPREMOTEIP=192.0.2.1", "TCPREMOTEPORT=4711",
	    "TCPLOCALIP=192.0.2.2", "TCPLOCALPORT=110"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		if (envp[i] == NULL || strcmp(envp[i], want[i]) != 0)
			say_exit("the environment", 111);
	}
	if (envp[i] != NULL)
		say_exit("more of an environment", 111);
}

/* Writes for ever, as fast as two can. */
_Noreturn static void
flood(void)
{
	static char text[65536];

	memset(text, 'x', sizeof(text));
	(void)fcntl(IDENTITY_FD, F_SETFL, O_NONBLOCK);
	if (fork() == 0) {
		for (;;)
			(void)!write(IDENTITY_FD, text, 256);
	}
	(void)fork();
	for (;;)
		(void)!write(STDERR_FILENO, text, sizeof(text));
}

/* It hangs, and so does its child, whose pid the caller finds in a file. */
_Noreturn static void
hang(const char *file)
{
	char text[32];
	pid_t pid = fork();

	if (pid > 0) {
		if (text_print(text, sizeof(text), "%ld", (long)pid) == -1)
			_exit(111);
		world_write(file, text, strlen(text), 0644);
	}
	(void)signal(SIGTERM, SIG_IGN);
	for (;;)
		(void)pause();
}

/* A record as the helper's, with a descriptor, or without. */
static void
forge(int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct identity_words words = {IDENTITY_MAGIC, "root", "/root"};
	struct iovec iov = {&words, sizeof(words)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (fd != -1) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	if (sendmsg(IDENTITY_FD, &message, 0) == -1)
		_exit(99);
}

static void
run_twice(char *const account[])
{
	pid_t pid = fork();

	if (pid == 0)
		account_run(account);
	(void)waitpid(pid, NULL, 0);
	account_run(account);
}

/* A child stays behind with every descriptor. */
static void
leave(const char *file, char *const account[])
{
	if (fork() == 0)
		hang(file);
	while (access(file, F_OK) == -1)
		(void)usleep(1000);
	become(OTHER_UID);
	account_run(account);
}

static void
forge_pair(bool others)
{
	int pair[2];

	if (!others)
		become(OTHER_UID);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		_exit(99);
	become(OTHER_UID);
	forge(pair[0]);
}

static void
program_odd(const char *what, const char *file, char *const account[])
{
	int pipe_ends[2];

	if (strcmp(what, "rubbish") == 0) {
		(void)!write(IDENTITY_FD, "rubbish", 7);
		account_run(account);
	} else if (strcmp(what, "twice") == 0) {
		run_twice(account);
	} else if (strcmp(what, "flood") == 0) {
		flood();
	} else if (strcmp(what, "hang") == 0) {
		hang(file);
	} else if (strcmp(what, "leave") == 0) {
		leave(file, account);
	} else if (strcmp(what, "words") == 0) {
		forge(-1);
	} else if (strcmp(what, "pipe") == 0) {
		if (pipe(pipe_ends) == 0)
			forge(pipe_ends[0]);
	} else if (strcmp(what, "pair") == 0) {
		forge_pair(false);
	} else if (strcmp(what, "others") == 0) {
		forge_pair(true);
	}
	_exit(0);
}

/* argv: this program, what to do, a file, the helper. */
_Noreturn static void
program(char **argv, char **envp)
{
	const char *what = argv[1];
	uint64_t status;

	if (strcmp(what, "closes") == 0) {
		(void)close(3);
		become(OTHER_UID);
		account_run(argv + 3);
	}
	if (strcmp(what, "hang") != 0)
		input_check();
	if (number_get(what, strlen(what), 0, 255, &status) == 0)
		_exit((int)status);
	if (strcmp(what, "chatty") == 0)
		say_exit("no connection to \033[1mldap\nmore", 111);
	if (strcmp(what, "tells") == 0)
		say_exit("joe, " SECRET ": no connection", 111);
	if (strcmp(what, "signal") == 0)
		(void)kill(getpid(), SIGKILL);
	if (strcmp(what, "root") == 0)
		account_run(argv + 3);
	if (strcmp(what, "nameless") == 0 || strcmp(what, "good") == 0 ||
	    strcmp(what, "half") == 0) {
		if (what[0] == 'h' && geteuid() == 0 && seteuid(OTHER_UID) == 0)
			account_run(argv + 3);
		become(OTHER_UID);
		if (what[0] == 'n')
			(void)execve(argv[3], argv + 3, envp + 6);
		account_run(argv + 3);
	}
	if (strcmp(what, "looks") == 0) {
		check_process();
		check_environment(envp);
		become(OTHER_UID);
		account_run(argv + 3);
	}
	program_odd(what, argv[2], argv + 3);
	_exit(0);
}

#endif
