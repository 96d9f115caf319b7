/*
 * channel.c - sending, receiving and checking records.
 */

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"

#define HEAD offsetof(struct record, u)

/* A type's name and how long its body is; 0 octets: no such record. */
static const struct {
	const char *name;
	size_t size;
} types[CHANNEL_TYPES] = {
    /* clang-format off */
	[CH_PASSWORD] = { "password", sizeof(struct ch_password) },
	[CH_PASSWORD + 1] = { "password answer", sizeof(struct ch_login) },
	[CH_DIGEST] = { "digest", sizeof(struct ch_digest) },
	[CH_DIGEST + 1] = { "digest answer", sizeof(struct ch_login) },
	[CH_STEP] = { "step", sizeof(struct ch_step) },
	[CH_STEP + 1] = { "step answer", sizeof(struct ch_stepped) },
	[CH_EXTERNAL] = { "external", sizeof(struct ch_external) },
	[CH_EXTERNAL + 1] = { "external answer", sizeof(struct ch_login) },
	[CH_STLS] = { "stls", sizeof(struct ch_stls) },
	[CH_STLS + 1] = { "stls answer", sizeof(struct ch_result) },
	[CH_READY] = { "ready", sizeof(struct ch_stls) },
	[CH_READY + 1] = { "ready answer", sizeof(struct ch_result) },
	[CH_SIGN] = { "sign", sizeof(struct ch_sign) },
	[CH_SIGN + 1] = { "sign answer", sizeof(struct ch_octets) },
	[CH_SEAL] = { "seal", sizeof(struct ch_octets) },
	[CH_SEAL + 1] = { "seal answer", sizeof(struct ch_octets) },
	[CH_UNSEAL] = { "unseal", sizeof(struct ch_octets) },
	[CH_UNSEAL + 1] = { "unseal answer", sizeof(struct ch_octets) },
	[CH_OPEN] = { "open", sizeof(struct ch_range) },
	[CH_OPEN + 1] = { "open answer", sizeof(struct ch_result) },
	[CH_LOOK] = { "look", sizeof(struct ch_range) },
	[CH_LOOK + 1] = { "look answer", sizeof(struct ch_looked) },
	[CH_MARK] = { "mark", sizeof(struct ch_mark) },
	[CH_UPDATE] = { "update", sizeof(struct ch_update) },
	[CH_UPDATE + 1] = { "update answer", sizeof(struct ch_updated) },
	[CH_SUBMIT] = { "submit", sizeof(struct ch_update) },
	[CH_SUBMIT + 1] = { "submit answer", sizeof(struct ch_result) },
	[CH_SUBMITTED] = { "submitted", sizeof(struct ch_submitted) },
	[CH_SUBMITTED + 1] = { "submitted answer", sizeof(struct ch_result) },
	[CH_TRACE] = { "trace", sizeof(struct ch_text) },
	[CH_DEBUG] = { "debug", sizeof(struct ch_text) },
	[CH_END] = { "end", sizeof(struct ch_end) },
	[CH_ACCOUNT] = { "account", sizeof(struct ch_account) },
	[CH_TAKE] = { "take", sizeof(struct ch_update) },
	[CH_TAKE + 1] = { "take answer", sizeof(struct ch_result) },
	[CH_REFRESH] = { "refresh", sizeof(struct ch_update) },
	[CH_REFRESH + 1] = { "refresh answer", sizeof(struct ch_result) },
	[CH_DROP] = { "drop", sizeof(struct ch_update) },
	[CH_DROP + 1] = { "drop answer", sizeof(struct ch_result) },
	[CH_SECURE] = { "secure", sizeof(struct ch_secure) },
	[CH_SERVE] = { "serve", sizeof(struct ch_serve) },
	[CH_SERVING] = { "serving", sizeof(struct ch_result) },
	[CH_TICKETS] = { "tickets", sizeof(struct ch_tickets) },
    /* clang-format on */
};

/*
 * What is checked within a body, by the struct's name: a string ends within
 * its field; a number has a most (TEXT: octets 0x20..0x7e, too).
 */
enum check_kind { CHECK_STRING, CHECK_TEXT, CHECK_MOST };

struct check {
	uint32_t first, last; /* types, in steps of 2 */
	enum check_kind kind;
	size_t place;  /* in struct record */
	uint64_t most; /* of a number; a field's size */
};

#define U(field) offsetof(struct record, u.field)
#define SIZE(field) sizeof(((struct record *)NULL)->u.field)
#define STRING(a, b, f) \
	{ \
		a, b, CHECK_STRING, U(f), SIZE(f) \
	}
#define TEXT(a, b, f) \
	{ \
		a, b, CHECK_TEXT, U(f), SIZE(f) \
	}
#define MOST(a, b, f, n) \
	{ \
		a, b, CHECK_MOST, U(f), n \
	}

