/*
 * access_test.c - the access file: its lines, networks, and what is damaged.
 */

#include <grp.h>

#include "auth_world.h"

#include "auth/access.h"

#define ACCESS "access"

static struct access_rule rule;
static char why[CHANNEL_TEXT];

static void
access_write(const char *text)
{
	world_write(world_path(ACCESS), text, strlen(text), 0600);
}

static int
find(const char *name)
{
	struct ch_account account = {.gid = world_gid()};

	text_cut(account.name, sizeof(account.name), "%s", name);
	memset(&rule, 0xa5, sizeof(rule));
	why[0] = '\0';
	return access_find(&world_config, &world_facts, &account, &rule, why);
}

static bool
finds(const char *name, unsigned line)
{
	int found = find(name);

	if (found == 1 && rule.line == line)
		return true;
	tap_note("%d, line %u, %s", found, rule.line, why);
	return false;
}

static void
test_lines(void)
{
	access_write("# who may\n"
		     "\n"
		     "  \t# nothing\n"
		     "joe no-pop3 # he has left\n"
		     "\tann\t tls   keep \r\n"
		     "joe pop3\n"
		     "sam read-only mechanisms=APOP,scram-sha-256\n"
		     "#bob no-pop3\n"
		     "a#b no-pop3\n"
		     "* pop3");
	ok(finds("joe", 4) && !rule.pop3, "the first line of a name");
	ok(finds("ann", 5) && rule.pop3 && rule.tls && rule.keep &&
		!rule.read_only && !rule.networks && rule.mechanisms == 0,
	    "blanks, options, the end of a line");
	ok(finds("sam", 7) && rule.read_only && !rule.tls && !rule.keep &&
		rule.mechanisms ==
		    (access_mechanism("APOP") |
			access_mechanism("SCRAM-SHA-256") |
			access_mechanism("SCRAM-SHA-256-PLUS")),
	    "mechanisms");
	ok(finds("bob", 10) && rule.pop3,
	    "a comment is no line; * is everybody");
	ok(finds("a#b", 9), "a # within a word");
	ok(finds("Joe", 10), "names are compared exactly");
	access_write("joe tls\n");
	ok(find("ann") == 0, "no line");
	access_write("");
	ok(find("joe") == 0, "an empty file");
}

static void
test_names(void)
{
	const struct group *group = getgrgid((gid_t)getgid());
	char text[256];

	world_set("username-lower", "yes");
	world_set("default-domain", "example.org");
	access_write("Joe@Example.ORG no-pop3\nsam@example.net tls\n");
	ok(finds("joe", 1), "one user has one name");
	ok(find("joe@example.net") == 0 && finds("sam@example.net", 2) &&
		find("sam") == 0,
	    "another domain's is another");
	world_set("username-lower", "no");
	world_set("default-domain", "");
	ok(find("joe") == 0, "without the settings they are two");
	if (group == NULL || getgid() != world_gid()) {
		struct ch_account account = {.gid = 0, .name = "joe"};

		access_write("@no-such-group-here tls\n@root keep\n");
		ok(access_find(&world_config, &world_facts, &account, &rule,
		       why) == 1 &&
			rule.line == 2,
		    "a group, its first");
		account.gid = 12345;
		ok(access_find(
		       &world_config, &world_facts, &account, &rule, why) == 0,
		    "not of it");
		account.groups[1] = 0;
		account.groups[0] = 12346;
		account.group_count = 2;
		ok(access_find(&world_config, &world_facts, &account, &rule,
		       why) == 1 &&
			rule.line == 2,
		    "a group, one of others");
		return;
	}
	text_cut(text, sizeof(text), "@no-such-group-here tls\n@%s keep\n",
	    group->gr_name);
	access_write(text);
	ok(finds("joe", 2), "a group");
}

static void
inside(const char *networks, const char *peer, bool is)
{
	char text[512];

	text_cut(text, sizeof(text), "* networks=%s\n", networks);
	access_write(text);
	world_facts.peer = peer;
	ok(find("joe") == 1 && rule.networks && rule.inside == is,
	    "%s is %sin %s", peer, is ? "" : "not ", networks);
	world_facts.peer = "192.0.2.1";
}

static void
test_networks(void)
{
	inside("192.0.2.0/24", "192.0.2.1", true);
	inside("192.0.2.0/24", "192.0.2.255", true);
	inside("192.0.2.0/24", "192.0.3.0", false);
	inside("192.0.2.0/24", "192.0.1.255", false);
	inside("192.0.2.77/24", "192.0.2.1", true);
	inside("192.0.2.1", "192.0.2.1", true);
	inside("192.0.2.1", "192.0.2.2", false);
	inside("192.0.2.0/31", "192.0.2.1", true);
	inside("192.0.2.0/31", "192.0.2.2", false);
	inside("192.0.2.64/26", "192.0.2.127", true);
	inside("192.0.2.64/26", "192.0.2.128", false);
	inside("128.0.0.0/1", "192.0.2.1", true);
	inside("128.0.0.0/1", "127.0.0.1", false);
	inside("0.0.0.0/0", "203.0.113.9", true);
	inside("0.0.0.0/0", "2001:db8::1", false);
	inside("10.0.0.0/8,2001:db8::/32", "2001:db8:ffff::1", true);
	inside("10.0.0.0/8,2001:db8::/32", "2001:db9::1", false);
	inside("10.0.0.0/8,2001:db8::/32", "10.255.0.1", true);
	inside("2001:db8::/33", "2001:db8:8000::1", false);
	inside("2001:db8::1", "2001:db8::1", true);
	inside("2001:db8::1/128", "2001:db8::2", false);
	inside("::/0", "2001:db8::1", true);
	inside("::/0", "192.0.2.1", false);
	/* IPv4 in IPv6 is IPv4, on either side. */
	inside("192.0.2.0/24", "::ffff:192.0.2.1", true);
	inside("192.0.2.0/24", "::ffff:192.0.3.1", false);
	inside("::ffff:192.0.2.0/120", "192.0.2.1", true);
	inside("::ffff:192.0.2.0/120", "192.0.3.1", false);
	inside("::/0", "::ffff:192.0.2.1", false);
	inside("0.0.0.0/0", "local", false);
	inside("local", "local", true);
	inside("local", "127.0.0.1", false);
	inside("local,127.0.0.0/8", "127.0.0.1", true);
}

