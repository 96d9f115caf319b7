/*
 * folders [-r] folder ... - what the names in some folders, or with -r the
 * files, cost at least: one loop of readdir, with -r also of open, of read to
 * the end, and of counting the line ends.  Prints seconds, files and, with -r,
 * their octets and lines.  What the first login on a Maildir is measured
 * against.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "bench.h"

#define FOLDERS_BUFFER (128 * 1024)

struct sum {
	uint64_t files, octets, lines;
};

static uint64_t
lines_count(const char *text, size_t size)
{
	const char *end = text + size, *p;
	uint64_t lines = 0;

	for (p = text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return (lines);
}

static void
file_read(int folder, const char *name, char *buffer, struct sum *sum)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		err(1, "%s", name);
	while ((n = read(fd, buffer, FOLDERS_BUFFER)) > 0) {
		sum->octets += (uint64_t)n;
		sum->lines += lines_count(buffer, (size_t)n);
	}
	if (n == -1)
		err(1, "%s", name);
	close(fd);
}

static void
folder_read(const char *path, char *buffer, struct sum *sum)
{
	struct dirent *e;
	DIR *d;

	if ((d = opendir(path)) == NULL)
		err(1, "%s", path);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		sum->files++;
		if (buffer != NULL)
			file_read(dirfd(d), e->d_name, buffer, sum);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	struct sum sum = {0, 0, 0};
	char *buffer = NULL;
	double from;

	if (argc > 1 && strcmp(argv[1], "-r") == 0) {
		if ((buffer = malloc(FOLDERS_BUFFER)) == NULL)
			err(1, "malloc");
		memset(buffer, 1, FOLDERS_BUFFER);
		argv++;
	}
	if (argv[1] == NULL)
		errx(1, "usage: folders [-r] folder ...");
	alarm(BENCH_LIMIT);
	from = bench_now();
	while (*++argv != NULL)
		folder_read(*argv, buffer, &sum);
	printf("seconds %.6f\nfiles %ju\noctets %ju\nlines %ju\n",
	    bench_now() - from, (uintmax_t)sum.files, (uintmax_t)sum.octets,
	    (uintmax_t)sum.lines);
	return (0);
}
