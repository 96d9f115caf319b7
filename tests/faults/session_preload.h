/*
 * session_preload.h - what is loaded before the C library into pop3d: every
 * call of session_calls.h counts, fails, stops or kills as the shared memory
 * (environment: SESSION_SHARED, a file) says.
 *
 * Front and scanner may make few system calls; none is made for ourselves
 * there but, when asked to, pread64(2) of no file, which shows strace where
 * each point begins and ends: pread64(-1, NULL, number, 0 or 1).
 */

#ifndef SESSION_PRELOAD_H
#define SESSION_PRELOAD_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session_shared.h"

/* NULL in a program that is not under test. */
extern struct session_shared *session_shared;

/* This process has a list of system calls: no signals, no sleep, no names. */
extern bool session_closed_in;

/* A call on its way. */
struct hit {
	enum fault_kind kind;
	uint32_t number;
	bool inner; /* made within another; no point */
};

/* True: it is to fail now, errno is set. */
bool hit_begin(struct hit *hit, enum session_call call);

/* It is done; true: it is to be told as failed. */
bool hit_end(struct hit *hit);

/* As the two above, for a call that this process makes of itself. */
bool hit_short(const struct hit *hit);

/* session_log.c; each keeps errno, and does nothing where no log is wanted. */
void log_create(int folder, const char *name, int fd);
void log_write(int fd, const void *p, size_t length, int64_t offset);
void log_truncate(int fd, uint64_t size);
void log_sync(int fd, bool failed);
void log_names(enum fault_op_kind kind, int from, const char *name, int to,
    const char *other);
void log_reply(const void *p, size_t length);

#endif
