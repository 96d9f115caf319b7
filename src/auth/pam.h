/*
 * pam.h - a login by PAM, as the method needs it.
 *
 * libpam is linked into one module of ours, built with "make PAM=1", which
 * only the verifier loads.
 */

#ifndef PAM_H
#define PAM_H

#include "base.h"
#include "channel.h"

#define PAM_MODULE "pop3d-pam.so"
#define PAM_SERVICE_NAME "pop3d"

struct pam_login {
	const char *name; /* the caller's, all three */
	const char *secret;
	const char *peer;        /* an address, or NULL */
	char user[CHANNEL_NAME]; /* who the stack says it is; "" before */
	char why[128];           /* why not, in libpam's words */
	void *handle;            /* pam_handle_t, or NULL */
	unsigned messages;       /* that the stack has sent */
};

/* What the module exports, under the name pop3d_pam. */
struct pam_module {
	/*
	 * Begin with login, which the caller has cleared but for its own: is
	 * it the right password?  CODE_OK, user is filled; CODE_AUTH;
	 * CODE_TEMPORARY.  end() is due whatever it says.
	 */
	enum channel_code (*authenticate)(struct pam_login *login);

	/* May this account be used?  CODE_OK; CODE_REFUSED; CODE_TEMPORARY. */
	enum channel_code (*account)(struct pam_login *login);

	void (*end)(struct pam_login *login);
};

extern const struct pam_module pop3d_pam;

#endif
