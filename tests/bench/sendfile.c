/*
 * sendfile [-p port] [-t pem] converted - a bare sender that speaks just
 * enough POP3: any login is right, STAT, LIST, RETR and QUIT work, all else is
 * +OK.  Messages are octets that were converted before, sent by sendfile(2)
 * without a look at them: what pop3d's RETR is measured against.
 *
 * With -p it listens on 127.0.0.1 and forks for each connection, as pop3d -F
 * does; without, it serves its standard input and output, as under inetd.
 *
 * With -t it speaks TLS from the first octet, with the certificate and the key
 * of that file, and messages go from the mapped file to SSL_write(3).  All is
 * as OpenSSL has it by default; with -p there is one SSL_CTX for all, made
 * before the first connection.
 */

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <openssl/ssl.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#include "bench.h"

#define LISTEN_LIMIT 3600 /* seconds; whoever started it ends it earlier */
#define LIST_LINE 64
#define TLS_PIECE 65536 /* octets a SSL_write */

struct mail {
	int fd;
	const char *text; /* with TLS */
	const struct bench_entry *message;
	size_t count;
	uint64_t octets;
};

/* The client: a socket, or inetd's descriptors, and TLS on them or NULL. */
struct peer {
	int in, out;
	SSL *tls;
};

static void
mail_map(struct mail *m, const char *path)
{
	struct stat st;

	if (fstat(m->fd, &st) == -1)
		err(1, "%s", path);
	m->text =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (m->text == MAP_FAILED)
		err(1, "%s", path);
}

static void
peer_write(const struct peer *p, const char *data, size_t size)
{
	size_t n;

	if (p->tls == NULL) {
		bench_write(p->out, data, size);
		return;
	}
	while (size > 0) {
		n = size < TLS_PIECE ? size : TLS_PIECE;
		if (SSL_write(p->tls, data, (int)n) != (int)n)
			errx(1, "SSL_write");
		data += n;
		size -= n;
	}
}

static ssize_t
peer_read(const struct peer *p, char *dst, size_t size)
{
	return (p->tls == NULL ? read(p->in, dst, size) :
				 SSL_read(p->tls, dst, (int)size));
}

