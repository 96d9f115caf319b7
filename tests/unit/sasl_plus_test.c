/*
 * sasl_plus_test.c - SCRAM bound to a channel of TLS: examples that were worked
 * out by another program, every wrong binding, and every sign that somebody
 * sits between.
 */

#include <stdio.h>

#include "sasl_users.h"

#define ROOM 1000

static struct ch_binding bindings[BINDINGS];
static struct scram scram;
static struct mailauth_keys keys;

/* The exporter's are 0, 1, 2 ..., the certificate's 255, 254, 253 ... */
static void
bindings_make(uint32_t exporter, uint32_t end_point)
{
	size_t i;

	memset(bindings, 0, sizeof(bindings));
	bindings[BINDING_EXPORTER].length = exporter;
	bindings[BINDING_END_POINT].length = end_point;
	for (i = 0; i < CHANNEL_BINDING; i++) {
		bindings[BINDING_EXPORTER].octets[i] = (uint8_t)i;
		bindings[BINDING_END_POINT].octets[i] = (uint8_t)(255 - i);
	}
}

/* By Python's hashlib and hmac. */
static const struct vector {
	const char *what;
	enum mailauth_hash kind;
	const char *salt, *nonce, *first, *challenge, *final, *answer;
} vectors[] = {
    /* clang-format off */
	{ "SHA-256, tls-exporter", MAILAUTH_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	    "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	    ",r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M=",
	    "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs=" },
	{ "SHA-1, tls-server-end-point", MAILAUTH_SHA1, "QSXCR+Q6sek8bf92",
	    "3rfcNHYJY1ZVvWVs7j",
	    "p=tls-server-end-point,a=user,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "s=QSXCR+Q6sek8bf92,i=4096",
	    "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCxhPXVzZXIs//79/Pv6+fj39vX08/Lx8O/u"
	    "7ezr6uno5+bl5OPi4eDf3t3c29rZ2NfW1dTT0tHQ,"
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "p=1ZDnP9LrKmYQ6K9oV/3pe2I+6n4=",
	    "v=hmzV9+vGZq7H+sRNuuxNLjRbUIA=" },
    /* clang-format on */
};

static int
first(enum mailauth_hash kind, bool plus, const char *message)
{
	char name[CHANNEL_NAME];

	memset(&scram, 0, sizeof(scram));
	scram.kind = kind;
	scram.plus = plus;
	scram.bindings = bindings;
	return scram_first(&scram, message, name);
}

static bool
vector_begin(const struct vector *v)
{
	scram_keys(&keys, v->kind, "pencil", v->salt, 4096);
	if (first(v->kind, true, v->first) == -1)
		return false;
	scram_challenge(&scram, &keys, v->nonce);
	return strcmp(scram.challenge, v->challenge) == 0;
}

static void
test_vectors(void)
{
	char final[SCRAM_FINAL];
	const struct vector *v;
	struct ch_binding *b;
	size_t i, k, bad;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		v = &vectors[i];
		bindings_make(32, 48);
		ok(vector_begin(v), "%s: server-first-message", v->what);
		ok(scram_final(&scram, v->final, &keys, final) == 1 &&
			strcmp(final, v->answer) == 0 && scram.error == NULL,
		    "server-final-message");
		/* The channel is another one, by a bit. */
		b = &bindings[i == 0 ? BINDING_EXPORTER : BINDING_END_POINT];
		for (k = 0, bad = 0; k < b->length; k++) {
			b->octets[k] ^= 1;
			bad += scram_final(&scram, v->final, &keys, final) != 0;
			bad += scram.error == NULL;
			b->octets[k] ^= 1;
			scram.error = NULL;
		}
		ok(bad == 0, "of no channel that is different by a bit");
		b->length--;
		ok(scram_final(&scram, v->final, &keys, final) == 0 &&
			scram.error != NULL,
		    "or shorter");
	}
}

