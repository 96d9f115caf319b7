/*
 * update.h - changing the database of mailauth(8): under its lock, by one
 * atomic replacement.
 *
 * FILE.lock is made once and never removed; a change holds flock(2) on it.
 * FILE.new is written whole and synced, renamed to FILE, and the folder synced.
 * Whatever fails, or is killed, before the rename leaves FILE as it was; a
 * FILE.new that is left over means nothing and goes with the next change.
 */

#ifndef MAILAUTH_UPDATE_H
#define MAILAUTH_UPDATE_H

#include <limits.h>

#include "database.h"

#define UPDATE_TROUBLE 512

struct update {
	const char *file; /* the caller's */
	int folder, lock;
	char name[NAME_MAX + 1];      /* of the file, in its folder */
	bool there;                   /* is it, so far? */
	struct database old;          /* while there */
	char trouble[UPDATE_TROUBLE]; /* after a failure: what, for people */
};

/* A user's new line, or the end of one: line is "NAME:" then. */
struct edit {
	char *line;
	bool remove;
	size_t number; /* the caller's */
};

/*
 * Take the lock and map what there is; a file that is not there is no failure,
 * and its folder is made where create.  0, or -1 with trouble; update_end() is
 * due in both cases.
 */
int
update_begin(struct update *update, const char *file, bool create) MUST_CHECK;

/*
 * Replace the file by one with these edits in it, which have different names
 * and are sorted by edit_compare().  0: it is on the disk; -1 with trouble.
 */
int update_write(
    struct update *update, const struct edit *edits, size_t count) MUST_CHECK;

void update_end(struct update *update);

/* Of two struct edit, for qsort(3). */
int edit_compare(const void *a, const void *b);

#endif
