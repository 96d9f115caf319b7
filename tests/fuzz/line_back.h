/*
 * line_back.h - a mailbox in memory, and what the front of line_fuzz.c calls
 * instead of the system and of the channel: a client that is slow or not, and
 * a back that answers at once.
 */

#ifndef LINE_BACK_H
#define LINE_BACK_H

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "front/session.h"
#include "wire.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define MESSAGES 7
#define BROKEN 5 /* this one is not what the view says */
#define BIG 20000
#define BLOCKS_MAX 64 /* pieces of memory that a session takes */
#define CANCELS 10    /* exchanges that may be given up */
#define RECORD_HEAD offsetof(struct record, u)

/* What the first octet says. */
enum {
	WITH_A = 1,
	NO_PLAINTEXT = 2,
	TRACED = 4,
	A_PIPE = 8, /* the connection is no socket */
	SLOW = 16,  /* it takes little at once, or nothing yet */
	READ_ONLY = 32,
	REFUSED = 64, /* logins are */
	CHANGED = 128 /* another program changes the mailbox */
};

struct text {
	char *octets;
	size_t length, size;
};

/* The mailbox, made once. */
static struct {
	int file, view[2]; /* the view; one with another time */
	bool ready;
	struct text texts[MESSAGES]; /* as they are on the wire, with dots */
	size_t header[MESSAGES];     /* octets of them before the body */
	uint64_t octets[MESSAGES];
	size_t lengths[CHANNEL_TYPES]; /* of records */
} box;

/* One session. */
static struct {
	const uint8_t *in;
	size_t left, piece;
	unsigned how, seed, turn, logins;
	struct text out;
	struct record answer;
	int view; /* the front's, while it is open; else -1 */
	bool asked;
	bool exchange;    /* of SASL */
	unsigned needs;   /* responses until it ends */
	unsigned cancels; /* of exchanges */
	uint32_t said;    /* END's why */
	bool ended;
	uint8_t deleted; /* what MARK said */
	void *blocks[BLOCKS_MAX];
	size_t block_count;
	jmp_buf over;
} run;

static void
text_add(struct text *t, const void *octets, size_t length)
{
	if (length == 0)
		return;
	if (t->size - t->length < length) {
		t->size = 2 * (t->length + length) + 1024;
		t->octets = realloc(t->octets, t->size);
		MUST(t->octets != NULL);
	}
	memcpy(t->octets + t->length, octets, length);
	t->length += length;
}

/* What the front calls, instead of the system and the channel */

static void *
fuzz_keep(void *block)
{
	MUST(block != NULL && run.block_count < BLOCKS_MAX);
	run.blocks[run.block_count++] = block;
	return block;
}

static void *
fuzz_calloc(size_t count, size_t size)
{
	return fuzz_keep(calloc(count, size));
}

static void *
fuzz_malloc(size_t size)
{
	return fuzz_keep(malloc(size));
}

static void *
fuzz_view_load(const struct view_parts *parts, struct view *view)
{
	return fuzz_keep(view_parts_load(parts, view));
}

static void
fuzz_view_close(struct view_parts *parts)
{
	MUST(parts->fd == run.view && parts->base == -1);
	view_parts_close(parts);
	run.view = -1;
}

static void *
fuzz_mmap(void *at, size_t size, int protection, int flags, int fd, long offset)
{
	(void)at;
	(void)flags;
	(void)offset;
	MUST(fd == -1 && (protection & PROT_EXEC) == 0);
	return fuzz_keep(calloc(1, size));
}

static int
fuzz_munmap(void *block, size_t size)
{
	size_t i;

	(void)size;
	for (i = 0; i < run.block_count; i++) {
		if (run.blocks[i] != block)
			continue;
		free(block);
		run.blocks[i] = run.blocks[--run.block_count];
		return 0;
	}
	abort();
}

/* One thing of every so many, by the seed. */
static bool
fuzz_chance(unsigned every)
{
	run.seed = run.seed * 1103515245U + 12345U;
	return (run.seed >> 16) % every == 0;
}

static int
fuzz_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	MUST(count == 2 && timeout >= 0);
	fds[0].revents = fds[1].revents = 0;
	/* Idle for a moment, but never to the end of its time. */
	if (fds[0].fd == STDIN_FILENO && timeout == BUSY_MS && fuzz_chance(3))
		return 0;
	if (fuzz_chance(16)) {
		errno = EINTR;
		return -1;
	}
	fds[0].revents = fds[0].events;
	return 1;
}

static ssize_t
fuzz_read(int fd, void *dst, size_t size)
{
	size_t n = run.left < run.piece ? run.left : run.piece;

	MUST(fd == STDIN_FILENO && size > 0);
	if (n > size)
		n = size;
	if (n > 0)
		memcpy(dst, run.in, n);
	run.in += n;
	run.left -= n;
	return (ssize_t)n;
}

static ssize_t
fuzz_take(const void *octets, size_t length)
{
	MUST(length > 0 && !run.ended);
	if ((run.how & SLOW) != 0) {
		if (fuzz_chance(4)) {
			errno = fuzz_chance(2) ? EAGAIN : EINTR;
			return -1;
		}
		if (fuzz_chance(2))
			length = 1 + length / 3;
	}
	text_add(&run.out, octets, length);
	return (ssize_t)length;
}

static ssize_t
fuzz_write(int fd, const void *octets, size_t length)
{
	MUST(fd == STDOUT_FILENO && length <= PIPE_BUF);
	return fuzz_take(octets, length);
}

