/*
 * sasl_world.h - what the tests of SASL share: responses as clients make them,
 * worked out here and not by what is tested.
 */

#ifndef SASL_WORLD_H
#define SASL_WORLD_H

#include "auth_world.h"

#include "auth/sasl.h"

static struct sasl sasl;
static struct ch_stepped challenge;

static const struct {
	enum crypto_hash hash;
	size_t size;
} scram_hashes[] = {[MAILAUTH_SHA1] = {CRYPTO_HASH_SHA1, CRYPTO_SHA1},
    [MAILAUTH_SHA256] = {CRYPTO_HASH_SHA256, CRYPTO_SHA256}};

UNUSED static const struct crypto *
crypto(void)
{
	const struct crypto *c = crypto_load();

	if (c == NULL)
		fatalx("pop3d-crypto.so is not there");
	return c;
}

/* SaltedPassword of RFC 5802, 3, and one of its keys. */
UNUSED static void
scram_key(enum mailauth_hash kind, const char *secret,
    const struct mailauth_keys *keys, const char *which, uint8_t *key)
{
	uint8_t salted[CRYPTO_DIGEST_MAX];

	if (crypto()->pbkdf2(scram_hashes[kind].hash, secret, keys->salt,
		keys->salt_length, keys->iterations, salted) == -1 ||
	    crypto()->hmac(scram_hashes[kind].hash, salted,
		scram_hashes[kind].size, which, strlen(which), key) == -1)
		fatalx("a key");
}

UNUSED static void
scram_keys(struct mailauth_keys *keys, enum mailauth_hash kind,
    const char *secret, const char *salt, uint32_t iterations)
{
	uint8_t client[CRYPTO_DIGEST_MAX];
	size_t got;

	memset(keys, 0, sizeof(*keys));
	if (base64_decode(
		keys->salt, sizeof(keys->salt), salt, strlen(salt), &got) == -1)
		fatalx("a salt");
	keys->salt_length = (uint32_t)got;
	keys->iterations = iterations;
	scram_key(kind, secret, keys, "Client Key", client);
	scram_key(kind, secret, keys, "Server Key", keys->server);
	if (crypto()->digest(scram_hashes[kind].hash, client,
		scram_hashes[kind].size, keys->stored) == -1)
		fatalx("a key");
}

/*
 * client-final-message: without is its part before the proof, bare and first
 * the messages before.
 */
UNUSED static void
scram_proof(char *dst, size_t size, enum mailauth_hash kind, const char *secret,
    const struct mailauth_keys *keys, const char *bare, const char *first,
    const char *without)
{
	uint8_t client[CRYPTO_DIGEST_MAX], stored[CRYPTO_DIGEST_MAX],
	    signature[CRYPTO_DIGEST_MAX];
	char text[20000], proof[64];
	size_t i;

	scram_key(kind, secret, keys, "Client Key", client);
	text_cut(text, sizeof(text), "%s,%s,%s", bare, first, without);
	if (crypto()->digest(scram_hashes[kind].hash, client,
		scram_hashes[kind].size, stored) == -1 ||
	    crypto()->hmac(scram_hashes[kind].hash, stored,
		scram_hashes[kind].size, text, strlen(text), signature) == -1)
		fatalx("a proof");
	for (i = 0; i < scram_hashes[kind].size; i++)
		client[i] ^= signature[i];
	if (base64_encode(
		proof, sizeof(proof), client, scram_hashes[kind].size) == -1)
		fatalx("a proof");
	text_cut(dst, size, "%s,p=%s", without, proof);
}

UNUSED static void
begin(uint32_t mechanism, const char *nonce)
{
	sasl_begin(&sasl, &world_config, &world_facts, mechanism, nonce);
}

/* A step of the exchange in sasl: its outcome. */
UNUSED static enum sasl_outcome
step_octets(const void *octets, size_t length, bool given)
{
	static struct ch_step step;

	memset(&step, 0, sizeof(step));
	step.given = given;
	step.length = (uint32_t)length;
	if (length > 0)
		memcpy(step.octets, octets, length);
	memset(&challenge, 0xa5, sizeof(challenge));
	memset(&world_account, 0xa5, sizeof(world_account));
	return sasl_step(&sasl, &step, &challenge, &world_account);
}

UNUSED static enum sasl_outcome
step(const char *text)
{
	return step_octets(text, text == NULL ? 0 : strlen(text), text != NULL);
}

/* Is that what was answered? */
UNUSED static bool
challenged(const char *text)
{
	return challenge.length == strlen(text) &&
	    memcmp(challenge.octets, text, strlen(text)) == 0;
}

/* It is over, with this code, and the log shall name this user. */
UNUSED static bool
ended(enum sasl_outcome outcome, uint32_t code, const char *name)
{
	if (outcome == SASL_DONE && world_account.code == code &&
	    strcmp(world_account.name, name) == 0)
		return true;
	tap_note("outcome %d, code %u, name '%s', reason '%s'", (int)outcome,
	    world_account.code, world_account.name, world_account.reason);
	return false;
}

#endif
