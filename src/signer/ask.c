/*
 * ask.c - the asking side, in the front.
 */

#include <stdlib.h>
#include <string.h>

#include "signer.h"

/* The module's tls_sign: what it wants signed goes over the channel. */
static int
signer_ask(uint32_t certificate, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length)
{
	struct record record;
	struct ch_sign *sign = &record.u.sign;
	const struct ch_octets *answer = &record.u.octets;

	if (length > sizeof(sign->octets))
		return -1;
	memset(sign, 0, sizeof(*sign));
	sign->certificate = certificate;
	sign->scheme = scheme;
	sign->length = (uint32_t)length;
	memcpy(sign->octets, octets, length);
	if (channel_write(SIGNER_FD, &record, CH_SIGN, NULL, 0) == -1 ||
	    channel_read(SIGNER_FD, &record, NULL, NULL) != 1 ||
	    record.type != CH_SIGN + 1 || answer->code != CODE_OK ||
	    answer->length > TLS_SIGNATURE)
		return -1;
	memcpy(signature, answer->octets, answer->length);
	*signed_length = answer->length;
	return 0;
}

/* A ticket to be made or opened; the answer has the same form. */
static int
ticket_ask(uint32_t type, const uint8_t *octets, size_t length, uint8_t *dst,
    size_t *dst_length)
{
	struct record record;
	struct ch_octets *ticket = &record.u.octets;
	int result = -1;

	if (length > sizeof(ticket->octets))
		return -1;
	memset(ticket, 0, sizeof(*ticket));
	ticket->length = (uint32_t)length;
	memcpy(ticket->octets, octets, length);
	if (channel_write(SIGNER_FD, &record, type, NULL, 0) == 0 &&
	    channel_read(SIGNER_FD, &record, NULL, NULL) == 1 &&
	    record.type == type + 1 && ticket->code == CODE_OK) {
		memcpy(dst, ticket->octets, ticket->length);
		*dst_length = ticket->length;
		result = 0;
	}
	explicit_bzero(&record, sizeof(record));
	return result;
}

static int
seal_ask(const uint8_t *octets, size_t length, uint8_t *dst, size_t *dst_length)
{
	return ticket_ask(CH_SEAL, octets, length, dst, dst_length);
}

static int
open_ask(const uint8_t *octets, size_t length, uint8_t *dst, size_t *dst_length)
{
	return ticket_ask(CH_UNSEAL, octets, length, dst, dst_length);
}

/* What the signer has written, its first octet apart: see chains_write(). */
static struct tls_context *
context_make(const struct tls_module *tls, const uint8_t *octets, size_t length)
{
	struct tls_context *context =
	    tls->context_new(octets + 1, length - 1, signer_ask);

	if (context != NULL && octets[0] == 1 &&
	    tls->context_tickets(context, seal_ask, open_ask) == -1) {
		tls->context_free(context);
		return NULL;
	}
	return context;
}

struct tls_context *
signer_context(int chains)
{
	const struct tls_module *tls = tls_load();
	uint8_t *octets = malloc(TLS_CHAINS);
	struct tls_context *context = NULL;
	ssize_t n = -1;

	/* These first: the signer is busy reading keys meanwhile. */
	if (tls != NULL && octets != NULL) {
		tls->start();
		n = read_full(chains, octets, TLS_CHAINS);
	}
	if (n > 0)
		context = context_make(tls, octets, (size_t)n);
	free(octets);
	return context;
}
