/*
 * tls_transcript.c - a handshake of TLS 1.3, as its messages have it (RFC 8446,
 * 4), from octets that nobody vouches for.
 */

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include <limits.h>
#include <string.h>

#include "tls_parts.h"

#define HEAD 4           /* octets of a message: type and length */
#define RANDOM 32        /* octets */
#define CERTIFICATES 16  /* of a chain */
#define SIGNED_BEFORE 64 /* blanks */

/* By what a server and a client may sign here; RFC 8446, 4.2.3. */
struct scheme {
	unsigned scheme;
	const char *type;
	int bits; /* of the curve, for ECDSA */
	const char *digest;
};

/* clang-format off */
static const struct scheme schemes[] = {
	{ 0x0403, "EC",      256, "SHA256" },
	{ 0x0503, "EC",      384, "SHA384" },
	{ 0x0603, "EC",      521, "SHA512" },
	{ 0x0804, "RSA",     0,   "SHA256" },
	{ 0x0805, "RSA",     0,   "SHA384" },
	{ 0x0806, "RSA",     0,   "SHA512" },
	{ 0x0807, "ED25519", 0,   NULL },
	{ 0x0808, "ED448",   0,   NULL },
	{ 0x0809, "RSA-PSS", 0,   "SHA256" },
	{ 0x080a, "RSA-PSS", 0,   "SHA384" },
	{ 0x080b, "RSA-PSS", 0,   "SHA512" },
};
/* clang-format on */

/* A number of so many octets; false at the end. */
static bool
number_take(struct span *from, size_t octets, size_t *number)
{
	if (from->length < octets)
		return false;
	*number = 0;
	from->length -= octets;
	while (octets-- > 0)
		*number = *number << 8 | *from->octets++;
	return true;
}

static bool
octets_take(struct span *from, size_t length, struct span *taken)
{
	if (from->length < length)
		return false;
	taken->octets = from->octets;
	taken->length = length;
	from->octets += length;
	from->length -= length;
	return true;
}

/* A vector: its length, a number of so many octets, and that many. */
static bool
vector_take(struct span *from, size_t octets, struct span *taken)
{
	size_t length;

	return number_take(from, octets, &length) &&
	    octets_take(from, length, taken);
}

/* The next message, which must be of this type. */
static bool
message_take(struct span *from, size_t type, struct span *message)
{
	struct span body, all = *from;
	size_t is;

	if (!number_take(from, 1, &is) || is != type ||
	    !vector_take(from, 3, &body))
		return false;
	message->octets = all.octets;
	message->length = all.length - from->length;
	return true;
}

struct span
tls_transcript_body(const struct span *message)
{
	return (struct span){message->octets + HEAD, message->length - HEAD};
}

/* One extension of a list; false: it is not there, or the list is none. */
static bool
extension_find(struct span list, size_t type, struct span *value)
{
	struct span one;
	size_t is;
	bool found = false;

	while (list.length > 0) {
		if (!number_take(&list, 2, &is) || !vector_take(&list, 2, &one))
			return false;
		if (is == type && found)
			return false;
		if (is == type) {
			*value = one;
			found = true;
		}
	}
	return found;
}

/*
 * ServerHello: is it of 1.3, for a full handshake?  Its hash, NULL: not.  A
 * HelloRetryRequest is one with a random of its own.
 */
