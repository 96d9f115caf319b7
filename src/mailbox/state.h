/*
 * state.h - the session lock, and where journals are.
 */

#ifndef STATE_H
#define STATE_H

#include "error.h"
#include "path.h"

#define STATE_NAME 240 /* octets of an escaped path, without NUL */
#define STATE_FILE (STATE_NAME + 16) /* with a suffix and the NUL */
#define STATE_PLACES 2
#define STATE_JOURNAL ".journal" /* suffix of a journal's name */
#define STATE_RESERVE "reserve"  /* in a place; no mailbox has that name */

/* One folder of state. */
struct state_place {
	int folder;                /* a descriptor of ours */
	int lock;                  /* of the session lock, held; -1: not made */
	char name[STATE_NAME + 1]; /* the mailbox's; to it come suffixes */
};

/*
 * place[0] is where this session puts what it makes.  Every place may hold a
 * journal.  Without a place, or without the first one's lock, nothing may be
 * changed.
 */
struct state {
	struct state_place place[STATE_PLACES];
	size_t count;
};

/*
 * Take the session lock of the mailbox at path, which is in directory.
 * folder: the user's state folder or -1; stays the caller's.  CODE_OK, with a
 * warning in error when it cannot be locked (see state_writable()); else
 * CODE_IN_USE or CODE_TEMPORARY with error filled, and nothing is held.
 */
enum channel_code state_open(struct state *state, int folder, int directory,
    const struct path *path, const char *peer, struct mailbox_error *error);

bool state_writable(const struct state *state);

/* The name of a place's file with this suffix (".journal"). */
void state_file(
    const struct state_place *place, const char *suffix, char dst[STATE_FILE]);

/* Gives the session lock back. */
void state_close(struct state *state);

#endif
