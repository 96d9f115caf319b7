/*
 * filter.h - how the lock keeper and the scanner close themselves in.
 */

#ifndef FILTER_H
#define FILTER_H

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base.h"

#define FILTER_ANY (-1)

/* clang-format off */

/* What every process may do. */
#define FILTER_ALWAYS \
	{ __NR_getpid,            FILTER_ANY, 0, 0 }, \
	{ __NR_getrandom,         FILTER_ANY, 0, 0 }, \
	{ __NR_clock_gettime,     FILTER_ANY, 0, 0 }, \
	{ __NR_rt_sigreturn,      FILTER_ANY, 0, 0 }, \
	{ __NR_restart_syscall,   FILTER_ANY, 0, 0 }, \
	{ __NR_exit_group,        FILTER_ANY, 0, 0 }

/* What malloc() and OpenSSL need besides. */
#define FILTER_MEMORY \
	{ __NR_brk,               FILTER_ANY, 0, 0 }, \
	{ __NR_mmap,              2, PROT_EXEC, 0 }, \
	{ __NR_munmap,            FILTER_ANY, 0, 0 }, \
	{ __NR_mremap,            FILTER_ANY, 0, 0 }, \
	{ __NR_madvise,           FILTER_ANY, 0, 0 }, \
	{ __NR_futex,             FILTER_ANY, 0, 0 }

/* A call whose first argument is this descriptor. */
#define FILTER_TO(call, fd) \
	{ call, 0, UINT32_MAX, fd }

/* clang-format on */

/* A system call that may be made; with several rules for it, by any. */
struct filter_rule {
	int call;       /* __NR_* */
	int argument;   /* FILTER_ANY, or 0..5: the one that counts */
	uint32_t mask;  /* of its lower 32 bits, these ... */
	uint32_t value; /* ... must be this */
};

/*
 * Every other system call kills this process, for ever.  Needs
 * no-new-privileges.  0 too where the kernel has no filters; -1 with errno.
 */
int filter_install(const struct filter_rule *rules, size_t count) MUST_CHECK;

/*
 * Keep the given descriptors and no other: they become 3, 4, ... in this
 * order; 0, 1 and 2 become /dev/null.  -1 with errno.
 */
int filter_descriptors(int *descriptors, size_t count) MUST_CHECK;

/*
 * From now on this process may, of all files, only make and remove regular
 * ones in directory, and write those it makes.  0 too where the kernel cannot
 * do that; -1 with errno.
 */
int filter_directory(int directory) MUST_CHECK;

/*
 * From now on this process may, of all files, only open those in directories,
 * for reading.  0 too where the kernel cannot do that; -1 with errno.
 */
int filter_reading(const int *directories, size_t count) MUST_CHECK;

#endif