/* What a client says first; the error that begins so, NULL: none. */
static const struct {
	bool plus;
	uint32_t exporter, end_point; /* octets that there are */
	const char *header, *error;
} firsts[] = {
    /* clang-format off */
	{ true, 32, 48, "p=tls-exporter,,", NULL },
	{ true, 32, 0, "p=tls-exporter,a=user,", NULL },
	{ true, 32, 48, "p=tls-server-end-point,,", NULL },
	{ true, 0, 48, "p=tls-server-end-point,,", NULL },
	{ true, 0, 48, "p=tls-exporter,,",
	    "unsupported-channel-binding-type: not of this connection" },
	{ true, 32, 0, "p=tls-server-end-point,,",
	    "unsupported-channel-binding-type: not of this connection" },
	{ true, 0, 0, "p=tls-exporter,,", "unsupported-channel-binding-type" },
	{ true, 32, 48, "p=tls-unique,,",
	    "unsupported-channel-binding-type: tls-unique" },
	{ true, 32, 48, "p=tls-exporte,,",
	    "unsupported-channel-binding-type: use" },
	{ true, 32, 48, "p=tls-exporter2,,",
	    "unsupported-channel-binding-type: use" },
	{ true, 32, 48, "p=TLS-EXPORTER,,",
	    "unsupported-channel-binding-type: use" },
	{ true, 32, 48, "n,,", "other-error: -PLUS" },
	{ true, 32, 48, "y,,", "other-error: -PLUS" },
	{ false, 32, 48, "p=tls-exporter,,", "channel-binding-not-supported" },
	{ false, 32, 48, "p=tls-unique,,", "channel-binding-not-supported" },
	{ false, 32, 48, "y,,", "server-does-support-channel-binding" },
	{ false, 32, 0, "y,a=user,", "server-does-support-channel-binding" },
	{ false, 0, 48, "y,,", "server-does-support-channel-binding" },
	{ false, 0, 0, "y,,", NULL },
	{ false, 32, 48, "n,,", NULL },
    /* clang-format on */
};

static void
test_firsts(void)
{
	static const char *const none[] = {"", "p=,,", "p",
	    "p=", "p=tls-exporter", "p,,", "px=tls-exporter,,",
	    "p=tls-exporter,", "q=tls-exporter,,"};
	char message[CHANNEL_NAME];
	const char *error;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(firsts); i++) {
		bindings_make(firsts[i].exporter, firsts[i].end_point);
		text_cut(
		    message, sizeof(message), "%sn=user,r=x", firsts[i].header);
		error = firsts[i].error;
		rc = first(MAILAUTH_SHA256, firsts[i].plus, message);
		ok(error == NULL ? rc == 0 && scram.error == NULL :
				   rc == -1 && scram.error != NULL &&
			    strncmp(scram.error, error, strlen(error)) == 0,
		    "%s%s: %s", firsts[i].header,
		    firsts[i].plus ? ", -PLUS" : "",
		    error != NULL ? error : "taken");
	}
	bindings_make(32, 48);
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		text_cut(message, sizeof(message), "%s", none[i]);
		ok(first(MAILAUTH_SHA256, true, message) == -1 &&
			scram.error == NULL,
		    "'%s' is none", none[i]);
	}
	ok(first(MAILAUTH_SHA256, true, "p=tls-exporter,,m=1,n=user,r=x") == -1,
	    "an extension that must not be");
	memset(&scram, 0, sizeof(scram));
	scram.plus = true;
	ok(scram_first(&scram, "p=tls-exporter,,n=user,r=x", message) == -1 &&
		scram.error != NULL,
	    "where there is no TLS of ours");
}

/* c= of a right proof: of what it covers nothing may be left out. */
static void
bound_try(const char *what, const char *header, const void *data, size_t length,
    int want)
{
	char message[ROOM], without[ROOM / 2], input[200], text[300];
	char final[SCRAM_FINAL];
	size_t used = strlen(header);

	bindings_make(32, 48);
	scram_keys(&keys, MAILAUTH_SHA256, "pencil", "QSXCR+Q6sek8bf92", 4096);
	if (first(MAILAUTH_SHA256, true, "p=tls-exporter,,n=user,r=abc") == -1)
		fatalx("%s", scram.error);
	scram_challenge(&scram, &keys, "DEF");
	memcpy(input, header, used);
	memcpy(input + used, data, length);
	if (base64_encode(text, sizeof(text), input, used + length) == -1)
		fatal("base64");
	text_cut(without, sizeof(without), "c=%s,r=abcDEF", text);
	scram_proof(message, sizeof(message), MAILAUTH_SHA256, "pencil", &keys,
	    "n=user,r=abc", scram.challenge, without);
	ok(scram_final(&scram, message, &keys, final) == want &&
		(want == 1 ? scram.error == NULL :
			     scram.error != NULL &&
			    strncmp(scram.error, "channel-bindings-dont-match",
				27) == 0),
	    "c= is %s", what);
}

