/*
 * scan.c - reading an mbox, to find its messages.
 *
 * No system call but pread, pwrite and those of malloc: the process that
 * runs this is closed in.  Nothing here may abort on what is in the file.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan_parts.h"

#define SCAN_MESSAGES_FIRST 256

/* The view as it is written: a head, and the messages behind it. */
struct scan {
	struct scan_reader reader;
	struct view_head *view;
	uint32_t count, room; /* messages in view, and that fit */
	bool hidden;
};

static struct view_message *
scan_messages(const struct scan *scan)
{
	return (void *)(scan->view + 1);
}

static int
scan_grow(struct scan *scan)
{
	uint32_t room = scan->room == 0 ? SCAN_MESSAGES_FIRST : 2 * scan->room;
	void *view;

	if (room > VIEW_MESSAGES_MAX)
		room = VIEW_MESSAGES_MAX;
	if (room == scan->room) {
		errno = EFBIG;
		return -1;
	}
	view = realloc(scan->view,
	    sizeof(struct view_head) +
		(size_t)room * sizeof(struct view_message));
	if (view == NULL)
		return -1;
	scan->view = view;
	scan->room = room;
	return 0;
}

/* Leading empty lines are nobody's. */
static int
scan_prefix(struct scan_reader *r)
{
	const char *text;
	size_t length;

	for (;;) {
		text = scan_window_at(&r->window, r->at, &length);
		if (text == NULL)
			return -1;
		if (length >= 1 && text[0] == '\n')
			r->at += 1;
		else if (length >= 2 && text[0] == '\r' && text[1] == '\n')
			r->at += 2;
		else
			return 0;
	}
}

static int
scan_all(struct scan *scan)
{
	struct scan_reader *r = &scan->reader;
	struct view_message message;
	uint64_t first;
	bool internal;

	if (scan_prefix(r) == -1)
		return -1;
	for (first = r->at; r->at < r->window.end;) {
		if (scan_text(r, &message, &internal) == -1)
			return -1;
		if (message.place == first && internal) {
			scan->hidden = true;
			continue;
		}
		if (scan->count == scan->room && scan_grow(scan) == -1)
			return -1;
		scan_messages(scan)[scan->count++] = message;
	}
	return scan_twins(scan_messages(scan), scan->count);
}

static int
scan_write(
    struct scan *scan, const struct view_stamp *stamp, int out, uint64_t *size)
{
	struct view_head *view = scan->view;
	size_t length =
	    sizeof(*view) + scan->count * sizeof(struct view_message);
	uint32_t i;

	memset(view, 0, sizeof(*view));
	view->magic = VIEW_MAGIC;
	view->format = VIEW_MBOX;
	view->count = scan->count;
	view->hidden = scan->hidden;
	view->stamp = *stamp;
	for (i = 0; i < scan->count; i++)
		view->octets += scan_messages(scan)[i].octets;
	if (pwrite_full(out, view, length, 0) == -1)
		return -1;
	*size = length;
	return 0;
}

int
scan_mbox_window(int file, const struct view_stamp *stamp,
    const struct crypto *crypto, int out, uint64_t *size, size_t window)
{
	struct scan *scan;
	int result = -1;

	if (stamp->size > INT64_MAX) {
		errno = EFBIG;
		return -1;
	}
	scan = calloc(1, sizeof(*scan));
	if (scan == NULL)
		return -1;
	scan->reader.crypto = crypto;
	if (scan_window_init(
		&scan->reader.window, file, 0, stamp->size, window) == 0 &&
	    scan_grow(scan) == 0 && scan_all(scan) == 0)
		result = scan_write(scan, stamp, out, size);
	scan_window_free(&scan->reader.window);
	free(scan->view);
	free(scan);
	return result;
}

int
scan_mbox(int file, const struct view_stamp *stamp, const struct crypto *crypto,
    int out, uint64_t *size)
{
	return scan_mbox_window(file, stamp, crypto, out, size, SCAN_WINDOW);
}

int
scan_message(int file, uint64_t place, uint64_t end,
    const struct crypto *crypto, struct view_message *message)
{
	struct scan_reader reader = {.crypto = crypto, .at = place};
	size_t size = SCAN_WINDOW;
	bool internal;
	int result;

	if (place >= end || end > INT64_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (end - place < size)
		size = (size_t)(end - place);
	if (size < SCAN_WINDOW_LEAST)
		size = SCAN_WINDOW_LEAST;
	if (scan_window_init(&reader.window, file, place, end, size) == -1)
		return -1;
	result = scan_text(&reader, message, &internal);
	if (result == 0 && reader.at != end) {
		errno = EINVAL;
		result = -1;
	}
	scan_window_free(&reader.window);
	return result;
}
