/*
 * auth_unix_test.c - shadow's dates, and the method unix: against passwd,
 * shadow and group of our own in a mount namespace, which only root can have.
 */

#include <sys/mount.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "auth_world.h"
#include "auth/method.h"

#define TODAY 20000
#define SHA512 "$6$rounds=1000$saltsalt$"
#define DEAR "$6$rounds=60000$saltsalt$"

static void
dated(const char *what, long changed, long most, long inactive, long expire,
    const char *part)
{
	struct spwd sp;
	const char *got;

	memset(&sp, 0, sizeof(sp));
	sp.sp_lstchg = changed;
	sp.sp_min = 100000; /* when it may be changed does not matter here */
	sp.sp_max = most;
	sp.sp_warn = 7;
	sp.sp_inact = inactive;
	sp.sp_expire = expire;
	got = account_expired(&sp, TODAY);
	if (!ok(part == NULL ? got == NULL :
			       got != NULL && strstr(got, part) != NULL,
		"%s", what))
		tap_note("got %s", got == NULL ? "NULL" : got);
}

static void
test_dates(void)
{
	const char *account = "account has expired", *must = "must be changed";
	const char *over = "and then the account";

	dated("all empty", -1, -1, -1, -1, NULL);
	dated("changed today", TODAY, 99999, -1, -1, NULL);
	dated("expires tomorrow", -1, -1, -1, TODAY + 1, NULL);
	dated("expires today", -1, -1, -1, TODAY, account);
	dated("expired yesterday", TODAY, 99999, -1, TODAY - 1, account);
	dated("expired in 1970", TODAY, 99999, -1, 0, account);
	dated("must change at once", 0, 99999, -1, -1, must);
	dated("must change, nothing else set", 0, -1, -1, -1, must);
	dated("the last day", TODAY - 30, 30, -1, -1, NULL);
	dated("the day after", TODAY - 31, 30, -1, -1, must);
	dated("no day of grace", TODAY - 31, 30, 0, -1, over);
	dated("the last day of grace", TODAY - 37, 30, 7, -1, must);
	dated("after the grace", TODAY - 38, 30, 7, -1, over);
	dated("grace without a maximum", TODAY - 38, -1, 7, -1, NULL);
	dated("no change known", -1, 30, 7, -1, NULL);
	dated("changed in the future", TODAY + 5, 0, 0, -1, NULL);
	dated("a maximum of 0, today", TODAY, 0, -1, -1, NULL);
	dated("a maximum of 0, yesterday", TODAY - 1, 0, -1, -1, must);
	dated("huge numbers", 1, LONG_MAX, LONG_MAX, LONG_MAX, NULL);
	dated("huge grace", 1, 1, LONG_MAX, LONG_MAX, must);
	dated("huge change", LONG_MAX, LONG_MAX, LONG_MAX, -1, NULL);
	dated("less than empty", LONG_MIN, LONG_MIN, LONG_MIN, LONG_MIN, NULL);
	dated("less than empty, old", 1, LONG_MIN, LONG_MIN, LONG_MIN, NULL);
}

/* Files that are built up line by line, then bound over those of /etc. */
struct file {
	const char *name;
	size_t used;
	char text[65536];
};

static struct file passwd = {.name = "passwd"};
static struct file shadow = {.name = "shadow"};
static struct file group = {.name = "group"};

static void FORMAT(2, 3) put(struct file *file, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(file->text + file->used, sizeof(file->text) - file->used,
	    format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(file->text) - file->used)
		fatalx("%s is full", file->name);
	file->used += (size_t)n;
}

static void
user(const char *name, unsigned uid, const char *hash, const char *dates)
{
	put(&passwd, "%s:x:%u:%u::/home/%s:/bin/false\n", name, uid, uid, name);
	put(&shadow, "%s:%s:%s\n", name, hash, dates);
}

static void
file_bind(struct file *file, mode_t mode)
{
	char etc[64];

	world_write(world_path(file->name), file->text, file->used, mode);
	if (text_print(etc, sizeof(etc), "/etc/%s", file->name) == -1 ||
	    mount(world_path(file->name), etc, NULL, MS_BIND, NULL) == -1)
		fatal("bind %s", etc);
}

