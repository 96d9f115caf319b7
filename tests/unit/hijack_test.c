/*
 * hijack_test.c - a front that has been taken over: what it gets from the
 * back is a refusal and the end of the session, in bounded time, and nothing
 * else.
 *
 * The front here is the test's, and is not even closed in: it may do what it
 * likes with its channel.  After each attack the mailbox must be what it was,
 * the log must say what happened, and no process may be left.
 */

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
#define SOON_MS 5000    /* a refusal; slow machines and sanitizers included */
#define CLOCK_MS 12000  /* a login-timeout of 1 s, and the back's grace */
#define ANSWERS_MAX 4096
#define HEAD offsetof(struct record, u)

enum {
	WITH_A = 1,             /* -a: logged in already */
	READ_ONLY = 2,          /* the user may not write the mailbox */
	CHANGES = 4,            /* the mailbox may change */
	CLOCK = 8,              /* login-timeout and timeout of 1 s */
	TRACED = 16,
	NO_PLAINTEXT = 32,
	BAD_MAILBOX = 64        /* the mailbox is a folder */
};

struct attack {
	const char *name;
	void (*front)(const struct front_args *);
	unsigned how;
	const char *log;        /* the log must hold this */
	int answers;            /* as many, and no more; -1: any number */
	int lines;              /* "LOGIN FAILED" lines; -1: any number */
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
	int client;             /* the connection's other end */
	int64_t begin, most;
	int status;
	bool late;
	unsigned left;          /* processes */
	char log[256 * 1024];
};

static const char mail[] =
    "From a@example.org Thu Jan  1 00:00:00 2026\n"
    "Subject: one\n\nfirst\n\n"
    "From b@example.org Thu Jan  1 00:00:00 2026\n"
    "Subject: two\n\n.second\n\n"
    "From c@example.org Thu Jan  1 00:00:00 2026\n"
    "Subject: three\n\nthird\n";
#define MESSAGES 3

static unsigned runs;
static struct seen *seen;       /* of the front that runs here */
static const char *user;
static void (*hostile)(const struct front_args *);

/* What attacks of one kind differ in. */
static uint32_t try_type;
static int try_phase;
static size_t try_size, try_place, try_count;
static uint64_t try_value;

/* The front's side */

static void
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
static bool
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

static void
say(int fd, uint32_t type, struct record *r)
{
	static struct record none;

	memset(&none, 0, sizeof(none));
	if (channel_write(fd, r == NULL ? &none : r, type, NULL, 0) == -1)
		return; /* the session is over, as it should be */
}

/* Whoever it is, it lives on until somebody ends it. */
_Noreturn static void
live_on(void)
{
	for (;;)
		(void)pause();
}

_Noreturn static void
stay(int fd)
{
	static struct record r;

	while (answer_read(fd, &r))
		continue;
	live_on();
}

_Noreturn static void
leave(int fd)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	r.u.end.why = END_DISCONNECTED;
	say(fd, CH_END, &r);
	_exit(0);
}

static void
password(int fd, const char *name, const char *secret)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	text_cut(r.u.password.name, sizeof(r.u.password.name), "%s", name);
	text_cut(r.u.password.secret, sizeof(r.u.password.secret), "%s",
	    secret);
	say(fd, CH_PASSWORD, &r);
}

/* Into a phase by the book: what is counted begins afterwards. */
static void
enter(const struct front_args *args, int phase)
{
	static struct record r;
	int fd = args->channel;

	if (phase >= 2) {
		if (args->authenticated)
			say(fd, CH_EXTERNAL, NULL);
		else
			password(fd, user, SECRET);
		if (!answer_read(fd, &r) || r.u.login.code != CODE_OK)
			_exit(77);
	}
	if (phase >= 4) {
		say(fd, CH_UPDATE, NULL);
		if (!answer_read(fd, &r) || r.u.updated.code != CODE_OK)
			_exit(78);
	}
	seen->answers = 0;
	seen->descriptors = 0;
}

/* Attacks */

