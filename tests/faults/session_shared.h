/*
 * session_shared.h - memory that all processes of a session under test share
 * with the test: what is to go wrong where, and what they did.
 */

#ifndef SESSION_SHARED_H
#define SESSION_SHARED_H

#include <stdatomic.h>
#include <sys/types.h>

#include "interpose.h"
#include "session_calls.h"

#define SESSION_PROCESSES 24
#define SESSION_TRACE 4000 /* calls of one process */
#define SESSION_OPS 6000
#define SESSION_OCTETS (24 * 1024 * 1024)
#define SESSION_NAME 128

/* Files with this part of a second in their time look as old as that says. */
#define SESSION_AGED 123456789

/* Beyond interpose.h's. */
#define FAULT_STOP ((enum fault_kind)16) /* until the test says go */
#define FAULT_LATE ((enum fault_kind)17) /* done, and an error told */

#define OP_LINK ((enum fault_op_kind)16)
#define OP_MKDIR ((enum fault_op_kind)17)
#define OP_REPLY ((enum fault_op_kind)18) /* octets to the client */

/* One change of the disk, or a sync, or words to the client. */
struct session_op {
	enum fault_op_kind kind;
	uint64_t inode, folder, to_folder;
	uint64_t offset;
	size_t length, data; /* in the log's octets */
	bool failed;
	char name[SESSION_NAME], to[SESSION_NAME];
};

struct session_shared {
	/* The order: at call number at of that process. */
	uint32_t process, at; /* at 0: only count */
	bool memory;          /* number at of its calls for memory */
	enum fault_kind kind;
	int error;
	bool all;         /* SIGKILL for every process */
	unsigned persist; /* NEEDS_...: all these calls of all from there on */
	bool marks;       /* show strace where calls begin and end */
	bool log;

	/* What happened. */
	atomic_uint processes;
	uint32_t calls[SESSION_PROCESSES], memory_calls[SESSION_PROCESSES];
	uint8_t trace[SESSION_PROCESSES][SESSION_TRACE];
	atomic_int hit;     /* enum session_call, plus 1 */
	atomic_int stopped; /* the test answers with go */
	atomic_int go;
	atomic_int kill_all; /* the process may not itself */
	atomic_int persisting;
	atomic_uint changes; /* of the disk */
	atomic_size_t op_count, octets_used;
	struct session_op ops[SESSION_OPS];
	unsigned char octets[SESSION_OCTETS];
};

#endif
