/*
 * gen -n count -l least -m most [-t total] [-s seed] mbox [converted]
 *
 * Write an mbox of real-shaped messages, each of least to most octets as
 * stored (spread evenly over the logarithm, as real mail is: many small, few
 * large), at most count of them, and no more once total octets are there.
 * The same seed gives the same octets on every machine.
 *
 * With a second name: the same messages as they go over the wire (CRLF, dots
 * doubled, closing dot), one after another, and NAME.idx with a struct
 * bench_entry for each.  All files are on the disk when it ends, so that
 * writing them back disturbs no measurement, and in the page cache.  Prints
 * the messages, the octets of the mbox, and those that STAT has to say.
 */

#include <fcntl.h>
#include <math.h>
#include <stdio.h>

#include "bench.h"

#define GEN_BUFFER (4 * 1024 * 1024)
#define GEN_POOL (1024 * 1024) /* octets of text that lines are cut from */
#define GEN_LINE_LEAST 60
#define GEN_LINE_MOST 76
#define GEN_LEAST 1024 /* the head of a message must have room */
#define GEN_MOST (64 * 1024 * 1024)

struct out {
	const char *path;
	int fd;
	size_t have;
	uint64_t octets;
	char *data; /* GEN_BUFFER of them */
};

struct gen {
	uint64_t random;   /* never 0 */
	uint64_t number;   /* of the message, from 0 */
	uint64_t octets;   /* of the message so far, without added dots */
	uint64_t maildrop; /* the same of all messages: what STAT says */
	struct out mbox;
	struct out wire; /* path NULL: not wanted */
	struct out index;
	char *pool;
};

/* xorshift64*: the same everywhere, and fast. */
static uint64_t
gen_random(struct gen *g)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return ((g->random * UINT64_C(2685821657736338717)) >> 16);
}

static void
out_open(struct out *o, const char *path)
{
	o->path = path;
	o->have = 0;
	o->octets = 0;
	if ((o->data = malloc(GEN_BUFFER)) == NULL)
		err(1, "malloc");
	o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o->fd == -1)
		err(1, "%s", path);
}

static void
out_flush(struct out *o)
{
	bench_write(o->fd, o->data, o->have);
	o->have = 0;
}

static void
out_put(struct out *o, const void *data, size_t size)
{
	if (o->have + size > GEN_BUFFER)
		out_flush(o);
	memcpy(o->data + o->have, data, size);
	o->have += size;
	o->octets += size;
}

static void
out_close(struct out *o)
{
	out_flush(o);
	if (fsync(o->fd) == -1 || close(o->fd) == -1)
		err(1, "%s", o->path);
	free(o->data);
}

/* One line of a message, without its end, to where it is wanted. */
static void
line_put(struct gen *g, const char *line, size_t size)
{
	out_put(&g->mbox, line, size);
	out_put(&g->mbox, "\n", 1);
	g->octets += size + 2;
	if (g->wire.path == NULL)
		return;
	if (size > 0 && line[0] == '.')
		out_put(&g->wire, ".", 1);
	out_put(&g->wire, line, size);
	out_put(&g->wire, "\r\n", 2);
}

/* Words with blanks between them, no line end in it. */
static void
pool_fill(struct gen *g)
{
	static const char letters[] = "etaoinshrdlucmfwypvbgkETAOINS.,-;0123";
	size_t i, next = 0;

	if ((g->pool = malloc(GEN_POOL)) == NULL)
		err(1, "malloc");
	for (i = 0; i < GEN_POOL; i++) {
		if (i == next) {
			g->pool[i] = ' ';
			next = i + 2 + gen_random(g) % 9;
		} else
			g->pool[i] =
			    letters[gen_random(g) % (sizeof(letters) - 1)];
	}
}

static size_t
head_write(struct gen *g, char *text, size_t room)
{
	time_t at = (time_t)(1700000000 + g->number * 61);
	char from[32], date[40];
	uint64_t id = gen_random(g);
	unsigned host = (unsigned)(id % 61), who = (unsigned)(id % 977),
		 mx = (unsigned)(id % 7);
	struct tm tm;
	int n;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(from, sizeof(from), "%a %b %e %H:%M:%S %Y", &tm) == 0 ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) ==
		0)
		errx(1, "no date");
	n = snprintf(text, room,
	    "From sender%u@mail%u.example.org %s\n"
	    "Return-Path: <sender%u@mail%u.example.org>\n"
	    "Delivered-To: bench@pop.example.net\n"
	    "Received: from mx%u.example.net (mx%u.example.net [192.0.2.%u])\n"
	    "\tby pop.example.net (Postfix) with ESMTPS id %012jX\n"
	    "\tfor <bench@pop.example.net>; %s (UTC)\n"
	    "Received: from mail%u.example.org (localhost [127.0.0.1])\n"
	    "\tby mx%u.example.net (8.17.1/8.17.1) with ESMTP id %09ju;\n"
	    "\t%s\n"
	    "Message-ID: <%012jx.%ju@mail%u.example.org>\n"
	    "Date: %s\n"
	    "From: A Sender <sender%u@mail%u.example.org>\n"
	    "To: Bench Mark <bench@pop.example.net>\n"
	    "Subject: message %ju of the measured mailbox, about %.20s\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8; format=flowed\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:102.0)\n",
	    who, host, from, who, host, mx, mx, (unsigned)(id % 251),
	    (uintmax_t)id, date, host, mx, (uintmax_t)(id % 1000000000), date,
	    (uintmax_t)id, (uintmax_t)g->number, host, date, who, host,
	    (uintmax_t)g->number, g->pool + id % (GEN_POOL - 20));
	if (n < 0 || (size_t)n >= room)
		errx(1, "the head is too long");
	return ((size_t)n);
}

