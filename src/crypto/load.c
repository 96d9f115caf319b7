/*
 * load.c - loading OpenSSL, on first need.
 */

#include <errno.h>
#include <string.h>

#include "base.h"
#include "crypto.h"

/*
 * Does it do what it must?  This first digest also makes the library fetch
 * what it needs, while files may still be opened.  FIPS 180-4's "abc".
 */
static bool
crypto_works(const struct crypto *crypto)
{
	static const uint8_t want[CRYPTO_SHA256] = {0xba, 0x78, 0x16, 0xbf,
	    0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
	    0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10,
	    0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	uint8_t got[CRYPTO_SHA256];

	return crypto->sha256("abc", 3, got) == 0 &&
	    memcmp(got, want, sizeof(want)) == 0;
}

const struct crypto *
crypto_load(void)
{
	static const struct crypto *loaded; /* the process's: never unloaded */
	const struct crypto *crypto;

	if (loaded != NULL)
		return loaded;
	crypto = platform_module("pop3d-crypto.so", "pop3d_crypto");
	if (crypto == NULL)
		return NULL;
	if (!crypto_works(crypto)) {
		errno = ENOENT;
		return NULL;
	}
	loaded = crypto;
	return loaded;
}
