/*
 * sasl_exchange_test.c - whole exchanges against a database of mailauth(8),
 * by sasl_step() and by a verifier; what a name that is not there is shown.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "sasl_users.h"

static const uint32_t scrams[MAILAUTH_HASHES] = {
    MECHANISM_SCRAM_SHA_1, MECHANISM_SCRAM_SHA_256};

/* r=, s= and i= of the challenge that has come. */
struct first {
	char text[SCRAM_CHALLENGE], nonce[SCRAM_CHALLENGE], salt[200];
	struct mailauth_keys keys;
};

static bool
first_read(struct first *f)
{
	unsigned long iterations;
	size_t got;

	memset(f, 0, sizeof(*f));
	if (challenge.length >= sizeof(f->text))
		return false;
	memcpy(f->text, challenge.octets, challenge.length);
	if (sscanf(f->text, "r=%4000[^,],s=%199[^,],i=%lu", f->nonce, f->salt,
		&iterations) != 3 ||
	    base64_decode(f->keys.salt, sizeof(f->keys.salt), f->salt,
		strlen(f->salt), &got) == -1)
		return false;
	f->keys.salt_length = (uint32_t)got;
	f->keys.iterations = (uint32_t)iterations;
	return true;
}

/* SCRAM up to the proof's answer. */
static enum sasl_outcome
scram_try(enum mailauth_hash kind, const char *name, const char *secret,
    struct first *f)
{
	char bare[400], message[1000], without[500];

	sasl_begin(&sasl, &world_config, &world_facts, scrams[kind], "");
	text_cut(bare, sizeof(bare), "n=%s,r=clientnonce", name);
	text_cut(message, sizeof(message), "n,,%s", bare);
	if (step(message) != SASL_CHALLENGE || !first_read(f))
		return SASL_DONE;
	text_cut(without, sizeof(without), "c=biws,r=%s", f->nonce);
	scram_proof(message, sizeof(message), kind, secret, &f->keys, bare,
	    f->text, without);
	return step(message);
}

static bool
server_signature_right(enum mailauth_hash kind, const struct first *f)
{
	uint8_t server[CRYPTO_DIGEST_MAX], signature[CRYPTO_DIGEST_MAX];
	char text[10000], want[100] = "v=";

	scram_key(kind, SECRET, &f->keys, "Server Key", server);
	text_cut(text, sizeof(text), "n=joe,r=clientnonce,%s,c=biws,r=%s",
	    f->text, f->nonce);
	if (crypto()->hmac(scram_hashes[kind].hash, server,
		scram_hashes[kind].size, text, strlen(text), signature) == -1 ||
	    base64_encode(want + 2, sizeof(want) - 2, signature,
		scram_hashes[kind].size) == -1)
		return false;
	return challenged(want);
}

static void
test_scram(enum mailauth_hash kind)
{
	static const char *const refused[] = {
	    "locked", "old", "toor", "nobody", "joe2", "jo", ":", "x/y"};
	static struct first f, again;
	size_t i;

	ok(scram_try(kind, "joe", SECRET, &f) == SASL_CHALLENGE &&
		server_signature_right(kind, &f),
	    "the right secret, and the server proves it, too");
	ok(strncmp(f.nonce, "clientnonce", 11) == 0 && strlen(f.nonce) >= 35,
	    "a nonce of both");
	ok(ended(step(""), CODE_OK, "joe") &&
		world_account.uid == world_uid() &&
		strcmp(world_account.home, "/home/joe") == 0,
	    "and joe is in");
	ok(scram_try(kind, "joe", SECRET, &again) == SASL_CHALLENGE &&
		strcmp(again.salt, f.salt) == 0 &&
		strcmp(again.nonce, f.nonce) != 0,
	    "the salt is the same the next time, the nonce is not");
	ok(ended(step("x"), CODE_AUTH, "joe"), "more than nothing at the end");
	ok(ended(scram_try(kind, "joe", "open sesamE", &f), CODE_AUTH, "joe"),
	    "a wrong one");
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		ok(ended(scram_try(kind, refused[i], SECRET, &f), CODE_AUTH,
		       refused[i]),
		    "%s: as wrong as any", refused[i]);
	ok(ended(scram_try(kind, "away", SECRET, &f), CODE_PERMANENT, "away"),
	    "right, but nobody's account");
	ok(ended(scram_try(kind, "away", "wrong", &f), CODE_AUTH, "away"),
	    "which a wrong one does not show");
}

