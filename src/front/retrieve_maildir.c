/*
 * retrieve_maildir.c - RETR and TOP: a message of a Maildir on the wire.
 *
 * The message is its file, from the first octet to the last, whatever the view
 * says of its size: that may come from the file's name.  Where the two differ,
 * the view is corrected, and the client has the message.  A file that changed
 * while it was read is no message: the dot is not sent, the connection ends.
 */

#include <sys/stat.h>

#include <string.h>

#include "session.h"

struct letter {
	int file;
	struct stat before;
	uint64_t read; /* octets of the file */
	struct wire wire;
	struct wire_header header;
	uint64_t lines; /* of the body */
};

/* The header is always whole; it does not count as lines. */
static bool
letter_piece(
    struct session *s, struct letter *l, const char *text, size_t length)
{
	size_t n = 0;

	if (!l->header.ended) {
		n = wire_header_put(&l->header, text, length);
		if (!piece_put(s, &l->wire, text, n))
			return false;
		if (l->header.ended)
			l->wire.lines_left = l->lines;
	}
	return piece_put(s, &l->wire, text + n, length - n);
}

/* The file to its end, or to the end of the lines; false: no dot. */
static bool
letter_put(struct session *s, struct letter *l)
{
	char *room;
	size_t want;
	ssize_t n;

	if (l->before.st_size >= (off_t)s->mail_size)
		busy_take(s);
	do {
		want = s->mail_size;
		n = pread_full(l->file, s->mail, want, l->read);
		if (n == -1) {
			session_end(s, END_CHANGED);
			return false;
		}
		l->read += (size_t)n;
		if (!letter_piece(s, l, s->mail, (size_t)n))
			return false;
	} while ((size_t)n == want && l->wire.lines_left > 0);
	room = output_room(s, 4096);
	s->output.length += wire_end(&l->wire, room);
	s->output.mail = true;
	return true;
}

/* Renames change ctime; nothing else may have happened. */
static bool
letter_same(const struct letter *l)
{
	struct stat now;

	return platform_fstat(l->file, &now) == 0 &&
	    now.st_size == l->before.st_size &&
	    now.st_mtim.tv_sec == l->before.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == l->before.st_mtim.tv_nsec &&
	    (l->wire.lines_left == 0 || l->read == (uint64_t)l->before.st_size);
}

/* The number of octets was wrong: say the right one from now on. */
static void
view_correct(struct session *s, uint32_t index, uint64_t octets)
{
	struct view_message *m = view_change(s, index);
	uint64_t old = m->octets;

	trace(s, "- message %lu has %llu octets, not %llu",
	    (unsigned long)index + 1, (unsigned long long)octets,
	    (unsigned long long)old);
	m->octets = octets;
	s->parts.head.octets += octets - old;
	if (!bit_test(s->deleted, index))
		s->octets += octets - old;
}

static void
letter_end(struct session *s, struct letter *l, uint32_t index, bool whole)
{
	if (!letter_same(l)) {
		session_end(s, END_CHANGED);
		return;
	}
	output_text(s, ".\r\n");
	s->output.mail = true;
	if (s->last < index + 1)
		s->last = index + 1;
	if (!whole)
		return;
	bit_set(s->fetched, index);
	if (l->wire.octets != s->view.message[index].octets)
		view_correct(s, index, l->wire.octets);
}

/* Can the file have so many octets on the wire? */
static bool
letter_plausible(const struct letter *l, const struct view_message *m)
{
	uint64_t size = (uint64_t)l->before.st_size;

	if ((m->flags & VIEW_UNREAD) == 0)
		return size == m->length;
	return m->octets >= size && m->octets - size <= size + 2;
}

void
retrieve_maildir(struct session *s, uint32_t index, uint64_t lines)
{
	const struct view_message *m = &s->view.message[index];
	bool whole = lines == WIRE_LINES_ALL;
	struct letter l;

	memset(&l, 0, sizeof(l));
	l.lines = lines;
	l.file = ask_open(s, index);
	if (l.file == -1)
		return;
	if (platform_fstat(l.file, &l.before) == -1) {
		output_line(s, "-ERR [SYS/TEMP] this message cannot be read");
		return;
	}
	if (!whole)
		output_line(s, "+OK top of message follows");
	else if (letter_plausible(&l, m))
		output_line(
		    s, "+OK %llu octets", (unsigned long long)m->octets);
	else
		output_line(s, "+OK message follows");
	wire_init(&l.wire, WIRE_LINES_ALL);
	wire_header_init(&l.header);
	if (!letter_put(s, &l))
		return;
	trace(s, "> <%llu octets>", (unsigned long long)l.wire.octets);
	if (whole)
		s->retr_octets += l.wire.octets;
	else
		s->top_octets += l.wire.octets;
	letter_end(s, &l, index, whole);
}
