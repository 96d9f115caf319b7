/*
 * auth_test.c - auth_password(): the method passwd-file, the policy over all
 * methods, and that every name costs the same.
 */

#include <errno.h>
#include <time.h>

#include "auth_world.h"

#define USERS "virtual"

/* Cheap ones of each kind: only what they cost differs from the real. */
#define SHA512 "$6$rounds=1000$saltsalt$"
#define DEAR "$6$rounds=60000$saltsalt$"

static char *
line_print(char *line, size_t size, const char *name, const char *hash,
    const char *rest)
{
	if (text_print(line, size, "%s:%s%s\n", name, hash, rest) == -1)
		fatalx("line");
	return line;
}

/* One user, rest being what follows the hash. */
static void
users_one(const char *name, const char *hash, const char *rest)
{
	char line[2048];

	line_print(line, sizeof(line), name, hash, rest);
	world_write(world_path(USERS), line, strlen(line), 0600);
}

static void
users_text(const char *text)
{
	world_write(world_path(USERS), text, strlen(text), 0600);
}

static const char *
own_rest(const char *after)
{
	static char rest[256];

	if (text_print(rest, sizeof(rest), ":%u:%u%s", world_uid(), world_gid(),
		after) == -1)
		fatalx("rest");
	return rest;
}

static void
test_kinds(void)
{
	static const char *const settings[] = {SHA512,
	    "$5$rounds=1000$saltsalt$", "$y$j75$saltsaltsalt$",
	    "$2b$04$abcdefghijklmnopqrstuu", "$1$saltsalt$",
	    "$gy$j75$saltsaltsalt$", "$7$6..../....saltsalt$", "ab"};
	const char *hash;
	char crypted[HASH_SIZE + 8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		hash = world_hash("right horse", settings[i]);
		if (hash == NULL) {
			ok(1, "SKIP: this libcrypt has no %s", settings[i]);
			continue;
		}
		users_one("bob", hash, own_rest("::/home/bob:/bin/false"));
		ok(world_try("bob", "right horse") == CODE_OK, "%.4s right",
		    settings[i]);
		ok(world_try("bob", "wrong horse") == CODE_AUTH, "%.4s wrong",
		    settings[i]);
		ok(world_try("bob", hash) == CODE_AUTH, "%.4s itself",
		    settings[i]);
		if (text_print(crypted, sizeof(crypted), "{crypt}%s", hash) ==
		    -1)
			fatalx("hash");
		users_one("bob", crypted, own_rest("::/home/bob"));
		ok(world_try("bob", "right horse") == CODE_OK, "{crypt}%.4s",
		    settings[i]);
	}
}

static void
test_account(void)
{
	const char *hash = world_hash("pw", SHA512);

	users_one("bob@example.org", hash,
	    own_rest(":Bob:/home/bob:/bin/false:more:and more"));
	world_set("mailbox", "maildir:~/%d/%n");
	ok(world_try("bob@example.org", "pw") == CODE_OK, "a whole line");
	ok(world_account.uid == world_uid() && world_account.gid == world_gid(),
	    "uid and gid");
	ok(strcmp(world_account.name, "bob@example.org") == 0, "name");
	ok(strcmp(world_account.home, "/home/bob") == 0, "home");
	ok(strcmp(world_account.mailbox, "maildir:/home/bob/example.org/bob") ==
		0,
	    "mailbox");
	ok(world_account.reason[0] == '\0', "no reason");
	if (geteuid() == 0)
		ok(world_account.group_count == 1 &&
			world_account.groups[0] == OTHER_UID,
		    "its gid, no more");
	ok(world_try("bob@EXAMPLE.org", "pw") == CODE_AUTH,
	    "names are compared exactly");
	ok(world_try("bob", "pw") == CODE_AUTH, "a part of a name is none");
	ok(world_account.uid == 0 && world_account.name[0] == '\0' &&
		world_account.groups[0] == 0 &&
		world_account.mailbox[0] == '\0',
	    "a refused account holds nothing");
	ok(world_try("bob@example.org:", "pw") == CODE_AUTH, "name and colon");
	users_one("bob", hash, own_rest(""));
	ok(world_try("bob", "pw") == CODE_PERMANENT && world_reason("mailbox"),
	    "the mailbox needs a home that is not there");
	world_set("mailbox", "mbox:/var/mail/%u");
	ok(world_try("bob", "pw") == CODE_OK && world_account.home[0] == '\0',
	    "else none is needed");
	users_one("a/../../etc", hash, own_rest(""));
	ok(world_try("a/../../etc", "pw") == CODE_PERMANENT,
	    "a name that is a path");
	world_set("mail-group", "no-such-group-at-all");
	users_one("bob", hash, own_rest(""));
	ok(world_try("bob", "pw") == CODE_OK &&
		world_account.mail_gid == world_account.gid,
	    "no mail-group");
	world_set("mail-group", "mail");
}

