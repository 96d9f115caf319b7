/*
 * guess.c - how long a wrong login takes: tries of two names in turn.
 *
 * guess PORT WAY TRIES NAME OTHER: logs in with a secret that is wrong, as NAME
 * and as OTHER, in an order that changes by chance, and prints a line for each
 * try: which ("name" or "other") and the nanoseconds until the refusal.  WAY is
 * pass, apop, cram or scram.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WARM 6        /* tries of each that are not counted */
#define CONNECTION 40 /* tries on a connection */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HEX "00000000000000000000000000000000"

static int fd = -1;
static in_port_t port;
static char line[8192];

static void
fail(const char *what)
{
	fprintf(stderr, "guess: %s: %s\n", what, line);
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
line_get(void)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, line + n, sizeof(line) - 1 - n);
		if (got <= 0)
			fail("the connection ended");
		n += (size_t)got;
	} while (line[n - 1] != '\n');
	line[n] = '\0';
}

static void
ask(const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("write");
	line_get();
}

static void
base64(const char *text, char *dst)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, k, length = strlen(text);
	unsigned long three;

	for (i = 0; i < length; i += 3) {
		three = 0;
		for (k = 0; k < 3; k++)
			three = three << 8 |
			    (i + k < length ? (unsigned char)text[i + k] : 0);
		for (k = 0; k < 4; k++)
			*dst++ = i + k > length ?
			    '=' :
			    digits[three >> (18 - 6 * k) & 63];
	}
	*dst = '\0';
}

static void
base64_undo(const char *text, char *dst)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned long bits = 0;
	unsigned n = 0;
	const char *at;

	for (; *text != '\0' && (at = strchr(digits, *text)) != NULL; text++) {
		bits = bits << 6 | (unsigned long)(at - digits);
		n += 6;
		if (n >= 8) {
			n -= 8;
			*dst++ = (char)(bits >> n & 255);
		}
	}
	*dst = '\0';
}

static void
connection(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port};
	int one = 1;

	if (fd != -1)
		close(fd);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		fail("connect");
	line_get();
	/* The front closes itself in behind its greeting. */
	ask("NOOP\r\n");
}

static double
try_pass(const char *name)
{
	char text[600];
	double begin;

	snprintf(text, sizeof(text), "USER %s\r\n", name);
	ask(text);
	begin = now();
	ask("PASS not the right one\r\n");
	return now() - begin;
}

static double
try_apop(const char *name)
{
	char text[600];
	double begin;

	snprintf(text, sizeof(text), "APOP %s " HEX "\r\n", name);
	begin = now();
	ask(text);
	return now() - begin;
}

static double
try_cram(const char *name)
{
	char text[600], coded[900];
	double begin;

	snprintf(text, sizeof(text), "%s " HEX, name);
	base64(text, coded);
	snprintf(text, sizeof(text), "%.500s\r\n", coded);
	ask("AUTH CRAM-MD5\r\n");
	begin = now();
	ask(text);
	return now() - begin;
}

/* Both steps: the first one looks for the name. */
static double
try_scram(const char *name)
{
	char text[1200], coded[1600], first[8192];
	double begin, took;

	snprintf(text, sizeof(text), "n,,n=%.200s,r=abcdefgh", name);
	base64(text, coded);
	snprintf(text, sizeof(text), "AUTH SCRAM-SHA-256 %.900s\r\n", coded);
	begin = now();
	ask(text);
	took = now() - begin;
	if (strncmp(line, "+ ", 2) != 0)
		return took;
	base64_undo(line + 2, first);
	first[strcspn(first, ",")] = '\0';
	snprintf(text, sizeof(text), "c=biws,%.500s,p=" ZEROS, first);
	base64(text, coded);
	snprintf(text, sizeof(text), "%.1100s\r\n", coded);
	begin = now();
	ask(text);
	return took + now() - begin;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		double (*run)(const char *name);
		long most; /* on a connection */
	} ways[] = {{"pass", try_pass, CONNECTION}, {"apop", try_apop, 1},
	    {"cram", try_cram, CONNECTION}, {"scram", try_scram, CONNECTION}};
	long tries, i, used = 0;
	size_t way;
	int turn, other;
	double took;

	if (argc != 6)
		fail("PORT WAY TRIES NAME OTHER");
	port = htons((in_port_t)atoi(argv[1]));
	for (way = 0; strcmp(ways[way].name, argv[2]) != 0; way++) {
		if (way == sizeof(ways) / sizeof(ways[0]) - 1)
			fail("no such way");
	}
	tries = atol(argv[3]);
	srandom((unsigned)getpid());
	for (i = -WARM; i < tries; i++) {
		other = random() & 1;
		for (turn = 0; turn < 2; turn++, other = !other) {
			if (fd == -1 || used++ % ways[way].most == 0)
				connection();
			took = ways[way].run(argv[4 + other]);
			if (strncmp(line, "-ERR [AUTH] ", 12) != 0)
				fail("not refused as wrong");
			if (i >= 0)
				printf("%s %.0f\n", other ? "other" : "name",
				    took);
		}
	}
	return 0;
}