static bool
etc_ours(void)
{
	const char *hash;
	char locked[HASH_SIZE + 1];
	int i;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return false;
	hash = world_hash("pw", DEAR);
	if (text_print(locked, sizeof(locked), "!%s", hash) == -1)
		fatalx("hash");
	user("root", 0, hash, "20000::::::");
	user("bob", 2001, hash, "20000:0:99999:7:::");
	user("expired", 2002, hash, "19000:0:99999:7::19001:");
	user("change", 2003, hash, "0:0:99999:7:::");
	user("aged", 2004, hash, "10000:0:30:7:::");
	user("gone", 2005, hash, "10000:0:30:7:5::");
	user("locked", 2006, locked, "19000:0:99999:7:::");
	user("starred", 2007, "*", "19000:0:99999:7:::");
	user("empty", 2008, "", "19000:0:99999:7:::");
	user("toor", 0, hash, "19000:0:99999:7::19001:");
	user("system", 99, hash, "19000:0:99999:7::19001:");
	user("many", 2009, hash, "20000::::::");
	put(&passwd,
	    "lost:x:2010:2010::/:\nold:%s:2011:2011::/:\n"
	    "open::2012:2012::/:\nnolog:*:2013:2013::/:\n",
	    hash);
	put(&shadow, "nolog:%s:19000::::::\n", hash);
	put(&group,
	    "root:x:0:\nmail:x:8:\nbob:x:2001:\nwheel:x:3001:bob,x\n"
	    "staff:x:3002:bob\n");
	for (i = 0; i < CHANNEL_GROUPS + 1; i++)
		put(&group, "g%d:x:%d:many\n", i, 5000 + i);
	file_bind(&passwd, 0644);
	file_bind(&shadow, 0640);
	file_bind(&group, 0644);
	return true;
}

static void
gives(const char *name, const char *secret, uint32_t code, const char *reason)
{
	uint32_t got;

	got = world_try(name, secret);
	if (!ok(got == code && world_reason(reason), "%s with '%s': %s", name,
		secret, reason))
		tap_note("code %u", got);
}

static void
test_users(void)
{
	gives("bob", "pw", CODE_OK, "");
	ok(world_account.uid == 2001 && world_account.gid == 2001 &&
		world_account.mail_gid == 8 &&
		strcmp(world_account.home, "/home/bob") == 0 &&
		strcmp(world_account.mailbox, "mbox:/var/mail/bob") == 0,
	    "bob's account");
	ok(world_account.group_count == 3 &&
		world_account.groups[0] + world_account.groups[1] +
			world_account.groups[2] ==
		    2001 + 3001 + 3002,
	    "bob's groups");
	gives("bob", "no", CODE_AUTH, "unix: wrong password");
	gives("Bob", "pw", CODE_AUTH, "unix: no such user");
	gives("none", "pw", CODE_AUTH, "unix: no such user");
	gives("expired", "pw", CODE_REFUSED, "has expired");
	gives("expired", "no", CODE_AUTH, "wrong password");
	gives("change", "pw", CODE_REFUSED, "must be changed");
	gives("change", "no", CODE_AUTH, "wrong password");
	gives("aged", "pw", CODE_REFUSED, "must be changed");
	gives("gone", "pw", CODE_REFUSED, "and then the account");
	gives("gone", "no", CODE_AUTH, "wrong password");
	gives("locked", "pw", CODE_AUTH, "locked");
	gives("starred", "*", CODE_AUTH, "locked");
	gives("empty", "pw", CODE_AUTH, "no password");
	gives("open", "pw", CODE_AUTH, "no password");
	gives("open", "", CODE_AUTH, "empty");
	gives("lost", "pw", CODE_AUTH, "not in shadow");
	gives("old", "pw", CODE_OK, "");
	gives("nolog", "pw", CODE_AUTH, "locked");
	gives("many", "pw", CODE_PERMANENT, "groups");
	gives("many", "no", CODE_AUTH, "wrong password");
	/* No place to try root's password: not even that it has expired. */
	gives("root", "pw", CODE_AUTH, "uid 0");
	gives("toor", "pw", CODE_AUTH, "uid 0");
	world_set("minimum-uid", "1000");
	gives("system", "pw", CODE_AUTH, "uid 99");
	gives("bob", "pw", CODE_OK, "");
	world_set("minimum-uid", "1");
	gives("system", "pw", CODE_REFUSED, "has expired");
}

static double
price(const char *name)
{
	clock_t best, start, spent;
	int i;

	best = 0;
	for (i = 0; i < 3; i++) {
		start = clock();
		if (world_try(name, "wrong") != CODE_AUTH)
			fatalx("%s got in", name);
		spent = clock() - start;
		if (i == 0 || spent < best)
			best = spent;
	}
	return (double)best;
}

static void
test_price(void)
{
	static const char *const names[] = {"none", "locked", "starred",
	    "empty", "open", "lost", "root", "expired", "other"};
	double known, cost;
	size_t i;

	known = price("bob");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		cost = price(names[i]);
		if (!ok(cost > known * 0.4 && cost < known * 2.5,
			"%s costs what a wrong password costs", names[i]))
			tap_note("%.0f and %.0f", cost, known);
	}
}

