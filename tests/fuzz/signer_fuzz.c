/*
 * signer_fuzz.c - the signer and sessions of it whose fronts have been taken
 * over: its own loop, over real channels, in this process.
 *
 * The input is records, for up to three sessions.  A second reading says what
 * each is to get, octet for octet but for the signature, which must be one;
 * nothing else is answered, and no descriptor stays behind.
 */

#include "tls_keys.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* The signer's table is freed by its end. */
static struct {
	void *block;
} table_of;

static void *
table_new(size_t count, size_t size)
{
	MUST(table_of.block == NULL);
	table_of.block = calloc(count, size);
	MUST(table_of.block != NULL);
	return table_of.block;
}

#define calloc table_new
#include "signer/signer.c"
#undef calloc

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SESSIONS 3
#define PACKETS 6     /* of one session */
#define HIGHEST 64    /* descriptors that are looked at */
#define CONTROL_ODD 8 /* one session of so many is announced wrongly */

/* What one packet is, and whether something came along. */
struct packet {
	uint8_t octets[sizeof(struct record) + 8];
	size_t length;
	bool descriptor;
};

struct session_in {
	int ours, theirs;
	struct packet packet[PACKETS];
	size_t count;
	bool served; /* it was announced as it should be */
};

const struct tls_module *
tls_load(void)
{
	return &pop3d_tls;
}

/* Something that would be signed, or almost. */
static size_t
shape_make(struct script *in, uint8_t octets[CHANNEL_SIGN])
{
	static const struct {
		uint8_t curve, length;
	} curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
	uint64_t kind = take(in, 1) % 8;
	size_t i;

	if (kind < 2) {
		memset(octets, ' ', 64);
		memcpy(octets + 64, "TLS 1.3, server CertificateVerify", 34);
		memset(octets + 98, 7, 48);
		return kind == 0 ? 98 + 32 : 98 + 48;
	}
	if (kind == 7) {
		for (i = 0; i < CHANNEL_SIGN && in->left > 0; i++)
			octets[i] = (uint8_t)take(in, 1);
		return i;
	}
	kind = (kind - 2) % ARRAY_SIZE(curves);
	memset(octets, 9, CHANNEL_SIGN);
	memcpy(octets + 56, "DOWNGRD\x01", 8);
	octets[64] = 3;
	octets[65] = 0;
	octets[66] = curves[kind].curve;
	octets[67] = curves[kind].length;
	octets[68] = 4;
	return 68U + curves[kind].length;
}

static void
sign_make(struct script *in, struct ch_sign *sign)
{
	static const uint32_t schemes[] = {0x0403, 0x0804, 0x0503, 0x0603,
	    0x0401, 0x0805, 0x0806, 0x0501, 0x0601, 0x0807, 0x0809, 0x0201};
	uint64_t scheme = take(in, 1), edits;

	sign->certificate = (uint32_t)take(in, 1);
	if (sign->certificate == UINT8_MAX)
		sign->certificate = (uint32_t)take(in, 4);
	else
		sign->certificate %= CERTIFICATES + 1;
	sign->scheme = scheme == UINT8_MAX ?
	    (uint32_t)take(in, 4) :
	    schemes[scheme % ARRAY_SIZE(schemes)];
	sign->length = (uint32_t)shape_make(in, sign->octets);
	for (edits = take(in, 1) % 4; edits > 0; edits--)
		sign->octets[take(in, 2) % CHANNEL_SIGN] ^=
		    (uint8_t)take(in, 1);
	switch (take(in, 1) % 8) {
	case 6:
		sign->length += (uint32_t)take(in, 1);
		break;
	case 7:
		sign->length = (uint32_t)take(in, 4);
		break;
	default:
		break;
	}
}

/* A session's state as OpenSSL has it, as far as the signer looks. */
static const uint8_t state[] = {
    0x30, 0x0c, 2, 1, 1, 2, 2, 3, 4, 4, 3, 'x', 'y', 'z'};

/* What was sealed with each key, and of whom. */
static struct {
	uint8_t octets[TLS_TICKET];
	size_t length;
} sealed[TICKETS_KEYS];

static void
tickets_make(void)
{
	const struct tickets *t = &own.held.tickets;

	for (size_t i = 0; i < t->count; i++)
		MUST(pop3d_tls.ticket_seal(&t->key[i].key, state, sizeof(state),
			 sealed[i].octets, &sealed[i].length) == 0);
}

