/*
 * wire_count.c - how many octets a text has on the wire.
 *
 * Every session counts the whole mailbox once, so this runs at the speed of
 * memory: the LFs without a CR before them are found 32 octets at a time, and
 * summed in octets, which hold 255 of them.
 */

#include "wide.h"
#include "wire.h"

#define BLOCK (2 * LANES)
#define ROUNDS 254 /* blocks until an octet of a sum may be full */

void
wire_count_init(struct wire_count *count)
{
	count->octets = 0;
	count->last = '\n';
}

/* -1 in each octet from s on that is a LF with no CR before it. */
#define BARE(v, w, s) \
	(memcpy(&(v), (s), LANES), memcpy(&(w), (s)-1, LANES), \
	    (octets_v)(((v) == '\n') & ((w) != '\r')))

/* From r on, LANES octets of which the last r are set. */
/* clang-format off */
static const unsigned char wire_ends[2 * LANES] = {
    [LANES] =
    255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255,
};
/* clang-format on */

/*
 * The bare LFs of text, LANES octets at least and ROUNDS blocks at most; the
 * octet before it can be seen, too.
 */
WIDE static uint64_t
wire_count_bare(const char *text, size_t length)
{
	const char *s = text, *end = text + length;
	octets_v v, w, mask, a = {0}, b = {0};
	const pairs_v low = (pairs_v){0} + 255;
	pairs_v pairs;
	uint64_t sum = 0;
	size_t i;

	for (; end - s >= BLOCK; s += BLOCK) {
		a -= BARE(v, w, s);
		b -= BARE(v, w, s + LANES);
	}
	if (end - s >= LANES) {
		a -= BARE(v, w, s);
		s += LANES;
	}
	/* What is left is the end of the text's last LANES octets. */
	memcpy(&mask, wire_ends + (end - s), LANES);
	b -= BARE(v, w, end - LANES) & mask;
	pairs = ((pairs_v)a & low) + (pairs_v)a / 256;
	pairs += ((pairs_v)b & low) + (pairs_v)b / 256;
	for (i = 0; i < LANES / 2; i++)
		sum += pairs[i];
	return sum;
}

void
wire_count_put(struct wire_count *count, const void *text, size_t length)
{
	const char *s = text;
	uint64_t bare;
	size_t i, n;

	if (length == 0)
		return;
	bare = s[0] == '\n' && count->last != '\r';
	for (i = 1; length - i >= LANES; i += n) {
		n = length - i;
		if (n > ROUNDS * BLOCK)
			n = ROUNDS * BLOCK;
		bare += wire_count_bare(s + i, n);
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
