/*
 * tls_signer.h - what the front of tls_fuzz.c calls instead of the system: the
 * client, the back, and the signer, whose own session function answers.
 */

#ifndef TLS_SIGNER_H
#define TLS_SIGNER_H

#define SESSION_FD 40 /* the signer's end of the front's channel to it */

/* The signer's side */

static int
signer_side_read(int fd, struct record *record, int *descriptors, size_t *count)
{
	MUST(fd == SESSION_FD && descriptors == NULL && count == NULL);
	if (!front.signer_asked)
		return 0;
	front.signer_asked = false;
	*record = front.signer;
	return 1;
}

static int
signer_side_write(int fd, struct record *record, uint32_t type,
    const int *descriptors, size_t count)
{
	const struct ch_sign *question = &front.signer.u.sign;
	const struct ch_octets *answer = &record->u.octets;

	MUST(fd == SESSION_FD && descriptors == NULL && count == 0);
	record->type = type;
	record->length = (uint32_t)box.lengths[type];
	MUST(channel_check(record, record->length) == 0);
	MUST(type == front.signer.type + 1);
	if (type == CH_SIGN + 1 && answer->code == CODE_OK) {
		MUST(front.signatures++ == 0);
		MUST(reading_signs(question) &&
		    signature_holds(question, answer));
	}
	/* It opens before it signs, and seals last. */
	MUST(front.seals == 0);
	MUST(type != CH_UNSEAL + 1 ||
	    (front.opens++ < 2 && front.signatures == 0));
	front.seals += type == CH_SEAL + 1;
	front.signer = *record;
	return 0;
}

#define read tls_read_wire
#include "modules/tls.c"
#undef read

/* A process frees nothing at its end; this one goes on. */
static struct tls *
tls_open_noted(struct tls_context *context)
{
	MUST(front.tls == NULL);
	front.tls = tls_open(context);
	return front.tls;
}

static void
tls_free(struct tls *tls)
{
	if (tls != NULL) {
		tls_client_drop(&tls->client);
		SSL_free(tls->ssl);
	}
	OPENSSL_free(tls);
}

const struct tls_module *
tls_load(void)
{
	static struct tls_module module;

	module = pop3d_tls;
	module.open = tls_open_noted;
	return &module;
}

#define channel_read signer_side_read
#define channel_write signer_side_write
#include "signer/signer.c"
#undef channel_read
#undef channel_write

/* The front's */

static int
ask_write(struct record *record, uint32_t type)
{
	MUST(!front.signer_closed && !front.signer_asked && !front.told);
	if (!front.signer_open) {
		errno = EPIPE;
		return -1;
	}
	record->type = type;
	record->length = (uint32_t)box.lengths[type];
	MUST(channel_check(record, record->length) == 0);
	front.signer = *record;
	front.signer_asked = true;
	return 0;
}

static int
ask_read(struct record *record)
{
	uint32_t type = front.signer.type;

	if (!front.signer_asked)
		return 0;
	front.signer_open = session_serve(&own.held, &front.share, SESSION_FD);
	/* An answer, or nothing, and then the end. */
	if (front.signer_asked || front.signer.type == type) {
		front.signer_asked = false;
		return 0;
	}
	MUST(front.signer.type == type + 1);
	*record = front.signer;
	return 1;
}

/*
 * What a client has shown, for who believes nobody: it holds as it is, and not
 * with any octet changed, nor for another session.
 */
static void
proof_judge(void)
{
	struct tls_proof proof = own.proof;
	struct tls_client who;
	const uint8_t *octets;
	size_t length = pop3d_tls.client_shown(front.tls, &octets), at;
	char why[TLS_TEXT];
	uint8_t *copy;

	if (length == 0)
		return;
	front.proved = true;
	copy = malloc(length);
	MUST(copy != NULL);
	memcpy(copy, octets, length);
	proof.transcript = copy;
	proof.length = length;
	proof.nonce = (const uint8_t *)"a nonce of thirty-two octets\0\0\0";
	MUST(pop3d_tls.client_check(&proof, &who, why) == TLS_TRUSTED);
	MUST(strcmp(who.emails[0], "user@a.test") == 0);
	if (front.change != 0) {
		at = front.change * 7919U % length;
		copy[at] ^= (uint8_t)(1U << front.change % 8);
		MUST(pop3d_tls.client_check(&proof, &who, why) != TLS_TRUSTED);
		copy[at] ^= (uint8_t)(1U << front.change % 8);
		proof.length = at;
		MUST(pop3d_tls.client_check(&proof, &who, why) != TLS_TRUSTED);
		proof.length = length;
		proof.nonce = copy;
		MUST(pop3d_tls.client_check(&proof, &who, why) != TLS_TRUSTED);
	}
	free(copy);
}

