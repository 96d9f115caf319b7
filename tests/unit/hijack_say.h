/*
 * hijack_say.h - what fronts that were taken over can say, and the world that
 * they are in.
 */

#ifndef HIJACK_SAY_H
#define HIJACK_SAY_H

#include "hijack_world.h"

#include "mailauth/database.h"

#define VICTIM "nobody knows it"

UNUSED static void
send_octets(int fd, const void *octets, size_t length, const int *descriptors,
    size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 256)];
	} control;
	struct msghdr message;
	struct cmsghdr *head;
	struct iovec iov;

	memcpy(&iov.iov_base, &octets, sizeof(octets));
	iov.iov_len = length;
	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		head = &control.align;
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(head), descriptors, sizeof(int) * count);
	}
	(void)sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Every answer is counted; its first field is the code, in every type. */
UNUSED static bool
answer_read(int fd, struct record *r)
{
	int descriptors[CHANNEL_DESCRIPTORS];
	size_t count = CHANNEL_DESCRIPTORS;

	if (channel_read(fd, r, descriptors, &count) != 1)
		return false;
	if (seen->answers < ANSWERS_MAX)
		seen->code[seen->answers] = r->u.result.code;
	seen->answers++;
	seen->descriptors += (int)count;
	return true;
}

UNUSED static void
say(int fd, uint32_t type, struct record *r)
{
	static struct record none;

	memset(&none, 0, sizeof(none));
	if (channel_write(fd, r == NULL ? &none : r, type, NULL, 0) == -1)
		return; /* the session is over, as it should be */
}

/* Whoever it is, it lives on until somebody ends it. */
UNUSED _Noreturn static void
live_on(void)
{
	for (;;)
		(void)pause();
}

UNUSED _Noreturn static void
stay(int fd)
{
	static struct record r;

	while (answer_read(fd, &r))
		continue;
	live_on();
}

UNUSED _Noreturn static void
leave(int fd)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	r.u.end.why = END_DISCONNECTED;
	say(fd, CH_END, &r);
	_exit(0);
}

UNUSED static void
password(int fd, const char *name, const char *secret)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	text_cut(r.u.password.name, sizeof(r.u.password.name), "%s", name);
	text_cut(
	    r.u.password.secret, sizeof(r.u.password.secret), "%s", secret);
	say(fd, CH_PASSWORD, &r);
}

/* A step of SASL; text NULL: no response. */
UNUSED static void
exchange(int fd, uint32_t mechanism, const char *text)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	r.u.step.mechanism = mechanism;
	if (text != NULL) {
		r.u.step.given = 1;
		r.u.step.length = (uint32_t)strlen(text);
		memcpy(r.u.step.octets, text, strlen(text));
	}
	say(fd, CH_STEP, &r);
}

/* Into a phase by the book: what is counted begins afterwards. */
UNUSED static void
enter(const struct front_args *args, int phase)
{
	static struct record r;
	int fd = args->channel;

	if (phase == 2 || phase == 4) {
		if (args->authenticated)
			say(fd, CH_EXTERNAL, NULL);
		else
			password(fd, user, SECRET);
		if (!answer_read(fd, &r) || r.u.login.code != CODE_OK)
			_exit(77);
	}
	if (phase == 8) {
		exchange(fd, MECHANISM_LOGIN, NULL);
		if (!answer_read(fd, &r) || r.u.stepped.done != 0)
			_exit(79);
	}
	if (phase == 4) {
		say(fd, CH_UPDATE, NULL);
		if (!answer_read(fd, &r) || r.u.updated.code != CODE_OK)
			_exit(78);
	}
	seen->answers = 0;
	seen->descriptors = 0;
}

static void
accounts_write(void)
{
	const char *hash = world_hash(SECRET, "$5$rounds=1000$abcdefgh");
	static char text[32768];
	char line[256];
	size_t used = 0;
	unsigned i;

	if (hash == NULL)
		fatalx("no hash");
	for (i = 0; i < 64; i++) {
		text_cut(line, sizeof(line), "u%u:%s:%u:%u::%s:\n", i, hash,
		    world_uid(), world_gid(), world_folder);
		memcpy(text + used, line, strlen(line));
		used += strlen(line);
	}
	text_cut(text + used, sizeof(text) - used, "victim:%s:%u:%u::%s:\n",
	    hash, world_uid(), world_gid(), world_folder);
	world_write(world_path("passwd"), text, strlen(text), 0600);
}

static int
name_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The same users, and one whose secret no attack knows. */
static void
secrets_write(void)
{
	static char names[65][16], text[65536];
	struct mailauth_entry e;
	size_t used, i;

	for (i = 0; i < 64; i++)
		text_cut(names[i], sizeof(names[i]), "u%zu", i);
	text_cut(names[i], sizeof(names[i]), "victim");
	qsort(names, 65, sizeof(names[0]), name_order);
	memset(&e, 0, sizeof(e));
	if (keys_make(
		&e.keys[MAILAUTH_SHA256], MAILAUTH_SHA256, SECRET, 4096) == -1)
		fatal("keys");
	database_header(text);
	used = strlen(text);
	for (i = 0; i < 65; i++) {
		text_cut(e.name, sizeof(e.name), "%s", names[i]);
		text_cut(e.secret, sizeof(e.secret), "%s",
		    names[i][0] == 'v' ? VICTIM : SECRET);
		used += entry_write(&e, text + used);
	}
	world_write(world_path("secrets"), text, used, 0600);
}

static void
folder_make(const char *name, bool of_user)
{
	const char *path = world_path(name);

	if (mkdir(path, 0755) == -1 ||
	    (of_user && geteuid() == 0 &&
		chown(path, world_uid(), world_gid()) == -1))
		fatal("%s", path);
}

static void
world_prepare(void)
{
	char text[CHANNEL_PATH];

	world_begin();
	folder_make("mail", true);
	folder_make("state", geteuid() != 0);
	accounts_write();
	secrets_write();
	text_cut(text, sizeof(text), "mbox:%s/mail/%%u", world_folder);
	world_set("mailbox", text);
	world_set("auth", "passwd-file mailauth");
	world_set("mailauth-file", world_path("secrets"));
	world_set("passwd-file", world_path("passwd"));
	world_set("state-directory", world_path("state"));
	world_set("plaintext", "always");
	world_set("login-delay-failed", "0");
	world_set("locks", "fcntl"); /* dotlocks have a test of their own */
}

/* What main() returns. */
static int
hijack_end(void)
{
	char command[CHANNEL_PATH];

	text_cut(command, sizeof(command), "rm -rf -- %s", world_folder);
	if (system(command) != 0)
		tap_note("%s stays", world_folder);
	config_free(&world_config);
	return tap_end();
}

#endif
