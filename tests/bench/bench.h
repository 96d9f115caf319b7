/*
 * bench.h - what the programs of `make bench` share.
 *
 * Every one of them prints "name value" lines, ends with 1 and a line on
 * stderr when it could not measure, and is ended by SIGALRM when something
 * hangs: a figure that is missing is better than a run that never ends.
 */

#ifndef BENCH_H
#define BENCH_H

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define BENCH_LIMIT 300 /* seconds that a program may take */

/*
 * One message of the converted octets: what `gen` writes to FILE.idx and the
 * bare sender sends from.
 */
struct bench_entry {
	uint64_t offset; /* in the converted octets */
	uint64_t wire;   /* octets to send, the closing dot included */
	uint64_t octets; /* what LIST says: without dots added */
};

static inline double
bench_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) == -1)
		err(1, "clock_gettime");
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* A decimal number of least..most, or the end of the program. */
static inline uint64_t
bench_number(const char *text, uint64_t least, uint64_t most)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < least || n > most)
		errx(1, "%s: not a number of %ju to %ju", text,
		    (uintmax_t)least, (uintmax_t)most);
	return (n);
}

static inline void
bench_write(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size > 0) {
		n = write(fd, p, size);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			err(1, "write");
		p += n;
		size -= (size_t)n;
	}
}

static inline struct sockaddr_in
bench_address(uint64_t port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (a);
}

/* Without TCP_NODELAY the kernel's 40 ms would be measured, not the server. */
static inline int
bench_connect(uint64_t port)
{
	struct sockaddr_in a = bench_address(port);
	int one = 1, s;

	if ((s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "connect to port %ju", (uintmax_t)port);
	if (setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1)
		err(1, "TCP_NODELAY");
	return (s);
}

#endif