static void
front_type(const struct front_args *args)
{
	static struct record r;
	int fd = args->channel;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	try_size = HEAD;
	/* Whatever length the table has for it. */
	if (strcmp(channel_name(try_type), "unknown") != 0) {
		for (r.type = try_type; try_size <= sizeof(r); try_size++) {
			r.length = (uint32_t)try_size;
			if (channel_check(&r, try_size) == 0)
				break;
		}
	}
	r.type = try_type;
	r.length = (uint32_t)try_size;
	send_octets(fd, &r, try_size, NULL, 0);
	stay(fd);
}

/* A type that may come: nothing bad must happen. */
static void
front_allowed(const struct front_args *args)
{
	int fd = args->channel;
	struct record r;

	enter(args, try_phase);
	say(fd, try_type, NULL);
	if (try_type == CH_END)
		_exit(0);
	if (try_type < CH_TRACE && try_type != CH_MARK)
		(void)answer_read(fd, &r);
	leave(fd);
}

/* try_size octets, all of them try_value. */
static void
front_octets(const struct front_args *args)
{
	static char octets[256 * 1024];

	enter(args, try_phase);
	memset(octets, (int)try_value, sizeof(octets));
	send_octets(args->channel, octets, try_size, NULL, 0);
	stay(args->channel);
}

/* A right record but for its length: in the head, and in truth. */
static void
front_length(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	r.type = CH_TRACE;
	r.length = (uint32_t)(HEAD + sizeof(r.u.text) + try_value);
	send_octets(args->channel, &r, HEAD + sizeof(r.u.text) + try_size, NULL,
	    0);
	stay(args->channel);
}

/* try_size octets at try_place of a record's body are try_value. */
static void
front_field(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	memset((char *)&r.u + try_place, (int)try_value, try_size);
	say(args->channel, try_type, &r);
	stay(args->channel);
}

static void
front_random(const struct front_args *args)
{
	static uint8_t octets[sizeof(struct record) + 64];
	uint64_t state = try_value * 0x9e3779b97f4a7c15U + 1;
	uint32_t head[2];
	size_t i, length;

	enter(args, try_phase);
	for (i = 0; i < sizeof(octets); i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		octets[i] = (uint8_t)(state >> 24);
	}
	length = 1 + (size_t)(state >> 8) % sizeof(octets);
	/* Half of them with a head that is right. */
	if ((state & 1) != 0) {
		head[0] = octets[0] % CHANNEL_TYPES;
		head[1] = (uint32_t)length;
		memcpy(octets, head, sizeof(head));
	}
	send_octets(args->channel, octets, length, NULL, 0);
	stay(args->channel);
}

static void
front_descriptors(const struct front_args *args)
{
	static struct record r;
	int descriptors[256];
	size_t i;

	enter(args, try_phase);
	for (i = 0; i < try_count; i++)
		descriptors[i] = i % 3 == 0 ? STDIN_FILENO :
		    i % 3 == 1 ? args->channel : open("/", O_RDONLY);
	memset(&r, 0, sizeof(r));
	r.type = try_type;
	r.length = (uint32_t)(HEAD + try_size);
	send_octets(args->channel, &r, HEAD + try_size, descriptors,
	    try_count);
	stay(args->channel);
}

static void
front_update_twice(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_UPDATE, NULL);
	say(args->channel, CH_UPDATE, NULL);
	stay(args->channel);
}

static void
front_mark_after_update(const struct front_args *args)
{
	static struct record r;

	enter(args, 4);
	r.u.mark.deleted[0] = 0xff;
	say(args->channel, CH_MARK, &r);
	say(args->channel, CH_UPDATE, NULL);
	stay(args->channel);
}

static void
front_end_twice(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_END, NULL);
	say(args->channel, CH_END, NULL);
	password(args->channel, user, SECRET);
	_exit(0);
}

static void
front_end_and_live(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_END, NULL);
	live_on();
}

static void
front_close_and_live(const struct front_args *args)
{
	enter(args, 2);
	(void)close(args->channel);
	live_on();
}

static void
front_half_close(const struct front_args *args)
{
	enter(args, 2);
	(void)shutdown(args->channel, try_value == 0 ? SHUT_RD : SHUT_WR);
	say(args->channel, CH_LOOK, NULL);
	if (try_value == 0)
		(void)close(args->channel);
	live_on();
}

