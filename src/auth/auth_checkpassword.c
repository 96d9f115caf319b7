/*
 * auth_checkpassword.c - an external program decides, as D. J. Bernstein's
 * checkpassword interface has it: name, password and a timestamp on descriptor
 * 3, its status says why not, and when they are right it becomes the user and
 * runs a program.
 *
 * That program is ours (src/account), and the kernel says what user it has
 * become; see identity.h.
 */

#include <sys/wait.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "method.h"
#include "program.h"

#define INPUT_MAX 512 /* octets; the interface's limit */
#define WORDS_MAX 32  /* of the setting */
#define ENVIRONMENT_MAX 8
#define SHOWN_MAX 200 /* octets of what the program wrote */

#define STATUS_WRONG 1
#define STATUS_NEVER 100 /* qmail's "permanent", cvm's "wrong" */

/* What is executed: the words of the setting, then the helper. */
struct command {
	char text[CHANNEL_PATH];
	char helper[CHANNEL_PATH];
	char *argv[WORDS_MAX + 2];
};

/* As tcpserver has it, without what only the DNS knows. */
struct environment {
	char text[ENVIRONMENT_MAX][128];
	char *envp[ENVIRONMENT_MAX + 1];
	size_t count;
};

/* The setting's words in place, then the helper; -1: too many. */
static int
command_split(struct command *command)
{
	char *word = command->text;
	size_t count = 0, length;

	for (;;) {
		word += strspn(word, " \t");
		if (*word == '\0')
			break;
		if (count == WORDS_MAX)
			return -1;
		command->argv[count++] = word;
		length = strcspn(word, " \t");
		if (word[length] != '\0')
			word[length++] = '\0';
		word += length;
	}
	command->argv[count++] = command->helper;
	command->argv[count] = NULL;
	return 0;
}

/* 0, or -1 with a sentence for the log. */
static int
command_get(
    const char *setting, struct command *command, char why[CHANNEL_TEXT])
{
	if (setting[0] == '\0')
		text_cut(why, CHANNEL_TEXT, "checkpassword is not set");
	else if (text_copy(command->text, sizeof(command->text), setting,
		     strlen(setting)) == -1 ||
	    command_split(command) == -1)
		text_cut(why, CHANNEL_TEXT, "checkpassword is too long");
	else if (platform_program(IDENTITY_PROGRAM, command->helper,
		     sizeof(command->helper)) == -1)
		text_cut(why, CHANNEL_TEXT, "%s is missing", IDENTITY_PROGRAM);
	else if (access(command->argv[0], X_OK) == -1)
		text_cut(why, CHANNEL_TEXT, "%.200s: %s", command->argv[0],
		    strerror(errno));
	else
		return 0;
	return -1;
}

int
checkpassword_check(const struct config *config, char why[CHANNEL_TEXT])
{
	struct command command;

	return command_get(config->checkpassword, &command, why);
}

static void
environment_put(struct environment *e, const char *name, const char *value)
{
	char *text = e->text[e->count];

	if (value == NULL || value[0] == '\0' ||
	    text_print(text, sizeof(e->text[0]), "%s=%s", name, value) == -1)
		return;
	e->envp[e->count++] = text;
	e->envp[e->count] = NULL;
}

static void
environment_fill(struct environment *e, const struct verifier_facts *facts)
{
	memset(e, 0, sizeof(*e));
	environment_put(e, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	if (facts->here == NULL || facts->here[0] == '\0')
		return;
	environment_put(e, "PROTO", "TCP");
	environment_put(e, "TCPREMOTEIP", facts->peer);
	environment_put(e, "TCPREMOTEPORT", facts->peer_port);
	environment_put(e, "TCPLOCALIP", facts->here);
	environment_put(e, "TCPLOCALPORT", facts->here_port);
}

/*
 * The timestamp is one that nobody was told: a program that takes the secret
 * for an answer to it, as in APOP, finds it wrong.  Octets, or 0: too many.
 */
static size_t
input_fill(char input[INPUT_MAX], const char *name, const char *secret)
{
	char stamp[STAMP_SIZE];
	const char *parts[3] = {name, secret, stamp};
	size_t used = 0, size, i;

	stamp_make(stamp);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		size = strlen(parts[i]) + 1;
		if (size > INPUT_MAX - used)
			return 0;
		memcpy(input + used, parts[i], size);
		used += size;
	}
	return used;
}

