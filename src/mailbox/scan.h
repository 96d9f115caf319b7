/*
 * scan.h - reading an mbox, to find its messages.
 *
 * Runs in the scanner: a child of the back, closed in, that holds a read-only
 * descriptor of the file.  Memory does not grow with the file's octets, only
 * with its messages.
 */

#ifndef SCAN_H
#define SCAN_H

#include "crypto.h"
#include "kept.h"
#include "view.h"

struct scan_job {
	int file;
	const struct view_stamp *stamp; /* of the file, now */
	const struct kept *known;       /* an earlier view of it, or NULL */
	const struct crypto *crypto;
	int out;
	size_t window; /* octets read at once; SCAN_WINDOW */
};

#define SCAN_WINDOW (256 * 1024) /* fits a cache */

/*
 * Read stamp->size octets of file (from offset 0, by pread) as an mbox, and
 * write its view, with this stamp, to out from offset 0.  0 with the octets
 * written in *size; -1 with errno: EINVAL when the file does not begin as an
 * mbox, ESTALE when it is shorter than stamp->size, EFBIG when it has more than
 * VIEW_MESSAGES_MAX messages, EIO when crypto fails, or what pread, write and
 * malloc say.
 *
 * When the file has only grown since known was made, as far as its last
 * message and a sample of the others tell, only what comes from there on is
 * read, and the view has known's file for its base.  Otherwise exact twins get
 * the numbers that they have there.
 */
int scan_mbox(const struct scan_job *job, uint64_t *size) MUST_CHECK;

/*
 * Read the one message that reaches from place to end as scan_mbox() would;
 * everything of *message is filled but twin.  -1 with errno as above; EINVAL
 * when no message begins there, or more than one.
 */
int scan_message(int file, uint64_t place, uint64_t end,
    const struct crypto *crypto, struct view_message *message) MUST_CHECK;

/*
 * Is line (without its line end) an envelope line: "From ", a sender, and a
 * date in one of the usual forms?
 */
bool envelope_check(const char *line, size_t length);

#endif