/* A ticket, or a session's state, or almost. */
static void
ticket_make(struct script *in, struct ch_octets *ticket)
{
	uint64_t kind = take(in, 1) % 8, edits, length;

	if (kind < own.held.tickets.count) {
		ticket->length = (uint32_t)sealed[kind].length;
		memcpy(ticket->octets, sealed[kind].octets, ticket->length);
	} else if (kind < 6) {
		memcpy(ticket->octets, state, sizeof(state));
		ticket->length = sizeof(state);
	} else {
		/* A long one: two octets of length. */
		length = take(in, 2) % (CHANNEL_TICKET - 4);
		memcpy(ticket->octets + 2, state, sizeof(state));
		memcpy(ticket->octets, "\x30\x82", 2);
		ticket->octets[2] = (uint8_t)(length >> 8);
		ticket->octets[3] = (uint8_t)length;
		memcpy(ticket->octets + 4, state + 2, 7);
		ticket->length = 4 + (uint32_t)length;
	}
	for (edits = take(in, 1) % 4; edits > 0; edits--)
		ticket->octets[take(in, 2) % CHANNEL_TICKET] ^=
		    (uint8_t)take(in, 1);
	/* Longer, shorter, or any: up to what is no record any more. */
	switch (take(in, 1) % 8) {
	case 5:
		ticket->length -= (uint32_t)take(in, 1) % (ticket->length + 1);
		break;
	case 6:
		ticket->length += (uint32_t)take(in, 1);
		break;
	case 7:
		ticket->length = (uint32_t)take(in, 2) % (CHANNEL_TICKET + 8);
		break;
	default:
		break;
	}
}

/* How long a record of this type is; 0: there is no such type. */
static size_t
length_of(uint32_t type)
{
	static size_t lengths[CHANNEL_TYPES];
	static bool known;
	struct record *r = calloc(1, sizeof(*r));

	for (r->type = 0; !known && r->type < CHANNEL_TYPES; r->type++) {
		for (r->length = 8; r->length <= sizeof(*r); r->length++) {
			if (channel_check(r, r->length) == 0)
				lengths[r->type] = r->length;
		}
	}
	known = true;
	free(r);
	return type < CHANNEL_TYPES ? lengths[type] : 0;
}

static void
packet_make(struct script *in, struct packet *p)
{
	static const uint32_t usual[] = {CH_SIGN, CH_UNSEAL, CH_SEAL};
	struct record *r = calloc(1, sizeof(*r));
	uint64_t how = take(in, 1);
	size_t i;

	r->type = (how & 4) != 0 ? (uint32_t)take(in, 1) :
				   usual[(how & 3) % ARRAY_SIZE(usual)];
	if (r->type == CH_SIGN)
		sign_make(in, &r->u.sign);
	else if (r->type == CH_SEAL || r->type == CH_UNSEAL)
		ticket_make(in, &r->u.octets);
	p->length = length_of(r->type);
	if (p->length == 0)
		p->length = take(in, 2) % sizeof(*r);
	r->length = (uint32_t)p->length;
	for (i = (how & 4) != 0 ? take(in, 1) : 0; i > 0 && in->left > 0; i--)
		((uint8_t *)&r->u)[take(in, 2) % sizeof(r->u)] =
		    (uint8_t)take(in, 1);
	if ((how & 8) != 0)
		r->length ^= (uint32_t)take(in, 1);
	if ((how & 16) != 0)
		p->length = take(in, 2) % sizeof(p->octets);
	p->descriptor = (how & 0x60) == 0x60;
	memset(p->octets, 0, sizeof(p->octets));
	memcpy(p->octets, r, sizeof(*r));
	free(r);
}

static void
packet_send(int fd, const struct packet *p)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)p->octets, p->length};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int extra = STDIN_FILENO;

	if (p->descriptor) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.space);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &extra, sizeof(extra));
	}
	MUST(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)p->length);
}

/* Announced to the signer, as its parent does, or as it never does. */
static void
session_announce(struct script *in, int control, struct session_in *s)
{
	struct record record;
	uint64_t how = take(in, 1);
	bool bare = (how & 16) != 0; /* without its channel */

	memset(&record, 0, sizeof(record));
	record.u.serve.signatures = 1;
	s->served = how % CONTROL_ODD != 0;
	MUST(channel_write(control, &record,
		 s->served || bare ? CH_SERVE : CH_READY, &s->theirs,
		 s->served || !bare) == 0);
	close(s->theirs);
}

static void
session_begin(struct script *in, int control, struct session_in *s)
{
	int ends[2];

	MUST(channel_pair(ends) == 0);
	s->ours = ends[0];
	s->theirs = ends[1];
	s->count = take(in, 1) % (PACKETS + 1);
	for (size_t i = 0; i < s->count; i++) {
		packet_make(in, &s->packet[i]);
		if (s->packet[i].length == 0) {
			/* Nothing at all is the end. */
			s->count = i;
			break;
		}
		packet_send(s->ours, &s->packet[i]);
	}
	MUST(shutdown(s->ours, SHUT_WR) == 0);
	session_announce(in, control, s);
}

/* What is refused has no octet in its answer. */
static void
refusal_judge(const struct ch_octets *answer)
{
	static const uint8_t none[sizeof(answer->octets)];

	MUST(answer->code == CODE_REFUSED && answer->length == 0);
	MUST(memcmp(answer->octets, none, sizeof(none)) == 0);
}

static void
signature_judge(const struct ch_sign *sign, const struct ch_octets *answer)
{
	if (!reading_signs(sign)) {
		refusal_judge(answer);
		return;
	}
	MUST(answer->code == CODE_OK && answer->length > 0 &&
	    answer->length <= TLS_SIGNATURE);
	MUST(signature_holds(sign, answer));
}

