/*
 * pam.c - the module pop3d-pam.so: all that pop3d knows of libpam.
 *
 * Authentication and account management, no session: the mailbox is opened by
 * another process, which has no libpam.  The contract is in src/auth/pam.h.
 */

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "../auth/pam.h"

#define MESSAGES_MAX 64 /* of one login */

/* What a message of the stack is answered, NULL = nothing; false: it cannot. */
static bool
pam_reply(const struct pam_login *login, int style, const char **text)
{
	switch (style) {
	case PAM_PROMPT_ECHO_OFF:
		*text = login->secret;
		return true;
	case PAM_PROMPT_ECHO_ON:
		*text = login->name;
		return true;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		/* For people at a terminal; a POP3 client shows none. */
		*text = NULL;
		return true;
	default:
		return false;
	}
}

static void
pam_replies_free(struct pam_response *replies, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (replies[i].resp != NULL)
			explicit_bzero(
			    replies[i].resp, strlen(replies[i].resp));
		free(replies[i].resp);
	}
	free(replies);
}

/* A stack that goes on asking would never end. */
static int
pam_talk(int count, const struct pam_message **messages,
    struct pam_response **replies, void *data)
{
	struct pam_login *login = data;
	struct pam_response *all;
	const char *text;
	int i;

	if (count <= 0 || count > MESSAGES_MAX ||
	    login->messages > MESSAGES_MAX - (unsigned)count)
		return PAM_CONV_ERR;
	login->messages += (unsigned)count;
	all = calloc((size_t)count, sizeof(*all));
	if (all == NULL)
		return PAM_BUF_ERR;
	for (i = 0; i < count; i++) {
		if (!pam_reply(login, messages[i]->msg_style, &text))
			break;
		if (text == NULL)
			continue;
		all[i].resp = strdup(text);
		if (all[i].resp == NULL)
			break;
	}
	if (i < count) {
		pam_replies_free(all, count);
		return PAM_CONV_ERR;
	}
	*replies = all;
	return PAM_SUCCESS;
}

#ifdef PAM_FAIL_DELAY
/* The back delays, for every method alike. */
static void
pam_no_delay(int result, unsigned microseconds, void *data)
{
	(void)result;
	(void)microseconds;
	(void)data;
}

static int
pam_delay_set(pam_handle_t *handle)
{
	void (*const function)(int, unsigned, void *) = pam_no_delay;
	const void *item;

	/* ISO C has no conversion of one to the other. */
	memcpy(&item, &function, sizeof(item));
	return pam_set_item(handle, PAM_FAIL_DELAY, item);
}
#else
static int
pam_delay_set(pam_handle_t *handle)
{
	(void)handle;
	return PAM_SUCCESS;
}
#endif

/* The module is linked to nothing of ours. */
static void
pam_copy(char *dst, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size)
		length = size - 1;
	memcpy(dst, text, length);
	dst[length] = '\0';
}

static void
pam_explain(struct pam_login *login, int result)
{
	const char *text = pam_strerror(login->handle, result);

	pam_copy(login->why, sizeof(login->why), text == NULL ? "?" : text);
}

/*
 * What says that it was not the password, and what only that nobody knows.
 * An account that is over is the former: whether the password was right is not
 * said, and nobody shall be told.
 */
static enum channel_code
pam_authenticate_code(int result)
{
	switch (result) {
	case PAM_SUCCESS:
		return CODE_OK;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_CRED_INSUFFICIENT:
	case PAM_ACCT_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_EXPIRED:
		return CODE_AUTH;
	default:
		return CODE_TEMPORARY;
	}
}

/* The password was right. */
static enum channel_code
pam_account_code(int result)
{
	switch (result) {
	case PAM_SUCCESS:
		return CODE_OK;
	case PAM_ACCT_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_EXPIRED:
	case PAM_AUTH_ERR:
	case PAM_PERM_DENIED:
	case PAM_USER_UNKNOWN:
		return CODE_REFUSED;
	default:
		return CODE_TEMPORARY;
	}
}

static int
pam_begin(struct pam_login *login)
{
	const struct pam_conv talk = {pam_talk, login};
	pam_handle_t *handle = NULL;
	int result;

	result = pam_start(PAM_SERVICE_NAME, login->name, &talk, &handle);
	login->handle = handle;
	if (result == PAM_SUCCESS && login->peer != NULL)
		result = pam_set_item(handle, PAM_RHOST, login->peer);
	if (result == PAM_SUCCESS)
		result = pam_set_item(handle, PAM_TTY, PAM_SERVICE_NAME);
	if (result == PAM_SUCCESS)
		result = pam_delay_set(handle);
	return result;
}

/* A module may have put another name in its place. */
static int
pam_user(struct pam_login *login)
{
	const void *user = NULL;
	int result;

	result = pam_get_item(login->handle, PAM_USER, &user);
	if (result != PAM_SUCCESS)
		return result;
	if (user == NULL || strlen(user) >= sizeof(login->user))
		return PAM_SYSTEM_ERR;
	pam_copy(login->user, sizeof(login->user), user);
	return PAM_SUCCESS;
}

static enum channel_code
pam_login_authenticate(struct pam_login *login)
{
	int result = pam_begin(login);

	if (result != PAM_SUCCESS) {
		pam_explain(login, result);
		return CODE_TEMPORARY;
	}
	result = pam_authenticate(
	    login->handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (result != PAM_SUCCESS) {
		pam_explain(login, result);
		return pam_authenticate_code(result);
	}
	result = pam_user(login);
	pam_explain(login, result);
	return result == PAM_SUCCESS ? CODE_OK : CODE_TEMPORARY;
}

static enum channel_code
pam_login_account(struct pam_login *login)
{
	int result;

	result = pam_acct_mgmt(
	    login->handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	pam_explain(login, result);
	return pam_account_code(result);
}

static void
pam_login_end(struct pam_login *login)
{
	if (login->handle != NULL)
		(void)pam_end(login->handle, PAM_SUCCESS);
	login->handle = NULL;
}

const struct pam_module pop3d_pam = {
    pam_login_authenticate, pam_login_account, pam_login_end};
