/*
 * world.h - for targets that work on files: the input's numbers, a folder,
 * and no chance, so that a find is one again.
 */

#ifndef WORLD_H
#define WORLD_H

#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

struct input {
	const uint8_t *p;
	size_t left;
};

/* So many octets as a number, the least first; behind the end are zeros. */
static uint64_t
take(struct input *in, unsigned octets)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < octets && in->left > 0; i++, in->left--)
		n |= (uint64_t)*in->p++ << (8 * i);
	return n;
}

/* A number of 0..most, from three octets. */
static uint64_t
take_most(struct input *in, uint64_t most)
{
	return take(in, 3) % (most + 1);
}

static uint64_t
chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* In place of the C library's, for platform_random(). */
ssize_t
getrandom(void *dst, size_t length, unsigned flags)
{
	static uint64_t state = 88172645463325252U;

	(void)flags;
	for (size_t i = 0; i < length; i++)
		((uint8_t *)dst)[i] = (uint8_t)chance(&state);
	return (ssize_t)length;
}

static char folder_path[200];

static void
folder_remove(void)
{
	(void)rmdir(folder_path);
}

/* A descriptor of a folder of our own; run says where, and cleans up. */
static int
folder_open(void)
{
	const char *where = getenv("TMPDIR");
	int folder;

	(void)snprintf(folder_path, sizeof(folder_path), "%s/pop3d-fuzz.XXXXXX",
	    where == NULL ? "/tmp" : where);
	MUST(mkdtemp(folder_path) != NULL && atexit(folder_remove) == 0);
	folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(folder != -1);
	return folder;
}

/* A file with these octets. */
static void
file_put(int folder, const char *name, const void *octets, size_t size)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	MUST(fd != -1 && pwrite_full(fd, octets, size, 0) == 0);
	close(fd);
}

/* All octets of a file, for the caller to free; NULL: there is none. */
static void *
file_get(int folder, const char *name, size_t *size)
{
	int fd = openat(folder, name, O_RDONLY);
	off_t end;
	void *octets;

	if (fd == -1)
		return NULL;
	end = lseek(fd, 0, SEEK_END);
	MUST(end != -1);
	*size = (size_t)end;
	octets = malloc(*size + 1);
	MUST(pread_full(fd, octets, *size, 0) == (ssize_t)*size);
	close(fd);
	return octets;
}

#endif
