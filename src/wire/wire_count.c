/*
 * wire_count.c - how many octets a text has on the wire.
 *
 * Every session counts the whole mailbox once, so this runs at the speed of
 * memory: each octet is compared as one of 16, and the hits are summed in
 * octets, which hold 255 of them.
 */

#include <string.h>

#include "wire.h"

#define LANES 16
#define ROUNDS 255 /* until an octet of the sum is full */

typedef unsigned char octets_v __attribute__((vector_size(LANES)));

void
wire_count_init(struct wire_count *count)
{
	count->octets = 0;
	count->last = '\n';
}

static octets_v
wire_load(const char *text)
{
	octets_v v;

	memcpy(&v, text, sizeof(v));
	return v;
}

static uint64_t
wire_sum(octets_v v)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < LANES; i++)
		sum += v[i];
	return sum;
}

/* LFs among 4 * LANES * rounds octets of text that have no CR before them. */
static uint64_t
wire_count_blocks(const char *text, size_t rounds)
{
	octets_v a = {0}, b = {0}, c = {0}, d = {0};

	/* A comparison yields -1 where it holds, so it is subtracted. */
	for (; rounds > 0; rounds--, text += 4 * LANES) {
		a -= (octets_v)((wire_load(text) == '\n') &
		    (wire_load(text - 1) != '\r'));
		b -= (octets_v)((wire_load(text + LANES) == '\n') &
		    (wire_load(text + LANES - 1) != '\r'));
		c -= (octets_v)((wire_load(text + 2 * LANES) == '\n') &
		    (wire_load(text + 2 * LANES - 1) != '\r'));
		d -= (octets_v)((wire_load(text + 3 * LANES) == '\n') &
		    (wire_load(text + 3 * LANES - 1) != '\r'));
	}
	return wire_sum(a) + wire_sum(b) + wire_sum(c) + wire_sum(d);
}

void
wire_count_put(struct wire_count *count, const void *text, size_t length)
{
	const char *s = text;
	uint64_t bare;
	size_t i, rounds;

	if (length == 0)
		return;
	bare = s[0] == '\n' && count->last != '\r';
	i = 1;
	while ((rounds = (length - i) / (4 * LANES)) > 0) {
		if (rounds > ROUNDS)
			rounds = ROUNDS;
		bare += wire_count_blocks(s + i, rounds);
		i += rounds * 4 * LANES;
	}
	for (; i < length; i++)
		bare += s[i] == '\n' && s[i - 1] != '\r';
	count->octets += length + bare;
	count->last = (unsigned char)s[length - 1];
}

uint64_t
wire_count_end(const struct wire_count *count)
{
	return count->octets + (count->last == '\n' ? 0 : 2);
}