static void
test_mechanisms(void)
{
	static const char *const names[] = {"USER", "APOP", "PLAIN", "LOGIN",
	    "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
	    "SCRAM-SHA-256-PLUS", "EXTERNAL"};
	uint32_t all = 0, bit;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		bit = access_mechanism(names[i]);
		ok(bit != 0 && (bit & (bit - 1)) == 0 && (all & bit) == 0,
		    "%s has a bit of its own", names[i]);
		all |= bit;
	}
	for (i = MECHANISM_PLAIN; i < MECHANISM_LIMIT; i++)
		ok(access_mechanism(channel_mechanism_name((uint32_t)i)) != 0,
		    "%s can be named in the file",
		    channel_mechanism_name((uint32_t)i));
	ok(access_mechanism("-a") == 0 && access_mechanism("") == 0,
	    "nothing else has one");
	access_write("* mechanisms=password,apop,plain,login,cram-md5,"
		     "scram-sha-1,SCRAM-SHA-256,external\n");
	ok(finds("joe", 1) && rule.mechanisms == all, "all of them");
	access_write("* mechanisms=SCRAM-SHA-1-plus\n");
	ok(finds("joe", 1) &&
		rule.mechanisms == access_mechanism("SCRAM-SHA-1-PLUS"),
	    "-PLUS alone");
	access_write("* mechanisms=scram-sha-1\n");
	ok(finds("joe", 1) &&
		rule.mechanisms ==
		    (access_mechanism("SCRAM-SHA-1") |
			access_mechanism("SCRAM-SHA-1-PLUS")),
	    "or with it what is the same and more");
}

/* Whoever logs in: the line is another's. */
static void
damaged(const char *line, const char *says)
{
	char text[512], want[CHANNEL_PATH + 64];

	text_cut(text, sizeof(text), "joe tls\n%s\n* pop3\n", line);
	access_write(text);
	text_cut(want, sizeof(want), "%s:2: ", world_path(ACCESS));
	if (!ok(find("joe") == -1 && strncmp(why, want, strlen(want)) == 0 &&
		    strstr(why, says) != NULL,
		"damaged: %s", line))
		tap_note("%s", why);
}

static void
test_damaged(void)
{
	damaged("ann", "a name without an option");
	damaged("ann nopop3", "'nopop3' is no option");
	damaged("ann TLS", "'TLS' is no option");
	damaged("ann tls=yes", "'tls=' is no option");
	damaged("ann mechanisms", "'mechanisms' is no option");
	damaged("ann tls tls", "twice");
	damaged("ann pop3 no-pop3", "contrary");
	damaged("ann no-pop3 pop3", "contrary");
	damaged("ann networks=::1 networks=::2", "twice");
	damaged("ann mechanisms=", "'' is no mechanism");
	damaged("ann mechanisms=apop,", "'' is no mechanism");
	damaged("ann mechanisms=apop,digest-md5", "'digest-md5' is no mech");
	damaged("ann mechanisms=apop, plain", "'' is no mechanism");
	damaged("ann networks=", "'' is no network");
	damaged("ann networks=10.0.0.0/8,,::1", "'' is no network");
	damaged("ann networks=10.0.0/8", "'10.0.0' is no network");
	damaged("ann networks=10.0.0.0/33", "is no network");
	damaged("ann networks=10.0.0.0/", "is no network");
	damaged("ann networks=10.0.0.0/+8", "is no network");
	damaged("ann networks=2001:db8::/129", "is no network");
	damaged("ann networks=mail.example.org", "is no network");
	damaged("ann networks=10.0.0.0/8/8", "is no network");
	damaged("ann tls\001", "a control character");
	damaged("ann\rtls keep", "a control character");
}

static void
test_file(void)
{
	static const char nul[] = "joe tls\nann\0 no-pop3\n";
	const char *path = world_path(ACCESS);

	world_write(path, nul, sizeof(nul) - 1, 0600);
	ok(find("joe") == -1 && strstr(why, ":2: a control") != NULL,
	    "a NUL: %s", why);
	access_write("joe tls\n");
	ok(chmod(path, 0602) == 0 && find("joe") == -1 &&
		strstr(why, "everybody may write it") != NULL,
	    "everybody's: %s", why);
	ok(chmod(path, 0620) == 0 && find("joe") == (geteuid() == 0 ? -1 : 1) &&
		(geteuid() != 0 ||
		    strstr(why, "its group may write it") != NULL),
	    "its group's: %s", why);
	ok(chmod(path, 0644) == 0 && finds("joe", 1), "readable by all");
	(void)unlink(path);
	ok(find("joe") == -1 && strstr(why, "No such file") != NULL,
	    "missing: %s", why);
	world_set("access-file", world_folder);
	ok(find("joe") == -1 && strstr(why, "not a regular") != NULL,
	    "a folder: %s", why);
}

int
main(void)
{
	static const char *const files[] = {ACCESS, NULL};

	platform_first_act();
	world_begin();
	world_set("access-file", world_path(ACCESS));
	test_lines();
	test_names();
	test_networks();
	test_mechanisms();
	test_damaged();
	test_file();
	return world_end(files);
}
