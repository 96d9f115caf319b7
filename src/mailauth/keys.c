/*
 * keys.c - what SCRAM keeps of a secret (RFC 5802, 3): neither the secret nor
 * anything that stands for it at another server.
 */

#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "database.h"

#define SALT_MADE 16 /* octets */

static const struct {
	enum crypto_hash hash;
	size_t size; /* octets of a key */
} kinds[MAILAUTH_HASHES] = {
    [MAILAUTH_SHA1] = {CRYPTO_HASH_SHA1, CRYPTO_SHA1},
    [MAILAUTH_SHA256] = {CRYPTO_HASH_SHA256, CRYPTO_SHA256},
};

size_t
keys_size(enum mailauth_hash hash)
{
	return kinds[hash].size;
}

/* The next of some texts between commas, and its length. */
static const char *
part_next(const char **text, const char *end, size_t *length)
{
	const char *part = *text, *comma;

	comma = memchr(part, ',', (size_t)(end - part));
	*length = (size_t)((comma == NULL ? end : comma) - part);
	*text = comma == NULL ? end : comma + 1;
	return part;
}

int
keys_read(struct mailauth_keys *keys, enum mailauth_hash hash, const char *text,
    size_t length)
{
	const char *end = text + length, *part;
	size_t size = kinds[hash].size, got, salt;
	uint64_t iterations;

	memset(keys, 0, sizeof(*keys));
	part = part_next(&text, end, &got);
	if (number_get(part, got, 1, ITERATIONS_MOST, &iterations) == -1)
		goto bad;
	part = part_next(&text, end, &got);
	if (base64_decode(keys->salt, sizeof(keys->salt), part, got, &salt) ==
		-1 ||
	    salt == 0)
		goto bad;
	part = part_next(&text, end, &got);
	if (base64_decode(keys->stored, size, part, got, &got) == -1 ||
	    got != size)
		goto bad;
	if (base64_decode(
		keys->server, size, text, (size_t)(end - text), &got) == -1 ||
	    got != size)
		goto bad;
	keys->iterations = (uint32_t)iterations;
	keys->salt_length = (uint32_t)salt;
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}

/* StoredKey and, unless server is NULL, ServerKey of a secret. */
static int
keys_derive(const struct mailauth_keys *keys, enum mailauth_hash hash,
    const char *secret, uint8_t stored[MAILAUTH_KEY],
    uint8_t server[MAILAUTH_KEY])
{
	uint8_t salted[CRYPTO_DIGEST_MAX], client[CRYPTO_DIGEST_MAX];
	enum crypto_hash kind = kinds[hash].hash;
	size_t size = kinds[hash].size;
	const struct crypto *crypto;
	int rc = 0;

	crypto = crypto_load();
	if (crypto == NULL)
		return -1;
	if (crypto->pbkdf2(kind, secret, keys->salt, keys->salt_length,
		keys->iterations, salted) == -1 ||
	    crypto->hmac(kind, salted, size, "Client Key", 10, client) == -1 ||
	    crypto->digest(kind, client, size, stored) == -1 ||
	    (server != NULL &&
		crypto->hmac(kind, salted, size, "Server Key", 10, server) ==
		    -1)) {
		errno = EIO;
		rc = -1;
	}
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return rc;
}

int
keys_make(struct mailauth_keys *keys, enum mailauth_hash hash,
    const char *secret, uint32_t iterations)
{
	memset(keys, 0, sizeof(*keys));
	keys->iterations = iterations;
	keys->salt_length = SALT_MADE;
	platform_random(keys->salt, SALT_MADE);
	return keys_derive(keys, hash, secret, keys->stored, keys->server);
}

int
mailauth_verify(const struct mailauth_entry *entry, const char *secret)
{
	enum mailauth_hash hash = entry->password;
	uint8_t stored[MAILAUTH_KEY];
	bool right;

	if (entry->keys[hash].iterations == 0) {
		errno = EINVAL;
		return -1;
	}
	if (keys_derive(&entry->keys[hash], hash, secret, stored, NULL) == -1)
		return -1;
	right =
	    octets_equal(stored, entry->keys[hash].stored, kinds[hash].size);
	explicit_bzero(stored, sizeof(stored));
	return right ? 1 : 0;
}
