/*
 * connect port count - that many connections, one after another: connect,
 * greeting, QUIT, read until it is closed.  Prints microseconds.
 */

#include <stdio.h>

#include "bench.h"

#define CONNECT_MAX 100000 /* connections a run */

/* Read up to the end of a line (until_end: of the connection); "+OK" or out. */
static void
reply_read(int s, int until_end)
{
	char line[4096];
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(line)) {
		n = read(s, line + have, sizeof(line) - have);
		if (n == -1)
			err(1, "read");
		have += (size_t)n;
		if (n == 0 || (!until_end && memchr(line, '\n', have) != NULL))
			break;
	}
	if (have < 5 || memcmp(line, "+OK", 3) != 0 || line[have - 1] != '\n')
		errx(1, "not greeted or not answered: %.*s", (int)have, line);
}

static double
connection_run(uint64_t port)
{
	double from = bench_now();
	int s = bench_connect(port);

	reply_read(s, 0);
	bench_write(s, "QUIT\r\n", 6);
	reply_read(s, 1);
	close(s);
	return ((bench_now() - from) * 1e6);
}

static int
time_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

int
main(int argc, char **argv)
{
	static double us[CONNECT_MAX];
	uint64_t count, i, port;
	double sum = 0;

	if (argc != 3)
		errx(1, "usage: connect port count");
	port = bench_number(argv[1], 1, 65535);
	count = bench_number(argv[2], 1, CONNECT_MAX);
	alarm(BENCH_LIMIT);
	for (i = 0; i < count; i++)
		sum += us[i] = connection_run(port);
	qsort(us, count, sizeof(us[0]), time_compare);
	printf("median %.1f\nmean %.1f\nleast %.1f\nmost %.1f\n", us[count / 2],
	    sum / (double)count, us[0], us[count - 1]);
	return (0);
}
