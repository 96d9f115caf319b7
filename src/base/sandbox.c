/*
 * sandbox.c - closing a process in: seccomp on Linux, pledge on OpenBSD.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#if defined(__linux__)

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SANDBOX_ARCH AUDIT_ARCH_RISCV64
#endif

#endif

#if defined(SANDBOX_ARCH)

/* The low word of an argument, where the filter's 32-bit loads find it. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) ((uint32_t)offsetof(struct seccomp_data, args[n]))
#else
#define ARGUMENT(n) ((uint32_t)offsetof(struct seccomp_data, args[n]) + 4)
#endif

/* The check of the architecture (4), three instructions a rule at most, end. */
#define FILTER_MAX (4 + 5 * SANDBOX_RULES_MAX + 1)

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short length;
};

static void
filter_put(struct filter *f, uint16_t code, uint32_t k, uint8_t yes,
    uint8_t no)
{
	struct sock_filter *line = &f->code[f->length++];

	line->code = code;
	line->jt = yes;
	line->jf = no;
	line->k = k;
}

static void
filter_rule(struct filter *f, const struct sandbox_rule *rule)
{
	uint32_t number = (uint32_t)rule->number;
	const uint16_t equal = BPF_JMP | BPF_JEQ | BPF_K;
	const uint16_t end = BPF_RET | BPF_K;

	switch (rule->what) {
	case SANDBOX_ALLOW:
		filter_put(f, equal, number, 0, 1);
		filter_put(f, end, SECCOMP_RET_ALLOW, 0, 0);
		break;
	case SANDBOX_REFUSE:
		filter_put(f, equal, number, 0, 1);
		filter_put(f, end, SECCOMP_RET_ERRNO | EPERM, 0, 0);
		break;
	case SANDBOX_NO_EXEC:
		filter_put(f, equal, number, 0, 4);
		filter_put(f, BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2), 0, 0);
		filter_put(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
		filter_put(f, end, SECCOMP_RET_ALLOW, 0, 0);
		filter_put(f, end, SECCOMP_RET_KILL_PROCESS, 0, 0);
		break;
	}
}

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	struct filter f = {.length = 0};
	struct sock_fprog program;
	size_t i;

	if (count > SANDBOX_RULES_MAX) {
		errno = EINVAL;
		return -1;
	}
	filter_put(&f, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, arch), 0, 0);
	filter_put(&f, BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
	filter_put(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	filter_put(&f, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
	for (i = 0; i < count; i++)
		filter_rule(&f, &rules[i]);
	filter_put(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	program.len = f.length;
	program.filter = f.code;
	if (platform_no_new_privileges() == -1)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#elif defined(__OpenBSD__)

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	(void)rules;
	(void)count;
	return pledge("stdio recvfd", NULL);
}

#else

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	(void)rules;
	(void)count;
	errno = ENOSYS;
	return -1;
}

#endif
