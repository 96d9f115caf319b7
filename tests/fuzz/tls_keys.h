/*
 * tls_keys.h - for the targets of TLS: chance that is none, so that a find is
 * one again, and certificates with keys, made when a target begins.
 */

#ifndef TLS_KEYS_H
#define TLS_KEYS_H

#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/keys.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* The rest of an input. */
struct script {
	const uint8_t *p;
	size_t left;
};

/* So many octets as a number, the least first; behind the end are zeros. */
static uint64_t
take(struct script *in, unsigned octets)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < octets && in->left > 0; i++, in->left--)
		n |= (uint64_t)*in->p++ << (8 * i);
	return n;
}

/* The module, without loading it. */
extern const struct tls_module pop3d_tls;

/* clang-format off */
static const struct {
	const char *type, *curve; /* NULL: RSA */
	const char *name, *names;
} certificates[] = {
	{ "EC", "P-256", "a.test", "DNS:a.test, DNS:*.a.test" },
	{ "RSA", NULL, "a.test", "DNS:a.test" },
	{ "EC", "P-384", "b.test", "DNS:b.test" },
	{ "EC", "P-521", "c.test", "DNS:c.test" },
};
/* clang-format on */

#define CERTIFICATES ARRAY_SIZE(certificates)

/* What the targets and the signer have in common. */
static struct {
	uint64_t chance;
	EVP_PKEY *key[CERTIFICATES];
	struct held held;
	X509 *client; /* a certificate of one, and its own authority */
	EVP_PKEY *client_key;
	char *client_pem;
	struct tls_proof proof; /* what does not change of one */
} own;

static int
own_bytes(unsigned char *dst, int length)
{
	for (int i = 0; i < length; i++) {
		own.chance ^= own.chance << 13;
		own.chance ^= own.chance >> 7;
		own.chance ^= own.chance << 17;
		dst[i] = (unsigned char)(own.chance >> 32);
	}
	return 1;
}

static int
own_status(void)
{
	return 1;
}

/* From here on what OpenSSL takes from chance depends on seed alone. */
static void
own_seed(uint64_t seed)
{
	own.chance = 88172645463325252U + seed * 2;
}

static X509 *
own_certificate(EVP_PKEY *key, const char *name, const char *names, long serial)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	char list[64];
	X509_EXTENSION *e;

	(void)snprintf(list, sizeof(list), "%s", names);
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, list);
	MUST(e != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 864000) != NULL &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1 &&
	    X509_add_ext(x, e, -1) == 1 && X509_set_pubkey(x, key) == 1 &&
	    X509_sign(x, key, EVP_sha256()) > 0);
	X509_EXTENSION_free(e);
	return x;
}

/* As the signer reads it from its files. */
static struct tls_key *
own_key(size_t i)
{
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	char error[TLS_TEXT], *text[2];
	struct tls_key *key;
	long length[2];
	X509 *x;

	own.key[i] = certificates[i].curve == NULL ?
	    EVP_RSA_gen(2048) :
	    EVP_EC_gen(certificates[i].curve);
	MUST(own.key[i] != NULL);
	x = own_certificate(own.key[i], certificates[i].name,
	    certificates[i].names, (long)i + 1);
	MUST(PEM_write_bio_X509(chain, x) == 1 &&
	    PEM_write_bio_PrivateKey(
		secret, own.key[i], NULL, NULL, 0, NULL, NULL) == 1);
	length[0] = BIO_get_mem_data(chain, &text[0]);
	length[1] = BIO_get_mem_data(secret, &text[1]);
	key = pop3d_tls.key_load(
	    text[0], (size_t)length[0], text[1], (size_t)length[1], error);
	MUST(key != NULL &&
	    X509_digest(x, EVP_sha256(), own.proof.own[i], NULL) == 1);
	own.proof.own_count++;
	X509_free(x);
	BIO_free(chain);
	BIO_free(secret);
	return key;
}

static void
own_client(void)
{
	static uint8_t chain[4096];
	struct keys *keys = &own.held.keys;
	BIO *pem = BIO_new(BIO_s_mem());
	char *text;
	long length;

	own.client_key = EVP_EC_gen("P-256");
	own.client =
	    own_certificate(own.client_key, "client", "email:user@a.test", 99);
	MUST(PEM_write_bio_X509(pem, own.client) == 1);
	length = BIO_get_mem_data(pem, &text);
	own.client_pem = malloc((size_t)length);
	MUST(own.client_pem != NULL);
	memcpy(own.client_pem, text, (size_t)length);
	own.proof.authorities.text = own.client_pem;
	own.proof.authorities.length = (size_t)length;
	keys->authorities = chain;
	keys->authorities_length = pop3d_tls.authorities_chain(
	    own.client_pem, (size_t)length, chain, sizeof(chain));
	MUST(keys->authorities_length > 0);
	BIO_free(pem);
}

