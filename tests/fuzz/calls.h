/*
 * calls.h - calls of the C library that fail from one of them on, as after a
 * kill, or once; and no disk to wait for.
 */

#ifndef CALLS_H
#define CALLS_H

#include <sanitizer/asan_interface.h>
#include <sys/types.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

struct calls {
	long left; /* so many succeed; -1: all */
	bool once; /* only one fails, and then those after so many: */
	long next; /* or none: -1 */
	bool half; /* a write that fails has written half */
	int error;
};

static struct calls calls = {.left = -1};

/* ISO C has no way from what dlsym() returns to a function. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (next == NULL) \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

static bool
calls_fail(void)
{
	if (calls.left == -1)
		return false;
	if (calls.left > 0) {
		calls.left--;
		return false;
	}
	if (calls.once)
		calls.left = calls.next;
	calls.once = false;
	errno = calls.error;
	return true;
}

/* These two are past the sanitizer's own, so look for it. */
ssize_t
pread(int fd, void *p, size_t length, off_t offset)
{
	NEXT(pread);

	MUST(__asan_region_is_poisoned(p, length) == NULL);
	return calls_fail() ? -1 : next(fd, p, length, offset);
}

ssize_t
pwrite(int fd, const void *p, size_t length, off_t offset)
{
	NEXT(pwrite);

	MUST(__asan_region_is_poisoned((void *)(uintptr_t)p, length) == NULL);
	if (!calls_fail())
		return next(fd, p, length, offset);
	if (calls.half)
		(void)!next(fd, p, length / 2, offset);
	errno = calls.error;
	return -1;
}

int
fsync(int fd)
{
	(void)fd;
	return calls_fail() ? -1 : 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return calls_fail() ? -1 : 0;
}

int
ftruncate(int fd, off_t size)
{
	NEXT(ftruncate);

	return calls_fail() ? -1 : next(fd, size);
}

int
openat(int folder, const char *path, int flags, ...)
{
	NEXT(openat);
	mode_t mode = 0;
	va_list ap;

	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return calls_fail() ? -1 : next(folder, path, flags, mode);
}

int
unlinkat(int folder, const char *path, int flags)
{
	NEXT(unlinkat);

	return calls_fail() ? -1 : next(folder, path, flags);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	NEXT(renameat);

	return calls_fail() ? -1 : next(from, old, to, new);
}

#endif
