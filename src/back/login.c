/*
 * login.c - a login: asking a verifier, and becoming the user.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "state.h"

#define GRACE_MS 5000 /* the verifier's time beyond the login's end */

static void
verifier_child(struct back *back, int fd)
{
	/* Its own copy of the record; nothing else of the session's. */
	(void)close(back->channel);
	if (back->trace != -1)
		(void)close(back->trace);
	verifier_run(back->config, fd, &back->record, back->owner_of);
}

/* Wait for the account until the login's time is over. */
static int
account_wait(struct back *back, int fd, struct record *account)
{
	int64_t end = back->begin +
	    (int64_t)back->config->login_timeout * 1000 + GRACE_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = end - clock_ms();
	int n;

	do
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	while (n == -1 && errno == EINTR);
	if (n != 1)
		return -1;
	if (channel_read(fd, account, NULL, NULL) != 1 ||
	    account->type != CH_ACCOUNT)
		return -1;
	return 0;
}

static void
account_unknown(struct record *account)
{
	memset(account, 0, sizeof(*account));
	account->u.account.code = CODE_TEMPORARY;
	text_cut(account->u.account.reason, sizeof(account->u.account.reason),
	    "no answer from the verifier");
}

/* The outcome of the login that is in back->record. */
static void
account_get(struct back *back, struct record *account)
{
	int ends[2], status = 0;
	pid_t pid = -1;
	bool answered = false;

	account_unknown(account);
	if (channel_pair(ends) == 0) {
		pid = fork();
		if (pid == 0) {
			(void)close(ends[0]);
			verifier_child(back, ends[1]);
		}
		(void)close(ends[1]);
		answered =
		    pid != -1 && account_wait(back, ends[0], account) == 0;
		(void)close(ends[0]);
	}
	if (pid == -1) {
		log_warn("cannot start a verifier");
		return;
	}
	if (!answered)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (!answered) {
		account_unknown(account);
		log_warnx("a verifier gave no answer%s",
		    WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ?
			" and died" :
			"");
	}
}

static void
login_refuse(
    struct back *back, enum channel_code code, bool last, const char *text)
{
	struct ch_login *login = &back->record.u.login;
	uint32_t type = back->record.type + 1;

	memset(login, 0, sizeof(*login));
	login->code = (uint32_t)code;
	login->last = last;
	if (last)
		phase_done(back);
	text_cut(login->text, sizeof(login->text), "%s", text);
	answer(back, type, NULL, 0);
}

/* A delay that grows; it ends early when the front is gone. */
static void
failure_delay(const struct back *back)
{
	struct pollfd p = {.fd = back->channel, .events = 0};
	uint64_t seconds = back->config->login_delay_failed * back->failures;

	if (seconds > 60)
		seconds = 60;
	(void)poll(&p, 1, (int)seconds * 1000);
}

static const char *
failure_text(enum channel_code code)
{
	switch (code) {
	case CODE_AUTH:
		return "wrong name or password";
	case CODE_TEMPORARY:
		return "logins cannot be checked now";
	case CODE_PERMANENT:
	case CODE_REFUSED:
		return "this account cannot log in";
	case CODE_OK:
	case CODE_IN_USE:
	case CODE_CHANGED:
	case CODE_PARTIAL:
	case CODE_LIMIT:
		break;
	}
	return "no login";
}

/*
 * LOGIN FAILED is what bans an address: it is not for a user who only came
 * when passwords could not be checked.
 */
static void
failure_log(const struct back *back, const char *typed,
    const struct ch_account *account)
{
	char who[CHANNEL_TEXT];

	report_who(back, typed, who, sizeof(who));
	if (account->code == CODE_TEMPORARY) {
		log_warnx("LOGIN UNCHECKED, %s: %s", who, account->reason);
		return;
	}
	log_info("LOGIN FAILED, %s", who);
	log_debug("login, %s: %s", who, account->reason);
}

static void
login_failed(
    struct back *back, const char *typed, const struct ch_account *account)
{
	enum channel_code code = (enum channel_code)account->code;

	failure_log(back, typed, account);
	/* A wrong password never tells more than that it is one. */
	if (code != CODE_TEMPORARY && code != CODE_REFUSED &&
	    code != CODE_PERMANENT)
		code = CODE_AUTH;
	back->failures++;
	if (back->owner_of == NULL)
		failure_delay(back);
	login_refuse(back, code,
	    back->owner_of != NULL ||
		back->failures >= back->config->login_tries,
	    failure_text(code));
}

