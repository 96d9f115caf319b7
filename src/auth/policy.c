/*
 * policy.c - who may log in, of those who have proved who they are: by a
 * password, APOP or SASL, whatever the method says.
 *
 * The rules are the table below, in its order.  What they see is an account
 * that is right, so what they refuse may say why; but the right password of
 * root, or of another who is never served, must look like a wrong one: else
 * this would be the place to try passwords for a shell.
 *
 * Two more are where they must be: which methods there are, in which order, in
 * auth.c; where clear-text passwords are not even listened to (plaintext), in
 * the back, which tells the front.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "method.h"
#include "users.h"

#define NOLOGIN_FILE "/etc/nologin"
#define NOLOGIN_LINE 200 /* octets of its first line that a client is told */

typedef void (*policy_rule)(const struct config *config,
    const struct verifier_facts *facts, struct ch_account *account);

static void
rule_uid(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	(void)facts;
	if (!account_uid_served(config, account->uid))
		account_deny(
		    account, CODE_AUTH, "uid %u is never served", account->uid);
}

/* A name service may have another name for the user than the client. */
static void
rule_name(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	char user[CHANNEL_NAME] = ""; /* all of it is copied */

	(void)facts;
	user_name(config, account->name, user);
	if (user[0] == '\0')
		account_deny(account, CODE_AUTH, "its name is empty");
	else
		memcpy(account->name, user, sizeof(account->name));
}

/* nologin(5): its text is for whoever may not log in. */
static void
rule_nologin(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	char line[NOLOGIN_LINE + 1];
	ssize_t got = -1;
	char *c;
	int fd;

	(void)config;
	(void)facts;
	fd = open(NOLOGIN_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return;
	if (fd != -1) {
		got = read_full(fd, line, NOLOGIN_LINE);
		(void)close(fd);
	}
	line[got > 0 ? got : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	for (c = line; *c >= ' ' && *c <= '~'; c++)
		continue;
	if (*c != '\0')
		line[0] = '\0';
	account_deny(
	    account, CODE_TEMPORARY, "logins are closed: %s", NOLOGIN_FILE);
	account_tell(account, "logins are closed%s%s",
	    line[0] == '\0' ? "" : ": ", line);
}

static void
rule_deny(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	char why[CHANNEL_TEXT];
	int in;

	(void)facts;
	in = users_have(config, config->deny_users, account, why);
	if (in == -1)
		account_deny(account, CODE_TEMPORARY, "deny-users: %s", why);
	else if (in == 1)
		account_deny(account, CODE_REFUSED, "it is in deny-users");
}

static void
rule_allow(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	char why[CHANNEL_TEXT];
	int in;

	(void)facts;
	if (config->allow_users[0] == '\0')
		return;
	in = users_have(config, config->allow_users, account, why);
	if (in == -1)
		account_deny(account, CODE_TEMPORARY, "allow-users: %s", why);
	else if (in == 0)
		account_deny(account, CODE_REFUSED, "it is not in allow-users");
}

/* What a line of the access file says of this login. */
static void
access_apply(const struct access_rule *rule, const char *path,
    const struct verifier_facts *facts, struct ch_account *account)
{
	if (!rule->pop3) {
		account_deny(
		    account, CODE_REFUSED, "%s:%u: no-pop3", path, rule->line);
	} else if (rule->tls && !facts->protected) {
		account_deny(account, CODE_REFUSED, "%s:%u: not without TLS",
		    path, rule->line);
		account_tell(account, "this account needs TLS");
	} else if (rule->networks && !rule->inside) {
		account_deny(account, CODE_REFUSED, "%s:%u: not from %s", path,
		    rule->line, facts->peer);
		account_tell(account, "this account cannot log in from there");
	} else if (rule->mechanisms != 0 &&
	    (rule->mechanisms & access_mechanism(facts->method)) == 0) {
		account_deny(account, CODE_MECHANISM, "%s:%u: not by %s", path,
		    rule->line, facts->method);
		account_tell(account, "this account cannot log in in this way");
	} else {
		account->keep = rule->keep;
		account->read_only = rule->read_only;
	}
}

static void
rule_access(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	struct access_rule rule;
	char why[CHANNEL_TEXT];
	int found;

	if (config->access_file[0] == '\0')
		return;
	found = access_find(config, facts, account, &rule, why);
	if (found == -1)
		account_deny(account, CODE_TEMPORARY, "access-file: %s", why);
	else if (found == 1)
		access_apply(&rule, config->access_file, facts, account);
}

/* Only root can become another. */
static void
rule_process(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	(void)config;
	(void)facts;
	if (geteuid() == 0)
		return;
	if (account->uid != getuid())
		account_deny(account, CODE_PERMANENT,
		    "pop3d runs as uid %u and can serve no other, such as %u",
		    (unsigned)getuid(), account->uid);
	else
		account_take_own_groups(account);
}

static void
rule_mailbox(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	(void)facts;
	account_mail_group(config, account);
	if (mailbox_expand(config->mailbox, config->default_domain, account,
		account->mailbox, sizeof(account->mailbox)) == 0)
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

static const policy_rule rules[] = {
    rule_uid,     /* minimum-uid; 0 never */
    rule_name,    /* username-lower, default-domain */
    rule_nologin, /* nologin(5) */
    rule_deny,    /* deny-users */
    rule_allow,   /* allow-users */
    rule_access,  /* access-file */
    rule_process, /* not as root: the caller's uid alone */
    rule_mailbox, /* mailbox */
};

void
policy_judge(const struct config *config, const struct verifier_facts *facts,
    struct ch_account *account)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules) && account->code == CODE_OK; i++)
		rules[i](config, facts, account);
}

int
policy_check(const struct config *config, char why[CHANNEL_TEXT])
{
	static const struct verifier_facts facts = {
	    .peer = "local", .method = "", .stamp = ""};
	struct ch_account account = {.code = CODE_OK};
	struct access_rule rule;

	if (users_have(config, config->deny_users, &account, why) == -1 ||
	    users_have(config, config->allow_users, &account, why) == -1)
		return -1;
	if (config->access_file[0] == '\0')
		return 0;
	return access_find(config, &facts, &account, &rule, why) == -1 ? -1 : 0;
}
