/*
 * auth.c - the decision: methods in order, then what none may overrule.
 *
 * Whoever guesses must learn nothing but "wrong" from anything that is not
 * his own account: not by the answer, and not by the time that it takes.  So
 * every method costs one hash whether the name exists or not, and a refusal
 * that says more comes only after the right password.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mailauth.h"
#include "method.h"

/* clang-format off */
const struct auth_method auth_methods[AUTH_KINDS] = {
	[AUTH_UNIX] =		{ "unix",        auth_unix_password },
	[AUTH_MAILAUTH] =	{ "mailauth",    auth_mailauth_password },
	[AUTH_PASSWD_FILE] =	{ "passwd-file", auth_passwd_file_password },
};
/* clang-format on */

static void
auth_mailbox(const struct config *config, struct ch_account *account)
{
	if (mailbox_expand(config->mailbox, account, account->mailbox,
		sizeof(account->mailbox)) == 0)
		return;
	if (errno == ENAMETOOLONG)
		account_deny(account, CODE_PERMANENT,
		    "its mailbox would have too long a path");
	else
		account_deny(account, CODE_PERMANENT,
		    "no mailbox can be made of its name and home (mailbox = "
		    "%s)",
		    config->mailbox);
}

/*
 * What holds whatever a method said.  The right password of root, or of
 * another that is never served, must look like a wrong one: else this would
 * be the place to try passwords for a shell.
 */
static void
auth_judge(const struct config *config, struct ch_account *account)
{
	if (!account_uid_served(config, account->uid)) {
		account_deny(
		    account, CODE_AUTH, "uid %u is never served", account->uid);
		return;
	}
	if (account->name[0] == '\0') {
		account_deny(account, CODE_AUTH, "its name is empty");
		return;
	}
	if (geteuid() != 0) {
		if (account->uid != getuid()) {
			account_deny(account, CODE_PERMANENT,
			    "pop3d runs as uid %u and can serve no other, "
			    "such as %u",
			    (unsigned)getuid(), account->uid);
			return;
		}
		account_take_own_groups(account);
	}
	account_mail_group(config, account);
	auth_mailbox(config, account);
}

/* "unix: wrong password, passwd-file: no such user" */
static void
auth_collect(
    struct ch_account *all, const struct ch_account *tried, const char *method)
{
	char before[CHANNEL_TEXT];
	uint32_t code;

	memcpy(before, all->reason, sizeof(before));
	/* That one method could not tell is more than that another said no. */
	code = tried->code;
	if (all->code == CODE_TEMPORARY && code == CODE_AUTH)
		code = CODE_TEMPORARY;
	account_deny(all, code, "%s%s%s: %s", before,
	    before[0] == '\0' ? "" : ", ", method, tried->reason);
}

static void
auth_try(const struct config *config, const char *name, const char *secret,
    struct ch_account *account)
{
	const struct auth_method *method;
	struct ch_account tried;
	size_t i;

	for (i = 0; i < config->auth_count; i++) {
		method = &auth_methods[config->auth[i]];
		memset(&tried, 0, sizeof(tried));
		tried.code = CODE_TEMPORARY;
		method->password(config, name, secret, &tried);
		if (tried.code == CODE_OK)
			auth_judge(config, &tried);
		if (tried.code == CODE_OK) {
			*account = tried;
			return;
		}
		auth_collect(account, &tried, method->name);
		if (tried.code != CODE_AUTH && tried.code != CODE_TEMPORARY)
			return;
	}
}

/*
 * apop-only: who has a shared secret shall not send a password in clear text,
 * whichever method knows that.  Said after the right one only: whoever
 * guesses sees that this one is, but not of a wrong one that the name exists.
 */
static void
auth_apop_only(
    const struct config *config, const char *name, struct ch_account *account)
{
	struct mailauth_entry entry;
	int found;

	found = mailauth_find(config->mailauth_file, name, &entry);
	/* Some name services know a user by several. */
	if (found == 0)
		found =
		    mailauth_find(config->mailauth_file, account->name, &entry);
	if (found == -1)
		account_deny(account, CODE_TEMPORARY, "apop-only: %s: %s",
		    config->mailauth_file, mailauth_trouble(errno));
	else if (found == 1 && entry.secret[0] != '\0')
		account_deny(account, CODE_MECHANISM,
		    "apop-only: it has a secret for APOP");
	explicit_bzero(&entry, sizeof(entry));
}

void
auth_password(const struct config *config, const char *name, const char *secret,
    struct ch_account *account)
{
	memset(account, 0, sizeof(*account));
	if (name[0] == '\0' || secret[0] == '\0') {
		account_deny(account, CODE_AUTH, "%s",
		    name[0] == '\0' ? "the name is empty" :
				      "the password is empty");
		return;
	}
	account->code = CODE_PERMANENT;
	if (config->auth_count == 0)
		account_deny(account, CODE_PERMANENT, "auth names no method");
	else
		auth_try(config, name, secret, account);
	if (account->code == CODE_OK && config->apop_only &&
	    config_auth(config, AUTH_MAILAUTH))
		auth_apop_only(config, name, account);
}

void
auth_proved(
    const struct config *config, const char *name, struct ch_account *account)
{
	account_of(config, name, account);
	if (account->code == CODE_OK)
		auth_judge(config, account);
	if (account->code != CODE_OK)
		account_deny(
		    account, account->code, "mailauth: %s", account->reason);
}