/*
 * The user's state folder in *state, or -1 where there is none.  false: there
 * may be one with a journal in it that cannot be seen now, so that the mailbox
 * may be in the middle of an update.
 */
static bool
state_get(const struct back *back, const struct ch_account *account, int *state)
{
	bool absent;

	*state = -1;
	/* A Maildir holds its own. */
	if (strncmp(account->mailbox, "maildir:", strlen("maildir:")) == 0)
		return true;
	*state = state_folder_open(
	    back->config, account->uid, account->gid, &absent);
	if (*state == -1 && (geteuid() == 0 || !absent))
		log_warn("%s/%lu", back->config->state_directory,
		    (unsigned long)account->uid);
	return *state != -1 || absent;
}

/* Root until here; the user afterwards. */
static void
become(struct back *back, const struct ch_account *account)
{
	if (geteuid() == 0 && platform_leash(back->front, back->leash) == -1)
		fatal("a leash");
	back->keeper = keeper_start(back->config, account);
	if (platform_become(account->uid, account->gid, account->groups,
		account->group_count) == -1)
		fatal("cannot become uid %lu", (unsigned long)account->uid);
	platform_hide();
	if (platform_no_new_privileges() == -1)
		fatal("no_new_privs");
}

/* The connection is the front's alone from now on. */
static void
connection_leave(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		fatal("/dev/null");
	(void)close(null);
}

static void
login_accept(struct back *back)
{
	const struct view_parts *view = mailbox_view(back->mailbox);
	struct ch_login *login = &back->record.u.login;
	uint32_t type = back->record.type + 1;
	int descriptors[3];
	size_t count = 0;

	memset(login, 0, sizeof(*login));
	descriptors[count++] = view->fd;
	login->base = view->base != -1;
	if (view->base != -1)
		descriptors[count++] = view->base;
	back->messages = view->head.count;
	back->tally.left = view->head.count;
	back->tally.left_octets = view->head.octets;
	if (mailbox_file(back->mailbox) != -1)
		descriptors[count++] = mailbox_file(back->mailbox);
	login->descriptors = (uint32_t)count;
	login->read_only = mailbox_read_only(back->mailbox);
	back->phase = PHASE_MAILBOX;
	answer(back, type, descriptors, count);
	mailbox_given(back->mailbox);
	/* What comes now is hours of waiting, perhaps. */
	platform_trim();
}

/* The account is good: become it, and open its mailbox. */
static void
login_open(struct back *back, const struct ch_account *account)
{
	char who[CHANNEL_TEXT];
	struct mailbox_options options;
	struct mailbox_error error;
	int state;

	if (!state_get(back, account, &state)) {
		login_refuse(back, CODE_TEMPORARY, true,
		    "the mailbox cannot be opened now");
		return;
	}
	become(back, account);
	memcpy(back->name, account->name, sizeof(back->name));
	connection_leave();
	memset(&options, 0, sizeof(options));
	memset(&error, 0, sizeof(error));
	options.config = back->config;
	options.path = account->mailbox;
	options.state = state;
	options.keeper = back->keeper;
	options.peer = back->connection->peer;
	back->mailbox = mailbox_open(&options, &error);
	report_who(back, back->name, who, sizeof(who));
	log_info("LOGIN, %s", who);
	if (error.log[0] != '\0')
		log_warnx("%s: %s", who, error.log);
	if (back->mailbox == NULL) {
		phase_done(back);
		login_refuse(back, error.code, true, error.text);
		return;
	}
	login_accept(back);
}

static void
login_try(struct back *back, const char *typed)
{
	struct record account;

	account_get(back, &account);
	explicit_bzero(back->record.u.password.secret,
	    sizeof(back->record.u.password.secret));
	if (account.u.account.code == CODE_OK)
		login_open(back, &account.u.account);
	else
		login_failed(back, typed, &account.u.account);
}

void
on_password(struct back *back)
{
	char typed[CHANNEL_NAME];

	memcpy(typed, back->record.u.password.name, sizeof(typed));
	if (!back->plaintext) {
		login_refuse(back, CODE_REFUSED, true,
		    "clear-text passwords are not accepted on this "
		    "connection");
		return;
	}
	login_try(back, typed);
}

void
on_external(struct back *back)
{
	if (back->owner_of == NULL) {
		login_refuse(back, CODE_REFUSED, true, "not logged in");
		return;
	}
	login_try(back, back->owner_of);
}
