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
#include "view.h"

/*
 * Read stamp->size octets of file (from offset 0, by pread) as an mbox, and
 * write its view, with this stamp, to out from offset 0.  0 with the view's
 * size in *size; -1 with errno: EINVAL when the file does not begin as an
 * mbox, ESTALE when it is shorter than stamp->size, EFBIG when it has more than
 * VIEW_MESSAGES_MAX messages, EIO when crypto fails, or what pread, write and malloc say.
 */
int scan_mbox(int file, const struct view_stamp *stamp,
    const struct crypto *crypto, int out, uint64_t *size) MUST_CHECK;

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