static const struct check checks[] = {
    /* clang-format off */
	STRING(CH_PASSWORD, CH_PASSWORD, password.name),
	STRING(CH_PASSWORD, CH_PASSWORD, password.secret),
	STRING(CH_DIGEST, CH_DIGEST, digest.name),
	MOST(CH_STEP, CH_STEP, step.mechanism, MECHANISM_LIMIT - 1),
	MOST(CH_STEP, CH_STEP, step.given, 1),
	MOST(CH_STEP, CH_STEP, step.length, CHANNEL_STEP),
	STRING(CH_EXTERNAL, CH_EXTERNAL, external.name),
	MOST(CH_PASSWORD + 1, CH_DIGEST + 1, login.code, CODE_LIMIT - 1),
	MOST(CH_PASSWORD + 1, CH_DIGEST + 1, login.read_only, 1),
	MOST(CH_PASSWORD + 1, CH_DIGEST + 1, login.keep, 1),
	TEXT(CH_PASSWORD + 1, CH_DIGEST + 1, login.text),
	MOST(CH_EXTERNAL + 1, CH_EXTERNAL + 1, login.code, CODE_LIMIT - 1),
	MOST(CH_EXTERNAL + 1, CH_EXTERNAL + 1, login.read_only, 1),
	MOST(CH_EXTERNAL + 1, CH_EXTERNAL + 1, login.keep, 1),
	TEXT(CH_EXTERNAL + 1, CH_EXTERNAL + 1, login.text),
	MOST(CH_STEP + 1, CH_STEP + 1, stepped.login.code, CODE_LIMIT - 1),
	MOST(CH_STEP + 1, CH_STEP + 1, stepped.login.read_only, 1),
	MOST(CH_STEP + 1, CH_STEP + 1, stepped.login.keep, 1),
	TEXT(CH_STEP + 1, CH_STEP + 1, stepped.login.text),
	MOST(CH_STEP + 1, CH_STEP + 1, stepped.done, 1),
	MOST(CH_STEP + 1, CH_STEP + 1, stepped.length, CHANNEL_STEP),
	MOST(CH_SIGN, CH_SIGN, sign.length, CHANNEL_SIGN),
	MOST(CH_SIGN + 1, CH_UNSEAL + 1, octets.code, CODE_LIMIT - 1),
	MOST(CH_SIGN + 1, CH_UNSEAL + 1, octets.length, CHANNEL_TICKET),
	MOST(CH_SEAL, CH_UNSEAL, octets.length, CHANNEL_TICKET),
	MOST(CH_OPEN, CH_OPEN, range.first, VIEW_INDEX_MAX),
	MOST(CH_OPEN, CH_OPEN, range.count, CHANNEL_DESCRIPTORS),
	MOST(CH_LOOK, CH_LOOK, range.first, VIEW_INDEX_MAX),
	MOST(CH_LOOK, CH_LOOK, range.count, 1),
	MOST(CH_MARK, CH_MARK, mark.first, VIEW_INDEX_MAX),
	MOST(CH_UPDATE, CH_UPDATE, update.sync, 1),
	MOST(CH_UPDATE + 1, CH_UPDATE + 1, updated.code, CODE_LIMIT - 1),
	TEXT(CH_UPDATE + 1, CH_UPDATE + 1, updated.text),
	TEXT(CH_TRACE, CH_DEBUG, text.text),
	MOST(CH_END, CH_END, end.why, END_LIMIT - 1),
	MOST(CH_ACCOUNT, CH_ACCOUNT, account.code, CODE_LIMIT - 1),
	MOST(CH_ACCOUNT, CH_ACCOUNT, account.read_only, 1),
	MOST(CH_ACCOUNT, CH_ACCOUNT, account.keep, 1),
	MOST(CH_ACCOUNT, CH_ACCOUNT, account.group_count, CHANNEL_GROUPS),
	STRING(CH_ACCOUNT, CH_ACCOUNT, account.name),
	STRING(CH_ACCOUNT, CH_ACCOUNT, account.home),
	STRING(CH_ACCOUNT, CH_ACCOUNT, account.mailbox),
	STRING(CH_ACCOUNT, CH_ACCOUNT, account.reason),
	TEXT(CH_ACCOUNT, CH_ACCOUNT, account.text),
	MOST(CH_STLS + 1, CH_READY + 1, result.code, CODE_LIMIT - 1),
	TEXT(CH_STLS + 1, CH_READY + 1, result.text),
	MOST(CH_OPEN + 1, CH_OPEN + 1, result.code, CODE_LIMIT - 1),
	MOST(CH_OPEN + 1, CH_OPEN + 1, result.count, CHANNEL_DESCRIPTORS),
	TEXT(CH_OPEN + 1, CH_OPEN + 1, result.text),
	MOST(CH_LOOK + 1, CH_LOOK + 1, looked.code, CODE_LIMIT - 1),
	MOST(CH_SUBMIT + 1, CH_SUBMITTED + 1, result.code, CODE_LIMIT - 1),
	TEXT(CH_SUBMIT + 1, CH_SUBMITTED + 1, result.text),
	MOST(CH_TAKE + 1, CH_DROP + 1, result.code, CODE_LIMIT - 1),
	TEXT(CH_TAKE + 1, CH_DROP + 1, result.text),
	MOST(CH_SECURE, CH_SECURE, secure.code, CODE_LIMIT - 1),
	MOST(CH_SECURE, CH_SECURE, secure.resumed, 1),
	MOST(CH_SECURE, CH_SECURE, secure.bindings[BINDING_EXPORTER].length,
	    CHANNEL_BINDING),
	MOST(CH_SECURE, CH_SECURE, secure.bindings[BINDING_END_POINT].length,
	    CHANNEL_BINDING),
	TEXT(CH_SECURE, CH_SECURE, secure.protocol),
	TEXT(CH_SECURE, CH_SECURE, secure.cipher),
	TEXT(CH_SECURE, CH_SECURE, secure.text),
	MOST(CH_SERVE, CH_SERVE, serve.signatures, 1),
	MOST(CH_SERVING, CH_SERVING, result.code, CODE_LIMIT - 1),
	TEXT(CH_SERVING, CH_SERVING, result.text),
    /* clang-format on */
};