static const EVP_MD *
hello_read(const struct span *message, bool *retry)
{
	/* SHA-256 of "HelloRetryRequest"; RFC 8446, 4.1.3. */
	static const uint8_t again[RANDOM] = {0xcf, 0x21, 0xad, 0x74, 0xe5,
	    0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09,
	    0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	struct span body = tls_transcript_body(message), random, id, list,
		    value;
	size_t version, suite, compression;

	if (!number_take(&body, 2, &version) ||
	    !octets_take(&body, RANDOM, &random) ||
	    !vector_take(&body, 1, &id) || !number_take(&body, 2, &suite) ||
	    !number_take(&body, 1, &compression) ||
	    !vector_take(&body, 2, &list) || body.length != 0)
		return NULL;
	*retry = memcmp(random.octets, again, RANDOM) == 0;
	if (!extension_find(list, TLSEXT_TYPE_supported_versions, &value) ||
	    !number_take(&value, 2, &version) || version != TLS1_3_VERSION ||
	    extension_find(list, TLSEXT_TYPE_psk, &value))
		return NULL;
	if (suite == (TLS1_3_CK_AES_256_GCM_SHA384 & 0xffff))
		return EVP_sha384();
	return suite == (TLS1_3_CK_AES_128_GCM_SHA256 & 0xffff) ||
		suite == (TLS1_3_CK_CHACHA20_POLY1305_SHA256 & 0xffff) ?
	    EVP_sha256() :
	    NULL;
}

/* ClientHello to ServerHello, perhaps by way of a second ClientHello. */
static bool
hellos_read(struct transcript *t, struct span *from)
{
	const EVP_MD *hash;
	bool retry;

	if (!message_take(from, SSL3_MT_CLIENT_HELLO, &t->hello) ||
	    !message_take(from, SSL3_MT_SERVER_HELLO, &t->server_hello))
		return false;
	t->hash = hello_read(&t->server_hello, &retry);
	if (t->hash == NULL || !retry)
		return t->hash != NULL;
	hash = t->hash;
	t->retry = t->server_hello;
	if (!message_take(from, SSL3_MT_CLIENT_HELLO, &t->hello_again) ||
	    !message_take(from, SSL3_MT_SERVER_HELLO, &t->server_hello))
		return false;
	t->hash = hello_read(&t->server_hello, &retry);
	return t->hash == hash && !retry;
}

bool
tls_transcript_read(struct transcript *t, const uint8_t *octets, size_t length)
{
	struct span from = {octets, length};

	memset(t, 0, sizeof(*t));
	return hellos_read(t, &from) &&
	    message_take(&from, SSL3_MT_ENCRYPTED_EXTENSIONS, &t->extensions) &&
	    message_take(&from, SSL3_MT_CERTIFICATE_REQUEST, &t->request) &&
	    message_take(&from, SSL3_MT_CERTIFICATE, &t->certificate) &&
	    message_take(&from, SSL3_MT_CERTIFICATE_VERIFY, &t->verify) &&
	    message_take(&from, SSL3_MT_FINISHED, &t->finished) &&
	    message_take(&from, SSL3_MT_CERTIFICATE, &t->client_certificate) &&
	    message_take(
		&from, SSL3_MT_CERTIFICATE_VERIFY, &t->client_verify) &&
	    from.length == 0;
}

bool
tls_transcript_asks(const struct transcript *t, const uint8_t nonce[TLS_NONCE])
{
	struct span body = tls_transcript_body(&t->request), context, list,
		    value;

	return vector_take(&body, 1, &context) && context.length == 0 &&
	    vector_take(&body, 2, &list) && body.length == 0 &&
	    extension_find(list, TLS_NONCE_EXTENSION, &value) &&
	    value.length == TLS_NONCE &&
	    memcmp(value.octets, nonce, TLS_NONCE) == 0;
}

static bool
certificate_take(struct span *list, STACK_OF(X509) * all)
{
	struct span der, extensions;
	const uint8_t *at;
	X509 *one;

	if (!vector_take(list, 3, &der) || !vector_take(list, 2, &extensions))
		return false;
	at = der.octets;
	one = d2i_X509(NULL, &at, (long)der.length);
	if (one != NULL && at == der.octets + der.length &&
	    sk_X509_num(all) < CERTIFICATES && sk_X509_push(all, one) > 0)
		return true;
	X509_free(one);
	return false;
}

STACK_OF(X509) * tls_transcript_certificates(const struct span *message)
{
	struct span body = tls_transcript_body(message), context, list;
	STACK_OF(X509) *all = sk_X509_new_null();

	if (all != NULL && vector_take(&body, 1, &context) &&
	    context.length == 0 && vector_take(&body, 3, &list) &&
	    body.length == 0) {
		while (list.length > 0 && certificate_take(&list, all))
			continue;
		if (list.length == 0 && sk_X509_num(all) > 0)
			return all;
	}
	ERR_clear_error();
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/*
 * The hash of all before end.  RFC 8446, 4.4.1: after a HelloRetryRequest the
 * first ClientHello stands there as its hash, in a message of its own.
 */
static bool
transcript_hash(const struct transcript *t, const uint8_t *end, uint8_t *hash,
    unsigned *length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const uint8_t *from = t->hello.octets;
	uint8_t head[HEAD] = {SSL3_MT_MESSAGE_HASH, 0, 0, 0};
	bool done =
	    context != NULL && EVP_DigestInit_ex(context, t->hash, NULL) == 1;

	if (done && t->retry.length > 0) {
		done = EVP_Digest(from, t->hello.length, hash, length, t->hash,
			   NULL) == 1;
		head[3] = (uint8_t)*length;
		done = done &&
		    EVP_DigestUpdate(context, head, sizeof(head)) == 1 &&
		    EVP_DigestUpdate(context, hash, *length) == 1;
		from = t->retry.octets;
	}
	done = done &&
	    EVP_DigestUpdate(context, from, (size_t)(end - from)) == 1 &&
	    EVP_DigestFinal_ex(context, hash, length) == 1;
	EVP_MD_CTX_free(context);
	return done;
}

static const struct scheme *
scheme_find(const EVP_PKEY *key, size_t scheme)
{
	const struct scheme *s;
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		s = &schemes[i];
		if (s->scheme == scheme && EVP_PKEY_is_a(key, s->type) &&
		    (s->bits == 0 || s->bits == EVP_PKEY_get_bits(key)))
			return s;
	}
	return NULL;
}

static bool
signature_right(EVP_PKEY *key, const struct scheme *s,
    const struct span *signature, const uint8_t *octets, size_t length)
{
	bool pss = strncmp(s->type, "RSA", 3) == 0, right;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how; /* the context's */

	right = context != NULL &&
	    EVP_DigestVerifyInit_ex(
		context, &how, s->digest, NULL, NULL, key, NULL) == 1 &&
	    (!pss ||
		(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) ==
			1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(
			how, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	    EVP_DigestVerify(context, signature->octets, signature->length,
		octets, length) == 1;
	EVP_MD_CTX_free(context);
	return right;
}

bool
tls_transcript_signed(const struct transcript *t, const struct span *verify,
    X509 *certificate, const char *context)
{
	uint8_t octets[SIGNED_BEFORE + 64 + EVP_MAX_MD_SIZE];
	size_t scheme, used = SIGNED_BEFORE + strlen(context) + 1;
	struct span body = tls_transcript_body(verify), signature;
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	const struct scheme *s;
	unsigned length;
	bool right;

	memset(octets, ' ', SIGNED_BEFORE);
	memcpy(octets + SIGNED_BEFORE, context, strlen(context) + 1);
	if (key == NULL || !number_take(&body, 2, &scheme) ||
	    !vector_take(&body, 2, &signature) || body.length != 0)
		return false;
	s = scheme_find(key, scheme);
	right = s != NULL &&
	    transcript_hash(t, verify->octets, octets + used, &length) &&
	    signature_right(key, s, &signature, octets, used + length);
	ERR_clear_error();
	return right;
}
