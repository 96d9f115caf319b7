/*
 * apop.c - APOP (RFC 1939, 7).
 */

#include <string.h>

#include "sasl.h"

int
apop_verify(
    const char *secret, const char *stamp, const uint8_t digest[CRYPTO_MD5])
{
	const struct crypto *crypto = crypto_load();
	char text[STAMP_SIZE + CHANNEL_SECRET];
	uint8_t want[CRYPTO_MD5];
	int result = -1;

	text_cut(text, sizeof(text), "%s%s", stamp, secret);
	if (crypto != NULL &&
	    crypto->digest(CRYPTO_HASH_MD5, text, strlen(text), want) == 0)
		result = octets_equal(want, digest, CRYPTO_MD5);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(want, sizeof(want));
	return result;
}

void
apop_decide(const struct config *config, const struct verifier_facts *facts,
    const struct ch_digest *request, struct ch_account *account)
{
	struct proof proof;
	int right;

	proof_find(config, request->name, &proof);
	right = apop_verify(proof.entry.secret, facts->stamp, request->digest);
	/* An empty one is none: everybody knows what proves it. */
	proof.missing = proof.entry.secret[0] == '\0';
	proof_decide(config, facts, &proof, right, account);
	explicit_bzero(&proof, sizeof(proof));
}
