/*
 * policy_test.c - who may log in, by every way to log in: lists, one name a
 * user, the access file, and that nobody else learns of it.
 */

#include <errno.h>

#include "sasl_world.h"

#include "auth/method.h"
#include "mailauth/database.h"

#define SECRET "open sesame"
#define SHA512 "$6$rounds=1000$saltsalt$"

static void
file_put(const char *name, const char *text)
{
	world_write(world_path(name), text, strlen(text), 0600);
}

/* The same names in passwd-file and mailauth, which has one more. */
static void
users_write(void)
{
	static const char *const names[] = {"ann", "joe", "sam@example.net"};
	static char text[8192], line[ENTRY_LINE], passwd[4096];
	struct mailauth_entry e;
	size_t i, used, n;

	database_header(text);
	used = strlen(text);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		memset(&e, 0, sizeof(e));
		text_cut(e.name, sizeof(e.name), "%s", names[i]);
		text_cut(e.secret, sizeof(e.secret), SECRET);
		if (keys_make(&e.keys[MAILAUTH_SHA1], MAILAUTH_SHA1, SECRET,
			4096) == -1)
			fatal("keys");
		n = entry_write(&e, line);
		memcpy(text + used, line, n);
		used += n;
		n = strlen(passwd);
		text_cut(passwd + n, sizeof(passwd) - n, "%s:%s:%u:%u::/h:\n",
		    names[i], world_hash("pw", SHA512), world_uid(),
		    world_gid());
	}
	n = strlen(passwd);
	text_cut(passwd + n, sizeof(passwd) - n,
	    "Max@Example.Org:%s:%u:%u::/h:\ntoor:%s:0:0::/:\n",
	    world_hash("pw", SHA512), world_uid(), world_gid(),
	    world_hash("pw", SHA512));
	world_write(world_path("secrets"), text, used, 0600);
	world_write(world_path("passwd"), passwd, strlen(passwd), 0600);
}

/* The ways to log in, each with the right secret or a wrong one. */

static void
way_password(const char *name, bool right)
{
	world_facts.method = "USER";
	(void)world_try(name, right ? "pw" : "wrong");
}

static void
way_plain(const char *name, bool right)
{
	char text[300];
	size_t length;

	world_facts.method = "PLAIN";
	text_cut(text, sizeof(text), "%c%s%c%s", 'x', name, 'x',
	    right ? "pw" : "wrong");
	length = strlen(text);
	text[0] = text[1 + strlen(name)] = '\0';
	begin(MECHANISM_PLAIN, "");
	(void)step_octets(text, length, true);
}

static void
way_login(const char *name, bool right)
{
	world_facts.method = "LOGIN";
	begin(MECHANISM_LOGIN, "");
	(void)step(NULL);
	(void)step(name);
	(void)step(right ? "pw" : "wrong");
}

static void
way_apop(const char *name, bool right)
{
	struct ch_digest request;
	char text[300];

	memset(&request, 0, sizeof(request));
	text_cut(request.name, sizeof(request.name), "%s", name);
	text_cut(text, sizeof(text), "<1.2@x>%s", right ? SECRET : "wrong");
	if (crypto()->digest(
		CRYPTO_HASH_MD5, text, strlen(text), request.digest) == -1)
		fatalx("md5");
	world_facts.method = "APOP";
	world_facts.stamp = "<1.2@x>";
	memset(&world_account, 0xa5, sizeof(world_account));
	apop_decide(&world_config, &world_facts, &request, &world_account);
}

static void
way_cram(const char *name, bool right)
{
	const char *secret = right ? SECRET : "wrong";
	uint8_t mac[CRYPTO_MD5];
	char text[400];
	size_t i, n;

	world_facts.method = "CRAM-MD5";
	begin(MECHANISM_CRAM_MD5, "");
	(void)step(NULL);
	if (crypto()->hmac(CRYPTO_HASH_MD5, secret, strlen(secret),
		challenge.octets, challenge.length, mac) == -1)
		fatalx("hmac");
	text_cut(text, sizeof(text), "%s ", name);
	for (i = 0; i < sizeof(mac); i++) {
		n = strlen(text);
		text_cut(text + n, sizeof(text) - n, "%02x", mac[i]);
	}
	(void)step(text);
}