static void
test_layout(void)
{
	char text[8192], hash[HASH_SIZE];
	const char *other = world_hash("other", SHA512);

	memcpy(hash, world_hash("pw", SHA512), HASH_SIZE);
	if (text_print(text, sizeof(text),
		"# a comment: with a colon\n\n"
		"#bob:%s%s\n  "
		"\nanne:%s%s\r\nbob:%s%s\nbob:%s%s\n:%s%s\nnocolon\n"
		"last:%s%s",
		other, own_rest(""), hash, own_rest(""), hash, own_rest(""),
		other, own_rest(""), hash, own_rest(""), hash,
		own_rest("")) == -1)
		fatalx("text");
	users_text(text);
	ok(world_try("bob", "pw") == CODE_OK, "after comments");
	ok(world_try("bob", "other") == CODE_AUTH, "the first of a name");
	ok(world_try("#bob", "other") == CODE_AUTH, "a comment is no user");
	ok(world_try("anne", "pw") == CODE_OK, "CR at the end of a line");
	ok(world_try("last", "pw") == CODE_OK, "a last line without its end");
	ok(world_try("nocolon", "pw") == CODE_AUTH, "a name alone");
	ok(world_try("  ", "pw") == CODE_AUTH, "blanks");
	ok(world_try("", "pw") == CODE_AUTH, "an empty name");
	ok(world_try("bob", "") == CODE_AUTH, "an empty password");
	users_text("");
	ok(world_try("bob", "pw") == CODE_AUTH, "an empty file");
	if (text_print(text, sizeof(text), "a:x:1:1\nX\nbob:%s%s\n", hash,
		own_rest("")) == -1)
		fatalx("text");
	*strchr(text, 'X') = '\0';
	world_write(
	    world_path(USERS), text, 8 + 2 + strlen(text + 9) + 1, 0600);
	ok(world_try("bob", "pw") == CODE_OK, "a NUL hides no later line");
}

static void
test_hashes(void)
{
	static const char *const bad[] = {"", "x", "*", "!", "!!", "*LK*", "NP",
	    "pw", "$", "$$$$$$$$$$$$$$", "$6$", "$99$saltsalt$abcdef",
	    "{SSHA}AAAAAAAAAAAAAAAAAAAAAA", "{PLAIN}pw", "{CRYPT}",
	    "$6$salt salt$aaaaaaaaaaaaaaa", "*0", "*1"};
	char locked[HASH_SIZE + 2];
	const char *hash = world_hash("pw", SHA512);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		users_one("bob", bad[i], own_rest(""));
		ok(world_try("bob", "pw") == CODE_AUTH &&
			world_try("bob", bad[i]) == CODE_AUTH &&
			world_account.reason[0] != '\0',
		    "the hash '%s'", bad[i]);
	}
	for (i = 0; i < 2; i++) {
		if (text_print(locked, sizeof(locked), "%c%s", "!*"[i], hash) ==
		    -1)
			fatalx("hash");
		users_one("bob", locked, own_rest(""));
		ok(world_try("bob", "pw") == CODE_AUTH &&
			world_reason("virtual:1: the account is locked"),
		    "locked with %c", "!*"[i]);
	}
}

/* Others' hashes stand in for a missing one: they must open nothing. */
static void
test_stand_in(void)
{
	char text[4096];

	if (text_print(text, sizeof(text), "anne:%s%s\nbob:!%s\ncy:\n",
		world_hash("hers", SHA512), own_rest(""), own_rest("")) == -1)
		fatalx("text");
	users_text(text);
	ok(world_try("anne", "hers") == CODE_OK, "her own");
	ok(world_try("bob", "hers") == CODE_AUTH, "not for a locked one");
	ok(world_try("cy", "hers") == CODE_AUTH, "not for one without");
	ok(world_try("none", "hers") == CODE_AUTH, "not for an unknown one");
}

static void
test_numbers(void)
{
	static const char *const bad[] = {":-1:1", ":+5:5", ":0x10:5", ":a:5",
	    ":5 :5", ": 5:5", ":4294967295:5", ":4294967296:5",
	    ":18446744073709551621:5", ":5:4294967295", ":5:b", ":5:", ":5"};
	const char *hash = world_hash("pw", SHA512);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		users_one("# first\nbob", hash, bad[i]);
		ok(world_try("bob", "pw") == CODE_PERMANENT &&
			world_reason("virtual:2: its "),
		    "'%s' with the password", bad[i]);
		ok(world_try("bob", "no") == CODE_AUTH &&
			world_reason("wrong password"),
		    "'%s' without", bad[i]);
	}
}