static void
front_die(const struct front_args *args)
{
	const struct rlimit none = {0, 0};

	enter(args, try_phase);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal((int)try_value, SIG_DFL);
	(void)raise((int)try_value);
	_exit(0);
}

static void
front_exit(const struct front_args *args)
{
	enter(args, try_phase);
	_exit((int)try_value);
}

/* Marks of everything, and of what is not there; then no update. */
static void
front_mark_and_go(const struct front_args *args)
{
	static struct record r;
	int i;

	enter(args, 2);
	memset(&r.u.mark, 0xff, sizeof(r.u.mark));
	r.u.mark.first = 0;
	for (i = 0; i < 10; i++)
		say(args->channel, CH_MARK, &r);
	if (try_value != 0)
		(void)raise((int)try_value);
	leave(args->channel);
}

static void
front_mark_flood(const struct front_args *args)
{
	int i;

	enter(args, 2);
	for (i = 0; i < 3000; i++)
		say(args->channel, CH_MARK, NULL);
	stay(args->channel);
}

/* All of it is deleted, and bits beyond the last message: as if by DELE. */
static void
front_mark_all(const struct front_args *args)
{
	static struct record r;

	enter(args, 2);
	memset(&r.u.mark, 0xff, sizeof(r.u.mark));
	r.u.mark.first = 0;
	say(args->channel, CH_MARK, &r);
	say(args->channel, CH_UPDATE, NULL);
	(void)answer_read(args->channel, &r);
	leave(args->channel);
}

static void
front_look_beyond(const struct front_args *args)
{
	static const uint32_t beyond[] = {MESSAGES, MESSAGES + 1, 8191,
	    VIEW_INDEX_MAX};
	static struct record r;
	size_t i;

	enter(args, 2);
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		memset(&r, 0, sizeof(r));
		r.u.range.first = beyond[i];
		r.u.range.count = 1;
		say(args->channel, CH_LOOK, &r);
		(void)answer_read(args->channel, &r);
	}
	leave(args->channel);
}

/* Asks and asks, and reads nothing. */
static void
front_deaf(const struct front_args *args)
{
	static struct record r;
	int i;

	enter(args, 2);
	r.u.range.count = 1;
	for (i = 0; i < 20000; i++)
		say(args->channel, CH_LOOK, &r);
	live_on();
}

static void
front_flood(const struct front_args *args)
{
	static struct record r;
	unsigned i;

	enter(args, try_phase);
	text_cut(r.u.text.text, sizeof(r.u.text.text), "flood %%s%%n");
	for (i = 0; i < 3000; i++)
		say(args->channel, try_type, &r);
	leave(args->channel);
}

/* Talks without end, so that nobody shall look at the clock. */
static void
front_talk(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	for (;;) {
		if (channel_write(args->channel, &r, try_type, NULL, 0) == -1)
			live_on();
		(void)poll(NULL, 0, 5);
	}
}

static void
front_silent(const struct front_args *args)
{
	enter(args, try_phase);
	stay(args->channel);
}

/* Guesses, and the right password at last. */
static void
front_guess(const struct front_args *args)
{
	static struct record r;
	size_t i;

	for (i = 0; i < try_count; i++) {
		password(args->channel, user, "a wrong one");
		if (!answer_read(args->channel, &r))
			live_on();
	}
	password(args->channel, user, SECRET);
	stay(args->channel);
}

/* A login that cannot be, then one that could. */
static void
front_external(const struct front_args *args)
{
	static struct record r;

	if (try_value != 0)
		text_cut(r.u.external.name, sizeof(r.u.external.name),
		    "another");
	say(args->channel, CH_EXTERNAL, &r);
	(void)answer_read(args->channel, &r);
	say(args->channel, CH_EXTERNAL, NULL);
	stay(args->channel);
}

static void
front_password(const struct front_args *args)
{
	password(args->channel, user, SECRET);
	stay(args->channel);
}

/* Its ids are the front's, or it could do more than a front ever can. */
static void
front_hostile(const struct front_args *args)
{
	if (args->root && platform_become(args->uid, args->gid, NULL, 0) == -1)
		_exit(79);
	hostile(args);
}

/* The test's side */