/* The first line of what it wrote, but no secret. */
static void
text_clean(char text[PROGRAM_TEXT], const char *secret)
{
	if (strstr(text, secret) != NULL)
		text_cut(
		    text, PROGRAM_TEXT, "(not shown: the password is in it)");
	text[strcspn(text, "\r\n")] = '\0';
	if (strlen(text) > SHOWN_MAX)
		text[SHOWN_MAX] = '\0';
}

static void
account_temporary(
    struct ch_account *account, const struct program *program, const char *how)
{
	account_deny(account, CODE_TEMPORARY, "%s%s%s", how,
	    program->text[0] == '\0' ? "" : ": ", program->text);
}

/* It ended with status 0. */
static void
account_grant(const struct config *config, const struct program *program,
    const char *name, struct ch_account *account)
{
	const struct identity *identity = &program->identity;
	const struct maker *who = &identity->who;
	size_t i;

	memset(account, 0, sizeof(*account));
	account->uid = who->uid;
	if (!account_uid_served(config, account->uid))
		return;
	account->gid = who->gid;
	text_cut(account->name, sizeof(account->name), "%s",
	    identity->words.name[0] == '\0' ? name : identity->words.name);
	memcpy(account->home, identity->words.home, sizeof(account->home));
	account->group_count = (uint32_t)who->count;
	for (i = 0; i < who->count; i++)
		account->groups[i] = who->groups[i];
	if (!who->grouped && account_named_groups(account) == -1)
		account_deny(account, CODE_PERMANENT,
		    "it is in more than %d groups", CHANNEL_GROUPS);
	else
		account_date(account);
}

static void
status_decide(const struct config *config, const struct program *program,
    const char *name, struct ch_account *account)
{
	int status = WEXITSTATUS(program->status);
	char how[64];

	if (status == STATUS_WRONG || status == STATUS_NEVER) {
		account_deny(account, CODE_AUTH, "status %d%s%s", status,
		    program->text[0] == '\0' ? "" : ": ", program->text);
	} else if (program->error == ERANGE) {
		account_deny(account, CODE_PERMANENT,
		    "it is in more than %d groups", MAKER_GROUPS);
	} else if (program->error == EBADMSG) {
		account_temporary(account, program, "rubbish on descriptor 4");
	} else if (program->error != 0) {
		account_deny(account, CODE_TEMPORARY, "whom it became: %s",
		    strerror(program->error));
	} else if (program->identities > 1) {
		account_temporary(
		    account, program, "its program was run more than once");
	} else if (status != 0) {
		text_cut(how, sizeof(how), "status %d", status);
		account_temporary(account, program, how);
	} else if (program->identities == 0) {
		account_temporary(
		    account, program, "status 0, but its program was not run");
	} else {
		account_grant(config, program, name, account);
	}
}

static void
program_decide(const struct config *config, const struct program *program,
    const char *name, struct ch_account *account)
{
	char how[64];

	if (program->late) {
		account_temporary(
		    account, program, "no end before the login's: killed");
	} else if (WIFSIGNALED(program->status)) {
		text_cut(how, sizeof(how), "died of signal %d",
		    WTERMSIG(program->status));
		account_temporary(account, program, how);
	} else {
		status_decide(config, program, name, account);
	}
}

void
auth_checkpassword_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account)
{
	char why[CHANNEL_TEXT], input[INPUT_MAX];
	struct environment environment;
	struct program program;
	struct command command;
	size_t length;
	int rc;

	if (command_get(config->checkpassword, &command, why) == -1) {
		account_deny(account, CODE_TEMPORARY, "%s", why);
		return;
	}
	length = input_fill(input, name, secret);
	if (length == 0) {
		explicit_bzero(input, sizeof(input));
		account_deny(account, CODE_AUTH,
		    "name and password are too long for it");
		return;
	}
	environment_fill(&environment, facts);
	rc = program_run(command.argv, environment.envp, input, length,
	    facts->end, &program);
	explicit_bzero(input, sizeof(input));
	text_clean(program.text, secret);
	if (rc == -1)
		account_deny(account, CODE_TEMPORARY,
		    "it cannot be started: %s", strerror(errno));
	else
		program_decide(config, &program, name, account);
	explicit_bzero(&program, sizeof(program));
}
