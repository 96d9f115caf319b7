/*
 * auth_mailauth.c - users whose secrets mailauth(8) keeps.
 *
 * A name that is not there has an entry that costs what others cost, so every
 * name comes the same way to the end.
 */

#include <errno.h>
#include <string.h>

#include "hash.h"
#include "method.h"

/* 1, 0, or -1 with errno and what could not be used in *what. */
static int
secret_right(
    const struct mailauth_entry *entry, const char *secret, const char **what)
{
	struct stand_in other;

	if (entry->hash[0] == '\0') {
		*what = "pop3d-crypto.so";
		return mailauth_verify(entry, secret);
	}
	*what = HASH_MODULE;
	stand_in_init(&other, entry->name);
	return hash_decide(secret, entry->hash, &other);
}

int
mailauth_user(
    const struct config *config, const char *user, struct mailauth_entry *entry)
{
	char name[CHANNEL_NAME];
	struct mailauth_entry also;
	int found, too;

	found = mailauth_find(config->mailauth_file, user, entry);
	if (found == -1 || config->default_domain[0] == '\0' ||
	    strchr(user, '@') != NULL ||
	    text_print(name, sizeof(name), "%s@%s", user,
		config->default_domain) == -1)
		return found;
	/* Looked for in any case: who needs it must not show. */
	too = mailauth_find(config->mailauth_file, name, &also);
	if (too == -1)
		found = -1;
	else if (found == 0 && too == 1) {
		*entry = also;
		found = 1;
	}
	explicit_bzero(&also, sizeof(also));
	return found;
}

void
auth_mailauth_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account)
{
	const char *file = config->mailauth_file, *what;
	struct mailauth_entry entry;
	int found, right;

	(void)facts;
	found = mailauth_user(config, name, &entry);
	if (found == -1) {
		account_deny(account, CODE_TEMPORARY, "%s: %s", file,
		    mailauth_trouble(errno));
		return;
	}
	right = secret_right(&entry, secret, &what);
	if (right == -1)
		account_deny(
		    account, CODE_TEMPORARY, "%s: %s", what, strerror(errno));
	else if (found == 0)
		account_deny(account, CODE_AUTH, "no such user");
	else if (entry.locked)
		account_deny(account, CODE_AUTH, "the account is locked");
	else if (right == 0)
		account_deny(account, CODE_AUTH, "wrong password");
	else
		account_of(config, name, account);
	explicit_bzero(&entry, sizeof(entry));
}
