/*
 * sendfile [-p port] converted - a bare sender that speaks just enough POP3:
 * any login is right, STAT, LIST, RETR and QUIT work, all else is +OK.
 * Messages are octets that were converted before, sent by sendfile(2) without
 * a look at them: what pop3d's RETR is measured against.
 *
 * With -p it listens on 127.0.0.1 and forks for each connection, as pop3d -F
 * does; without, it serves its standard input and output, as under inetd.
 */

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#include "bench.h"

#define LISTEN_LIMIT 3600 /* seconds; whoever started it ends it earlier */
#define LIST_LINE 64

struct mail {
	int fd;
	const struct bench_entry *message;
	size_t count;
	uint64_t octets;
};

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
message_send(const struct mail *m, const char *number, int s)
{
	unsigned long n = strtoul(number, NULL, 10);
	const struct bench_entry *e;
	ssize_t done;
	off_t from, end;

	if (n < 1 || n > m->count) {
		bench_write(s, "-ERR\r\n", 6);
		return;
	}
	e = &m->message[n - 1];
	from = (off_t)e->offset;
	end = from + (off_t)e->wire;
	if (send(s, "+OK\r\n", 5, MSG_MORE) != 5)
		err(1, "send");
	while (from < end) {
		done = sendfile(s, m->fd, &from, (size_t)(end - from));
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			err(1, "sendfile");
		if (done == 0)
			errx(1, "the messages end early");
	}
}

static void
list_send(const struct mail *m, int s)
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
	bench_write(s, text, have);
	free(text);
}

/* Returns 0 when that was QUIT. */
static int
command_run(const struct mail *m, const char *line, int s)
{
	char text[128];
	int n;

	if (strncasecmp(line, "RETR ", 5) == 0)
		message_send(m, line + 5, s);
	else if (strcasecmp(line, "STAT") == 0) {
		n = snprintf(text, sizeof(text), "+OK %zu %ju\r\n", m->count,
		    (uintmax_t)m->octets);
		bench_write(s, text, (size_t)n);
	} else if (strcasecmp(line, "LIST") == 0)
		list_send(m, s);
	else
		bench_write(s, "+OK\r\n", 5);
	return (strcasecmp(line, "QUIT") != 0);
}

static void
session_run(const struct mail *m, int in, int out)
{
	char buffer[65536], *end, *line;
	size_t have = 0;
	ssize_t n;
	int one = 1;

	alarm(BENCH_LIMIT);
	(void)setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	bench_write(out, "+OK ready\r\n", 11);
	for (;;) {
		n = read(in, buffer + have, sizeof(buffer) - have);
		if (n <= 0)
			return;
		have += (size_t)n;
		line = buffer;
		while ((end = memchr(line, '\n',
			    have - (size_t)(line - buffer))) != NULL) {
			*end = '\0';
			if (end > line && end[-1] == '\r')
				end[-1] = '\0';
			if (!command_run(m, line, out))
				return;
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		memmove(buffer, line, have);
	}
}

static void
listener_run(const struct mail *m, uint64_t port)
{
	struct sockaddr_in a = bench_address(port);
	int c, one = 1, s;

	if ((s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(s, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(s, 128) == -1)
		err(1, "port %ju", (uintmax_t)port);
	signal(SIGCHLD, SIG_IGN);
	alarm(LISTEN_LIMIT);
	for (;;) {
		if ((c = accept(s, NULL, NULL)) == -1)
			err(1, "accept");
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			close(s);
			session_run(m, c, c);
			_exit(0);
		default:
			close(c);
		}
	}
}

int
main(int argc, char **argv)
{
	uint64_t port = 0;
	struct mail m;
	int c;

	while ((c = getopt(argc, argv, "p:")) != -1)
		switch (c) {
		case 'p':
			port = bench_number(optarg, 1, 65535);
			break;
		default:
			return (1);
		}
	if (argc - optind != 1)
		errx(1, "usage: sendfile [-p port] converted");
	mail_open(&m, argv[optind]);
	if (port != 0)
		listener_run(&m, port);
	session_run(&m, 0, 1);
	return (0);
}
