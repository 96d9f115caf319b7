/*
 * error.h - filling a struct mailbox_error: the rooms' modules do not log,
 * they say what the back shall log once no lock is held.
 */

#ifndef ERROR_H
#define ERROR_H

#include "mailbox.h"

/* Fill all of error; format is the line for the log. */
void mailbox_fail(struct mailbox_error *error, enum channel_code code,
    const char *text, const char *format, ...) FORMAT(4, 5);

/* Add a line for the log to what is there, and leave the rest. */
void
mailbox_warn(struct mailbox_error *error, const char *format, ...) FORMAT(2, 3);

/* Octets that are not printable ASCII become '?'. */
void mailbox_clean(char *text);

/*
 * What to tell of an errno that a system call on the mailbox left: one that
 * the administrator must mend, or one that may be gone the next time?
 */
enum channel_code mailbox_code(int number);

#endif
