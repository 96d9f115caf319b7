/*
 * sasl_scram.c - SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), with
 * -PLUS, the server's side.
 *
 * A wrong proof ends the exchange without a server-final-message, which RFC
 * 5802, 7 leaves to the server.
 */

#include <string.h>

#include "sasl.h"

#define SCRAM_AUTH (SCRAM_FIRST + SCRAM_CHALLENGE + CHANNEL_STEP + 3)

static const struct {
	enum crypto_hash hash;
	size_t size;
} hashes[MAILAUTH_HASHES] = {
    [MAILAUTH_SHA1] = {CRYPTO_HASH_SHA1, CRYPTO_SHA1},
    [MAILAUTH_SHA256] = {CRYPTO_HASH_SHA256, CRYPTO_SHA256},
};

/* saslname: "=2C" is a comma, "=3D" an equals sign, and there is no other. */
static int
name_parse(const char *text, size_t length, char name[CHANNEL_NAME])
{
	size_t i, n = 0;

	for (i = 0; i < length; i++) {
		if (n == CHANNEL_NAME - 1)
			return -1;
		if (text[i] != '=') {
			name[n++] = text[i];
			continue;
		}
		if (strncmp(text + i, "=2C", 3) == 0)
			name[n++] = ',';
		else if (strncmp(text + i, "=3D", 3) == 0)
			name[n++] = '=';
		else
			return -1;
		i += 2;
	}
	name[n] = '\0';
	return n == 0 ? -1 : 0;
}

/* Printable, without a comma, and at least one. */
static bool
nonce_plain(const char *nonce, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (nonce[i] < 0x21 || nonce[i] > 0x7e)
			return false;
	}
	return length > 0;
}

/*
 * Extensions, each ",x=value", in length octets: ignored, but for one that
 * must not be (m), or what is none.
 */
static bool
extensions_plain(const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		if (end - text < 4 || text[0] != ',' || text[1] == 'm' ||
		    strspn(text + 1,
			"abcdefghijklmnopqrstuvwxyz"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 1 ||
		    text[2] != '=' || text[3] == ',')
			return false;
		text += 3;
		text += strcspn(text, ",");
	}
	return true;
}

/* Is there something that a client could bind a login to? */
static bool
binding_offered(const struct scram *scram)
{
	size_t i;

	for (i = 0; scram->bindings != NULL && i < BINDINGS; i++) {
		if (scram->bindings[i].length > 0)
			return true;
	}
	return false;
}

/* "p=" of cb-name: which binding that is, or what is wrong with it. */
static const char *
binding_choose(struct scram *scram, const char *name, size_t length)
{
	static const char *const names[BINDINGS] = {
	    [BINDING_EXPORTER] = "tls-exporter",
	    [BINDING_END_POINT] = "tls-server-end-point",
	};
	size_t i;

	if (!scram->plus)
		return "channel-binding-not-supported: only -PLUS binds";
	if (length == strlen("tls-unique") &&
	    strncmp(name, "tls-unique", length) == 0)
		return "unsupported-channel-binding-type: tls-unique, which "
		       "TLS 1.3 has not: use tls-exporter";
	for (i = 0; i < BINDINGS; i++) {
		if (length != strlen(names[i]) ||
		    strncmp(name, names[i], length) != 0)
			continue;
		if (scram->bindings == NULL || scram->bindings[i].length == 0)
			return "unsupported-channel-binding-type: not of this "
			       "connection";
		scram->bound = &scram->bindings[i];
		return NULL;
	}
	return "unsupported-channel-binding-type: use tls-exporter, or "
	       "tls-server-end-point";
}

/*
 * gs2-cbind-flag: its end, or NULL.  RFC 5802, 6: a client that says "y" would
 * have bound its login, had it been told that it can: so somebody has kept that
 * from it.
 */
static const char *
flag_parse(struct scram *scram, const char *message)
{
	size_t length = 1;

	if (message[0] == 'p' && message[1] == '=') {
		length = 2 + strcspn(message + 2, ",");
		if (length > 2 && message[length] == ',')
			scram->error =
			    binding_choose(scram, message + 2, length - 2);
	} else if (message[0] != 'n' && message[0] != 'y') {
		return NULL;
	} else if (message[1] == ',' && scram->plus) {
		scram->error = "other-error: -PLUS, and no channel is bound";
	} else if (message[0] == 'y' && message[1] == ',' &&
	    binding_offered(scram)) {
		scram->error = "server-does-support-channel-binding: it was "
			       "offered, and the client has not seen it";
	}
	if (length == 2 || message[length] != ',' || scram->error != NULL)
		return NULL;
	return message + length + 1;
}

/* gs2-header: its end, or NULL. */
static const char *
header_parse(
    struct scram *scram, const char *message, char authzid[CHANNEL_NAME])
{
	const char *at = flag_parse(scram, message);
	size_t length;

	authzid[0] = '\0';
	if (at == NULL)
		return NULL;
	if (strncmp(at, "a=", 2) == 0) {
		at += 2;
		length = strcspn(at, ",");
		if (name_parse(at, length, authzid) == -1)
			return NULL;
		at += length;
	}
	return *at == ',' ? at + 1 : NULL;
}

