/*
 * view.h - what the front knows of a mailbox: one read-only array.
 *
 * The back's scanner writes it, the front reads it; the same layout in
 * memory, in the descriptor that travels and in a kept view.  Layout
 * and accessors only, no I/O.  A view is input: view_init() checks it whole,
 * once, and everything after that trusts the copy that was checked.
 *
 * Layout: struct view_head, count times struct view_message, names_size
 * octets of NUL-terminated names (Maildir; none for mbox).  Host byte order.
 */

#ifndef VIEW_H
#define VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base.h"

#define VIEW_MAGIC 0x50335632U      /* "P3V2": changes with the layout */
#define VIEW_MESSAGES_MAX 16000000U /* a view of 1 GB */
#define VIEW_DIGEST 16              /* octets kept of a unique-id's digest */
#define VIEW_HEAD_CHECK 512 /* octets of a message's start that check covers */
#define UIDL_MAX 70         /* octets; RFC 1939, 7 */

enum view_format { VIEW_MBOX = 1, VIEW_MAILDIR = 2 };

/* What fstat() said of a file: two are the same only if all of it is. */
struct view_stamp {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t mtime_s, mtime_ns;
	int64_t ctime_s, ctime_ns;
};

struct view_head {
	uint32_t magic;
	uint32_t format; /* enum view_format */
	uint32_t count;  /* messages */
	uint32_t hidden; /* 1: a pseudo message comes before the first */
	uint64_t octets; /* of all messages, on the wire */
	uint64_t names_size;
	uint32_t base; /* of count: they stand in an earlier view's file,
			* as its first (channel.h: struct view_parts) */
	uint32_t reserved[7];
	uint64_t base_names;     /* of names_size, there */
	struct view_stamp stamp; /* mbox: the file as it was scanned */
};

/*
 * One message.  In an mbox it reaches from place (the "F" of its envelope
 * line) to the next one's place or the file's end; its text begins at
 * place + envelope and has length octets; what follows the text is the
 * empty line that separates it from the next.
 */
struct view_message {
	uint64_t place;  /* mbox: offset; Maildir: offset in the names */
	uint64_t length; /* of the text as stored */
	uint64_t octets; /* of the text on the wire, without dots added */
	uint64_t body;   /* from the text's start; length if no body */
	uint64_t check;  /* mbox: view_message_check(); Maildir: the file's
				 * inode */
	uint8_t digest[VIEW_DIGEST]; /* of what makes its unique-id */
	uint32_t twin;     /* 0, or a number that tells exact twins apart */
	uint16_t envelope; /* octets of the envelope line with its end */
	uint16_t flags;    /* VIEW_* */
};

#define VIEW_REMOVED 1U /* SYNC took it: its number stays, it is gone */
/*
 * Maildir alone.  UNREAD: octets is what the file's name says, length and body
 * are not known.  NEW: it is in new/, else in cur/.
 */
#define VIEW_UNREAD 2U
#define VIEW_NEW 4U

_Static_assert(sizeof(struct view_message) == 64, "a promise of the README");
_Static_assert(sizeof(struct view_head) == 128, "messages lie on their size");

struct view {
	const struct view_head *head;
	const struct view_message *message; /* head->count of them */
	const char *names;                  /* head->names_size octets */
};

/* Is it the head of a view, its numbers possible together? */
bool view_head_valid(const struct view_head *head);

/* Octets of the view that has this valid head, in one piece. */
uint64_t view_size(const struct view_head *head);

/*
 * Look at size octets at data (aligned as malloc aligns) as a view and check
 * everything: sizes against size, every sum, every offset against the stamp's
 * size, order of places, sums of octets, names.  0, or -1 with errno EINVAL.
 * data stays the caller's and must outlive the view.
 */
int view_init(struct view *view, const void *data, size_t size) MUST_CHECK;

/*
 * A message's place and text: how many octets from place, at most
 * VIEW_HEAD_CHECK, are covered by its check.
 */
size_t view_check_length(const struct view_message *message);

/* A cheap check value of octets; not a digest, no secret, no promise. */
uint64_t view_check(const void *octets, size_t length);

/*
 * The check of a message whose first view_check_length() octets these are: its
 * upper half is of what belongs to the body, which nobody who marks a message
 * changes.
 */
uint64_t
view_message_check(const struct view_message *message, const void *octets);

/*
 * A message's unique-id as text (RFC 1939, 7: 1 to 70 octets of 0x21 to 0x7e),
 * NUL-terminated.
 */
void view_uidl(const struct view *view, uint32_t index, char dst[UIDL_MAX + 1]);

#endif