static const char *
box_path(const char *name)
{
	char file[64];

	text_cut(file, sizeof(file), "mail/%s", name);
	return world_path(file);
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
	if (geteuid() == 0 && chown(path, world_uid(), world_gid()) == -1)
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
	same = text != NULL && ((run->attack.how & CHANGES) != 0 ||
	    (length == strlen(mail) && memcmp(text, mail, length) == 0));
	free(text);
	(void)unlink(box_path(run->user));
	return same;
}

_Noreturn static void
back_child(const struct run *run, int connection)
{
	struct connection c;
	char path[CHANNEL_PATH];
	const char *owner_of = NULL;
	int log;

	text_cut(path, sizeof(path), "%s.log", run->user);
	log = open(world_path(path), O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (dup2(connection, 0) == -1 || dup2(connection, 1) == -1 ||
	    dup2(log, 2) == -1)
		_exit(99);
	platform_first_act();
	log_init(LOG_MAIL, true, true);
	connection_init(&c, NULL, false);
	if ((run->attack.how & CLOCK) != 0) {
		world_set("login-timeout", "1");
		world_set("timeout", "1");
	}
	if ((run->attack.how & TRACED) != 0)
		world_set("trace-file", world_path("trace"));
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

	text_cut(path, sizeof(path), "/proc/self/task/%ld/children",
	    (long)getpid());
	fd = open(path, O_RDONLY);
	n = fd == -1 ? 0 : read_full(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (word = strchr(text, ' '); word != NULL; word = strchr(word + 1,
	    ' '))
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
	    "LOGIN FAILED, user=", "login of user=", "LOGOUT, ", "TIMEOUT, ",
	    "DISCONNECTED, ", "the front ", "flood", "front: ",
	    "no more tries", "no login in time", "user=", ""};
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
	    s->code[s->answers - 1] : 99,
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

static void
test_types(void)
{
	static const uint32_t free_types[] = {CH_TRACE, CH_DEBUG, CH_END};
	static const uint32_t login_types[] = {CH_PASSWORD, CH_EXTERNAL};
	static const uint32_t mailbox_types[] = {CH_LOOK, CH_MARK, CH_UPDATE};
	struct attack a = {.log = NULL, .lines = -1};
	char detail[80];
	bool allowed;
	size_t i;

	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		for (try_type = 0; try_type < CHANNEL_TYPES + 3; try_type++) {
			allowed = false;
			for (i = 0; i < ARRAY_SIZE(free_types); i++)
				allowed |= try_type == free_types[i];
			for (i = 0; i < ARRAY_SIZE(login_types); i++)
				allowed |= try_phase == 1 &&
				    try_type == login_types[i];
			for (i = 0; i < ARRAY_SIZE(mailbox_types); i++)
				allowed |= try_phase == 2 &&
				    try_type == mailbox_types[i];
			a.name = allowed ? "may come: " : "may not come: ";
			a.front = allowed ? front_allowed : front_type;
			a.log = allowed ? NULL : "the front broke the rules: ";
			a.answers = allowed ? -1 : 0;
			a.lines = allowed ? -1 : 0;
			text_cut(detail, sizeof(detail),
			    "%s (%u) in phase %d", channel_name(try_type),
			    try_type, try_phase);
			attack(&a, detail);
		}
	}
}

static void
test_types_beyond(void)
{
	static const uint32_t types[] = {64, 255, 256, 65535, 65536 + CH_END,
	    0x7fffffff, 0x80000000U | CH_PASSWORD, UINT32_MAX};
	const struct attack a = {"no such type", front_type, 0,
	    "the front broke the rules: bad record", 0, 0};
	size_t i;

	try_phase = 2;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		try_type = types[i];
		attack(&a, "");
	}
}

