/*
 * listener.c - pop3d -D and -F: one session a connection.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "crypto.h"
#include "listen.h"
#include "listener.h"

#define TICKETS_MS 600000 /* how often it is seen to the keys of tickets */

/* Set by SIGTERM, and by SIGHUP: nothing else can be told from a signal. */
static volatile sig_atomic_t listener_over, listener_again;

/* What sessions are made of. */
struct listener {
	const struct config *config;
	int (*session)(const struct config *, const struct signer *, bool tls);
	int (*signer_make)(const struct config *, struct signer *);
	struct signer signer;
	int64_t tickets; /* clock_ms() when its keys of tickets are due */
	int sockets[LISTEN_MAX];
	int count;
	int clear; /* the first so many are for sessions in clear */
};

static void
on_terminate(int signal_number)
{
	(void)signal_number;
	listener_over = 1;
}

static void
on_again(int signal_number)
{
	(void)signal_number;
	listener_again = 1;
}

static void
on_child(int signal_number)
{
	(void)signal_number;
}

static void
signals_set(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	(void)sigemptyset(&action.sa_mask);
	action.sa_handler = on_terminate;
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	action.sa_handler = on_again;
	(void)sigaction(SIGHUP, &action, NULL);
	action.sa_handler = on_child;
	(void)sigaction(SIGCHLD, &action, NULL);
}

/* "PID\n" in a new file under a private name, which then replaces the old. */
static int
pid_write(const char *path)
{
	char fresh[4096], text[32];
	int fd;

	if (path[0] == '\0')
		return 0;
	if (text_print(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid()) ==
	    -1)
		return -1;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	text_cut(text, sizeof(text), "%ld\n", (long)getpid());
	if (fchmod(fd, 0644) == -1 ||
	    write_full(fd, text, strlen(text)) == -1 ||
	    rename(fresh, path) == -1) {
		(void)close(fd);
		(void)unlink(fresh);
		return -1;
	}
	return close(fd);
}

/*
 * Into the background.  The parent stays until the child says that it
 * listens and has written its pid, so that a script sees a failure.
 */
static void
background_enter(int *ready)
{
	int ends[2];
	char octet;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		fatal("pipe");
	pid = fork();
	if (pid == -1)
		fatal("fork");
	if (pid > 0) {
		(void)close(ends[1]);
		_exit(read(ends[0], &octet, 1) == 1 ? 0 : 1);
	}
	(void)close(ends[0]);
	if (setsid() == -1)
		fatal("setsid");
	*ready = ends[1];
}

static void
background_done(int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") == -1 || null == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1 || dup2(null, 2) == -1)
		fatal("/dev/null");
	(void)close(null);
	if (write_full(ready, "", 1) == -1)
		log_warn("nobody waits for the start");
	(void)close(ready);
}

/*
 * A child's whole life: the connection on 0 and 1, the way to the signer,
 * everything else closed.
 */
static _Noreturn void
session_child(int connection, struct listener *l, bool tls)
{
	int lowest = 3;

	if (dup2(connection, STDIN_FILENO) == -1 ||
	    dup2(connection, STDOUT_FILENO) == -1)
		_exit(1);
	closelog();
	if (l->signer.control != -1) {
		if (l->signer.control != 3 &&
		    dup3(l->signer.control, 3, O_CLOEXEC) == -1)
			_exit(1);
		l->signer.control = 3;
		lowest = 4;
	}
	l->signer.chains = -1;
	platform_first_act_from(lowest);
	_exit(l->session(l->config, &l->signer, tls));
}

static void
connection_accept(struct listener *l, int fd, bool tls)
{
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (connection == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_warn("accept");
		return;
	}
	pid = fork();
	if (pid == 0)
		session_child(connection, l, tls);
	if (pid == -1)
		log_warn("fork");
	(void)close(connection);
}

/* Certificates, for the first time or again: those that are bad replace none.
 */
static void
signer_renew(struct listener *l)
{
	struct signer fresh;

	if (l->config->tls_certificate[0] == '\0')
		return;
	/* It has seen to the keys of tickets by itself. */
	l->tickets = clock_ms() + TICKETS_MS;
	if (l->signer_make(l->config, &fresh) == 0) {
		signer_leave(&l->signer);
		l->signer = fresh;
	} else if (l->signer.control != -1)
		log_warnx("the certificates that were read before stay");
}

