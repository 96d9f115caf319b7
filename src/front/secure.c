/*
 * secure.c - TLS, between the descriptors and the lines.
 *
 * What OpenSSL needs of the system it gets before the front is closed in;
 * from then on it works in memory, and the key is in another process.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "session.h"
#include "signer.h"

#define RAW_SIZE 4096 /* octets read at once; commands are short */

bool
secure_open(struct session *s)
{
	struct tls_context *context = s->args->context;

	if (context == NULL)
		context = signer_context(s->args->chains);
	s->tls_module = tls_load();
	if (context == NULL || s->tls_module == NULL)
		return false;
	s->tls = s->tls_module->open(context);
	if (s->tls == NULL)
		return false;
	/* Where it cannot, nobody will log in by one. */
	if (s->args->nonce != NULL)
		(void)s->tls_module->client_ask(s->tls, s->args->nonce);
	return true;
}

/* To the client what TLS has for it. */
static void
pending_flush(struct session *s)
{
	const void *octets;
	size_t length = s->tls_module->pending(s->tls, &octets);

	if (length > 0)
		output_raw(s, octets, length);
	s->tls_module->drop(s->tls);
}

/* One read from the client, fed; false at its end, and after an error. */
static bool
raw_feed(struct session *s)
{
	char raw[RAW_SIZE];
	ssize_t n;

	do
		n = read(STDIN_FILENO, raw, sizeof(raw));
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return false;
	s->heard = true;
	return s->tls_module->feed(s->tls, raw, (size_t)n) == 0;
}

/*
 * What a login can be bound to: the verifier compares it with what the client
 * has proved.  A front that lies here is one that somebody has taken over, and
 * lies to nobody but the client that it has.
 */
static void
bindings_take(struct session *s, struct ch_binding bindings[BINDINGS])
{
	struct ch_binding *exporter = &bindings[BINDING_EXPORTER],
			  *end_point = &bindings[BINDING_END_POINT];

	exporter->length =
	    (uint32_t)s->tls_module->exporter(s->tls, exporter->octets);
	end_point->length =
	    (uint32_t)s->tls_module->end_point(s->tls, end_point->octets);
	s->bound = exporter->length > 0 || end_point->length > 0;
}

/* What becomes of the handshake; its reason is for the log. */
static void
outcome_tell(struct session *s, enum channel_code code, const char *text)
{
	struct ch_secure *secure = &s->record.u.secure;
	struct tls_facts facts;

	s->tls_module->facts(s->tls, &facts);
	memset(secure, 0, sizeof(*secure));
	secure->code = (uint32_t)code;
	secure->resumed = facts.resumed;
	text_cut(
	    secure->protocol, sizeof(secure->protocol), "%s", facts.protocol);
	text_cut(secure->cipher, sizeof(secure->cipher), "%s", facts.cipher);
	text_cut(secure->text, sizeof(secure->text), "%s", text);
	if (code == CODE_OK)
		bindings_take(s, secure->bindings);
	tell(s, CH_SECURE);
}

/* false: the client has not done its part in time. */
static bool
handshake_late(struct session *s)
{
	outcome_tell(s, CODE_TEMPORARY, "no handshake in time");
	session_end(s, END_LOGIN_TIMEOUT);
	return false;
}

/* Until the client has sent something: false, with the session over. */
static bool
handshake_wait(struct session *s)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = s->channel, .events = POLLIN}};
	int64_t left = s->args->login_end - clock_ms();
	int n;

	do
		n = poll(fds, 2, left > 0 ? (int)left : 0);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return handshake_late(s);
	if (fds[1].revents != 0) {
		session_end(s, END_BACK);
		return false;
	}
	if (raw_feed(s))
		return true;
	/* Who only looks whether somebody listens is not worth a line. */
	outcome_tell(s, s->heard ? CODE_PERMANENT : CODE_CHANGED,
	    "the client went away");
	session_end(s, END_HANDSHAKE);
	return false;
}

static size_t
transcript_get(const struct session *s, const uint8_t **octets)
{
	return s->tls_module->client_shown(s->tls, octets);
}

