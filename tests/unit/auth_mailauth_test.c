/*
 * auth_mailauth_test.c - the method mailauth: right and wrong, whose account it
 * is, and a database that cannot be used.
 */

#include <errno.h>

#include "auth/method.h"
#include "mailauth_world.h"

#define SHA512 "$6$rounds=1000$saltsalt$"

static void
users_write(const char *name)
{
	char line[256];

	if (text_print(line, sizeof(line), "%s:x:%u:%u::/home/%s:\n", name,
		world_uid(), world_gid(), name) == -1)
		fatalx("line");
	world_write(world_path("users"), line, strlen(line), 0600);
}

static void
test_decision(void)
{
	char text[8192];

	if (text_print(text, sizeof(text),
		"hash:::::%s\nkeys:%s\nlocked:locked%s\n"
		"lockhash:locked::::%s\nold::%s:::\n",
		world_hash("pencil", SHA512), PENCIL, PENCIL,
		world_hash("pencil", SHA512), PENCIL_1) == -1)
		fatalx("text");
	/* "lockhash" sorts behind "locked". */
	db_text(text);
	users_write("keys");
	ok(world_try("keys", "pencil") == CODE_OK, "keys of both kinds, right");
	ok(world_account.uid == world_uid() &&
		strcmp(world_account.name, "keys") == 0 &&
		strcmp(world_account.home, "/home/keys") == 0 &&
		strcmp(world_account.mailbox, "mbox:/var/mail/keys") == 0,
	    "the account is passwd-file's");
	ok(world_try("keys", "pencils") == CODE_AUTH &&
		world_reason("mailauth: wrong password"),
	    "wrong");
	ok(world_try("keys:", "pencil") == CODE_AUTH &&
		world_reason("no such user"),
	    "name and colon");
	ok(world_try("none", "pencil") == CODE_AUTH &&
		world_reason("no such user"),
	    "no such user");
	users_write("locked");
	ok(world_try("locked", "pencil") == CODE_AUTH &&
		world_reason("the account is locked"),
	    "locked");
	users_write("old");
	ok(world_try("old", "pencil") == CODE_OK &&
		world_try("old", "pen") == CODE_AUTH,
	    "keys of SHA-1 alone");
	users_write("hash");
	ok(world_try("hash", "pencil") == CODE_OK, "a hash, right");
	ok(world_try("hash", "pen") == CODE_AUTH &&
		world_reason("wrong password"),
	    "a hash, wrong");
	users_write("lockhash");
	ok(world_try("lockhash", "pencil") == CODE_AUTH, "a hash, locked");
}

/* A name that is not there may be modelled on anybody: it stays unknown. */
static void
test_stand_in(void)
{
	char text[1024], name[16];
	unsigned i, in = 0;

	if (text_print(text, sizeof(text), "hash:::::%s\n",
		world_hash("pencil", SHA512)) == -1)
		fatalx("text");
	db_text(text);
	for (i = 0; i < 20; i++) {
		text_cut(name, sizeof(name), "none%u", i);
		users_write(name);
		in += world_try(name, "pencil") != CODE_AUTH;
	}
	ok(in == 0, "somebody's password opens no name that is not there");
}

static void
test_account(void)
{
	static struct ch_account account;

	db_text("joe:" PENCIL "\nroot:" PENCIL "\n");
	users_write("joe");
	account_of(&world_config, "joe", &account);
	ok(account.code == CODE_OK && account.uid == world_uid() &&
		account.group_count == 1 && account.mailbox[0] == '\0',
	    "account_of(): passwd-file's");
	users_write("other");
	ok(world_try("joe", "pencil") == CODE_PERMANENT &&
		world_reason("mailauth: no such user in passwd and "),
	    "in no passwd at all");
	world_set("passwd-file", "");
	ok(world_try("joe", "pencil") == CODE_PERMANENT &&
		world_reason("no such user in passwd"),
	    "nor is there a passwd-file");
	ok(world_try("joe", "pen") == CODE_AUTH, "which only she is told");
	world_set("passwd-file", world_path("none"));
	ok(world_try("joe", "pencil") == CODE_TEMPORARY &&
		world_reason("No such file"),
	    "a passwd-file that is missing");
	ok(world_try("root", "pencil") == CODE_AUTH &&
		world_reason("uid 0 is never served"),
	    "root is never served");
	world_set("passwd-file", world_path("users"));
}

static void
test_order(void)
{
	db_text("joe:" PENCIL "\n");
	users_write("joe");
	world_set("auth", "passwd-file mailauth");
	ok(world_try("joe", "pencil") == CODE_OK, "the second method");
	ok(world_try("joe", "pen") == CODE_AUTH &&
		world_reason("passwd-file: ") &&
		world_reason(", mailauth: wrong password"),
	    "both are tried");
	world_set("auth", "mailauth");
}

static void
test_file(void)
{
	(void)chmod(DB, 0640);
	ok(world_try("joe", "pencil") == CODE_TEMPORARY &&
		world_reason("db: others than root may read or write it"),
	    "others may read it");
	world_write(DB, "x", 1, 0600);
	ok(world_try("joe", "pencil") == CODE_TEMPORARY &&
		world_reason("it is damaged"),
	    "damaged");
	ok(world_try("none", "pencil") == CODE_TEMPORARY,
	    "the same for any other name");
	(void)unlink(DB);
	ok(world_try("joe", "pencil") == CODE_TEMPORARY &&
		world_reason("db: No such file or directory"),
	    "missing");
}

int
main(void)
{
	static const char *const files[] = {"db", "users", NULL};

	world_begin();
	world_set("auth", "mailauth");
	world_set("mailauth-file", DB);
	world_set("passwd-file", world_path("users"));
	test_decision();
	test_stand_in();
	test_account();
	test_order();
	test_file();
	return world_end(files);
}
