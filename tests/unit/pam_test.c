/*
 * pam_test.c - the module pop3d-pam.so over a libpam of our own, which says
 * and asks what a test wants: each result, and the conversation.
 */

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#include "../../src/modules/pam.c"

/* The library. */

static struct {
	struct pam_conv talk;
	const char *service, *name, *rhost, *tty, *user;
	void (*delay)(int, unsigned, void *);
	int start, set, authenticate, account; /* what these return */
	int flags, account_flags;
	int ends;
	int (*ask)(void); /* what authentication does before it returns */
} lib;

static struct pam_login login;

int
pam_start(const char *service, const char *name, const struct pam_conv *talk,
    pam_handle_t **handle)
{
	lib.service = service;
	lib.name = name;
	lib.talk = *talk;
	*handle = lib.start == PAM_SUCCESS ? (pam_handle_t *)&lib : NULL;
	return lib.start;
}

int
pam_end(pam_handle_t *handle, int status)
{
	(void)status;
	lib.ends += handle == (pam_handle_t *)&lib;
	return PAM_SUCCESS;
}

int
pam_set_item(pam_handle_t *handle, int type, const void *item)
{
	(void)handle;
	if (type == PAM_RHOST)
		lib.rhost = item;
	else if (type == PAM_TTY)
		lib.tty = item;
	else if (type == PAM_FAIL_DELAY)
		memcpy(&lib.delay, &item, sizeof(lib.delay));
	return lib.set;
}

int
pam_get_item(const pam_handle_t *handle, int type, const void **item)
{
	(void)handle;
	*item = type == PAM_USER ? lib.user : NULL;
	return PAM_SUCCESS;
}

int
pam_authenticate(pam_handle_t *handle, int flags)
{
	int rc = PAM_SUCCESS;

	(void)handle;
	lib.flags = flags;
	if (lib.ask != NULL)
		rc = lib.ask();
	return rc == PAM_SUCCESS ? lib.authenticate : rc;
}

int
pam_acct_mgmt(pam_handle_t *handle, int flags)
{
	(void)handle;
	lib.account_flags = flags;
	return lib.account;
}

const char *
pam_strerror(pam_handle_t *handle, int result)
{
	static char text[32];

	(void)handle;
	(void)snprintf(text, sizeof(text), "result %d", result);
	return text;
}

/* The test. */

static void
begin(void)
{
	memset(&lib, 0, sizeof(lib));
	lib.user = "joe";
	memset(&login, 0, sizeof(login));
	login.name = "joe";
	login.secret = "secret";
	login.peer = "192.0.2.1";
}

static enum channel_code
authenticated(int result)
{
	enum channel_code code;

	begin();
	lib.authenticate = result;
	code = pop3d_pam.authenticate(&login);
	pop3d_pam.end(&login);
	pop3d_pam.end(&login);
	return code;
}

static enum channel_code
accounted(int result)
{
	enum channel_code code;

	begin();
	lib.account = result;
	code = pop3d_pam.authenticate(&login);
	if (code == CODE_OK)
		code = pop3d_pam.account(&login);
	pop3d_pam.end(&login);
	return code;
}

static void
test_begin(void)
{
	ok(authenticated(PAM_SUCCESS) == CODE_OK && lib.ends == 1 &&
		strcmp(lib.service, "pop3d") == 0 &&
		strcmp(lib.name, "joe") == 0 &&
		strcmp(lib.rhost, "192.0.2.1") == 0 &&
		strcmp(lib.tty, "pop3d") == 0,
	    "service, name, address, terminal; ended once");
	ok(lib.flags == (PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK),
	    "no words, no empty passwords");
	ok(lib.delay == pam_no_delay, "its delay is nothing");
	begin();
	login.peer = NULL;
	lib.user = "joseph";
	ok(pop3d_pam.authenticate(&login) == CODE_OK && lib.rhost == NULL &&
		strcmp(login.user, "joseph") == 0,
	    "no address; the stack's name for the user");
	begin();
	lib.start = PAM_SYSTEM_ERR;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY &&
		strcmp(login.why, "result 4") == 0,
	    "it cannot be started");
	pop3d_pam.end(&login);
	ok(lib.ends == 0, "and is not ended");
	begin();
	lib.set = PAM_BUF_ERR;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY, "no item");
	begin();
	lib.user = NULL;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY, "no user");
}

