/*
 * interpose.h - calls of the C library that fail, or kill, when told to.
 *
 * Linked into a test, or loaded before the C library (LD_PRELOAD) into any
 * program; then the environment says what to do:
 *
 *      FAULT_AT=N              at the N-th call of those below (from 1)
 *      FAULT_KIND=error        fail with FAULT_ERRNO (a number)
 *                 short        write or read half of it
 *                 before       SIGKILL instead of the call
 *                 half         write half of it, then SIGKILL
 *                 after        SIGKILL after the call
 *      FAULT_MATCH=TEXT        only calls whose function's name has TEXT in it
 *      FAULT_COUNT=FILE        at exit, the number of calls goes there
 */

#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_ERROR,
	FAULT_SHORT,
	FAULT_BEFORE,
	FAULT_HALF,
	FAULT_AFTER
};

enum fault_op_kind {
	OP_OTHER,
	OP_CREATE,
	OP_WRITE,
	OP_TRUNCATE,
	OP_SYNC,
	OP_RENAME,
	OP_UNLINK
};

/* One call that changed something, or tried to sync it. */
struct fault_op {
	enum fault_op_kind kind;
	uint64_t inode;
	uint64_t offset; /* of OP_WRITE; the size of OP_TRUNCATE */
	size_t length;
	size_t data; /* where in the log's octets */
	bool failed; /* OP_SYNC */
	char name[24], to[24];
};

#define FAULT_OPS 20000
#define FAULT_OCTETS (48 * 1024 * 1024)

/* In memory that the test shares with its children. */
struct fault_state {
	long at; /* 0: only count */
	enum fault_kind kind;
	int error;
	bool persist; /* FAULT_ERROR: all calls from there on */
	const char *match;
	bool no_sync; /* say 0 and spare the disk */
	bool full;    /* no file may grow: ENOSPC */
	long calls;
	char name[24]; /* of the call that was hit */
	bool log;
	size_t op_count, octets_used;
	struct fault_op ops[FAULT_OPS];
	unsigned char octets[FAULT_OCTETS];
};

extern struct fault_state *fault_state;

#endif