static void
way_scram(const char *name, bool right)
{
	char bare[400], message[1000], without[500], first[1000], nonce[300],
	    salt[100];
	struct mailauth_keys keys;
	unsigned long iterations;
	size_t got;

	world_facts.method = "SCRAM-SHA-1";
	begin(MECHANISM_SCRAM_SHA_1, "");
	text_cut(bare, sizeof(bare), "n=%s,r=clientnonce", name);
	text_cut(message, sizeof(message), "n,,%s", bare);
	(void)step(message);
	memset(&keys, 0, sizeof(keys));
	text_cut(first, sizeof(first), "%.*s", (int)challenge.length,
	    (const char *)challenge.octets);
	if (sscanf(first, "r=%299[^,],s=%99[^,],i=%lu", nonce, salt,
		&iterations) != 3 ||
	    base64_decode(
		keys.salt, sizeof(keys.salt), salt, strlen(salt), &got) == -1)
		return;
	keys.salt_length = (uint32_t)got;
	keys.iterations = (uint32_t)iterations;
	text_cut(without, sizeof(without), "c=biws,r=%s", nonce);
	scram_proof(message, sizeof(message), MAILAUTH_SHA1,
	    right ? SECRET : "wrong", &keys, bare, first, without);
	if (step(message) == SASL_CHALLENGE)
		(void)step("");
}

static const struct way {
	const char *name;
	void (*run)(const char *name, bool right);
} ways[] = {{"password", way_password}, {"plain", way_plain},
    {"login", way_login}, {"apop", way_apop}, {"cram-md5", way_cram},
    {"scram-sha-1", way_scram}};

/*
 * By every way, the right secret gives code (and a reason or text that says
 * this); a wrong one what it ever gives, and so does a name that is not there.
 */
static void
gives(const char *name, uint32_t code, const char *says)
{
	static struct ch_account wrong;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		ways[i].run(name, true);
		if (!ok(world_account.code == code &&
			    (strstr(world_account.reason, says) != NULL ||
				strstr(world_account.text, says) != NULL),
			"%s, by %s: %u %s", name, ways[i].name, code, says))
			tap_note("code %u, reason %s, text %s",
			    world_account.code, world_account.reason,
			    world_account.text);
		ways[i].run(name, false);
		wrong = world_account;
		ok(wrong.code == CODE_AUTH && wrong.text[0] == '\0' &&
			wrong.uid == 0 && wrong.mailbox[0] == '\0',
		    "%s, by %s: a wrong one says nothing", name, ways[i].name);
	}
}

static bool
is_account(const char *name, const char *mailbox)
{
	if (strcmp(world_account.name, name) == 0 &&
	    strcmp(world_account.mailbox, mailbox) == 0)
		return true;
	tap_note("name %s, mailbox %s, reason %s", world_account.name,
	    world_account.mailbox, world_account.reason);
	return false;
}

static void
test_lists(void)
{
	gives("joe", CODE_OK, "");
	world_set("deny-users", "ann, joe");
	gives("joe", CODE_REFUSED, "it is in deny-users");
	world_set("allow-users", "joe");
	gives("joe", CODE_REFUSED, "deny-users");
	world_set("deny-users", "");
	gives("joe", CODE_OK, "");
	gives("ann", CODE_REFUSED, "it is not in allow-users");
	world_set("allow-users", "* jo");
	gives("ann", CODE_OK, "");
	file_put("list", "# them\n\n ann # her\nsam@example.net\n");
	world_set("allow-users", "");
	world_set("deny-users", "ann,");
	gives("ann", CODE_REFUSED, "deny-users");
	world_set("deny-users", "");
	text_cut(world_account.reason, sizeof(world_account.reason), "file:%s",
	    world_path("list"));
	world_set("allow-users", world_account.reason);
	gives("ann", CODE_OK, "");
	gives("sam@example.net", CODE_OK, "");
	gives("joe", CODE_REFUSED, "it is not in allow-users");
	file_put("list", "ann\njoe sam\n");
	gives("ann", CODE_TEMPORARY, "list:2: more than one name");
	(void)unlink(world_path("list"));
	gives("ann", CODE_TEMPORARY, "No such file");
	gives("joe", CODE_TEMPORARY, "allow-users: ");
	world_set("allow-users", "");
}