/* Children that have ended; without its signer there is no TLS. */
static void
children_reap(struct listener *l)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		if (pid != l->signer.pid)
			continue;
		log_warnx("the signer has ended: another one is started");
		signer_leave(&l->signer);
		signer_renew(l);
	}
}

/*
 * The signer cannot open a file any more, and no key of it may be here: a child
 * makes what is to be made, and hands it a descriptor.
 */
static void
tickets_renew(struct listener *l)
{
	char text[CHANNEL_TEXT];
	pid_t pid;

	if (l->signer.control == -1 || clock_ms() < l->tickets)
		return;
	l->tickets = clock_ms() + TICKETS_MS;
	pid = fork();
	if (pid == -1)
		log_warn("fork");
	if (pid != 0)
		return;
	platform_hide();
	if (signer_tickets(l->config, &l->signer, text) == -1 ||
	    text[0] != '\0')
		log_warnx("%s", text);
	_exit(0);
}

static void
again(struct listener *l)
{
	listener_again = 0;
	log_info("SIGHUP: certificates are read again");
	signer_renew(l);
}

static void
connections_serve(struct listener *l)
{
	struct pollfd fds[LISTEN_MAX];
	int i, n;

	for (i = 0; i < l->count; i++)
		fds[i] = (struct pollfd){.fd = l->sockets[i], .events = POLLIN};
	while (!listener_over) {
		children_reap(l);
		if (listener_again)
			again(l);
		tickets_renew(l);
		/* A signal that comes before poll() waits a second at most. */
		n = poll(fds, (nfds_t)l->count, 1000);
		for (i = 0; n > 0 && i < l->count; i++) {
			if ((fds[i].revents & POLLIN) != 0)
				connection_accept(l, fds[i].fd, i >= l->clear);
		}
	}
}

static void
sockets_open(struct listener *l)
{
	char error[CONFIG_ERROR_SIZE];
	int tls[LISTEN_MAX], count = 0, i;

	l->clear = listen_open("listen", l->config->listen, l->sockets, error);
	if (l->clear != -1 && l->config->tls_certificate[0] != '\0')
		count = listen_open(
		    "listen-tls", l->config->listen_tls, tls, error);
	if (l->clear == -1 || count == -1)
		fatalx("%s", error);
	l->count = l->clear + count;
	if (l->count == 0)
		fatalx("listen: no address to listen on");
	if (l->count > LISTEN_MAX)
		fatalx("listen: too many addresses");
	for (i = 0; i < count; i++)
		l->sockets[l->clear + i] = tls[i];
	for (i = 0; i < l->count; i++) {
		if (fcntl(l->sockets[i], F_SETFL, O_NONBLOCK) == -1)
			fatal("fcntl");
	}
}

static void
start_log(const struct listener *l)
{
	if (l->count > l->clear)
		log_info("pop3d %s listens on %s, with TLS on %s",
		    POP3D_VERSION, l->config->listen, l->config->listen_tls);
	else
		log_info(
		    "pop3d %s listens on %s", POP3D_VERSION, l->config->listen);
}

int
listener_run(const struct config *config, bool background,
    int (*session)(const struct config *, const struct signer *, bool tls),
    int (*signer)(const struct config *, struct signer *))
{
	struct listener l = {.config = config,
	    .session = session,
	    .signer_make = signer,
	    .signer = SIGNER_NONE};
	int ready = -1;

	signals_set(); /* before anybody can know that we listen */
	sockets_open(&l);
	/* Once for all sessions, which are born with it. */
	if (crypto_load() == NULL)
		log_warnx("pop3d-crypto.so is missing: no mailbox can be "
			  "opened");
	if (background)
		background_enter(&ready);
	platform_adopt();
	signer_renew(&l);
	if (background && pid_write(config->pid_file) == -1)
		fatal("%s", config->pid_file);
	start_log(&l);
	if (background)
		background_done(ready);
	connections_serve(&l);
	if (background && config->pid_file[0] != '\0')
		(void)unlink(config->pid_file);
	log_info("pop3d ends; sessions go on to theirs");
	return 0;
}
