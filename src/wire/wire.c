/*
 * wire.c - the wire form of a message: CRLF line ends, stuffed dots.
 *
 * Long texts go block by block: 64 octets are copied whole, and at each LF
 * the rest of the block is copied again, one octet further on.  That writes
 * up to 64 octets too far, within dst, which the next copy repairs; against
 * one memcpy for each line it is half the time.  The ends of text and dst,
 * and TOP's last lines, go octet by octet.
 */

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "wire.h"

#define BLOCK 64
#define SOURCE_LEAST (2 * BLOCK) /* a block, and what a copy reads beyond */
#define ROOM_LEAST (3 * BLOCK) /* a block of LFs, and what a copy overshoots */

void
wire_init(struct wire *wire, uint64_t lines)
{
	wire->octets = 0;
	wire->lines_left = lines;
	wire->last = '\n';
}

/* Bit i is set where text[i] is a LF; BLOCK octets. */
#ifdef __x86_64__
static inline uint64_t
wire_line_ends(const char *text)
{
	const __m128i lf = _mm_set1_epi8('\n');
	uint64_t mask = 0;
	__m128i v;
	unsigned i;

	for (i = 0; i < BLOCK; i += 16) {
		memcpy(&v, text + i, sizeof(v));
		mask |=
		    (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, lf))
		    << i;
	}
	return mask;
}

/* The same for a processor with AVX2: half the instructions. */
__attribute__((target("avx2"))) static inline uint64_t
wire_line_ends_avx2(const char *text)
{
	const __m256i lf = _mm256_set1_epi8('\n');
	__m256i low, high;

	memcpy(&low, text, sizeof(low));
	memcpy(&high, text + 32, sizeof(high));
	return (uint64_t)(uint32_t)_mm256_movemask_epi8(
		   _mm256_cmpeq_epi8(low, lf)) |
	    (uint64_t)(uint32_t)_mm256_movemask_epi8(
		_mm256_cmpeq_epi8(high, lf))
	    << 32;
}
#else
static inline uint64_t
wire_line_ends(const char *text)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fU;
	uint64_t mask = 0, v;
	unsigned i, k;

	for (i = 0; i < BLOCK; i += 8) {
		memcpy(&v, text + i, sizeof(v));
		v ^= 0x0a0a0a0a0a0a0a0aU;
		if ((~(((v & low) + low) | v | low)) == 0)
			continue;
		for (k = i; k < i + 8; k++)
			mask |= (uint64_t)(text[k] == '\n') << k;
	}
	return mask;
}
#endif

/* Where the blocks have come to. */
struct blocks {
	const char *s;
	char *d; /* d + p is where s[p] goes */
	size_t dots;
	uint64_t lines; /* LFs that may still come */
};

/*
 * The LF at s[p], which prev comes before: what follows it is copied again,
 * behind the CR (some is 0 where there is no LF and p is BLOCK: then all this
 * is the next block, which is copied once more) and the dot.
 */
static inline __attribute__((always_inline)) void
line_end_put(struct blocks *b, unsigned p, unsigned char prev, unsigned some)
{
	b->d[p] = '\r';
	b->d += some & (prev != '\r');
	b->lines -= some;
	memcpy(b->d + p, b->s + p, BLOCK);
	/* A LF at the block's end: the next block's start. */
	if (__builtin_expect(b->s[p + 1] == '.', 0) && p < BLOCK - 1) {
		b->d++;
		b->dots++;
		memcpy(b->d + p + 1, b->s + p + 1, BLOCK);
		b->d[p] = '.';
	}
}

/*
 * Blocks of text while SOURCE_LEAST and ROOM_LEAST hold and no limit of lines
 * is near.  Results as wire_put().  Lines of mail are as long as a block: that
 * one has a LF or not is what no processor can guess, so the first one is
 * handled without asking.
 */
static inline __attribute__((always_inline)) size_t
wire_put_blocks_by(uint64_t (*line_ends)(const char *), struct wire *wire,
    char *dst, size_t size, const char *text, size_t length, size_t *taken)
{
	struct blocks b = {text, dst, 0, wire->lines_left};
	const char *end = dst + size;
	unsigned char last = wire->last;
	uint64_t mask;
	unsigned p;

	while (length - (size_t)(b.s - text) >= SOURCE_LEAST &&
	    (size_t)(end - b.d) > ROOM_LEAST && b.lines > BLOCK) {
		if (*b.s == '.' && last == '\n') {
			*b.d++ = '.';
			b.dots++;
		}
		memcpy(b.d, b.s, BLOCK);
		mask = line_ends(b.s);
		p = mask != 0 ? (unsigned)__builtin_ctzll(mask) : BLOCK;
		line_end_put(&b, p, p != 0 ? (unsigned char)b.s[p - 1] : last,
		    mask != 0);
		while ((mask &= mask - 1) != 0) {
			p = (unsigned)__builtin_ctzll(mask);
			line_end_put(&b, p, (unsigned char)b.s[p - 1], 1);
		}
		b.s += BLOCK;
		b.d += BLOCK;
		last = (unsigned char)b.s[-1];
	}
	wire->last = last;
	wire->lines_left = b.lines;
	wire->octets += (size_t)(b.d - dst) - b.dots;
	*taken = (size_t)(b.s - text);
	return (size_t)(b.d - dst);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static size_t
wire_put_blocks_avx2(struct wire *wire, char *dst, size_t size,
    const char *text, size_t length, size_t *taken)
{
	return wire_put_blocks_by(
	    wire_line_ends_avx2, wire, dst, size, text, length, taken);
}
#endif

static size_t
wire_put_blocks(struct wire *wire, char *dst, size_t size, const char *text,
    size_t length, size_t *taken)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return wire_put_blocks_avx2(
		    wire, dst, size, text, length, taken);
#endif
	return wire_put_blocks_by(
	    wire_line_ends, wire, dst, size, text, length, taken);
}

/* As wire_put(), octet by octet. */
static size_t
wire_put_octets(struct wire *wire, char *dst, size_t size, const char *text,
    size_t length, size_t *taken)
{
	size_t i, n = 0, dots = 0;

	for (i = 0; i < length && size - n >= 2 && wire->lines_left > 0; i++) {
		if (text[i] == '\n') {
			if (wire->last != '\r')
				dst[n++] = '\r';
			wire->lines_left--;
		} else if (text[i] == '.' && wire->last == '\n') {
			dst[n++] = '.';
			dots++;
		}
		dst[n++] = text[i];
		wire->last = (unsigned char)text[i];
	}
	wire->octets += n - dots;
	*taken = i;
	return n;
}

size_t
wire_put(struct wire *wire, char *dst, size_t size, const char *text,
    size_t length, size_t *taken)
{
	size_t n, more;

	*taken = 0;
	if (length == 0)
		return 0;
	n = wire_put_blocks(wire, dst, size, text, length, taken);
	n += wire_put_octets(
	    wire, dst + n, size - n, text + *taken, length - *taken, &more);
	*taken += more;
	return n;
}

size_t
wire_end(struct wire *wire, char dst[2])
{
	if (wire->last == '\n')
		return 0;
	memcpy(dst, "\r\n", 2);
	wire->octets += 2;
	wire->last = '\n';
	return 2;
}