/* What is shown before a proof, of any name: of one form, and for good. */
static void
test_shown(enum mailauth_hash kind)
{
	static const char *const names[] = {
	    "joe", "sam", "locked", "old", "nobody", "nobody2", "x/y"};
	static struct first f[ARRAY_SIZE(names)], again;
	char message[100];
	size_t i, k, same = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		sasl_begin(
		    &sasl, &world_config, &world_facts, scrams[kind], "");
		text_cut(message, sizeof(message), "n,,n=%s,r=x", names[i]);
		ok(step(message) == SASL_CHALLENGE && first_read(&f[i]),
		    "%s gets a challenge", names[i]);
		ok(f[i].keys.salt_length == f[0].keys.salt_length &&
			f[i].keys.iterations == f[0].keys.iterations &&
			challenge.length == strlen(f[0].text),
		    "that looks like joe's");
		sasl_begin(
		    &sasl, &world_config, &world_facts, scrams[kind], "");
		ok(step(message) == SASL_CHALLENGE && first_read(&again) &&
			strcmp(again.salt, f[i].salt) == 0,
		    "and is the same at the next try");
		for (k = 0; k < i; k++)
			same += strcmp(f[i].salt, f[k].salt) == 0;
	}
	ok(same == 0, "no two names have one salt");
}

static void
cram_response(char *dst, size_t size, const char *name, const char *secret)
{
	uint8_t mac[CRYPTO_MD5];
	char hex[2 * CRYPTO_MD5 + 1];
	size_t i;

	if (crypto()->hmac(CRYPTO_HASH_MD5, secret, strlen(secret),
		challenge.octets, challenge.length, mac) == -1)
		fatalx("hmac");
	for (i = 0; i < sizeof(mac); i++)
		text_cut(hex + 2 * i, 3, "%02x", mac[i]);
	text_cut(dst, size, "%s %s", name, hex);
}

static enum sasl_outcome
cram_try(const char *name, const char *secret)
{
	char message[400];

	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_CRAM_MD5, "");
	if (step(NULL) != SASL_CHALLENGE)
		return SASL_CHALLENGE;
	cram_response(message, sizeof(message), name, secret);
	return step(message);
}

static void
test_cram(void)
{
	static const char *const refused[] = {
	    "locked", "old", "sam", "toor", "nobody"};
	char message[400];
	size_t i;

	ok(ended(cram_try("joe", SECRET), CODE_OK, "joe"), "CRAM-MD5");
	ok(ended(cram_try("joe", "open sesamE"), CODE_AUTH, "joe"), "wrong");
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		ok(ended(cram_try(refused[i], SECRET), CODE_AUTH, refused[i]),
		    "%s", refused[i]);
		/* What a name without a secret is compared with. */
		ok(ended(cram_try(refused[i], ""), CODE_AUTH, refused[i]),
		    "%s, with nothing for a secret", refused[i]);
	}
	ok(world_reason("no such user"), "the log knows that there is none");
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_CRAM_MD5,
	    "<1.2@there>");
	ok(step(NULL) == SASL_CHALLENGE && challenged("<1.2@there>"),
	    "a challenge of ours");
	cram_response(message, sizeof(message), "joe", SECRET);
	ok(ended(step(message), CODE_OK, "joe"), "and its response");
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_CRAM_MD5,
	    "<1.3@there>");
	ok(step(NULL) == SASL_CHALLENGE &&
		ended(step(message), CODE_AUTH, "joe"),
	    "which is worth nothing the next time");
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_CRAM_MD5, "");
	ok(ended(step(""), CODE_AUTH, ""), "no initial response");
}

static uint32_t
apop_try(const char *name, const char *stamp, const char *signed_stamp,
    const char *secret)
{
	struct ch_digest request;
	char text[300];

	memset(&request, 0, sizeof(request));
	text_cut(request.name, sizeof(request.name), "%s", name);
	text_cut(text, sizeof(text), "%s%s", signed_stamp, secret);
	if (crypto()->digest(
		CRYPTO_HASH_MD5, text, strlen(text), request.digest) == -1)
		fatalx("md5");
	memset(&world_account, 0xa5, sizeof(world_account));
	world_facts.stamp = stamp;
	apop_decide(&world_config, &world_facts, &request, &world_account);
	return world_account.code;
}

