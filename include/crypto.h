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

#define CRYPTO_MD5 16
#define CRYPTO_SHA1 20
#define CRYPTO_SHA256 32
#define CRYPTO_DIGEST_MAX 32 /* octets: the longest of them */

enum crypto_hash { CRYPTO_HASH_MD5, CRYPTO_HASH_SHA1, CRYPTO_HASH_SHA256 };

/*
 * Each: 0, or -1 when the library fails or does not have that hash (MD5 where
 * only what FIPS 140 approves is allowed).  What is longer than a C int
 * can say is an error, too.
 */
struct crypto {
	/* SHA-256 (FIPS 180-4) of length octets; 0, or -1 when the library
	 * fails. */
	int (*sha256)(
	    const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256]);

	/*
	 * MD5 (RFC 1321), SHA-1, SHA-256 (FIPS 180-4).  Unlike sha256, what
	 * these three need of the library is fetched when they are called: not
	 * for a process that has closed itself in.
	 */
	int (*digest)(enum crypto_hash hash, const void *octets, size_t length,
	    uint8_t *digest);

	/* HMAC (RFC 2104); mac is as long as the hash's digest. */
	int (*hmac)(enum crypto_hash hash, const void *key, size_t key_length,
	    const void *octets, size_t length, uint8_t *mac);

	/*
	 * PBKDF2 with HMAC (RFC 8018, 5.2), which is Hi() of RFC 5802, 2.2;
	 * key is as long as the hash's digest.
	 */
	int (*pbkdf2)(enum crypto_hash hash, const char *secret,
	    const uint8_t *salt, size_t salt_length, uint32_t iterations,
	    uint8_t *key);
};

/*
 * Load the module, or return the one loaded before.  NULL with errno ENOENT
 * when it is not to be had.  Must come before a process closes itself in.
 */
const struct crypto *crypto_load(void);

#endif
