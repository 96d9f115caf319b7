/*
 * auth_pam.c - PAM decides, in the module that is linked to it.
 */

#include <string.h>

#include "method.h"
#include "pam.h"

static const struct pam_module *
pam_load(void)
{
	return platform_module(PAM_MODULE, "pop3d_pam");
}

bool
auth_pam_ready(void)
{
	return pam_load() != NULL;
}

/*
 * The password is right.  Who is never served is known before PAM is asked
 * whether the account may be used: it must look like a wrong password.
 */
static void
pam_grant(const struct config *config, const struct pam_module *module,
    struct pam_login *login, struct ch_account *account)
{
	struct ch_account found;
	enum channel_code code;

	memset(&found, 0, sizeof(found));
	account_of(config, login->user, &found);
	if (found.code == CODE_OK && account_uid_served(config, found.uid)) {
		code = module->account(login);
		if (code != CODE_OK)
			account_deny(&found, code, "account: %s", login->why);
	}
	*account = found;
}

void
auth_pam_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account)
{
	const struct pam_module *module = pam_load();
	struct pam_login login = {.name = name, .secret = secret};
	enum channel_code code;

	if (module == NULL) {
		account_deny(account, CODE_TEMPORARY,
		    "%s cannot be loaded: pop3d is built without PAM",
		    PAM_MODULE);
		return;
	}
	/* Where there is no address pam_access(8) goes by the terminal. */
	if (strcmp(facts->peer, "local") != 0)
		login.peer = facts->peer;
	code = module->authenticate(&login);
	if (code == CODE_OK)
		pam_grant(config, module, &login, account);
	else
		account_deny(account, code, "%s", login.why);
	module->end(&login);
}
