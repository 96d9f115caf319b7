/*
 * apart_test.c - where a client's handshake is looked at: what a module that
 * somebody has taken over could do there, and what it could say.
 *
 * Built without sanitizers, whose own system calls are on no list.
 */

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "auth_world.h"

#include "auth/sasl.h"

/* What the child shows somebody who looks at it from outside. */
struct shared {
	volatile pid_t pid;
	volatile bool seen;
	char status[4096], root[64];
};

static struct shared *shared;
static struct tls_client client;
static char why[TLS_TEXT];
static struct verifier_place place;

static enum tls_trust check(enum tls_trust (*module)(
    const struct tls_proof *, struct tls_client *, char why[TLS_TEXT]))
{
	const struct tls_module tls = {.client_check = module};
	const struct tls_proof proof = {.length = 7};

	memset(&client, 0, sizeof(client));
	return apart_check(&place, &tls, &proof, &client, why);
}

static enum tls_trust
honest(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	text_cut(who->subject, sizeof(who->subject), "CN=joe");
	text_cut(text, TLS_TEXT, "%zu", proof->length);
	return TLS_UNTRUSTED;
}

/* More than any text, and a trust that is none. */
static enum tls_trust
babbling(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	const int none = 77;
	enum tls_trust trust;

	(void)proof;
	memset(who, 'x', sizeof(*who));
	memset(text, 'x', TLS_TEXT);
	memcpy(&trust, &none, sizeof(trust));
	return trust;
}

static enum tls_trust
opening(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	(void)proof;
	(void)who;
	text_cut(text, TLS_TEXT, "%s", fd == -1 ? strerror(errno) : "open");
	return TLS_FORGED;
}

static enum tls_trust
writing(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	int fd;

	(void)proof;
	(void)who;
	for (fd = 4; fd < 64; fd++) {
		if (write(fd, "", 1) != -1 || errno != EBADF) {
			text_cut(text, TLS_TEXT, "descriptor %d", fd);
			return TLS_FORGED;
		}
	}
	return TLS_TRUSTED;
}

static enum tls_trust
shown(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	int64_t end = clock_ms() + 20000;

	(void)proof;
	(void)who;
	(void)text;
	shared->pid = getpid();
	while (!shared->seen && clock_ms() < end)
		continue;
	return TLS_TRUSTED;
}

/* Calls that kill. */
static int deadly;

static enum tls_trust
dying(
    const struct tls_proof *proof, struct tls_client *who, char text[TLS_TEXT])
{
	(void)proof;
	(void)who;
	(void)text;
	switch (deadly) {
	case 0:
		(void)socket(AF_INET, SOCK_STREAM, 0);
		break;
	case 1:
		if (fork() == 0)
			_exit(0);
		break;
	case 2:
		(void)kill(getppid(), 0);
		break;
	case 3:
		(void)execl("/bin/true", "true", (char *)NULL);
		break;
	case 4:
		if (setuid(0) == -1)
			_exit(1);
		break;
	default:
		_exit(0); /* and has said nothing */
	}
	return TLS_TRUSTED;
}

static void
test_said(void)
{
	size_t i;

	ok(check(honest) == TLS_UNTRUSTED && strcmp(why, "7") == 0 &&
		strcmp(client.subject, "CN=joe") == 0,
	    "what it finds is what is said");
	ok(check(babbling) == TLS_UNKNOWN && strlen(why) == TLS_TEXT - 1 &&
		strlen(client.subject) == TLS_NAME - 1,
	    "no text is longer than its field");
	for (i = 0; i < TLS_EMAILS; i++)
		ok(strlen(client.emails[i]) == TLS_NAME - 1, "nor address %zu",
		    i);
	ok(check(opening) == TLS_FORGED && strcmp(why, "open") != 0,
	    "no file: %s", why);
	ok(check(writing) == TLS_TRUSTED, "no descriptor: %s", why);
	for (deadly = 0; deadly < 6; deadly++)
		ok(check(dying) == TLS_UNKNOWN &&
			strcmp(why, "nobody could look at the handshake") == 0,
		    "call %d: its end", deadly);
}

static void
observe(void)
{
	char path[64];
	int fd;
	ssize_t n;

	while (shared->pid == 0)
		(void)usleep(1000);
	text_cut(path, sizeof(path), "/proc/%d/status", (int)shared->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read_full(fd, shared->status, sizeof(shared->status) - 1);
	text_cut(path, sizeof(path), "/proc/%d/root", (int)shared->pid);
	if (n == -1 ||
	    readlink(path, shared->root, sizeof(shared->root) - 1) == -1)
		shared->root[0] = '\0';
	shared->seen = true;
	_exit(0);
}

static void
test_shown(void)
{
	char uid[64];
	pid_t pid = fork();

	if (pid == 0)
		observe();
	ok(check(shown) == TLS_TRUSTED && shared->seen, "it is looked at");
	(void)waitpid(pid, NULL, 0);
	text_cut(uid, sizeof(uid), "Uid:\t%u\t%u\t%u\t%u", world_uid(),
	    world_uid(), world_uid(), world_uid());
	ok(strstr(shared->status, uid) != NULL, "%s", uid);
	ok(strstr(shared->status, "Groups:\t \n") != NULL || geteuid() != 0,
	    "no groups");
	ok(strstr(shared->status, "CapEff:\t0000000000000000") != NULL,
	    "no capability");
	ok(strstr(shared->status, "NoNewPrivs:\t1") != NULL,
	    "no new privileges");
	ok(strstr(shared->status, "Seccomp:\t2") != NULL,
	    "a list of system calls");
	ok(geteuid() != 0 || strcmp(shared->root, world_folder) == 0,
	    "an empty folder: %s", shared->root);
}

int
main(void)
{
	static const char *const files[] = {NULL};

	(void)alarm(60);
	world_begin();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fatal("mmap");
	place.root = geteuid() == 0;
	place.uid = world_uid();
	place.gid = world_gid();
	place.cage = world_folder;
	test_said();
	test_shown();
	return world_end(files);
}
