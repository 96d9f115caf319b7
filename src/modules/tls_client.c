/*
 * tls_client.c - asking a client for its certificate, in the front, which does
 * not judge it: it keeps what was said for who does.
 *
 * Only a full handshake of TLS 1.3 is of use, where the client signs all that
 * was said before.  So in 1.2 none is asked for, and whoever has shown one gets
 * no ticket: a session that is resumed would have no signature of his.
 */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <limits.h>
#include <string.h>

#include "tls_parts.h"

STACK_OF(X509) * tls_certificates_read(const char *pem, size_t length)
{
	BIO *in = length > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)length);
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *next = NULL;

	while (in != NULL && all != NULL &&
	    (next = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(all, next) == 0) {
			X509_free(next);
			break;
		}
	}
	BIO_free(in);
	ERR_clear_error(); /* the last failed at the end of the text */
	if (sk_X509_num(all) > 0)
		return all;
	sk_X509_free(all);
	return NULL;
}

size_t
tls_authorities_chain(const char *pem, size_t length, uint8_t *dst, size_t size)
{
	STACK_OF(X509) *all = tls_certificates_read(pem, length);
	size_t used = 0, n = 1;
	int i;

	for (i = 0; n > 0 && i < sk_X509_num(all); i++) {
		n = tls_certificate_put(sk_X509_value(all, i), TLS_AUTHORITY,
		    dst + used, size - used);
		used = n == 0 ? 0 : used + n;
	}
	sk_X509_pop_free(all, X509_free);
	return used;
}

/* Taken as it is: a chain is built where somebody believes the result. */
static int
any_accept(X509_STORE_CTX *store, void *argument)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());

	(void)argument;
	(void)SSL_set_num_tickets(ssl, 0);
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* Once the version is agreed on, and that nothing is resumed. */
static int
version_seen(SSL *ssl, void *argument)
{
	const struct client_side *side = tls_client_side(ssl);

	(void)argument;
	if (side != NULL && side->asked && SSL_version(ssl) == TLS1_3_VERSION)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return 1;
}

/*
 * The nonce in the CertificateRequest, as an extension that clients do not know
 * and pass over (RFC 8446, 4.3.2; RFC 8701, 3.2 has them trained for it).
 */
static int
nonce_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
    size_t *length, X509 *certificate, size_t index, int *alert, void *argument)
{
	const struct client_side *side = tls_client_side(ssl);

	(void)type;
	(void)context;
	(void)certificate;
	(void)index;
	(void)alert;
	(void)argument;
	*out = side->nonce;
	*length = sizeof(side->nonce);
	return side->asked ? 1 : 0;
}

bool
tls_client_prepare(SSL_CTX *context, const STACK_OF(X509) * authorities)
{
	int i;

	for (i = 0; i < sk_X509_num(authorities); i++) {
		if (SSL_CTX_add_client_CA(
			context, sk_X509_value(authorities, i)) != 1)
			return false;
	}
	SSL_CTX_set_cert_verify_callback(context, any_accept, NULL);
	SSL_CTX_set_cert_cb(context, version_seen, NULL);
	return SSL_CTX_add_custom_ext(context, TLS_NONCE_EXTENSION,
		   SSL_EXT_TLS1_3_CERTIFICATE_REQUEST, nonce_add, NULL, NULL,
		   NULL, NULL) == 1;
}

void
tls_client_drop(struct client_side *side)
{
	OPENSSL_free(side->octets);
	side->octets = NULL;
	side->length = 0;
}

/* Each message of the handshake, from either side; the last is the client's. */
static void
message_note(int sent, int version, int type, const void *octets, size_t length,
    SSL *ssl, void *argument)
{
	struct client_side *side = argument;
	const uint8_t *message = octets;

	(void)version;
	(void)ssl;
	if (type != SSL3_RT_HANDSHAKE || side->octets == NULL || side->done)
		return;
	if (length == 0 || length > TLS_TRANSCRIPT - side->length) {
		tls_client_drop(side);
		return;
	}
	memcpy(side->octets + side->length, octets, length);
	side->length += length;
	side->done = !sent && message[0] == SSL3_MT_CERTIFICATE_VERIFY;
}

bool
tls_client_ask(SSL *ssl, const uint8_t nonce[TLS_NONCE])
{
	struct client_side *side = tls_client_side(ssl);

	if (SSL_get_client_CA_list(ssl) == NULL ||
	    sk_X509_NAME_num(SSL_get_client_CA_list(ssl)) == 0)
		return false;
	side->octets = OPENSSL_malloc(TLS_TRANSCRIPT);
	if (side->octets == NULL)
		return false;
	memcpy(side->nonce, nonce, TLS_NONCE);
	side->asked = true;
	SSL_set_msg_callback(ssl, message_note);
	SSL_set_msg_callback_arg(ssl, side);
	return true;
}