static ssize_t
fuzz_sendmsg(int fd, const struct msghdr *message, int flags)
{
	MUST(fd == STDOUT_FILENO && message->msg_iovlen == 1 &&
	    message->msg_controllen == 0 && (flags & MSG_NOSIGNAL) != 0);
	if ((run.how & A_PIPE) != 0) {
		errno = ENOTSOCK;
		return -1;
	}
	return fuzz_take(message->msg_iov->iov_base, message->msg_iov->iov_len);
}

static int
fuzz_close(int fd)
{
	MUST(fd >= 0);
	return 0;
}

static int
fuzz_shutdown(int fd, int how)
{
	(void)how;
	MUST(fd == STDOUT_FILENO);
	errno = ENOTSOCK;
	return -1;
}

_Noreturn static void
fuzz_exit(int status)
{
	MUST(status == 0 && run.ended);
	longjmp(run.over, 1);
}

static int
fuzz_close_in(const struct front_args *args)
{
	(void)args;
	return 0;
}

/* What is accepted besides USER and PASS: with less, APOP neither. */
static uint32_t
mechanisms_of(unsigned how)
{
	/* Those that need no TLS. */
	uint32_t all =
	    (1U << MECHANISM_SCRAM_SHA_1_PLUS) - (1U << MECHANISM_PLAIN);

	if ((how & WITH_A) != 0)
		return 0;
	return (how & NO_PLAINTEXT) != 0 ? 1U << MECHANISM_SCRAM_SHA_256 : all;
}

static const char *
stamp_of(unsigned how)
{
	return (how & (WITH_A | NO_PLAINTEXT)) != 0 ? "" : "<1.2@x>";
}

/* How many responses a mechanism has. */
static unsigned
mechanism_needs(uint32_t mechanism)
{
	if (mechanism >= MECHANISM_SCRAM_SHA_1)
		return 3;
	return mechanism == MECHANISM_LOGIN ? 2 : 1;
}

static void
answer_login(struct ch_login *login)
{
	if ((run.how & REFUSED) != 0) {
		login->code = 1 + run.turn++ % (CODE_LIMIT - 1);
		login->last = ++run.logins >= 3;
		text_cut(login->text, sizeof(login->text), "no");
		return;
	}
	login->descriptors = 2;
	login->read_only = (run.how & READ_ONLY) != 0;
}

/* Each challenge is what the client has just said. */
static void
answer_step(const struct ch_step *step, struct ch_stepped *stepped)
{
	if (step->mechanism < MECHANISM_PLAIN) {
		MUST(run.exchange);
	} else {
		MUST(!run.exchange &&
		    (mechanisms_of(run.how) >> step->mechanism & 1) != 0);
		run.needs = mechanism_needs(step->mechanism);
	}
	MUST(step->given == 1 || step->length == 0);
	run.exchange = false;
	stepped->done = 1;
	if (step->mechanism == MECHANISM_CANCEL) {
		stepped->login.code = CODE_REFUSED;
		stepped->login.last = ++run.cancels >= CANCELS;
		text_cut(stepped->login.text, CHANNEL_TEXT, "cancelled");
		return;
	}
	run.needs -= step->given;
	if (run.needs == 0) {
		answer_login(&stepped->login);
		return;
	}
	run.exchange = true;
	stepped->done = 0;
	stepped->length = step->length;
	memcpy(stepped->octets, step->octets, step->length);
}

static void
answer_make(const struct record *record, uint32_t type)
{
	uint32_t removed = 0, i;

	memset(&run.answer, 0, sizeof(run.answer));
	run.answer.type = type + 1;
	run.answer.length = (uint32_t)box.lengths[type + 1];
	run.asked = true;
	if (type == CH_LOOK) {
		MUST(record->u.range.first < MESSAGES &&
		    record->u.range.count == 1);
		run.answer.u.looked.code = CODE_CHANGED;
	} else if (type == CH_UPDATE) {
		for (i = 0; i < MESSAGES; i++)
			removed += run.deleted >> i & 1;
		run.answer.u.updated.removed = removed;
		run.answer.u.updated.left = MESSAGES - removed;
	} else if (type == CH_STEP) {
		answer_step(&record->u.step, &run.answer.u.stepped);
	} else {
		MUST(type == CH_PASSWORD || type == CH_EXTERNAL ||
		    type == CH_DIGEST);
		MUST(!run.exchange);
		answer_login(&run.answer.u.login);
	}
}

static int
fuzz_channel_write(int fd, struct record *record, uint32_t type,
    const int *descriptors, size_t count)
{
	MUST(fd == CHANNEL_FD && descriptors == NULL && count == 0);
	MUST(!run.asked && !run.ended && type < CHANNEL_TYPES);
	record->type = type;
	record->length = (uint32_t)box.lengths[type];
	/* The front never sends what the back would not take. */
	MUST(channel_check(record, record->length) == 0);
	if (type == CH_END) {
		run.ended = true;
		run.said = record->u.end.why;
	} else if (type == CH_MARK) {
		MUST(record->u.mark.first == 0);
		run.deleted = record->u.mark.deleted[0];
	} else if (type == CH_TRACE) {
		MUST((run.how & TRACED) != 0);
	} else
		answer_make(record, type);
	return 0;
}

static int
fuzz_channel_read(
    int fd, struct record *record, int *descriptors, size_t *count)
{
	MUST(fd == CHANNEL_FD && run.asked);
	run.asked = false;
	memcpy(record, &run.answer, run.answer.length);
	if (descriptors != NULL) {
		/* A step's answer begins with that to any login. */
		*count = run.answer.u.login.descriptors;
		if (*count == 0)
			return 1;
		/* It is the front's, and closed where it has been read. */
		run.view = dup(box.view[(run.how & CHANGED) != 0]);
		MUST(run.view != -1);
		descriptors[0] = run.view;
		descriptors[1] = box.file;
	}
	return 1;
}

#endif
