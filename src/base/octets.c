/*
 * octets.c - bounded texts, and reading and writing all of it.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

int
text_copy(char *dst, size_t size, const char *src, size_t length)
{
	if (length >= size) {
		if (size > 0)
			dst[0] = '\0';
		errno = ENAMETOOLONG;
		return -1;
	}
	if (length > 0)
		memcpy(dst, src, length);
	dst[length] = '\0';
	return 0;
}

int
text_print(char *dst, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(dst, size, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

void
text_cut(char *dst, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(dst, size, format, ap) < 0)
		dst[0] = '\0';
	va_end(ap);
}

bool
octets_equal(const void *a, const void *b, size_t length)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned differ = 0;
	size_t i;

	for (i = 0; i < length; i++)
		differ |= (unsigned)(x[i] ^ y[i]);
	return differ == 0;
}

ssize_t
read_full(int fd, void *dst, size_t length)
{
	size_t got = 0;
	ssize_t n;

	while (got < length) {
		n = read(fd, (char *)dst + got, length - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t
pread_full(int fd, void *dst, size_t length, uint64_t offset)
{
	size_t got = 0;
	ssize_t n;

	while (got < length) {
		n = pread(
		    fd, (char *)dst + got, length - got, (off_t)(offset + got));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
write_full(int fd, const void *src, size_t length)
{
	size_t put = 0;
	ssize_t n;

	while (put < length) {
		n = write(fd, (const char *)src + put, length - put);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		put += (size_t)n;
	}
	return 0;
}

int
pwrite_full(int fd, const void *src, size_t length, uint64_t offset)
{
	size_t put = 0;
	ssize_t n;

	while (put < length) {
		n = pwrite(fd, (const char *)src + put, length - put,
		    (off_t)(offset + put));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		put += (size_t)n;
	}
	return 0;
}

int
folder_entry_sync(int folder)
{
	int above, result, error;

	above = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above == -1) {
		if (errno != EACCES)
			return -1;
		/* It may be entered, not read; it happens once a folder. */
		sync();
		return 0;
	}
	do
		result = fsync(above);
	while (result == -1 && errno == EINTR);
	/* Some file systems cannot sync a folder: no more to be had. */
	if (result == -1 && errno == EINVAL)
		result = 0;
	error = errno;
	(void)close(above);
	errno = error;
	return result;
}

char *
file_read(const char *path, size_t most, size_t *length)
{
	struct stat st;
	char *text = NULL;
	ssize_t n;
	int fd, error;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		goto out;
	}
	if ((uintmax_t)st.st_size > most) {
		errno = EFBIG;
		goto out;
	}
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		goto out;
	n = read_full(fd, text, (size_t)st.st_size);
	if (n == -1) {
		error = errno;
		free(text);
		text = NULL;
		errno = error;
		goto out;
	}
	text[n] = '\0';
	*length = (size_t)n;
out:
	error = errno;
	(void)close(fd);
	errno = error;
	return text;
}