static int
tls_channel_write(int fd, struct record *record, uint32_t type,
    const int *descriptors, size_t count)
{
	if (fd == SIGNER_FD)
		return ask_write(record, type);
	if (type != CH_SECURE && type != CH_READY)
		return fuzz_channel_write(fd, record, type, descriptors, count);
	record->type = type;
	record->length = (uint32_t)box.lengths[type];
	MUST(channel_check(record, record->length) == 0 && !front.told);
	if (type == CH_SECURE) {
		front.told = true;
		front.secure = record->u.secure;
		if (front.secure.code == CODE_OK)
			proof_judge();
		return 0;
	}
	/* Nothing is read before that is answered. */
	MUST(client.sent.length == 0);
	memset(&run.answer, 0, sizeof(run.answer));
	run.answer.type = CH_READY + 1;
	run.answer.length = (uint32_t)box.lengths[CH_READY + 1];
	run.asked = true;
	return 0;
}

static int
tls_channel_read(int fd, struct record *record, int *descriptors, size_t *count)
{
	if (fd == SIGNER_FD)
		return ask_read(record);
	return fuzz_channel_read(fd, record, descriptors, count);
}

#define channel_read tls_channel_read
#define channel_write tls_channel_write
#include "signer/ask.c"
#undef channel_read
#undef channel_write

static struct tls_context *
context_of_signer(void)
{
	int fd = memfd_create("chains", 0);
	struct tls_context *context;

	MUST(fd != -1);
	chains_write(&own.held.keys, true, fd);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	context = signer_context(fd);
	close(fd);
	return context;
}

/* The client's */

static int
tls_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	MUST(count == 2 && timeout >= 0);
	if (fds[0].fd != STDIN_FILENO)
		return fuzz_poll(fds, count, timeout);
	while (client.wire.length == client.wire_at && !client.stalled &&
	    !client.hung_up && client_step())
		continue;
	fds[0].revents = fds[1].revents = 0;
	if (client.stalled)
		return 0;
	if (client.hung_up) {
		fds[1].revents = POLLHUP;
		return 1;
	}
	return fuzz_poll(fds, count, timeout);
}

static ssize_t
tls_read_wire(int fd, void *dst, size_t size)
{
	size_t n = client.wire.length - client.wire_at;

	MUST(fd == STDIN_FILENO && size > 0);
	if (n > run.piece)
		n = run.piece;
	if (n > size)
		n = size;
	if (n == 0)
		return 0;
	memcpy(dst, client.wire.octets + client.wire_at, n);
	text_add(&client.sent, dst, n);
	client.wire_at += n;
	return (ssize_t)n;
}

/* A server of TLS never speaks first. */
static ssize_t
tls_sendmsg(int fd, const struct msghdr *message, int flags)
{
	MUST(client.sent.length > 0);
	if (client.deaf) {
		errno = EPIPE;
		return -1;
	}
	return fuzz_sendmsg(fd, message, flags);
}

static int
tls_close(int fd)
{
	if (fd != SIGNER_FD)
		return fuzz_close(fd);
	MUST(!front.signer_closed);
	front.signer_closed = true;
	return 0;
}

/* Between TLS and the lines */

static ssize_t
lines_note(const char *octets, ssize_t n)
{
	if (n > 0) {
		MUST(front.told && front.secure.code == CODE_OK);
		text_add(&front.lines, octets, (size_t)n);
	}
	return n;
}

static ssize_t
spy_read(struct session *s, char *dst, size_t size)
{
	return lines_note(dst, secure_read(s, dst, size));
}

static ssize_t
spy_rest(struct session *s, char *dst, size_t size)
{
	return lines_note(dst, secure_rest(s, dst, size));
}

static bool
spy_write(struct session *s, const char *octets, size_t length)
{
	MUST(length == 0 || (front.told && front.secure.code == CODE_OK));
	text_add(&front.says, octets, length);
	return secure_write(s, octets, length);
}

#endif