/* What was sealed with a key that holds opens, and nothing else. */
static bool
open_judge(const struct ch_octets *ticket, const struct ch_octets *answer)
{
	for (size_t i = 0; i < 2; i++) {
		if (ticket->length != sealed[i].length ||
		    memcmp(ticket->octets, sealed[i].octets,
			sealed[i].length) != 0)
			continue;
		MUST(answer->code == CODE_OK &&
		    answer->length == sizeof(state) &&
		    memcmp(answer->octets, state, sizeof(state)) == 0);
		return true;
	}
	refusal_judge(answer);
	return false;
}

/* A SEQUENCE, all of it, of version 1 and TLS 1.3; what was sealed opens. */
static void
seal_judge(const struct ch_octets *asked, const struct ch_octets *answer)
{
	struct script in = {asked->octets, asked->length};
	uint8_t opened[TLS_TICKET];
	uint64_t length;
	size_t n;

	length = take(&in, 1) == 0x30 ? take(&in, 1) : UINT64_MAX;
	if (length == 0x81)
		length = take(&in, 1);
	else if (length == 0x82) {
		length = take(&in, 1) << 8;
		length |= take(&in, 1);
	} else if (length >= 0x80)
		length = UINT64_MAX;
	if (in.left != length || in.left < 7 ||
	    memcmp(in.p, "\2\1\1\2\2\3\4", 7) != 0 ||
	    asked->length + TLS_SEALED > TLS_TICKET) {
		refusal_judge(answer);
		return;
	}
	MUST(answer->code == CODE_OK);
	MUST(pop3d_tls.ticket_open(&own.held.tickets.key[0].key, answer->octets,
		 answer->length, opened, &n) == 0);
	MUST(n == asked->length && memcmp(opened, asked->octets, n) == 0);
}

/* What a session has had; and what it may have. */
struct had {
	unsigned opens;
	bool resumed, asked, sealed;
};

static bool
had_all(const struct had *had, uint32_t type)
{
	switch (type) {
	case CH_UNSEAL:
		return had->opens == 2 || had->asked || had->sealed;
	case CH_SIGN:
		return had->asked || had->sealed;
	case CH_SEAL:
		return had->sealed || !(had->resumed || had->asked);
	default:
		return true;
	}
}

/* Where something was not read, the kernel says so first, and only once. */
static bool
answer_get(int fd, struct record *answer)
{
	return channel_read(fd, answer, NULL, NULL) == 1 ||
	    channel_read(fd, answer, NULL, NULL) == 1;
}

static void
answer_judge(struct had *had, const struct record *r, const struct record *a)
{
	MUST(a->type == r->type + 1);
	if (r->type == CH_SIGN) {
		had->asked = true;
		signature_judge(&r->u.sign, &a->u.octets);
	} else if (r->type == CH_UNSEAL) {
		had->opens++;
		had->resumed |= open_judge(&r->u.octets, &a->u.octets);
	} else {
		had->sealed = true;
		seal_judge(&r->u.octets, &a->u.octets);
	}
}

static void
session_judge(const struct session_in *s)
{
	struct record *r = calloc(1, sizeof(*r)), answer;
	const struct packet *p = s->packet;
	struct had had = {0};

	for (; s->served && p < s->packet + s->count; p++) {
		if (p->descriptor || p->length > sizeof(*r))
			break;
		memcpy(r, p->octets, p->length);
		if (channel_check(r, p->length) == -1 || had_all(&had, r->type))
			break;
		MUST(answer_get(s->ours, &answer));
		answer_judge(&had, r, &answer);
	}
	MUST(!answer_get(s->ours, &answer));
	free(r);
	close(s->ours);
}

static unsigned
descriptors_open(void)
{
	struct pollfd fds[HIGHEST];
	unsigned count = 0;

	for (int i = 0; i < HIGHEST; i++)
		fds[i] = (struct pollfd){.fd = i};
	MUST(poll(fds, HIGHEST, 0) >= 0);
	for (int i = 0; i < HIGHEST; i++)
		count += fds[i].revents != POLLNVAL;
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session_in sessions[SESSIONS];
	struct script in = {data, size};
	size_t count, i;
	unsigned before;
	int control[2];

	if (own.held.keys.count == 0)
		own_init();
	own_seed(1);
	if (sealed[0].length == 0)
		tickets_make();
	before = descriptors_open();
	MUST(channel_pair(control) == 0);
	count = take(&in, 1) % (SESSIONS + 1);
	for (i = 0; i < count; i++)
		session_begin(&in, control[0], &sessions[i]);
	MUST(shutdown(control[0], SHUT_WR) == 0);
	serve(&own.held, control[1], geteuid());
	free(table_of.block);
	table_of.block = NULL;
	close(control[0]);
	close(control[1]);
	for (i = 0; i < count; i++)
		session_judge(&sessions[i]);
	MUST(descriptors_open() == before);
	return 0;
}
