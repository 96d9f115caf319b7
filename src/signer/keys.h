/*
 * keys.h - the signer's keys, and what its files do for each other.
 */

#ifndef KEYS_H
#define KEYS_H

#include "tickets.h"

struct keys {
	const struct tls_module *tls;
	struct tls_key *key[TLS_CERTIFICATES];
	char file[TLS_CERTIFICATES][CHANNEL_PATH]; /* of the certificate */
	size_t count;
	uint8_t *authorities; /* for clients, as authorities_chain(); or NULL */
	size_t authorities_length;
	char trouble[CHANNEL_TEXT]; /* with them; "": none */
};

/*
 * Give up everything but what the list of pop3d(8) has; 0, or -1 with errno:
 * then the process must end.
 */
int signer_close_in(const struct signer_place *place) MUST_CHECK;

/* All that the signer has. */
struct held {
	struct keys keys;
	struct tickets tickets;
};

/* What one session has had of it. */
struct share {
	unsigned opens; /* tickets, whether it came to something or not */
	bool resumed;   /* one was good */
	bool asked;     /* for its signature: no ticket is opened after it */
	bool sealed;    /* that is the last */
};

/* All that are configured; -1 with a sentence, and there are none. */
int keys_load(const struct config *config, struct keys *keys,
    char text[CHANNEL_TEXT]) MUST_CHECK;

void keys_free(struct keys *keys);

/* The answer to CH_SIGN in request, into answer. */
void keys_answer(const struct keys *keys, const struct ch_sign *request,
    struct ch_octets *answer);

/*
 * The answer to the question in record, into record; its type is one more.
 * false: a question that this session may not ask, or not any more.
 */
bool session_answer(const struct held *held, struct share *share,
    struct record *record) MUST_CHECK;

#endif
