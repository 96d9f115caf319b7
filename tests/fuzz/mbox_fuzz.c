/*
 * mbox_fuzz.c - any octets as an mbox: what the scan makes of them is a view,
 * each message read alone is the same, and its octets are those counted.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailbox/scan_parts.h"
#include "wire.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two sums, so that messages differ; the real one only costs time. */
static int
fuzz_sha256(const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256])
{
	uint64_t sum = view_check(octets, length);

	memset(digest, 0, CRYPTO_SHA256);
	memcpy(digest, &sum, sizeof(sum));
	return 0;
}

static const struct crypto crypto = {fuzz_sha256};

static void
fuzz_message(int file, const uint8_t *data, const struct view *view, uint32_t i)
{
	struct view_message m, want = view->message[i];
	uint64_t end = view->head->stamp.size;
	struct wire_count count;
	char uidl[UIDL_MAX + 1];

	if (i + 1 < view->head->count)
		end = view->message[i + 1].place;
	MUST(scan_message(file, want.place, end, &crypto, &m) == 0);
	want.twin = 0;
	MUST(memcmp(&m, &want, sizeof(m)) == 0);
	wire_count_init(&count);
	wire_count_put(&count, data + m.place + m.envelope, m.length);
	MUST(wire_count_end(&count) == m.octets);
	MUST(view_message_check(&m, data + m.place) == m.check);
	view_uidl(view, i, uidl);
	MUST(strlen(uidl) >= 32 && strlen(uidl) <= UIDL_MAX);
}

/* The view that a window of that size gives, in memory; NULL if EINVAL. */
static void *
fuzz_scan(
    int file, const struct view_stamp *stamp, size_t window, uint64_t *size)
{
	int out = platform_memory_file("view");
	const struct scan_job job = {
	    .file = file,
	    .stamp = stamp,
	    .crypto = &crypto,
	    .out = out,
	    .window = window,
	};
	void *view;

	MUST(out != -1);
	if (scan_mbox(&job, size) == -1) {
		MUST(errno == EINVAL);
		close(out);
		return NULL;
	}
	view = malloc(*size);
	MUST(pread_full(out, view, *size, 0) == (ssize_t)*size);
	close(out);
	return view;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view_stamp stamp = {.size = size};
	int file = platform_memory_file("mbox");
	uint64_t length, other;
	void *octets, *small;
	struct view view;
	uint32_t i;

	MUST(file != -1 && pwrite_full(file, data, size, 0) == 0);
	octets = fuzz_scan(file, &stamp, SCAN_WINDOW, &length);
	small = fuzz_scan(file, &stamp, SCAN_WINDOW_LEAST, &other);
	MUST((octets == NULL) == (small == NULL));
	if (octets != NULL) {
		MUST(length == other && memcmp(octets, small, length) == 0);
		MUST(view_init(&view, octets, length) == 0);
		for (i = 0; i < view.head->count; i++)
			fuzz_message(file, data, &view, i);
	}
	free(octets);
	free(small);
	close(file);
	return 0;
}
