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

/* Can nobody between us and the client read anything? */
static bool
connection_secret(const struct back *back)
{
	return back->args.tls || back->config->external_security > 0;
}

static bool
plaintext_accepted(const struct back *back)
{
	if (connection_secret(back))
		return true;
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

void
logins_offer(struct back *back)
{
	back->protected = connection_secret(back) ||
	    back->connection->terminal || back->connection->loopback;
	back->plaintext = plaintext_accepted(back);
	back->mechanisms = 0;
	if (back->owner_of != NULL)
		return;
	if (back->plaintext)
		back->mechanisms |=
		    1U << MECHANISM_PLAIN | 1U << MECHANISM_LOGIN;
	if (back->args.nonce != NULL)
		back->mechanisms |= 1U << MECHANISM_EXTERNAL;
	if (!config_auth(back->config, AUTH_MAILAUTH))
		return;
	back->mechanisms |= 1U << MECHANISM_CRAM_MD5 |
	    1U << MECHANISM_SCRAM_SHA_1 | 1U << MECHANISM_SCRAM_SHA_256;
	/* A wrapper's channel is not known here. */
	if (back->args.tls)
		back->mechanisms |= 1U << MECHANISM_SCRAM_SHA_1_PLUS |
		    1U << MECHANISM_SCRAM_SHA_256_PLUS;
	/* It stands in the greeting, and there is one. */
	if (back->stamp[0] == '\0')
		stamp_make(back->stamp);
}

/* A session that cannot begin: the one time that the back speaks. */
static int
refuse(const struct back *back, const char *log)
{
	static const char text[] =
	    "-ERR [SYS/TEMP] the server cannot serve you now\r\n";

	log_warn("%s", log);
	if (!back->connection->tls &&
	    write_full(STDOUT_FILENO, text, strlen(text)) == -1)
		log_debug("nobody to tell: %s", strerror(errno));
	return 1;
}

int
front_start(struct back *back)
{
	int ends[2];

	if (channel_pair(ends) == -1)
		return -1;
	back->args.plaintext = back->plaintext;
	back->args.mechanisms = back->mechanisms;
	back->args.stamp = back->stamp;
	back->front = fork();
	if (back->front == 0) {
		back->args.channel = ends[1];
		(void)close(ends[0]);
		back->front_run(&back->args);
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
WAITS_HERE static int
request_wait(const struct back *back)
{
	struct pollfd p = {.fd = back->channel, .events = POLLIN};
	/* Not only when it is silent: it may talk for ever. */
	int left = wait_time(back), n;

	if (back->phase == PHASE_MAILBOX) {
		n = poll(&p, 1, BUSY_MS);
		if (n != 0)
			return n;
		platform_trim_heap();
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
			log_warnx("the front does not end: killed, ip=[%s], "
				  "port=[%s]",
			    back->connection->peer,
			    back->connection->peer_port);
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
	tls_leave(back);
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
args_fill(struct back *back)
{
	const struct config *config = back->config;
	struct front_args *args = &back->args;

	greeting_print(config, back->greeting, sizeof(back->greeting));
	args->greeting = back->greeting;
	args->authenticated = back->owner_of != NULL;
	args->trace = back->trace != -1;
	args->debug = config->debug;
	args->timeout = config->timeout;
	args->login_end = back->begin + (int64_t)config->login_timeout * 1000;
	args->root = geteuid() == 0;
	args->cage = back->cage;
	args->chains = args->signer = -1;
	if (!args->root)
		return 0;
	front_ids(config, &args->uid, &args->gid);
	return cage_prepare(config, back->cage, sizeof(back->cage));
}

static void
back_init(struct back *back, const struct config *config,
    const struct connection *connection, const char *owner_of)
{
	memset(back, 0, sizeof(*back));
	back->config = config;
	back->connection = connection;
	back->owner_of = owner_of;
	back->phase = PHASE_LOGIN;
	back->begin = clock_ms();
	back->verifier = -1;
	back->keeper = -1;
	back->leash[0] = back->leash[1] = -1;
	back->trace = -1;
	back->signer = SIGNER_NONE;
	if (connection->signer != NULL)
		back->signer = *connection->signer;
	if (config->trace_file[0] != '\0') {
		back->trace = trace_open(config->trace_file);
		if (back->trace == -1)
			log_warn("%s", config->trace_file);
	}
}

/* With TLS from the first octet there is nothing that could be said. */
static int
session_start(struct back *back)
{
	if (args_fill(back) == -1)
		return refuse(back, "no folder to close the front in");
	if (back->connection->tls) {
		if (tls_prepare(back) == -1)
			return 1;
		back->phase = PHASE_HANDSHAKE;
	} else
		back->args.stls = stls_offered(back);
	logins_offer(back);
	if (front_start(back) == -1)
		return refuse(back, "cannot start a front");
	if (back->args.tls && tls_prepared(back) == -1)
		back->broken = true; /* the front ends by itself */
	return 0;
}

int
back_run(const struct config *config, const struct connection *connection,
    const char *owner_of, void (*front)(const struct front_args *))
{
	struct back back;
	uint32_t seen[CHANNEL_TYPES] = {0};

	back_init(&back, config, connection, owner_of);
	back.front_run = front;
	back.seen = seen;
	if (session_start(&back) != 0)
		return 1;
	log_debug("connection, ip=[%s], port=[%s]", connection->peer,
	    connection->peer_port);
	requests_serve(&back);
	session_end(&back);
	return 0;
}