static void
test_results(void)
{
	static const int wrong[] = {PAM_AUTH_ERR, PAM_USER_UNKNOWN,
	    PAM_MAXTRIES, PAM_PERM_DENIED, PAM_CRED_INSUFFICIENT,
	    PAM_ACCT_EXPIRED, PAM_AUTHTOK_EXPIRED, PAM_NEW_AUTHTOK_REQD,
	    PAM_CRED_EXPIRED};
	static const int refused[] = {PAM_ACCT_EXPIRED, PAM_AUTHTOK_EXPIRED,
	    PAM_NEW_AUTHTOK_REQD, PAM_CRED_EXPIRED, PAM_AUTH_ERR,
	    PAM_PERM_DENIED, PAM_USER_UNKNOWN};
	static const int unsure[] = {PAM_AUTHINFO_UNAVAIL, PAM_SYSTEM_ERR,
	    PAM_SERVICE_ERR, PAM_OPEN_ERR, PAM_SYMBOL_ERR, PAM_BUF_ERR,
	    PAM_CONV_ERR, PAM_ABORT, PAM_IGNORE, PAM_MODULE_UNKNOWN,
	    PAM_CRED_UNAVAIL, PAM_TRY_AGAIN, PAM_INCOMPLETE, 999, -1};
	size_t i, bad = 0;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		bad += authenticated(wrong[i]) != CODE_AUTH;
	ok(bad == 0, "authentication: what is a wrong password");
	for (i = 0; i < ARRAY_SIZE(unsure); i++)
		bad += authenticated(unsure[i]) != CODE_TEMPORARY;
	ok(bad == 0, "what is none");
	ok(accounted(PAM_SUCCESS) == CODE_OK &&
		lib.account_flags == (PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK),
	    "account management: good");
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		bad += accounted(refused[i]) != CODE_REFUSED;
	ok(bad == 0, "what refuses a right password");
	for (i = 0; i < ARRAY_SIZE(unsure); i++)
		bad += accounted(unsure[i]) != CODE_TEMPORARY;
	ok(bad == 0, "what does not");
	ok(strcmp(login.why, "result -1") == 0, "the reason is the library's");
}

static void
replies_free(struct pam_response *replies, int count)
{
	for (; count > 0; count--)
		free(replies[count - 1].resp);
	free(replies);
}

static int
ask_styles(void)
{
	static const struct pam_message name = {PAM_PROMPT_ECHO_ON, "login: "},
					secret = {PAM_PROMPT_ECHO_OFF, ""},
					info = {PAM_TEXT_INFO, "hello"},
					error = {PAM_ERROR_MSG, "no"};
	const struct pam_message *all[] = {&name, &info, &secret, &error};
	struct pam_response *replies = NULL;
	int rc;

	rc = lib.talk.conv(4, all, &replies, lib.talk.appdata_ptr);
	ok(rc == PAM_SUCCESS && strcmp(replies[0].resp, "joe") == 0 &&
		replies[1].resp == NULL &&
		strcmp(replies[2].resp, "secret") == 0 &&
		replies[3].resp == NULL,
	    "the name where it may be seen, the password where not");
	replies_free(replies, 4);
	return rc;
}

static int
ask_strange(void)
{
	static const struct pam_message secret = {PAM_PROMPT_ECHO_OFF, ""},
					strange = {77, "?"};
	const struct pam_message *all[] = {&secret, &strange};
	struct pam_response *replies = NULL;

	return lib.talk.conv(2, all, &replies, lib.talk.appdata_ptr);
}

static int
ask_none(void)
{
	struct pam_response *replies = NULL;

	return lib.talk.conv(0, NULL, &replies, lib.talk.appdata_ptr);
}

/* A stack that is never content. */
static int
ask_on(void)
{
	static const struct pam_message secret = {PAM_PROMPT_ECHO_OFF, ""};
	const struct pam_message *all[] = {&secret};
	struct pam_response *replies = NULL;
	int rc, asked;

	for (asked = 0; asked < 10000; asked++) {
		rc = lib.talk.conv(1, all, &replies, lib.talk.appdata_ptr);
		if (rc != PAM_SUCCESS)
			break;
		replies_free(replies, 1);
	}
	ok(asked == MESSAGES_MAX, "so many messages, and no more");
	return rc;
}

static void
test_talk(void)
{
	begin();
	lib.ask = ask_styles;
	ok(pop3d_pam.authenticate(&login) == CODE_OK, "a conversation");
	begin();
	lib.ask = ask_strange;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY,
	    "a message of another style");
	begin();
	lib.ask = ask_none;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY, "no message");
	begin();
	lib.ask = ask_on;
	ok(pop3d_pam.authenticate(&login) == CODE_TEMPORARY, "no end");
}

int
main(void)
{
	test_begin();
	test_results();
	test_talk();
	return tap_end();
}