int
scram_first(struct scram *scram, const char *message, char name[CHANNEL_NAME])
{
	const char *bare, *nonce, *more;
	char authzid[CHANNEL_NAME];
	size_t length;

	bare = header_parse(scram, message, authzid);
	if (bare == NULL || strncmp(bare, "n=", 2) != 0)
		return -1;
	length = strcspn(bare + 2, ",");
	if (name_parse(bare + 2, length, name) == -1)
		return -1;
	nonce = bare + 2 + length;
	if (strncmp(nonce, ",r=", 3) != 0)
		return -1;
	nonce += 3;
	length = strcspn(nonce, ",");
	more = nonce + length;
	if (!nonce_plain(nonce, length) ||
	    !extensions_plain(more, strlen(more)) ||
	    (authzid[0] != '\0' && strcmp(authzid, name) != 0))
		return -1;
	if (text_copy(scram->header, sizeof(scram->header), message,
		(size_t)(bare - message)) == -1 ||
	    text_copy(scram->bare, sizeof(scram->bare), bare, strlen(bare)) ==
		-1)
		return -1;
	return text_copy(scram->nonce, SCRAM_FIRST, nonce, length);
}

void
scram_challenge(
    struct scram *scram, const struct mailauth_keys *keys, const char *nonce)
{
	char salt[MAILAUTH_SALT * 4 / 3 + 4];
	size_t length = strlen(scram->nonce);

	text_cut(
	    scram->nonce + length, sizeof(scram->nonce) - length, "%s", nonce);
	if (base64_encode(salt, sizeof(salt), keys->salt, keys->salt_length) ==
	    -1)
		salt[0] = '\0';
	text_cut(scram->challenge, sizeof(scram->challenge), "r=%s,s=%s,i=%lu",
	    scram->nonce, salt, (unsigned long)keys->iterations);
}

/* Does text begin with name and value?  Its end, or NULL. */
static const char *
attribute_match(const char *text, const char *name, const char *value)
{
	if (strncmp(text, name, strlen(name)) != 0)
		return NULL;
	text += strlen(name);
	if (strncmp(text, value, strlen(value)) != 0)
		return NULL;
	text += strlen(value);
	return *text == ',' ? text : NULL;
}

/* cbind-input: gs2-header and the data of the channel; as text. */
static int
binding_text(const struct scram *scram, char *text, size_t size)
{
	char input[SCRAM_FIRST + CHANNEL_BINDING];
	size_t length = strlen(scram->header);

	memcpy(input, scram->header, length);
	if (scram->bound != NULL) {
		memcpy(
		    input + length, scram->bound->octets, scram->bound->length);
		length += scram->bound->length;
	}
	return base64_encode(text, size, input, length);
}

/*
 * client-final-message: where it has ",p=", and the proof that follows; NULL
 * for one that is none, or not of this exchange.
 */
static const char *
final_parse(
    struct scram *scram, const char *message, uint8_t proof[CRYPTO_DIGEST_MAX])
{
	char header[(SCRAM_FIRST + CHANNEL_BINDING) * 4 / 3 + 4];
	const char *end = strrchr(message, ','), *at;
	size_t got;

	if (end == NULL || strncmp(end, ",p=", 3) != 0 ||
	    base64_decode(proof, CRYPTO_DIGEST_MAX, end + 3, strlen(end + 3),
		&got) == -1 ||
	    got != hashes[scram->kind].size ||
	    binding_text(scram, header, sizeof(header)) == -1)
		return NULL;
	at = attribute_match(message, "c=", header);
	if (at == NULL && strncmp(message, "c=", 2) == 0)
		scram->error = "channel-bindings-dont-match: somebody may sit "
			       "between client and server";
	if (at != NULL)
		at = attribute_match(at, ",r=", scram->nonce);
	if (at == NULL || at > end || !extensions_plain(at, (size_t)(end - at)))
		return NULL;
	return end;
}

/* Is it the key's?  RFC 5802, 3: ClientKey = ClientProof XOR signature. */
static int
proof_verify(const struct crypto *crypto, enum mailauth_hash kind,
    const struct mailauth_keys *keys, const char *text,
    uint8_t proof[CRYPTO_DIGEST_MAX])
{
	uint8_t signature[CRYPTO_DIGEST_MAX], stored[CRYPTO_DIGEST_MAX];
	size_t size = hashes[kind].size, i;
	int result;

	if (crypto->hmac(hashes[kind].hash, keys->stored, size, text,
		strlen(text), signature) == -1)
		return -1;
	for (i = 0; i < size; i++)
		proof[i] ^= signature[i];
	if (crypto->digest(hashes[kind].hash, proof, size, stored) == -1)
		return -1;
	result = octets_equal(stored, keys->stored, size);
	explicit_bzero(signature, sizeof(signature));
	return result;
}

int
scram_final(struct scram *scram, const char *message,
    const struct mailauth_keys *keys, char final[SCRAM_FINAL])
{
	const struct crypto *crypto = crypto_load();
	uint8_t proof[CRYPTO_DIGEST_MAX], signature[CRYPTO_DIGEST_MAX];
	char text[SCRAM_AUTH];
	const char *end;
	int result;

	end = final_parse(scram, message, proof);
	if (end == NULL)
		return 0;
	text_cut(text, sizeof(text), "%s,%s,%.*s", scram->bare,
	    scram->challenge, (int)(end - message), message);
	if (crypto == NULL)
		return -1;
	result = proof_verify(crypto, scram->kind, keys, text, proof);
	/* Client's key: who has it can log in. */
	explicit_bzero(proof, sizeof(proof));
	if (result == -1 ||
	    crypto->hmac(hashes[scram->kind].hash, keys->server,
		hashes[scram->kind].size, text, strlen(text),
		signature) == -1 ||
	    base64_encode(final + 2, SCRAM_FINAL - 2, signature,
		hashes[scram->kind].size) == -1)
		return -1;
	memcpy(final, "v=", 2);
	return result;
}
