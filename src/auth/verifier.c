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

#define VERIFIER_FD 3

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
 * for when the back is gone.
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
	(void)alarm(config->login_timeout > 86400 ?
		86400 :
		(unsigned)config->login_timeout);
}

static void
verifier_decide(const struct config *config, const struct record *request,
    const char *owner_of, struct ch_account *account)
{
	const char *name;

	if (request->type == CH_PASSWORD && owner_of == NULL) {
		auth_password(config, request->u.password.name,
		    request->u.password.secret, account);
		return;
	}
	if (request->type != CH_EXTERNAL || owner_of == NULL) {
		account_deny(account, CODE_PERMANENT,
		    "such a login is not to be had here");
		return;
	}
	owner_account(config, owner_of, account);
	name = request->u.external.name;
	if (account->code == CODE_OK && name[0] != '\0' &&
	    strcmp(name, account->name) != 0)
		account_deny(
		    account, CODE_AUTH, "the mailbox is another user's");
}

_Noreturn void
verifier_run(const struct config *config, int fd, struct record *request,
    const char *owner_of)
{
	struct record answer;
	int rc;

	if (verifier_close_in(fd) == -1)
		_exit(1);
	platform_hide();
	verifier_limit(config);
	memset(&answer, 0, sizeof(answer));
	verifier_decide(config, request, owner_of, &answer.u.account);
	explicit_bzero(request, sizeof(*request));
	rc = channel_write(VERIFIER_FD, &answer, CH_ACCOUNT, NULL, 0);
	_exit(rc == -1 ? 1 : 0);
}
