/*
 * tls.c - one connection, and the table of the module pop3d-tls.so (tls.h).
 *
 * A process that has closed itself in must find everything here: see
 * tls_start().  Octets come and go through memory, so that waiting, its
 * clock, and what a write means stay with who has the descriptors.
 */

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "tls_parts.h"

struct tls {
	SSL *ssl;
	BIO *in, *out; /* ssl's */
	unsigned long error;
	int alert; /* the last that came, or -1 */
	struct client_side client;
	unsigned opens; /* tickets that were looked at */
};

bool
tls_start(void)
{
	return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
		       OPENSSL_INIT_NO_ATEXIT |
		       OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
		       OPENSSL_INIT_NO_LOAD_SSL_STRINGS,
		   NULL) == 1;
}

static void
alert_note(const SSL *ssl, int where, int value)
{
	struct tls *tls = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		tls->alert = value & 0xff;
}

static struct tls *
tls_open(struct tls_context *context)
{
	struct tls *tls = OPENSSL_zalloc(sizeof(*tls));

	if (tls == NULL)
		return NULL;
	tls->alert = -1;
	tls->ssl = SSL_new(tls_context_first(context));
	tls->in = BIO_new(BIO_s_mem());
	tls->out = tls_out_new();
	if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL ||
	    SSL_set_app_data(tls->ssl, tls) != 1) {
		SSL_free(tls->ssl);
		BIO_free(tls->in);
		BIO_free(tls->out);
		OPENSSL_free(tls);
		return NULL;
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_info_callback(tls->ssl, alert_note);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

struct client_side *
tls_client_side(const SSL *ssl)
{
	struct tls *tls = SSL_get_app_data(ssl);

	return tls == NULL ? NULL : &tls->client;
}

bool
tls_ticket_next(const SSL *ssl)
{
	struct tls *tls = SSL_get_app_data(ssl);

	return tls != NULL && tls->opens++ < TLS_OPENS;
}

static bool
tls_ask(struct tls *tls, const uint8_t nonce[TLS_NONCE])
{
	return tls_client_ask(tls->ssl, nonce);
}

static size_t
tls_shown(const struct tls *tls, const uint8_t **octets)
{
	*octets = tls->client.octets;
	return tls->client.done ? tls->client.length : 0;
}

static void
tls_client_forget(struct tls *tls)
{
	tls_client_drop(&tls->client);
}

static int
tls_feed(struct tls *tls, const void *octets, size_t length)
{
	size_t put;

	return BIO_write_ex(tls->in, octets, length, &put) == 1 &&
		put == length ?
	    0 :
	    -1;
}

static size_t
tls_pending(struct tls *tls, const void **octets)
{
	return tls_out_get(tls->out, octets);
}

static void
tls_drop(struct tls *tls)
{
	tls_out_drop(tls->out);
}

/* What a call of OpenSSL's that did not succeed means. */
static enum tls_step
tls_step(struct tls *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return TLS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		/* The first says why; what follows is what came of it. */
		tls->error = ERR_peek_error();
		ERR_clear_error();
		return TLS_FAILED;
	}
}

static enum tls_step
tls_handshake(struct tls *tls)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(tls->ssl);
	if (result == 1 && !tls->client.done)
		tls_client_drop(&tls->client);
	return result == 1 ? TLS_DONE : tls_step(tls, result);
}

static void
tls_facts(const struct tls *tls, struct tls_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	/* Before they are agreed on it says something, too. */
	if (SSL_get_current_cipher(tls->ssl) == NULL)
		return;
	OPENSSL_strlcpy(facts->protocol, SSL_get_version(tls->ssl),
	    sizeof(facts->protocol));
	OPENSSL_strlcpy(
	    facts->cipher, SSL_get_cipher(tls->ssl), sizeof(facts->cipher));
	facts->resumed = SSL_session_reused(tls->ssl) == 1;
}

static size_t
tls_exporter(struct tls *tls, uint8_t octets[TLS_BINDING])
{
	return tls_binding_exporter(tls->ssl, octets);
}

static size_t
tls_end_point(const struct tls *tls, uint8_t octets[TLS_BINDING])
{
	return tls_binding_end_point(tls->ssl, octets);
}