static void
test_long(void)
{
	static char home[CHANNEL_PATH + 256], name[CHANNEL_NAME + 1];
	const char *hash = world_hash("pw", SHA512);
	const char *rest;
	size_t length;

	rest = own_rest("::");
	length = strlen(rest);
	memcpy(home, rest, length);
	home[length] = '/';
	memset(home + length + 1, 'h', CHANNEL_PATH - 2);
	users_one("bob", hash, home);
	ok(world_try("bob", "pw") == CODE_OK &&
		strlen(world_account.home) == CHANNEL_PATH - 1,
	    "the longest home");
	home[length + CHANNEL_PATH - 1] = 'h';
	users_one("bob", hash, home);
	ok(world_try("bob", "pw") == CODE_PERMANENT &&
		world_reason("home is too long"),
	    "one octet more");
	memset(name, 'n', CHANNEL_NAME);
	users_one(name, hash, own_rest(""));
	ok(world_try(name, "pw") == CODE_AUTH,
	    "a name that is too long is nobody's");
	name[CHANNEL_NAME - 1] = '\0';
	users_one(name, hash, own_rest(""));
	ok(world_try(name, "pw") == CODE_OK, "the longest name");
}

static void
test_never(void)
{
	const char *hash = world_hash("pw", SHA512);

	users_one("toor", hash, ":0:0:::");
	ok(world_try("toor", "pw") == CODE_AUTH && world_reason("uid 0"),
	    "uid 0 looks like a wrong password");
	users_one("toor", hash, ":00:0:::");
	ok(world_try("toor", "pw") == CODE_AUTH, "written as 00, too");
	world_set("minimum-uid", "4000000000");
	users_one("bob", hash, own_rest(""));
	ok(world_try("bob", "pw") == CODE_AUTH && world_reason("never served"),
	    "so does one below minimum-uid");
	world_set("minimum-uid", "1");
	users_one("bob", hash, "");
	if (geteuid() == 0)
		ok(world_try("bob", "pw") == CODE_AUTH && world_reason("uid 0"),
		    "an empty uid is our own: root's");
	else
		ok(world_try("bob", "pw") == CODE_OK &&
			world_account.uid == getuid() &&
			world_account.gid == getgid(),
		    "an empty uid is our own");
	if (geteuid() != 0) {
		users_one("bob", hash, ":4242:4242:::");
		ok(world_try("bob", "pw") == CODE_PERMANENT &&
			world_reason("4242"),
		    "another uid needs root");
		ok(world_try("bob", "no") == CODE_AUTH, "not told to all");
	}
}

static void
look_right(void)
{
	(void)world_try("bob", "pw");
}

/* root's test of what an ordinary user's pop3d does. */
static void
test_other_uid(void)
{
	const char *hash = world_hash("pw", SHA512);
	char line[1024];

	if (geteuid() != 0) {
		ok(1, "SKIP: only root can be another uid");
		return;
	}
	line_print(line, sizeof(line), "bob", hash, "");
	world_write(world_path(USERS), line, strlen(line), 0644);
	ok(world_as(OTHER_UID, look_right) == CODE_OK &&
		world_account.uid == OTHER_UID &&
		world_account.gid == OTHER_UID,
	    "an empty uid is the one that pop3d runs as");
	line_print(line, sizeof(line), "bob", hash, ":4242:4242:::");
	world_write(world_path(USERS), line, strlen(line), 0644);
	ok(world_as(OTHER_UID, look_right) == CODE_PERMANENT &&
		world_reason("4242"),
	    "another uid needs root");
	line_print(line, sizeof(line), "bob", hash, ":54321:8:::");
	world_write(world_path(USERS), line, strlen(line), 0664);
	ok(world_as(OTHER_UID, look_right) == CODE_OK &&
		world_account.gid == OTHER_UID,
	    "the gid stays the process's own; its group may write the file");
	world_write(world_path(USERS), line, strlen(line), 0600);
	ok(world_as(OTHER_UID, look_right) == CODE_TEMPORARY &&
		world_reason("ermission"),
	    "a file that it may not read");
}

