/*
 * tls.c - what the back does for TLS: a signer, and STLS as a new front.
 *
 * The back never has a key, and no OpenSSL.  The order of STLS: the front asks;
 * a new one is forked, makes TLS ready, closes itself in and says so; the old
 * one is answered, says +OK and ends; when it has ended, the new one is told to
 * read.  What the old one heard is gone with it; what must stay, the counts of
 * failures and the clock, was never in it.
 */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define READY_MS 10000 /* for a new front to make itself ready */
#define LAST_MS 5000   /* for the old one to say its last word */

/* The front that was there before. */
struct earlier {
	int channel;
	pid_t front;
	struct front_args args;
};

bool
stls_offered(const struct back *back)
{
	char text[CHANNEL_TEXT];

	if (back->owner_of != NULL)
		return false;
	/* What a listener could not start, it has said. */
	if (back->connection->signer != NULL)
		return back->signer.control != -1;
	if (signer_there(back->config, text) == 0)
		return true;
	if (text[0] != '\0')
		log_warnx("no TLS: %s", text);
	return false;
}

int
back_signer(const struct config *config, struct signer *signer)
{
	char cage[CHANNEL_PATH], text[CHANNEL_TEXT] = "";
	struct signer_place place = {.root = geteuid() == 0, .cage = cage};

	front_ids(config, &place.uid, &place.gid);
	if ((place.root && cage_prepare(config, cage, sizeof(cage)) == -1) ||
	    signer_start(config, &place, signer) == -1) {
		log_warn("no TLS: no signer");
		return -1;
	}
	signer->context = signer_context(signer->chains);
	if (signer->context != NULL)
		tls_load()->context_warm(signer->context);
	if (signer_wait(signer, text) == -1)
		log_warnx("no TLS: %s", text);
	else if (signer->context == NULL)
		log_warnx("no TLS: OpenSSL cannot use the certificates");
	else {
		if (text[0] != '\0')
			log_warnx("%s", text);
		return 0;
	}
	signer_leave(signer);
	return -1;
}

int
tls_prepare(struct back *back)
{
	struct front_args *args = &back->args;
	struct signer_place place = {
	    args->root, args->uid, args->gid, args->cage};

	if (back->connection->signer == NULL &&
	    signer_start(back->config, &place, &back->signer) == -1) {
		log_warn("no TLS: no signer");
		return -1;
	}
	args->signer =
	    back->signer.control == -1 ? -1 : signer_connect(&back->signer);
	if (args->signer == -1) {
		log_warnx("no TLS: no signer, ip=[%s], port=[%s]",
		    back->connection->peer, back->connection->peer_port);
		if (back->connection->signer == NULL)
			tls_leave(back);
		return -1;
	}
	args->context = back->signer.context;
	args->chains = back->signer.chains;
	args->tls = true;
	args->stls = false;
	if (config_certificates(back->config)) {
		platform_random(back->nonce, sizeof(back->nonce));
		args->nonce = back->nonce;
	}
	return 0;
}

int
tls_prepared(struct back *back)
{
	char text[CHANNEL_TEXT] = "";
	int result = 0;

	(void)close(back->args.signer);
	back->args.signer = -1;
	if (back->connection->signer != NULL)
		return 0;
	(void)close(back->signer.chains);
	back->signer.chains = back->args.chains = -1;
	result = signer_wait(&back->signer, text);
	if (text[0] != '\0')
		log_warnx("%s%s", result == -1 ? "no TLS: " : "", text);
	return result;
}

void
tls_leave(struct back *back)
{
	pid_t own = back->connection->signer == NULL ? back->signer.pid : -1;

	if (back->args.signer != -1)
		(void)close(back->args.signer);
	back->args.signer = -1;
	/* Made by another process: to free it here copies most of its pages. */
	back->signer.context = NULL;
	signer_leave(&back->signer);
	/* It ends by itself; here it is only that nothing is left of it. */
	if (own != -1 && waitpid(own, NULL, WNOHANG) == -1)
		errno = 0;
}

/* The new front's word that it is ready; its channel is back->channel. */
static bool
ready_hear(struct back *back)
{
	struct pollfd p = {.fd = back->channel, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, READY_MS);
	while (n == -1 && errno == EINTR);
	return n == 1 &&
	    channel_read(back->channel, &back->record, NULL, NULL) == 1 &&
	    back->record.type == CH_READY;
}

