/*
 * crypto.h - the door to OpenSSL, which is linked into one module of ours,
 * loaded on first need: a session that needs none of it pays nothing.
 *
 * The module is pop3d-crypto.so, beside the program or in ../lib/pop3d.
 */

#ifndef CRYPTO_H
#define CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256 32

struct crypto {
	/* SHA-256 (FIPS 180-4) of length octets; 0, or -1 when the library
	 * fails. */
	int (*sha256)(
	    const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256]);
};

/*
 * Load the module, or return the one loaded before.  NULL with errno ENOENT
 * when it is not to be had.  Must come before a process closes itself in.
 */
const struct crypto *crypto_load(void);

#endif
