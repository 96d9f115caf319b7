/*
 * session_files.c - the calls that change files, or move octets: part of what
 * session_preload.h describes.
 */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "session_next.h"
#include "session_preload.h"

static size_t
length_of(const struct hit *hit, size_t length)
{
	return hit_short(hit) && length > 1 ? length / 2 : length;
}

static int
opened(int folder, const char *path, int flags, mode_t mode, bool at)
{
	bool create = (flags & O_CREAT) != 0, there = false;
	struct stat st;
	struct hit hit;
	int fd;

	if (hit_begin(&hit,
		create ? CALL_create :
		    at ? CALL_openat :
			 CALL_open))
		return -1;
	if (create && session_shared != NULL && session_shared->log)
		there =
		    next.fstatat(folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = next.openat(folder, path, flags, mode);
	if (fd != -1 && create && !there)
		log_create(folder, path, fd);
	return hit_end(&hit) ? -1 : fd;
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return opened(AT_FDCWD, path, flags, mode, false);
}

int
openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return opened(folder, path, flags, mode, true);
}

/* The compiler's open() where it sees the flags. */
int
__open_2(const char *path, int flags)
{
	return opened(AT_FDCWD, path, flags, 0, false);
}

ssize_t
read(int fd, void *p, size_t length)
{
	struct hit hit;
	ssize_t n;

	if (hit_begin(&hit, CALL_read))
		return -1;
	n = next.read(fd, p, length_of(&hit, length));
	return hit_end(&hit) ? -1 : n;
}

ssize_t
pread(int fd, void *p, size_t length, off_t offset)
{
	struct hit hit;
	ssize_t n;

	if (hit_begin(&hit, CALL_pread))
		return -1;
	n = next.pread(fd, p, length_of(&hit, length), offset);
	return hit_end(&hit) ? -1 : n;
}

ssize_t
write(int fd, const void *p, size_t length)
{
	struct hit hit;
	ssize_t n;

	if (hit_begin(&hit, CALL_write))
		return -1;
	n = next.write(fd, p, length_of(&hit, length));
	if (n > 0 && fd > STDERR_FILENO && !hit.inner)
		log_write(fd, p, (size_t)n, -1);
	return hit_end(&hit) ? -1 : n;
}

ssize_t
pwrite(int fd, const void *p, size_t length, off_t offset)
{
	struct hit hit;
	ssize_t n;

	if (hit_begin(&hit, CALL_pwrite))
		return -1;
	n = next.pwrite(fd, p, length_of(&hit, length), offset);
	if (n > 0)
		log_write(fd, p, (size_t)n, offset);
	return hit_end(&hit) ? -1 : n;
}

/* Half of what goes to the client; a record goes whole or not at all. */
ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr some = *message;
	struct iovec first = message->msg_iov[0];
	struct hit hit;
	ssize_t n;

	if (hit_begin(&hit, CALL_sendmsg))
		return -1;
	if (fd == STDOUT_FILENO) {
		first.iov_len = length_of(&hit, first.iov_len);
		some.msg_iov = &first;
		some.msg_iovlen = 1;
	}
	n = next.sendmsg(fd, &some, flags);
	if (n > 0 && fd == STDOUT_FILENO)
		log_reply(first.iov_base, (size_t)n);
	return hit_end(&hit) ? -1 : n;
}

int
ftruncate(int fd, off_t size)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_ftruncate))
		return -1;
	result = next.ftruncate(fd, size);
	if (result == 0)
		log_truncate(fd, (uint64_t)size);
	return hit_end(&hit) ? -1 : result;
}

/* A file that has become longer by what was allocated. */
static void
log_longer(int fd, off_t end)
{
	struct stat st;
	int error = errno;

	if (session_shared != NULL && session_shared->log &&
	    !session_closed_in && next.fstat(fd, &st) == 0 && st.st_size == end)
		log_truncate(fd, (uint64_t)end);
	errno = error;
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_posix_fallocate))
		return errno;
	result = next.posix_fallocate(fd, offset, length);
	if (result == 0)
		log_longer(fd, offset + length);
	return hit_end(&hit) ? errno : result;
}

int
fallocate(int fd, int mode, off_t offset, off_t length)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_fallocate))
		return -1;
	result = next.fallocate(fd, mode, offset, length);
	if (result == 0)
		log_longer(fd, offset + length);
	return hit_end(&hit) ? -1 : result;
}

/* A sync that failed may have lost what it was to save; one that was
 * interrupted was not tried. */
static int
synced(enum session_call call, int fd, int (*sync)(int))
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, call)) {
		if (errno != EINTR)
			log_sync(fd, true);
		return -1;
	}
	result = sync(fd);
	log_sync(fd, result != 0);
	return hit_end(&hit) ? -1 : result;
}

int
fsync(int fd)
{
	return synced(CALL_fsync, fd, next.fsync);
}

int
fdatasync(int fd)
{
	return synced(CALL_fdatasync, fd, next.fdatasync);
}

int
fcntl(int fd, int what, ...)
{
	enum session_call call = CALL_lock;
	struct hit hit;
	va_list ap;
	void *argument;
	int result;

	va_start(ap, what);
	argument = va_arg(ap, void *);
	va_end(ap);
	if (what == F_DUPFD_CLOEXEC || what == F_DUPFD)
		call = CALL_duplicate;
	if (what == F_ADD_SEALS)
		call = CALL_seal;
	if (hit_begin(&hit, call))
		return -1;
	result = next.fcntl(fd, what, argument);
	return hit_end(&hit) ? -1 : result;
}

int
unlinkat(int folder, const char *name, int flags)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_unlinkat))
		return -1;
	result = next.unlinkat(folder, name, flags);
	if (result == 0)
		log_names(OP_UNLINK, folder, name, -1, NULL);
	return hit_end(&hit) ? -1 : result;
}

int
renameat(int from, const char *name, int to, const char *other)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_renameat))
		return -1;
	result = next.renameat(from, name, to, other);
	if (result == 0)
		log_names(OP_RENAME, from, name, to, other);
	return hit_end(&hit) ? -1 : result;
}

int
renameat2(int from, const char *name, int to, const char *other, unsigned flags)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_renameat2))
		return -1;
	result = next.renameat2(from, name, to, other, flags);
	if (result == 0)
		log_names(OP_RENAME, from, name, to, other);
	return hit_end(&hit) ? -1 : result;
}

int
linkat(int from, const char *name, int to, const char *other, int flags)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_linkat))
		return -1;
	result = next.linkat(from, name, to, other, flags);
	if (result == 0)
		log_names(OP_LINK, from, name, to, other);
	return hit_end(&hit) ? -1 : result;
}

int
mkdirat(int folder, const char *name, mode_t mode)
{
	struct hit hit;
	int result;

	if (hit_begin(&hit, CALL_mkdirat))
		return -1;
	result = next.mkdirat(folder, name, mode);
	if (result == 0)
		log_names(OP_MKDIR, folder, name, -1, NULL);
	return hit_end(&hit) ? -1 : result;
}
