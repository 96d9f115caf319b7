/*
 * hijack_world.h - sessions of a back with a front that is the test's own, and
 * what is asked of each: its log, its mailbox, its processes.
 */

#ifndef HIJACK_WORLD_H
#define HIJACK_WORLD_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "auth_world.h"

#include "back.h"
#include "channel.h"

#define SECRET "the right one"
#define SOON_MS 5000   /* a refusal; slow machines and sanitizers included */
#define CLOCK_MS 12000 /* a login-timeout of 1 s, and the back's grace */
#define ANSWERS_MAX 4096
#define NOBODY 65534 /* is in every passwd */
#define HEAD offsetof(struct record, u)

enum {
	WITH_A = 1,    /* -a: logged in already */
	READ_ONLY = 2, /* the user may not write the mailbox */
	CHANGES = 4,   /* the mailbox may change */
	CLOCK = 8,     /* login-timeout and timeout of 1 s */
	TRACED = 16,
	NO_PLAINTEXT = 32,
	BAD_MAILBOX = 64, /* the mailbox is a folder */
	KEPT = 128,       /* the access file says keep, */
	UNCHANGED = 256,  /* or read-only */
	SECURED = 512,    /* TLS from the first octet */
	STANDING = 1024   /* with a listener's signer */
};

struct attack {
	const char *name;
	void (*front)(const struct front_args *);
	unsigned how;
	const char *log; /* the log must hold this */
	int answers;     /* as many, and no more; -1: any number */
	int lines;       /* "LOGIN FAILED" lines; -1: any number */
};

/* What the front has seen, in memory that it shares with the test. */
struct seen {
	volatile int answers;
	volatile int descriptors;
	volatile uint32_t code[ANSWERS_MAX];
	volatile uint32_t index;
};

struct run {
	struct attack attack;
	char user[16];
	struct seen *seen;
	pid_t back;
	int client; /* the connection's other end */
	int64_t begin, most;
	int status;
	bool late;
	unsigned left; /* processes */
	char log[256 * 1024];
};

static const char mail[] = "From a@example.org Thu Jan  1 00:00:00 2026\n"
			   "Subject: one\n\nfirst\n\n"
			   "From b@example.org Thu Jan  1 00:00:00 2026\n"
			   "Subject: two\n\n.second\n\n"
			   "From c@example.org Thu Jan  1 00:00:00 2026\n"
			   "Subject: three\n\nthird\n";
#define MESSAGES 3

static unsigned runs;
static struct seen *seen; /* of the front that runs here */
static const char *user;
static void (*hostile)(const struct front_args *);

/* What attacks of one kind differ in. */
UNUSED static uint32_t try_type;
UNUSED static int try_phase;
UNUSED static size_t try_size, try_place, try_count;
static uint64_t try_value;

/* STANDING: where it is. */
UNUSED static int world_signer = -1;

/* Its ids are the front's, or it could do more than a front ever can. */
static void
front_hostile(const struct front_args *args)
{
	if (args->root && platform_become(args->uid, args->gid, NULL, 0) == -1)
		_exit(79);
	hostile(args);
}

static const char *
box_path(const char *name)
{
	char file[64];

	text_cut(file, sizeof(file), "mail/%s", name);
	return world_path(file);
}

static void
access_make(const struct run *run)
{
	const char *text =
	    (run->attack.how & KEPT) != 0 ? "* keep\n" : "* read-only\n";

	world_write(world_path("access"), text, strlen(text), 0600);
}

static void
box_make(const struct run *run)
{
	const char *path = box_path(run->user);

	if ((run->attack.how & BAD_MAILBOX) != 0) {
		if (mkdir(path, 0700) == -1)
			fatal("%s", path);
	} else
		world_write(path, mail, strlen(mail),
		    (run->attack.how & READ_ONLY) != 0 ? 0400 : 0600);
	/* An owner must be in passwd, a virtual user need not. */
	if ((run->attack.how & WITH_A) != 0) {
		if (geteuid() == 0 && chown(path, NOBODY, NOBODY) == -1)
			fatal("%s", path);
	} else if (geteuid() == 0 &&
	    chown(path, world_uid(), world_gid()) == -1)
		fatal("%s", path);
}

