/*
 * verifier_test.c - verifier_run() as a child, and whose mailbox -a serves.
 */

#include <errno.h>
#include <poll.h>
#include <pwd.h>

#include "auth_world.h"
#include "auth/method.h"

#define SHA512 "$6$rounds=1000$saltsalt$"
#define SLOW "$6$rounds=600000$saltsalt$"

static struct record answer;

/* A verifier that holds what the back holds: the connection and more. */
static pid_t
verifier_fork(
    int ends[2], int connection, struct record *request, const char *owner_of)
{
	const struct verifier_facts facts = {.owner_of = owner_of,
	    .stamp = "",
	    .peer = "192.0.2.1",
	    .method = "USER"};
	pid_t pid;

	if (channel_pair(ends) == -1 || (pid = fork()) == -1)
		fatal("fork");
	if (pid == 0) {
		if (connection != -1 &&
		    (dup2(connection, 0) == -1 || dup2(connection, 1) == -1))
			_exit(2);
		verifier_run(&world_config, ends[1], request, &facts);
	}
	(void)close(ends[1]);
	return pid;
}

static bool
verifier_end(int fd, pid_t pid)
{
	int status, rc;

	memset(&answer, 0xa5, sizeof(answer));
	rc = channel_read(fd, &answer, NULL, NULL);
	(void)close(fd);
	return rc == 1 && answer.type == CH_ACCOUNT &&
	    waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0;
}

static uint32_t
verifier_ask(struct record *request, const char *owner_of)
{
	int ends[2];
	pid_t pid;

	pid = verifier_fork(ends, -1, request, owner_of);
	return verifier_end(ends[0], pid) ? answer.u.account.code : CODE_LIMIT;
}

static void
request_password(struct record *request, const char *name, const char *secret)
{
	memset(request, 0, sizeof(*request));
	request->type = CH_PASSWORD;
	if (text_copy(request->u.password.name, CHANNEL_NAME, name,
		strlen(name)) == -1 ||
	    text_copy(request->u.password.secret, CHANNEL_SECRET, secret,
		strlen(secret)) == -1)
		fatalx("request");
}

static void
users(const char *setting)
{
	char line[1024];

	if (text_print(line, sizeof(line), "bob:%s:%u:%u\n",
		world_hash("pw", setting), world_uid(), world_gid()) == -1)
		fatalx("line");
	world_write(world_path("virtual"), line, strlen(line), 0600);
}

static void
test_password(void)
{
	static struct record request;
	static char longest[CHANNEL_SECRET];

	users(SHA512);
	request_password(&request, "bob", "pw");
	ok(verifier_ask(&request, NULL) == CODE_OK &&
		answer.u.account.uid == world_uid() &&
		strcmp(answer.u.account.mailbox, "mbox:/var/mail/bob") == 0,
	    "the right password");
	request_password(&request, "bob", "no");
	ok(verifier_ask(&request, NULL) == CODE_AUTH &&
		answer.u.account.uid == 0 && answer.u.account.name[0] == '\0',
	    "a wrong one");
	memset(longest, 'p', sizeof(longest) - 1);
	request_password(&request, "bob", longest);
	ok(verifier_ask(&request, NULL) == CODE_AUTH, "the longest one");
	request_password(&request, "bob", "pw");
	ok(verifier_ask(&request, "/var/mail/bob") == CODE_PERMANENT,
	    "no password where -a has logged in");
	request.type = CH_EXTERNAL;
	ok(verifier_ask(&request, NULL) == CODE_PERMANENT,
	    "no login without a password where -a has not");
	request.type = CH_DIGEST;
	ok(verifier_ask(&request, NULL) == CODE_PERMANENT,
	    "no APOP where no stamp was given");
	request.type = CH_STEP;
	ok(verifier_ask(&request, "/var/mail/bob") == CODE_PERMANENT,
	    "no SASL where -a has logged in");
	request.type = CH_LOOK;
	ok(verifier_ask(&request, NULL) == CODE_PERMANENT,
	    "nothing that is no login");
}

/* The connection ends when the back and the front leave it, not later. */
static void
test_descriptors(void)
{
	static struct record request;
	struct pollfd wait[2];
	int ends[2], connection[2];
	pid_t pid;

	users(SLOW);
	request_password(&request, "bob", "pw");
	if (pipe(connection) == -1)
		fatal("pipe");
	pid = verifier_fork(ends, connection[1], &request, NULL);
	(void)close(connection[1]);
	wait[0].fd = connection[0];
	wait[1].fd = ends[0];
	wait[0].events = wait[1].events = POLLIN;
	if (poll(wait, 2, 20000) == -1)
		fatal("poll");
	ok(wait[0].revents != 0 && wait[1].revents == 0,
	    "it lets go of the connection before it decides");
	ok(verifier_end(ends[0], pid) && answer.u.account.code == CODE_OK,
	    "and decides");
	(void)close(connection[0]);
}

static const char *owner_of;

static void
look_owner(void)
{
	owner_account(&world_config, owner_of, &world_account);
}

static uint32_t
owner(const char *path)
{
	owner_of = path;
	memset(&world_account, 0xa5, sizeof(world_account));
	look_owner();
	return world_account.code;
}

