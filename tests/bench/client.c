/*
 * client -p port [-W window] [-c converted] [-lt] user password - log in, STAT,
 * LIST, then RETR of every message with that many commands in flight, QUIT.
 * Prints the seconds from the first RETR to the last octet of the last
 * message, its octets (without the +OK lines) and MB/s of 10^6 octets.
 *
 * As every client must it looks for the end of a message in all of it: LIST
 * does not count the dots that are doubled.  With -l it passes over as many
 * octets as LIST said and looks at the rest alone, which is as little as a
 * client can do.  With -c it compares every octet with that file, which is not
 * for measuring.  With -t it speaks TLS 1.3 with AES-128-GCM from the first
 * octet, and believes any certificate.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <openssl/ssl.h>

#include <fcntl.h>
#include <stdio.h>

#include "bench.h"

#define CLIENT_BUFFER (256 * 1024) /* stays in the second-level cache */
#define CLIENT_LINE 1024
#define CLIENT_WINDOW_MAX 1024

/* What has been received is buffer[from] to buffer[to]. */
struct client {
	int s;
	SSL *tls; /* or NULL */
	uint64_t window;
	int list;         /* pass over what LIST said */
	uint64_t *octets; /* of each message, from LIST */
	uint64_t count;
	uint64_t last;      /* the last to ask for; 0: nothing yet */
	uint64_t asked;     /* messages that RETR was sent for */
	uint64_t done;      /* messages that are here */
	uint64_t got;       /* octets of messages */
	const char *expect; /* the converted octets, or NULL */
	uint64_t expect_size;
	char *buffer;
	size_t from, to;
};

static void
client_write(struct client *c, const char *data, size_t size)
{
	if (c->tls == NULL)
		bench_write(c->s, data, size);
	else if (SSL_write(c->tls, data, (int)size) != (int)size)
		errx(1, "SSL_write");
}

static ssize_t
client_read(struct client *c, char *dst, size_t size)
{
	ssize_t n;

	if (c->tls != NULL)
		return (SSL_read(c->tls, dst, (int)size));
	do
		n = read(c->s, dst, size);
	while (n == -1 && errno == EINTR);
	return (n);
}

/* Ask for as many as the window has room for. */
static void
client_request(struct client *c)
{
	char text[CLIENT_WINDOW_MAX * 32];
	size_t have = 0;

	while (c->asked < c->last && c->asked < c->done + c->window)
		have += (size_t)snprintf(text + have, sizeof(text) - have,
		    "RETR %ju\r\n", (uintmax_t)++c->asked);
	if (have > 0)
		client_write(c, text, have);
}

/*
 * Receive more, at least one octet.  What is there and not yet used is kept
 * and moved to the start: a few octets, in RETR.  The window is filled again
 * here, so that the messages of one read cause one write.
 */
static void
client_fill(struct client *c)
{
	ssize_t n;

	client_request(c);
	memmove(c->buffer, c->buffer + c->from, c->to - c->from);
	c->to -= c->from;
	c->from = 0;
	if (c->to == CLIENT_BUFFER)
		errx(1, "a line that does not end");
	n = client_read(c, c->buffer + c->to, CLIENT_BUFFER - c->to);
	if (n == -1)
		err(1, "read");
	if (n == 0)
		errx(1, "the server closed the connection");
	c->to += (size_t)n;
}

/* The next line, without its end; good until the next call. */
static char *
client_line(struct client *c)
{
	size_t seen = 0;
	char *end, *line;

	for (;;) {
		line = c->buffer + c->from;
		end = memchr(line + seen, '\n', c->to - c->from - seen);
		if (end != NULL)
			break;
		seen = c->to - c->from;
		client_fill(c);
	}
	c->from = (size_t)(end + 1 - c->buffer);
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return (line);
}

static char *
client_ok(struct client *c)
{
	char *line = client_line(c);

	if (strncmp(line, "+OK", 3) != 0)
		errx(1, "the server said: %s", line);
	return (line);
}

static char *
client_ask(struct client *c, const char *verb, const char *argument)
{
	char line[CLIENT_LINE];
	int n;

	n = snprintf(line, sizeof(line), "%s%s%s\r\n", verb,
	    *argument != '\0' ? " " : "", argument);
	if (n < 0 || (size_t)n >= sizeof(line))
		errx(1, "too long");
	client_write(c, line, (size_t)n);
	return (client_ok(c));
}