/* Is the mailbox what it was, octet for octet, and nothing beside it? */
static bool
box_same(const struct run *run)
{
	char *text, lock[64];
	size_t length;
	bool same;

	text_cut(lock, sizeof(lock), "%s.lock", run->user);
	if (access(box_path(lock), F_OK) == 0)
		return false;
	if ((run->attack.how & BAD_MAILBOX) != 0)
		return rmdir(box_path(run->user)) == 0;
	text = file_read(box_path(run->user), 65536, &length);
	same = text != NULL &&
	    ((run->attack.how & CHANGES) != 0 ||
		(length == strlen(mail) && memcmp(text, mail, length) == 0));
	free(text);
	(void)unlink(box_path(run->user));
	return same;
}

_Noreturn static void
back_child(const struct run *run, int connection)
{
	const struct signer standing = {-1, 3, -1, NULL};
	struct connection c;
	char path[CHANNEL_PATH];
	const char *owner_of = NULL;
	int log;

	text_cut(path, sizeof(path), "%s.log", run->user);
	log = open(world_path(path), O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (dup2(connection, 0) == -1 || dup2(connection, 1) == -1 ||
	    dup2(log, 2) == -1)
		_exit(99);
	if ((run->attack.how & STANDING) != 0 && dup2(world_signer, 3) == -1)
		_exit(99);
	platform_first_act_from((run->attack.how & STANDING) != 0 ? 4 : 3);
	log_init(LOG_MAIL, true, true);
	connection_init(&c, NULL, false);
	c.tls = (run->attack.how & SECURED) != 0;
	if ((run->attack.how & STANDING) != 0)
		c.signer = &standing;
	if ((run->attack.how & CLOCK) != 0) {
		world_set("login-timeout", "1");
		world_set("timeout", "1");
	}
	if ((run->attack.how & TRACED) != 0)
		world_set("trace-file", world_path("trace"));
	if ((run->attack.how & (KEPT | UNCHANGED)) != 0)
		world_set("access-file", world_path("access"));
	if ((run->attack.how & NO_PLAINTEXT) != 0)
		world_set("plaintext", "never");
	if ((run->attack.how & WITH_A) != 0) {
		text_cut(path, sizeof(path), "%s", box_path(run->user));
		owner_of = path;
	}
	user = run->user;
	seen = run->seen;
	hostile = run->attack.front;
	_exit(back_run(&world_config, &c, owner_of, front_hostile));
}

static struct run *
run_start(const struct attack *attack)
{
	struct run *run = calloc(1, sizeof(*run));
	int ends[2];

	if (run == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		fatal("a run");
	run->attack = *attack;
	run->seen = mmap(NULL, sizeof(*run->seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->seen == MAP_FAILED)
		fatal("shared memory");
	text_cut(run->user, sizeof(run->user), "u%u", runs++ % 64);
	box_make(run);
	access_make(run);
	run->begin = clock_ms();
	run->most = (attack->how & CLOCK) != 0 ? CLOCK_MS : SOON_MS;
	fflush(stdout);
	run->back = fork();
	if (run->back == -1)
		fatal("fork");
	if (run->back == 0) {
		(void)close(ends[0]);
		back_child(run, ends[1]);
	}
	(void)close(ends[1]);
	run->client = ends[0];
	return run;
}

/*
 * The connection's other end is closed by everybody when no process of the
 * session is left: what the connection carries does not matter.
 */
static bool
run_closed(const struct run *run, int most)
{
	struct pollfd p = {.fd = run->client, .events = POLLIN};
	int64_t end = clock_ms() + most, left;
	char octets[512];

	for (;;) {
		left = end - clock_ms();
		if (left < 0 || poll(&p, 1, (int)left) != 1)
			return false;
		if (read(run->client, octets, sizeof(octets)) <= 0)
			return true;
	}
}

/* Our children, which are all processes of sessions: how many, one of them. */
static unsigned
children_count(pid_t *one)
{
	char path[64], text[4096], *word;
	unsigned count = 0;
	ssize_t n;
	int fd;

	text_cut(
	    path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	fd = open(path, O_RDONLY);
	n = fd == -1 ? 0 : read_full(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (word = strchr(text, ' '); word != NULL;
	     word = strchr(word + 1, ' '))
		count++;
	*one = (pid_t)strtol(text, NULL, 10);
	return count;
}

/*
 * The session's processes, but for the back, are our children by now.  One
 * that is ending itself may have a second for it.
 */
static unsigned
run_left(void)
{
	int64_t end = clock_ms() + 1000;
	unsigned left = 0;
	pid_t one;

	while (children_count(&one) > 0 && clock_ms() < end) {
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			(void)poll(NULL, 0, 2);
	}
	while (children_count(&one) > 0) {
		(void)kill(one, SIGKILL);
		(void)waitpid(one, NULL, 0);
		left++;
	}
	return left;
}

static void
run_log(struct run *run)
{
	char name[64];
	int fd;

	text_cut(name, sizeof(name), "%s.log", run->user);
	fd = open(world_path(name), O_RDONLY);
	if (fd != -1 && read(fd, run->log, sizeof(run->log) - 1) == -1)
		run->log[0] = '\0';
	(void)close(fd);
	(void)unlink(world_path(name));
}

static int
log_count(const struct run *run, const char *what)
{
	const char *found = run->log;
	int count = 0;

	while ((found = strstr(found, what)) != NULL) {
		found += strlen(what);
		count++;
	}
	return count;
}

/* What the back may say at all. */
static bool
log_known(const struct run *run)
{
	static const char *const known[] = {"connection, ip=", "LOGIN, user=",
	    "LOGIN FAILED, user=", "login, user=", "LOGOUT, ", "TIMEOUT, ",
	    "DISCONNECTED, ", "the front ", "flood", "front: ", "no more tries",
	    "no login in time", "user=", "TLS FAILED, ", "no handshake, ", ""};
	const char *line = run->log, *text, *end;
	size_t i;

	for (; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		text = strstr(line, "]: ");
		if (end == NULL || strncmp(line, "pop3d[", 6) != 0 ||
		    text == NULL || text > end)
			return false;
		for (i = 0; i + 1 < ARRAY_SIZE(known); i++) {
			if (strncmp(text + 3, known[i], strlen(known[i])) == 0)
				break;
		}
		/* DEBUG's own words, which the sweep leaves empty. */
		if (i + 1 == ARRAY_SIZE(known) && text + 3 != end)
			return false;
	}
	return true;
}

static void
run_judge(struct run *run, const char *detail)
{
	const struct attack *a = &run->attack;
	const struct seen *s = run->seen;
	const char *bad = NULL;

	if (run->late)
		bad = "the session did not end";
	else if (!WIFEXITED(run->status) || WEXITSTATUS(run->status) != 0)
		bad = "the back did not end well";
	else if (run->left != 0)
		bad = "a process is left";
	else if (a->log != NULL && strstr(run->log, a->log) == NULL)
		bad = "the log does not say so";
	else if (!log_known(run))
		bad = "the log says something else";
	else if (a->answers != -1 && s->answers != a->answers)
		bad = "another number of answers";
	else if (a->lines != -1 && log_count(run, "LOGIN FAILED,") != a->lines)
		bad = "another number of failures in the log";
	else if (s->descriptors != 0 && a->answers == 0)
		bad = "descriptors came";
	if (!box_same(run))
		bad = "the mailbox is not what it was";
	ok(bad == NULL, "%s%s", a->name, detail);
	if (bad == NULL)
		return;
	tap_note("%s: status %#x, %d answers, last code %u, %lld ms", bad,
	    (unsigned)run->status, s->answers,
	    s->answers > 0 && s->answers <= ANSWERS_MAX ?
		s->code[s->answers - 1] :
		99,
	    (long long)(clock_ms() - run->begin));
	run->log[2000] = '\0';
	tap_note("log: %s", run->log);
}

/* Wait for its end; others may be running, so who is left is not looked at. */
static void
run_wait(struct run *run)
{
	int64_t end = run->begin + run->most;

	while (waitpid(run->back, &run->status, WNOHANG) == 0) {
		if (clock_ms() > end) {
			run->late = true;
			(void)kill(run->back, SIGKILL);
			(void)waitpid(run->back, &run->status, 0);
			break;
		}
		(void)poll(NULL, 0, 2);
	}
	run_log(run);
}

static void
run_free(struct run *run)
{
	(void)close(run->client);
	(void)munmap(run->seen, sizeof(*run->seen));
	free(run);
}

static void
attack(const struct attack *a, const char *detail)
{
	struct run *run = run_start(a);

	run_wait(run);
	if (!run_closed(run, 2000))
		run->left++;
	run->left += run_left();
	run_judge(run, detail);
	run_free(run);
}

#endif