static void
mail_open(struct mail *m, const char *path)
{
	char index[4096];
	struct stat st;
	size_t i;
	int fd;

	snprintf(index, sizeof(index), "%s.idx", path);
	if ((m->fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		err(1, "%s", path);
	if ((fd = open(index, O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", index);
	m->count = (size_t)st.st_size / sizeof(struct bench_entry);
	m->message =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->message == MAP_FAILED)
		err(1, "%s", index);
	close(fd);
	for (i = 0, m->octets = 0; i < m->count; i++)
		m->octets += m->message[i].octets;
}

/* MSG_MORE: the first octets of the message share a packet with the line. */
static void
message_send(const struct mail *m, const char *number, const struct peer *p)
{
	unsigned long n = strtoul(number, NULL, 10);
	const struct bench_entry *e;
	ssize_t done;
	off_t from, end;

	if (n < 1 || n > m->count) {
		peer_write(p, "-ERR\r\n", 6);
		return;
	}
	e = &m->message[n - 1];
	if (p->tls != NULL) {
		peer_write(p, "+OK\r\n", 5);
		peer_write(p, m->text + e->offset, e->wire);
		return;
	}
	from = (off_t)e->offset;
	end = from + (off_t)e->wire;
	if (send(p->out, "+OK\r\n", 5, MSG_MORE) != 5)
		err(1, "send");
	while (from < end) {
		done = sendfile(p->out, m->fd, &from, (size_t)(end - from));
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			err(1, "sendfile");
		if (done == 0)
			errx(1, "the messages end early");
	}
}

static void
list_send(const struct mail *m, const struct peer *p)
{
	size_t i, have, room = (m->count + 2) * LIST_LINE;
	char *text;

	if ((text = malloc(room)) == NULL)
		err(1, "malloc");
	have = (size_t)snprintf(text, room, "+OK\r\n");
	for (i = 0; i < m->count; i++)
		have += (size_t)snprintf(text + have, room - have,
		    "%zu %ju\r\n", i + 1, (uintmax_t)m->message[i].octets);
	have += (size_t)snprintf(text + have, room - have, ".\r\n");
	peer_write(p, text, have);
	free(text);
}

/* Returns 0 when that was QUIT. */
static int
command_run(const struct mail *m, const char *line, const struct peer *p)
{
	char text[128];
	int n;

	if (strncasecmp(line, "RETR ", 5) == 0)
		message_send(m, line + 5, p);
	else if (strcasecmp(line, "STAT") == 0) {
		n = snprintf(text, sizeof(text), "+OK %zu %ju\r\n", m->count,
		    (uintmax_t)m->octets);
		peer_write(p, text, (size_t)n);
	} else if (strcasecmp(line, "LIST") == 0)
		list_send(m, p);
	else
		peer_write(p, "+OK\r\n", 5);
	return (strcasecmp(line, "QUIT") != 0);
}

static void
lines_run(const struct mail *m, const struct peer *p)
{
	char buffer[65536], *end, *line;
	size_t have = 0;
	ssize_t n;

	peer_write(p, "+OK ready\r\n", 11);
	for (;;) {
		n = peer_read(p, buffer + have, sizeof(buffer) - have);
		if (n <= 0)
			return;
		have += (size_t)n;
		line = buffer;
		while ((end = memchr(line, '\n',
			    have - (size_t)(line - buffer))) != NULL) {
			*end = '\0';
			if (end > line && end[-1] == '\r')
				end[-1] = '\0';
			if (!command_run(m, line, p))
				return;
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		memmove(buffer, line, have);
	}
}

static void
session_run(const struct mail *m, SSL_CTX *tls, int in, int out)
{
	struct peer p = {in, out, NULL};
	int one = 1;

	alarm(BENCH_LIMIT);
	(void)setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls != NULL) {
		if ((p.tls = SSL_new(tls)) == NULL ||
		    SSL_set_rfd(p.tls, in) != 1 ||
		    SSL_set_wfd(p.tls, out) != 1 || SSL_accept(p.tls) != 1)
			return;
	}
	lines_run(m, &p);
	if (tls != NULL)
		(void)SSL_shutdown(p.tls);
}

static void
listener_run(const struct mail *m, SSL_CTX *tls, uint64_t port)
{
	struct sockaddr_in a = bench_address(port);
	int c, one = 1, s;

	if ((s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(s, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(s, 128) == -1)
		err(1, "port %ju", (uintmax_t)port);
	alarm(LISTEN_LIMIT);
	for (;;) {
		if ((c = accept(s, NULL, NULL)) == -1)
			err(1, "accept");
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			close(s);
			session_run(m, tls, c, c);
			_exit(0);
		default:
			close(c);
		}
		/* Not SIG_IGN: their time is to be counted as ours. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	}
}

static SSL_CTX *
tls_start(const char *pem)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, pem) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, pem, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s: OpenSSL cannot use it", pem);
	return (tls);
}

int
main(int argc, char **argv)
{
	SSL_CTX *tls = NULL;
	uint64_t port = 0;
	struct mail m;
	int c;

	while ((c = getopt(argc, argv, "p:t:")) != -1)
		switch (c) {
		case 'p':
			port = bench_number(optarg, 1, 65535);
			break;
		case 't':
			tls = tls_start(optarg);
			break;
		default:
			return (1);
		}
	if (argc - optind != 1)
		errx(1, "usage: sendfile [-p port] [-t pem] converted");
	mail_open(&m, argv[optind]);
	if (tls != NULL)
		mail_map(&m, argv[optind]);
	if (port != 0)
		listener_run(&m, tls, port);
	session_run(&m, tls, 0, 1);
	return (0);
}
