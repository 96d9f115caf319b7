/*
 * crypto.c - the module that OpenSSL is linked into (crypto.h).
 *
 * A process that has closed itself in must find everything here: the
 * configuration is not read, no handler runs at exit, no texts of errors are
 * loaded, and the first digest, which crypto_load() asks for, fetches the
 * algorithm for good.  What only the verifier uses is fetched at each call.
 */

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto.h"

#define CRYPTO_QUIET \
	(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT | \
	    OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS)

extern const struct crypto pop3d_crypto;

static EVP_MD_CTX *
crypto_context(void)
{
	static EVP_MD_CTX *kept; /* the process's; digests run one at a time */
	EVP_MD_CTX *context;
	EVP_MD *md;

	if (kept != NULL)
		return kept;
	if (OPENSSL_init_crypto(CRYPTO_QUIET, NULL) != 1)
		return NULL;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	context = EVP_MD_CTX_new();
	if (md != NULL && context != NULL &&
	    EVP_DigestInit_ex2(context, md, NULL) == 1)
		kept = context;
	else
		EVP_MD_CTX_free(context);
	EVP_MD_free(md); /* the context holds it */
	return kept;
}

static int
crypto_sha256(const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256])
{
	EVP_MD_CTX *context = crypto_context();

	/* No method named: the one that the context has is begun again. */
	if (context == NULL || EVP_DigestInit_ex2(context, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(context, octets, length) != 1 ||
	    EVP_DigestFinal_ex(context, digest, NULL) != 1)
		return -1;
	return 0;
}

/* The caller frees it; NULL when the library does not have it. */
static EVP_MD *
crypto_method(enum crypto_hash hash)
{
	static const char *const names[] = {
	    [CRYPTO_HASH_MD5] = "MD5",
	    [CRYPTO_HASH_SHA1] = "SHA1",
	    [CRYPTO_HASH_SHA256] = "SHA256",
	};

	if (OPENSSL_init_crypto(CRYPTO_QUIET, NULL) != 1)
		return NULL;
	return EVP_MD_fetch(NULL, names[hash], NULL);
}

static int
crypto_digest(
    enum crypto_hash hash, const void *octets, size_t length, uint8_t *digest)
{
	EVP_MD *md = crypto_method(hash);
	int done;

	if (md == NULL)
		return -1;
	done = EVP_Digest(octets, length, digest, NULL, md, NULL);
	EVP_MD_free(md);
	return done == 1 ? 0 : -1;
}

static int
crypto_hmac(enum crypto_hash hash, const void *key, size_t key_length,
    const void *octets, size_t length, uint8_t *mac)
{
	EVP_MD *md;
	int done;

	if (key_length > INT_MAX)
		return -1;
	md = crypto_method(hash);
	if (md == NULL)
		return -1;
	/* A key of NULL would mean the last one. */
	done = HMAC(md, key_length == 0 ? "" : key, (int)key_length, octets,
		   length, mac, NULL) != NULL;
	EVP_MD_free(md);
	return done ? 0 : -1;
}

static int
crypto_pbkdf2(enum crypto_hash hash, const char *secret, const uint8_t *salt,
    size_t salt_length, uint32_t iterations, uint8_t *key)
{
	size_t length = strlen(secret);
	EVP_MD *md;
	int done;

	if (length > INT_MAX || salt_length > INT_MAX || iterations == 0 ||
	    iterations > INT_MAX)
		return -1;
	md = crypto_method(hash);
	if (md == NULL)
		return -1;
	done = PKCS5_PBKDF2_HMAC(secret, (int)length, salt, (int)salt_length,
	    (int)iterations, md, EVP_MD_get_size(md), key);
	EVP_MD_free(md);
	return done == 1 ? 0 : -1;
}

const struct crypto pop3d_crypto = {
    .sha256 = crypto_sha256,
    .digest = crypto_digest,
    .hmac = crypto_hmac,
    .pbkdf2 = crypto_pbkdf2,
};
