/*
 * tls_client.h - the client of tls_fuzz.c: a real one, whose octets are changed
 * on their way.
 *
 * The input is how the client is (ten octets, see client_open()), and then what
 * it does, step by step: each time the front waits for something, steps are
 * taken until there is something for it.  At the end of the input it only
 * reads and answers, and goes.
 */

#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "tls_hello.h"
#include "tls_offers.h"
#include "tls_seal.h"

#define EDITS 4   /* of one flight */
#define FLIGHTS 8 /* that are kept, to be sent again */
#define SAYS 8192 /* octets said at once, at most */

enum step {
	STEP_GO,      /* what the client has to send, with the edits */
	STEP_SAY,     /* application data */
	STEP_FLIP,    /* an edit: an octet */
	STEP_PUT,     /* an edit: octets over others */
	STEP_INSERT,  /* an edit */
	STEP_DELETE,  /* an edit */
	STEP_CUT,     /* an edit: the end is left out */
	STEP_SPLIT,   /* an edit: records of the handshake, cut smaller */
	STEP_HELLO,   /* an edit: of a ClientHello, by its parts */
	STEP_SWAP,    /* an edit: two records change their places */
	STEP_RAW,     /* octets */
	STEP_RECORD,  /* octets as a record */
	STEP_AGAIN,   /* an earlier flight */
	STEP_UPDATE,  /* new keys */
	STEP_RENEW,   /* a renegotiation */
	STEP_CLOSE,   /* its word that it ends */
	STEP_SEAL,    /* any record, under its keys */
	STEP_EARLY,   /* the same, under those of the handshake */
	STEP_STALL,   /* nothing, for too long */
	STEP_HANG_UP, /* the back goes away */
	STEP_DEAF,    /* it takes nothing any more */
	STEPS
};

struct edit {
	enum step step;
	uint64_t place, length;
	uint8_t octets[64];
};

static struct {
	SSL_CTX *context;
	SSL_SESSION *ticket; /* the last that came */
	SSL *ssl;
	BIO *in, *out; /* ssl's */
	struct script script;
	struct edit edits[EDITS];
	size_t edit_count;
	struct text wire;  /* on its way, from wire_at on */
	struct text sent;  /* all that the front has read */
	struct text said;  /* application data, in order */
	struct text heard; /* and what came of it */
	struct text flights[FLIGHTS];
	size_t wire_at, fed, flight_count;
	bool done;     /* its handshake, and the last flight is on its way */
	bool whole;    /* what was sent is what it wanted to send */
	bool raw;      /* there is no client */
	bool ended;    /* nothing comes any more */
	bool renewing; /* it wanted another handshake */
	bool deaf;     /* and takes nothing */
	bool stalled, hung_up;
	bool resumed;
	const char *protocol, *cipher; /* once it is done */
	struct seal seal;
} client;

/* How the client is */

static void
client_secret(const SSL *ssl, const char *line)
{
	(void)ssl;
	seal_secret(&client.seal, line);
}

static int
client_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	(void)ssl;
	SSL_SESSION_free(client.ticket);
	client.ticket = ticket;
	return 1;
}

