/*
 * account.c - an account on its way from a method to the answer.  Verifier
 * only: the name service is asked here.
 */

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "method.h"

void
account_deny(struct ch_account *account, uint32_t code, const char *format, ...)
{
	char reason[CHANNEL_TEXT], *p;
	va_list ap;

	/* The arguments may be the account's own strings. */
	va_start(ap, format);
	if (vsnprintf(reason, sizeof(reason), format, ap) < 0)
		reason[0] = '\0';
	va_end(ap);
	for (p = reason; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	memset(account, 0, sizeof(*account));
	account->code = code;
	memcpy(account->reason, reason, strlen(reason) + 1);
}

void
account_tell(struct ch_account *account, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(account->text, sizeof(account->text), format, ap) < 0)
		account->text[0] = '\0';
	va_end(ap);
}

/*
 * Too many groups are refused, not cut: the one that was left out could be
 * one that takes a right away.
 */
static int
account_groups(struct ch_account *account, const struct passwd *pw)
{
	gid_t groups[CHANNEL_GROUPS];
	int i, count;

	count = CHANNEL_GROUPS;
	if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) == -1)
		return -1;
	for (i = 0; i < count; i++)
		account->groups[i] = groups[i];
	account->group_count = (uint32_t)count;
	return 0;
}

void
account_fill(struct ch_account *account, const struct passwd *pw)
{
	memset(account, 0, sizeof(*account));
	account->code = CODE_OK;
	account->uid = pw->pw_uid;
	account->gid = pw->pw_gid;
	if (text_copy(account->name, sizeof(account->name), pw->pw_name,
		strlen(pw->pw_name)) == -1 ||
	    text_copy(account->home, sizeof(account->home), pw->pw_dir,
		strlen(pw->pw_dir)) == -1)
		account_deny(account, CODE_PERMANENT,
		    "its name or home in passwd is too long");
	else if (account_groups(account, pw) == -1)
		account_deny(account, CODE_PERMANENT,
		    "it is in more than %d groups", CHANNEL_GROUPS);
}

void
account_take_own_groups(struct ch_account *account)
{
	gid_t groups[CHANNEL_GROUPS];
	int i, count;

	account->gid = getgid();
	/* They stay what they are, so those that do not fit are no loss. */
	count = getgroups(CHANNEL_GROUPS, groups);
	if (count == -1) {
		groups[0] = account->gid;
		count = 1;
	}
	for (i = 0; i < count; i++)
		account->groups[i] = groups[i];
	account->group_count = (uint32_t)count;
}

bool
account_uid_served(const struct config *config, uid_t uid)
{
	return uid != 0 && uid != (uid_t)-1 && uid >= config->minimum_uid;
}

void
account_mail_group(const struct config *config, struct ch_account *account)
{
	const struct group *group;

	/* Not the _r kind: a group's members may be of any length. */
	group =
	    config->mail_group[0] == '\0' ? NULL : getgrnam(config->mail_group);
	account->mail_gid = group == NULL ? account->gid : group->gr_gid;
}

/* What getpwnam_r() returns for "no such user" on one system or another. */
static int
lookup_result(int error, const struct passwd *found)
{
	if (found != NULL)
		return 1;
	if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF ||
	    error == EPERM)
		return 0;
	errno = error;
	return -1;
}

int
lookup_name(const char *name, struct passwd *pw, char buffer[LOOKUP_SIZE])
{
	struct passwd *found;
	int error;

	found = NULL;
	error = getpwnam_r(name, pw, buffer, LOOKUP_SIZE, &found);
	return lookup_result(error, found);
}

int
lookup_uid(uid_t uid, struct passwd *pw, char buffer[LOOKUP_SIZE])
{
	struct passwd *found;
	int error;

	found = NULL;
	error = getpwuid_r(uid, pw, buffer, LOOKUP_SIZE, &found);
	return lookup_result(error, found);
}

#define SHADOW_LINE 4096 /* octets of one entry */

/*
 * The password that shadow has, or its lack, says nothing here: who has one in
 * mailauth often has no other.  1: the account may be used, 0: it is over;
 * -1 with errno when root cannot tell.  Nobody else can read shadow.
 */
static int
account_in_time(const char *name)
{
	struct spwd sp, *found = NULL;
	char line[SHADOW_LINE];
	int error, in_time = 1;

	error = getspnam_r(name, &sp, line, sizeof(line), &found);
	if (found != NULL)
		in_time = account_over(&sp, (long)(time(NULL) / 86400)) == NULL;
	explicit_bzero(line, sizeof(line));
	if (found == NULL && error != 0 && error != ENOENT && error != ESRCH &&
	    geteuid() == 0) {
		errno = error;
		return -1;
	}
	return in_time;
}

void
account_date(struct ch_account *account)
{
	char buffer[LOOKUP_SIZE];
	struct passwd pw;
	int found, in_time = 1;

	found = lookup_name(account->name, &pw, buffer);
	if (found == 1 && pw.pw_uid == account->uid)
		in_time = account_in_time(pw.pw_name);
	if (found == -1 || in_time == -1)
		account_deny(account, CODE_TEMPORARY, "passwd and shadow: %s",
		    strerror(errno));
	else if (in_time == 0)
		account_deny(account, CODE_REFUSED, "the account has expired");
}

int
account_named_groups(struct ch_account *account)
{
	char buffer[LOOKUP_SIZE];
	struct passwd pw;

	account->groups[0] = account->gid;
	account->group_count = 1;
	if (lookup_name(account->name, &pw, buffer) != 1 ||
	    pw.pw_uid != account->uid)
		return 0;
	pw.pw_gid = account->gid;
	return account_groups(account, &pw);
}

static void
account_system(const struct config *config, const struct passwd *pw,
    struct ch_account *account)
{
	int in_time;

	memset(account, 0, sizeof(*account));
	if (!account_uid_served(config, pw->pw_uid)) {
		account->uid = pw->pw_uid;
		return;
	}
	in_time = account_in_time(pw->pw_name);
	if (in_time == 1)
		account_fill(account, pw);
	else if (in_time == 0)
		account_deny(account, CODE_REFUSED, "the account has expired");
	else
		account_deny(
		    account, CODE_TEMPORARY, "shadow: %s", strerror(errno));
}

void
account_of(
    const struct config *config, const char *name, struct ch_account *account)
{
	char buffer[LOOKUP_SIZE];
	struct passwd pw;
	int found;

	found = lookup_name(name, &pw, buffer);
	if (found == 1)
		account_system(config, &pw, account);
	else if (found == -1)
		account_deny(
		    account, CODE_TEMPORARY, "passwd: %s", strerror(errno));
	else if (config->passwd_file[0] != '\0')
		passwd_file_account(config, name, account);
	else
		account_deny(account, CODE_PERMANENT, "no such user in passwd");
}
