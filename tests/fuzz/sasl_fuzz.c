/*
 * sasl_fuzz.c - any octets as what a client sends in an exchange, straight
 * into the verifier's functions.
 *
 * The first octet is the mechanism; then a response a line.  At the end of one
 * "!" stands for what proves the secret of what came before it, so that there
 * is something behind the proof.  Nobody is let in but with that, or the right
 * password, in a message that a second, simple reading finds in order.
 * Hashes are not the real ones here, and there is one user: user, pencil.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/method.h"
#include "auth/sasl.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define USER "user"
#define SECRET "pencil"
#define NONCE "<1.2@x>"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the mechanisms call: a library and a database that are fast */

static const size_t sizes[] = {CRYPTO_MD5, CRYPTO_SHA1, CRYPTO_SHA256};

static void
mix(uint64_t *sum, const void *octets, size_t length)
{
	const uint8_t *at = octets;

	for (; length > 0; length--)
		*sum = (*sum ^ *at++) * 0x100000001b3U;
	*sum = (*sum ^ 0x100) * 0x100000001b3U;
}

static int
fuzz_hmac(enum crypto_hash hash, const void *key, size_t key_length,
    const void *octets, size_t length, uint8_t *mac)
{
	uint64_t sum = 0xcbf29ce484222325U + hash;
	size_t i;

	mix(&sum, key, key_length);
	mix(&sum, octets, length);
	for (i = 0; i < sizes[hash]; i++) {
		mac[i] = (uint8_t)(sum >> 56);
		mix(&sum, &i, 1);
	}
	return 0;
}

static int
fuzz_digest(
    enum crypto_hash hash, const void *octets, size_t length, uint8_t *digest)
{
	return fuzz_hmac(hash, "", 0, octets, length, digest);
}

const struct crypto *
crypto_load(void)
{
	static const struct crypto crypto = {
	    .digest = fuzz_digest, .hmac = fuzz_hmac};

	return &crypto;
}

static const enum crypto_hash hashes[] = {CRYPTO_HASH_SHA1, CRYPTO_HASH_SHA256};

int
mailauth_pretend(
    const char *file, const char *name, struct mailauth_entry *entry)
{
	uint8_t client[CRYPTO_DIGEST_MAX];
	size_t i;

	(void)file;
	memset(entry, 0, sizeof(*entry));
	text_cut(entry->name, sizeof(entry->name), "%s", name);
	for (i = 0; i < MAILAUTH_HASHES; i++) {
		entry->keys[i].iterations = 4096;
		entry->keys[i].salt_length = 16;
		fuzz_hmac(hashes[i], SECRET, 6, "client", 6, client);
		fuzz_digest(
		    hashes[i], client, sizes[hashes[i]], entry->keys[i].stored);
	}
	return 0;
}

int
mailauth_find(const char *file, const char *name, struct mailauth_entry *entry)
{
	MUST(name[0] != '\0');
	MUST(mailauth_pretend(file, name, entry) == 0);
	if (strcmp(name, USER) != 0)
		return 0;
	text_cut(entry->secret, sizeof(entry->secret), SECRET);
	return 1;
}

const char *
mailauth_trouble(int error)
{
	return strerror(error);
}

static void
let_in(const char *name, struct ch_account *account)
{
	memset(account, 0, sizeof(*account));
	account->code = CODE_OK;
	text_cut(account->name, sizeof(account->name), "%s", name);
}

void
auth_password(const struct config *config, const struct verifier_facts *facts,
    const char *name, const char *secret, struct ch_account *account)
{
	(void)config;
	(void)facts;
	MUST(strlen(name) < CHANNEL_NAME && strlen(secret) < CHANNEL_SECRET);
	if (strcmp(name, USER) == 0 && strcmp(secret, SECRET) == 0)
		let_in(name, account);
	else
		account_deny(account, CODE_AUTH, "no");
}

void
auth_proved(const struct config *config, const struct verifier_facts *facts,
    const char *method, const char *name, struct ch_account *account)
{
	(void)config;
	(void)facts;
	MUST(strcmp(name, USER) == 0);
	let_in(name, account);
}

/* A second reading */

static bool
character_plain(uint32_t c)
{
	return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c <= 0x10ffff &&
	    !(c >= 0xd800 && c <= 0xdfff);
}

