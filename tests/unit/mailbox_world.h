/*
 * mailbox_world.h - a folder, a mailbox and a user to test with.
 */

#ifndef MAILBOX_WORLD_H
#define MAILBOX_WORLD_H

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "mailbox.h"
#include "tap.h"

#define WORLD_NOBODY 65534

static char world[] = "/tmp/pop3d-unit-XXXXXX";

/*
 * A new folder, and where this is root, everything from here on as a user
 * who is not.  What that user may not load is loaded before.
 */
__attribute__((__unused__)) static void
world_begin(bool become)
{
	(void)umask(022);
	(void)crypto_load();
	if (mkdtemp(world) == NULL || chdir(world) == -1)
		exit(99);
	if (!become || geteuid() != 0)
		return;
	if (chown(world, WORLD_NOBODY, WORLD_NOBODY) == -1 ||
	    setgroups(0, NULL) == -1 ||
	    setresgid(WORLD_NOBODY, WORLD_NOBODY, WORLD_NOBODY) == -1 ||
	    setresuid(WORLD_NOBODY, WORLD_NOBODY, WORLD_NOBODY) == -1)
		exit(99);
	/* The leak checker wants to look at us. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Removes what the tests left. */
__attribute__((__unused__)) static void
world_end(void)
{
	pid_t pid;

	if (chdir("/") == -1)
		exit(99);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", world, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

/* The path of name in the folder, in a static buffer. */
__attribute__((__unused__)) static const char *
world_path(const char *name)
{
	static char path[4][512];
	static unsigned turn;
	char *dst = path[turn++ % 4];

	(void)snprintf(dst, 512, "%s/%s", world, name);
	return dst;
}

__attribute__((__unused__)) static void
world_put(const char *name, const char *text, int flags)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(98);
	close(fd);
}

__attribute__((__unused__)) static bool
world_is(const char *name, const char *text)
{
	static char got[65536];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, got, sizeof(got) - 1);

	if (fd != -1)
		close(fd);
	got[n > 0 ? n : 0] = '\0';
	if (n >= 0 && strcmp(got, text) == 0)
		return true;
	tap_note("%s is: %s", name, n == -1 ? strerror(errno) : got);
	return false;
}

/* As old as that many seconds, as far as files can be given an age. */
__attribute__((__unused__)) static void
world_age(const char *name, int seconds)
{
	struct timespec times[2];

	(void)clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	if (utimensat(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW) == -1)
		exit(98);
}

__attribute__((__unused__)) static bool
world_there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

/* How many files in the folder have a name that begins so. */
__attribute__((__unused__)) static int
world_count(const char *start)
{
	char command[256], line[64] = "";
	FILE *list;

	(void)snprintf(
	    command, sizeof(command), "ls -A . | grep -c '^%s'", start);
	list = popen(command, "r");
	if (list == NULL || fgets(line, sizeof(line), list) == NULL)
		line[0] = '\0';
	if (list != NULL)
		(void)pclose(list);
	return atoi(line);
}

/* A child that waits to be told to end; world_child() is 0 in it. */
struct world_child {
	pid_t pid;
	int end;   /* parent: closing it ends the child */
	int ready; /* child: writing to it lets the parent go on */
};

/* As fork(); the parent must call world_child_wait(). */
__attribute__((__unused__)) static pid_t
world_child(struct world_child *child)
{
	int end[2], ready[2];

	if (pipe(end) == -1 || pipe(ready) == -1)
		exit(98);
	fflush(stdout);
	child->pid = fork();
	if (child->pid == 0) {
		close(end[1]);
		close(ready[0]);
		child->end = end[0];
		child->ready = ready[1];
	} else {
		close(end[0]);
		close(ready[1]);
		child->end = end[1];
		child->ready = ready[0];
	}
	return child->pid;
}

/* In the child: let the parent go on, and wait for its word. */
__attribute__((__unused__)) static void
world_child_ready(struct world_child *child, char answer)
{
	if (write(child->ready, &answer, 1) != 1 ||
	    read(child->end, &answer, 1) < 0)
		_exit(1);
}

/* In the parent: what the child said. */
__attribute__((__unused__)) static char
world_child_wait(struct world_child *child)
{
	char answer = '\0';

	if (read(child->ready, &answer, 1) != 1)
		answer = '\0';
	return answer;
}

__attribute__((__unused__)) static int
world_child_end(struct world_child *child, int signal_number)
{
	int status = -1;

	if (signal_number != 0)
		(void)kill(child->pid, signal_number);
	close(child->end);
	close(child->ready);
	(void)waitpid(child->pid, &status, 0);
	return status;
}

/* Sessions */

static struct config world_config;
static struct mailbox_error world_error;
static int world_state = -1;

/* The folder "state" as options->state, and the configuration. */
__attribute__((__unused__)) static void
world_session(void)
{
	if (config_init(&world_config) == -1 || mkdir("state", 0700) == -1)
		exit(98);
	world_state = open("state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world_config.lock_timeout = 0;
}

__attribute__((__unused__)) static struct mailbox *
world_open(const char *name, int state)
{
	char path[600];
	struct mailbox_options options = {
	    .config = &world_config,
	    .path = path,
	    .state = state,
	    .keeper = -1,
	    .peer = "192.0.2.1",
	};

	(void)snprintf(path, sizeof(path), "mbox:%s/%s", world, name);
	return mailbox_open(&options, &world_error);
}

/* How many messages a session of its own finds; -1: none can be opened. */
__attribute__((__unused__)) static int
world_messages(const char *name)
{
	struct mailbox *mb = world_open(name, world_state);
	int result;

	if (mb == NULL)
		return -1;
	result = (int)mailbox_view(mb)->head.count;
	mailbox_close(mb);
	return result;
}

#endif
