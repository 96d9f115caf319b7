/*
 * channel_test.c - records: what goes through, and what never does.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "tap.h"

#define HEAD offsetof(struct record, u)
#define U(field) offsetof(struct record, u.field)

/* The vocabulary, as channel.h says it. */
static const struct {
	uint32_t type;
	size_t size;
} sizes[] = {
    /* clang-format off */
	{ CH_PASSWORD, sizeof(struct ch_password) },
	{ CH_PASSWORD + 1, sizeof(struct ch_login) },
	{ CH_DIGEST, sizeof(struct ch_digest) },
	{ CH_DIGEST + 1, sizeof(struct ch_login) },
	{ CH_STEP, sizeof(struct ch_step) },
	{ CH_STEP + 1, sizeof(struct ch_stepped) },
	{ CH_EXTERNAL, sizeof(struct ch_external) },
	{ CH_EXTERNAL + 1, sizeof(struct ch_login) },
	{ CH_STLS, sizeof(struct ch_stls) },
	{ CH_STLS + 1, sizeof(struct ch_result) },
	{ CH_READY, sizeof(struct ch_stls) },
	{ CH_READY + 1, sizeof(struct ch_result) },
	{ CH_SIGN, sizeof(struct ch_sign) },
	{ CH_SIGN + 1, sizeof(struct ch_octets) },
	{ CH_SEAL, sizeof(struct ch_octets) },
	{ CH_SEAL + 1, sizeof(struct ch_octets) },
	{ CH_UNSEAL, sizeof(struct ch_octets) },
	{ CH_UNSEAL + 1, sizeof(struct ch_octets) },
	{ CH_OPEN, sizeof(struct ch_range) },
	{ CH_OPEN + 1, sizeof(struct ch_result) },
	{ CH_LOOK, sizeof(struct ch_range) },
	{ CH_LOOK + 1, sizeof(struct ch_looked) },
	{ CH_MARK, sizeof(struct ch_mark) },
	{ CH_UPDATE, sizeof(struct ch_update) },
	{ CH_UPDATE + 1, sizeof(struct ch_updated) },
	{ CH_SUBMIT, sizeof(struct ch_update) },
	{ CH_SUBMIT + 1, sizeof(struct ch_result) },
	{ CH_SUBMITTED, sizeof(struct ch_submitted) },
	{ CH_SUBMITTED + 1, sizeof(struct ch_result) },
	{ CH_TRACE, sizeof(struct ch_text) },
	{ CH_DEBUG, sizeof(struct ch_text) },
	{ CH_END, sizeof(struct ch_end) },
	{ CH_ACCOUNT, sizeof(struct ch_account) },
	{ CH_TAKE, sizeof(struct ch_update) },
	{ CH_TAKE + 1, sizeof(struct ch_result) },
	{ CH_REFRESH, sizeof(struct ch_update) },
	{ CH_REFRESH + 1, sizeof(struct ch_result) },
	{ CH_DROP, sizeof(struct ch_update) },
	{ CH_DROP + 1, sizeof(struct ch_result) },
	{ CH_SECURE, sizeof(struct ch_secure) },
	{ CH_SERVE, sizeof(struct ch_serve) },
	{ CH_SERVING, sizeof(struct ch_result) },
	{ CH_TICKETS, sizeof(struct ch_tickets) },
    /* clang-format on */
};

