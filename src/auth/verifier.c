/*
 * verifier.c - the verifier's life: one login, then gone with all it read.
 *
 * A child of the back, while that is root still.  It has the record that the
 * front sent, whole and checked, and one descriptor to answer on.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "method.h"
#include "sasl.h"

#define VERIFIER_FD 3
#define GRACE 10 /* seconds beyond the login's time */

/*
 * Hold nothing of the session's but fd: no module of the name service shall
 * read or write the connection, and no end of a channel shall stay open
 * because this process is slow.
 */
static int
verifier_close_in(int fd)
{
	int null;

	if (fd != VERIFIER_FD) {
		if (dup2(fd, VERIFIER_FD) == -1)
			return -1;
	}
	/* What a module or method executes shall not answer for us. */
	if (fcntl(VERIFIER_FD, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	platform_close_from(VERIFIER_FD + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return -1;
	if (dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		return -1;
	return close(null);
}

/*
 * A name service may hang.  The back ends us when it stops waiting; this is
 * for when the back is gone, and later, so that a method which keeps to the
 * login's end can answer.
 */
static void
verifier_limit(const struct config *config)
{
	sigset_t none;

	(void)signal(SIGALRM, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(
	    (config->login_timeout > 86400 ? 86400 :
					     (unsigned)config->login_timeout) +
	    GRACE);
}

static void
verifier_external(const struct config *config, const char *name,
    const char *owner_of, struct ch_account *account)
{
	owner_account(config, owner_of, account);
	if (account->code == CODE_OK && name[0] != '\0' &&
	    strcmp(name, account->name) != 0)
		account_deny(
		    account, CODE_AUTH, "the mailbox is another user's");
}

/* An exchange, to its end; a client that gives up ends it by ending us. */
static void
verifier_exchange(const struct config *config,
    const struct verifier_facts *facts, struct record *request,
    struct ch_account *account)
{
	static struct sasl sasl;
	static struct record answer;
	int rc = 1;

	sasl_begin(&sasl, config, facts, request->u.step.mechanism, "");
	while (rc == 1 &&
	    sasl_step(&sasl, &request->u.step, &answer.u.stepped, account) ==
		SASL_CHALLENGE) {
		explicit_bzero(request, sizeof(*request));
		rc = channel_write(VERIFIER_FD, &answer, CH_STEP + 1, NULL, 0);
		if (rc == 0)
			rc = channel_read(VERIFIER_FD, request, NULL, NULL);
		if (rc == 1 && request->type != CH_STEP)
			rc = -1;
	}
	explicit_bzero(&sasl, sizeof(sasl));
	explicit_bzero(&answer, sizeof(answer));
	if (rc != 1)
		_exit(rc == 0 ? 0 : 1);
}

static void
verifier_decide(const struct config *config, struct record *request,
    const struct verifier_facts *facts, struct ch_account *account)
{
	bool owner = facts->owner_of != NULL;

	if (request->type == CH_EXTERNAL && owner)
		verifier_external(
		    config, request->u.external.name, facts->owner_of, account);
	else if (request->type == CH_PASSWORD && !owner)
		auth_password(config, facts, request->u.password.name,
		    request->u.password.secret, account);
	else if (request->type == CH_DIGEST && !owner &&
	    facts->stamp[0] != '\0')
		apop_decide(config, facts, &request->u.digest, account);
	else if (request->type == CH_STEP && !owner)
		verifier_exchange(config, facts, request, account);
	else
		account_deny(account, CODE_PERMANENT,
		    "such a login is not to be had here");
}

_Noreturn void
verifier_run(const struct config *config, int fd, struct record *request,
    const struct verifier_facts *facts)
{
	struct record answer;
	int rc;

	if (verifier_close_in(fd) == -1)
		_exit(1);
	platform_hide();
	verifier_limit(config);
	memset(&answer, 0, sizeof(answer));
	verifier_decide(config, request, facts, &answer.u.account);
	explicit_bzero(request, sizeof(*request));
	rc = channel_write(VERIFIER_FD, &answer, CH_ACCOUNT, NULL, 0);
	_exit(rc == -1 ? 1 : 0);
}
