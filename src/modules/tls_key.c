/*
 * tls_key.c - certificates and their keys, in the signer.
 */

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tls_parts.h"

#define RSA_LEAST 2048 /* bits; RFC 9325, 4.5 */
#define RSA_MOST 8192  /* bits: TLS_SIGNATURE */
#define CURVE_SIZE 64  /* octets with the NUL: its name */

struct tls_key {
	X509 *certificate;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

/*
 * What a scheme is; RFC 8446, 4.2.3.  TLS 1.2 knows it as a kind of key and a
 * hash alone, on whatever curve (RFC 5246, 7.4.1.4.1).
 */
struct scheme {
	uint32_t scheme;
	const char *type;
	const char *digest;
	int padding; /* of RSA */
};

/* clang-format off */
static const struct scheme schemes[] = {
	{ 0x0403, "EC",  "SHA256", 0 },
	{ 0x0503, "EC",  "SHA384", 0 },
	{ 0x0603, "EC",  "SHA512", 0 },
	{ 0x0804, "RSA", "SHA256", RSA_PKCS1_PSS_PADDING },
	{ 0x0805, "RSA", "SHA384", RSA_PKCS1_PSS_PADDING },
	{ 0x0806, "RSA", "SHA512", RSA_PKCS1_PSS_PADDING },
	{ 0x0401, "RSA", "SHA256", RSA_PKCS1_PADDING },
	{ 0x0501, "RSA", "SHA384", RSA_PKCS1_PADDING },
	{ 0x0601, "RSA", "SHA512", RSA_PKCS1_PADDING },
};
/* clang-format on */

void
tls_say(char dst[TLS_TEXT], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(dst, TLS_TEXT, format, ap) < 0)
		dst[0] = '\0';
	va_end(ap);
}

void
tls_key_free(struct tls_key *key)
{
	if (key == NULL)
		return;
	X509_free(key->certificate);
	sk_X509_pop_free(key->chain, X509_free);
	EVP_PKEY_free(key->key);
	OPENSSL_free(key);
}

/* There is nobody who could be asked. */
static int
passphrase_refuse(char *dst, int size, int rwflag, void *asked)
{
	(void)dst;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

static bool
chain_read(struct tls_key *key, const char *text, size_t length)
{
	BIO *in = BIO_new_mem_buf(text, (int)length);
	X509 *next;
	bool whole;

	key->chain = sk_X509_new_null();
	if (in == NULL || key->chain == NULL) {
		BIO_free(in);
		return false;
	}
	key->certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
	while (key->certificate != NULL &&
	    (next = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(key->chain, next) == 0) {
			X509_free(next);
			break;
		}
	}
	BIO_free(in);
	/* The last failed at the end of the text, or in what is damaged. */
	whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return key->certificate != NULL && whole;
}

/* Can a client of today have a signature of it? */
static bool
key_usable(const EVP_PKEY *key, char error[TLS_TEXT])
{
	static const char *const curves[] = {
	    "prime256v1", "secp384r1", "secp521r1"};
	int bits = EVP_PKEY_get_bits(key);
	char curve[CURVE_SIZE] = "of no name";
	size_t i;

	if (EVP_PKEY_is_a(key, "RSA")) {
		tls_say(error, "RSA of %d bits: it must be %d to %d", bits,
		    RSA_LEAST, RSA_MOST);
		return bits >= RSA_LEAST && bits <= RSA_MOST;
	}
	if (!EVP_PKEY_is_a(key, "EC")) {
		tls_say(error, "the key is neither RSA nor ECDSA");
		return false;
	}
	(void)EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
	for (i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curve, curves[i]) == 0)
			return true;
	}
	tls_say(error,
	    "ECDSA on the curve %s: it must be P-256, P-384 or P-521", curve);
	return false;
}

static bool
key_read(
    struct tls_key *key, const char *text, size_t length, char error[TLS_TEXT])
{
	BIO *in = BIO_new_mem_buf(text, (int)length);
	bool asked = false;

	if (in != NULL)
		key->key = PEM_read_bio_PrivateKey(
		    in, NULL, passphrase_refuse, &asked);
	BIO_free(in);
	ERR_clear_error();
	if (key->key == NULL) {
		tls_say(error, "%s",
		    asked ? "the key is encrypted: nobody can be asked for "
			    "its passphrase" :
			    "no private key in PEM");
		return false;
	}
	return key_usable(key->key, error);
}

