/*
 * method.h - what the files of the verifier share: an account on its way
 * from a method to the answer.
 */

#ifndef METHOD_H
#define METHOD_H

#include <pwd.h>
#include <shadow.h>

#include "auth.h"
#include "mailauth.h"

/* The methods, as struct auth_method has them. */
void auth_unix_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account);
void auth_mailauth_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account);
void auth_passwd_file_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account);
void auth_checkpassword_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account);
void auth_pam_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account);

/*
 * The account of a name that has proved itself by a method that knows secrets
 * and no accounts: the system's user, unless the account's own date is over,
 * else the line of passwd-file where that is set.  CODE_OK, filled but for what
 * auth_password() adds (for a uid that is not served with its uid alone, which
 * that refuses); or denied: CODE_PERMANENT when there is none, CODE_REFUSED,
 * CODE_TEMPORARY.
 */
void account_of(
    const struct config *config, const char *name, struct ch_account *account);

/*
 * As mailauth_find(), for a user's name: the file may have it with the
 * default-domain, too.
 */
int mailauth_user(const struct config *config, const char *user,
    struct mailauth_entry *entry) MUST_CHECK;

/* As account_of(), in passwd-file alone. */
void passwd_file_account(
    const struct config *config, const char *name, struct ch_account *account);

/* The account of -a's mailbox, finished: as auth_password(). */
void owner_account(const struct config *config, const char *owner_of,
    struct ch_account *account);

/*
 * The account of a user who was proved by what method says, for the log: as
 * auth_password() would have it.
 */
void
auth_proved(const struct config *config, const struct verifier_facts *facts,
    const char *method, const char *user, struct ch_account *account);

/*
 * What holds whatever a method said of an account that is right: it is
 * finished, with its mailbox, or denied.  Others are left as they are.
 */
void policy_judge(const struct config *config,
    const struct verifier_facts *facts, struct ch_account *account);

/* The account becomes nothing but this code and reason. */
void account_deny(struct ch_account *account, uint32_t code, const char *format,
    ...) FORMAT(3, 4);

/* And this is what the client is told; octets 0x20..0x7e. */
void
account_tell(struct ch_account *account, const char *format, ...) FORMAT(2, 3);

/*
 * Fill uid, gid, groups, name and home from passwd and group, CODE_OK;
 * denied with CODE_PERMANENT when they do not fit.
 */
void account_fill(struct ch_account *account, const struct passwd *pw);

/*
 * An account that is right by a method that knows passwords of its own: denied
 * with CODE_REFUSED when it is the system's, of that name and uid, and its
 * date in shadow is over; with CODE_TEMPORARY when that cannot be told.
 */
void account_date(struct ch_account *account);

/*
 * Its groups from passwd and group; the gid alone where its name is not that
 * of its uid.  0, or -1: too many.
 */
int account_named_groups(struct ch_account *account) MUST_CHECK;

/* gid and groups of this very process: another's none but root can take. */
void account_take_own_groups(struct ch_account *account);

/* Is it one that may be served at all: not 0, not below minimum-uid? */
bool account_uid_served(const struct config *config, uid_t uid);

/* mail_gid, from mail-group; gid where there is no such group. */
void
account_mail_group(const struct config *config, struct ch_account *account);

/*
 * A user of the name service: 1 and *pw, whose strings are in buffer; 0:
 * there is none; -1 with errno: it could not tell.
 */
#define LOOKUP_SIZE 65536
int lookup_name(
    const char *name, struct passwd *pw, char buffer[LOOKUP_SIZE]) MUST_CHECK;
int
lookup_uid(uid_t uid, struct passwd *pw, char buffer[LOOKUP_SIZE]) MUST_CHECK;

/*
 * NULL while this account may log in, on the day numbered today (from
 * 1970-01-01, as shadow(5) counts); else why not, for the log.
 */
const char *account_expired(const struct spwd *sp, long today);

/* The same by the account's own date: its password is not the system's. */
const char *account_over(const struct spwd *sp, long today);

/* Octets of "mbox:", "maildir:" or "auto:" at the start of text, or 0. */
size_t mailbox_prefix(const char *text);

#endif
