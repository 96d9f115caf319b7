/*
 * close_in_world.h - the manual's list of system calls, and what becomes of a
 * process in a closed front.
 */

#ifndef CLOSE_IN_WORLD_H
#define CLOSE_IN_WORLD_H

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "front.h"
#include "signer/keys.h"
#include "tap.h"

#define NUMBERS 520     /* more than any kernel has */
#define X32 0x40000000L /* of x86-64: the same calls by another number */
#define NO_NUMBER -1L   /* it is about more than one call */
#define NOBODY 65534
#define EXIT_DONE 10 /* it came back, or it failed in its own way */
#define EXIT_EPERM 11

enum fate { DEADLY, ALLOWED, REFUSED, STRANGE };

static const char *const fate_names[] = {
    "deadly", "allowed", "refused", "something else"};

/* Every name that the manual may use. */
static const struct {
	const char *name;
	long number;
} names[] = {
    /* clang-format off */
	{ "read", SYS_read }, { "write", SYS_write },
	{ "sendmsg", SYS_sendmsg }, { "recvmsg", SYS_recvmsg },
	{ "pread64", SYS_pread64 }, { "fstat", SYS_fstat },
#ifdef SYS_poll
	{ "poll", SYS_poll },
#else
	{ "poll", SYS_ppoll },
#endif
	{ "close", SYS_close }, { "shutdown", SYS_shutdown },
	{ "clock_gettime", SYS_clock_gettime },
	{ "gettimeofday", SYS_gettimeofday },
#ifdef SYS_time
	{ "time", SYS_time },
#else
	{ "time", NO_NUMBER },
#endif
	{ "brk", SYS_brk },
	{ "mmap", SYS_mmap }, { "munmap", SYS_munmap },
	{ "mremap", SYS_mremap }, { "getpid", SYS_getpid },
	{ "getrandom", SYS_getrandom }, { "rt_sigreturn", SYS_rt_sigreturn },
	{ "restart_syscall", SYS_restart_syscall }, { "exit", SYS_exit },
	{ "exit_group", SYS_exit_group }, { "fcntl", SYS_fcntl },
	{ "flock", SYS_flock }, { "ftruncate", SYS_ftruncate },
	{ "lseek", SYS_lseek }, { "ioctl", SYS_ioctl },
	{ "madvise", SYS_madvise }, { "openat", SYS_openat },
	{ "newfstatat", SYS_newfstatat }, { "futex", SYS_futex },
    /* clang-format on */
};

static char folder[] = "/tmp/pop3d-closed.XXXXXX", cage[64], box[64];
static enum fate manual[NUMBERS], manual_front[NUMBERS],
    manual_signer[NUMBERS]; /* the first is that of who is closed in */
static int ends[2];         /* the channel: ours, the front's */
static bool with_tls;       /* a front that has a signer */
static void (*close_in)(void);

static void
manual_line(const char *line, enum fate fate)
{
	char name[64];
	size_t i;

	if (sscanf(line, ".It Ic %63s", name) != 1)
		return;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i].name, name) != 0)
			continue;
		if (names[i].number == NO_NUMBER)
			return;
		if (fate == STRANGE || manual[names[i].number] != DEADLY)
			break;
		manual[names[i].number] = fate;
		return;
	}
	ok(0, "the manual names %s once, in its place", name);
}

/* The signer's list stands in a sentence; madvise is as the front's. */
static void
manual_sentence(const char *line)
{
	size_t length, i;

	for (; *line != '\0'; line += length + strspn(line + length, " ,\n")) {
		length = strcspn(line, " ,\n");
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			if (names[i].number != NO_NUMBER &&
			    strlen(names[i].name) == length &&
			    memcmp(names[i].name, line, length) == 0)
				manual_signer[names[i].number] =
				    names[i].number == SYS_madvise ? REFUSED :
								     ALLOWED;
		}
	}
}

/* The manual's lists. */
static bool
manual_read(const char *path)
{
	FILE *f = fopen(path, "r");
	enum fate fate = STRANGE;
	bool within = false, signer = false;
	char line[512];

	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, ".It ", 4) == 0)
			signer = strcmp(line, ".It signer\n") == 0;
		if (strncmp(line, "Of each session", 15) == 0)
			signer = false;
		if (signer)
			manual_sentence(line);
		if (strncmp(line, ".Sh ", 4) == 0)
			within = strcmp(line, ".Sh SYSTEM CALLS\n") == 0;
		if (!within)
			continue;
		if (strcmp(line, ".Ss Allowed\n") == 0)
			fate = ALLOWED;
		else if (strcmp(line, ".Ss Refused\n") == 0)
			fate = REFUSED;
		manual_line(line, fate);
	}
	(void)fclose(f);
	memcpy(manual_front, manual, sizeof(manual));
	return fate != STRANGE && manual_signer[SYS_futex] == ALLOWED;
}

/* Become a closed signer. */
static void
close_in_signer(void)
{
	const struct signer_place place = {
	    geteuid() == 0, NOBODY, NOBODY, cage};

	if (signer_close_in(&place) == -1)
		_exit(99);
}

/* Become a closed front, with the channel's one end. */
static void
close_in_front(void)
{
	struct front_args args;

	memset(&args, 0, sizeof(args));
	args.tls = with_tls;
	args.signer = ends[0];
	args.channel = ends[1];
	args.root = geteuid() == 0;
	args.uid = NOBODY;
	args.gid = NOBODY;
	args.cage = cage;
	if (front_close_in(&args) == -1)
		_exit(99);
}

/* What becomes of a child that runs this in a closed front. */
static enum fate
fate_of(void (*run)(long, long), long number, long argument)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		exit(99);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (dup2(null, 0) == -1 || dup2(null, 1) == -1)
			_exit(99);
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(10);
		close_in();
		run(number, argument);
		_exit(EXIT_DONE);
	}
	if (waitpid(pid, &status, 0) != pid)
		return STRANGE;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return DEADLY;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EPERM)
		return REFUSED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
		return ALLOWED;
	/* They never come back. */
	if (number == SYS_exit || number == SYS_exit_group)
		return WIFEXITED(status) && WEXITSTATUS(status) != 99 ?
		    ALLOWED :
		    STRANGE;
	if (number == SYS_rt_sigreturn)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ?
		    ALLOWED :
		    STRANGE;
	return STRANGE;
}

/* Beside the test's own folder, or the current one. */
static bool
manual_find(const char *program)
{
	const char *slash = strrchr(program, '/');
	char path[4096];

	if (slash != NULL &&
	    text_print(path, sizeof(path), "%.*s/../../man/pop3d.8",
		(int)(slash - program), program) == 0 &&
	    manual_read(path))
		return true;
	return manual_read("man/pop3d.8");
}

#endif
