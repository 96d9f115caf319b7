/*
 * tool_update.c - one change of the file; the order of its steps is in
 * update.h.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "update.h"

#define LOCK_TRIES 600 /* a tenth of a second each */
#define OUT_SIZE 65536 /* octets gathered for a write */

/* The new file on its way to the disk. */
struct out {
	int fd;
	size_t used;
	char octets[OUT_SIZE];
};

FORMAT(3, 4)
static int
update_fail(struct update *u, const char *suffix, const char *format, ...)
{
	char why[UPDATE_TROUBLE];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(why, sizeof(why), format, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	text_cut(
	    u->trouble, sizeof(u->trouble), "%s%s: %s", u->file, suffix, why);
	return -1;
}

/* Its name in the folder, and the folder's own path. */
static int
update_place(struct update *u, const char *file, char folder[PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	const char *name = slash == NULL ? file : slash + 1;
	size_t length = slash == NULL ? 0 : (size_t)(slash - file);

	/* The longest of its names is NAME.lock. */
	if (name[0] == '\0' || strlen(name) + strlen(".lock") > NAME_MAX ||
	    text_copy(u->name, sizeof(u->name), name, strlen(name)) == -1 ||
	    text_print(folder, PATH_MAX, "%.*s", (int)length, file) == -1) {
		text_cut(u->trouble, sizeof(u->trouble),
		    "%.200s: not the name of a file", file);
		return -1;
	}
	if (slash == NULL)
		text_cut(folder, PATH_MAX, ".");
	else if (length == 0)
		text_cut(folder, PATH_MAX, "/");
	return 0;
}

/*
 * Whoever else may change the folder could put another file in the place of
 * this one.
 */
static int
update_folder(struct update *u, const char *folder, bool create)
{
	const char *why = NULL;
	struct stat st;

	if (create && mkdir(folder, 0755) == 0 && chmod(folder, 0755) == -1)
		why = strerror(errno);
	u->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->folder == -1 || fstat(u->folder, &st) == -1)
		why = strerror(errno);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		why = "the folder belongs to somebody else";
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		why = "others may write to the folder";
	if (why == NULL)
		return 0;
	text_cut(u->trouble, sizeof(u->trouble), "%.200s: %s", folder, why);
	return -1;
}

static int
update_lock(struct update *u)
{
	const struct timespec tenth = {0, 100000000};
	char name[NAME_MAX + 1];
	struct stat st;
	int tries;

	text_cut(name, sizeof(name), "%s.lock", u->name);
	u->lock = openat(u->folder, name,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
	    0600);
	if (u->lock == -1 || fstat(u->lock, &st) == -1)
		return update_fail(u, ".lock", "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return update_fail(u, ".lock", "it is somebody else's");
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(u->lock, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		(void)nanosleep(&tenth, NULL);
	}
	return update_fail(u, ".lock", "%s",
	    tries == LOCK_TRIES ? "another change goes on" : strerror(errno));
}

int
update_begin(struct update *u, const char *file, bool create)
{
	char folder[PATH_MAX];

	memset(u, 0, sizeof(*u));
	u->folder = u->lock = -1;
	u->file = file;
	if (update_place(u, file, folder) == -1 ||
	    update_folder(u, folder, create) == -1 || update_lock(u) == -1)
		return -1;
	u->there = database_open(&u->old, u->folder, u->name) == 0;
	if (!u->there)
		return errno == ENOENT ?
		    0 :
		    update_fail(u, "", "%s", mailauth_trouble(errno));
	/* A line without its end would become one with the next. */
	if (u->old.text[u->old.length - 1] != '\n')
		return update_fail(u, "", "%s", mailauth_trouble(EBADMSG));
	return 0;
}

void
update_end(struct update *u)
{
	if (u->there)
		database_close(&u->old);
	if (u->lock != -1)
		(void)close(u->lock);
	if (u->folder != -1)
		(void)close(u->folder);
}

static int
out_flush(struct out *out)
{
	size_t used = out->used;

	out->used = 0;
	return write_full(out->fd, out->octets, used);
}

static int
out_put(struct out *out, const char *text, size_t length)
{
	if (length > sizeof(out->octets) - out->used && out_flush(out) == -1)
		return -1;
	if (length > sizeof(out->octets))
		return write_full(out->fd, text, length);
	memcpy(out->octets + out->used, text, length);
	out->used += length;
	return 0;
}

int
edit_compare(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	return name_compare(x->line, y->line);
}

/* Put one edit, and before it what was there since the last; *at moves on. */
static int
out_edit(struct out *out, const struct database *old, size_t *at,
    const struct edit *edit)
{
	ssize_t length;
	size_t place;
	int found;

	found = database_seek(old, edit->line, &place);
	if (found == -1)
		return -1;
	if (place < *at) {
		errno = EBADMSG;
		return -1;
	}
	if (out_put(out, old->text + *at, place - *at) == -1)
		return -1;
	if (found == 1) {
		length = database_line(old, place);
		if (length == -1)
			return -1;
		place += (size_t)length + 1;
	}
	*at = place;
	return edit->remove ? 0 : out_put(out, edit->line, strlen(edit->line));
}

static int
out_all(struct out *out, const struct database *old, const struct edit *edits,
    size_t count)
{
	size_t i, at = DATABASE_HEADER;

	if (out_put(out, old->text, DATABASE_HEADER) == -1)
		return -1;
	for (i = 0; i < count; i++) {
		if (out_edit(out, old, &at, &edits[i]) == -1)
			return -1;
	}
	if (out_put(out, old->text + at, old->length - at) == -1)
		return -1;
	return out_flush(out);
}

/* name, whole and on the disk, or not there. */
static int
update_new(const struct update *u, const char *name, const struct database *old,
    const struct edit *edits, size_t count)
{
	struct out out;
	int error;

	if (unlinkat(u->folder, name, 0) == -1 && errno != ENOENT)
		return -1;
	out.used = 0;
	out.fd = openat(u->folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out.fd == -1)
		return -1;
	if (out_all(&out, old, edits, count) == 0 && fsync(out.fd) == 0) {
		explicit_bzero(&out.octets, sizeof(out.octets));
		if (close(out.fd) == 0)
			return 0;
		out.fd = -1;
	}
	error = errno;
	explicit_bzero(&out.octets, sizeof(out.octets));
	if (out.fd != -1)
		(void)close(out.fd);
	(void)unlinkat(u->folder, name, 0);
	errno = error;
	return -1;
}

int
update_write(struct update *u, const struct edit *edits, size_t count)
{
	char name[NAME_MAX + 1], header[DATABASE_HEADER + 1];
	struct database old = u->old;
	int error;

	if (!u->there) {
		database_header(header);
		old.text = header;
		old.length = DATABASE_HEADER;
	}
	text_cut(name, sizeof(name), "%s.new", u->name);
	if (update_new(u, name, &old, edits, count) == -1)
		return errno == EBADMSG ?
		    update_fail(u, "", "%s", mailauth_trouble(EBADMSG)) :
		    update_fail(u, ".new", "%s", strerror(errno));
	if (renameat(u->folder, name, u->folder, u->name) == -1) {
		error = errno;
		(void)unlinkat(u->folder, name, 0);
		return update_fail(u, ".new", "%s", strerror(error));
	}
	if (fsync(u->folder) == -1)
		return update_fail(u, "",
		    "it is changed, but a crash may undo that: %s",
		    strerror(errno));
	return 0;
}
