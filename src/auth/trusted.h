/*
 * trusted.h - files that say who may log in: passwd-file, access-file, lists
 * of users.  Verifier and -n only.
 */

#ifndef TRUSTED_H
#define TRUSTED_H

#include "base.h"
#include "channel.h"

struct trusted {
	const char *path; /* the caller's */
	char *text;       /* and a NUL */
	size_t length;
	size_t at;       /* where the next line begins */
	unsigned number; /* of the line that was got last, from 1 */
};

/*
 * Read such a file whole, of most octets.  0, and trusted_free() is due; -1
 * with a sentence for the log in why: it cannot be read, is no regular file,
 * or is one that everybody, or with root's rights its group, may write.
 */
int trusted_read(struct trusted *file, const char *path, size_t most,
    char why[CHANNEL_TEXT]) MUST_CHECK;

/*
 * Its next line that is more than blanks and a comment, both cut off, in place.
 * 1; 0 after the last; -1 with "PATH:LINE: ..." in why for control characters.
 */
int trusted_line(
    struct trusted *file, char **line, char why[CHANNEL_TEXT]) MUST_CHECK;

/* Wipe and free it. */
void trusted_free(struct trusted *file);

#endif