/*
 * The envelope line goes into the mbox alone.  Returns the octets of the
 * rest, as stored.
 */
static uint64_t
head_put(struct gen *g)
{
	char text[GEN_LEAST + 256], *end, *p, *line;
	size_t size = head_write(g, text, sizeof(text));

	end = text + size;
	line = (char *)memchr(text, '\n', size) + 1;
	out_put(&g->mbox, text, (size_t)(line - text));
	size = (size_t)(end - line);
	while (line < end) {
		p = memchr(line, '\n', (size_t)(end - line));
		line_put(g, line, (size_t)(p - line));
		line = p + 1;
	}
	line_put(g, "", 0);
	return (size + 1);
}

/*
 * Paragraphs with an empty line now and then, dots at the start of lines as
 * in quoted program text, a "From " that a delivery agent has quoted, and one
 * that needed no quoting as it stands in the middle of a paragraph.
 */
static void
body_line(struct gen *g, size_t size, int after_empty)
{
	char line[GEN_LINE_MOST];
	uint64_t r = gen_random(g);

	memcpy(line, g->pool + (r >> 8) % (GEN_POOL - GEN_LINE_MOST), size);
	if (size > 8 && r % 64 == 1)
		line[0] = '.';
	else if (size > 8 && r % 256 == 2)
		memcpy(line, ">From ", 6);
	else if (size > 8 && r % 256 == 3 && !after_empty)
		memcpy(line, "From ", 5);
	line_put(g, line, size);
}

static void
message_put(struct gen *g, uint64_t size)
{
	struct bench_entry e;
	uint64_t left;
	size_t n;
	int empty = 1;

	e.offset = g->wire.octets;
	g->octets = 0;
	left = head_put(g);
	if (left >= size)
		errx(1, "-l is less than a head's %ju", (uintmax_t)left);
	for (left = size - left; left > 0; left -= n + 1) {
		n = GEN_LINE_LEAST +
		    gen_random(g) % (GEN_LINE_MOST - GEN_LINE_LEAST + 1);
		if (!empty && gen_random(g) % 16 == 0)
			n = 0;
		if (left <= GEN_LINE_MOST)
			n = left - 1;
		body_line(g, n, empty);
		empty = n == 0;
	}
	out_put(&g->mbox, "\n", 1);
	g->maildrop += g->octets;
	g->number++;
	if (g->wire.path == NULL)
		return;
	out_put(&g->wire, ".\r\n", 3);
	e.wire = g->wire.octets - e.offset;
	e.octets = g->octets;
	out_put(&g->index, &e, sizeof(e));
}

static uint64_t
size_choose(struct gen *g, uint64_t least, uint64_t most)
{
	double x = (double)(gen_random(g) % 1000000) / 1000000;

	if (least == most)
		return (least);
	return (
	    (uint64_t)((double)least * pow((double)most / (double)least, x)));
}

int
main(int argc, char **argv)
{
	uint64_t count = 0, least = 4096, most = 4096, total = UINT64_MAX;
	static struct gen g = {.random = 88172645463325252};
	char index[4096];
	int c;

	while ((c = getopt(argc, argv, "n:l:m:s:t:")) != -1)
		switch (c) {
		case 'n':
			count = bench_number(optarg, 1, 100000000);
			break;
		case 'l':
			least = bench_number(optarg, GEN_LEAST, GEN_MOST);
			break;
		case 'm':
			most = bench_number(optarg, GEN_LEAST, GEN_MOST);
			break;
		case 's':
			g.random = bench_number(optarg, 1, UINT64_MAX);
			break;
		case 't':
			total = bench_number(optarg, 1, INT64_MAX);
			break;
		default:
			return (1);
		}
	argc -= optind;
	argv += optind;
	if (argc < 1 || argc > 2 || count == 0 || least > most)
		errx(1,
		    "usage: gen -n count -l least -m most [-t total] "
		    "[-s seed] mbox [converted]");
	alarm(BENCH_LIMIT);
	pool_fill(&g);
	out_open(&g.mbox, argv[0]);
	if (argc == 2) {
		snprintf(index, sizeof(index), "%s.idx", argv[1]);
		out_open(&g.wire, argv[1]);
		out_open(&g.index, index);
	}
	while (g.number < count && g.mbox.octets < total)
		message_put(&g, size_choose(&g, least, most));
	printf("messages %ju\nstored %ju\noctets %ju\n", (uintmax_t)g.number,
	    (uintmax_t)g.mbox.octets, (uintmax_t)g.maildrop);
	out_close(&g.mbox);
	if (argc == 2) {
		out_close(&g.wire);
		out_close(&g.index);
	}
	return (0);
}
