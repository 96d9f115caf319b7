/*
 * back.h - the session's owner: the process that inetd started.
 */

#ifndef BACK_H
#define BACK_H

#include "base.h"
#include "front.h"
#include "signer.h"

#define ADDRESS_SIZE 64 /* octets with the NUL: an IPv6 address and a zone */

/* What descriptors 0 and 1 are, found out once. */
struct connection {
	bool socket;
	bool terminal;
	bool tls;                    /* from the first octet (-S, listen-tls) */
	const struct signer *signer; /* of the listener; NULL: each session
				      * has its own */
	bool loopback;               /* both ends on this host, and nothing that
				 * says it only comes through here */
	char peer[ADDRESS_SIZE];     /* "192.0.2.1", or "local" */
	char peer_port[8];           /* "0" where there is none */
	char here[ADDRESS_SIZE];     /* our end's, or "" */
	char here_port[8];           /* or "" */
};

/*
 * Look at the connection and make it ready: TCP_NODELAY, keepalive, with
 * debug SO_DEBUG.  remote is what the environment says of the peer
 * (tcpserver's TCPREMOTEIP), or NULL.
 */
void
connection_init(struct connection *connection, const char *remote, bool debug);

/*
 * A session, from the greeting to its end.  owner_of is -a's mailbox, or
 * NULL.  front is front_run(), or what a test puts in its place.  Returns the
 * exit status of the process.
 */
int back_run(const struct config *config, const struct connection *connection,
    const char *owner_of, void (*front)(const struct front_args *));

/*
 * A signer for all sessions of a listener, and the context for their fronts.
 * 0, or -1 after a log line, with *signer SIGNER_NONE.
 */
int back_signer(const struct config *config, struct signer *signer) MUST_CHECK;

/*
 * Say what of the promise holds with this configuration, in lines to
 * standard output (-n).  0, or 1 when no session could be served.
 */
int back_check(const struct config *config);

/*
 * Finish what interrupted updates have left in mboxes: in these mailboxes;
 * without any, in all that the state-directory has journals of (not as root:
 * in the caller's).  Says what was done in lines to standard output and to
 * syslog (--recover).  0, or 1 when something is left unfinished.
 */
int back_recover(const struct config *config, char *const *mailboxes);

#endif
