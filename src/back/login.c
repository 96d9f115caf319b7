/*
 * login.c - a login: what a verifier said, and becoming the user.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "state.h"

#define CANCELS_MAX 10 /* exchanges that a client gives up, a session */

/* The answer to this login, empty, but that it is one. */
static struct ch_login *
login_answer(struct back *back)
{
	/* That to a step begins with that to any login. */
	explicit_bzero(&back->record.u, sizeof(back->record.u));
	if (back->record.type == CH_STEP)
		back->record.u.stepped.done = 1;
	return &back->record.u.login;
}

static void
login_refuse(
    struct back *back, enum channel_code code, bool last, const char *text)
{
	struct ch_login *login = login_answer(back);
	uint32_t type = back->record.type + 1;

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
	case CODE_MECHANISM:
		return "this account logs in by APOP or SASL, with no password "
		       "in clear text";
	case CODE_BINDING:
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
		log_warnx("LOGIN UNCHECKED, %s, method=%s: %s", who,
		    back->method, account->reason);
		return;
	}
	log_info("LOGIN FAILED, %s, method=%s", who, back->method);
	/* Somebody may sit between: not for those who debug alone. */
	if (account->code == CODE_BINDING)
		log_warnx("login, %s: %s", who, account->reason);
	else
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
	    code != CODE_PERMANENT && code != CODE_MECHANISM &&
	    code != CODE_BINDING)
		code = CODE_AUTH;
	back->failures++;
	if (back->owner_of == NULL)
		failure_delay(back);
	login_refuse(back, code,
	    back->owner_of != NULL ||
		back->failures >= back->config->login_tries,
	    code == CODE_AUTH || account->text[0] == '\0' ? failure_text(code) :
							    account->text);
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
	struct ch_login *login = login_answer(back);
	uint32_t type = back->record.type + 1;
	int descriptors[3];
	size_t count = 0;

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
	login->keep = back->keep;
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
	tls_leave(back);
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
	options.read_only = account->read_only != 0;
	back->keep = account->keep != 0;
	back->mailbox = mailbox_open(&options, &error);
	report_who(back, back->name, who, sizeof(who));
	log_info("LOGIN, %s%s", who, back->secure);
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
login_decide(
    struct back *back, const char *typed, const struct ch_account *account)
{
	if (account->code == CODE_OK)
		login_open(back, account);
	else
		login_failed(back, typed, account);
}

/* A login that is one question. */
static void
login_try(struct back *back, const char *typed, const char *method)
{
	struct record said;

	back->method = method;
	if (verifier_start(back) == 0)
		verifier_hear(back, &said);
	else
		account_unknown(&said.u.account);
	explicit_bzero(&back->record.u, sizeof(back->record.u));
	login_decide(back, typed, &said.u.account);
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
	login_try(back, typed, "USER");
}

void
on_digest(struct back *back)
{
	char typed[CHANNEL_NAME];

	memcpy(typed, back->record.u.digest.name, sizeof(typed));
	if (back->stamp[0] == '\0') {
		login_refuse(back, CODE_REFUSED, true, "there is no APOP here");
		return;
	}
	login_try(back, typed, "APOP");
}

void
on_external(struct back *back)
{
	if (back->owner_of == NULL) {
		login_refuse(back, CODE_REFUSED, true, "not logged in");
		return;
	}
	login_try(back, back->owner_of, "-a");
}

/* What the verifier says to the step that it was told. */
static void
step_hear(struct back *back)
{
	struct record said;

	explicit_bzero(&back->record.u, sizeof(back->record.u));
	verifier_hear(back, &said);
	if (said.type == CH_ACCOUNT) {
		back->phase = PHASE_LOGIN;
		login_decide(back, said.u.account.name, &said.u.account);
		return;
	}
	back->record.u.stepped.length = said.u.stepped.length;
	memcpy(back->record.u.stepped.octets, said.u.stepped.octets,
	    sizeof(said.u.stepped.octets));
	explicit_bzero(&said, sizeof(said));
	answer(back, CH_STEP + 1, NULL, 0);
	explicit_bzero(&back->record.u, sizeof(back->record.u));
}

static void
step_first(struct back *back, uint32_t mechanism)
{
	struct ch_account account;

	if (mechanism < MECHANISM_PLAIN) {
		rules_broken(back);
		return;
	}
	if ((back->mechanisms >> mechanism & 1) == 0) {
		login_refuse(back, CODE_REFUSED, true,
		    "this mechanism is not accepted on this connection");
		return;
	}
	back->method = channel_mechanism_name(mechanism);
	if (verifier_start(back) == -1) {
		account_unknown(&account);
		login_failed(back, "", &account);
		return;
	}
	back->phase = PHASE_EXCHANGE;
	step_hear(back);
}

/*
 * The client gave up, as some do before they try another mechanism: not a
 * failure for the log, and without a delay.
 */
static void
step_cancel(struct back *back)
{
	verifier_drop(back);
	back->phase = PHASE_LOGIN;
	login_refuse(
	    back, CODE_REFUSED, ++back->cancels >= CANCELS_MAX, "cancelled");
}

void
on_step(struct back *back)
{
	uint32_t mechanism = back->record.u.step.mechanism;

	if (back->phase == PHASE_LOGIN) {
		step_first(back, mechanism);
	} else if (mechanism == MECHANISM_CANCEL) {
		step_cancel(back);
	} else if (mechanism == MECHANISM_NEXT) {
		verifier_tell(back);
		step_hear(back);
	} else {
		rules_broken(back);
	}
}
