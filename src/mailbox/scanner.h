/*
 * scanner.h - reading a mailbox in a child that can do nothing else.
 */

#ifndef SCANNER_H
#define SCANNER_H

#include "kept.h"
#include "lock.h"

/*
 * Scan the locked file, as large as stamp says, into a new memory file, with
 * what known (an earlier view, or NULL) knows of it: *view, whose fd is the
 * caller's; its base, where it has one, is known's fd.  The lock is refreshed
 * meanwhile.  -1 with error; the lock is still held.
 */
int scanner_mbox(struct lock *lock, const struct view_stamp *stamp,
    const struct kept *known, struct view_parts *view,
    struct mailbox_error *error) MUST_CHECK;

/*
 * The one message between place and end of the locked file.  CODE_OK with
 * *message filled, CODE_CHANGED when there is none, else error's code.
 */
enum channel_code scanner_message(struct lock *lock, uint64_t place,
    uint64_t end, struct view_message *message, struct mailbox_error *error);

#endif
