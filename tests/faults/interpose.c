/*
 * interpose.c - see interpose.h.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interpose.h"

struct fault_state *fault_state;

/* ISO C has no way from what dlsym() returns to a function. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (next == NULL) \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

static void
fault_die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

/* Count this call; is it the one, and what is to be done? */
static enum fault_kind
fault_hit(const char *name)
{
	struct fault_state *s = fault_state;

	if (s == NULL || (s->match != NULL && strstr(name, s->match) == NULL))
		return FAULT_NONE;
	if (++s->calls != s->at &&
	    !(s->persist && s->at > 0 && s->calls > s->at))
		return FAULT_NONE;
	if (s->calls == s->at)
		(void)snprintf(s->name, sizeof(s->name), "%s", name);
	if (s->kind == FAULT_BEFORE)
		fault_die();
	if (s->kind == FAULT_ERROR)
		errno = s->error;
	return s->kind;
}

static struct fault_op *
fault_log(enum fault_op_kind kind, int fd)
{
	static struct fault_op none;
	struct fault_op *op;
	struct stat st;
	int error = errno;

	if (fault_state == NULL || !fault_state->log)
		return &none;
	if (fault_state->op_count == FAULT_OPS)
		abort();
	op = &fault_state->ops[fault_state->op_count++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	if (fd >= 0 && fstat(fd, &st) == 0)
		op->inode = (uint64_t)st.st_ino;
	errno = error;
	return op;
}

static void
log_write(int fd, const void *p, size_t length, off_t offset)
{
	struct fault_op *op = fault_log(OP_WRITE, fd);

	if (op->kind != OP_WRITE)
		return;
	if (length > FAULT_OCTETS - fault_state->octets_used)
		abort();
	op->offset = (uint64_t)offset;
	op->length = length;
	op->data = fault_state->octets_used;
	memcpy(fault_state->octets + op->data, p, length);
	fault_state->octets_used += length;
}

static void
fault_after(enum fault_kind kind)
{
	if (kind == FAULT_AFTER || kind == FAULT_HALF)
		fault_die();
}

static size_t
fault_length(enum fault_kind kind, size_t length)
{
	if ((kind == FAULT_SHORT || kind == FAULT_HALF) && length > 1)
		return length / 2;
	return length;
}

ssize_t
pread(int fd, void *p, size_t length, off_t offset)
{
	NEXT(pread);
	enum fault_kind kind = fault_hit("pread");
	ssize_t n;

	if (kind == FAULT_ERROR)
		return -1;
	n = next(fd, p, fault_length(kind, length), offset);
	fault_after(kind);
	return n;
}

/* A write beyond what the file has. */
static bool
fault_full(int fd, off_t end)
{
	struct stat st;

	if (fault_state == NULL || !fault_state->full || fstat(fd, &st) == -1 ||
	    end <= st.st_size)
		return false;
	errno = ENOSPC;
	return true;
}

ssize_t
pwrite(int fd, const void *p, size_t length, off_t offset)
{
	NEXT(pwrite);
	enum fault_kind kind = fault_hit("pwrite");
	ssize_t n;

	if (kind == FAULT_ERROR || fault_full(fd, offset + (off_t)length))
		return -1;
	n = next(fd, p, fault_length(kind, length), offset);
	if (n > 0)
		log_write(fd, p, (size_t)n, offset);
	fault_after(kind);
	return n;
}

ssize_t
write(int fd, const void *p, size_t length)
{
	NEXT(write);
	enum fault_kind kind;
	ssize_t n;

	if (fd <= 2)
		return next(fd, p, length);
	kind = fault_hit("write");
	if (kind == FAULT_ERROR)
		return -1;
	n = next(fd, p, fault_length(kind, length));
	/* A process with a list of system calls may not seek. */
	if (n > 0 && fault_state != NULL && fault_state->log)
		log_write(fd, p, (size_t)n, lseek(fd, 0, SEEK_CUR) - n);
	fault_after(kind);
	return n;
}

static int
sync_call(const char *name, int fd, int (*next)(int))
{
	enum fault_kind kind = fault_hit(name);
	int result = 0;

	if (kind == FAULT_ERROR) {
		/* Interrupted is not failed: nothing was tried. */
		if (errno != EINTR)
			fault_log(OP_SYNC, fd)->failed = true;
		return -1;
	}
	if (fault_state == NULL || !fault_state->no_sync)
		result = next(fd);
	if (result == 0)
		(void)fault_log(OP_SYNC, fd);
	fault_after(kind);
	return result;
}

int
fsync(int fd)
{
	NEXT(fsync);
	return sync_call("fsync", fd, next);
}

int
fdatasync(int fd)
{
	NEXT(fdatasync);
	return sync_call("fdatasync", fd, next);
}

int
ftruncate(int fd, off_t size)
{
	NEXT(ftruncate);
	enum fault_kind kind = fault_hit("ftruncate");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(fd, size);
	if (result == 0)
		fault_log(OP_TRUNCATE, fd)->offset = (uint64_t)size;
	fault_after(kind);
	return result;
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	NEXT(posix_fallocate);
	enum fault_kind kind = fault_hit("posix_fallocate");
	int result;

	if (kind == FAULT_ERROR)
		return errno;
	result = next(fd, offset, length);
	fault_after(kind);
	return result;
}

int
openat(int directory, const char *path, int flags, ...)
{
	NEXT(openat);
	enum fault_kind kind = fault_hit("openat");
	struct fault_op *op;
	mode_t mode = 0;
	va_list ap;
	int fd;

	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (kind == FAULT_ERROR)
		return -1;
	fd = next(directory, path, flags, mode);
	if (fd != -1 && (flags & O_CREAT) != 0) {
		op = fault_log(OP_CREATE, fd);
		(void)snprintf(op->name, sizeof(op->name), "%s", path);
	}
	fault_after(kind);
	return fd;
}

int
open(const char *path, int flags, ...)
{
	NEXT(open);
	enum fault_kind kind = fault_hit("open");
	mode_t mode = 0;
	va_list ap;
	int fd;

	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (kind == FAULT_ERROR)
		return -1;
	fd = next(path, flags, mode);
	fault_after(kind);
	return fd;
}

int
unlinkat(int directory, const char *path, int flags)
{
	NEXT(unlinkat);
	enum fault_kind kind = fault_hit("unlinkat");
	struct fault_op *op;
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(directory, path, flags);
	if (result == 0) {
		op = fault_log(OP_UNLINK, -1);
		(void)snprintf(op->name, sizeof(op->name), "%s", path);
	}
	fault_after(kind);
	return result;
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	NEXT(linkat);
	enum fault_kind kind = fault_hit("linkat");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(from, old, to, new, flags);
	fault_after(kind);
	return result;
}

int
flock(int fd, int operation)
{
	NEXT(flock);
	enum fault_kind kind = fault_hit("flock");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(fd, operation);
	fault_after(kind);
	return result;
}

int
fchmod(int fd, mode_t mode)
{
	NEXT(fchmod);
	enum fault_kind kind = fault_hit("fchmod");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(fd, mode);
	fault_after(kind);
	return result;
}

int
renameat(int from, const char *old, int to, const char *new)
{
	NEXT(renameat);
	enum fault_kind kind = fault_hit("renameat");
	struct fault_op *op;
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(from, old, to, new);
	if (result == 0) {
		op = fault_log(OP_RENAME, -1);
		(void)snprintf(op->name, sizeof(op->name), "%s", old);
		(void)snprintf(op->to, sizeof(op->to), "%s", new);
	}
	fault_after(kind);
	return result;
}

/* The programs that load us are compiled with 64-bit offsets by themselves. */
ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));
ssize_t
pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

static const char *kind_names[] = {
    "", "error", "short", "before", "half", "after"};

static __attribute__((constructor)) void
fault_load(void)
{
	static struct fault_state state;
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
	const char *error = getenv("FAULT_ERRNO");

	if (at == NULL && getenv("FAULT_COUNT") == NULL)
		return;
	fault_state = &state;
	state.at = at == NULL ? 0 : strtol(at, NULL, 10);
	state.error = error == NULL ? EIO : (int)strtol(error, NULL, 10);
	state.match = getenv("FAULT_MATCH");
	state.kind = FAULT_BEFORE;
	for (size_t i = 1; kind != NULL && i < 6; i++) {
		if (strcmp(kind, kind_names[i]) == 0)
			state.kind = (enum fault_kind)i;
	}
}

static __attribute__((destructor)) void
fault_unload(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *file;

	if (path == NULL || fault_state == NULL)
		return;
	file = fopen(path, "w");
	if (file != NULL) {
		fprintf(file, "%ld\n", fault_state->calls);
		(void)fclose(file);
	}
}