static void
test_nonsense(void)
{
	static const size_t sizes[] = {1, 3, 4, 7, 8, 9, 12, 100, 520, 776,
	    sizeof(struct record) - 1, sizeof(struct record),
	    sizeof(struct record) + 1, 65536, 150000};
	static const int values[] = {0x00, 0xff, 0x41, 0x02};
	static const int lies[] = {-512, -8, -1, 1, 8, 1000};
	struct attack a = {"", front_octets, 0,
	    "the front broke the rules: bad record", 0, 0};
	char detail[80];
	size_t i, k;

	for (try_phase = 1; try_phase <= 2; try_phase++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (k = 0; k < ARRAY_SIZE(values); k++) {
				try_size = sizes[i];
				try_value = (uint64_t)values[k];
				text_cut(detail, sizeof(detail),
				    "%zu octets of %#x in phase %d", sizes[i],
				    (unsigned)values[k], try_phase);
				attack(&a, detail);
			}
		}
	}
	try_phase = 2;
	a.front = front_length;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		try_size = 0;
		try_value = (uint64_t)(int64_t)lies[i];
		attack(&a, "a length that is not the packet's");
		try_size = (size_t)try_value;
		attack(&a, "a length that is not the type's");
		try_value = 0;
		attack(&a, "a packet that is not its length");
	}
	/* An empty packet looks like the channel's end, and is one. */
	a.log = "DISCONNECTED";
	a.front = front_octets;
	try_size = 0;
	attack(&a, "an empty packet");
	a.front = front_random;
	a.log = "the front broke the rules: ";
	for (try_value = 1; try_value <= 60; try_value++) {
		try_phase = 1 + (int)(try_value & 1);
		attack(&a, "random octets");
	}
}

/* One field of a record that may come. */
static const struct field {
	const char *name;
	int phase;
	uint32_t type;
	size_t place, size;
	int value;
} fields[] = {
	/* clang-format off */
	{ "a name without NUL", 1, CH_PASSWORD, 0, CHANNEL_NAME, 'a' },
	{ "a password without NUL", 1, CH_PASSWORD, CHANNEL_NAME,
	    CHANNEL_SECRET, 'a' },
	{ "an external name without NUL", 1, CH_EXTERNAL, 0, CHANNEL_NAME,
	    'a' },
	{ "a trace without NUL", 1, CH_TRACE, 0, CHANNEL_TEXT, 'a' },
	{ "a trace with LF", 1, CH_TRACE, 3, 1, '\n' },
	{ "a trace with a control", 1, CH_TRACE, 0, 8, 0x1b },
	{ "a debug with 8 bits", 2, CH_DEBUG, 0, 8, 0xe4 },
	{ "a debug with DEL", 2, CH_DEBUG, 0, 1, 0x7f },
	{ "a debug without NUL", 2, CH_DEBUG, 0, CHANNEL_TEXT, 'x' },
	{ "a look at 2^32 - 1", 2, CH_LOOK, 0, 4, 0xff },
	{ "a look at many", 2, CH_LOOK, 4, 1, 2 },
	{ "a mark at 2^32 - 1", 2, CH_MARK, 0, 4, 0xff },
	{ "an update of no known kind", 2, CH_UPDATE, 0, 1, 2 },
	{ "an end of no known kind", 2, CH_END, 0, 1, END_LIMIT },
	{ "an end of no known kind", 1, CH_END, 0, 4, 0xff },
	/* clang-format on */
};

static void
test_fields(void)
{
	struct attack a = {"", front_field, 0,
	    "the front broke the rules: bad record", 0, 0};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		a.name = fields[i].name;
		/* A control octet must be within the text to be seen. */
		try_phase = fields[i].phase;
		try_type = fields[i].type;
		try_place = fields[i].place;
		try_size = fields[i].size;
		try_value = (uint64_t)fields[i].value;
		if (try_place == 3) {
			try_place = 0;
			try_size = 4;
		}
		attack(&a, "");
	}
	/* Within the limits of the channel, but not of this mailbox. */
	a.log = "the front marked messages that are not there";
	try_phase = 2;
	try_type = CH_MARK;
	try_place = 0;
	try_size = 1;
	for (try_value = 1; try_value <= 8; try_value *= 2) {
		a.name = "a mark that is no multiple";
		attack(&a, "");
	}
	a.name = "a mark beyond the mailbox";
	try_place = 1;
	try_value = 0x20; /* 8192 */
	attack(&a, "");
}

