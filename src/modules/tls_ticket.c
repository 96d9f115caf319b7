/*
 * tls_ticket.c - tickets that another process seals and opens.
 *
 * OpenSSL makes a ticket of a session by itself, with a cipher and an HMAC
 * that it is told, and their keys.  Those must not be here: who took this
 * process over could open every ticket that he has caught.  So the cipher is
 * one of our provider's that has no key: its only operation hands all octets
 * to the signer, which gives them back sealed with an AEAD, or opened.  The
 * HMAC stays OpenSSL's; that its key is no secret does not matter, since it
 * protects nothing that the AEAD does not.
 *
 * Other ways: a session cache with ids that are the sealed state (an id has 32
 * octets, no more); SSL_CTX_set_psk_find_session_callback(), which gets a
 * whole ticket (but takes it for a key from outside, whose binder is another,
 * RFC 8446, 4.2.11.2); a key from the signer for each ticket (it would be
 * here, and whoever has one can make any number of tickets with it).
 *
 * TLS 1.3 alone, and there with another exchange of keys each time
 * (psk_dhe_ke: SSL_OP_ALLOW_NO_DHE_KEX is not set).  What a ticket of 1.3
 * holds opens no recorded session, neither the one that it was made in nor
 * those that it resumes.  One of 1.2 holds what its session was encrypted
 * with: whoever gets the signer to open it, or the key, can read that session
 * afterwards, and forward secrecy would be a matter of days.
 */

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <string.h>
#include <time.h>

#include "tls_parts.h"

#define TICKETS_PARAM "pop3d-tickets" /* the address of a struct tls_tickets */
#define TICKET_CIPHER "POP3D-TICKET"
#define TICKET_LAST 16 /* octets that come at the end: OpenSSL wants some */

/* What a ticket of ours begins with: OpenSSL's field for a key's name. */
static const unsigned char ticket_name[16] = "pop3d ticket 1";

/* One ticket that is made or opened. */
struct ticket {
	const struct tls_tickets *tickets;
	bool seal;
	bool done;
	uint8_t last[TICKET_LAST];
};

/* The cipher */

static void *
ticket_new(void *provider)
{
	(void)provider;
	return OPENSSL_zalloc(sizeof(struct ticket));
}

static void
ticket_free(void *data)
{
	OPENSSL_free(data);
}

static int
ticket_init(struct ticket *ticket, const OSSL_PARAM params[], bool seal)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, TICKETS_PARAM);

	if (p == NULL || p->data_size != sizeof(ticket->tickets))
		return 0;
	memcpy(&ticket->tickets, p->data, sizeof(ticket->tickets));
	ticket->seal = seal;
	ticket->done = false;
	return 1;
}

static int
ticket_init_seal(void *data, const unsigned char *key, size_t key_length,
    const unsigned char *iv, size_t iv_length, const OSSL_PARAM params[])
{
	(void)key;
	(void)key_length;
	(void)iv;
	(void)iv_length;
	return ticket_init(data, params, true);
}

static int
ticket_init_open(void *data, const unsigned char *key, size_t key_length,
    const unsigned char *iv, size_t iv_length, const OSSL_PARAM params[])
{
	(void)key;
	(void)key_length;
	(void)iv;
	(void)iv_length;
	return ticket_init(data, params, false);
}

/*
 * OpenSSL hands over everything at once.  A failure here would end the
 * handshake: in place of a ticket there is one that nobody can open; and that
 * one could not be opened is said at the end, where it means no more than a
 * full handshake.
 */
static int
ticket_update(void *data, unsigned char *out, size_t *out_length, size_t size,
    const unsigned char *in, size_t length)
{
	struct ticket *t = data;
	tls_ticket *ask = t->seal ? t->tickets->seal : t->tickets->open;
	uint8_t made[TLS_TICKET];
	size_t made_length = 0;

	*out_length = 0;
	t->done = !t->done && ask(in, length, made, &made_length) == 0 &&
	    made_length <= size;
	if (!t->done)
		made_length = 0;
	if (!t->done && t->seal) {
		made_length = TLS_SEALED;
		memset(made, 0, made_length);
	}
	if (t->seal) {
		made_length -= TICKET_LAST;
		memcpy(t->last, made + made_length, TICKET_LAST);
	}
	memcpy(out, made, made_length);
	*out_length = made_length;
	OPENSSL_cleanse(made, sizeof(made));
	return 1;
}

static int
ticket_final(void *data, unsigned char *out, size_t *out_length, size_t size)
{
	const struct ticket *t = data;

	*out_length = 0;
	if (!t->seal)
		return t->done;
	if (size < TICKET_LAST)
		return 0;
	memcpy(out, t->last, TICKET_LAST);
	*out_length = TICKET_LAST;
	return 1;
}

