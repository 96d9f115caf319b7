/*
 * back.c - the session's owner, from the fork of the front to its end.
 */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define GRACE_MS 5000 /* a front that does not end itself in time is ended */
#define WAITS 200     /* for the status of a front that has gone, in turns of */
#define WAIT_MS 1
#define BUSY_MS 100 /* without a request: nobody fetches mail */
#define HOST_SIZE 256

static void
greeting_print(const struct config *config, char *dst, size_t size)
{
	char host[HOST_SIZE];

	if (config->greeting[0] != '\0') {
		text_cut(dst, size, "%s", config->greeting);
		return;
	}
	/* Never the name service: it may hang, and it costs. */
	if (gethostname(host, sizeof(host)) == -1)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	text_cut(dst, size, "POP3 server at %s ready",
	    host[0] != '\0' ? host : "localhost");
}

static bool
plaintext_accepted(const struct back *back)
{
	switch (back->config->plaintext) {
	case PLAINTEXT_ALWAYS:
		return true;
	case PLAINTEXT_NEVER:
		return false;
	case PLAINTEXT_LOCAL:
		break;
	}
	return back->protected;
}

/* What a client may try besides USER and PASS. */
static void
logins_offer(struct back *back)
{
	if (back->plaintext)
		back->mechanisms |=
		    1U << MECHANISM_PLAIN | 1U << MECHANISM_LOGIN;
	if (!config_auth(back->config, AUTH_MAILAUTH))
		return;
	back->mechanisms |= 1U << MECHANISM_CRAM_MD5 |
	    1U << MECHANISM_SCRAM_SHA_1 | 1U << MECHANISM_SCRAM_SHA_256;
	stamp_make(back->stamp);
}

/* A session that cannot begin: the one time that the back speaks. */
static int
refuse(const char *log)
{
	static const char text[] =
	    "-ERR [SYS/TEMP] the server cannot serve you now\r\n";

	log_warn("%s", log);
	if (write_full(STDOUT_FILENO, text, strlen(text)) == -1)
		log_debug("nobody to tell: %s", strerror(errno));
	return 1;
}

/* Fork the front with its end of a new channel. */
static int
front_start(struct back *back, struct front_args *args,
    void (*front)(const struct front_args *))
{
	int ends[2];

	if (channel_pair(ends) == -1)
		return -1;
	back->front = fork();
	if (back->front == 0) {
		args->channel = ends[1];
		(void)close(ends[0]);
		front(args);
		_exit(1);
	}
	(void)close(ends[1]);
	back->channel = ends[0];
	return back->front == -1 ? -1 : 0;
}

/* How long the front may say nothing: for ever, once it has a login. */
static int
wait_time(const struct back *back)
{
	int64_t left;

	if (back->phase == PHASE_MAILBOX)
		return -1;
	if (back->phase == PHASE_DONE)
		left = back->done + (int64_t)back->config->timeout * 1000;
	else
		left =
		    back->begin + (int64_t)back->config->login_timeout * 1000;
	left += GRACE_MS - clock_ms();
	return left > 0 ? (int)left : 0;
}

/*
 * poll(2) for the next request.  What a request needed is given back once no
 * other comes, as the front does.
 */
static int
request_wait(const struct back *back)
{
	struct pollfd p = {.fd = back->channel, .events = POLLIN};
	/* Not only when it is silent: it may talk for ever. */
	int left = wait_time(back), n;

	if (back->phase == PHASE_MAILBOX) {
		n = poll(&p, 1, BUSY_MS);
		if (n != 0)
			return n;
		platform_trim();
	}
	return left == 0 ? 0 : poll(&p, 1, left);
}

static void
requests_serve(struct back *back)
{
	int n;

	while (!back->over) {
		n = request_wait(back);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warnx("the front does not end: killed");
			back->broken = true;
			break;
		}
		request_run(back);
	}
}

/*
 * Locks go first: who waits for the mailbox need not wait for the front.  The
 * status of one that is dying already is not changed by our signal.  After the
 * login it is another user's process, which kill(2) does not reach, and the
 * leash does.
 */
static void
session_end(struct back *back)
{
	bool said = back->seen[CH_END] > 0;
	int status = 0, waits = WAITS;

	mailbox_close(back->mailbox);
	verifier_drop(back);
	(void)close(back->channel);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (kill(back->front, SIGKILL) == -1 && back->leash[1] != -1 &&
	    write_full(back->leash[1], "", 1) == -1)
		log_warn("the leash");
	while (waits-- > 0 &&
	    waitpid(back->front, &status, WNOHANG) != back->front)
		(void)poll(NULL, 0, WAIT_MS);
	if (!said)
		report_lost(back, back->broken ? 0 : status);
}

static int
args_fill(
    struct front_args *args, struct back *back, char *cage, char *greeting)
{
	const struct config *config = back->config;

	memset(args, 0, sizeof(*args));
	greeting_print(config, greeting, CHANNEL_TEXT);
	args->greeting = greeting;
	args->plaintext = back->plaintext;
	args->mechanisms = back->mechanisms;
	args->stamp = back->stamp;
	args->authenticated = back->owner_of != NULL;
	args->trace = back->trace != -1;
	args->debug = config->debug;
	args->timeout = config->timeout;
	args->login_end = back->begin + (int64_t)config->login_timeout * 1000;
	args->root = geteuid() == 0;
	args->cage = cage;
	if (!args->root)
		return 0;
	front_ids(config, &args->uid, &args->gid);
	return cage_prepare(config, cage, CHANNEL_PATH);
}

int
back_run(const struct config *config, const struct connection *connection,
    const char *owner_of, void (*front)(const struct front_args *))
{
	char cage[CHANNEL_PATH], greeting[CHANNEL_TEXT];
	struct back back;
	uint32_t seen[CHANNEL_TYPES] = {0};
	struct front_args args;

	memset(&back, 0, sizeof(back));
	back.config = config;
	back.connection = connection;
	back.owner_of = owner_of;
	back.phase = PHASE_LOGIN;
	back.begin = clock_ms();
	back.protected = connection->terminal || connection->loopback;
	back.plaintext = plaintext_accepted(&back);
	back.verifier = -1;
	if (owner_of == NULL)
		logins_offer(&back);
	back.keeper = -1;
	back.leash[0] = back.leash[1] = -1;
	back.seen = seen;
	back.trace = -1;
	if (config->trace_file[0] != '\0') {
		back.trace = trace_open(config->trace_file);
		if (back.trace == -1)
			log_warn("%s", config->trace_file);
	}
	if (args_fill(&args, &back, cage, greeting) == -1)
		return refuse("no folder to close the front in");
	if (front_start(&back, &args, front) == -1)
		return refuse("cannot start a front");
	log_debug("connection, ip=[%s], port=[%s]", connection->peer,
	    connection->peer_port);
	requests_serve(&back);
	session_end(&back);
	return 0;
}