static void
client_list(struct client *c)
{
	unsigned long long n, octets;
	uint64_t i;
	char *line;

	if (sscanf(client_ask(c, "STAT", ""), "+OK %llu", &n) != 1 || n == 0)
		errx(1, "no messages");
	c->count = n;
	if ((c->octets = calloc(n, sizeof(*c->octets))) == NULL)
		err(1, "malloc");
	client_ask(c, "LIST", "");
	for (i = 0; i < c->count; i++) {
		line = client_line(c);
		if (sscanf(line, "%llu %llu", &n, &octets) != 2 || n != i + 1)
			errx(1, "LIST %ju: %s", (uintmax_t)i + 1, line);
		c->octets[i] = octets;
	}
	if (strcmp(client_line(c), ".") != 0)
		errx(1, "LIST goes on");
}

/* These octets are part of a message. */
static void
client_take(struct client *c, size_t size)
{
	if (c->expect != NULL &&
	    (size > c->expect_size - c->got ||
		memcmp(c->expect + c->got, c->buffer + c->from, size) != 0))
		errx(1, "other octets than expected from %ju on",
		    (uintmax_t)c->got);
	c->got += size;
	c->from += size;
}

/*
 * With list all but the last line end of a message is passed over; the search
 * for the end begins at that line end.
 */
static void
client_message(struct client *c, uint64_t octets)
{
	uint64_t left = octets < 2 || !c->list ? 0 : octets - 2;
	size_t have;
	char *end;

	client_ok(c);
	for (;;) {
		have = c->to - c->from;
		if (have > left)
			have = (size_t)left;
		client_take(c, have);
		if ((left -= have) == 0)
			break;
		client_fill(c);
	}
	for (;;) {
		have = c->to - c->from;
		end = memmem(c->buffer + c->from, have, "\r\n.\r\n", 5);
		if (end != NULL)
			break;
		if (have > 4)
			client_take(c, have - 4);
		client_fill(c);
	}
	client_take(c, (size_t)(end + 5 - (c->buffer + c->from)));
}

static void
client_run(struct client *c)
{
	double from = bench_now(), seconds;

	for (c->last = c->count; c->done < c->count; c->done++)
		client_message(c, c->octets[c->done]);
	seconds = bench_now() - from;
	if (c->expect != NULL && c->got != c->expect_size)
		errx(1, "less than expected");
	printf("seconds %.6f\nmessages %ju\noctets %ju\nrate %.1f\n", seconds,
	    (uintmax_t)c->count, (uintmax_t)c->got,
	    (double)c->got / seconds / 1e6);
}

static void
expect_open(struct client *c, const char *path)
{
	struct stat st;
	int fd;

	if ((fd = open(path, O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", path);
	c->expect_size = (uint64_t)st.st_size;
	c->expect =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (c->expect == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
}

static void
tls_begin(struct client *c)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL ||
	    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") != 1 ||
	    (c->tls = SSL_new(tls)) == NULL || SSL_set_fd(c->tls, c->s) != 1 ||
	    SSL_connect(c->tls) != 1)
		errx(1, "no handshake");
}

int
main(int argc, char **argv)
{
	static struct client c = {.window = 1};
	uint64_t port = 0;
	int option, tls = 0;

	while ((option = getopt(argc, argv, "c:lp:tW:")) != -1)
		switch (option) {
		case 'c':
			expect_open(&c, optarg);
			break;
		case 'l':
			c.list = 1;
			break;
		case 'p':
			port = bench_number(optarg, 1, 65535);
			break;
		case 't':
			tls = 1;
			break;
		case 'W':
			c.window = bench_number(optarg, 1, CLIENT_WINDOW_MAX);
			break;
		default:
			return (1);
		}
	if (argc - optind != 2 || port == 0)
		errx(1,
		    "usage: client -p port [-W window] [-c converted] [-lt] "
		    "user password");
	alarm(BENCH_LIMIT);
	if ((c.buffer = malloc(CLIENT_BUFFER)) == NULL)
		err(1, "malloc");
	memset(c.buffer, 1, CLIENT_BUFFER);
	c.s = bench_connect(port);
	if (tls)
		tls_begin(&c);
	client_ok(&c);
	client_ask(&c, "USER", argv[optind]);
	client_ask(&c, "PASS", argv[optind + 1]);
	client_list(&c);
	client_run(&c);
	client_ask(&c, "QUIT", "");
	return (0);
}
