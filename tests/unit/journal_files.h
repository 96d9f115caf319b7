/*
 * journal_files.h - a file, a journal, and removals that stop half way.
 */

#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "tap.h"

#define SPACE ((uint64_t)8 << 20)

static char folder[64];
static int directory;
static struct journal_place place;

struct text {
	size_t size;
	unsigned char *p;
};

static void
broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

__attribute__((__unused__)) static struct text
text_make(size_t size)
{
	struct text text = {size, malloc(size + 1)};
	uint64_t n = 88172645463325252U;

	if (text.p == NULL)
		broken("malloc");
	for (size_t i = 0; i < size; i++) {
		n ^= n << 13;
		n ^= n >> 7;
		n ^= n << 17;
		text.p[i] = (unsigned char)(' ' + n % 90);
	}
	return text;
}

__attribute__((__unused__)) static int
file_make(const struct text *text)
{
	int fd = openat(directory, "f", O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || pwrite_full(fd, text->p, text->size, 0) == -1)
		broken("f");
	return fd;
}

__attribute__((__unused__)) static int
file_reopen(void)
{
	int fd = openat(directory, "f", O_RDWR);

	if (fd == -1)
		broken("f");
	return fd;
}

__attribute__((__unused__)) static void
file_append(const void *p, size_t length)
{
	int fd = openat(directory, "f", O_WRONLY | O_APPEND);

	if (fd == -1 || write_full(fd, p, length) == -1)
		broken("append");
	(void)close(fd);
}

__attribute__((__unused__)) static bool
has(const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The file is text without the ranges, and then more. */
__attribute__((__unused__)) static bool
is_without(int fd, const struct text *text, const struct journal_range *r,
    size_t count, const struct text *more)
{
	struct text now = {text->size + 1000000, NULL};
	size_t at = 0, place_now = 0, n;
	ssize_t got = -1;
	bool same = true;

	now.p = malloc(now.size);
	if (now.p != NULL)
		got = pread_full(fd, now.p, now.size, 0);
	if (got == -1)
		broken("f");
	now.size = (size_t)got;
	for (size_t i = 0; i <= count && same; i++) {
		n = (i < count ? (size_t)r[i].offset : text->size) - at;
		same = n <= now.size - place_now &&
		    memcmp(now.p + place_now, text->p + at, n) == 0;
		place_now += n;
		at += n + (i < count ? (size_t)r[i].length : 0);
	}
	n = more == NULL ? 0 : more->size;
	same = same && now.size == place_now + n &&
	    (n == 0 || memcmp(now.p + place_now, more->p, n) == 0);
	free(now.p);
	return same;
}

/*
 * Begin a removal, and leave it with its journal: no file may grow beyond
 * limit octets in this child, so writes above fail.
 */
__attribute__((__unused__)) static int
remove_limited(size_t size, const struct journal_range *r, size_t count,
    rlim_t limit, bool *begun)
{
	const struct rlimit rlimit = {limit, limit};
	int status, fd = file_reopen(), result;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == -1)
		broken("fork");
	if (child == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &rlimit) == -1)
			_exit(3);
		result = journal_remove(&place, fd, size, r, count, begun);
		_exit(result == 0 ? 0 : *begun ? 1 : 2);
	}
	(void)close(fd);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		broken("child");
	*begun = WEXITSTATUS(status) == 1;
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}

/*
 * A removal that has its journal but cannot write into the file above limit:
 * what a process that was killed there leaves behind.
 */
__attribute__((__unused__)) static struct text
interrupted(
    size_t size, const struct journal_range *r, size_t count, rlim_t limit)
{
	struct text text = text_make(size);
	bool begun;
	int fd = file_make(&text);

	if (remove_limited(size, r, count, limit, &begun) != -1 || !begun)
		printf("Bail out! no interruption\n");
	(void)close(fd);
	return text;
}

#define SIZE 400000
#define LIMIT 120000 /* in the second step: among what its window saved */
__attribute__((__unused__)) static const struct journal_range holes[] = {
    {20000, 9000}, {60000, 15000}, {390000, 1000}};

static void
files_open(void)
{
	/* Thousands of syncs: in memory where there is such a folder. */
	(void)snprintf(folder, sizeof(folder), "%s/journal_test.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL)
		broken(folder);
	directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory == -1)
		broken(folder);
	place = (struct journal_place){directory, "j", SPACE, NULL};
}

static void
files_close(void)
{
	(void)unlinkat(directory, "f", 0);
	(void)unlinkat(directory, "j.aside", 0);
	(void)rmdir(folder);
}

#endif
