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

struct tls_context *
signer_context(int chains)
{
	const struct tls_module *tls = tls_load();
	uint8_t *octets = malloc(TLS_CHAINS);
	struct tls_context *context = NULL;
	ssize_t n = -1;

	/* The module first: the signer is busy reading keys meanwhile. */
	if (tls != NULL && octets != NULL)
		n = read_full(chains, octets, TLS_CHAINS);
	if (n > 0)
		context = tls->context_new(octets, (size_t)n, signer_ask);
	free(octets);
	return context;
}