static void
shown(uint32_t mechanism, const char *name, const char *other)
{
	const char *const names[] = {name, other};
	char salt[2][100], message[300];
	size_t i;

	for (i = 0; i < 2; i++) {
		begin(mechanism, "n");
		text_cut(message, sizeof(message), "n,,n=%s,r=x", names[i]);
		(void)step(message);
		text_cut(salt[i], sizeof(salt[i]), "%.*s",
		    (int)challenge.length, (const char *)challenge.octets);
	}
	ok(strncmp(salt[0], "r=xn,s=", 7) == 0 && strcmp(salt[0], salt[1]) == 0,
	    "%s and %s have one salt", name, other);
}

/* joe, Joe, joe@example.org and JOE@Example.ORG are one. */
static void
test_names(void)
{
	static const char *const joes[] = {
	    "joe", "Joe", "joe@example.org", "JOE@Example.ORG"};
	static const char *const others[] = {"joe@example.net",
	    "joe@example.org@example.org", "joe@", "joe@example.org.", "@joe",
	    "joe@example.orgx", "@example.org", "jo", "joe "};
	size_t i, k;

	world_set("mailbox", "maildir:/v/%d/%n/%u");
	way_password("sam@example.net", true);
	ok(world_account.code == CODE_OK &&
		is_account("sam@example.net",
		    "maildir:/v/example.net/sam/sam@example.net"),
	    "a domain of its own");
	gives("joe", CODE_PERMANENT, "no mailbox can be made");
	world_set("default-domain", "example.org");
	world_set("username-lower", "yes");
	for (i = 0; i < ARRAY_SIZE(joes); i++) {
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			ways[k].run(joes[i], true);
			ok(world_account.code == CODE_OK &&
				is_account(
				    "joe", "maildir:/v/example.org/joe/joe"),
			    "%s, by %s, is joe", joes[i], ways[k].name);
		}
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			ways[k].run(others[i], true);
			ok(world_account.code == CODE_AUTH, "%s, by %s, is not",
			    others[i], ways[k].name);
		}
	}
	gives("SAM@Example.Net", CODE_OK, "");
	world_set("deny-users", "Joe@Example.Org");
	gives("joe", CODE_REFUSED, "deny-users");
	world_set("deny-users", "");
	/* A file may have the domain. */
	way_password("max", true);
	ok(world_account.code == CODE_OK &&
		is_account("max", "maildir:/v/example.org/max/max"),
	    "a line of passwd-file with the default-domain");
	way_password("MAX@example.org", true);
	ok(world_account.code == CODE_OK &&
		is_account("max", "maildir:/v/example.org/max/max"),
	    "is the same user");
	/* What SCRAM shows of one who has no keys must not tell, either. */
	shown(MECHANISM_SCRAM_SHA_1, "none", "NONE@example.org");
	shown(MECHANISM_SCRAM_SHA_256, "joe", "JOE@example.org");
	world_set("username-lower", "no");
	way_password("Joe", true);
	ok(world_account.code == CODE_AUTH, "letters differ where they may");
	way_password("joe@EXAMPLE.org", true);
	ok(world_account.code == CODE_OK, "those of a domain never");
	world_set("default-domain", "example.net");
	way_password("sam@example.net", true);
	ok(world_account.code == CODE_OK &&
		is_account("sam", "maildir:/v/example.net/sam/sam"),
	    "a user with the domain that is the default");
	way_cram("sam", true);
	ok(world_account.code == CODE_OK &&
		is_account("sam", "maildir:/v/example.net/sam/sam"),
	    "in mailauth, too");
	world_set("default-domain", "");
	world_set("mailbox", "mbox:/v/%u");
}

