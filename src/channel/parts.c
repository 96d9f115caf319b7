/*
 * parts.c - reading a view from the files that it stands in.
 *
 * Each is read, never mapped: a kept view is the user's file, and may be
 * truncated at any moment.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"

#define MESSAGE sizeof(struct view_message)

/* All of it, or -1 with errno. */
static int
parts_read(int fd, void *octets, uint64_t length, uint64_t offset)
{
	ssize_t n;

	if (length > SIZE_MAX / 2) {
		errno = EBADMSG;
		return -1;
	}
	n = pread_full(fd, octets, (size_t)length, offset);
	if (n == -1)
		return -1;
	if ((uint64_t)n == length)
		return 0;
	errno = EBADMSG;
	return -1;
}

/* Where names begin, after so many messages. */
static uint64_t
parts_names(uint32_t messages)
{
	return sizeof(struct view_head) + messages * (uint64_t)MESSAGE;
}

int
view_parts_open(struct view_parts *parts, int fd, int base)
{
	parts->fd = fd;
	parts->base = base;
	if (parts_read(fd, &parts->head, sizeof(parts->head), 0) == -1)
		return -1;
	if (view_head_valid(&parts->head) &&
	    (base != -1) ==
		(parts->head.base > 0 || parts->head.base_names > 0))
		return 0;
	errno = EBADMSG;
	return -1;
}

/* What comes behind the head, from both files. */
static int
parts_fill(const struct view_parts *parts, char *to)
{
	const struct view_head *head = &parts->head;
	uint64_t base = head->base * (uint64_t)MESSAGE;
	uint64_t own = (head->count - head->base) * (uint64_t)MESSAGE;
	uint64_t start = sizeof(*head);

	if (base > 0 && parts_read(parts->base, to, base, start) == -1)
		return -1;
	to += base;
	if (parts_read(parts->fd, to, own, start) == -1)
		return -1;
	to += own;
	if (head->base_names > 0 &&
	    parts_read(parts->base, to, head->base_names,
		parts_names(head->base)) == -1)
		return -1;
	to += head->base_names;
	return parts_read(
	    parts->fd, to, head->names_size - head->base_names, start + own);
}

void *
view_parts_load(const struct view_parts *parts, struct view *view)
{
	uint64_t size = view_size(&parts->head);
	struct view_head *head;

	head = size > SIZE_MAX / 2 ? NULL : malloc((size_t)size);
	if (head == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (parts_read(parts->fd, head, sizeof(*head), 0) == 0 &&
	    memcmp(head, &parts->head, sizeof(*head)) == 0 &&
	    parts_fill(parts, (char *)(head + 1)) == 0 &&
	    view_init(view, head, (size_t)size) == 0)
		return head;
	free(head);
	errno = EBADMSG;
	return NULL;
}

int
view_parts_message(const struct view_parts *parts, uint32_t index,
    struct view_message *message)
{
	const struct view_head *head = &parts->head;
	bool base = index < head->base;

	if (index >= head->count) {
		errno = EBADMSG;
		return -1;
	}
	return parts_read(base ? parts->base : parts->fd, message, MESSAGE,
	    parts_names(base ? index : index - head->base));
}

int
view_parts_name(
    const struct view_parts *parts, uint64_t place, char *name, size_t size)
{
	const struct view_head *head = &parts->head;
	bool base = place < head->base_names;
	uint64_t at;
	ssize_t n;

	errno = EBADMSG;
	if (place >= head->names_size)
		return -1;
	at = base ?
	    parts_names(head->base) + place :
	    parts_names(head->count - head->base) + place - head->base_names;
	n = pread_full(base ? parts->base : parts->fd, name, size, at);
	if (n <= 0 || memchr(name, '\0', (size_t)n) == NULL) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

void
view_parts_close(struct view_parts *parts)
{
	if (parts->fd != -1)
		close(parts->fd);
	if (parts->base != -1)
		close(parts->base);
	parts->fd = parts->base = -1;
}
