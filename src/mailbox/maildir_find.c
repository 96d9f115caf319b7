/*
 * maildir_find.c - where a message's file is, and opening it for the front.
 *
 * Readers rename: from new/ to cur/, and for every flag.  The base name stays,
 * so that is looked for when the name of the view is not there any more.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"

#define FIND_TRIES 3 /* listing while others rename */

/*
 * By pread from the view's file, which costs an idle session no memory.  A
 * kept one is the user's and may have changed: the name is looked at again.
 */
int
maildir_place_get(
    const struct maildir *md, uint32_t index, struct maildir_place *place)
{
	struct view_message m;

	if (view_parts_message(&md->view, index, &m) == -1)
		return -1;
	place->folder = (m.flags & VIEW_NEW) != 0 ? MAILDIR_NEW : MAILDIR_CUR;
	if (view_parts_name(
		&md->view, m.place, place->name, sizeof(place->name)) == -1)
		return -1;
	if (place->name[0] == '.' || place->name[0] == '\0' ||
	    strchr(place->name, '/') != NULL) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int
maildir_now(struct maildir *md)
{
	DIR *folders[MAILDIR_FOLDERS] = {NULL};
	int i, fd, number, result = 0;

	for (i = 0; i < MAILDIR_FOLDERS && result == 0; i++) {
		fd = openat(md->root, maildir_folders[i], MAILDIR_FOLDER_FLAGS);
		if (fd == -1 && errno == ENOENT)
			continue;
		if (fd != -1 && md->folder[i] == -1)
			md->folder[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		folders[i] = fd == -1 ? NULL : fdopendir(fd);
		if (folders[i] == NULL)
			result = -1;
	}
	if (result == 0)
		result = maildir_list_read(&md->now, folders, FIND_TRIES);
	number = errno;
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (folders[i] != NULL)
			(void)closedir(folders[i]);
	errno = number;
	return result;
}

/* Is the message before or behind index one of the same base name? */
static bool
place_twins(
    const struct maildir *md, uint32_t index, const struct maildir_place *place)
{
	size_t base = strcspn(place->name, ":");
	struct maildir_place other;
	int step;

	for (step = -1; step <= 1; step += 2)
		if ((step > 0 || index > 0) &&
		    maildir_place_get(md, index + (uint32_t)step, &other) ==
			0 &&
		    strcspn(other.name, ":") == base &&
		    memcmp(other.name, place->name, base) == 0)
			return true;
	return false;
}

int
maildir_place_find(
    const struct maildir *md, uint32_t index, struct maildir_place *place)
{
	const struct maildir_entry *e;
	struct view_message m;
	uint32_t count, i;

	if (view_parts_message(&md->view, index, &m) == -1 ||
	    maildir_place_get(md, index, place) == -1)
		return -1;
	e = maildir_list_find(&md->now, place->name, &count);
	if (e == NULL)
		return 0;
	/* A rename keeps the inode: with twins only that tells. */
	for (i = 0; i < count && e[i].inode != m.check; i++)
		continue;
	if (i == count) {
		if (count > 1 || place_twins(md, index, place))
			return -1;
		i = 0;
	}
	place->folder = e[i].folder;
	memcpy(place->name, e[i].name, e[i].is.length + 1U);
	return 1;
}

/* A regular file of the user's; -1 with errno. */
static int
place_open(const struct maildir *md, const struct maildir_place *place)
{
	int fd, number = EPERM;
	struct stat st;

	errno = ENOENT;
	if (md->folder[place->folder] == -1)
		return -1;
	fd = openat(md->folder[place->folder], place->name,
	    O_RDONLY | MAILDIR_FILE_FLAGS);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		number = errno;
	else if (S_ISREG(st.st_mode) && st.st_uid == geteuid())
		return fd;
	close(fd);
	errno = number;
	return -1;
}

/* Where the last listing has it, then where a new one has it. */
static int
message_open(struct maildir *md, uint32_t index, bool *listed)
{
	struct maildir_place place;
	int fd;

	if (maildir_place_get(md, index, &place) == -1)
		return -1;
	fd = place_open(md, &place);
	if (fd != -1 || errno != ENOENT)
		return fd;
	if (md->now.count > 0 && maildir_place_find(md, index, &place) == 1) {
		fd = place_open(md, &place);
		if (fd != -1 || errno != ENOENT)
			return fd;
	}
	if (!*listed) {
		*listed = true;
		if (maildir_now(md) == -1)
			return -1;
		if (maildir_place_find(md, index, &place) == 1)
			return place_open(md, &place);
	}
	errno = ENOENT;
	return -1;
}

size_t
maildir_messages(struct mailbox *mb, uint32_t first, uint32_t count,
    int *descriptors, struct mailbox_error *error)
{
	struct maildir *md = mb->own;
	bool listed = false;
	uint32_t n;

	for (n = 0; n < count; n++) {
		descriptors[n] = message_open(md, first + n, &listed);
		if (descriptors[n] == -1)
			break;
	}
	if (n > 0)
		return n;
	if (errno == ENOENT)
		mailbox_fail(error, CODE_CHANGED,
		    "another program has removed this message",
		    "%s: message %lu is not there any more", md->path.path,
		    (unsigned long)first + 1);
	else
		mailbox_fail(error, mailbox_code(errno),
		    "this message cannot be read", "%s: message %lu: %s",
		    md->path.path, (unsigned long)first + 1, strerror(errno));
	return 0;
}
