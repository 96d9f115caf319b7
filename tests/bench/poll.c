/*
 * poll port user password messages count - that many sessions of a client that
 * looks for mail: connect, USER, PASS, STAT, QUIT, read until it is closed;
 * between them, that password's hash alone, in this process.  Prints the
 * median of both in microseconds.
 */

#include <crypt.h>
#include <stdio.h>

#include "bench.h"

#define POLL_MAX 10000 /* sessions a run */
#define SETTING "$6$rounds=1000$saltsalt$"

/* One line; "+OK" or out. */
static void
reply_read(int s, char line[512])
{
	size_t have = 0;
	ssize_t n;

	while (have < 511 && (have == 0 || line[have - 1] != '\n')) {
		n = read(s, line + have, 511 - have);
		if (n <= 0)
			errx(1, "the session ended");
		have += (size_t)n;
	}
	line[have] = '\0';
	if (strncmp(line, "+OK", 3) != 0)
		errx(1, "refused: %s", line);
}

static void
ask(int s, const char *verb, const char *argument, char line[512])
{
	char command[256];
	int n = snprintf(command, sizeof(command), "%s%s%s\r\n", verb,
	    argument[0] == '\0' ? "" : " ", argument);

	bench_write(s, command, (size_t)n);
	reply_read(s, line);
}

static double
session_run(uint64_t port, char **argv)
{
	double from = bench_now();
	int s = bench_connect(port);
	char line[512];

	reply_read(s, line);
	ask(s, "USER", argv[2], line);
	ask(s, "PASS", argv[3], line);
	ask(s, "STAT", "", line);
	if (strtoul(line + 4, NULL, 10) != strtoul(argv[4], NULL, 10))
		errx(1, "STAT said %s", line);
	ask(s, "QUIT", "", line);
	while (read(s, line, sizeof(line)) > 0)
		continue;
	close(s);
	return ((bench_now() - from) * 1e6);
}

static double
hash_run(const char *password)
{
	double from = bench_now();

	if (crypt(password, SETTING) == NULL)
		errx(1, "crypt");
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
	static double session[POLL_MAX], hash[POLL_MAX];
	uint64_t count, i, port;

	if (argc != 6)
		errx(1, "usage: poll port user password messages count");
	port = bench_number(argv[1], 1, 65535);
	count = bench_number(argv[5], 1, POLL_MAX);
	alarm(BENCH_LIMIT);
	for (i = 0; i < count; i++) {
		session[i] = session_run(port, argv);
		hash[i] = hash_run(argv[3]);
	}
	qsort(session, count, sizeof(session[0]), time_compare);
	qsort(hash, count, sizeof(hash[0]), time_compare);
	printf(
	    "session %.1f\nhash %.1f\n", session[count / 2], hash[count / 2]);
	return (0);
}