static void
test_descriptors(void)
{
	static const size_t counts[] = {1, 2, 16, 17, 253};
	static const struct {
		uint32_t type;
		size_t size;
		int phase;
	} records[] = {
	    {CH_PASSWORD, sizeof(struct ch_password), 1},
	    {CH_TRACE, sizeof(struct ch_text), 1},
	    {CH_LOOK, sizeof(struct ch_range), 2},
	    {CH_MARK, sizeof(struct ch_mark), 2},
	    {CH_UPDATE, sizeof(struct ch_update), 2},
	    {CH_END, sizeof(struct ch_end), 2},
	    {CH_END, sizeof(struct ch_end), 4}};
	const struct attack a = {"descriptors with ", front_descriptors, 0,
	    "the front broke the rules: bad record", 0, 0};
	char detail[80];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(records); i++) {
		for (k = 0; k < ARRAY_SIZE(counts); k++) {
			try_type = records[i].type;
			try_size = records[i].size;
			try_phase = records[i].phase;
			try_count = counts[k];
			text_cut(detail, sizeof(detail), "%s: %zu",
			    channel_name(try_type), try_count);
			attack(&a, detail);
		}
	}
}

static void
test_order(void)
{
	static const struct attack attacks[] = {
	    {"UPDATE twice", front_update_twice, 0,
	    "the front broke the rules: update, phase 4", -1, 0},
	    {"marks after the update", front_mark_after_update, 0,
	    "the front broke the rules: mark, phase 4", 0, 0},
	    {"END twice, and a login after it", front_end_twice, 0,
	    "DISCONNECTED, user=", 0, 0},
	    {"END, and it lives on", front_end_and_live, 0,
	    "DISCONNECTED, user=", 0, 0},
	    {"the channel closed, and it lives on", front_close_and_live, 0,
	    "DISCONNECTED, user=", 0, 0},
	    {"marks without an update", front_mark_and_go, 0,
	    "DISCONNECTED, user=", 0, 0},
	    {"3000 marks", front_mark_flood, 0,
	    "the front broke the rules: mark, phase 2", 0, 0},
	    {"everything marked, and bits beyond it", front_mark_all, CHANGES,
	    "DISCONNECTED, user=", 1, 0},
	    {"an update of a read-only mailbox", front_mark_all, READ_ONLY,
	    "is read-only, user=", 1, 0},
	    {"a look beyond the mailbox", front_look_beyond, 0,
	    "DISCONNECTED, user=", 4, 0}};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attacks); i++)
		attack(&attacks[i], "");
}

static void
test_deaths(void)
{
	static const int signals[] = {SIGSEGV, SIGSYS, SIGKILL, SIGABRT,
	    SIGTERM, SIGBUS};
	struct attack a = {"death by signal ", front_die, 0, NULL, 0, 0};
	char detail[80], log[80];
	size_t i;

	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		for (i = 0; i < ARRAY_SIZE(signals); i++) {
			try_value = (uint64_t)signals[i];
			text_cut(detail, sizeof(detail), "%d in phase %d",
			    signals[i], try_phase);
			text_cut(log, sizeof(log),
			    "the front died of signal %d", signals[i]);
			a.log = log;
			attack(&a, detail);
		}
	}
	a.name = "marks, then death";
	a.front = front_mark_and_go;
	try_value = SIGKILL;
	a.log = "the front died of signal 9";
	attack(&a, "");
	a.name = "exit without a word: ";
	a.front = front_exit;
	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		for (try_value = 0; try_value < 3; try_value++) {
			a.log = try_value == 0 ? "DISCONNECTED" : "the front ";
			text_cut(detail, sizeof(detail), "%d in phase %d",
			    (int)try_value, try_phase);
			attack(&a, detail);
		}
	}
	a.name = "a channel shut on one side: ";
	a.front = front_half_close;
	a.log = "DISCONNECTED, user=";
	for (try_value = 0; try_value < 2; try_value++)
		attack(&a, try_value == 0 ? "reading" : "writing");
}