/* Numbers: least that is refused. */
static const struct {
	uint32_t type;
	size_t place;
	uint32_t most;
} limits[] = {
    /* clang-format off */
	{ CH_STEP, U(step.mechanism), MECHANISM_LIMIT - 1 },
	{ CH_STEP, U(step.given), 1 },
	{ CH_STEP, U(step.length), CHANNEL_STEP },
	{ CH_STEP + 1, U(stepped.done), 1 },
	{ CH_STEP + 1, U(stepped.length), CHANNEL_STEP },
	{ CH_STEP + 1, U(stepped.login.code), CODE_LIMIT - 1 },
	{ CH_STEP + 1, U(stepped.login.read_only), 1 },
	{ CH_STEP + 1, U(stepped.login.keep), 1 },
	{ CH_PASSWORD + 1, U(login.code), CODE_LIMIT - 1 },
	{ CH_PASSWORD + 1, U(login.read_only), 1 },
	{ CH_PASSWORD + 1, U(login.keep), 1 },
	{ CH_DIGEST + 1, U(login.code), CODE_LIMIT - 1 },
	{ CH_DIGEST + 1, U(login.read_only), 1 },
	{ CH_DIGEST + 1, U(login.keep), 1 },
	{ CH_EXTERNAL + 1, U(login.code), CODE_LIMIT - 1 },
	{ CH_EXTERNAL + 1, U(login.read_only), 1 },
	{ CH_EXTERNAL + 1, U(login.keep), 1 },
	{ CH_SIGN, U(sign.length), CHANNEL_SIGN },
	{ CH_SIGN + 1, U(octets.length), CHANNEL_TICKET },
	{ CH_SEAL, U(octets.length), CHANNEL_TICKET },
	{ CH_SEAL + 1, U(octets.length), CHANNEL_TICKET },
	{ CH_UNSEAL, U(octets.length), CHANNEL_TICKET },
	{ CH_UNSEAL + 1, U(octets.code), CODE_LIMIT - 1 },
	{ CH_OPEN, U(range.first), VIEW_INDEX_MAX },
	{ CH_OPEN, U(range.count), CHANNEL_DESCRIPTORS },
	{ CH_OPEN + 1, U(result.code), CODE_LIMIT - 1 },
	{ CH_OPEN + 1, U(result.count), CHANNEL_DESCRIPTORS },
	{ CH_LOOK, U(range.first), VIEW_INDEX_MAX },
	{ CH_LOOK, U(range.count), 1 },
	{ CH_LOOK + 1, U(looked.code), CODE_LIMIT - 1 },
	{ CH_MARK, U(mark.first), VIEW_INDEX_MAX },
	{ CH_UPDATE, U(update.sync), 1 },
	{ CH_UPDATE + 1, U(updated.code), CODE_LIMIT - 1 },
	{ CH_SUBMIT + 1, U(result.code), CODE_LIMIT - 1 },
	{ CH_END, U(end.why), END_LIMIT - 1 },
	{ CH_ACCOUNT, U(account.code), CODE_LIMIT - 1 },
	{ CH_ACCOUNT, U(account.read_only), 1 },
	{ CH_ACCOUNT, U(account.keep), 1 },
	{ CH_ACCOUNT, U(account.group_count), CHANNEL_GROUPS },
	{ CH_TAKE + 1, U(result.code), CODE_LIMIT - 1 },
	{ CH_DROP + 1, U(result.code), CODE_LIMIT - 1 },
	{ CH_SECURE, U(secure.code), CODE_LIMIT - 1 },
	{ CH_SECURE, U(secure.resumed), 1 },
	{ CH_SECURE, U(secure.bindings[BINDING_EXPORTER].length),
	    CHANNEL_BINDING },
	{ CH_SECURE, U(secure.bindings[BINDING_END_POINT].length),
	    CHANNEL_BINDING },
	{ CH_SERVE, U(serve.signatures), 1 },
	{ CH_SERVING, U(result.code), CODE_LIMIT - 1 },
    /* clang-format on */
};

/* Strings; with text, printable ones alone. */
static const struct {
	uint32_t type;
	size_t place, size;
	bool text;
} strings[] = {
    /* clang-format off */
	{ CH_PASSWORD, U(password.name), CHANNEL_NAME, false },
	{ CH_PASSWORD, U(password.secret), CHANNEL_SECRET, false },
	{ CH_DIGEST, U(digest.name), CHANNEL_NAME, false },
	{ CH_EXTERNAL, U(external.name), CHANNEL_NAME, false },
	{ CH_PASSWORD + 1, U(login.text), CHANNEL_TEXT, true },
	{ CH_DIGEST + 1, U(login.text), CHANNEL_TEXT, true },
	{ CH_EXTERNAL + 1, U(login.text), CHANNEL_TEXT, true },
	{ CH_STEP + 1, U(stepped.login.text), CHANNEL_TEXT, true },
	{ CH_STLS + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_READY + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_OPEN + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_UPDATE + 1, U(updated.text), CHANNEL_TEXT, true },
	{ CH_SUBMIT + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_SUBMITTED + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_TRACE, U(text.text), CHANNEL_TEXT, true },
	{ CH_DEBUG, U(text.text), CHANNEL_TEXT, true },
	{ CH_ACCOUNT, U(account.name), CHANNEL_NAME, false },
	{ CH_ACCOUNT, U(account.home), CHANNEL_PATH, false },
	{ CH_ACCOUNT, U(account.mailbox), CHANNEL_PATH, false },
	{ CH_ACCOUNT, U(account.reason), CHANNEL_TEXT, false },
	{ CH_ACCOUNT, U(account.text), CHANNEL_TEXT, true },
	{ CH_TAKE + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_REFRESH + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_DROP + 1, U(result.text), CHANNEL_TEXT, true },
	{ CH_SECURE, U(secure.protocol), CHANNEL_WORD, true },
	{ CH_SECURE, U(secure.cipher), CHANNEL_WORD, true },
	{ CH_SECURE, U(secure.text), CHANNEL_TEXT, true },
	{ CH_SERVING, U(result.text), CHANNEL_TEXT, true },
    /* clang-format on */
};

