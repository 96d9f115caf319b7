/*
 * tls.h - what the files of the module pop3d-tls.so do for each other.
 */

#ifndef TLS_PARTS_H
#define TLS_PARTS_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls.h"

/*
 * Nothing of OpenSSL's that needs files or time: no configuration, nothing
 * at exit, no texts of errors.  false when it cannot be initialised.
 */
bool tls_start(void);

/* The one error of ours (ERR_LIB_USER): there was no signature. */
#define TLS_UNSIGNED 1

/* tls_key.c: the signer's side */
struct tls_key *tls_key_load(const char *chain, size_t chain_length,
    const char *key, size_t key_length, char error[TLS_TEXT]);
void tls_key_free(struct tls_key *key);
void tls_key_look(
    const struct tls_key *key, char what[TLS_TEXT], char trouble[TLS_TEXT]);
size_t tls_key_chain(
    const struct tls_key *key, uint32_t number, uint8_t *dst, size_t size);
int
tls_key_sign(const struct tls_key *key, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length);

void tls_key_warm(const struct tls_key *key);

/* A sentence, cut where it is too long. */
void __attribute__((format(printf, 2, 3)))
tls_say(char dst[TLS_TEXT], const char *format, ...);

/* tls_seal.c: the signer's side, too */
int tls_ticket_seal(const struct tls_ticket_key *key, const uint8_t *octets,
    size_t length, uint8_t *dst, size_t *dst_length);
int tls_ticket_open(const struct tls_ticket_key *key, const uint8_t *octets,
    size_t length, uint8_t *dst, size_t *dst_length);

/* tls_remote.c: keys that are elsewhere */

/* The key of one certificate, as its public half shows it. */
struct tls_remote {
	uint32_t certificate; /* its number */
	EVP_PKEY *public_key;
	tls_sign *sign;
};

/*
 * A library context that has such keys, and nothing else, by *provider, which
 * is to be unloaded before it is freed; or NULL.
 */
OSSL_LIB_CTX *tls_remote_library(OSSL_PROVIDER **provider);

/* A key whose signatures are remote's; NULL when the library fails. */
EVP_PKEY *tls_remote_key(OSSL_LIB_CTX *library, struct tls_remote *remote);

/* tls_warm.c: what the library fetches on first need, fetched earlier */
void tls_start_early(void);

/* Handshakes of this context that end where a key is asked. */
void tls_warm(struct ssl_ctx_st *context);

/* tls_out.c: a BIO that gathers what is written; NULL: no memory. */
BIO *tls_out_new(void);
size_t tls_out_get(BIO *bio, const void **octets);
void tls_out_drop(BIO *bio);

/* tls.c: may this connection have another ticket looked at? */
bool tls_ticket_next(const struct ssl_st *ssl);

/* tls_ticket.c: tickets that are sealed elsewhere */

struct tls_tickets {
	tls_ticket *seal, *open;
	EVP_CIPHER *cipher; /* that asks them; or NULL: no tickets */
};

/* What the provider has for OSSL_OP_CIPHER. */
extern const struct ossl_algorithm_st tls_ticket_ciphers[];

/* 0, or -1 when the library fails. */
int tls_tickets_init(struct tls_tickets *tickets, OSSL_LIB_CTX *library,
    tls_ticket *seal, tls_ticket *open);

/* Connections of this context get such tickets. */
int tls_tickets_use(SSL_CTX *ssl);

/* tls_client.c: asking for a client's certificate */

struct client_side {
	bool asked; /* if it is TLS 1.3 */
	bool done;  /* the CertificateVerify has come, or never will */
	uint8_t nonce[TLS_NONCE];
	uint8_t *octets; /* the transcript so far */
	size_t length;
};

/* tls.c: of this connection; NULL: it is tls_warm.c's. */
struct client_side *tls_client_side(const struct ssl_st *ssl);

/* What a context needs for it, with these authorities.  false: no memory. */
bool tls_client_prepare(struct ssl_ctx_st *context, const STACK_OF(X509) * cas);

/* Record, and ask, in this connection. */
bool tls_client_ask(struct ssl_st *ssl, const uint8_t nonce[TLS_NONCE]);
void tls_client_drop(struct client_side *side);

size_t tls_authorities_chain(
    const char *pem, size_t length, uint8_t *dst, size_t size);

#define TLS_AUTHORITY UINT32_MAX   /* the number of a certificate of theirs */
#define TLS_NONCE_EXTENSION 0xff70 /* private use (RFC 8446, 11) */

/* One certificate behind what there is already; 0: no room. */
size_t tls_certificate_put(
    X509 *certificate, uint32_t number, uint8_t *dst, size_t size);

/* Certificates in PEM; NULL: there is none, or no memory. */
STACK_OF(X509) * tls_certificates_read(const char *pem, size_t length);

/* tls_transcript.c: what a handshake was; tls_proof.c: whether to believe it */

struct span {
	const uint8_t *octets;
	size_t length;
};

/* A transcript's messages, each with its head; length 0: it is not there. */
struct transcript {
	struct span hello, retry, hello_again, server_hello, extensions,
	    request, certificate, verify, finished, client_certificate,
	    client_verify;
	const EVP_MD *hash;
};

/* Is it one of TLS 1.3, with both certificates, and nothing else? */
bool
tls_transcript_read(struct transcript *t, const uint8_t *octets, size_t length);

/* What a message of it has, without its head. */
struct span tls_transcript_body(const struct span *message);

/* Does its CertificateRequest have this nonce? */
bool
tls_transcript_asks(const struct transcript *t, const uint8_t nonce[TLS_NONCE]);

/* The certificates of a message, the end entity's first; NULL: it is none. */
STACK_OF(X509) * tls_transcript_certificates(const struct span *message);

/*
 * Is verify the signature of certificate's key over all that was said before
 * it (RFC 8446, 4.4.3)?
 */
bool tls_transcript_signed(const struct transcript *t,
    const struct span *verify, X509 *certificate, const char *context);

int tls_fingerprint(
    const char *pem, size_t length, uint8_t fingerprint[TLS_FINGERPRINT]);
enum tls_trust tls_client_check(const struct tls_proof *proof,
    struct tls_client *client, char why[TLS_TEXT]);

/* tls_binding.c: as the module's exporter() and end_point() */
size_t tls_binding_exporter(struct ssl_st *ssl, uint8_t octets[TLS_BINDING]);
size_t
tls_binding_end_point(const struct ssl_st *ssl, uint8_t octets[TLS_BINDING]);

/* tls_context.c */
struct tls_context *
tls_context_new(const uint8_t *chains, size_t length, tls_sign *sign);

void tls_context_free(struct tls_context *context);
void tls_context_warm(struct tls_context *context);
int tls_context_tickets(
    struct tls_context *context, tls_ticket *seal, tls_ticket *open);

/* Of a connection's context. */
const struct tls_tickets *tls_context_sealing(const SSL *ssl);

/* The context that a connection begins with. */
struct ssl_ctx_st *tls_context_first(const struct tls_context *context);

#endif
