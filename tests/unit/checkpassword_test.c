/*
 * checkpassword_test.c - the method checkpassword, with this very program as
 * the program that it runs: what it is given, each way to end, and whom it
 * may say that it became.
 */

#include <limits.h>

#include "checkpassword_program.h"

static char self[PATH_MAX];

static void
setting(const char *what)
{
	char text[2 * PATH_MAX];

	(void)unlink(world_path("pid"));
	if (text_print(text, sizeof(text), "%s  %s\t%s ", self, what,
		world_path("pid")) == -1)
		fatalx("setting");
	world_set("checkpassword", text);
}

static uint32_t
try_within(const char *what, const char *secret, int64_t ms)
{
	setting(what);
	world_facts.end = clock_ms() + ms;
	return world_try("joe", secret);
}

static uint32_t
try(const char *what)
{
	return try_within(what, SECRET, 30000);
}

static bool
is_temporary(const char *what, const char *reason)
{
	return try(what) == CODE_TEMPORARY && world_reason(reason);
}

static void
test_right(void)
{
	uid_t uid = world_uid();
	bool root = geteuid() == 0;

	ok(try("good") == CODE_OK && world_account.uid == uid &&
		world_account.gid == world_gid() &&
		strcmp(world_account.name, "jo") == 0 &&
		strcmp(world_account.home, "/home/joe") == 0 &&
		strcmp(world_account.mailbox, "mbox:/var/mail/jo") == 0,
	    "right: who it became, USER, HOME");
	if (root)
		ok(world_account.group_count == 2 &&
			world_account.groups[0] == GROUP_ONE &&
			world_account.groups[1] == GROUP_TWO,
		    "its groups");
	else
		ok(1, "its groups # SKIP needs root");
	ok(try("nameless") == CODE_OK &&
		strcmp(world_account.name, "joe") == 0 &&
		world_account.home[0] == '\0',
	    "without USER and HOME: the name that was typed");
	if (!ok(try("looks") == CODE_OK, "what it is given"))
		tap_note("%s", world_account.reason);
	ok(try("closes") == CODE_OK, "one that closes descriptor 3 at once");
	ok(try_within("good", "wrong", 30000) == CODE_AUTH &&
		world_reason("checkpassword: status 1"),
	    "wrong");
	if (!root)
		return;
	ok(try("root") == CODE_AUTH && world_reason("uid 0"),
	    "one that stays root");
	ok(is_temporary("half", "rubbish"), "one that stays root in part");
	world_set("minimum-uid", "60000");
	ok(try("good") == CODE_AUTH && world_reason("never served"),
	    "below minimum-uid");
	world_set("minimum-uid", "1");
}

static void
test_statuses(void)
{
	unsigned status, wrong = 0;
	char text[8], reason[64];

	for (status = 1; status < 256; status += status < 112 ? 1 : 13) {
		text_cut(text, sizeof(text), "%u", status);
		text_cut(
		    reason, sizeof(reason), "checkpassword: status %u", status);
		if (status == 1 || status == 100)
			wrong += try(text) != CODE_AUTH;
		else
			wrong += !is_temporary(text, reason);
	}
	ok(wrong == 0, "each status: 1 and 100 wrong, all others temporary");
	ok(is_temporary("0", "was not run"), "0 without its program");
	ok(is_temporary("signal", "died of signal 9"), "a signal");
	ok(is_temporary("chatty", "status 111: no connection to ?[1mldap") &&
		strstr(world_account.reason, "more") == NULL,
	    "the first line of what it writes is in the reason");
	ok(is_temporary("tells", "not shown") &&
		strstr(world_account.reason, "horse") == NULL,
	    "but not with the password in it");
}

/* It may be a zombie for a moment: init's. */
static bool
child_gone(void)
{
	char text[32] = "", path[64], state[512] = "";
	const char *c;
	int fd, tries;
	ssize_t n;

	fd = open(world_path("pid"), O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read_full(fd, text, sizeof(text) - 1) <= 0)
		return false;
	(void)close(fd);
	text_cut(path, sizeof(path), "/proc/%s/stat", text);
	for (tries = 0; tries < 2000; tries++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return true;
		n = read_full(fd, state, sizeof(state) - 1);
		(void)close(fd);
		state[n > 0 ? n : 0] = '\0';
		c = strrchr(state, ')');
		if (c == NULL || strncmp(c, ") Z", 3) == 0)
			return true;
		(void)usleep(5000);
	}
	return false;
}

