/*
 * auth.c - a password: methods in order, then what none may overrule.
 *
 * Whoever guesses must learn nothing but "wrong" from anything that is not
 * his own account: not by the answer, and not by the time that it takes.  So
 * every method costs one hash whether the name exists or not, and a refusal
 * that says more comes only after the right password.
 */

#include <errno.h>
#include <string.h>

#include "mailauth.h"
#include "method.h"
#include "users.h"

/* clang-format off */
const struct auth_method auth_methods[AUTH_KINDS] = {
	[AUTH_UNIX] =		{ "unix",        auth_unix_password },
	[AUTH_MAILAUTH] =	{ "mailauth",    auth_mailauth_password },
	[AUTH_PASSWD_FILE] =	{ "passwd-file", auth_passwd_file_password },
	[AUTH_CHECKPASSWORD] =	{ "checkpassword",
	    auth_checkpassword_password },
	[AUTH_PAM] =		{ "pam",         auth_pam_password },
};
/* clang-format on */

/* "unix: wrong password, passwd-file: no such user" */
static void
auth_collect(
    struct ch_account *all, const struct ch_account *tried, const char *method)
{
	char before[CHANNEL_TEXT], text[CHANNEL_TEXT];
	uint32_t code;

	memcpy(before, all->reason, sizeof(before));
	memcpy(text, tried->text, sizeof(text));
	code = tried->code;
	/* That one method could not tell is more than that another said no. */
	if (all->code == CODE_TEMPORARY && code == CODE_AUTH) {
		memcpy(text, all->text, sizeof(text));
		code = CODE_TEMPORARY;
	}
	account_deny(all, code, "%s%s%s: %s", before,
	    before[0] == '\0' ? "" : ", ", method, tried->reason);
	account_tell(all, "%s", text);
}

static void
auth_try(const struct config *config, const struct verifier_facts *facts,
    const char *name, const char *secret, struct ch_account *account)
{
	const struct auth_method *method;
	struct ch_account tried;
	size_t i;

	for (i = 0; i < config->auth_count; i++) {
		method = &auth_methods[config->auth[i]];
		memset(&tried, 0, sizeof(tried));
		tried.code = CODE_TEMPORARY;
		method->password(config, facts, name, secret, &tried);
		if (tried.code == CODE_OK)
			policy_judge(config, facts, &tried);
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

	found = mailauth_user(config, name, &entry);
	/* Some name services know a user by several. */
	if (found == 0)
		found = mailauth_user(config, account->name, &entry);
	if (found == -1)
		account_deny(account, CODE_TEMPORARY, "apop-only: %s: %s",
		    config->mailauth_file, mailauth_trouble(errno));
	else if (found == 1 && entry.secret[0] != '\0')
		account_deny(account, CODE_MECHANISM,
		    "apop-only: it has a secret for APOP");
	explicit_bzero(&entry, sizeof(entry));
}

void
auth_password(const struct config *config, const struct verifier_facts *facts,
    const char *name, const char *secret, struct ch_account *account)
{
	char user[CHANNEL_NAME];

	user_name(config, name, user);
	memset(account, 0, sizeof(*account));
	if (user[0] == '\0' || secret[0] == '\0') {
		account_deny(account, CODE_AUTH, "%s",
		    user[0] == '\0' ? "the name is empty" :
				      "the password is empty");
		return;
	}
	account->code = CODE_PERMANENT;
	if (config->auth_count == 0)
		account_deny(account, CODE_PERMANENT, "auth names no method");
	else
		auth_try(config, facts, user, secret, account);
	if (account->code == CODE_OK && config->apop_only &&
	    config_auth(config, AUTH_MAILAUTH))
		auth_apop_only(config, user, account);
}

void
auth_proved(const struct config *config, const struct verifier_facts *facts,
    const char *method, const char *user, struct ch_account *account)
{
	char text[CHANNEL_TEXT];

	account_of(config, user, account);
	policy_judge(config, facts, account);
	if (account->code == CODE_OK)
		return;
	memcpy(text, account->text, sizeof(text));
	account_deny(account, account->code, "%s: %s", method, account->reason);
	account_tell(account, "%s", text);
}