/* A block is what sealing adds: so much room is there behind the octets. */
static int
ticket_get_params(OSSL_PARAM params[])
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_BLOCK_SIZE);

	return p == NULL || OSSL_PARAM_set_size_t(p, TLS_SEALED) == 1;
}

_Static_assert(TLS_SEALED <= EVP_MAX_BLOCK_LENGTH, "more is no block");

#define FUNCTION(id, f) \
	{ \
		id, (void (*)(void))(f) \
	}

static const OSSL_DISPATCH ticket_cipher[] = {
    FUNCTION(OSSL_FUNC_CIPHER_NEWCTX, ticket_new),
    FUNCTION(OSSL_FUNC_CIPHER_FREECTX, ticket_free),
    FUNCTION(OSSL_FUNC_CIPHER_ENCRYPT_INIT, ticket_init_seal),
    FUNCTION(OSSL_FUNC_CIPHER_DECRYPT_INIT, ticket_init_open),
    FUNCTION(OSSL_FUNC_CIPHER_UPDATE, ticket_update),
    FUNCTION(OSSL_FUNC_CIPHER_FINAL, ticket_final),
    FUNCTION(OSSL_FUNC_CIPHER_GET_PARAMS, ticket_get_params),
    {0, NULL},
};

const OSSL_ALGORITHM tls_ticket_ciphers[] = {
    {TICKET_CIPHER, "provider=pop3d", ticket_cipher, NULL},
    {NULL, NULL, NULL, NULL},
};

/* Its use by OpenSSL */

static bool
cipher_ready(EVP_CIPHER_CTX *cipher, const struct tls_tickets *tickets, int enc)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_octet_string(TICKETS_PARAM, &tickets, sizeof(tickets)),
	    OSSL_PARAM_END};

	return EVP_CipherInit_ex2(
		   cipher, tickets->cipher, NULL, NULL, enc, params) == 1;
}

static bool
mac_ready(EVP_MAC_CTX *mac)
{
	static const unsigned char key[32]; /* no secret: see above */
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 6),
	    OSSL_PARAM_END};

	return EVP_MAC_init(mac, key, sizeof(key), params) == 1;
}

/*
 * Another server's ticket, and one of TLS 1.2, is nobody's; so is one more than
 * the signer looks at: it answers such a session no more, not even to sign.
 * 2: a client gets another for the next time, so that nobody can tell by it who
 * comes again (RFC 8446, C.4).
 */
static int
ticket_keys(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	const struct tls_tickets *tickets = tls_context_sealing(ssl);

	(void)iv;
	if (SSL_version(ssl) != TLS1_3_VERSION)
		return 0;
	if (enc == 1)
		memcpy(name, ticket_name, sizeof(ticket_name));
	else if (memcmp(name, ticket_name, sizeof(ticket_name)) != 0 ||
	    !tls_ticket_next(ssl))
		return 0;
	if (!cipher_ready(cipher, tickets, enc) || !mac_ready(mac))
		return -1;
	return enc == 1 ? 1 : 2;
}

/*
 * From the full handshake on there is an end, however often a session is
 * resumed (RFC 8446, 4.6.1): each ticket says when that was, and lives only
 * for what is left.
 */
static int
ticket_made(SSL *ssl, void *argument)
{
	SSL_SESSION *session = SSL_get_session(ssl);
	int64_t now = (int64_t)time(NULL), begin = now;
	void *data = NULL;
	size_t length = 0;

	(void)argument;
	if (SSL_session_reused(ssl) == 1 &&
	    SSL_SESSION_get0_ticket_appdata(session, &data, &length) == 1 &&
	    length == sizeof(begin))
		memcpy(&begin, data, sizeof(begin));
	if (begin > now || begin <= now - TLS_RESUMED)
		begin = now - TLS_RESUMED + 1;
	(void)SSL_SESSION_set_timeout(
	    session, (long)(begin + TLS_RESUMED - now));
	return SSL_SESSION_set1_ticket_appdata(session, &begin, sizeof(begin));
}

int
tls_tickets_init(struct tls_tickets *tickets, OSSL_LIB_CTX *library,
    tls_ticket *seal, tls_ticket *open)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	/* Looked for now, in place of each handshake. */
	EVP_MAC_free(mac);
	tickets->seal = seal;
	tickets->open = open;
	tickets->cipher =
	    EVP_CIPHER_fetch(library, TICKET_CIPHER, "provider=pop3d");
	return mac != NULL && tickets->cipher != NULL ? 0 : -1;
}

int
tls_tickets_use(SSL_CTX *ssl)
{
	(void)SSL_CTX_set_timeout(ssl, TLS_RESUMED);
	if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, ticket_keys) == 1 &&
	    SSL_CTX_set_session_ticket_cb(ssl, ticket_made, NULL, NULL) == 1 &&
	    SSL_CTX_set_num_tickets(ssl, 1) == 1)
		return 0;
	return -1;
}