/* The newest key for tickets, one that only opens, and one that is too old. */
static void
own_tickets(void)
{
	static const int64_t ages[] = {0, TICKETS_SEAL + 60, TICKETS_OPEN + 60};
	struct ticket_key *k;

	for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
		k = &own.held.tickets.key[own.held.tickets.count++];
		k->made = tickets_now() - ages[i];
		memset(&k->key, 'a' + (int)i, sizeof(k->key));
	}
}

static void
own_init(void)
{
	static const RAND_METHOD chances = {
	    .bytes = own_bytes, .pseudorand = own_bytes, .status = own_status};

	own_seed(0);
	MUST(RAND_set_rand_method(&chances) == 1);
	own.held.keys.tls = &pop3d_tls;
	for (size_t i = 0; i < CERTIFICATES; i++)
		own.held.keys.key[own.held.keys.count++] = own_key(i);
	own_client();
	own_tickets();
}

/*
 * What a server signs in a handshake, read a second time: RFC 8446, 4.4.3, and
 * RFC 8422, 5.4 with 5.4.1, for whoever would rather have spoken 1.3 (RFC 8446,
 * 4.1.3).
 */
static bool
reading_13(uint32_t scheme, const uint8_t *octets, size_t length)
{
	char want[99];

	(void)snprintf(want, sizeof(want), "%64s%s", "",
	    "TLS 1.3, server CertificateVerify");
	if (scheme >> 8 >= 4 && scheme >> 8 <= 6 && (scheme & 0xff) == 1)
		return false;
	return (length == 98 + 256 / 8 || length == 98 + 384 / 8) &&
	    memcmp(octets, want, 98) == 0;
}

static bool
reading_12(const uint8_t *octets, size_t length)
{
	struct script in = {octets, length};
	uint64_t group, point, form;

	if (length < 64)
		return false;
	in.p += 64;
	in.left -= 64;
	if (memcmp(octets + 56, "\x44\x4F\x57\x4E\x47\x52\x44\x01", 8) != 0 ||
	    in.left < 5 || take(&in, 1) != 3) /* named_curve */
		return false;
	group = take(&in, 1) << 8;
	group |= take(&in, 1);
	point = take(&in, 1);
	if (point != in.left)
		return false;
	form = in.p[0];
	switch (group) {
	case 0x0017:
		return form == 4 && point == 1 + 2 * 32;
	case 0x0018:
		return form == 4 && point == 1 + 2 * 48;
	case 0x0019:
		return form == 4 && point == 1 + 2 * 66;
	case 0x001d:
		return point == 32;
	default:
		return false;
	}
}

/* Is this scheme one for this certificate's key?  1.2 asks for no curve. */
static bool
reading_scheme(uint32_t certificate, uint32_t scheme)
{
	static const uint32_t rsa[] = {
	    0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806};

	if (certificate >= CERTIFICATES)
		return false;
	if (certificates[certificate].curve != NULL)
		return scheme == 0x0403 || scheme == 0x0503 || scheme == 0x0603;
	for (size_t i = 0; i < ARRAY_SIZE(rsa); i++) {
		if (rsa[i] == scheme)
			return true;
	}
	return false;
}

static bool
reading_signs(const struct ch_sign *s)
{
	return reading_scheme(s->certificate, s->scheme) &&
	    (reading_13(s->scheme, s->octets, s->length) ||
		reading_12(s->octets, s->length));
}

/* Is it what this key signs by this scheme? */
static bool
signature_holds(const struct ch_sign *s, const struct ch_octets *answer)
{
	static const char *const hashes[] = {"SHA256", "SHA384", "SHA512"};
	bool pss = s->scheme >> 8 == 8;
	const char *hash =
	    hashes[pss ? (s->scheme & 0xff) - 4 : (s->scheme >> 8) - 4];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	bool holds;

	MUST(EVP_DigestVerifyInit_ex(context, &how, hash, NULL, NULL,
		 own.key[s->certificate], NULL) == 1);
	MUST(!pss ||
	    (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) ==
		    1));
	holds = EVP_DigestVerify(context, answer->octets, answer->length,
		    s->octets, s->length) == 1;
	EVP_MD_CTX_free(context);
	return holds;
}

#endif