const char *
channel_name(uint32_t type)
{
	if (type >= CHANNEL_TYPES || types[type].name == NULL)
		return "unknown";
	return types[type].name;
}

const char *
channel_mechanism_name(uint32_t mechanism)
{
	static const char *const names[MECHANISM_LIMIT] = {
	    [MECHANISM_PLAIN] = "PLAIN",
	    [MECHANISM_LOGIN] = "LOGIN",
	    [MECHANISM_CRAM_MD5] = "CRAM-MD5",
	    [MECHANISM_SCRAM_SHA_1] = "SCRAM-SHA-1",
	    [MECHANISM_SCRAM_SHA_256] = "SCRAM-SHA-256",
	    [MECHANISM_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	    [MECHANISM_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
	    [MECHANISM_EXTERNAL] = "EXTERNAL",
	};

	if (mechanism >= MECHANISM_LIMIT || names[mechanism] == NULL)
		return "";
	return names[mechanism];
}

int
channel_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int
check_text(const char *field, size_t size, enum check_kind kind)
{
	const char *end = memchr(field, '\0', size);
	size_t i;

	if (end == NULL)
		return -1;
	for (i = 0; kind == CHECK_TEXT && field + i < end; i++) {
		if (field[i] < 0x20 || field[i] > 0x7e)
			return -1;
	}
	return 0;
}

int
channel_check(const struct record *packet, size_t size)
{
	const struct check *c;
	uint32_t number;
	size_t i;

	errno = EBADMSG;
	if (size < HEAD || packet->type >= CHANNEL_TYPES ||
	    types[packet->type].size == 0 || packet->length != size ||
	    size != HEAD + types[packet->type].size)
		return -1;
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		c = &checks[i];
		if (packet->type < c->first || packet->type > c->last ||
		    (packet->type - c->first) % 2 != 0)
			continue;
		if (c->kind == CHECK_MOST) {
			memcpy(&number, (const char *)packet + c->place,
			    sizeof(number));
			if (number > c->most)
				return -1;
		} else if (check_text((const char *)packet + c->place,
			       (size_t)c->most, c->kind) == -1)
			return -1;
	}
	errno = 0;
	return 0;
}

int
channel_write(int fd, struct record *record, uint32_t type,
    const int *descriptors, size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CHANNEL_DESCRIPTORS)];
	} control;
	struct msghdr message;
	struct cmsghdr *head;
	struct iovec iov;
	ssize_t n;

	record->type = type;
	record->length = (uint32_t)(HEAD + types[type].size);
	iov.iov_base = record;
	iov.iov_len = record->length;
	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		head = &control.align;
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(head), descriptors, sizeof(int) * count);
	}
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

/*
 * Every descriptor that came along, up to most; the others are closed, and
 * *more is set: alignment lets one more arrive than there is room for.
 */
static size_t
descriptors_take(
    struct msghdr *message, int *descriptors, size_t most, bool *more)
{
	struct cmsghdr *head;
	size_t taken = 0, count, i;
	int fd;

	for (head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(
			    &fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
			if (taken < most) {
				descriptors[taken++] = fd;
				continue;
			}
			(void)close(fd);
			*more = true;
		}
	}
	return taken;
}

int
channel_read(int fd, struct record *record, int *descriptors, size_t *count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CHANNEL_DESCRIPTORS)];
	} control;
	struct msghdr message;
	struct iovec iov = {record, sizeof(*record)};
	size_t taken = 0;
	bool more = false;
	ssize_t n;

	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	if (count != NULL) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) *
		    (*count < CHANNEL_DESCRIPTORS ? *count :
						    CHANNEL_DESCRIPTORS));
	}
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n == -1 && errno != ECONNRESET ? -1 : 0;
	if (count != NULL)
		taken = descriptors_take(&message, descriptors, *count, &more);
	if (more || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    channel_check(record, (size_t)n) == -1) {
		while (taken > 0)
			(void)close(descriptors[--taken]);
		errno = EBADMSG;
		return -1;
	}
	if (count != NULL)
		*count = taken;
	return 1;
}