static void
test_methods(void)
{
	char text[2048];
	const char *hash = world_hash("file", SHA512);

	if (text_print(text, sizeof(text),
		"bob:%s:4001:4001\n"
		"root:%s:4002:4002\nexpired:%s:4003:4003\nanne:%s:4004:4004\n",
		hash, hash, hash, hash) == -1)
		fatalx("text");
	world_write(world_path("virtual"), text, strlen(text), 0600);
	world_set("passwd-file", world_path("virtual"));
	world_set("auth", "unix passwd-file");
	gives("anne", "file", CODE_OK, "");
	ok(world_account.uid == 4004, "one that only the second knows");
	gives("bob", "pw", CODE_OK, "");
	ok(world_account.uid == 2001, "the first one's comes first");
	gives("bob", "file", CODE_OK, "");
	ok(world_account.uid == 4001, "a wrong password goes on");
	gives("bob", "no", CODE_AUTH,
	    "unix: wrong password, passwd-file: wrong password");
	gives("expired", "pw", CODE_REFUSED, "unix: the account has expired");
	gives("root", "pw", CODE_AUTH, "uid 0 is never served, passwd-file:");
	world_set("passwd-file", world_path("not-there"));
	gives("bob", "pw", CODE_OK, "");
	gives("bob", "no", CODE_TEMPORARY, "passwd-file: ");
	gives("none", "no", CODE_TEMPORARY, "passwd-file: ");
	world_set("auth", "passwd-file unix");
	gives("bob", "pw", CODE_OK, "");
	gives("bob", "no", CODE_TEMPORARY, "unix: wrong password");
	world_set("auth", "unix");
}

static void
closed(const char *text, size_t length, const char *told)
{
	world_write("/etc/nologin", text, length, 0600);
	gives("bob", "pw", CODE_TEMPORARY, "unix: logins are closed");
	if (!ok(strcmp(world_account.text, told) == 0, "told: %s", told))
		tap_note("told: %s", world_account.text);
	gives("bob", "no", CODE_AUTH, "wrong password");
	ok(world_account.text[0] == '\0', "a wrong one is told nothing");
}

/* An /etc of our own, in which that file can be. */
static void
test_nologin(void)
{
	char path[64], lines[256];
	size_t i;
	static const struct file *const etc[] = {&passwd, &shadow, &group};

	if (mount("none", "/etc", "tmpfs", 0, "mode=0755") == -1) {
		ok(1, "SKIP: no tmpfs on /etc: %s", strerror(errno));
		return;
	}
	for (i = 0; i < ARRAY_SIZE(etc); i++) {
		text_cut(path, sizeof(path), "/etc/%s", etc[i]->name);
		world_write(path, etc[i]->text, etc[i]->used, 0600);
	}
	gives("bob", "pw", CODE_OK, "");
	closed("", 0, "logins are closed");
	closed("back at noon\nor so\n", 19, "logins are closed: back at noon");
	closed("back at\tnoon\n", 13, "logins are closed");
	closed("\303\251t\303\251\n", 6, "logins are closed");
	closed("a\0b\n", 4, "logins are closed: a");
	memset(lines, 'x', sizeof(lines));
	world_write("/etc/nologin", lines, sizeof(lines), 0600);
	gives("bob", "pw", CODE_TEMPORARY, "logins are closed");
	ok(strlen(world_account.text) == strlen("logins are closed: ") + 200,
	    "a long line is cut");
	(void)unlink("/etc/nologin");
	ok(mkdir("/etc/nologin", 0700) == 0, "a folder");
	gives("bob", "pw", CODE_TEMPORARY, "logins are closed");
	gives("root", "pw", CODE_AUTH, "uid 0");
	(void)rmdir("/etc/nologin");
	gives("bob", "pw", CODE_OK, "");
	(void)umount("/etc");
}

static void
look_bob(void)
{
	(void)world_try("bob", "pw");
}

static void
look_nobody(void)
{
	(void)world_try("no-such-user", "pw");
}

static void
look_old(void)
{
	(void)world_try("old", "pw");
}

/* Without root: the same for every name, so that none is told. */
static void
test_not_root(void)
{
	ok(world_as(2001, look_bob) == CODE_TEMPORARY &&
		world_reason("ermission"),
	    "bob's pop3d cannot read shadow");
	ok(world_as(2001, look_nobody) == CODE_TEMPORARY &&
		world_reason("ermission"),
	    "nor say who is unknown");
	ok(world_as(2001, look_old) == CODE_TEMPORARY &&
		world_reason("ermission"),
	    "nor who has expired");
}

int
main(void)
{
	static const char *const files[] = {
	    "passwd", "shadow", "group", "virtual", NULL};

	platform_first_act();
	test_dates();
	world_begin();
	if (etc_ours()) {
		test_users();
		test_price();
		test_methods();
		test_not_root();
		test_nologin();
		(void)umount("/etc/passwd");
		(void)umount("/etc/shadow");
		(void)umount("/etc/group");
	} else {
		ok(1, "SKIP: real users need root and a mount namespace: %s",
		    geteuid() != 0 ? "not root" : strerror(errno));
	}
	return world_end(files);
}