static void
test_file(void)
{
	const char *hash = world_hash("pw", SHA512);
	const char *path;

	users_one("bob", hash, own_rest(""));
	path = world_path(USERS);
	ok(chmod(path, 0602) == 0 && world_try("bob", "pw") == CODE_TEMPORARY &&
		world_reason("everybody"),
	    "writable by all");
	ok(chmod(path, 0660) == 0 &&
		world_try("bob", "pw") ==
		    (geteuid() == 0 ? CODE_TEMPORARY : CODE_OK),
	    "by its group: not when root");
	ok(chmod(path, 0644) == 0 && world_try("bob", "pw") == CODE_OK,
	    "readable by all");
	world_set("passwd-file", world_path("not-there"));
	ok(world_try("bob", "pw") == CODE_TEMPORARY &&
		world_reason("not-there"),
	    "a file that is not there");
	world_set("passwd-file", world_folder);
	ok(world_try("bob", "pw") == CODE_TEMPORARY, "a folder");
	ok(mkfifo(world_path("fifo"), 0600) == 0, "mkfifo");
	world_set("passwd-file", world_path("fifo"));
	ok(world_try("bob", "pw") == CODE_TEMPORARY, "a FIFO does not hang");
	world_set("passwd-file", "");
	ok(world_try("bob", "pw") == CODE_TEMPORARY && world_reason("not set"),
	    "none");
	world_set("passwd-file", world_path(USERS));
}

static double
price(const char *name)
{
	clock_t best, start, spent;
	int i;

	best = 0;
	for (i = 0; i < 7; i++) {
		start = clock();
		if (world_try(name, "wrong") != CODE_AUTH)
			fatalx("%s got in", name);
		spent = clock() - start;
		if (i == 0 || spent < best)
			best = spent;
	}
	return (double)best;
}

/* Processor time, the least of seven: is there one hash, not none or two? */
static void
test_price(void)
{
	static const char *const names[] = {
	    "locked", "empty", "kind", "none", "alsonone"};
	char text[4096];
	double known, cost;
	size_t i;

	if (text_print(text, sizeof(text),
		"anne:%s%s\nlocked:!%s%s\nempty:\n"
		"kind:{MD5}AAAAAAAAAAAAAAAAAAAA\n",
		world_hash("pw", DEAR), own_rest(""), world_hash("pw", DEAR),
		own_rest("")) == -1)
		fatalx("text");
	users_text(text);
	known = price("anne");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		cost = price(names[i]);
		if (!ok(cost > known * 0.4 && cost < known * 2.5,
			"'%s' costs what a wrong password costs", names[i]))
			tap_note("%.0f and %.0f", cost, known);
	}
	/* It looks like a hash, and is none: for crypt(3) an error. */
	users_text("spoilt:$6$rounds=x$a$bbbbbbbb\n");
	ok(world_try("spoilt", "pw") == CODE_AUTH, "a spoilt hash");
	ok(world_try("none", "pw") == CODE_AUTH, "beside a spoilt hash");
	ok(price("spoilt") > (double)CLOCKS_PER_SEC / 2000, "costs, too");
	users_text("anne:\n");
	ok(price("none") > (double)CLOCKS_PER_SEC / 2000,
	    "without any hash a login still costs one");
}

/* With hashes of two kinds the unknown are like one or the other, for good. */
static void
test_kinds_mixed(void)
{
	struct stand_in other;
	char name[16], first[HASH_SIZE];
	const char *cheap, *dear;
	unsigned i, dears;

	cheap = world_hash("a", SHA512);
	dear = world_hash("b", DEAR);
	dears = 0;
	for (i = 0; i < 400; i++) {
		if (text_print(name, sizeof(name), "user%u", i) == -1)
			fatalx("name");
		stand_in_init(&other, name);
		stand_in_offer(&other, cheap);
		stand_in_offer(&other, "!locked");
		stand_in_offer(&other, dear);
		memcpy(first, other.hash, sizeof(first));
		stand_in_init(&other, name);
		stand_in_offer(&other, dear);
		stand_in_offer(&other, cheap);
		if (strcmp(first, other.hash) != 0)
			break;
		if (strcmp(first, dear) == 0)
			dears++;
	}
	ok(i == 400, "a name's stand-in does not depend on the order");
	if (!ok(dears > 120 && dears < 280, "names share out the kinds"))
		tap_note("%u of 400", dears);
}

int
main(void)
{
	static const char *const files[] = {USERS, "fifo", NULL};

	platform_first_act();
	world_begin();
	world_set("auth", "passwd-file");
	world_set("passwd-file", world_path(USERS));
	test_kinds();
	test_account();
	test_layout();
	test_hashes();
	test_stand_in();
	test_numbers();
	test_long();
	test_never();
	test_other_uid();
	test_file();
	test_price();
	test_kinds_mixed();
	return world_end(files);
}
