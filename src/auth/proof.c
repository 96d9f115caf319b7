/*
 * proof.c - names whose secret is proved and not sent, and what mailauth has
 * of them.
 *
 * Nobody shall learn by trying whether a name exists: a name that does not,
 * one that has no secret of the kind that is needed and one that is locked
 * take the same steps at the same price as any other, to the same end.
 */

#include <errno.h>
#include <string.h>

#include "method.h"
#include "sasl.h"
#include "users.h"

void
proof_find(const struct config *config, const char *name, struct proof *proof)
{
	memset(proof, 0, sizeof(*proof));
	text_cut(proof->name, sizeof(proof->name), "%s", name);
	user_name(config, name, proof->user);
	proof->found = mailauth_user(config, proof->user, &proof->entry);
	proof->error = proof->found == -1 ? errno : 0;
}

void
proof_keys(const struct config *config, struct proof *proof,
    enum mailauth_hash kind, struct mailauth_keys *keys)
{
	struct mailauth_entry other;
	int rc;

	*keys = proof->entry.keys[kind];
	if (proof->found == -1)
		return;
	/* Asked for every name, or it would show who needs it. */
	rc = mailauth_pretend(config->mailauth_file, proof->user, &other);
	if (rc == -1) {
		proof->found = -1;
		proof->error = errno;
	} else if (keys->iterations == 0) {
		proof->missing = true;
		*keys = other.keys[kind];
	}
	explicit_bzero(&other, sizeof(other));
}

/* Wrong; for the log: in what way? */
static const char *
proof_reason(const struct proof *proof)
{
	if (proof->found == 0)
		return "no such user";
	if (proof->entry.locked)
		return "the account is locked";
	return proof->missing ? "it has no secret of this kind" : "wrong proof";
}

void
proof_decide(const struct config *config, const struct verifier_facts *facts,
    const struct proof *proof, int right, struct ch_account *account)
{
	if (proof->found == -1)
		account_deny(account, CODE_TEMPORARY, "mailauth: %s: %s",
		    config->mailauth_file, mailauth_trouble(proof->error));
	else if (right == -1)
		account_deny(account, CODE_TEMPORARY,
		    "mailauth: pop3d-crypto.so cannot work it out");
	else if (right == 1 && proof->found == 1 && !proof->entry.locked &&
	    !proof->missing)
		auth_proved(config, facts, "mailauth", proof->user, account);
	else
		account_deny(
		    account, CODE_AUTH, "mailauth: %s", proof_reason(proof));
	if (account->code != CODE_OK)
		memcpy(account->name, proof->name, sizeof(account->name));
}