static enum tls_step
tls_read(struct tls *tls, void *dst, size_t size, size_t *got)
{
	int result;

	ERR_clear_error();
	result = SSL_read_ex(tls->ssl, dst, size, got);
	return result == 1 ? TLS_DONE : tls_step(tls, result);
}

static int
tls_write(struct tls *tls, const void *src, size_t length)
{
	size_t put;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(tls->ssl, src, length, &put);
	if (result == 1 && put == length)
		return 0;
	(void)tls_step(tls, result);
	return -1;
}

static void
tls_shutdown(struct tls *tls)
{
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

/* There are no texts of OpenSSL's in memory; these are what happens. */
static const char *
reason_text(unsigned long error)
{
	int reason = ERR_GET_REASON(error);
	static const struct {
		int reason;
		const char *text;
	} texts[] = {
	    {SSL_R_HTTP_REQUEST, "HTTP was spoken"},
	    {SSL_R_HTTPS_PROXY_REQUEST, "HTTP was spoken"},
	    {SSL_R_WRONG_VERSION_NUMBER, "what came is not TLS"},
	    {SSL_R_UNKNOWN_PROTOCOL, "what came is not TLS"},
	    {SSL_R_RECORD_LENGTH_MISMATCH, "what came is not TLS"},
	    {SSL_R_UNSUPPORTED_PROTOCOL,
		"the client has neither TLS 1.2 nor 1.3"},
	    {SSL_R_INAPPROPRIATE_FALLBACK,
		"somebody made the client fall back"},
	    {SSL_R_VERSION_TOO_LOW, "the client has neither TLS 1.2 nor 1.3"},
	    {SSL_R_NO_SHARED_CIPHER, "no cipher in common"},
	    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
		"no kind of signature in common"},
	    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
		"no kind of signature in common"},
	    {SSL_R_NO_SUITABLE_KEY_SHARE, "no group in common"},
	    {SSL_R_NO_SHARED_GROUPS, "no group in common"},
	    {SSL_R_NO_APPLICATION_PROTOCOL,
		"the client wants another protocol than pop3"},
	    {SSL_R_UNEXPECTED_MESSAGE, "a message out of order"},
	    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "the client went away"},
	};
	size_t i;

	if (ERR_GET_LIB(error) == ERR_LIB_USER)
		return "the signer did not sign";
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return NULL;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].reason == reason)
			return texts[i].text;
	}
	return NULL;
}

static void
tls_failure(const struct tls *tls, char text[TLS_TEXT])
{
	const char *known = reason_text(tls->error);
	int length;

	/* Its word that it ends, and nothing that went wrong. */
	if (tls->error == 0)
		known = "the client went away";

	if (tls->alert > 0)
		length = snprintf(text, TLS_TEXT,
		    "the client refused: alert %d (%s)", tls->alert,
		    SSL_alert_desc_string_long(tls->alert));
	else if (known != NULL)
		length = snprintf(text, TLS_TEXT, "%s", known);
	else
		length =
		    snprintf(text, TLS_TEXT, "OpenSSL error %08lX", tls->error);
	if (length < 0)
		text[0] = '\0';
}

extern const struct tls_module pop3d_tls;

const struct tls_module pop3d_tls = {
    .key_load = tls_key_load,
    .key_free = tls_key_free,
    .key_look = tls_key_look,
    .key_chain = tls_key_chain,
    .authorities_chain = tls_authorities_chain,
    .key_sign = tls_key_sign,
    .ticket_seal = tls_ticket_seal,
    .ticket_open = tls_ticket_open,
    .key_warm = tls_key_warm,
    .start = tls_start_early,
    .context_new = tls_context_new,
    .context_free = tls_context_free,
    .context_warm = tls_context_warm,
    .context_tickets = tls_context_tickets,
    .open = tls_open,
    .feed = tls_feed,
    .client_ask = tls_ask,
    .client_shown = tls_shown,
    .client_drop = tls_client_forget,
    .fingerprint = tls_fingerprint,
    .client_check = tls_client_check,
    .pending = tls_pending,
    .drop = tls_drop,
    .handshake = tls_handshake,
    .facts = tls_facts,
    .exporter = tls_exporter,
    .end_point = tls_end_point,
    .read = tls_read,
    .write = tls_write,
    .shutdown = tls_shutdown,
    .failure = tls_failure,
};
