/*
 * child.h - a child that reads a mailbox for us, and what it says.
 */

#ifndef CHILD_H
#define CHILD_H

#include "kept.h"
#include "lock.h"

/*
 * Run work in a child of this process, which never returns but ends with
 * child_end(), and wait for its result of size octets.  lock (or NULL) is
 * refreshed meanwhile.  0; -1 with errno (EIO: it ended without a result), and
 * how it ended in *status, as waitpid() has it; 0: there was none.
 */
int child_run(void (*work)(const void *job, int to), const void *job,
    struct lock *lock, void *result, size_t size, int *status) MUST_CHECK;

/* In the child: its result to the pipe; a parent that has gone needs none. */
_Noreturn void child_end(int to, const void *result, size_t size);

/*
 * The view of this format that the child wrote to out, and to known's file
 * what of it was known.  -1 with errno EBADMSG when it is none.
 */
int child_view(int out, const struct kept *known, enum view_format format,
    struct view_parts *view) MUST_CHECK;

#endif
