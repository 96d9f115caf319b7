/*
 * filter.c - a list of system calls (seccomp), one folder (Landlock), and no
 * descriptors that are not needed.
 */

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"

#ifdef __linux__
#include <sys/prctl.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#endif

#define FILTER_HIGH 32 /* descriptors are put out of the way to here */

int
filter_descriptors(int *descriptors, size_t count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t i;

	for (i = 0; i < count; i++) {
		descriptors[i] =
		    fcntl(descriptors[i], F_DUPFD_CLOEXEC, FILTER_HIGH);
		if (descriptors[i] == -1)
			return -1;
	}
	for (i = 0; i < 3; i++)
		if (null == -1 || dup2(null, (int)i) == -1)
			close((int)i);
	for (i = 0; i < count; i++) {
		if (dup2(descriptors[i], 3 + (int)i) == -1)
			return -1;
		descriptors[i] = 3 + (int)i;
	}
	platform_close_from(3 + (int)count);
	return 0;
}

#ifdef __linux__

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define FILTER_ARCH AUDIT_ARCH_RISCV64
#endif

#if defined(__SANITIZE_ADDRESS__)
#define FILTER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FILTER_SANITIZER 1
#endif
#endif

#define FILTER_RULES 64 /* of a list, with what the sanitizers need */
#define FILTER_OP(op, k) ((struct sock_filter){(op), 0, 0, (k)})
#define FILTER_IF(k, then, otherwise) \
	((struct sock_filter){ \
	    BPF_JMP | BPF_JEQ | BPF_K, (then), (otherwise), (k)})
#define FILTER_LOAD(field) \
	FILTER_OP(BPF_LD | BPF_W | BPF_ABS, \
	    (uint32_t)offsetof(struct seccomp_data, field))
#define FILTER_RETURN(what) FILTER_OP(BPF_RET | BPF_K, (what))

/* Of a 64-bit argument the half that int and flags are in. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FILTER_HALF 4U
#else
#define FILTER_HALF 0U
#endif

#ifdef FILTER_SANITIZER
/* A report of theirs is worth more than the filter of a test. */
static const struct filter_rule filter_sanitizer[] = {
    {__NR_mmap, FILTER_ANY, 0, 0},
    {__NR_munmap, FILTER_ANY, 0, 0},
    {__NR_madvise, FILTER_ANY, 0, 0},
    {__NR_futex, FILTER_ANY, 0, 0},
    {__NR_sigaltstack, FILTER_ANY, 0, 0},
    {__NR_gettid, FILTER_ANY, 0, 0},
    {__NR_rt_sigprocmask, FILTER_ANY, 0, 0},
    {__NR_sched_yield, FILTER_ANY, 0, 0},
};
#endif

/* The instructions of one rule to dst; how many. */
static size_t
filter_rule_put(struct sock_filter *dst, const struct filter_rule *rule)
{
	uint32_t offset;

	if (rule->argument == FILTER_ANY) {
		dst[0] = FILTER_IF((uint32_t)rule->call, 0, 1);
		dst[1] = FILTER_RETURN(SECCOMP_RET_ALLOW);
		return 2;
	}
	offset = (uint32_t)offsetof(struct seccomp_data, args) +
	    8 * (uint32_t)rule->argument + FILTER_HALF;
	dst[0] = FILTER_IF((uint32_t)rule->call, 0, 5);
	dst[1] = FILTER_OP(BPF_LD | BPF_W | BPF_ABS, offset);
	dst[2] = FILTER_OP(BPF_ALU | BPF_AND | BPF_K, rule->mask);
	dst[3] = FILTER_IF(rule->value, 0, 1);
	dst[4] = FILTER_RETURN(SECCOMP_RET_ALLOW);
	dst[5] = FILTER_LOAD(nr); /* another rule may allow it */
	return 6;
}

int
filter_install(const struct filter_rule *rules, size_t count)
{
#ifdef FILTER_ARCH
	struct sock_filter code[5 + 6 * FILTER_RULES];
	struct sock_fprog program = {.filter = code};
	size_t n = 0, i;

	code[n++] = FILTER_LOAD(arch);
	code[n++] = FILTER_IF(FILTER_ARCH, 1, 0);
	code[n++] = FILTER_RETURN(SECCOMP_RET_KILL_PROCESS);
	code[n++] = FILTER_LOAD(nr);
#ifdef FILTER_SANITIZER
	for (i = 0; i < ARRAY_SIZE(filter_sanitizer); i++)
		n += filter_rule_put(code + n, &filter_sanitizer[i]);
#endif
	for (i = 0; i < count; i++) {
		if (n + 7 > ARRAY_SIZE(code)) {
			errno = E2BIG;
			return -1;
		}
		n += filter_rule_put(code + n, &rules[i]);
	}
	code[n++] = FILTER_RETURN(SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
		return 0;
	/* A kernel built without it, an emulator. */
	return errno == EINVAL || errno == ENOSYS ? 0 : -1;
#else
	(void)rules;
	(void)count;
	return 0;
#endif
}

/*
 * Everything that the first version of the interface knows.  Rights that came
 * later are about files that cannot be opened then anyway; but moving between
 * folders (version 2) is refused when it is not spoken of.
 */
#define FILTER_ALL \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	    LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Of all files only those below directories, for what is in access. */
static int
filter_landlock(const int *directories, size_t count, uint64_t access)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = FILTER_ALL};
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	long rules, result = 0;
	int number;
	size_t i;

	rules = syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules == -1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
	for (i = 0; i < count && result == 0; i++) {
		rule.parent_fd = directories[i];
		result = syscall(__NR_landlock_add_rule, (int)rules,
		    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	if (result == 0)
		result = syscall(__NR_landlock_restrict_self, (int)rules, 0);
	number = errno;
	close((int)rules);
	errno = number;
	return (int)result;
}

int
filter_directory(int directory)
{
	return filter_landlock(&directory, 1,
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

int
filter_reading(const int *directories, size_t count)
{
	return filter_landlock(
	    directories, count, LANDLOCK_ACCESS_FS_READ_FILE);
}

#else

int
filter_install(const struct filter_rule *rules, size_t count)
{
	(void)rules;
	(void)count;
	return 0;
}

int
filter_directory(int directory)
{
	(void)directory;
	return 0;
}

int
filter_reading(const int *directories, size_t count)
{
	(void)directories;
	(void)count;
	return 0;
}

#endif
