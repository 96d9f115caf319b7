/*
 * front.h - the process that speaks to the client.
 *
 * It owns the protocol and its states, and nothing else: no privilege, no
 * path, no secret but the one in flight.
 */

#ifndef FRONT_H
#define FRONT_H

#include "base.h"
#include "channel.h"
#include "tls.h"

#define FRONT_NO_TLS 2 /* exit status: TLS could not be made ready */
#define CHANNEL_FD 3   /* where the front has its channel */

/* What the front is born with; strings outlive it. */
struct front_args {
	int channel;          /* to the back; becomes descriptor 3 */
	const char *greeting; /* the greeting's text */
	bool plaintext;       /* USER and PASS are accepted */
	uint32_t mechanisms;  /* of SASL that are; bit n, enum
			       * channel_mechanism */
	const char *stamp;    /* for APOP; "" = it is not accepted */
	uint32_t nonsense;    /* pieces of it that an earlier front counted */
	bool stls;            /* STLS is offered */
	bool tls;             /* TLS, from the first octet that is read */
	bool turn;            /* after STLS: waits for the earlier front's end,
			       * and does not greet */
	struct tls_context *context; /* for tls; NULL: what chains brings */
	int chains;                  /* see signer_context(); or -1 */
	int signer;           /* for tls: to the signer; becomes SIGNER_FD */
	const uint8_t *nonce; /* that a client's certificate is to answer; NULL:
			       * none is asked for */
	bool authenticated;   /* -a: begins in TRANSACTION */
	bool trace;
	bool debug;
	uint64_t timeout;  /* seconds: autologout */
	int64_t login_end; /* clock_ms() by which a login must be */
	bool root;         /* started as root: uid, gid, cage are for it */
	uid_t uid;
	gid_t gid;
	const char *cage; /* an empty folder of root's to be closed in */
};

/*
 * The front's life, in a forked child of the back: closes itself in, then
 * speaks POP3 on descriptors 0 and 1 until the end.
 */
_Noreturn void front_run(const struct front_args *args);

/*
 * Give up everything: descriptors other than 0, 1, the channel (which becomes
 * 3; 2 becomes /dev/null) and with TLS the signer's (4), the root folder, ids,
 * limits, system calls but those of the list in pop3d(8).  0, or -1 with errno:
 * the process must end then.  ENOSYS for a platform without a list of system
 * calls is no failure.
 */
int front_close_in(const struct front_args *args) MUST_CHECK;

#endif
