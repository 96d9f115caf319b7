/*
 * owner.c - whose mailbox is it?  The account of a session that is logged in
 * already (-a MAILBOX).
 *
 * Root names the path on its own command line.  What is found there only
 * chooses the user; opening it is the user's own act, with the user's rights.
 */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "method.h"

/* mbox: where nothing is said; absolute, whatever the working directory. */
static int
owner_mailbox(const char *owner_of, char dst[CHANNEL_PATH])
{
	char cwd[CHANNEL_PATH];
	const char *path;
	size_t prefix;

	prefix = mailbox_prefix(owner_of);
	path = owner_of + prefix;
	if (path[0] == '\0') {
		errno = ENOENT;
		return -1;
	}
	cwd[0] = '\0';
	if (path[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
		return -1;
	/* In "/" itself this makes "//x", which means the same. */
	return text_print(dst, CHANNEL_PATH, "%.*s%s%s%s",
	    prefix == 0 ? 5 : (int)prefix, prefix == 0 ? "mbox:" : owner_of,
	    cwd, cwd[0] == '\0' ? "" : "/", path);
}

/* 0 and *uid, or -1 with the account denied. */
static int
owner_find(const char *path, uid_t *uid, struct ch_account *account)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		*uid = st.st_uid;
		return 0;
	}
	if (errno == ENOENT && geteuid() != 0) {
		/* Whoever runs this may have a mailbox that is empty. */
		*uid = getuid();
		return 0;
	}
	if (errno == ENOENT)
		account_deny(account, CODE_PERMANENT,
		    "the mailbox does not exist, so nobody owns it");
	else
		account_deny(account,
		    errno == EIO || errno == ESTALE || errno == ETIMEDOUT ?
			CODE_TEMPORARY :
			CODE_PERMANENT,
		    "the mailbox: %s", strerror(errno));
	return -1;
}

static void
owner_fill(uid_t uid, struct ch_account *account)
{
	struct passwd pw;
	char buffer[LOOKUP_SIZE];
	int found;

	found = lookup_uid(uid, &pw, buffer);
	if (found == 1) {
		account_fill(account, &pw);
	} else if (geteuid() != 0) {
		/* A container's uid often has no line in passwd. */
		memset(account, 0, sizeof(*account));
		account->uid = uid;
		if (text_print(account->name, sizeof(account->name), "%u",
			(unsigned)uid) == -1)
			account->code = CODE_PERMANENT;
	} else if (found == 0) {
		account_deny(account, CODE_PERMANENT,
		    "the mailbox's owner, uid %u, is not in passwd",
		    (unsigned)uid);
	} else {
		account_deny(
		    account, CODE_TEMPORARY, "passwd: %s", strerror(errno));
	}
}

static void
owner_judge(const struct config *config, uid_t uid, struct ch_account *account)
{
	if (geteuid() != 0 && uid != getuid())
		account_deny(account, CODE_PERMANENT,
		    "the mailbox is uid %u's, and pop3d runs as %u",
		    (unsigned)uid, (unsigned)getuid());
	else if (!account_uid_served(config, uid))
		account_deny(account, CODE_PERMANENT,
		    "the mailbox is uid %u's, which is never served",
		    (unsigned)uid);
	else
		owner_fill(uid, account);
}

void
owner_account(const struct config *config, const char *owner_of,
    struct ch_account *account)
{
	char mailbox[CHANNEL_PATH];
	uid_t uid;

	memset(account, 0, sizeof(*account));
	if (owner_mailbox(owner_of, mailbox) == -1) {
		account_deny(account, CODE_PERMANENT, "the mailbox: %s",
		    strerror(errno));
		return;
	}
	uid = (uid_t)-1;
	if (owner_find(mailbox + mailbox_prefix(mailbox), &uid, account) == -1)
		return;
	owner_judge(config, uid, account);
	if (account->code != CODE_OK)
		return;
	if (geteuid() != 0)
		account_take_own_groups(account);
	account_mail_group(config, account);
	memcpy(account->mailbox, mailbox, sizeof(mailbox));
}
