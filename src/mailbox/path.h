/*
 * path.h - where a mailbox really is.
 */

#ifndef PATH_H
#define PATH_H

#include "error.h"

struct path {
	char path[CHANNEL_PATH]; /* absolute, no symlink, no "." or ".." */
	const char *name;        /* its last component; within path */
	bool folder_missing;     /* path goes on below what does not exist */
};

/*
 * Follow the symlinks of path (absolute) that the user or root made and
 * whose target is the user's or root's; refuse every other.  A path that
 * does not exist is resolved as far as it goes.  0, or -1 with error.
 */
int path_resolve(struct path *path, const char *name,
    struct mailbox_error *error) MUST_CHECK;

/* An O_PATH descriptor of the folder that path is in; -1 with errno. */
int path_folder(const struct path *path) MUST_CHECK;

/* May we, with our effective ids, make files in the folder? */
bool path_writable(const struct path *path) MUST_CHECK;

#endif