static void
test_apop(void)
{
	static const char *const refused[] = {
	    "locked", "old", "sam", "toor", "nobody", ""};
	size_t i;

	ok(apop_try("joe", "<1.2@x>", "<1.2@x>", SECRET) == CODE_OK &&
		strcmp(world_account.name, "joe") == 0 &&
		world_account.uid == world_uid(),
	    "APOP");
	ok(apop_try("joe", "<1.2@x>", "<1.2@x>", "open") == CODE_AUTH, "wrong");
	ok(apop_try("joe", "<1.2@x>", "<1.3@x>", SECRET) == CODE_AUTH,
	    "of a stamp that is not ours");
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		ok(apop_try(refused[i], "<1.2@x>", "<1.2@x>", SECRET) ==
			CODE_AUTH,
		    "'%s'", refused[i]);
		ok(apop_try(refused[i], "<1.2@x>", "<1.2@x>", "") == CODE_AUTH,
		    "'%s', with nothing for a secret", refused[i]);
	}
	ok(apop_try("away", "<1.2@x>", "<1.2@x>", SECRET) == CODE_PERMANENT,
	    "right, but nobody's account");
}

/* "a|b|c": NUL for each bar. */
static enum sasl_outcome
plain_try(const char *text)
{
	char octets[100];
	size_t length = strlen(text), i;

	memcpy(octets, text, length);
	for (i = 0; i < length; i++) {
		if (octets[i] == '|')
			octets[i] = '\0';
	}
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_PLAIN, "");
	return step_octets(octets, length, true);
}

static void
test_plain(void)
{
	ok(ended(plain_try("|joe|" SECRET), CODE_OK, "joe"), "PLAIN");
	ok(ended(plain_try("joe|joe|" SECRET), CODE_OK, "joe"), "as himself");
	ok(ended(plain_try("|old|" SECRET), CODE_OK, "old"), "by a hash");
	ok(ended(plain_try("|sam|another one"), CODE_OK, "sam"),
	    "by another method");
	ok(ended(plain_try("sam|joe|" SECRET), CODE_AUTH, "joe") &&
		world_reason("another user"),
	    "as another");
	ok(ended(plain_try("|joe|"), CODE_AUTH, "joe"), "no password");
	ok(ended(plain_try("||" SECRET), CODE_AUTH, ""), "no name");
	ok(ended(plain_try("joe|" SECRET), CODE_AUTH, ""), "one NUL");
	ok(ended(plain_try("|joe|" SECRET "|"), CODE_AUTH, ""), "three");
	ok(ended(plain_try("|jo\x01"
			   "e|" SECRET),
	       CODE_AUTH,
	       "jo\x01"
	       "e"),
	    "a control character");
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_PLAIN, "");
	ok(step(NULL) == SASL_CHALLENGE && challenged(""), "asked for it");
	sasl_begin(&sasl, &world_config, &world_facts, MECHANISM_LOGIN, "");
	ok(step(NULL) == SASL_CHALLENGE && challenged("Username:") &&
		step("joe") == SASL_CHALLENGE && challenged("Password:") &&
		ended(step(SECRET), CODE_OK, "joe"),
	    "LOGIN");
}

/* What no honest front sends. */
static void
test_steps(void)
{
	static char longest[CHANNEL_STEP];
	uint32_t mechanism;
	int i;

	memset(longest, 'x', sizeof(longest));
	for (mechanism = 0; mechanism < MECHANISM_LIMIT + 2; mechanism++) {
		sasl_begin(&sasl, &world_config, &world_facts, mechanism, "");
		ok(ended(step_octets(longest, sizeof(longest), true), CODE_AUTH,
		       "") ||
			mechanism == MECHANISM_LOGIN,
		    "mechanism %u and 9216 octets", mechanism);
		sasl_begin(&sasl, &world_config, &world_facts, mechanism, "");
		ok(ended(step_octets("x", 1, false), CODE_AUTH, ""),
		    "octets that were not given");
		sasl_begin(&sasl, &world_config, &world_facts, mechanism, "");
		for (i = 0; step(i == 0 ? NULL : "") == SASL_CHALLENGE; i++)
			continue;
		ok(i <= SASL_STEPS &&
			(world_account.code == CODE_AUTH ||
			    mechanism == MECHANISM_EXTERNAL),
		    "it ends after %d steps", i);
		sasl_begin(&sasl, &world_config, &world_facts, mechanism, "");
		(void)step(NULL);
		ok(ended(step(NULL), CODE_AUTH, ""), "nothing twice");
	}
}

