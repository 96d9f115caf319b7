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

/* The messages from start on; before them, others or nothing. */
static int
scan_from(struct scan *scan, const struct scan_job *job, uint64_t start)
{
	struct scan_reader *r = &scan->reader;
	struct view_message message;
	uint64_t first;
	bool internal;

	r->at = start;
	if (scan_window_init(&r->window, job->file, start, job->stamp->size,
		job->window) == -1 ||
	    (start == 0 && scan_prefix(r) == -1))
		return -1;
	for (first = r->at; r->at < r->window.end;) {
		if (scan_text(r, &message, &internal) == -1)
			return -1;
		if (start == 0 && message.place == first && internal) {
			scan->hidden = true;
			continue;
		}
		if (scan->count == scan->room && scan_grow(scan) == -1)
			return -1;
		scan_messages(scan)[scan->count++] = message;
	}
	return 0;
}

/* Behind base messages with these octets on the wire. */
static int
scan_write(const struct scan *scan, const struct scan_job *job, uint32_t base,
    uint64_t octets, uint64_t *size)
{
	struct view_head *view = scan->view;
	size_t length =
	    sizeof(*view) + scan->count * sizeof(struct view_message);
	uint32_t i;

	memset(view, 0, sizeof(*view));
	view->magic = VIEW_MAGIC;
	view->format = VIEW_MBOX;
	view->base = base;
	view->count = base + scan->count;
	view->hidden = scan->hidden;
	view->stamp = *job->stamp;
	view->octets = octets;
	for (i = 0; i < scan->count; i++)
		view->octets += scan_messages(scan)[i].octets;
	if (view->count > VIEW_MESSAGES_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (pwrite_full(job->out, view, length, 0) == -1)
		return -1;
	*size = length;
	return 0;
}

/* Twins by their order in the file, or as an earlier view has them. */
static int
scan_number(const struct scan *scan, const struct kept *known)
{
	struct scan_twins twins;
	struct view view;
	void *data = NULL;
	int result;

	if (scan_twins_init(&twins, scan_messages(scan), scan->count) == -1)
		return -1;
	scan_twins_number(&twins);
	scan_twins_free(&twins);
	if (known != NULL && kept_whole(known))
		data = view_parts_load(&known->view, &view);
	if (data == NULL)
		return 0;
	result = scan_twins_known(scan_messages(scan), scan->count, &view);
	free(data);
	return result;
}

static int
scan_whole(struct scan *scan, const struct scan_job *job, uint64_t *size)
{
	if (scan_grow(scan) == -1 || scan_from(scan, job, 0) == -1 ||
	    scan_number(scan, job->known) == -1)
		return -1;
	return scan_write(scan, job, 0, 0, size);
}

/* 1; 0: all of it must be read; -1 with errno. */
static int
scan_end(struct scan *scan, const struct scan_job *job, uint64_t *size)
{
	const struct view_head *head;
	struct view_message last;
	int joined;

	if (!scan_known_grown(job, &last))
		return 0;
	head = &job->known->view.head;
	scan->hidden = head->hidden;
	if (scan_grow(scan) == -1)
		return -1;
	/* No message is there any more, or something else is wrong, which the
	 * other way will find, too. */
	if (scan_from(scan, job, last.place) == -1)
		return 0;
	joined = scan_known_join(
	    job->known, &last, scan_messages(scan), scan->count);
	if (joined != 1)
		return joined;
	if (scan_write(scan, job, head->count - 1, head->octets - last.octets,
		size) == -1)
		return -1;
	return 1;
}

static void
scan_free(struct scan *scan)
{
	scan_window_free(&scan->reader.window);
	free(scan->view);
}

int
scan_mbox(const struct scan_job *job, uint64_t *size)
{
	struct scan *scan;
	int result;

	if (job->stamp->size > INT64_MAX) {
		errno = EFBIG;
		return -1;
	}
	scan = calloc(1, sizeof(*scan));
	if (scan == NULL)
		return -1;
	scan->reader.crypto = job->crypto;
	result = scan_end(scan, job, size);
	if (result == 0) {
		scan_free(scan);
		memset(scan, 0, sizeof(*scan));
		scan->reader.crypto = job->crypto;
		result = scan_whole(scan, job, size);
	}
	scan_free(scan);
	free(scan);
	return result == -1 ? -1 : 0;
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