static bool
mailbox_is(const char *prefix, const char *path)
{
	char want[CHANNEL_PATH];

	if (text_print(want, sizeof(want), "%s%s", prefix, path) == -1)
		fatalx("path");
	return strcmp(world_account.mailbox, want) == 0;
}

/* As an ordinary user. */
static void
test_owner_self(void)
{
	char text[CHANNEL_PATH], cwd[CHANNEL_PATH];
	const char *path;

	path = world_path("mbox");
	world_write(path, "", 0, 0600);
	ok(owner(path) == CODE_OK && world_account.uid == getuid() &&
		world_account.gid == getgid() &&
		world_account.name[0] != '\0' && mailbox_is("mbox:", path),
	    "my own mailbox");
	if (text_print(text, sizeof(text), "maildir:%s", path) == -1)
		fatalx("path");
	ok(owner(text) == CODE_OK && mailbox_is("maildir:", path), "maildir:");
	if (text_print(text, sizeof(text), "auto:%s", path) == -1)
		fatalx("path");
	ok(owner(text) == CODE_OK && mailbox_is("auto:", path), "auto:");
	ok(owner(world_path("missing")) == CODE_OK &&
		world_account.uid == getuid(),
	    "one that is not there yet");
	ok(owner("/etc/passwd") == CODE_PERMANENT && world_reason("uid 0's"),
	    "root's");
	ok(owner(world_path("mbox/x")) == CODE_PERMANENT, "below a file");
	ok(owner("") == CODE_PERMANENT && owner("mbox:") == CODE_PERMANENT,
	    "an empty path");
	if (getcwd(cwd, sizeof(cwd)) == NULL || chdir(world_folder) == -1)
		fatal("chdir");
	ok(owner("mbox:mbox") == CODE_OK && mailbox_is("mbox:", path),
	    "a relative path");
	if (chdir(cwd) == -1)
		fatal("chdir");
}

static void
test_owner_root(void)
{
	const struct passwd *nobody;
	const char *path, *link;

	path = world_path("mbox");
	link = world_path("link");
	world_write(path, "", 0, 0600);
	ok(owner(path) == CODE_PERMANENT && world_reason("uid 0"), "root's");
	ok(owner(world_path("missing")) == CODE_PERMANENT &&
		world_reason("does not exist"),
	    "one that is not there");
	if (chown(path, OTHER_UID, OTHER_UID) == -1)
		fatal("chown");
	ok(owner(path) == CODE_PERMANENT && world_reason("not in passwd"),
	    "one of a uid that is not in passwd");
	owner_of = path;
	ok(world_as(OTHER_UID, look_owner) == CODE_OK &&
		strcmp(world_account.name, "54321") == 0 &&
		world_account.gid == OTHER_UID,
	    "who serves himself");
	ok(world_as(OTHER_UID + 1, look_owner) == CODE_PERMANENT &&
		world_reason("uid 54321's"),
	    "but nobody else");
	nobody = getpwnam("nobody");
	if (nobody == NULL || nobody->pw_uid == 0) {
		ok(1, "SKIP: there is no user nobody");
		return;
	}
	if (chown(path, nobody->pw_uid, 0) == -1 || symlink(path, link) == -1)
		fatal("chown");
	ok(owner(path) == CODE_OK && world_account.uid == nobody->pw_uid &&
		world_account.gid == nobody->pw_gid &&
		strcmp(world_account.name, "nobody") == 0 &&
		world_account.group_count >= 1 &&
		strcmp(world_account.home, nobody->pw_dir) == 0 &&
		mailbox_is("mbox:", path),
	    "nobody's");
	ok(owner(link) == CODE_OK && world_account.uid == nobody->pw_uid &&
		mailbox_is("mbox:", link),
	    "a symlink to it");
	world_set("minimum-uid", "4000000000");
	ok(owner(path) == CODE_PERMANENT && world_reason("never served"),
	    "below minimum-uid");
	world_set("minimum-uid", "1");
}

static void
test_external(const char *path)
{
	static struct record request;
	uint32_t code;
	char name[CHANNEL_NAME];

	memset(&request, 0, sizeof(request));
	request.type = CH_EXTERNAL;
	code = verifier_ask(&request, path);
	ok(code == CODE_OK && strstr(answer.u.account.mailbox, "/mbox") != NULL,
	    "-a by the verifier");
	memcpy(name, answer.u.account.name, sizeof(name));
	memset(&request, 0, sizeof(request));
	request.type = CH_EXTERNAL;
	memcpy(request.u.external.name, name, sizeof(name));
	ok(verifier_ask(&request, path) == CODE_OK, "by its owner's name");
	memset(&request, 0, sizeof(request));
	request.type = CH_EXTERNAL;
	memcpy(request.u.external.name, "somebody", 9);
	ok(verifier_ask(&request, path) == CODE_AUTH, "by another's");
}

int
main(void)
{
	static const char *const files[] = {"virtual", "mbox", "link", NULL};

	platform_first_act();
	world_begin();
	world_set("auth", "passwd-file");
	world_set("passwd-file", world_path("virtual"));
	test_password();
	test_descriptors();
	if (geteuid() == 0)
		test_owner_root();
	else
		test_owner_self();
	test_external(world_path("mbox"));
	return world_end(files);
}