static struct record r;

/* 0: no such type. */
static size_t
size_of(uint32_t type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i].type == type)
			return HEAD + sizes[i].size;
	}
	return 0;
}

static void
record_init(uint32_t type)
{
	memset(&r, 0, sizeof(r));
	r.type = type;
	r.length = (uint32_t)size_of(type);
}

static bool
refused(void)
{
	errno = 0;
	return channel_check(&r, r.length) == -1 && errno == EBADMSG;
}

static void
test_sizes(void)
{
	size_t size, want;
	uint32_t type;
	bool good = true;

	for (type = 0; type < CHANNEL_TYPES + 20; type++) {
		want = size_of(type);
		good &=
		    (strcmp(channel_name(type), "unknown") == 0) == (want == 0);
		for (size = 0; size <= sizeof(r); size++) {
			memset(&r, 0, sizeof(r));
			r.type = type;
			r.length = (uint32_t)size;
			good &= (channel_check(&r, size) == 0) ==
			    (size == want && want > 0);
		}
		/* The head and the packet must agree. */
		record_init(type);
		r.length++;
		good &= channel_check(&r, want) == -1;
	}
	ok(good, "every type has one length, and no other is taken");
	record_init(CH_END);
	r.type = UINT32_MAX;
	ok(refused() && strcmp(channel_name(UINT32_MAX), "unknown") == 0,
	    "a type that is none");
}

static void
test_limits(void)
{
	static const uint32_t more[] = {1, 2, 0x10000, 0x7fffffff};
	bool good;
	size_t i, k;
	uint32_t n;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		record_init(limits[i].type);
		memcpy((char *)&r + limits[i].place, &limits[i].most, 4);
		good = channel_check(&r, r.length) == 0;
		for (k = 0; k < ARRAY_SIZE(more); k++) {
			n = limits[i].most + more[k];
			memcpy((char *)&r + limits[i].place, &n, 4);
			good &= refused();
		}
		n = UINT32_MAX;
		memcpy((char *)&r + limits[i].place, &n, 4);
		good &= refused();
		ok(good, "%s: at most %u", channel_name(limits[i].type),
		    limits[i].most);
	}
}

static void
test_strings(void)
{
	char *field;
	bool good;
	size_t i;
	int c;

	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		record_init(strings[i].type);
		field = (char *)&r + strings[i].place;
		memset(field, 'x', strings[i].size);
		good = refused();
		field[strings[i].size - 1] = '\0';
		good &= channel_check(&r, r.length) == 0;
		/* What follows the NUL is nobody's. */
		memset(field, 0xff, strings[i].size);
		field[0] = '\0';
		good &= channel_check(&r, r.length) == 0;
		for (c = 1; c < 256; c++) {
			memset(field, 0, strings[i].size);
			field[0] = 'x';
			field[1] = (char)c;
			good &= (channel_check(&r, r.length) == 0) ==
			    (!strings[i].text || (c >= 0x20 && c <= 0x7e));
		}
		ok(good, "%s: a string of %zu octets",
		    channel_name(strings[i].type), strings[i].size);
	}
}

