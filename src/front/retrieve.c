/*
 * retrieve.c - RETR and TOP: a message of an mbox on the wire.
 *
 * Read by pread, never mapped: another program may truncate the file at any
 * moment.  The head of the message is checked before the first octet leaves,
 * the file's times before the closing dot.  After anything unexpected the dot
 * is not sent and the connection ends: what the client has is no message.
 */

#include <sys/stat.h>

#include <string.h>

#include "session.h"
#include "wire.h"

/* Where we are in a message's text. */
struct reader {
	uint64_t offset;  /* in the file, of what comes next */
	uint64_t left;    /* octets of text still to come */
	const char *text; /* in s->mail: what has been read */
	size_t length;
};

/*
 * Read the first piece, from the envelope line, and check it; false when it
 * is not what the view has.
 */
static bool
reader_try(struct session *s, const struct view_message *m, uint64_t length,
    struct reader *r)
{
	size_t head = view_check_length(m);
	uint64_t want = (uint64_t)m->envelope + length;
	ssize_t n;

	if (want < head)
		want = head;
	if (want > s->mail_size)
		busy_take(s);
	if (want > s->mail_size)
		want = s->mail_size;
	if (s->file == -1)
		return false;
	n = pread_full(s->file, s->mail, (size_t)want, m->place);
	if (n != (ssize_t)want || view_message_check(m, s->mail) != m->check)
		return false;
	r->text = s->mail + m->envelope;
	r->length = (size_t)want - m->envelope;
	if (r->length > length)
		r->length = (size_t)length;
	r->left = length - r->length;
	r->offset = m->place + want;
	return true;
}

/*
 * The same after another look where that is needed: who reads his mail marks
 * it, which changes its head and not what it is.
 */
static bool
reader_open(struct session *s, uint32_t index, bool whole, struct reader *r)
{
	const struct view_message *m = &s->view.message[index];

	if (reader_try(s, m, whole ? m->length : m->body, r) ||
	    (ask_look(s, index) &&
		reader_try(s, m, whole ? m->length : m->body, r)))
		return true;
	if (s->state != OVER)
		output_line(s,
		    "-ERR [SYS/TEMP] another program has changed this "
		    "message");
	return false;
}

/* The next piece; false after a short read. */
static bool
reader_next(struct session *s, struct reader *r)
{
	size_t want = r->left > s->mail_size ? s->mail_size : (size_t)r->left;

	if (pread_full(s->file, s->mail, want, r->offset) != (ssize_t)want)
		return false;
	r->text = s->mail;
	r->length = want;
	r->left -= want;
	r->offset += want;
	return true;
}

bool
piece_put(struct session *s, struct wire *wire, const char *text, size_t length)
{
	size_t taken, put;
	char *room;

	while (length > 0 && wire->lines_left > 0) {
		if (s->deaf || s->state == OVER) {
			s->lost = true;
			return false;
		}
		/* A page of room at least, or the pieces become small. */
		room = output_room(s, 4096);
		put = wire_put(wire, room, s->output.size - s->output.length,
		    text, length, &taken);
		s->output.length += put;
		s->output.mail = true;
		text += taken;
		length -= taken;
	}
	return true;
}

/* Text to its end, or to the end of the lines; false: no dot. */
static bool
text_put(struct session *s, struct wire *wire, struct reader *r)
{
	char *room;

	for (;;) {
		if (!piece_put(s, wire, r->text, r->length))
			return false;
		if (r->left == 0 || wire->lines_left == 0)
			break;
		if (!reader_next(s, r)) {
			session_end(s, END_CHANGED);
			return false;
		}
	}
	room = output_room(s, 4096);
	s->output.length += wire_end(wire, room);
	s->output.mail = true;
	return true;
}

static bool
stamp_same(const struct session *s)
{
	const struct view_stamp *v = &s->view.head->stamp;
	struct stat st;

	return platform_fstat(s->file, &st) == 0 &&
	    (uint64_t)st.st_size == v->size &&
	    st.st_mtim.tv_sec == v->mtime_s &&
	    st.st_mtim.tv_nsec == v->mtime_ns &&
	    st.st_ctim.tv_sec == v->ctime_s &&
	    st.st_ctim.tv_nsec == v->ctime_ns;
}

static void
message_end(struct session *s, uint32_t index)
{
	uint64_t check = s->view.message[index].check;

	if (!stamp_same(s) &&
	    (!ask_look(s, index) || s->view.message[index].check != check)) {
		/* Or it could not be seen, for a lock that others hold. */
		session_end(s,
		    s->record.u.looked.code == CODE_CHANGED ? END_CHANGED :
							      END_DISCONNECTED);
		return;
	}
	output_text(s, ".\r\n");
	s->output.mail = true;
	if (s->last < index + 1)
		s->last = index + 1;
}

void
do_retr(struct session *s, const struct command *c)
{
	const struct view_message *m;
	struct reader r;
	struct wire wire;
	uint32_t index;

	if (!message_get(s, c->argument[0], &index))
		return;
	if (s->view.head->format == VIEW_MAILDIR) {
		retrieve_maildir(s, index, WIRE_LINES_ALL);
		return;
	}
	m = &s->view.message[index];
	if (!reader_open(s, index, true, &r))
		return;
	output_line(s, "+OK %llu octets", (unsigned long long)m->octets);
	wire_init(&wire, WIRE_LINES_ALL);
	if (!text_put(s, &wire, &r))
		return;
	trace(s, "> <%llu octets>", (unsigned long long)wire.octets);
	s->retr_octets += wire.octets;
	if (wire.octets != m->octets) {
		session_end(s, END_CHANGED);
		return;
	}
	bit_set(s->fetched, index);
	message_end(s, index);
}

/* The header and its empty line, then so many lines of the body. */
void
do_top(struct session *s, const struct command *c)
{
	const struct view_message *m;
	struct reader header, body;
	struct wire wire;
	uint64_t lines;
	uint32_t index;

	if (!message_get(s, c->argument[0], &index))
		return;
	if (number_get(c->argument[1], strlen(c->argument[1]), 0,
		UINT64_MAX - 1, &lines) == -1) {
		output_line(s, "-ERR not a number of lines");
		return;
	}
	if (s->view.head->format == VIEW_MAILDIR) {
		retrieve_maildir(s, index, lines);
		return;
	}
	m = &s->view.message[index];
	if (!reader_open(s, index, false, &header))
		return;
	output_line(s, "+OK top of message follows");
	wire_init(&wire, WIRE_LINES_ALL);
	if (!text_put(s, &wire, &header))
		return;
	wire.lines_left = lines;
	body.offset = m->place + m->envelope + m->body;
	body.left = m->length - m->body;
	body.text = s->mail;
	body.length = 0;
	if (!text_put(s, &wire, &body))
		return;
	trace(s, "> <%llu octets>", (unsigned long long)wire.octets);
	s->top_octets += wire.octets;
	message_end(s, index);
}