/* UTF-8 of a character, as RFC 3629 has it; its length. */
static size_t
character_write(uint32_t c, char utf8[5])
{
	if (c < 0x80)
		return (size_t)snprintf(utf8, 5, "%c", (int)c);
	if (c < 0x800)
		return (size_t)snprintf(utf8, 5, "%c%c", (int)(0xc0 | c >> 6),
		    (int)(0x80 | (c & 63)));
	if (c < 0x10000)
		return (size_t)snprintf(utf8, 5, "%c%c%c",
		    (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)),
		    (int)(0x80 | (c & 63)));
	return (size_t)snprintf(utf8, 5, "%c%c%c%c", (int)(0xf0 | c >> 18),
	    (int)(0x80 | (c >> 12 & 63)), (int)(0x80 | (c >> 6 & 63)),
	    (int)(0x80 | (c & 63)));
}

/* What is left of the first octet, then the others; and is it that again? */
static bool
text_prepared(const char *text)
{
	char again[5];
	uint32_t c, lead;
	size_t length, i;

	for (; *text != '\0'; text += length) {
		lead = (uint8_t)*text;
		length = lead < 0x80 ? 1 :
		    lead < 0xe0      ? 2 :
		    lead < 0xf0      ? 3 :
				       4;
		c = length == 1 ? lead : lead & (0x7fU >> length);
		for (i = 1; i < length; i++) {
			if (text[i] == '\0')
				return false;
			c = c << 6 | ((uint8_t)text[i] & 63);
		}
		if (!character_plain(c) ||
		    character_write(c, again) != length ||
		    memcmp(again, text, length) != 0)
			return false;
	}
	return true;
}

/* An exchange */

static struct {
	struct sasl sasl;
	struct ch_stepped challenge;
	struct ch_account account;
	struct ch_step step;
	char first[CHANNEL_STEP + 1]; /* client-first-message */
	char final[CHANNEL_STEP + 64];
	bool proved; /* what "!" stood for was sent */
} run;

/* n,a=...,n=user,r=...: where its client-first-message-bare begins. */
static const char *
bare_of(const char *first)
{
	const char *comma = strchr(first, ',');

	comma = comma == NULL ? NULL : strchr(comma + 1, ',');
	return comma == NULL ? "" : comma + 1;
}

/* The proof in place of "!", at the end of a response of length octets. */
static size_t
prove(char *text, size_t length)
{
	enum crypto_hash hash = run.sasl.mechanism == MECHANISM_SCRAM_SHA_1 ||
		run.sasl.mechanism == MECHANISM_SCRAM_SHA_1_PLUS ?
	    CRYPTO_HASH_SHA1 :
	    CRYPTO_HASH_SHA256;
	uint8_t client[CRYPTO_DIGEST_MAX], stored[CRYPTO_DIGEST_MAX],
	    signature[CRYPTO_DIGEST_MAX];
	static char all[3 * CHANNEL_STEP];
	size_t i;

	text[--length] = '\0';
	run.proved = true;
	if (run.sasl.mechanism == MECHANISM_CRAM_MD5) {
		fuzz_hmac(
		    CRYPTO_HASH_MD5, SECRET, 6, NONCE, strlen(NONCE), client);
		for (i = 0; i < CRYPTO_MD5; i++)
			length += (size_t)snprintf(
			    text + length, 3, "%02x", client[i]);
		return length;
	}
	if (length < 3 || memcmp(text + length - 3, ",p=", 3) != 0)
		return length;
	(void)snprintf(all, sizeof(all), "%s,%s,%.*s", bare_of(run.first),
	    run.sasl.scram.challenge, (int)length - 3, text);
	fuzz_hmac(hash, SECRET, 6, "client", 6, client);
	fuzz_digest(hash, client, sizes[hash], stored);
	fuzz_hmac(hash, stored, sizes[hash], all, strlen(all), signature);
	for (i = 0; i < sizes[hash]; i++)
		client[i] ^= signature[i];
	MUST(base64_encode(text + length, 64, client, sizes[hash]) == 0);
	return strlen(text);
}

/* The channel of TLS that there is. */
static const struct ch_binding bindings[BINDINGS] = {
    [BINDING_EXPORTER] = {.length = 32, .octets = "an exporter's octets, 32"}};

