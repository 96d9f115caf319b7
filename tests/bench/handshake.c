/*
 * handshake [-j clients] [-mnr] port count - so many clients at once, each with
 * that many connections, one after another: connect, handshake, greeting, QUIT,
 * read until it is closed.  TLS 1.3 with AES-128-GCM; any certificate will do.
 *
 *	-n  no TLS
 *	-m  the server's certificate is RSA's (a client that offers no ECDSA)
 *	-r  resume: each connection shows the last ticket that came
 *
 * Prints connections a second (rate), the median of microseconds from before
 * connect(2) until the handshake is done (shaken), until the greeting is here
 * (greeted) and until it is closed (closed), and how many connections were
 * resumed and how many tickets came, of all of them.
 */

#include <sys/mman.h>
#include <sys/wait.h>

#include <openssl/ssl.h>

#include <stddef.h>
#include <stdio.h>

#include "bench.h"

#define CONNECT_MAX 100000 /* connections a run */
#define CLIENTS_MAX 64

/* One connection, in microseconds from its beginning. */
struct times {
	double shaken, greeted, closed;
};

/* What the clients tell, each of its own. */
struct tally {
	uint64_t resumed, tickets;
};

struct client {
	uint64_t port;
	SSL_CTX *context; /* or NULL: no TLS */
	SSL_SESSION *session;
	int resume;
	int s;
	SSL *tls;
	struct tally *tally;
};

static int
session_keep(SSL *tls, SSL_SESSION *session)
{
	struct client *c = SSL_get_app_data(tls);

	c->tally->tickets++;
	if (!c->resume)
		return (0);
	SSL_SESSION_free(c->session);
	c->session = session;
	return (1);
}

static void
context_make(struct client *c, const char *algorithms)
{
	c->context = SSL_CTX_new(TLS_client_method());
	if (c->context == NULL ||
	    SSL_CTX_set_min_proto_version(c->context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c->context, "TLS_AES_128_GCM_SHA256") !=
		1 ||
	    SSL_CTX_set1_sigalgs_list(c->context, algorithms) != 1 ||
	    SSL_CTX_set1_groups_list(c->context, "X25519") != 1)
		errx(1, "OpenSSL");
	(void)SSL_CTX_set_session_cache_mode(
	    c->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->context, session_keep);
}

static void
handshake_run(struct client *c)
{
	if ((c->tls = SSL_new(c->context)) == NULL ||
	    SSL_set_app_data(c->tls, c) != 1 || SSL_set_fd(c->tls, c->s) != 1 ||
	    (c->session != NULL && SSL_set_session(c->tls, c->session) != 1) ||
	    SSL_connect(c->tls) != 1)
		errx(1, "no handshake");
	if (SSL_session_reused(c->tls) == 1)
		c->tally->resumed++;
}

/* Read up to the end of a line (until_end: of the connection); "+OK" or out. */
static void
reply_read(struct client *c, int until_end)
{
	char line[4096];
	size_t have = 0, room;
	ssize_t n;

	while (have < sizeof(line)) {
		room = sizeof(line) - have;
		n = c->tls == NULL ? read(c->s, line + have, room) :
				     SSL_read(c->tls, line + have, (int)room);
		if (n < 0)
			errx(1, "read");
		have += (size_t)n;
		if (n == 0 || (!until_end && memchr(line, '\n', have) != NULL))
			break;
	}
	if (have < 5 || memcmp(line, "+OK", 3) != 0 || line[have - 1] != '\n')
		errx(1, "not greeted or not answered: %.*s", (int)have, line);
}

static struct times
connection_run(struct client *c)
{
	double from = bench_now();
	struct times t;

	c->s = bench_connect(c->port);
	if (c->context != NULL)
		handshake_run(c);
	t.shaken = (bench_now() - from) * 1e6;
	reply_read(c, 0);
	t.greeted = (bench_now() - from) * 1e6;
	if (c->tls == NULL)
		bench_write(c->s, "QUIT\r\n", 6);
	else if (SSL_write(c->tls, "QUIT\r\n", 6) != 6)
		errx(1, "SSL_write");
	reply_read(c, 1);
	if (c->tls != NULL) {
		(void)SSL_shutdown(c->tls);
		SSL_free(c->tls);
		c->tls = NULL;
	}
	close(c->s);
	t.closed = (bench_now() - from) * 1e6;
	return (t);
}

static int
time_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

static double
median(const struct times *times, size_t count, size_t member)
{
	static double one[CONNECT_MAX];
	size_t i;

	for (i = 0; i < count; i++)
		one[i] = *(const double *)((const char *)&times[i] + member);
	qsort(one, count, sizeof(one[0]), time_compare);
	return (one[count / 2]);
}

static void *
shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return (p);
}

/* All clients; the seconds that it took. */
static double
clients_run(struct client *c, struct times *times, struct tally *tallies,
    uint64_t clients, uint64_t count)
{
	double from = bench_now();
	uint64_t i, j;
	int status;

	for (j = 0; j < clients; j++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			alarm(BENCH_LIMIT);
			c->tally = &tallies[j];
			for (i = 0; i < count; i++)
				times[j * count + i] = connection_run(c);
			_exit(0);
		default:
			break;
		}
	}
	for (j = 0; j < clients; j++) {
		if (wait(&status) == -1 || status != 0)
			errx(1, "a client failed");
	}
	return (bench_now() - from);
}

int
main(int argc, char **argv)
{
	const char *algorithms = "ECDSA+SHA256";
	struct client c = {.resume = 0};
	struct tally *tallies, all = {0, 0};
	struct times *times;
	uint64_t clients = 1, count, j;
	double seconds;
	int option, clear = 0;

	while ((option = getopt(argc, argv, "j:mnr")) != -1)
		switch (option) {
		case 'j':
			clients = bench_number(optarg, 1, CLIENTS_MAX);
			break;
		case 'm':
			algorithms = "rsa_pss_rsae_sha256";
			break;
		case 'n':
			clear = 1;
			break;
		case 'r':
			c.resume = 1;
			break;
		default:
			return (1);
		}
	if (argc - optind != 2)
		errx(1, "usage: handshake [-j clients] [-mnr] port count");
	c.port = bench_number(argv[optind], 1, 65535);
	count = bench_number(argv[optind + 1], 1, CONNECT_MAX / clients);
	alarm(BENCH_LIMIT);
	if (!clear)
		context_make(&c, algorithms);
	tallies = shared(clients * sizeof(*tallies));
	times = shared(clients * count * sizeof(*times));
	c.tally = &all;
	(void)connection_run(&c); /* for a ticket; it is not counted */
	all = (struct tally){0, 0};
	seconds = clients_run(&c, times, tallies, clients, count);
	for (j = 0; j < clients; j++) {
		all.resumed += tallies[j].resumed;
		all.tickets += tallies[j].tickets;
	}
	count *= clients;
	printf("rate %.1f\nshaken %.1f\ngreeted %.1f\nclosed %.1f\n",
	    (double)count / seconds,
	    median(times, count, offsetof(struct times, shaken)),
	    median(times, count, offsetof(struct times, greeted)),
	    median(times, count, offsetof(struct times, closed)));
	printf("connections %ju\nresumed %ju\ntickets %ju\n", (uintmax_t)count,
	    (uintmax_t)all.resumed, (uintmax_t)all.tickets);
	return (0);
}
