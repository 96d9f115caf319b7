/*
 * sasl_cram.c - CRAM-MD5 (RFC 2195).
 */

#include <string.h>

#include "sasl.h"

/* Exactly 32 hexadecimal digits; -1 for anything else. */
static int
digest_parse(const char *text, uint8_t digest[CRYPTO_MD5])
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	unsigned value;
	size_t i;

	if (strlen(text) != 2 * CRYPTO_MD5)
		return -1;
	memset(digest, 0, CRYPTO_MD5);
	for (i = 0; i < 2 * CRYPTO_MD5; i++) {
		digit = strchr(digits, text[i]);
		if (digit == NULL)
			return -1;
		value = (unsigned)(digit - digits);
		digest[i / 2] = (uint8_t)((unsigned)digest[i / 2] << 4 | value);
	}
	return 0;
}

int
cram_parse(
    const char *response, char name[CHANNEL_NAME], uint8_t digest[CRYPTO_MD5])
{
	/* A name may have blanks in it; the digest has none. */
	const char *blank = strrchr(response, ' ');

	if (blank == NULL || blank == response ||
	    text_copy(
		name, CHANNEL_NAME, response, (size_t)(blank - response)) == -1)
		return -1;
	return digest_parse(blank + 1, digest);
}

int
cram_verify(
    const char *secret, const char *challenge, const uint8_t digest[CRYPTO_MD5])
{
	const struct crypto *crypto = crypto_load();
	uint8_t want[CRYPTO_MD5];
	int result;

	if (crypto == NULL ||
	    crypto->hmac(CRYPTO_HASH_MD5, secret, strlen(secret), challenge,
		strlen(challenge), want) == -1)
		return -1;
	result = octets_equal(want, digest, CRYPTO_MD5);
	explicit_bzero(want, sizeof(want));
	return result;
}
