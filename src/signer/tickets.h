/*
 * tickets.h - what the signer seals tickets with: keys that all signers of a
 * host agree on, through a file in the state-directory.
 *
 * A key seals for TICKETS_SEAL, and opens for TICKETS_OPEN: as long again as a
 * ticket may live behind that.  Then it is gone from the file, and with it
 * what it could open.
 */

#ifndef TICKETS_H
#define TICKETS_H

#include "signer.h"

#define TICKETS_FILE SIGNER_TICKETS
#define TICKETS_SEAL 43200                        /* seconds */
#define TICKETS_OPEN (TICKETS_SEAL + TLS_RESUMED) /* seconds */
#define TICKETS_KEYS 4 /* in a file; it needs three of them at once */

struct ticket_key {
	int64_t made; /* seconds of the system's clock */
	struct tls_ticket_key key;
};

struct tickets {
	size_t count;
	struct ticket_key key[TICKETS_KEYS]; /* the newest first */
};

/*
 * The file, opened for reading, with keys that hold now: made if it is missing
 * or no such file, with a further key if that is due.  Of processes that do so
 * at once one makes it.  -1 with a sentence; else text is "", or what an
 * administrator should know.  What stands in the file's place when it cannot be
 * made is as it was.
 */
int
tickets_open(const struct config *config, char text[CHANNEL_TEXT]) MUST_CHECK;

/*
 * The keys in such a file, if it is owner's alone.  0, or -1 with errno EPERM,
 * EBADMSG (no such file, or no key in it that holds), or as read(2) has it;
 * *tickets is as it was then.
 */
int tickets_read(int fd, uid_t owner, struct tickets *tickets) MUST_CHECK;

/* Seconds by the system's clock, without a system call where that can be. */
int64_t tickets_now(void);

/* The key to seal with, or the one with this name; NULL: none that holds. */
const struct tls_ticket_key *tickets_newest(const struct tickets *tickets);
const struct tls_ticket_key *
tickets_find(const struct tickets *tickets, const uint8_t id[TLS_TICKET_ID]);

#endif
