/*
 * session.c - what one session can get of the signer.
 *
 * A handshake opens a ticket, or has something signed, or both where the
 * ticket was no good; then it has one ticket sealed.  A front that was taken
 * over can ask for the same and no more:
 *
 * - It can have another client's ticket opened, which its master has caught on
 *   the network, and pass for the server to that client when it comes with
 *   this ticket.  With its one signature it can do as much, to any client, so
 *   that it is TLS_OPENS clients more at most; for each, its master must stand
 *   between client and server.  What was recorded stays closed: tls_ticket.c.
 * - It can have a ticket sealed that says what it likes, of TLS 1.3.  Who comes
 *   with it gets what everybody gets, a session without a login.
 */

#include <string.h>

#include "keys.h"

_Static_assert(CHANNEL_TICKET == TLS_TICKET, "a ticket in a record");

static void
ticket_seal(const struct held *held, const struct ch_octets *request,
    struct ch_octets *answer)
{
	const struct tls_ticket_key *key = tickets_newest(&held->tickets);
	size_t length;

	if (key == NULL ||
	    !signer_shape_session(request->octets, request->length) ||
	    held->keys.tls->ticket_seal(key, request->octets, request->length,
		answer->octets, &length) == -1)
		return;
	answer->code = CODE_OK;
	answer->length = (uint32_t)length;
}

static void
ticket_open(const struct held *held, const struct ch_octets *request,
    struct ch_octets *answer)
{
	const struct tls_ticket_key *key = request->length < TLS_TICKET_ID ?
	    NULL :
	    tickets_find(&held->tickets, request->octets);
	size_t length;

	if (key == NULL ||
	    held->keys.tls->ticket_open(key, request->octets, request->length,
		answer->octets, &length) == -1)
		return;
	answer->code = CODE_OK;
	answer->length = (uint32_t)length;
}

/* The question stands where the answer is to be. */
static void
ticket_answer(const struct held *held, struct ch_octets *octets,
    void (*make)(
	const struct held *, const struct ch_octets *, struct ch_octets *))
{
	struct ch_octets request = *octets;

	memset(octets, 0, sizeof(*octets));
	octets->code = CODE_REFUSED;
	make(held, &request, octets);
	explicit_bzero(&request, sizeof(request));
}

static void
sign_answer(const struct held *held, struct record *record)
{
	struct ch_sign request = record->u.sign;

	keys_answer(&held->keys, &request, &record->u.octets);
}

bool
session_answer(
    const struct held *held, struct share *share, struct record *record)
{
	bool begun = share->asked || share->sealed;

	switch (record->type) {
	case CH_SIGN:
		if (begun)
			return false;
		share->asked = true;
		sign_answer(held, record);
		return true;
	case CH_UNSEAL:
		if (begun || share->opens == TLS_OPENS)
			return false;
		share->opens++;
		ticket_answer(held, &record->u.octets, ticket_open);
		share->resumed |= record->u.octets.code == CODE_OK;
		return true;
	case CH_SEAL:
		if (share->sealed || !(share->asked || share->resumed))
			return false;
		share->sealed = true;
		ticket_answer(held, &record->u.octets, ticket_seal);
		return true;
	default:
		return false;
	}
}
