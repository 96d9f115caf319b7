/*
 * crypto_test.c - the module's functions, by the test vectors of the standards
 * that they are named after.
 */

#include <string.h>

#include "base.h"
#include "crypto.h"
#include "tap.h"

static const struct crypto *crypto;

/* Is it these hexadecimal digits? */
static bool
octets_are(const uint8_t *octets, size_t length, const char *want)
{
	char hex[2 * CRYPTO_DIGEST_MAX + 1];
	size_t i;

	for (i = 0; i < length; i++)
		text_cut(hex + 2 * i, 3, "%02x", octets[i]);
	if (strcmp(hex, want) == 0)
		return true;
	tap_note("got %s", hex);
	return false;
}

static void
test_digest(void)
{
	uint8_t got[CRYPTO_DIGEST_MAX];

	ok(crypto->digest(CRYPTO_HASH_MD5, "abc", 3, got) == 0 &&
		octets_are(got, CRYPTO_MD5, "900150983cd24fb0d6963f7d28e17f72"),
	    "MD5 (RFC 1321, A.5)");
	ok(crypto->digest(CRYPTO_HASH_MD5, "", 0, got) == 0 &&
		octets_are(got, CRYPTO_MD5, "d41d8cd98f00b204e9800998ecf8427e"),
	    "MD5 of nothing");
	ok(crypto->digest(CRYPTO_HASH_SHA1, "abc", 3, got) == 0 &&
		octets_are(got, CRYPTO_SHA1,
		    "a9993e364706816aba3e25717850c26c9cd0d89d"),
	    "SHA-1 (FIPS 180)");
	ok(crypto->digest(CRYPTO_HASH_SHA256, "abc", 3, got) == 0 &&
		octets_are(got, CRYPTO_SHA256,
		    "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad"),
	    "SHA-256 (FIPS 180)");
}

static void
test_hmac(void)
{
	uint8_t got[CRYPTO_DIGEST_MAX];

	ok(crypto->hmac(CRYPTO_HASH_MD5, "Jefe", 4,
	       "what do ya want for nothing?", 28, got) == 0 &&
		octets_are(got, CRYPTO_MD5, "750c783e6ab0b503eaa86e310a5db738"),
	    "HMAC-MD5 (RFC 2202, 2)");
	ok(crypto->hmac(CRYPTO_HASH_SHA1, "Jefe", 4,
	       "what do ya want for nothing?", 28, got) == 0 &&
		octets_are(got, CRYPTO_SHA1,
		    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
	    "HMAC-SHA-1 (RFC 2202, 3)");
	ok(crypto->hmac(CRYPTO_HASH_SHA256, "Jefe", 4,
	       "what do ya want for nothing?", 28, got) == 0 &&
		octets_are(got, CRYPTO_SHA256,
		    "5bdcc146bf60754e6a042426089575c7"
		    "5a003f089d2739839dec58b964ec3843"),
	    "HMAC-SHA-256 (RFC 4231, 4.3)");
	ok(crypto->hmac(CRYPTO_HASH_SHA256, NULL, 0, "", 0, got) == 0 &&
		octets_are(got, CRYPTO_SHA256,
		    "b613679a0814d9ec772f95d778c35fc5"
		    "ff1697c493715653c6c712144292c5ad"),
	    "a key of no octets is one");
}

static void
test_pbkdf2(void)
{
	static const uint8_t salt[] = "saltSALTsaltSALTsaltSALTsaltSALTsalt";
	uint8_t got[CRYPTO_DIGEST_MAX];

	ok(crypto->pbkdf2(CRYPTO_HASH_SHA1, "password", salt, 4, 1, got) == 0 &&
		octets_are(got, CRYPTO_SHA1,
		    "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
	    "PBKDF2, SHA-1, 1 iteration (RFC 6070)");
	ok(crypto->pbkdf2(CRYPTO_HASH_SHA1, "password", salt, 4, 4096, got) ==
		    0 &&
		octets_are(got, CRYPTO_SHA1,
		    "4b007901b765489abead49d926f721d065a429c1"),
	    "4096 (RFC 6070)");
	ok(crypto->pbkdf2(CRYPTO_HASH_SHA256, "password", salt, 4, 4096, got) ==
		    0 &&
		octets_are(got, CRYPTO_SHA256,
		    "c5e478d59288c841aa530db6845c4c8d"
		    "962893a001ce4e11a4963873aa98134a"),
	    "with SHA-256");
	ok(crypto->pbkdf2(CRYPTO_HASH_SHA1, "password", salt, 4, 0, got) == -1,
	    "no iterations at all");
}

static void
test_equal(void)
{
	ok(octets_equal("secret", "secret", 6), "equal octets");
	ok(!octets_equal("secret", "Secret", 6) &&
		!octets_equal("secret", "secreT", 6),
	    "the first or last differs");
	ok(octets_equal("secret", "secreT", 5), "so many, no more");
	ok(octets_equal("a", "b", 0), "none");
}

int
main(void)
{
	crypto = crypto_load();
	if (crypto == NULL)
		fatalx("no module");
	test_digest();
	test_hmac();
	test_pbkdf2();
	test_equal();
	return tap_end();
}