static void
test_floods(void)
{
	struct attack a = {"a flood of ", front_flood, TRACED, NULL, 0, 0};
	struct run *run;
	struct stat st;

	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		try_type = CH_TRACE;
		attack(&a, "traces");
		try_type = CH_DEBUG;
		run = run_start(&a);
		run_wait(run);
		ok(log_count(run, "flood %s%n") == 1000,
		    "of 3000 lines in phase %d 1000 are logged", try_phase);
		(void)run_closed(run, 2000);
		run->left = run_left();
		run_judge(run, "debug lines");
		run_free(run);
	}
	ok(stat(world_path("trace"), &st) == 0 && st.st_size > 9000 * 12 &&
	    (st.st_mode & 0777) == 0600,
	    "the trace has every line, and is nobody else's");
	(void)unlink(world_path("trace"));
}

static void
test_logins(void)
{
	struct attack a = {"", front_guess, 0, NULL, 3, 3};

	a.name = "many guesses: three are answered, the right one is not";
	try_count = 20;
	attack(&a, "");
	a.name = "three guesses, then the right password";
	try_count = 3;
	attack(&a, "");
	a.name = "EXTERNAL without -a, then again";
	a.front = front_external;
	a.answers = 1;
	a.lines = -1;
	attack(&a, "");
	a.name = "EXTERNAL as another, then as it should be";
	a.how = WITH_A;
	try_value = 1;
	attack(&a, "");
	a.name = "a password where -a has logged in";
	a.front = front_password;
	a.how = WITH_A | CLOCK;
	attack(&a, "");
	a.name = "a password where none is accepted";
	a.how = NO_PLAINTEXT | CLOCK;
	a.lines = 0;
	attack(&a, "");
}

/* What takes its time runs side by side. */
static void
test_clock(void)
{
	static const struct {
		const char *name;
		void (*front)(const struct front_args *);
		unsigned how;
		const char *log;
		int phase;
		uint32_t type;
	} slow[] = {
	    {"silence before the login", front_silent, CLOCK, "killed", 1, 0},
	    {"silence after the update", front_silent, CLOCK, "DISCONNECTED",
	    4, 0},
	    {"silence after a mailbox that cannot be opened", front_password,
	    CLOCK | BAD_MAILBOX, "DISCONNECTED", 1, 0},
	    {"talk past the login's time", front_talk, CLOCK, "killed", 1,
	    CH_TRACE},
	    {"talk after the update", front_talk, CLOCK, "DISCONNECTED", 4,
	    CH_DEBUG},
	    {"answers are not read", front_deaf, CLOCK, "DISCONNECTED", 2, 0}};
	struct run *run[ARRAY_SIZE(slow)];
	struct attack a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slow); i++) {
		memset(&a, 0, sizeof(a));
		a.name = slow[i].name;
		a.front = slow[i].front;
		a.how = slow[i].how;
		a.log = slow[i].log;
		a.answers = -1;
		a.lines = 0;
		try_phase = slow[i].phase;
		try_type = slow[i].type;
		run[i] = run_start(&a);
	}
	for (i = 0; i < ARRAY_SIZE(slow); i++)
		run_wait(run[i]);
	for (i = 0; i < ARRAY_SIZE(slow); i++) {
		if (!run_closed(run[i], 2000))
			run[i]->left++;
		run_judge(run[i], "");
		run_free(run[i]);
	}
	(void)run_left();
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
	world_write(world_path("passwd"), text, used, 0600);
}

static void
folder_make(const char *name, bool of_user)
{
	const char *path = world_path(name);

	if (mkdir(path, 0755) == -1 || (of_user && geteuid() == 0 &&
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
	text_cut(text, sizeof(text), "mbox:%s/mail/%%u", world_folder);
	world_set("mailbox", text);
	world_set("auth", "passwd-file");
	world_set("passwd-file", world_path("passwd"));
	world_set("state-directory", world_path("state"));
	world_set("plaintext", "always");
	world_set("login-delay-failed", "0");
}

int
main(void)
{
	char command[CHANNEL_PATH];

	(void)alarm(600);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fatal("subreaper");
	world_prepare();
	test_order();
	test_deaths();
	test_logins();
	test_floods();
	test_fields();
	test_descriptors();
	test_nonsense();
	test_types_beyond();
	test_types();
	test_clock();
	text_cut(command, sizeof(command), "rm -rf -- %s", world_folder);
	if (system(command) != 0)
		tap_note("%s stays", world_folder);
	config_free(&world_config);
	return tap_end();
}
