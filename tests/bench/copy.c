/*
 * copy from size to - that many octets from the end of a file to the beginning
 * of another, 1 MiB at a time, and fsync; prints the seconds.  A new file, or
 * over one that is there.
 *
 * copy -t file - ftruncate to nothing and fsync.
 *
 * What an update of an mbox is measured against.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>

#include "bench.h"

#define COPY_BUFFER (1024 * 1024)

static void
octets_copy(int from, int to, off_t at, uint64_t size, char *buffer)
{
	uint64_t want;
	ssize_t n;

	for (; size > 0; size -= (uint64_t)n, at += n) {
		want = size < COPY_BUFFER ? size : COPY_BUFFER;
		if ((n = pread(from, buffer, want, at)) <= 0)
			err(1, "pread");
		bench_write(to, buffer, (size_t)n);
	}
}

static double
copy_run(char **argv)
{
	struct stat st;
	char *buffer;
	uint64_t size;
	double begin;
	int from, to;

	if ((buffer = malloc(COPY_BUFFER)) == NULL)
		err(1, "malloc");
	memset(buffer, 1, COPY_BUFFER);
	if ((from = open(argv[1], O_RDONLY)) == -1 || fstat(from, &st) == -1)
		err(1, "%s", argv[1]);
	size = bench_number(argv[2], 1, (uint64_t)st.st_size);
	begin = bench_now();
	if ((to = open(argv[3], O_WRONLY | O_CREAT, 0600)) == -1)
		err(1, "%s", argv[3]);
	octets_copy(from, to, st.st_size - (off_t)size, size, buffer);
	if (fsync(to) == -1)
		err(1, "%s", argv[3]);
	return (bench_now() - begin);
}

static double
truncate_run(const char *path)
{
	double begin;
	int fd;

	begin = bench_now();
	if ((fd = open(path, O_WRONLY)) == -1 || ftruncate(fd, 0) == -1 ||
	    fsync(fd) == -1)
		err(1, "%s", path);
	return (bench_now() - begin);
}

int
main(int argc, char **argv)
{
	double seconds;

	alarm(BENCH_LIMIT);
	if (argc == 3 && strcmp(argv[1], "-t") == 0)
		seconds = truncate_run(argv[2]);
	else if (argc == 4)
		seconds = copy_run(argv);
	else
		errx(1, "usage: copy from size to | copy -t file");
	printf("seconds %.6f\n", seconds);
	return (0);
}