static void
client_init(void)
{
	client.context = SSL_CTX_new(TLS_client_method());
	MUST(client.context != NULL);
	SSL_CTX_set_verify(client.context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_keylog_callback(client.context, client_secret);
	(void)SSL_CTX_set_session_cache_mode(
	    client.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client.context, client_ticket);
	SSL_CTX_set_security_level(client.context, 0);
}

static void
client_be(const uint8_t how[10])
{
	SSL *ssl = client.ssl;
	const char *name = PICK(names, how[5]), *scheme = PICK(schemes, how[4]);

	MUST(SSL_set_min_proto_version(ssl, PICK(versions, how[0]).least) == 1);
	MUST(SSL_set_max_proto_version(ssl, PICK(versions, how[0]).most) == 1);
	MUST(SSL_set_cipher_list(ssl, PICK(ciphers_12, how[1])) == 1);
	MUST(SSL_set_ciphersuites(ssl, PICK(ciphers_13, how[2])) == 1);
	MUST(SSL_set1_groups_list(ssl, PICK(groups, how[3])) == 1);
	MUST(scheme == NULL || SSL_set1_sigalgs_list(ssl, scheme) == 1);
	MUST(name == NULL || SSL_set_tlsext_host_name(ssl, name) == 1);
	/* What is no list of protocols it does not take. */
	if (PICK(protocols, how[6]).length > 0)
		(void)SSL_set_alpn_protos(ssl, PICK(protocols, how[6]).list,
		    PICK(protocols, how[6]).length);
	if ((how[7] & 1) != 0)
		(void)SSL_set_options(ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if ((how[7] & 2) != 0)
		(void)SSL_set_mode(ssl, SSL_MODE_SEND_FALLBACK_SCSV);
	if ((how[7] & 4) != 0)
		(void)SSL_clear_options(ssl, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	if ((how[7] & 8) != 0)
		(void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
	if ((how[7] & 16) != 0)
		(void)SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
}

static void
client_open(const uint8_t how[10], const struct script *script)
{
	client.ssl = SSL_new(client.context);
	client.in = BIO_new(BIO_s_mem());
	client.out = BIO_new(BIO_s_mem());
	MUST(client.ssl != NULL && client.in != NULL && client.out != NULL);
	(void)BIO_set_mem_eof_return(client.in, -1);
	SSL_set_bio(client.ssl, client.in, client.out);
	SSL_set_connect_state(client.ssl);
	client_be(how);
	if (client.ticket != NULL)
		(void)SSL_set_session(client.ssl, client.ticket);
	if ((how[8] & 1) != 0)
		MUST(SSL_use_certificate(client.ssl, own.client) == 1 &&
		    SSL_use_PrivateKey(client.ssl, own.client_key) == 1);
	client.raw = (how[7] & 128) != 0;
	client.script = *script;
	client.whole = true;
}

static void
client_close(void)
{
	SSL_CTX *context = client.context;
	SSL_SESSION *ticket = client.ticket;

	SSL_free(client.ssl);
	free(client.wire.octets);
	free(client.sent.octets);
	free(client.said.octets);
	free(client.heard.octets);
	for (size_t i = 0; i < client.flight_count; i++)
		free(client.flights[i].octets);
	memset(&client, 0, sizeof(client));
	client.context = context;
	client.ticket = ticket;
}

/* Changes on the way */

static void
edit_take(enum step step)
{
	struct script *in = &client.script;
	struct edit *e = &client.edits[client.edit_count];

	if (client.edit_count == EDITS)
		return;
	client.edit_count++;
	e->step = step;
	e->place = take(in, 2);
	e->length = take(in, 1) % (sizeof(e->octets) + 1);
	if (step == STEP_DELETE || step == STEP_CUT || step == STEP_SWAP ||
	    step == STEP_SPLIT)
		return;
	if (step == STEP_FLIP)
		e->length = 1;
	for (size_t i = 0; i < e->length; i++)
		e->octets[i] = (uint8_t)take(in, 1);
}

static void
edit_do(const struct edit *e, struct text *flight)
{
	size_t at = flight->length > 0 ? e->place % flight->length : 0;

	switch (e->step) {
	case STEP_FLIP:
		if (flight->length > 0)
			flight->octets[at] ^= (char)e->octets[0];
		break;
	case STEP_PUT:
		text_splice(flight, at, e->length, e->octets, e->length);
		break;
	case STEP_INSERT:
		text_splice(flight, at, 0, e->octets, e->length);
		break;
	case STEP_DELETE:
		text_splice(flight, at, e->length, "", 0);
		break;
	case STEP_CUT:
		flight->length = at;
		break;
	case STEP_SPLIT:
		records_split(flight, 1 + (size_t)e->length);
		break;
	case STEP_HELLO:
		hello_edit(flight, e->place, e->octets, e->length);
		break;
	default:
		records_swap(flight, e->place);
		break;
	}
}

/* On its way, and kept. */
static void
flight_send(struct text *flight)
{
	text_add(&client.wire, flight->octets, flight->length);
	if (client.flight_count < FLIGHTS)
		client.flights[client.flight_count++] = *flight;
	else
		free(flight->octets);
}

/* What the client has written, with all edits. */
static void
flight_take(void)
{
	struct text flight = {NULL, 0, 0};
	char *data;
	long length = BIO_get_mem_data(client.out, &data);

	if (length <= 0 || client.raw)
		return;
	text_add(&flight, data, (size_t)length);
	(void)BIO_reset(client.out);
	/* Once it seals by itself, the library's numbers are no good. */
	if (client.seal.own) {
		free(flight.octets);
		return;
	}
	if (client.done)
		client.seal.number += records_count(&flight, 23);
	for (size_t i = 0; i < client.edit_count; i++) {
		edit_do(&client.edits[i], &flight);
		/* Other records, the same octets in them. */
		if (client.edits[i].step != STEP_SPLIT)
			client.whole = false;
	}
	client.edit_count = 0;
	flight_send(&flight);
}

/* As far as the client can go with what came. */
static void
client_go(void)
{
	char octets[4096];
	size_t got;

	if (run.out.length > client.fed)
		MUST(BIO_write(client.in, run.out.octets + client.fed,
			 (int)(run.out.length - client.fed)) > 0);
	client.fed = run.out.length;
	if (!SSL_is_init_finished(client.ssl) && !client.done)
		(void)SSL_do_handshake(client.ssl);
	if (SSL_is_init_finished(client.ssl) && !client.done) {
		flight_take();
		client.done = true;
		/* Another handshake would make them forgotten. */
		client.protocol = SSL_get_version(client.ssl);
		client.cipher = SSL_get_cipher(client.ssl);
		client.resumed = SSL_session_reused(client.ssl) == 1;
	}
	while (client.done &&
	    SSL_read_ex(client.ssl, octets, sizeof(octets), &got) == 1)
		text_add(&client.heard, octets, got);
	ERR_clear_error();
	flight_take();
}

/* Steps */

static void
seal_send(bool early, uint8_t type, const void *octets, size_t length)
{
	uint8_t record[SAYS + 64];
	size_t n = seal_record(
	    &client.seal, early, client.ssl, type, octets, length, record);

	text_add(&client.wire, record, n);
	/* What ends in zeros is padded, and has its type before them. */
	while (type == 0 && length > 0)
		type = ((const uint8_t *)octets)[--length];
	if (n == 0 || length == 0 || (type != 23 && type != 22))
		client.whole = false;
	if (n > 0 && !early && type == 23 && client.done)
		text_add(&client.said, octets, length);
}

static void
say(const void *octets, size_t length)
{
	size_t put;

	if (!client.done || client.raw || client.ended || length == 0)
		return;
	if (client.seal.own) {
		seal_send(false, 23, octets, length);
		return;
	}
	if (SSL_write_ex(client.ssl, octets, length, &put) == 1)
		text_add(&client.said, octets, put);
	ERR_clear_error();
	flight_take();
}

static void
octets_step(enum step step)
{
	struct script *in = &client.script;
	uint8_t octets[SAYS], head[5];
	size_t length = take(in, 1), i, times = 1;
	unsigned type = 0;

	if (step != STEP_SAY && step != STEP_RAW)
		type = (unsigned)take(in, 1);
	/* Much is little, often. */
	if (length > 240) {
		times = 4 * (length - 238);
		length = 100;
	}
	for (i = 0; i < length && in->left > 0; i++)
		octets[i] = (uint8_t)take(in, 1);
	length = i;
	for (i = 1; i < times; i++)
		memcpy(octets + i * length, octets, length);
	length *= times;
	if (step == STEP_SAY) {
		say(octets, length);
	} else if (step == STEP_SEAL || step == STEP_EARLY) {
		seal_send(step == STEP_EARLY, (uint8_t)type, octets, length);
		if (step == STEP_EARLY || type != 23)
			client.whole = false;
	} else {
		client.whole = false;
		memcpy(head, "\0\3\3", 3);
		head[0] = (uint8_t)type;
		head[3] = (uint8_t)(length >> 8);
		head[4] = (uint8_t)length;
		if (step == STEP_RECORD)
			text_add(&client.wire, head, sizeof(head));
		text_add(&client.wire, octets, length);
	}
}

static void
keys_step(enum step step)
{
	int how = (int)take(&client.script, 1);
	uint8_t update[5] = {24, 0, 0, 1, (uint8_t)(how & 1)};

	if (!client.done || client.raw)
		return;
	if (step == STEP_RENEW && SSL_version(client.ssl) == TLS1_2_VERSION) {
		client.renewing = true;
		client.whole = false;
		(void)SSL_renegotiate(client.ssl);
		(void)SSL_do_handshake(client.ssl);
	} else if (step == STEP_UPDATE && client.seal.own) {
		seal_send(false, 22, update, sizeof(update));
		seal_update(&client.seal);
	} else if (step == STEP_UPDATE &&
	    SSL_version(client.ssl) == TLS1_3_VERSION) {
		/* Its secret is not told: no sealing of ours after it. */
		client.seal.lost = true;
		(void)SSL_key_update(client.ssl,
		    (how & 1) != 0 ? SSL_KEY_UPDATE_REQUESTED :
				     SSL_KEY_UPDATE_NOT_REQUESTED);
		(void)SSL_do_handshake(client.ssl);
	} else if (step == STEP_CLOSE) {
		(void)SSL_shutdown(client.ssl);
		client.ended = true;
	}
	ERR_clear_error();
	flight_take();
}

static void
again_step(void)
{
	uint64_t which = take(&client.script, 1);

	client.whole = false;
	if (client.flight_count == 0)
		return;
	which %= client.flight_count;
	text_add(&client.wire, client.flights[which].octets,
	    client.flights[which].length);
}

/* The next thing that happens; false: nothing does any more. */
static bool
client_step(void)
{
	struct script before = client.script;
	enum step step;

	if (client.script.left == 0) {
		client_go();
		return client.wire.length > client.wire_at;
	}
	step = (enum step)(take(&client.script, 1) % STEPS);
	switch (step) {
	case STEP_GO:
		client_go();
		break;
	case STEP_SAY:
	case STEP_SEAL:
		/* When the handshake is done, if it goes on. */
		client_go();
		if (!client.done && client.wire.length > client.wire_at)
			client.script = before;
		else
			octets_step(step);
		break;
	case STEP_RAW:
	case STEP_RECORD:
	case STEP_EARLY:
		client_go();
		octets_step(step);
		break;
	case STEP_AGAIN:
		again_step();
		break;
	case STEP_UPDATE:
	case STEP_RENEW:
	case STEP_CLOSE:
		keys_step(step);
		break;
	case STEP_STALL:
		client.stalled = true;
		break;
	case STEP_HANG_UP:
		client.hung_up = true;
		break;
	case STEP_DEAF:
		client.deaf = true;
		break;
	default:
		edit_take(step);
		break;
	}
	return true;
}

#endif