/* Somebody is in: by right? */
static void
judge_scram(void)
{
	char header[2 * CHANNEL_STEP], want[4 * CHANNEL_STEP];
	char input[2 * CHANNEL_STEP];
	const char *bare = bare_of(run.first), *nonce, *end, *flag = run.first;
	size_t length = (size_t)(bare - run.first);

	MUST(run.proved);
	memcpy(input, run.first, length);
	if (run.sasl.scram.plus) {
		MUST(strncmp(flag, "p=tls-exporter", 14) == 0);
		flag += 14;
		memcpy(input + length, bindings[BINDING_EXPORTER].octets, 32);
		length += 32;
	} else {
		MUST(*flag == 'n' ||
		    (*flag == 'y' && run.sasl.scram.bindings == NULL));
		flag++;
	}
	MUST(strncmp(flag, ",,", 2) == 0 || strncmp(flag, ",a=user,", 8) == 0);
	MUST(strncmp(bare, "n=user,r=", 9) == 0);
	nonce = bare + 9;
	end = strchr(nonce, ',');
	MUST(strstr(run.first, ",m=") == NULL &&
	    strstr(run.final, ",m=") == NULL);
	MUST(base64_encode(header, sizeof(header), input, length) == 0);
	(void)snprintf(want, sizeof(want), "c=%s,r=%.*s%s,", header,
	    end == NULL ? (int)strlen(nonce) : (int)(end - nonce), nonce,
	    NONCE);
	MUST(strncmp(run.final, want, strlen(want)) == 0);
}

static void
judge(enum sasl_outcome outcome)
{
	uint32_t mechanism = run.sasl.mechanism;

	if (outcome == SASL_CHALLENGE) {
		MUST(run.challenge.length <= CHANNEL_STEP &&
		    run.challenge.done == 0);
		MUST(memchr(run.challenge.octets, '\0', run.challenge.length) ==
		    NULL);
		return;
	}
	MUST(run.account.code == CODE_OK || run.account.code == CODE_AUTH ||
	    run.account.code == CODE_BINDING);
	MUST(memchr(run.account.name, '\0', CHANNEL_NAME) != NULL);
	if (run.account.code != CODE_OK)
		return;
	MUST(strcmp(run.account.name, USER) == 0);
	if (mechanism == MECHANISM_CRAM_MD5)
		MUST(run.proved);
	else if (mechanism != MECHANISM_PLAIN && mechanism != MECHANISM_LOGIN)
		judge_scram();
	else if (mechanism == MECHANISM_PLAIN)
		MUST(run.step.length == 12 || run.step.length == 16);
}

/* One response; false when the exchange is over. */
static bool
play(const uint8_t *data, size_t length, unsigned number)
{
	enum sasl_outcome outcome;
	char *text = (char *)run.step.octets;

	memset(&run.step, 0, sizeof(run.step));
	if (length > CHANNEL_STEP - 64)
		length = CHANNEL_STEP - 64;
	memcpy(text, data, length);
	/* Nothing at first: the mechanism was named only. */
	run.step.given = number > 0 || length > 0;
	if (length > 0 && text[length - 1] == '!')
		length = prove(text, length);
	run.step.length = (uint32_t)length;
	if (run.sasl.scram.challenge[0] == '\0')
		memcpy(run.first, text, sizeof(run.step.octets));
	else if (length > 0)
		memcpy(run.final, text, sizeof(run.step.octets));
	MUST(sasl_prepared(text) == text_prepared(text));
	memset(&run.challenge, 0xa5, sizeof(run.challenge));
	memset(&run.account, 0xa5, sizeof(run.account));
	outcome = sasl_step(&run.sasl, &run.step, &run.challenge, &run.account);
	judge(outcome);
	return outcome == SASL_CHALLENGE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char none[] = "";
	static struct config config = {
	    .mailauth_file = none, .passwd_file = none, .default_domain = none};
	static const struct verifier_facts clear = {.peer = "", .method = ""},
					   tls = {.peer = "",
					       .method = "",
					       .bindings = bindings};
	const uint8_t *end, *line = data + 1;
	unsigned number;

	if (size == 0)
		return 0;
	memset(&run, 0, sizeof(run));
	sasl_begin(&run.sasl, &config, data[0] < 128 ? &clear : &tls,
	    data[0] % 128 % (MECHANISM_LIMIT + 1), NONCE);
	for (number = 0; line <= data + size; number++) {
		end = memchr(line, '\n', (size_t)(data + size - line));
		if (end == NULL)
			end = data + size;
		MUST(number <= SASL_STEPS);
		if (!play(line, (size_t)(end - line), number))
			break;
		line = end + 1;
	}
	return 0;
}
