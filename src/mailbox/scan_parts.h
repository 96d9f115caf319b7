/*
 * scan_parts.h - what the scan is made of, for itself and its tests.
 */

#ifndef SCAN_PARTS_H
#define SCAN_PARTS_H

#include "scan.h"

#define ENVELOPE_MAX 1000 /* octets of an envelope line without its end */
#define SCAN_AHEAD 1024   /* an envelope line, or a whole field's 1000 octets */
#define SCAN_BEHIND 4     /* an empty line with the LF before it, and one */
#define SCAN_WINDOW_LEAST (2 * SCAN_AHEAD)

/*
 * A window on a file, moved forward only.  Whoever stands at an octet sees
 * SCAN_AHEAD from it on, or all up to the end, and SCAN_BEHIND before it, or
 * all from the start: whatever has to be judged is there in one piece.
 */
struct scan_window {
	int file;
	uint64_t end;  /* of what may be read */
	uint64_t base; /* the file's offset of octets[0] */
	size_t filled;
	size_t size;
	char *octets;
};

/* 0, or -1 with errno ENOMEM.  size is at least SCAN_WINDOW_LEAST. */
int scan_window_init(struct scan_window *window, int file, uint64_t start,
    uint64_t end, size_t size) MUST_CHECK;
void scan_window_free(struct scan_window *window);

/*
 * The octets at offset at, which lies in start..end and not before the last
 * one asked for; *length of them can be seen, 0 at the end.  NULL with errno,
 * ESTALE when the file ends before it should.
 */
const char *scan_window_at(
    struct scan_window *window, uint64_t at, size_t *length) MUST_CHECK;

/* Does window->end lie in what can be seen: length octets from at? */
bool
scan_window_last(const struct scan_window *window, uint64_t at, size_t length);

#define HEAD_FIELD_MAX 1000 /* octets of a field that go into the digest */
#define HEAD_TEXT (16 * 1024)

/*
 * What is gathered of a message's head to make its unique-id: fields, each
 * as its number, its length in two octets and its value.
 */
struct scan_head {
	const struct crypto *crypto;
	size_t used;        /* octets of text */
	size_t field;       /* where the open field begins, or SIZE_MAX */
	unsigned seen;      /* bit n: field n was there */
	bool internal_mark; /* X-IMAP or X-IMAPbase */
	bool internal_subject;
	bool failed; /* the library did */
	uint8_t text[HEAD_TEXT];
};

/* A new message with this envelope line (without its end). */
void scan_head_init(struct scan_head *head, const struct crypto *crypto,
    const char *envelope, size_t length);

/*
 * A line of the header with its line end, or as much of it as can be seen
 * (at least SCAN_AHEAD octets).  False for the empty line that ends it.
 */
bool scan_head_put(struct scan_head *head, const char *line, size_t length);

/* The message's digest; octets is its body's number. -1 with errno EIO. */
int scan_head_end(struct scan_head *head, uint64_t octets,
    uint8_t digest[VIEW_DIGEST]) MUST_CHECK;

/* Octets of the envelope line at text, with its line end; 0 if none is. */
size_t scan_envelope(const char *text, size_t length);

/*
 * Where the next message begins: at the first offset in 0..limit-1 of text
 * that has an envelope line, of *envelope octets, after an empty line; else
 * limit, and *envelope is 0.  length octets can be seen from text on,
 * SCAN_BEHIND before it.
 */
size_t
scan_find(const char *text, size_t limit, size_t length, size_t *envelope);

/* Octets of the empty line that ends at end, where 3 octets can be seen. */
size_t scan_empty_line(const char *end);

/* Reading messages one after the other. */
struct scan_reader {
	struct scan_window window;
	struct scan_head head;
	const struct crypto *crypto;
	uint64_t at;
	size_t envelope;             /* octets of the envelope line at at, or 0:
				 * there is none, or nobody looked yet */
	size_t kept;                 /* octets of start */
	char start[VIEW_HEAD_CHECK]; /* for the message's check */
};

/*
 * Read the message at reader->at, up to where another begins or the window
 * ends: reader->at then, and *message is filled, with a twin of 0.  *internal:
 * it is an IMAP server's own.  -1 with errno; EINVAL when none begins there.
 */
int scan_text(struct scan_reader *reader, struct view_message *message,
    bool *internal) MUST_CHECK;

/* Numbering exact twins (scan_twins.c) */
struct scan_twins {
	struct view_message *messages;
	uint32_t count;
	uint64_t mask;   /* slots - 1 */
	uint32_t *first; /* by slot: the first message of a digest, from 1;
			  * 0: none */
	uint32_t *next;  /* by slot: the number of its next twin */
};

/* 0, or -1 with errno ENOMEM. */
int scan_twins_init(struct scan_twins *twins, struct view_message *messages,
    uint32_t count) MUST_CHECK;
void scan_twins_free(struct scan_twins *twins);

/* An earlier message, which keeps its number. */
void
scan_twins_after(struct scan_twins *twins, const struct view_message *message);

/* Number them, in file order. */
void scan_twins_number(struct scan_twins *twins);

/*
 * Give those that are in known, too, the numbers that they have there, in its
 * order.  0, or -1 with errno ENOMEM.
 */
int scan_twins_known(struct view_message *messages, uint32_t count,
    const struct view *known) MUST_CHECK;

/* Earlier views (scan_known.c) */

/*
 * Has the file only grown since known was made?  Then *last is its last
 * message, from where on it is to be read.
 */
bool scan_known_grown(const struct scan_job *job, struct view_message *last);

/*
 * Are these messages, read from the last one of known on, its continuation?
 * Numbers twins.  1; 0: known is not what it seemed; -1 with errno ENOMEM.
 */
int scan_known_join(const struct kept *known, const struct view_message *last,
    struct view_message *messages, uint32_t count) MUST_CHECK;

#endif
