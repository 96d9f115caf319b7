/*
 * wire_count.c - how many octets a text has on the wire.
 *
 * Every session counts the whole mailbox once, so this runs at the speed of
 * memory: octets are compared 64 at a time, and the hits are summed in octets,
 * which hold 255 of them.  Looking for lines in the same pass costs a fourth
 * of what a second pass does.
 */

#include <string.h>

#include "wire.h"

#define LANES 16
#define BLOCK (4 * LANES)
#define ROUNDS 255 /* blocks until an octet of a sum may be full */

typedef unsigned char octets_v __attribute__((vector_size(LANES)));
typedef uint64_t words_v __attribute__((vector_size(LANES)));
typedef uint16_t pairs_v __attribute__((vector_size(LANES)));

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
wire_sum(octets_v a, octets_v b, octets_v c, octets_v d)
{
	const pairs_v low = (pairs_v){0} + 0xff;
	pairs_v sum = {0};
	uint64_t total = 0;
	size_t i;

	sum += ((pairs_v)a & low) + ((pairs_v)a >> 8);
	sum += ((pairs_v)b & low) + ((pairs_v)b >> 8);
	sum += ((pairs_v)c & low) + ((pairs_v)c >> 8);
	sum += ((pairs_v)d & low) + ((pairs_v)d >> 8);
	for (i = 0; i < LANES / 2; i++)
		total += sum[i];
	return total;
}

/* What is looked for, in text that is seen up to end. */
struct wire_search {
	const char *prefix;
	size_t length;
	const char *end;
};

/*
 * -1 in each octet of text that is a LF with no CR before it; and *hits has
 * those that are first, with a LF before them.
 */
static octets_v
wire_bare(const char *text, octets_v first, octets_v *hits)
{
	octets_v octets = wire_load(text), before = wire_load(text - 1);

	*hits |= (octets_v)((octets == first) & (before == '\n'));
	return (octets_v)((octets == '\n') & (before != '\r'));
}

static bool
wire_begins(const struct wire_search *search, const char *text)
{
	return text[-1] == '\n' && search->length > 0 &&
	    *text == *search->prefix &&
	    (size_t)(search->end - text) >= search->length &&
	    memcmp(text, search->prefix, search->length) == 0;
}

static bool
wire_block_has(const struct wire_search *search, const char *text)
{
	size_t i;

	for (i = 0; i < BLOCK; i++)
		if (wire_begins(search, text + i))
			return true;
	return false;
}

/*
 * Blocks of text up to one with a line that is looked for, at most ROUNDS:
 * their octets, and *bare has grown by their bare LFs.
 */
static size_t
wire_count_blocks(const struct wire_search *search, const char *text,
    size_t length, uint64_t *bare)
{
	const octets_v first = (octets_v){0} + (unsigned char)*search->prefix;
	octets_v a = {0}, b = {0}, c = {0}, d = {0}, e, f, g, h, hits;
	const char *s = text;
	size_t rounds;

	for (rounds = 0; rounds < ROUNDS && length >= BLOCK; rounds++) {
		hits = (octets_v){0};
		e = wire_bare(s, first, &hits);
		f = wire_bare(s + LANES, first, &hits);
		g = wire_bare(s + 2 * LANES, first, &hits);
		h = wire_bare(s + 3 * LANES, first, &hits);
		if ((((words_v)hits)[0] | ((words_v)hits)[1]) != 0 &&
		    wire_block_has(search, s))
			break;
		a -= e;
		b -= f;
		c -= g;
		d -= h;
		s += BLOCK;
		length -= BLOCK;
	}
	*bare += wire_sum(a, b, c, d);
	return (size_t)(s - text);
}

static size_t
wire_count_run(struct wire_count *count, const char *s, size_t limit,
    const struct wire_search *search)
{
	uint64_t bare;
	size_t i = 1, n;

	if (limit == 0)
		return 0;
	bare = s[0] == '\n' && count->last != '\r';
	do {
		n = wire_count_blocks(search, s + i, limit - i, &bare);
		i += n;
	} while (n == ROUNDS * BLOCK);
	for (; i < limit && !wire_begins(search, s + i); i++)
		bare += s[i] == '\n' && s[i - 1] != '\r';
	count->octets += i + bare;
	count->last = (unsigned char)s[i - 1];
	return i;
}

void
wire_count_put(struct wire_count *count, const void *text, size_t length)
{
	struct wire_search none = {"", 0, NULL};

	(void)wire_count_run(count, text, length, &none);
}

size_t
wire_count_line(struct wire_count *count, const char *text, size_t limit,
    size_t length, const char *prefix)
{
	struct wire_search search = {prefix, strlen(prefix), text + length};

	return wire_count_run(count, text, limit, &search);
}

uint64_t
wire_count_end(const struct wire_count *count)
{
	return count->octets + (count->last == '\n' ? 0 : 2);
}
