/*
 * users.h - one user, one name: username-lower, default-domain, and lists of
 * users.  Verifier and -n only.
 */

#ifndef USERS_H
#define USERS_H

#include "base.h"
#include "channel.h"

/*
 * The name of the user that somebody calls name: in small letters with
 * username-lower, without "@" and the default-domain.  Only one "@" divides a
 * name; the domain's letters are the same in either case.  "" of a name that
 * is empty or too long to be anybody's.
 */
void user_name(
    const struct config *config, const char *name, char user[CHANNEL_NAME]);

/* Is written, in a file of ours, a name of the user whose name is user? */
bool
user_same(const struct config *config, const char *written, const char *user);

/*
 * Is it this account that who means: a name, "@" and a group of the system,
 * or "*"?  1, 0; -1 with errno: the group cannot be looked up.  A group that
 * there is not has nobody in it; only for an account without a name, which is
 * -n's, that is -1 with ENOENT: it may be a slip of the pen.
 */
int user_is(const struct config *config, const char *who,
    const struct ch_account *account) MUST_CHECK;

/* The sentence for the log when user_is(who) was -1; errno is its. */
void user_group_trouble(const char *who, char why[CHANNEL_TEXT]);

/*
 * Is the account in the list, of words or "file:" and a path?  1, 0; -1 with
 * a sentence in why.  The whole file is read: a damaged line counts wherever
 * it is.
 */
int users_have(const struct config *config, const char *list,
    const struct ch_account *account, char why[CHANNEL_TEXT]) MUST_CHECK;

#endif
