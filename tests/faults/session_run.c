/*
 * session_run.c - see session_run.h.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_run.h"
#include "session_tree.h"

#define RUN_MOST 30 /* s; a session that takes longer hangs */
#define SAID_MOST (1024 * 1024)
#define BATCHES 3

struct session_shared *run_shared;
char run_config[256];

static char program[256], preload[256];
static char shared_name[256];

/* The client: what it has sent, and what it has understood of the answers. */
struct client {
	const struct script *script;
	struct told *told;
	int socket;
	int batch;        /* the next to be sent */
	char sent[4096];  /* of the last batch */
	const char *open; /* in it: the first command not answered */
	bool inside;      /* of an answer of more than one line */
	uint64_t mail;    /* digest of RETR's answer so far */
	size_t said, parsed;
	char text[SAID_MOST];
};

static const char *const call_names[] = {
#define NAME(name, ...) #name,
    SESSION_CALLS(NAME)
#undef NAME
};

const char *
call_name(unsigned call)
{
	return call < CALL_COUNT ? call_names[call] : "?";
}

const char *
run_hit(void)
{
	int hit = atomic_load(&run_shared->hit);

	return hit == 0 ? "" : call_name((unsigned)hit - 1);
}

void
run_open(const char *programs, const char *shared)
{
	int fd = open(shared, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || ftruncate(fd, sizeof(*run_shared)) == -1)
		broken(shared);
	run_shared = mmap(NULL, sizeof(*run_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (run_shared == MAP_FAILED)
		broken(shared);
	(void)close(fd);
	(void)snprintf(program, sizeof(program), "%s/pop3d", programs);
	(void)snprintf(run_config, sizeof(run_config), "%s/conf", programs);
	(void)snprintf(preload, sizeof(preload), "%s/session.so", programs);
	(void)snprintf(shared_name, sizeof(shared_name), "%s", shared);
	/* Whom a killed back leaves behind comes to us. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		broken("prctl");
	(void)signal(SIGPIPE, SIG_IGN);
}

/* strace, with what is to be loaded for the program only; or the program. */
static size_t
arguments_begin(const char *argv[])
{
	static char load[300], share[300];
	const char *trace = getenv("SESSION_STRACE");
	size_t n = 0;

	if (trace == NULL || !run_shared->marks) {
		(void)setenv("SESSION_SHARED", shared_name, 1);
		(void)setenv("LD_PRELOAD", preload, 1);
		argv[n++] = program;
		return n;
	}
	(void)snprintf(load, sizeof(load), "LD_PRELOAD=%s", preload);
	(void)snprintf(share, sizeof(share), "SESSION_SHARED=%s", shared_name);
	argv[n++] = "strace";
	argv[n++] = "-f";
	argv[n++] = "-o";
	argv[n++] = trace;
	argv[n++] = "-E";
	argv[n++] = load;
	argv[n++] = "-E";
	argv[n++] = share;
	argv[n++] = program;
	return n;
}

static _Noreturn void
become_program(const char *const *arguments, int connection)
{
	const char *argv[32] = {NULL};
	size_t n;

	(void)setpgid(0, 0);
	if (dup2(connection, 0) == -1 || dup2(connection, 1) == -1)
		_exit(126);
	if (getenv("SESSION_DEBUG") == NULL) {
		connection = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (connection == -1 || dup2(connection, 2) == -1)
			_exit(126);
	}
	n = arguments_begin(argv);
	while (n < 31 && *arguments != NULL)
		argv[n++] = *arguments++;
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
order_put(const struct order *order, bool log)
{
	struct session_shared *s = run_shared;

	s->process = order->process;
	s->at = order->at;
	s->memory = order->memory;
	s->kind = order->kind;
	s->error = order->error;
	s->all = order->all;
	s->persist = order->persist;
	s->log = log;
	s->processes = 0;
	memset(s->calls, 0, sizeof(s->calls));
	memset(s->memory_calls, 0, sizeof(s->memory_calls));
	s->hit = s->stopped = s->go = s->kill_all = s->persisting = 0;
	s->changes = 0;
	s->op_count = s->octets_used = 0;
}

/* Which promise an answer to QUIT is. */
static enum reply
reply_kind(const char *line)
{
	if (line[0] == '+')
		return REPLY_DONE;
	if (strstr(line, "the end of the update is not known") != NULL)
		return REPLY_NONE;
	if (strstr(line, "will be finished at the next login") != NULL)
		return REPLY_LATER;
	if (strstr(line, "some ") != NULL)
		return REPLY_SOME;
	if (strstr(line, "may come back after a crash") != NULL)
		return REPLY_UNSYNCED;
	return REPLY_NOTHING;
}

static bool
is_long(const char *command)
{
	return strncmp(command, "RETR", 4) == 0 ||
	    strncmp(command, "UIDL\r", 5) == 0;
}

/* The number of a message; none of ours has more than fits. */
static unsigned
number_of(const char *text)
{
	unsigned long n = strtoul(text, NULL, 10);

	return n < RUN_MESSAGES ? (unsigned)n : 0;
}

static void
answer_begins(struct client *c, const char *line)
{
	const char *command = c->open;

	if (strncmp(command, "QUIT", 4) == 0) {
		c->told->quit = reply_kind(line);
		(void)snprintf(
		    c->told->line, sizeof(c->told->line), "%s", line);
	}
	if (strncmp(command, "DELE", 4) == 0 &&
	    strstr(line, "[SYS/PERM]") != NULL)
		c->told->refused = true;
	c->mail = 0;
	c->inside = line[0] == '+' && is_long(command);
	if (!c->inside)
		c->open = strstr(command, "\r\n") + 2;
}

static void
answer_goes_on(struct client *c, const char *line, size_t length)
{
	unsigned n = number_of(c->open[0] == 'R' ? c->open + 5 : line);

	if (strcmp(line, ".") == 0) {
		if (c->open[0] == 'R')
			c->told->mail[n] = c->mail;
		if (c->open[0] == 'U')
			c->told->listed = true;
		c->inside = false;
		c->open = strstr(c->open, "\r\n") + 2;
		return;
	}
	if (c->open[0] == 'R') {
		if (line[0] == '.')
			line++, length--;
		c->mail = digest(c->mail, line, length);
		c->mail = digest(c->mail, "\r\n", 2);
	} else if (strchr(line, ' ') != NULL) {
		(void)snprintf(
		    c->told->uid[n], RUN_UID, "%s", strchr(line, ' ') + 1);
	}
}

static void
line_take(struct client *c, char *line, size_t length)
{
	const char *comma;

	if (c->batch == 0) {
		c->told->logged_in = line[0] == '+';
		(void)snprintf(
		    c->told->line, sizeof(c->told->line), "%s", line);
		comma = strrchr(line, ',');
		if (c->told->logged_in && comma != NULL)
			c->told->count = number_of(comma + 1);
	} else if (c->open[0] == '\0') {
		return; /* nothing was asked */
	} else if (!c->inside) {
		answer_begins(c, line);
	} else {
		answer_goes_on(c, line, length);
	}
}

/* The next commands; "": only what was hooked in; the end: hang up. */
static void
batch_send(struct client *c)
{
	const struct script *script = c->script;
	size_t used = 0;
	const char *text = "";

	if (c->batch == 0)
		text = script->first;
	if (c->batch == 2) {
		if (script->between != NULL)
			script->between(script->argument);
		text = script->last;
	}
	if (c->batch == 1 && script->all)
		for (unsigned n = 1; n <= c->told->count; n++)
			used += (size_t)snprintf(c->sent + used,
			    sizeof(c->sent) - used, "RETR %u\r\n", n);
	c->batch++;
	if (text == NULL) {
		(void)shutdown(c->socket, SHUT_RDWR);
		return;
	}
	if (used == 0)
		used = (size_t)snprintf(c->sent, sizeof(c->sent), "%s", text);
	c->open = c->sent;
	if (strstr(text, "QUIT") != NULL)
		c->told->quit_sent = true;
	(void)!write(c->socket, c->sent, used);
}

static void
client_parse(struct client *c)
{
	char *line, *end;

	while (c->parsed < c->said) {
		line = c->text + c->parsed;
		end = memchr(line, '\n', c->said - c->parsed);
		if (end == NULL)
			break;
		c->parsed += (size_t)(end - line) + 1;
		if (end > line && end[-1] == '\r')
			end--;
		*end = '\0';
		line_take(c, line, (size_t)(end - line));
		if (c->batch == 0 && !c->told->logged_in)
			c->batch = BATCHES;
		/* An empty batch is answered at once. */
		while (
		    c->batch < BATCHES && (c->batch == 0 || c->open[0] == '\0'))
			batch_send(c);
	}
}

/* False: the server has hung up. */
static bool
client_read(struct client *c)
{
	ssize_t n = recv(
	    c->socket, c->text + c->said, SAID_MOST - c->said, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	c->told->transcript =
	    digest(c->told->transcript, c->text + c->said, (size_t)n);
	c->said += (size_t)n;
	client_parse(c);
	return true;
}

/* Stops and kills that the session wants of us. */
static void
serve_orders(const struct script *script, pid_t group)
{
	struct session_shared *s = run_shared;

	if (atomic_load(&s->stopped) != 0 && atomic_load(&s->go) == 0) {
		if (script->stopped != NULL)
			script->stopped(script->argument);
		atomic_store(&s->go, 1);
	}
	if (atomic_load(&s->kill_all) != 0)
		(void)kill(-group, SIGKILL);
}

/* Until the last process has gone; false: one has not in time. */
static bool
serve(struct client *c, pid_t group, bool armed)
{
	struct pollfd p = {.fd = c->socket, .events = POLLIN};
	struct timespec pause = {0, 100000};
	time_t end = time(NULL) + RUN_MOST;
	bool open = true;
	pid_t pid;

	for (;;) {
		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0);
		if (pid == -1) {
			while (open && client_read(c) && c->said < SAID_MOST &&
			    poll(&p, 1, 0) > 0)
				continue;
			return true;
		}
		if (time(NULL) > end)
			return false;
		serve_orders(c->script, group);
		if (!open)
			(void)nanosleep(&pause, NULL);
		else if (poll(&p, 1, armed ? 1 : 20) > 0)
			open = client_read(c);
	}
}

void
run_session(const char *const *arguments, const struct script *script,
    const struct order *order, bool log, struct told *told)
{
	static struct client c;
	int ends[2];
	pid_t pid;

	memset(told, 0, sizeof(*told));
	order_put(order, log);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		broken("socketpair");
	pid = fork();
	if (pid == -1)
		broken("fork");
	if (pid == 0)
		become_program(arguments, ends[1]);
	(void)setpgid(pid, pid);
	(void)close(ends[1]);
	c.script = script;
	c.told = told;
	c.socket = ends[0];
	c.batch = 0;
	c.open = "";
	c.inside = false;
	c.said = c.parsed = 0;
	if (!serve(&c, pid, order->kind == FAULT_STOP || order->all)) {
		told->hung = true;
		(void)kill(-pid, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0)
			continue;
	}
	(void)close(ends[0]);
}
