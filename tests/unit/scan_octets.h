/*
 * scan_octets.h - scanning what is in memory.
 */

#ifndef SCAN_OCTETS_H
#define SCAN_OCTETS_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mailbox/scan_parts.h"

#define E "From a Mon Jan  1 00:00:00 2001\n" /* 32 octets */
#define EC "From a Mon Jan  1 00:00:00 2001\r\n"

#define T(text) text, sizeof(text) - 1

static const struct crypto *crypto;

/* What was scanned; view points into data. */
struct scanned {
	void *data;
	struct view view;
};

/* 0, or errno; whatever is written must be a view. */
static int
scan_octets(const char *text, size_t length, size_t window, struct scanned *s)
{
	int file = platform_memory_file("mbox");
	int out = platform_memory_file("view");
	struct view_stamp stamp = {.size = length};
	const struct scan_job job = {
	    .file = file,
	    .stamp = &stamp,
	    .crypto = crypto,
	    .out = out,
	    .window = window,
	};
	uint64_t size = 0;
	int error = 0;

	s->data = NULL;
	if (file == -1 || out == -1 || pwrite_full(file, text, length, 0) == -1)
		abort();
	if (scan_mbox(&job, &size) == -1)
		error = errno;
	else {
		s->data = malloc(size);
		if (pread_full(out, s->data, size, 0) != (ssize_t)size ||
		    view_init(&s->view, s->data, size) == -1)
			abort();
	}
	close(file);
	close(out);
	return error;
}

#endif
