/*
 * crypto.c - the module that OpenSSL is linked into (crypto.h).
 *
 * A process that has closed itself in must find everything here: the
 * configuration is not read, no handler runs at exit, no texts of errors are
 * loaded, and the first digest, which crypto_load() asks for, fetches the
 * algorithm for good.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>

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

const struct crypto pop3d_crypto = {
    .sha256 = crypto_sha256,
};
