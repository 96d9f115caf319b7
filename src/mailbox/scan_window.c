/*
 * scan_window.c - a file through a window, forward only.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan_parts.h"

int
scan_window_init(struct scan_window *window, int file, uint64_t start,
    uint64_t end, size_t size)
{
	window->octets = malloc(size);
	if (window->octets == NULL)
		return -1;
	window->file = file;
	window->end = end;
	window->base = start;
	window->filled = 0;
	window->size = size;
	return 0;
}

void
scan_window_free(struct scan_window *window)
{
	free(window->octets);
	window->octets = NULL;
}

bool
scan_window_last(const struct scan_window *window, uint64_t at, size_t length)
{
	return at + length == window->end;
}

/* Move the window on, so that it begins SCAN_BEHIND before at. */
static int
scan_window_move(struct scan_window *window, uint64_t at)
{
	size_t skip = (size_t)(at - window->base), keep, want;
	uint64_t left;
	ssize_t got;

	skip = skip > SCAN_BEHIND ? skip - SCAN_BEHIND : 0;
	keep = window->filled - skip;
	memmove(window->octets, window->octets + skip, keep);
	window->base += skip;
	window->filled = keep;
	left = window->end - window->base - keep;
	want = window->size - keep;
	if (left < want)
		want = (size_t)left;
	got = pread_full(
	    window->file, window->octets + keep, want, window->base + keep);
	if (got == -1)
		return -1;
	if ((size_t)got < want) {
		errno = ESTALE;
		return -1;
	}
	window->filled += want;
	return 0;
}

const char *
scan_window_at(struct scan_window *window, uint64_t at, size_t *length)
{
	size_t skip = (size_t)(at - window->base);

	if (window->filled - skip < SCAN_AHEAD &&
	    window->base + window->filled < window->end) {
		if (scan_window_move(window, at) == -1)
			return NULL;
		skip = (size_t)(at - window->base);
	}
	*length = window->filled - skip;
	return window->octets + skip;
}
