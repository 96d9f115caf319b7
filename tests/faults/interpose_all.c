/*
 * interpose_all.c - interpose.c, with the other calls that mailauth(8) makes
 * when it changes its database; to be loaded before the C library.
 *
 * The disk is spared: syncs only say that they are done.  With FAULT_LOG=FILE
 * nothing fails, and at exit a line for each call that
 * changed something, or synced it, goes there, with its inode.
 */

#include "interpose.c"

#include <sys/mman.h>
#include <sys/random.h>

int
fstat(int fd, struct stat *st)
{
	NEXT(fstat);
	enum fault_kind kind = fault_hit("fstat");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(fd, st);
	fault_after(kind);
	return result;
}

void *
mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	NEXT(mmap);
	enum fault_kind kind = fault_hit("mmap");
	void *result;

	if (kind == FAULT_ERROR)
		return MAP_FAILED;
	result = next(at, length, protection, flags, fd, offset);
	fault_after(kind);
	return result;
}

int
close(int fd)
{
	NEXT(close);
	enum fault_kind kind = fault_hit("close");
	int result;

	result = next(fd);
	if (kind == FAULT_ERROR) {
		errno = fault_state->error;
		return -1;
	}
	fault_after(kind);
	return result;
}

int
mkdir(const char *path, mode_t mode)
{
	NEXT(mkdir);
	enum fault_kind kind = fault_hit("mkdir");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(path, mode);
	fault_after(kind);
	return result;
}

int
chmod(const char *path, mode_t mode)
{
	NEXT(chmod);
	enum fault_kind kind = fault_hit("chmod");
	int result;

	if (kind == FAULT_ERROR)
		return -1;
	result = next(path, mode);
	fault_after(kind);
	return result;
}

ssize_t
getrandom(void *octets, size_t length, unsigned flags)
{
	NEXT(getrandom);
	enum fault_kind kind = fault_hit("getrandom");
	ssize_t n;

	if (kind == FAULT_ERROR)
		return -1;
	n = next(octets, fault_length(kind, length), flags);
	fault_after(kind);
	return n;
}

void *
mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));

static __attribute__((constructor)) void
log_load(void)
{
	if (fault_state == NULL)
		return;
	fault_state->no_sync = true;
	fault_state->log = getenv("FAULT_LOG") != NULL;
}

static __attribute__((destructor)) void
log_unload(void)
{
	static const char *names[] = {
	    "other", "create", "write", "truncate", "sync", "rename", "unlink"};
	const char *path = getenv("FAULT_LOG");
	const struct fault_op *op;
	FILE *file;
	size_t i;

	if (path == NULL || fault_state == NULL)
		return;
	fault_state->log = false;
	file = fopen(path, "w");
	if (file == NULL)
		return;
	for (i = 0; i < fault_state->op_count; i++) {
		op = &fault_state->ops[i];
		fprintf(file, "%s %llu %s %s\n", names[op->kind],
		    (unsigned long long)op->inode, op->name, op->to);
	}
	(void)fclose(file);
}
