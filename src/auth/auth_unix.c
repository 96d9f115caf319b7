/*
 * auth_unix.c - the system's own users: passwd, and shadow with its dates.
 *
 * The shell is not looked at: on mail servers most users have none.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "method.h"

#define SHADOW_FILE "/etc/shadow"
#define SHADOW_LINE 4096 /* octets of one entry */

/* What passwd and shadow say of a name.  Secret: wiped after use. */
struct unix_user {
	struct passwd pw;
	struct spwd sp;
	int in_passwd; /* 1, 0, or -1: could not tell */
	int in_shadow; /* likewise */
	char pw_buffer[LOOKUP_SIZE];
	char sp_buffer[SHADOW_LINE];
};

/* Both are asked for every name, known or not. */
static void
unix_find(const char *name, struct unix_user *user)
{
	struct spwd *found;
	int error;

	user->in_passwd = lookup_name(name, &user->pw, user->pw_buffer);
	if (user->in_passwd == 1)
		name = user->pw.pw_name;
	found = NULL;
	error = getspnam_r(
	    name, &user->sp, user->sp_buffer, sizeof(user->sp_buffer), &found);
	if (found != NULL)
		user->in_shadow = 1;
	else if (error == 0 || error == ENOENT || error == ESRCH)
		user->in_shadow = 0;
	else
		user->in_shadow = -1;
}

/*
 * Offer the hashes of the shadow file.  The file and not getspent(): a name
 * service on the network might list a whole company for each login.  0, or
 * -1 with errno when the file cannot be read.
 */
static int
unix_offer(struct stand_in *other)
{
	char buffer[BUFSIZ], line[SHADOW_LINE];
	struct spwd sp, *found;
	size_t lines;
	FILE *file;

	file = fopen(SHADOW_FILE, "re");
	if (file == NULL)
		return -1;
	(void)setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	for (lines = 0; lines < 4 * STAND_INS_MAX; lines++) {
		found = NULL;
		if (fgetspent_r(file, &sp, line, sizeof(line), &found) != 0 ||
		    found == NULL)
			break;
		if (found->sp_pwdp != NULL)
			stand_in_offer(other, found->sp_pwdp);
	}
	(void)fclose(file);
	explicit_bzero(buffer, sizeof(buffer));
	explicit_bzero(line, sizeof(line));
	return 0;
}

/* "x" in passwd: the hash is in shadow.  NULL: there is none. */
static const char *
unix_hash(const struct unix_user *user)
{
	if (user->in_passwd != 1)
		return NULL;
	if (strcmp(user->pw.pw_passwd, "x") != 0)
		return user->pw.pw_passwd;
	return user->in_shadow == 1 ? user->sp.sp_pwdp : NULL;
}

/* Wrong; for the log: in what way? */
static const char *
unix_reason(const struct unix_user *user, const char *hash)
{
	if (user->in_passwd == 0)
		return "no such user";
	if (hash == NULL)
		return "not in shadow";
	if (!hash_usable(hash))
		return hash_trouble(hash);
	return "wrong password";
}

static void
unix_grant(const struct config *config, const struct unix_user *user,
    struct ch_account *account)
{
	const char *why;

	if (!account_uid_served(config, user->pw.pw_uid)) {
		/* For auth_judge(), which lets it look like a wrong one. */
		account->code = CODE_OK;
		account->uid = user->pw.pw_uid;
		return;
	}
	account_fill(account, &user->pw);
	if (user->in_shadow != 1)
		return;
	why = account_expired(&user->sp, (long)(time(NULL) / 86400));
	if (why != NULL)
		account_deny(account, CODE_REFUSED, "%s", why);
}

/*
 * An entry may be unseen because the file may not be read: glibc does not
 * always say so, when another name service comes after the files.  That must
 * be the same answer for every name.
 */
static bool
unix_unsure(const struct unix_user *user, int shadow_error)
{
	return user->in_passwd == -1 || user->in_shadow == -1 ||
	    (user->in_shadow == 0 && shadow_error != 0 &&
		shadow_error != ENOENT);
}

void
auth_unix_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account)
{
	struct unix_user user;
	struct stand_in other;
	const char *hash;
	int right, shadow_error;

	(void)facts;
	unix_find(name, &user);
	stand_in_init(&other, name);
	shadow_error = unix_offer(&other) == -1 ? errno : 0;
	hash = unix_hash(&user);
	right = hash_decide(secret, hash, &other);
	if (right == -1)
		account_deny(account, CODE_TEMPORARY, "%s: %s", HASH_MODULE,
		    strerror(errno));
	else if (unix_unsure(&user, shadow_error))
		account_deny(account, CODE_TEMPORARY, "passwd and shadow: %s",
		    shadow_error == 0 ? "the name service failed" :
					strerror(shadow_error));
	else if (right == 0)
		account_deny(
		    account, CODE_AUTH, "%s", unix_reason(&user, hash));
	else
		unix_grant(config, &user, account);
	explicit_bzero(&user, sizeof(user));
	explicit_bzero(&other, sizeof(other));
}