static void
test_apop_only(void)
{
	world_set("apop-only", "yes");
	ok(world_try("joe", SECRET) == CODE_MECHANISM, "apop-only: joe");
	ok(world_try("joe", "wrong") == CODE_AUTH, "a wrong one says no more");
	ok(world_try("nobody", "wrong") == CODE_AUTH, "like nobody's");
	ok(world_try("sam", SECRET) == CODE_OK &&
		world_try("sam", "another one") == CODE_OK,
	    "who has no secret for APOP may");
	ok(ended(plain_try("|joe|" SECRET), CODE_MECHANISM, "joe"), "PLAIN");
	ok(apop_try("joe", "<1.2@x>", "<1.2@x>", SECRET) == CODE_OK, "APOP");
	world_set("auth", "passwd-file");
	ok(world_try("sam", "another one") == CODE_OK, "without mailauth");
	world_set("auth", "passwd-file mailauth");
	world_set("mailauth-file", world_path("missing"));
	ok(world_try("sam", "another one") == CODE_TEMPORARY,
	    "not while nobody knows who has one");
	world_set("mailauth-file", world_path("secrets"));
	world_set("auth", "mailauth passwd-file");
	world_set("apop-only", "no");
}

/* No database: nobody's fault, and the same for all. */
static void
test_missing(void)
{
	static struct first f;

	world_set("mailauth-file", world_path("missing"));
	ok(ended(scram_try(MAILAUTH_SHA256, "joe", SECRET, &f), CODE_TEMPORARY,
	       "joe") &&
		world_reason("mailauth: "),
	    "SCRAM without a file");
	ok(ended(cram_try("joe", SECRET), CODE_TEMPORARY, "joe"), "CRAM-MD5");
	ok(apop_try("joe", "<1.2@x>", "<1.2@x>", SECRET) == CODE_TEMPORARY,
	    "APOP");
	world_set("mailauth-file", world_path("secrets"));
}

/* A verifier, as the back has it. */
static void
test_verifier(void)
{
	static struct record r;
	const struct verifier_facts facts = {
	    .stamp = "<1.2@x>", .peer = "192.0.2.1", .method = "LOGIN"};
	int ends[2], status;
	pid_t pid;

	memset(&r, 0, sizeof(r));
	r.type = CH_STEP;
	r.u.step.mechanism = MECHANISM_LOGIN;
	if (channel_pair(ends) == -1 || (pid = fork()) == -1)
		fatal("fork");
	if (pid == 0)
		verifier_run(&world_config, ends[1], &r, &facts);
	(void)close(ends[1]);
	ok(channel_read(ends[0], &r, NULL, NULL) == 1 &&
		r.type == CH_STEP + 1 && r.u.stepped.done == 0 &&
		r.u.stepped.length == 9,
	    "the verifier asks for the name");
	memset(&r, 0, sizeof(r));
	r.u.step.given = 1;
	r.u.step.length = 3;
	memcpy(r.u.step.octets, "joe", 3);
	ok(channel_write(ends[0], &r, CH_STEP, NULL, 0) == 0 &&
		channel_read(ends[0], &r, NULL, NULL) == 1 &&
		r.type == CH_STEP + 1,
	    "for the password");
	memset(&r, 0, sizeof(r));
	r.u.step.given = 1;
	r.u.step.length = (uint32_t)strlen(SECRET);
	memcpy(r.u.step.octets, SECRET, strlen(SECRET));
	ok(channel_write(ends[0], &r, CH_STEP, NULL, 0) == 0 &&
		channel_read(ends[0], &r, NULL, NULL) == 1 &&
		r.type == CH_ACCOUNT && r.u.account.code == CODE_OK &&
		strcmp(r.u.account.name, "joe") == 0,
	    "and has joe");
	ok(channel_read(ends[0], &r, NULL, NULL) == 0 &&
		waitpid(pid, &status, 0) == pid && status == 0,
	    "then it is gone");
	(void)close(ends[0]);
}

/* Who gives up closes. */
static void
test_verifier_dropped(void)
{
	static struct record r;
	const struct verifier_facts facts = {.stamp = "<1.2@x>"};
	int ends[2], status;
	pid_t pid;

	memset(&r, 0, sizeof(r));
	r.type = CH_STEP;
	r.u.step.mechanism = MECHANISM_CRAM_MD5;
	if (channel_pair(ends) == -1 || (pid = fork()) == -1)
		fatal("fork");
	if (pid == 0)
		verifier_run(&world_config, ends[1], &r, &facts);
	(void)close(ends[1]);
	ok(channel_read(ends[0], &r, NULL, NULL) == 1, "another asks");
	(void)close(ends[0]);
	ok(waitpid(pid, &status, 0) == pid && status == 0,
	    "and is gone when the back is");
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
	test_scram(MAILAUTH_SHA1);
	test_scram(MAILAUTH_SHA256);
	test_shown(MAILAUTH_SHA1);
	test_shown(MAILAUTH_SHA256);
	test_cram();
	test_apop();
	test_plain();
	test_steps();
	test_apop_only();
	test_missing();
	test_verifier();
	test_verifier_dropped();
	return world_end(files);
}
