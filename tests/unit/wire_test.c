/*
 * wire_test.c - counting and sending agree with each other and with the
 * encoder that a child would write.
 */

#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "wire.h"

#define TEXT_MAX 1500
#define WIRE_MAX (4 * TEXT_MAX)
#define ROUNDS 20000

static uint32_t
wire_random(uint32_t below)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

static size_t
wire_random_text(char *text)
{
	static const char *const alphabets[] = {
	    "\n.", "\r\n.a", "\r\r\n\n.", "abcdefghijklmnopqrstuvwxyz.\n\r"};
	const char *alphabet = alphabets[wire_random(4)];
	size_t i, length = wire_random(TEXT_MAX), n = strlen(alphabet) + 1;

	/* The NUL of the alphabet is one of its octets. */
	for (i = 0; i < length; i++)
		text[i] = alphabet[wire_random((uint32_t)n)];
	if (wire_random(3) == 0) /* lines as mail has them */
		for (i = 0; i < length; i++)
			if (wire_random(60) != 0)
				text[i] = 'x';
	return length;
}

/* The naive encoder: up to lines lines of text, stuffed or not. */
static size_t
wire_naive(
    char *dst, const char *text, size_t length, uint64_t lines, int stuff)
{
	char last = '\n';
	size_t i, n = 0;

	for (i = 0; i < length && lines > 0; last = text[i++]) {
		if (stuff && last == '\n' && text[i] == '.')
			dst[n++] = '.';
		if (text[i] == '\n' && last != '\r')
			dst[n++] = '\r';
		dst[n++] = text[i];
		if (text[i] == '\n')
			lines--;
	}
	if (last != '\n') {
		dst[n++] = '\r';
		dst[n++] = '\n';
	}
	return n;
}

/* In pieces of up to piece octets to buffers of up to room. */
static size_t
wire_encode(struct wire *wire, char *dst, const char *text, size_t length,
    uint32_t piece, uint32_t room)
{
	size_t at = 0, n = 0, got, size, put, taken;
	char *source, *buffer;

	while (at < length && wire->lines_left > 0) {
		put = 1 + wire_random(piece);
		if (put > length - at)
			put = length - at;
		size = 3 + wire_random(room);
		/* Exact allocations, so that ASan sees each octet too far. */
		source = malloc(put);
		buffer = malloc(size);
		memcpy(source, text + at, put);
		got = wire_put(wire, buffer, size, source, put, &taken);
		if (got > size || taken > put || (got == 0) != (taken == 0))
			abort();
		if (taken == 0 ||
		    (taken < put && wire->lines_left > 0 && size - got > 2))
			abort();
		memcpy(dst + n, buffer, got);
		n += got;
		at += taken;
		free(source);
		free(buffer);
	}
	return n + wire_end(wire, dst + n);
}

static uint64_t
wire_count_pieces(const char *text, size_t length, uint32_t piece)
{
	struct wire_count count;
	size_t at = 0, n;
	char *source;

	wire_count_init(&count);
	while (at < length) {
		n = 1 + wire_random(piece);
		if (n > length - at)
			n = length - at;
		source = malloc(n);
		memcpy(source, text + at, n);
		wire_count_put(&count, source, n);
		free(source);
		at += n;
	}
	return wire_count_end(&count);
}

static void
wire_test_random(void)
{
	static char text[TEXT_MAX], want[WIRE_MAX], got[WIRE_MAX];
	static char plain[WIRE_MAX];
	unsigned i, same = 0, sizes = 0, counted = 0, tops = 0;
	size_t length, n, m;
	uint64_t lines;
	struct wire wire;

	for (i = 0; i < ROUNDS; i++) {
		length = wire_random_text(text);
		n = wire_naive(want, text, length, WIRE_LINES_ALL, 1);
		wire_init(&wire, WIRE_LINES_ALL);
		m = wire_encode(&wire, got, text, length,
		    wire_random(2) ? TEXT_MAX : 20,
		    wire_random(2) ? WIRE_MAX : 8);
		same += n == m && memcmp(want, got, n) == 0;
		n = wire_naive(plain, text, length, WIRE_LINES_ALL, 0);
		sizes += wire.octets == n;
		counted += wire_count_pieces(text, length,
			       wire_random(2) ? TEXT_MAX : 7) == n;
		lines = wire_random(wire_random(2) ? 4 : 200);
		n = wire_naive(want, text, length, lines, 1);
		wire_init(&wire, lines);
		m = wire_encode(&wire, got, text, length, TEXT_MAX, WIRE_MAX);
		tops += n == m && memcmp(want, got, n) == 0;
	}
	ok(same == ROUNDS, "every text is sent as the naive encoder does");
	ok(sizes == ROUNDS, "octets sent are the wire's without dots");
	ok(counted == ROUNDS, "octets counted are those sent");
	ok(tops == ROUNDS, "a limit of lines holds");
}