static int
descriptors_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static void
test_way(void)
{
	int ends[2], got[4], flags;
	int before = descriptors_count();
	struct record in;
	size_t count;

	ok(channel_pair(ends) == 0 &&
		(fcntl(ends[0], F_GETFD) & FD_CLOEXEC) != 0 &&
		(fcntl(ends[1], F_GETFD) & FD_CLOEXEC) != 0,
	    "a pair, closed by exec");
	memset(&r, 0, sizeof(r));
	text_cut(r.u.password.name, CHANNEL_NAME, "demo");
	ok(channel_write(ends[0], &r, CH_PASSWORD, NULL, 0) == 0 &&
		channel_read(ends[1], &in, NULL, NULL) == 1 &&
		in.type == CH_PASSWORD && in.length == size_of(CH_PASSWORD) &&
		strcmp(in.u.password.name, "demo") == 0,
	    "a record arrives");
	got[0] = got[1] = -1;
	count = 2;
	record_init(CH_PASSWORD + 1);
	ok(channel_write(ends[0], &r, CH_PASSWORD + 1, ends, 2) == 0 &&
		channel_read(ends[1], &in, got, &count) == 1 && count == 2,
	    "two descriptors arrive");
	flags = fcntl(got[0], F_GETFD) & fcntl(got[1], F_GETFD);
	ok((flags & FD_CLOEXEC) != 0, "closed by exec");
	(void)close(got[0]);
	(void)close(got[1]);
	count = 2;
	ok(channel_write(ends[0], &r, CH_PASSWORD + 1, NULL, 0) == 0 &&
		channel_read(ends[1], &in, got, &count) == 1 && count == 0,
	    "none, where two might come");
	(void)close(ends[0]);
	ok(channel_read(ends[1], &in, NULL, NULL) == 0, "the end");
	(void)signal(SIGPIPE, SIG_DFL);
	ok(channel_write(ends[1], &r, CH_END, NULL, 0) == -1 && errno == EPIPE,
	    "EPIPE, and no signal");
	(void)close(ends[1]);
	ok(descriptors_count() == before, "nothing stays open");
}

/* Send count descriptors; the reader wants most, or none at all. */
static void
descriptors_unasked(size_t count, size_t most, uint32_t type)
{
	int ends[2], send[16], got[16], before, result;
	size_t i, taken = most;
	struct record in;

	if (channel_pair(ends) == -1)
		exit(99);
	for (i = 0; i < 16; i++) {
		send[i] = ends[0];
		got[i] = -1;
	}
	before = descriptors_count();
	record_init(type);
	if (channel_write(ends[0], &r, type, send, count) == -1)
		exit(99);
	result = most == 0 ? channel_read(ends[1], &in, NULL, NULL) :
			     channel_read(ends[1], &in, got, &taken);
	ok(result == -1 && errno == EBADMSG && descriptors_count() == before,
	    "%zu descriptors where %zu may come", count, most);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
test_unasked(void)
{
	static const size_t counts[] = {1, 2, 3, 4, 15, 16};
	size_t i, most;

	for (most = 0; most < 16; most = most * 2 + 1) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			if (counts[i] > most)
				descriptors_unasked(counts[i], most, CH_END);
		}
	}
}

/* Octets that are no record, with a descriptor that must not stay. */
static void
test_bad(void)
{
	static const char bad[] = "no record at all";
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)bad, sizeof(bad)};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	static char big[sizeof(struct record) + 100];
	int ends[2], got[2], before;
	size_t count = 2;
	struct record in;

	if (channel_pair(ends) == -1)
		exit(99);
	before = descriptors_count();
	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), ends, sizeof(int));
	ok(sendmsg(ends[0], &m, 0) == (ssize_t)sizeof(bad) &&
		channel_read(ends[1], &in, got, &count) == -1 &&
		errno == EBADMSG && descriptors_count() == before,
	    "a bad record's descriptors do not stay");
	record_init(CH_END);
	memcpy(big, &r, r.length);
	ok(send(ends[0], big, sizeof(big), 0) == (ssize_t)sizeof(big) &&
		channel_read(ends[1], &in, NULL, NULL) == -1 &&
		errno == EBADMSG,
	    "a packet that is too long for any record");
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int
main(void)
{
	test_sizes();
	test_limits();
	test_strings();
	test_way();
	test_unasked();
	test_bad();
	return tap_end();
}
