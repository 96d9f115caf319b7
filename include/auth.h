/*
 * auth.h - the verifier: decides one login, in a process of its own.
 *
 * All of the name service, shadow, crypt and the files of secrets are in it
 * and die with it.  It reads nothing from the network, and says nothing but
 * records.
 */

#ifndef AUTH_H
#define AUTH_H

#include "base.h"
#include "channel.h"

/*
 * Where the verifier has certificates of clients looked at, as whom: where it
 * was root, closed in there.
 */
struct verifier_place {
	bool root;
	uid_t uid;
	gid_t gid;
	const char *cage; /* an empty folder */
};

/* What the back knows of a login, and no front can say. */
struct verifier_facts {
	const char *owner_of; /* -a's mailbox, or NULL */
	const char *stamp;    /* the greeting's, for APOP; "" = none */
	const char *peer;     /* as struct connection has it */
	const char *method;   /* as in the log: "USER", "APOP", "PLAIN", ... */
	bool protected;       /* nobody can listen to the connection */
	const uint8_t *nonce; /* TLS_NONCE octets, which the client was to
			       * answer with a certificate; or NULL */
	const struct verifier_place *place;
	const struct ch_binding *bindings; /* BINDINGS of them, which the front
					    * has of its TLS, or none: NULL */
	const char *peer_port;
	const char *here, *here_port; /* our end; "" where there is none */
	int64_t end; /* clock_ms() when the login's time is over */
};

/*
 * What a method finds.  CODE_OK: account is filled but for mailbox and
 * mail_gid.  CODE_AUTH: no such user here or wrong password (the next method
 * is tried).  CODE_PERMANENT, CODE_REFUSED: right, but must not (ends the
 * search).  CODE_TEMPORARY: it could not tell.  reason says it for the log.
 */
struct auth_method {
	const char *name; /* as written after "auth =" */
	void (*password)(const struct config *config,
	    const struct verifier_facts *facts, const char *name,
	    const char *secret, struct ch_account *account);
};

/* By enum auth_kind. */
extern const struct auth_method auth_methods[AUTH_KINDS];

/*
 * The verifier's life: decide request (CH_PASSWORD, CH_DIGEST, CH_EXTERNAL or
 * the first CH_STEP of an exchange), answer CH_ACCOUNT on fd, wipe, _exit.
 * Of an exchange there are challenges before, each as the answer to a CH_STEP,
 * the next of which comes on fd then.  Runs in a forked child of the back,
 * before it is anybody but root.
 */
_Noreturn void verifier_run(const struct config *config, int fd,
    struct record *request, const struct verifier_facts *facts);

/*
 * The decision itself, for verifier_run() and for tests: tries the methods
 * in order, then applies what no method may overrule (src/auth/policy.c),
 * and expands the mailbox.
 */
void
auth_password(const struct config *config, const struct verifier_facts *facts,
    const char *name, const char *secret, struct ch_account *account);

/*
 * Can allow-users, deny-users and access-file be used?  0, or -1 with a
 * sentence in why: nobody can log in then.
 */
int
policy_check(const struct config *config, char why[CHANNEL_TEXT]) MUST_CHECK;

/*
 * Can certificates of clients be looked at: tls-client-ca, tls-client-map?  0,
 * or -1 with a sentence in why.
 */
int certificates_check(
    const struct config *config, char why[CHANNEL_TEXT]) MUST_CHECK;

/*
 * A challenge of the form <digits.digits@host>, as RFC 1939, 7 has it (and RFC
 * 2195, 2), which nobody can foretell.
 */
#define STAMP_HOST 64  /* octets of a host's name, at most */
#define STAMP_SIZE 128 /* octets with the NUL */
void stamp_make(char dst[STAMP_SIZE]);

/* Can passwords be verified: is the module of libcrypt there? */
bool auth_ready(void);

/* Is that of PAM there, which is not built by default? */
bool auth_pam_ready(void);

/*
 * Can the program of checkpassword be run?  0, or -1 with a sentence in why.
 */
int checkpassword_check(
    const struct config *config, char why[CHANNEL_TEXT]) MUST_CHECK;

/*
 * Expand a mailbox template (%u name, %n local part, %d domain, or that which a
 * name without one has, %h home, %%, ~/ the home) for an account; -1 with errno
 * EINVAL when the name or a part of it is not harmless in a path (empty, "/",
 * NUL, leading dot, control characters), ENAMETOOLONG, or the result is not
 * absolute.
 */
int mailbox_expand(const char *mailbox, const char *domain,
    const struct ch_account *account, char *dst, size_t size) MUST_CHECK;

#endif