/* Where the first line with prefix is, octet by octet. */
static size_t
wire_naive_line(
    const char *text, size_t limit, size_t length, const char *prefix)
{
	size_t i, n = strlen(prefix);

	for (i = 0; i < limit; i++)
		if ((text + i)[-1] == '\n' && length - i >= n &&
		    memcmp(text + i, prefix, n) == 0)
			return i;
	return limit;
}

static void
wire_test_lines(void)
{
	static char text[TEXT_MAX + 1];
	static const char *const prefixes[] = {"a", ".", "\n", "ab", "..a"};
	size_t length, limit;
	unsigned i, same = 0, found = 0;
	const char *prefix, *from = &"\nFrom "[1];
	char *copy;

	for (i = 0; i < ROUNDS; i++) {
		text[0] = wire_random(2) ? '\n' : 'x';
		length = wire_random_text(text + 1);
		limit = length - wire_random((uint32_t)length / 2 + 1);
		copy = malloc(length + 1);
		memcpy(copy, text, length + 1);
		prefix = prefixes[wire_random(5)];
		found +=
		    wire_find_line(copy + 1, limit, length, prefix) < limit;
		same += wire_find_line(copy + 1, limit, length, prefix) ==
		    wire_naive_line(copy + 1, limit, length, prefix);
		free(copy);
	}
	ok(wire_find_line(from, 1, 5, "From ") == 0,
	    "a prefix that ends where the text does");
	ok(wire_find_line(from, 1, 4, "From ") == 1,
	    "not one that would end behind it");
	ok(same == ROUNDS && found > ROUNDS / 10 && found < ROUNDS,
	    "lines are found: %u of %u", found, ROUNDS);
}

static int
wire_is(const char *text, size_t length, const char *want, uint64_t octets)
{
	struct wire wire;
	struct wire_count count;
	char got[64];
	size_t n, taken;

	wire_init(&wire, WIRE_LINES_ALL);
	n = wire_put(&wire, got, sizeof(got), text, length, &taken);
	n += wire_end(&wire, got + n);
	wire_count_init(&count);
	wire_count_put(&count, text, length);
	return taken == length && n == strlen(want) &&
	    memcmp(got, want, n) == 0 && wire.octets == octets &&
	    wire_count_end(&count) == octets;
}

static void
wire_test_plain(void)
{
	ok(wire_is("", 0, "", 0), "an empty text has no lines");
	ok(wire_is("a", 1, "a\r\n", 3), "a missing line end is put");
	ok(wire_is("a\n", 2, "a\r\n", 3), "LF becomes CRLF");
	ok(wire_is("a\r\n", 3, "a\r\n", 3), "CRLF stays");
	ok(wire_is("a\r", 2, "a\r\r\n", 4), "a CR at the end is no line end");
	ok(wire_is("\r\r\n", 3, "\r\r\n", 3), "CR CR LF stays");
	ok(wire_is("a\rb\n", 4, "a\rb\r\n", 5), "a bare CR stays");
	ok(wire_is(".\n", 2, "..\r\n", 3), "a dot alone is stuffed");
	ok(wire_is("..\n", 3, "...\r\n", 4), "so is a line of two");
	ok(wire_is("a.\n.b\n\n.", 8, "a.\r\n..b\r\n\r\n..\r\n", 13),
	    "dots only at a line's start");
	ok(wire_is("a\r.\n", 4, "a\r.\r\n", 5), "a bare CR starts no line");
}

/* Sums in octets must not overflow. */
static void
wire_test_line_ends(void)
{
	size_t length = 100000;
	char *text = malloc(length);

	memset(text, '\n', length);
	ok(wire_count_pieces(text, length, 1U << 31) == 2 * length,
	    "a text of nothing but LFs");
	free(text);
}

int
main(void)
{
	wire_test_line_ends();
	wire_test_plain();
	wire_test_random();
	wire_test_lines();
	return tap_end();
}
