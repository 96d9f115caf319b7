/*
 * wire_fuzz.c - any text in any pieces: what is sent is what is counted, and
 * undone it is the text.  The first octets say how it is cut.
 */

#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Take off the dots: the octets that are left of the lines at wire. */
static size_t
fuzz_unstuff(char *wire, size_t size)
{
	size_t i, n = 0;
	char last = '\n';

	for (i = 0; i < size; i++) {
		if (last == '\n' && wire[i] == '.') {
			i++;
			MUST(i < size && wire[i] == '.');
		}
		last = wire[i];
		MUST(last != '\n' || (i > 0 && wire[i - 1] == '\r'));
		wire[n++] = last;
	}
	MUST(last == '\n');
	return n;
}

static size_t
fuzz_send(char *dst, const char *text, size_t length, size_t piece, size_t room,
    uint64_t lines)
{
	size_t at = 0, n = 0, taken, put;
	struct wire wire;
	char *buffer;

	wire_init(&wire, lines);
	while (at < length && wire.lines_left > 0) {
		put = length - at < piece ? length - at : piece;
		buffer = malloc(room);
		put = wire_put(&wire, buffer, room, text + at, put, &taken);
		MUST(put <= room && taken > 0);
		memcpy(dst + n, buffer, put);
		free(buffer);
		n += put;
		at += taken;
	}
	n += wire_end(&wire, dst + n);
	put = fuzz_unstuff(dst, n);
	MUST(wire.octets == put);
	return put;
}

static uint64_t
fuzz_count(const char *text, size_t length, size_t piece)
{
	struct wire_count count;
	size_t at, n;

	wire_count_init(&count);
	for (at = 0; at < length; at += n) {
		n = length - at < piece ? length - at : piece;
		wire_count_put(&count, text + at, n);
	}
	return wire_count_end(&count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece, room, length, n, i, k;
	char *text, *sent;

	if (size < 3)
		return 0;
	piece = data[0] == 0 ? size : (size_t)data[0] * data[0];
	room = 3 + (size_t)data[1] * data[1];
	length = size - 3;
	text = malloc(length + 1);
	memcpy(text, data + 3, length);
	sent = malloc(3 * length + 2);
	n = fuzz_send(sent, text, length, piece, room, WIRE_LINES_ALL);
	MUST(n == fuzz_count(text, length, piece));
	MUST(n == fuzz_count(text, length, length + 1));
	for (i = k = 0; i < length; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			MUST(sent[k++] == '\r');
		MUST(sent[k++] == text[i]);
	}
	MUST(n == k || n == k + 2);
	k = fuzz_send(sent, text, length, piece, room, data[2]);
	MUST(k <= n);
	text[length] = '\n';
	i = wire_find_line(text + 1, length, length, "From ");
	MUST(i == length || memcmp(text + i, "\nFrom ", 6) == 0);
	free(text);
	free(sent);
	return 0;
}
