/*
 * tls_proof.c - is it a client with a good certificate, whatever the front
 * says?
 *
 * What a front that somebody has taken over could do, and why not:
 *
 * - make one up: it has no client's key.
 * - show what it has heard in another session, or somebody has elsewhere: the
 *   client has signed a CertificateRequest with a nonce that the back made for
 *   this session alone, before which nobody knew it.
 * - have a client who wants something of another server answer that nonce
 *   there: the client has signed the server's certificate, too, which must be
 *   ours, with a signature of the signer's.
 * - have a client who wants our server, and whom somebody leads to this front,
 *   speak to it: that client is in a session with a front that was taken over,
 *   as with a password that he would have said to it.  This stays.
 */

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "tls_parts.h"

#define DEPTH 10   /* authorities between a client and one that is trusted */
#define STRENGTH 2 /* OpenSSL's level: 112 bits; no SHA-1, no RSA below 2048 */

int
tls_fingerprint(
    const char *pem, size_t length, uint8_t fingerprint[TLS_FINGERPRINT])
{
	STACK_OF(X509) *all =
	    tls_start() ? tls_certificates_read(pem, length) : NULL;
	bool done = all != NULL &&
	    X509_digest(
		sk_X509_value(all, 0), EVP_sha256(), fingerprint, NULL) == 1;

	sk_X509_pop_free(all, X509_free);
	return done ? 0 : -1;
}

/* Is the server's certificate, which it has shown, one of ours? */
static bool
server_ours(const struct tls_proof *proof, X509 *certificate)
{
	uint8_t fingerprint[TLS_FINGERPRINT];
	size_t i;

	if (X509_digest(certificate, EVP_sha256(), fingerprint, NULL) != 1)
		return false;
	for (i = 0; i < proof->own_count; i++) {
		if (memcmp(proof->own[i], fingerprint, TLS_FINGERPRINT) == 0)
			return true;
	}
	return false;
}

/* As far as the server's part goes. */
static enum tls_trust
server_check(const struct tls_proof *proof, const struct transcript *t,
    char why[TLS_TEXT])
{
	STACK_OF(X509) *chain = tls_transcript_certificates(&t->certificate);
	enum tls_trust trust = TLS_FORGED;

	if (!tls_transcript_asks(t, proof->nonce)) {
		tls_say(why, "a handshake of another session");
	} else if (chain == NULL ||
	    !tls_transcript_signed(t, &t->verify, sk_X509_value(chain, 0),
		"TLS 1.3, server CertificateVerify")) {
		tls_say(why, "a handshake that no server has signed");
	} else if (!server_ours(proof, sk_X509_value(chain, 0))) {
		trust = TLS_UNKNOWN;
		tls_say(why,
		    "the server's certificate is not in tls-certificate, as "
		    "that is now");
	} else
		trust = TLS_TRUSTED;
	sk_X509_pop_free(chain, X509_free);
	return trust;
}

/* Every certificate of the file is trusted as it stands. */
static X509_STORE *
store_make(STACK_OF(X509) * authorities)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *how;
	int i;

	for (i = 0; store != NULL && i < sk_X509_num(authorities); i++) {
		if (X509_STORE_add_cert(store, sk_X509_value(authorities, i)) !=
		    1) {
			X509_STORE_free(store);
			return NULL;
		}
	}
	if (store == NULL)
		return NULL;
	how = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_depth(how, DEPTH);
	X509_VERIFY_PARAM_set_auth_level(how, STRENGTH);
	(void)X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
	(void)X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_CLIENT);
	return store;
}

static enum tls_trust
chain_check(
    const struct tls_pem *pem, STACK_OF(X509) * chain, char why[TLS_TEXT])
{
	STACK_OF(X509) *authorities =
	    tls_certificates_read(pem->text, pem->length);
	X509_STORE *store =
	    authorities == NULL ? NULL : store_make(authorities);
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	enum tls_trust trust = TLS_UNKNOWN;

	tls_say(why, "no certificates are in tls-client-ca");
	if (store != NULL && context != NULL &&
	    X509_STORE_CTX_init(
		context, store, sk_X509_value(chain, 0), chain) == 1) {
		trust = X509_verify_cert(context) == 1 ? TLS_TRUSTED :
							 TLS_UNTRUSTED;
		tls_say(why, "%s",
		    X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(context)));
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_pop_free(authorities, X509_free);
	return trust;
}

/* A name as a text; "" for one that is too long, or has a NUL in it. */
static void
name_copy(char dst[TLS_NAME], const void *octets, int length)
{
	dst[0] = '\0';
	if (length <= 0 || length >= TLS_NAME ||
	    memchr(octets, '\0', (size_t)length) != NULL)
		return;
	memcpy(dst, octets, (size_t)length);
	dst[length] = '\0';
}

static void
subject_print(X509 *certificate, char dst[TLS_NAME])
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long length;

	dst[0] = '\0';
	if (out != NULL &&
	    X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0,
		XN_FLAG_RFC2253) >= 0) {
		length = BIO_get_mem_data(out, &text);
		name_copy(dst, text, length < TLS_NAME ? (int)length : 0);
	}
	BIO_free(out);
}

static void
emails_take(X509 *certificate, char emails[TLS_EMAILS][TLS_NAME])
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name;
	size_t used = 0;
	int i;

	for (i = 0; used < TLS_EMAILS && i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_EMAIL)
			continue;
		name_copy(emails[used], ASN1_STRING_get0_data(name->d.ia5),
		    ASN1_STRING_length(name->d.ia5));
		if (emails[used][0] != '\0')
			used++;
	}
	GENERAL_NAMES_free(names);
}

static enum tls_trust
certificate_check(const struct tls_proof *proof, const struct transcript *t,
    struct tls_client *client, char why[TLS_TEXT])
{
	STACK_OF(X509) *chain =
	    tls_transcript_certificates(&t->client_certificate);
	enum tls_trust trust = TLS_FORGED;
	X509 *certificate;

	if (chain == NULL ||
	    !tls_transcript_signed(t, &t->client_verify,
		sk_X509_value(chain, 0), "TLS 1.3, client CertificateVerify")) {
		tls_say(why, "a handshake that no client has signed");
	} else {
		certificate = sk_X509_value(chain, 0);
		trust = chain_check(&proof->authorities, chain, why);
		subject_print(certificate, client->subject);
		emails_take(certificate, client->emails);
		if (X509_digest(certificate, EVP_sha256(), client->fingerprint,
			NULL) != 1)
			trust = TLS_UNKNOWN;
	}
	sk_X509_pop_free(chain, X509_free);
	return trust;
}

enum tls_trust
tls_client_check(const struct tls_proof *proof, struct tls_client *client,
    char why[TLS_TEXT])
{
	struct transcript t;
	enum tls_trust trust;

	memset(client, 0, sizeof(*client));
	tls_say(why, "OpenSSL cannot be used");
	if (!tls_start())
		return TLS_UNKNOWN;
	if (!tls_transcript_read(&t, proof->transcript, proof->length)) {
		tls_say(why, "not a handshake of TLS 1.3 with a certificate");
		return TLS_FORGED;
	}
	trust = server_check(proof, &t, why);
	if (trust == TLS_TRUSTED)
		trust = certificate_check(proof, &t, client, why);
	ERR_clear_error();
	return trust;
}
