/*
 * path.c - where a mailbox really is, looked at with the user's own rights.
 *
 * Locks and state must be found from the file itself, whatever name a login
 * came by (a dotlock of "/home/x/mbox" is of no use to those who deliver to
 * its target).  What is checked here may change before it is used; that gains
 * nobody anything: the last component is opened with O_NOFOLLOW and checked
 * again, and who can change the folders above it is root or the user.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

#define PATH_LINKS 16 /* symlinks followed before it is called a loop */

struct walk {
	char *done; /* canonical so far; "" is the root */
	size_t done_size;
	char rest[2 * CHANNEL_PATH]; /* still to go, from next */
	char *next;
	size_t ends[PATH_LINKS]; /* of open links: octets left at the target */
	size_t links;            /* followed so far */
	size_t depth;            /* of ends */
	const char *why;         /* a refusal, in words */
};

static bool
path_trusted(const struct stat *st)
{
	return st->st_uid == geteuid() || st->st_uid == 0;
}

/* Take the next component off the rest; false at its end. */
static bool
path_component(struct walk *walk, const char **name, size_t *length)
{
	while (*walk->next == '/')
		walk->next++;
	*name = walk->next;
	*length = strcspn(walk->next, "/");
	walk->next += *length;
	return *length != 0;
}

static int
path_push(struct walk *walk, const char *name, size_t length)
{
	size_t used = strlen(walk->done);

	if (length == 1 && name[0] == '.')
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.') {
		char *slash = strrchr(walk->done, '/');

		if (slash != NULL)
			*slash = '\0';
		return 0;
	}
	if (length + 2 > walk->done_size - used) {
		errno = ENAMETOOLONG;
		return -1;
	}
	walk->done[used] = '/';
	memcpy(walk->done + used + 1, name, length);
	walk->done[used + 1 + length] = '\0';
	return 0;
}

/* done is a symlink: what it says comes before the rest. */
static int
path_link(struct walk *walk, const struct stat *st)
{
	char target[CHANNEL_PATH], rest[sizeof(walk->rest)];
	ssize_t got;

	if (!path_trusted(st)) {
		walk->why = "a symlink of somebody else's";
		errno = EPERM;
		return -1;
	}
	if (walk->links == PATH_LINKS) {
		errno = ELOOP;
		return -1;
	}
	walk->links++;
	walk->ends[walk->depth++] = strlen(walk->next);
	got = readlink(walk->done, target, sizeof(target) - 1);
	if (got == -1)
		return -1;
	target[got] = '\0';
	if (text_print(rest, sizeof(rest), "%s%s", target, walk->next) == -1)
		return -1;
	memcpy(walk->rest, rest, strlen(rest) + 1);
	walk->next = walk->rest;
	if (target[0] == '/')
		walk->done[0] = '\0';
	else
		*strrchr(walk->done, '/') = '\0';
	return 0;
}

/* done has been reached: was it what a symlink led to? */
static int
path_reached(struct walk *walk, const struct stat *st)
{
	size_t left;

	walk->next += strspn(walk->next, "/");
	left = strlen(walk->next);
	while (walk->depth > 0 && left <= walk->ends[walk->depth - 1]) {
		walk->depth--;
		if (path_trusted(st))
			continue;
		walk->why = "a symlink to what is somebody else's";
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* One component; 1, 0 at the end of the path, -1 with errno. */
static int
path_step(struct walk *walk, bool *missing)
{
	const char *name;
	struct stat st;
	size_t length;

	if (!path_component(walk, &name, &length))
		return 0;
	if (path_push(walk, name, length) == -1)
		return -1;
	if (*missing)
		return 1;
	if (lstat(walk->done[0] == '\0' ? "/" : walk->done, &st) == -1) {
		if (errno != ENOENT)
			return -1;
		*missing = true;
		return 1;
	}
	if (S_ISLNK(st.st_mode))
		return path_link(walk, &st) == -1 ? -1 : 1;
	return path_reached(walk, &st) == -1 ? -1 : 1;
}

int
path_resolve(struct path *path, const char *name, struct mailbox_error *error)
{
	struct walk walk;
	bool missing = false, before;
	int more;

	memset(path, 0, sizeof(*path));
	memset(&walk, 0, sizeof(walk));
	walk.done = path->path;
	walk.done_size = sizeof(path->path);
	walk.next = walk.rest;
	if (name[0] != '/' ||
	    text_copy(walk.rest, CHANNEL_PATH, name, strlen(name)) == -1) {
		mailbox_fail(error, CODE_PERMANENT, "mailbox is not usable",
		    "%s: not an absolute path", name);
		return -1;
	}
	for (;;) {
		before = missing;
		more = path_step(&walk, &missing);
		if (more != 1)
			break;
		path->folder_missing = before;
	}
	if (more == -1) {
		mailbox_fail(error, mailbox_code(errno),
		    "mailbox is not usable", "%s: %s: %s", name, walk.done,
		    walk.why != NULL ? walk.why : strerror(errno));
		return -1;
	}
	path->name = strrchr(path->path, '/');
	if (path->name == NULL) {
		mailbox_fail(error, CODE_PERMANENT, "mailbox is not usable",
		    "%s: is a directory", name);
		return -1;
	}
	path->name++;
	return 0;
}

/* The folder as a string to dst; -1 with errno. */
static int
path_folder_name(const struct path *path, char dst[CHANNEL_PATH])
{
	return text_copy(
	    dst, CHANNEL_PATH, path->path, (size_t)(path->name - path->path));
}

int
path_folder(const struct path *path)
{
	char folder[CHANNEL_PATH];

	if (path_folder_name(path, folder) == -1)
		return -1;
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool
path_writable(const struct path *path)
{
	char folder[CHANNEL_PATH];

	return path_folder_name(path, folder) == 0 &&
	    faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}
