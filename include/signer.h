/*
 * signer.h - the process that holds the private keys of TLS.
 *
 * It is forked before there is a client, reads certificates and keys as root,
 * and closes itself in.  What it signs it looks at first: only what a server
 * signs in a handshake of TLS 1.2 or 1.3, once for each session.  It also has
 * the keys of the tickets that sessions of TLS 1.3 are resumed by, and seals
 * and opens these, one or two for each session.  It decrypts nothing else.
 *
 * Under -D there is one for all sessions; else a session starts its own when
 * TLS begins, and that is gone after the handshake.
 */

#ifndef SIGNER_H
#define SIGNER_H

#include <sys/types.h>

#include "base.h"
#include "channel.h"
#include "tls.h"

/* What the names of its files in the state-directory begin with. */
#define SIGNER_TICKETS "tls-tickets"

#define SIGNER_FD 4 /* where the front has its channel to the signer */

/* Who it becomes where it was root, and the empty folder it is closed in. */
struct signer_place {
	bool root;
	uid_t uid;
	gid_t gid;
	const char *cage;
};

/* A signer, as its parent has it. */
struct signer {
	pid_t pid;   /* or -1 */
	int control; /* to it; sessions are given to it here; or -1 */
	int chains;  /* a pipe with its certificates; or -1 */
	struct tls_context *context; /* made of them before a fork, or NULL */
};

#define SIGNER_NONE ((struct signer){-1, -1, -1, NULL})

/*
 * Start one with the keys of this configuration.  0, or -1 with errno and
 * *signer SIGNER_NONE.  That it is there says nothing of the keys:
 * signer_wait() does, and the pipe's end comes at once where they are bad.
 */
int signer_start(const struct config *config, const struct signer_place *place,
    struct signer *signer) MUST_CHECK;

/*
 * Wait until it serves.  0, with what an administrator should know in text
 * ("" is nothing); -1 with why it does not.
 */
int
signer_wait(const struct signer *signer, char text[CHANNEL_TEXT]) MUST_CHECK;

/* A new session of it: the front's end of a channel; -1 with errno. */
int signer_connect(const struct signer *signer) MUST_CHECK;

/* The context made of what comes out of chains; NULL when nothing does. */
struct tls_context *signer_context(int chains) MUST_CHECK;

/* Let go of it: it ends when all have, and its sessions are done. */
void signer_leave(struct signer *signer);

/*
 * For a listener, from time to time, in a child of its own: the keys of tickets
 * as they stand in the state-directory, with a further one where that is due, to
 * the signer.  0, or -1 with a sentence; where it is 0, too, text is "" or what
 * an administrator should know.
 */
int signer_tickets(const struct config *config, const struct signer *signer,
    char text[CHANNEL_TEXT]) MUST_CHECK;

/*
 * For -n: the file of such keys, and what there is to say of it; or that there
 * is no resumption, and why.
 */
void signer_tickets_check(const struct config *config, char text[CHANNEL_TEXT]);

/*
 * Is there something to start a signer with?  -1 with a sentence in text:
 * nothing is configured (an empty sentence), or a file cannot be read or
 * may be read by others.
 */
int
signer_there(const struct config *config, char text[CHANNEL_TEXT]) MUST_CHECK;

/*
 * For -n: call say for each certificate, with its file, what it is, and what
 * is wrong or worth knowing ("").  0, or -1 where a signer would not serve.
 */
int signer_check(const struct config *config,
    void (*say)(
	const char *file, const char *what, const char *trouble)) MUST_CHECK;

/*
 * Is this what a server signs by this scheme?  TLS 1.3: 64 blanks, the context
 * string, the hash of the transcript (RFC 8446, 4.4.3).  TLS 1.2: the randoms
 * of client and server, the key exchange of a named curve (RFC 8422, 5.4); and
 * the server's random says that it would have spoken 1.3 (RFC 8446, 4.1.3), so
 * that no signature is to be had for lowering what a client can do.
 */
bool
signer_shape(uint32_t scheme, const uint8_t *octets, size_t length) MUST_CHECK;

/* Is this a session of TLS 1.3, as the front has it sealed? */
bool signer_shape_session(const uint8_t *octets, size_t length) MUST_CHECK;

#endif
