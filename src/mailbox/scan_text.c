/*
 * scan_text.c - one message of an mbox, from its envelope to the next.
 */

#include <errno.h>
#include <string.h>

#include "scan_parts.h"
#include "wire.h"

/* The envelope line; the message before may have ended at it. */
static int
scan_read_envelope(struct scan_reader *r)
{
	const char *text;
	size_t length, n;

	text = scan_window_at(&r->window, r->at, &length);
	if (text == NULL)
		return -1;
	if (r->envelope == 0)
		r->envelope = scan_envelope(text, length);
	if (r->envelope == 0) {
		errno = EINVAL;
		return -1;
	}
	r->kept = length < sizeof(r->start) ? length : sizeof(r->start);
	memcpy(r->start, text, r->kept);
	n = r->envelope;
	r->at += n;
	if (text[n - 1] == '\n')
		n -= text[n - 2] == '\r' ? 2 : 1;
	scan_head_init(&r->head, r->crypto, text, n);
	return 0;
}

/*
 * Lines of the header that begin in what can be seen; *more is false after
 * the empty line that ends it.
 */
static size_t
scan_read_lines(struct scan_reader *r, const char *text, size_t length,
    bool last, bool *starts, bool *more)
{
	size_t done = 0, n;
	const char *lf;

	while (
	    *more && done < length && (last || length - done >= SCAN_AHEAD)) {
		lf = memchr(text + done, '\n', length - done);
		n = lf == NULL ? length - done : (size_t)(lf - text) + 1 - done;
		if (*starts)
			*more = scan_head_put(&r->head, text + done, n);
		*starts = lf != NULL;
		done += n;
	}
	return done;
}

static int
scan_read_header(struct scan_reader *r, struct wire_count *count)
{
	bool starts = true, more = true;
	const char *text;
	size_t length, n;

	wire_count_init(count);
	while (more) {
		text = scan_window_at(&r->window, r->at, &length);
		if (text == NULL)
			return -1;
		if (length == 0)
			break;
		n = scan_read_lines(r, text, length,
		    scan_window_last(&r->window, r->at, length), &starts,
		    &more);
		wire_count_put(count, text, n);
		r->at += n;
	}
	return 0;
}

/* Up to the next message or the end; *trail: octets of an empty line there. */
static int
scan_read_body(struct scan_reader *r, struct wire_count *count, size_t *trail)
{
	uint64_t body = r->at;
	const char *text;
	size_t length, limit, n;

	wire_count_init(count);
	r->envelope = 0;
	*trail = 0;
	for (;;) {
		text = scan_window_at(&r->window, r->at, &length);
		if (text == NULL)
			return -1;
		if (length == 0)
			break;
		limit = length;
		if (!scan_window_last(&r->window, r->at, length))
			limit -= SCAN_AHEAD - 1;
		n = scan_find(text, limit, length, &r->envelope);
		wire_count_put(count, text, n);
		r->at += n;
		text += n;
		if (r->envelope > 0)
			break;
	}
	if (r->at > body)
		*trail = scan_empty_line(text);
	return 0;
}

int
scan_text(struct scan_reader *r, struct view_message *message, bool *internal)
{
	struct wire_count header, count;
	uint64_t start, body;
	size_t trail;

	memset(message, 0, sizeof(*message));
	message->place = r->at;
	if (scan_read_envelope(r) == -1)
		return -1;
	message->envelope = (uint16_t)r->envelope;
	start = r->at;
	if (scan_read_header(r, &header) == -1)
		return -1;
	body = r->at;
	if (scan_read_body(r, &count, &trail) == -1)
		return -1;
	message->length = r->at - trail - start;
	message->body = body - start;
	/* An empty line counts two, whatever ends it. */
	message->octets = wire_count_end(&count) - (trail > 0 ? 2 : 0);
	if (scan_head_end(&r->head, message->octets, message->digest) == -1)
		return -1;
	message->octets += wire_count_end(&header);
	message->check = view_message_check(message, r->start);
	*internal = r->head.internal_mark && r->head.internal_subject;
	return 0;
}