static void
test_access(void)
{
	char text[256];
	size_t i, k;

	world_set("access-file", world_path("access"));
	file_put("access", "ann no-pop3\njoe keep\n");
	gives("ann", CODE_REFUSED, "access:1: no-pop3");
	gives("joe", CODE_OK, "");
	way_password("joe", true);
	ok(world_account.keep == 1 && world_account.read_only == 0, "keep");
	way_password("sam@example.net", true);
	ok(world_account.code == CODE_OK && world_account.keep == 0 &&
		world_account.read_only == 0,
	    "who is in no line may all");
	file_put("access", "joe read-only\n");
	way_scram("joe", true);
	ok(world_account.keep == 0 && world_account.read_only == 1,
	    "read-only");
	file_put("access", "joe tls\n");
	gives("joe", CODE_REFUSED, "this account needs TLS");
	world_facts.protected = true;
	gives("joe", CODE_OK, "");
	world_facts.protected = false;
	file_put("access", "joe networks=192.0.2.0/24\n");
	gives("joe", CODE_OK, "");
	world_facts.peer = "198.51.100.1";
	gives("joe", CODE_REFUSED, "not from 198.51.100.1");
	world_facts.peer = "192.0.2.1";
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		text_cut(
		    text, sizeof(text), "joe mechanisms=%s\n", ways[i].name);
		file_put("access", text);
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			ways[k].run("joe", true);
			ok(world_account.code ==
				(i == k ? CODE_OK : CODE_MECHANISM),
			    "mechanisms=%s, by %s", ways[i].name, ways[k].name);
		}
	}
	file_put("access", "nobody-here nonsense\n");
	gives("joe", CODE_TEMPORARY, "access:1: 'nonsense' is no option");
	file_put("access", "toor pop3\n* no-pop3\n");
	way_password("toor", true);
	ok(world_account.code == CODE_AUTH, "no line lets uid 0 in");
	world_set("access-file", "");
}

static void
test_check(void)
{
	char why[CHANNEL_TEXT];

	ok(policy_check(&world_config, why) == 0, "-n: nothing set");
	world_set("access-file", world_path("access"));
	file_put("access", "joe tls\n\nann nonsense\n");
	ok(policy_check(&world_config, why) == -1 &&
		strstr(why, "access:3: 'nonsense' is no option") != NULL,
	    "-n: %s", why);
	file_put("access", "joe tls\n");
	ok(policy_check(&world_config, why) == 0, "-n: a good one");
	world_set("access-file", "");
	world_set("deny-users", "file:/nonexistent/list");
	ok(policy_check(&world_config, why) == -1, "-n: %s", why);
	world_set("deny-users", "");
}

/* Octets behind a text's end that are not 0. */
static size_t
rest_count(const char *text, size_t size)
{
	size_t i, count = 0;

	for (i = strlen(text); i < size; i++)
		count += text[i] != '\0';
	return count;
}

/* What calls before have left there. */
static __attribute__((__noinline__)) void
stack_soil(void)
{
	char octets[65536];

	memset(octets, 0xa5, sizeof(octets));
	/* The compiler must not see that nobody reads them. */
	__asm__ volatile("" : : "r"(octets) : "memory");
}

/*
 * The record goes to a process that becomes the user: what was left on the
 * stack by who has seen hashes must not go along.
 */
static void
test_rest(void)
{
	struct ch_account *a = &world_account;
	size_t i, count = 0;

	for (i = 0; i < 4; i++) {
		way_password(i % 2 == 0 ? "joe" : "ann", i < 2);
		stack_soil();
		policy_judge(&world_config, &world_facts, a);
		count += rest_count(a->name, sizeof(a->name)) +
		    rest_count(a->home, sizeof(a->home)) +
		    rest_count(a->mailbox, sizeof(a->mailbox)) +
		    rest_count(a->reason, sizeof(a->reason)) +
		    rest_count(a->text, sizeof(a->text));
	}
	ok(count == 0, "nothing but the account is in its record: %zu octets",
	    count);
}

int
main(void)
{
	static const char *const files[] = {
	    "secrets", "passwd", "list", "access", NULL};

	platform_first_act();
	world_begin();
	users_write();
	world_set("auth", "mailauth passwd-file");
	world_set("passwd-file", world_path("passwd"));
	world_set("mailauth-file", world_path("secrets"));
	world_set("mailbox", "mbox:/v/%u");
	test_rest();
	test_lists();
	test_names();
	test_access();
	test_check();
	return world_end(files);
}