static void
result_answer(
    struct back *back, uint32_t type, enum channel_code code, const char *text)
{
	struct ch_result *result = &back->record.u.result;

	memset(result, 0, sizeof(*result));
	result->code = (uint32_t)code;
	text_cut(result->text, sizeof(result->text), "%s", text);
	answer(back, type, NULL, 0);
}

static void
front_end(int channel, pid_t front)
{
	(void)close(channel);
	(void)kill(front, SIGKILL);
	if (waitpid(front, NULL, 0) == -1)
		errno = 0;
}

/* Its last words, until it closes the channel: only traces are heard. */
static void
earlier_end(struct back *back, const struct earlier *earlier)
{
	struct pollfd p = {.fd = earlier->channel, .events = POLLIN};
	int64_t end = clock_ms() + LAST_MS, left;

	while ((left = end - clock_ms()) > 0 && poll(&p, 1, (int)left) == 1 &&
	    channel_read(earlier->channel, &back->record, NULL, NULL) == 1) {
		if (back->record.type == CH_TRACE)
			on_trace(back);
		else if (back->record.type == CH_DEBUG) {
			back->seen[CH_DEBUG]++;
			on_debug(back);
		} else
			break;
	}
	front_end(earlier->channel, earlier->front);
}

/* One that has TLS ready; false after a log line. */
static bool
fresh_start(struct back *back)
{
	if (front_start(back) == -1) {
		log_warn("cannot start a front");
		return false;
	}
	if (tls_prepared(back) == 0) {
		if (ready_hear(back))
			return true;
		log_warnx("the front could not make TLS ready");
	}
	front_end(back->channel, back->front);
	return false;
}

/* A new front in the place of the old; false: all is as before. */
static bool
front_renew(struct back *back, struct earlier *earlier)
{
	if (tls_prepare(back) == 0) {
		back->args.turn = true;
		logins_offer(back);
		if (fresh_start(back))
			return true;
	}
	/* The listener's stays for another try. */
	if (back->connection->signer == NULL)
		tls_leave(back);
	back->channel = earlier->channel;
	back->front = earlier->front;
	back->args = earlier->args;
	logins_offer(back);
	return false;
}

void
on_stls(struct back *back)
{
	struct earlier earlier = {back->channel, back->front, back->args};
	uint32_t nonsense = back->record.u.stls.nonsense;
	int fresh;

	if (!back->args.stls) {
		rules_broken(back);
		return;
	}
	back->args.nonsense = nonsense;
	if (!front_renew(back, &earlier)) {
		result_answer(back, CH_STLS + 1, CODE_TEMPORARY,
		    "TLS cannot be started now");
		return;
	}
	fresh = back->channel;
	back->channel = earlier.channel;
	result_answer(back, CH_STLS + 1, CODE_OK, "");
	back->channel = fresh;
	if (back->over)
		return;
	earlier_end(back, &earlier);
	back->phase = PHASE_HANDSHAKE;
	result_answer(back, CH_READY + 1, CODE_OK, "");
}

void
on_secure(struct back *back)
{
	const struct ch_secure *secure = &back->record.u.secure;
	const struct connection *c = back->connection;
	char protocol[CHANNEL_WORD], cipher[CHANNEL_WORD];

	tls_leave(back);
	if (secure->code == CODE_OK)
		back->phase = PHASE_LOGIN;
	log_name(protocol, sizeof(protocol), secure->protocol);
	log_name(cipher, sizeof(cipher), secure->cipher);
	if (secure->code == CODE_OK) {
		text_cut(back->secure, sizeof(back->secure),
		    ", tls=%s, cipher=%s%s", protocol, cipher,
		    secure->resumed != 0 ? ", resumed=yes" : "");
		memcpy(
		    back->bindings, secure->bindings, sizeof(back->bindings));
	} else if (secure->code == CODE_CHANGED)
		log_debug(
		    "no handshake, ip=[%s], port=[%s]", c->peer, c->peer_port);
	else
		log_info("TLS FAILED, ip=[%s], port=[%s]%s%s: %s", c->peer,
		    c->peer_port, protocol[0] != '\0' ? ", tls=" : "", protocol,
		    secure->text);
}