bool
secure_handshake(struct session *s)
{
	const uint8_t *octets;
	enum tls_step step;
	char text[TLS_TEXT];

	while ((step = s->tls_module->handshake(s->tls)) == TLS_MORE) {
		pending_flush(s);
		/* What it does not take it has not done, either. */
		if (s->state == OVER && s->why == END_LOGIN_TIMEOUT)
			return handshake_late(s);
		if (s->state == OVER || !handshake_wait(s))
			return false;
	}
	/* No more is to be had there. */
	(void)close(SIGNER_FD);
	/* What the handshake ends with leaves with the greeting. */
	if (step != TLS_DONE || s->args->turn)
		pending_flush(s);
	if (step == TLS_DONE) {
		s->certified = transcript_get(s, &octets) > 0;
		outcome_tell(s, CODE_OK, "");
		return s->state != OVER;
	}
	s->tls_module->failure(s->tls, text);
	outcome_tell(s, CODE_PERMANENT, text);
	session_end(s, END_HANDSHAKE);
	return false;
}

/* What is there already, or -1 with errno EAGAIN. */
static ssize_t
fed_read(struct session *s, char *dst, size_t size)
{
	size_t got = 0;
	enum tls_step step = s->tls_module->read(s->tls, dst, size, &got);

	pending_flush(s);
	switch (step) {
	case TLS_DONE:
		return (ssize_t)got;
	case TLS_CLOSED:
		return 0;
	case TLS_MORE:
		errno = EAGAIN;
		return -1;
	case TLS_FAILED:
		break;
	}
	errno = EPROTO;
	return -1;
}

ssize_t
secure_read(struct session *s, char *dst, size_t size)
{
	return raw_feed(s) ? fed_read(s, dst, size) : 0;
}

ssize_t
secure_rest(struct session *s, char *dst, size_t size)
{
	return fed_read(s, dst, size);
}

bool
secure_write(struct session *s, const char *octets, size_t length)
{
	size_t put = 0, piece;

	while (put < length && !s->deaf) {
		piece = length - put < TLS_PLAIN ? length - put : TLS_PLAIN;
		if (s->tls_module->write(s->tls, octets + put, piece) == -1)
			return false;
		put += piece;
		/* The last answer leaves with the word that we end. */
		if (put < length || s->state != OVER)
			pending_flush(s);
	}
	return true;
}

/* A record that is not full is the last. */
bool
secure_prove(struct session *s)
{
	struct ch_step *step = &s->record.u.step;
	const uint8_t *octets;
	size_t left = transcript_get(s, &octets), piece;

	do {
		piece = left < CHANNEL_STEP ? left : CHANNEL_STEP;
		memset(step, 0, sizeof(*step));
		step->mechanism = MECHANISM_NEXT;
		step->given = 1;
		step->length = (uint32_t)piece;
		memcpy(step->octets, octets, piece);
		if (!ask_step(s))
			return false;
		octets += piece;
		left -= piece;
	} while (piece == CHANNEL_STEP);
	/* A further question is none. */
	session_end(s, END_BACK);
	return false;
}

void
secure_forget(struct session *s)
{
	if (s->tls != NULL)
		s->tls_module->client_drop(s->tls);
}

void
secure_end(struct session *s)
{
	s->tls_module->shutdown(s->tls);
	pending_flush(s);
}

/*
 * RFC 2595, 4.  What the client has sent behind STLS, before it could know the
 * answer, somebody between may have added: the session ends.
 */
void
do_stls(struct session *s, const struct command *c)
{
	struct ch_stls *stls = &s->record.u.stls;

	(void)c;
	if (!s->stls) {
		output_line(s,
		    s->args->tls ? "-ERR TLS is on already" :
				   "-ERR there is no TLS here");
		return;
	}
	if (s->input.begin != s->input.end) {
		output_line(s, "-ERR commands behind STLS");
		session_end(s, END_INJECTED);
		return;
	}
	memset(stls, 0, sizeof(*stls));
	stls->nonsense = s->nonsense;
	if (!ask(s, CH_STLS, NULL, NULL))
		return;
	if (s->record.u.result.code != CODE_OK) {
		s->stls = false; /* the reason will not pass so soon */
		output_line(s, "-ERR %s%s", code_text(s->record.u.result.code),
		    s->record.u.result.text);
		return;
	}
	output_line(s, "+OK begin TLS");
	output_flush(s);
	/* Another front goes on; the connection stays. */
	_exit(0);
}