static void
test_odd(void)
{
	ok(try_within("hang", SECRET, 1000) == CODE_TEMPORARY &&
		world_reason("killed"),
	    "one that hangs");
	ok(child_gone(), "is killed with its child");
	ok(try("leave") == CODE_OK, "one that leaves a child");
	ok(child_gone(), "which is killed");
	ok(try_within("flood", SECRET, 300) == CODE_TEMPORARY &&
		world_reason("killed"),
	    "one that never ends to write");
	ok(try_within("good", SECRET, 0) == CODE_TEMPORARY &&
		world_reason("killed"),
	    "no time is left");
	ok(is_temporary("twice", "more than once"), "two identities");
	ok(is_temporary("rubbish", "rubbish"), "rubbish before it");
	ok(is_temporary("words", "rubbish"), "words without a socket");
	ok(is_temporary("pipe", "whom it became") || world_reason("rubbish"),
	    "words with a descriptor that is none");
	if (geteuid() != 0)
		return;
	ok(try("pair") == CODE_OK && world_account.uid == OTHER_UID &&
		strcmp(world_account.name, "root") == 0,
	    "whoever says so: uid and gid are the kernel's");
	ok(is_temporary("others", "rubbish"),
	    "a socket that another than the sender made");
}

static void
test_setting(void)
{
	static char longest[CHANNEL_SECRET], many[1024];
	size_t i;

	world_set("checkpassword", "");
	ok(world_try("joe", "x") == CODE_TEMPORARY && world_reason("not set"),
	    "no program");
	world_set("checkpassword", "/nonexistent x");
	ok(world_try("joe", "x") == CODE_TEMPORARY &&
		world_reason("/nonexistent: No such file"),
	    "one that does not exist");
	world_write(world_path("pid"), "", 0, 0644);
	world_set("checkpassword", world_path("pid"));
	ok(world_try("joe", "x") == CODE_TEMPORARY &&
		world_reason("Permission denied"),
	    "one that cannot be executed");
	world_write(world_path("pid"), "#!/nonexistent", 14, 0755);
	world_facts.end = clock_ms() + 30000;
	ok(world_try("joe", "x") == CODE_TEMPORARY &&
		world_reason("status 111: No such file"),
	    "one that cannot be executed after all");
	for (i = 0; i < sizeof(many) - 2; i += 2)
		memcpy(many + i, "/ ", 3);
	world_set("checkpassword", many);
	ok(world_try("joe", "x") == CODE_TEMPORARY && world_reason("too long"),
	    "too many words");
	memset(longest, 'x', sizeof(longest) - 1);
	ok(try_within("good", longest, 30000) == CODE_AUTH &&
		world_reason("too long"),
	    "too long for the interface");
	longest[400] = '\0';
	ok(try_within("good", longest, 30000) == CODE_AUTH &&
		world_reason("status 1"),
	    "long");
	ok(world_try("joe", "") == CODE_AUTH, "an empty password");
}

static void
look_reach(void)
{
	char path[CHANNEL_PATH];

	world_account.code =
	    platform_program(IDENTITY_PROGRAM, path, sizeof(path)) == 0 ?
	    CODE_OK :
	    CODE_TEMPORARY;
}

int
main(int argc, char **argv, char **envp)
{
	static const char *const files[] = {"pid", NULL};
	static const gid_t group = GROUP_TWO;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	/* Before anything of ours changes what it was given. */
	if (argc > 3) {
		if (strcmp(argv[1], "looks") == 0)
			check_descriptors();
		program(argv, envp);
	}
	if (n <= 0)
		fatal("/proc");
	world_begin();
	world_set("auth", "checkpassword");
	world_facts.peer_port = "4711";
	world_facts.here = "192.0.2.2";
	world_facts.here_port = "110";
	if (geteuid() == 0 && world_as(OTHER_UID, look_reach) != CODE_OK) {
		printf("1..0 # SKIP other users cannot reach this tree\n");
		return 0;
	}
	/* What it shall not inherit. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)dup2(1, 77);
	if (geteuid() == 0 && setgroups(1, &group) == -1)
		fatal("setgroups");
	test_right();
	test_statuses();
	test_odd();
	test_setting();
	return world_end(files);
}