static void
test_bound(void)
{
	const uint8_t *exporter = bindings[BINDING_EXPORTER].octets;
	const uint8_t *end_point = bindings[BINDING_END_POINT].octets;

	bound_try("what it must be", "p=tls-exporter,,", exporter, 32, 1);
	bound_try("without data", "p=tls-exporter,,", "", 0, 0);
	bound_try("too short", "p=tls-exporter,,", exporter, 31, 0);
	bound_try("too long", "p=tls-exporter,,", exporter, 33, 0);
	bound_try("of the other kind", "p=tls-exporter,,", end_point, 48, 0);
	bound_try(
	    "with another header", "p=tls-server-end-point,,", exporter, 32, 0);
	bound_try("of an unbound one", "n,,", "", 0, 0);
	bound_try("of a downgrade", "y,,", "", 0, 0);
	bound_try("with a name", "p=tls-exporter,a=user,", exporter, 32, 0);
}

/* A whole exchange by PLUS, bound to the exporter's octets with this bit. */
static enum sasl_outcome
plus_try(const char *name, const char *secret, uint8_t bit)
{
	char bare[400], message[ROOM], without[ROOM / 2], text[200];
	char server_first[SCRAM_CHALLENGE], salt[200], nonce[400];
	uint8_t input[16 + 32];
	struct mailauth_keys seen;
	unsigned long iterations;
	size_t got;

	memset(&seen, 0, sizeof(seen));
	begin(MECHANISM_SCRAM_SHA_256_PLUS, "");
	text_cut(bare, sizeof(bare), "n=%s,r=clientnonce", name);
	text_cut(message, sizeof(message), "p=tls-exporter,,%s", bare);
	if (step(message) != SASL_CHALLENGE)
		return SASL_DONE;
	text_cut(server_first, sizeof(server_first), "%.*s",
	    (int)challenge.length, (const char *)challenge.octets);
	if (sscanf(server_first, "r=%399[^,],s=%199[^,],i=%lu", nonce, salt,
		&iterations) != 3 ||
	    base64_decode(
		seen.salt, sizeof(seen.salt), salt, strlen(salt), &got) == -1)
		fatalx("%s", server_first);
	seen.salt_length = (uint32_t)got;
	seen.iterations = (uint32_t)iterations;
	memcpy(input, "p=tls-exporter,,", 16);
	memcpy(input + 16, bindings[BINDING_EXPORTER].octets, 32);
	input[47] ^= bit;
	if (base64_encode(text, sizeof(text), input, sizeof(input)) == -1)
		fatal("base64");
	text_cut(without, sizeof(without), "c=%s,r=%s", text, nonce);
	scram_proof(message, sizeof(message), MAILAUTH_SHA256, secret, &seen,
	    bare, server_first, without);
	return step(message);
}

/* Is it over, and told so to log and client? */
static bool
unbound(enum sasl_outcome outcome, const char *name, const char *why)
{
	return ended(outcome, CODE_BINDING, name) &&
	    strncmp(world_account.reason, why, strlen(why)) == 0 &&
	    strncmp(world_account.text, why, strlen(why)) == 0;
}

static void
test_exchanges(void)
{
	static const char *const names[] = {"joe", "nobody", "locked", "old"};
	const char *dont = "channel-bindings-dont-match";
	size_t i;

	bindings_make(32, 48);
	world_facts.bindings = bindings;
	ok(plus_try("joe", SECRET, 0) == SASL_CHALLENGE &&
		ended(step(""), CODE_OK, "joe"),
	    "a login");
	ok(ended(plus_try("joe", "wrong", 0), CODE_AUTH, "joe"),
	    "a wrong secret");
	ok(ended(plus_try("nobody", SECRET, 0), CODE_AUTH, "nobody"),
	    "a wrong name");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ok(unbound(plus_try(names[i], SECRET, 1), names[i], dont),
		    "%s with another channel", names[i]);
		ok(unbound(plus_try(names[i], "wrong", 1), names[i], dont),
		    "and a wrong secret: nobody sees which");
	}
	begin(MECHANISM_SCRAM_SHA_256, "");
	ok(unbound(
	       step("y,,n=joe,r=x"), "", "server-does-support-channel-binding"),
	    "a client that was not told of -PLUS");
	world_facts.bindings = NULL;
	begin(MECHANISM_SCRAM_SHA_256, "");
	ok(step("y,,n=joe,r=x") == SASL_CHALLENGE, "where there is none");
	begin(MECHANISM_SCRAM_SHA_256_PLUS, "");
	ok(unbound(step("p=tls-exporter,,n=joe,r=x"), "",
	       "unsupported-channel-binding-type"),
	    "nor can it be had");
}

int
main(void)
{
	static const char *const files[] = {"secrets", "passwd", NULL};

	world_begin();
	users_write();
	world_set("auth", "mailauth passwd-file");
	world_set("mailauth-file", world_path("secrets"));
	world_set("passwd-file", world_path("passwd"));
	test_vectors();
	test_firsts();
	test_bound();
	test_exchanges();
	return world_end(files);
}
