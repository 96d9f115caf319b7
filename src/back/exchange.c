/*
 * exchange.c - a verifier, as the back sees it: asked once, or step by step.
 *
 * What goes through here between the front and the verifier of an exchange is
 * not looked at, only counted, and wiped.
 */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "state.h"

#define GRACE_MS 5000 /* the verifier's time beyond the login's end */

_Noreturn static void
verifier_child(struct back *back, int fd)
{
	const struct front_args *args = &back->args;
	const struct verifier_place place = {
	    args->root, args->uid, args->gid, args->cage};
	const struct verifier_facts facts = {
	    .place = &place,
	    .owner_of = back->owner_of,
	    .stamp = back->stamp,
	    .peer = back->connection->peer,
	    .method = back->method,
	    .protected = back->protected,
	    .bindings = back->bindings,
	    .nonce = back->args.nonce,
	    .peer_port = back->connection->peer_port,
	    .here = back->connection->here,
	    .here_port = back->connection->here_port,
	    .end = back->begin + (int64_t)back->config->login_timeout * 1000,
	};

	/* Its own copy of the record; nothing else of the session's. */
	(void)close(back->channel);
	if (back->trace != -1)
		(void)close(back->trace);
	verifier_run(back->config, fd, &back->record, &facts);
}

int
verifier_start(struct back *back)
{
	int ends[2];

	if (channel_pair(ends) == -1) {
		log_warn("cannot start a verifier");
		return -1;
	}
	back->verifier = fork();
	if (back->verifier == 0) {
		(void)close(ends[0]);
		verifier_child(back, ends[1]);
	}
	(void)close(ends[1]);
	back->verifier_channel = ends[0];
	if (back->verifier != -1)
		return 0;
	(void)close(ends[0]);
	log_warn("cannot start a verifier");
	return -1;
}

void
verifier_tell(struct back *back)
{
	/* One that is gone has not answered, either: that is logged. */
	if (channel_write(back->verifier_channel, &back->record, CH_STEP, NULL,
		0) == -1 &&
	    errno != EPIPE)
		log_warn("a verifier");
}

/* Wait for what it says until the login's time is over. */
static bool
verifier_wait(const struct back *back, struct record *said)
{
	int64_t end = back->begin +
	    (int64_t)back->config->login_timeout * 1000 + GRACE_MS;
	struct pollfd p = {.fd = back->verifier_channel, .events = POLLIN};
	int64_t left = end - clock_ms();
	int n;

	do
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	while (n == -1 && errno == EINTR);
	if (n != 1 ||
	    channel_read(back->verifier_channel, said, NULL, NULL) != 1)
		return false;
	return said->type == CH_ACCOUNT ||
	    (said->type == CH_STEP + 1 && back->record.type == CH_STEP);
}

/* How it ended: as waitpid(2) has it. */
static int
verifier_reap(struct back *back)
{
	int status = 0;

	(void)close(back->verifier_channel);
	while (waitpid(back->verifier, &status, 0) == -1 && errno == EINTR)
		continue;
	back->verifier = -1;
	return status;
}

void
verifier_drop(struct back *back)
{
	if (back->verifier == -1)
		return;
	(void)kill(back->verifier, SIGKILL);
	(void)verifier_reap(back);
}

void
verifier_hear(struct back *back, struct record *said)
{
	int status;

	if (verifier_wait(back, said)) {
		if (said->type == CH_ACCOUNT)
			(void)verifier_reap(back);
		return;
	}
	(void)kill(back->verifier, SIGKILL);
	status = verifier_reap(back);
	account_unknown(&said->u.account);
	said->type = CH_ACCOUNT;
	log_warnx("a verifier gave no answer%s",
	    WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ? " and died" :
								 "");
}

void
account_unknown(struct ch_account *account)
{
	memset(account, 0, sizeof(*account));
	account->code = CODE_TEMPORARY;
	text_cut(account->reason, sizeof(account->reason),
	    "no answer from the verifier");
}