struct tls_key *
tls_key_load(const char *chain, size_t chain_length, const char *text,
    size_t text_length, char error[TLS_TEXT])
{
	struct tls_key *key;

	tls_say(error, "OpenSSL cannot be used");
	if (!tls_start() || chain_length > INT_MAX || text_length > INT_MAX)
		return NULL;
	key = OPENSSL_zalloc(sizeof(*key));
	if (key == NULL)
		return NULL;
	if (!chain_read(key, chain, chain_length)) {
		tls_say(error, "%s",
		    key->certificate == NULL ? "no certificate in PEM" :
					       "a certificate is damaged");
	} else if (key_read(key, text, text_length, error)) {
		if (X509_check_private_key(key->certificate, key->key) == 1)
			return key;
		tls_say(error, "the key belongs to another certificate");
	}
	ERR_clear_error();
	tls_key_free(key);
	return NULL;
}

/* Is who has signed it in the text, or it itself? */
static bool
chain_whole(const struct tls_key *key)
{
	X509_NAME *issuer = X509_get_issuer_name(key->certificate);
	int i;

	if (X509_NAME_cmp(issuer, X509_get_subject_name(key->certificate)) == 0)
		return true;
	for (i = 0; i < sk_X509_num(key->chain); i++) {
		if (X509_NAME_cmp(issuer,
			X509_get_subject_name(sk_X509_value(key->chain, i))) ==
		    0)
			return true;
	}
	return false;
}

void
tls_key_look(
    const struct tls_key *key, char what[TLS_TEXT], char trouble[TLS_TEXT])
{
	const ASN1_TIME *end = X509_get0_notAfter(key->certificate);
	struct tm tm;

	trouble[0] = '\0';
	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(end, &tm) != 1)
		tm.tm_mday = 0;
	tls_say(what, "%s of %d bits, until %04d-%02d-%02d",
	    EVP_PKEY_is_a(key->key, "RSA") ? "RSA" : "ECDSA",
	    EVP_PKEY_get_bits(key->key), tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday);
	if (X509_cmp_current_time(end) < 0)
		tls_say(trouble,
		    "the certificate has expired on %04d-%02d-%02d",
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	else if (X509_cmp_current_time(X509_get0_notBefore(key->certificate)) >
	    0)
		tls_say(trouble, "the certificate is not valid yet");
	else if (!chain_whole(key))
		tls_say(trouble,
		    "the certificate stands without its chain: clients that "
		    "do not know its issuer will refuse it");
}

size_t
tls_certificate_put(
    X509 *certificate, uint32_t number, uint8_t *dst, size_t size)
{
	int length = i2d_X509(certificate, NULL);
	uint32_t head[2] = {number, (uint32_t)length};
	uint8_t *at = dst + sizeof(head);

	if (length <= 0 || size < sizeof(head) + (size_t)length)
		return 0;
	memcpy(dst, head, sizeof(head));
	return i2d_X509(certificate, &at) == length ?
	    sizeof(head) + (size_t)length :
	    0;
}

size_t
tls_key_chain(
    const struct tls_key *key, uint32_t number, uint8_t *dst, size_t size)
{
	size_t length =
		   tls_certificate_put(key->certificate, number, dst, size),
	       n;
	int i;

	for (i = 0; length > 0 && i < sk_X509_num(key->chain); i++) {
		n = tls_certificate_put(sk_X509_value(key->chain, i), number,
		    dst + length, size - length);
		length = n == 0 ? 0 : length + n;
	}
	return length;
}

static const struct scheme *
scheme_find(const EVP_PKEY *key, uint32_t scheme)
{
	const struct scheme *s;
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		s = &schemes[i];
		if (s->scheme == scheme && EVP_PKEY_is_a(key, s->type))
			return s;
	}
	return NULL;
}

int
tls_key_sign(const struct tls_key *key, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length)
{
	const struct scheme *s = scheme_find(key->key, scheme);
	EVP_MD_CTX *context;
	EVP_PKEY_CTX *how; /* the context's */
	bool done;

	if (s == NULL)
		return -1;
	context = EVP_MD_CTX_new();
	*signed_length = TLS_SIGNATURE;
	done = context != NULL &&
	    EVP_DigestSignInit_ex(
		context, &how, s->digest, NULL, NULL, key->key, NULL) == 1 &&
	    (s->padding == 0 ||
		EVP_PKEY_CTX_set_rsa_padding(how, s->padding) == 1) &&
	    (s->padding != RSA_PKCS1_PSS_PADDING ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) ==
		    1) &&
	    EVP_DigestSign(context, signature, signed_length, octets, length) ==
		1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return done ? 0 : -1;
}

/* What takes long is the first random octet; ECDSA needs some. */
void
tls_key_warm(const struct tls_key *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char octet;

	if (context != NULL && RAND_priv_bytes(&octet, 1) == 1)
		(void)EVP_DigestSignInit_ex(
		    context, NULL, "SHA256", NULL, NULL, key->key, NULL);
	EVP_MD_CTX_free(context);
	ERR_clear_error();
}
