/*
 * session_log.c - what a session does to the disk, in its order: from this
 * session_power.c makes the disks that a loss of power can leave.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_preload.h"

static struct session_op *
log_next(enum fault_op_kind kind)
{
	size_t n = atomic_fetch_add(&session_shared->op_count, 1);
	struct session_op *op = &session_shared->ops[n];

	if (n >= SESSION_OPS)
		abort();
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static uint64_t
inode_of(int fd)
{
	struct stat st;
	int error = errno;
	bool known =
	    fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));

	errno = error;
	return known ? (uint64_t)st.st_ino : 0;
}

/* Only names within a folder: what has a path is not ours to lose. */
static void
name_put(char to[SESSION_NAME], const char *name)
{
	if (strchr(name, '/') != NULL || strlen(name) >= SESSION_NAME)
		abort();
	memcpy(to, name, strlen(name) + 1);
}

static void
octets_put(struct session_op *op, const void *p, size_t length)
{
	op->data = atomic_fetch_add(&session_shared->octets_used, length);
	op->length = length;
	if (length > SESSION_OCTETS - op->data)
		abort();
	memcpy(session_shared->octets + op->data, p, length);
}

static bool
wanted(void)
{
	/* Who is closed in changes no file of the disk, and may not ask. */
	return session_shared != NULL && session_shared->log &&
	    !session_closed_in;
}

void
log_create(int folder, const char *name, int fd)
{
	struct session_op *op;

	if (!wanted())
		return;
	op = log_next(OP_CREATE);
	op->inode = inode_of(fd);
	op->folder = inode_of(folder);
	name_put(op->name, name);
}

void
log_write(int fd, const void *p, size_t length, int64_t offset)
{
	uint64_t inode = wanted() ? inode_of(fd) : 0;
	struct session_op *op;

	if (inode == 0)
		return;
	op = log_next(OP_WRITE);
	op->inode = inode;
	op->offset = offset >= 0 ? (uint64_t)offset :
				   (uint64_t)lseek(fd, 0, SEEK_CUR) - length;
	octets_put(op, p, length);
}

void
log_truncate(int fd, uint64_t size)
{
	struct session_op *op;

	if (!wanted())
		return;
	op = log_next(OP_TRUNCATE);
	op->inode = inode_of(fd);
	op->offset = size;
}

void
log_sync(int fd, bool failed)
{
	struct session_op *op;

	if (!wanted())
		return;
	op = log_next(OP_SYNC);
	op->inode = inode_of(fd);
	op->failed = failed;
}

void
log_names(enum fault_op_kind kind, int from, const char *name, int to,
    const char *other)
{
	struct session_op *op;
	struct stat st;

	if (!wanted())
		return;
	op = log_next(kind);
	op->folder = inode_of(from);
	op->to_folder = to == -1 ? op->folder : inode_of(to);
	name_put(op->name, name);
	if (other != NULL)
		name_put(op->to, other);
	if (kind == OP_MKDIR && fstatat(from, name, &st, 0) == 0)
		op->inode = (uint64_t)st.st_ino;
}

void
log_reply(const void *p, size_t length)
{
	if (session_shared != NULL && session_shared->log)
		octets_put(log_next(OP_REPLY), p, length);
}
