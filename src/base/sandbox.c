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

/* Before the rules 4, for a rule and the way to it 7 at most. */
#define FILTER_MAX (4 + 7 * SANDBOX_RULES_MAX)

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short length;
};

static void
filter_put(struct filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	struct sock_filter *line = &f->code[f->length++];

	line->code = code;
	line->jt = yes;
	line->jf = no;
	line->k = k;
}

/* One rule, for this system call or for none. */
static void
filter_rule(struct filter *f, const struct sandbox_rule *rule)
{
	const uint16_t end = BPF_RET | BPF_K;

	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->number, 1, 0);
	filter_put(f, end, SECCOMP_RET_KILL_PROCESS, 0, 0);
	switch (rule->what) {
	case SANDBOX_ALLOW:
		filter_put(f, end, SECCOMP_RET_ALLOW, 0, 0);
		break;
	case SANDBOX_REFUSE:
		filter_put(f, end, SECCOMP_RET_ERRNO | EPERM, 0, 0);
		break;
	case SANDBOX_NO_EXEC:
		filter_put(f, BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2), 0, 0);
		filter_put(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
		filter_put(f, end, SECCOMP_RET_ALLOW, 0, 0);
		filter_put(f, end, SECCOMP_RET_KILL_PROCESS, 0, 0);
		break;
	case SANDBOX_DONTNEED:
		filter_put(f, BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2), 0, 0);
		filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, MADV_DONTNEED, 1, 0);
		filter_put(f, end, SECCOMP_RET_ERRNO | EPERM, 0, 0);
		filter_put(f, end, SECCOMP_RET_ALLOW, 0, 0);
		break;
	}
}

/*
 * Rules sorted by number as a binary tree: the kernel tries the filter with
 * every number there is when it is loaded, and a session is short.
 */
static void
filter_rules(struct filter *f, const struct sandbox_rule *rules, size_t count)
{
	size_t half = count / 2;
	unsigned short node = f->length;

	if (count == 1) {
		filter_rule(f, rules);
		return;
	}
	filter_put(
	    f, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)rules[half].number, 0, 0);
	filter_rules(f, rules, half);
	f->code[node].jt = (uint8_t)(f->length - node - 1);
	filter_rules(f, rules + half, count - half);
}

/* The rules by number; not qsort(), which may ask the system for its memory. */
static void
rules_sort(struct sandbox_rule *rules, size_t count)
{
	struct sandbox_rule rule;
	size_t i, k;

	for (i = 1; i < count; i++) {
		rule = rules[i];
		for (k = i; k > 0 && rules[k - 1].number > rule.number; k--)
			rules[k] = rules[k - 1];
		rules[k] = rule;
	}
}

bool
sandbox_there(void)
{
	return true;
}

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	struct sandbox_rule sorted[SANDBOX_RULES_MAX];
	struct filter f = {.length = 0};
	struct sock_fprog program;

	if (count == 0 || count > SANDBOX_RULES_MAX) {
		errno = EINVAL;
		return -1;
	}
	memcpy(sorted, rules, count * sizeof(sorted[0]));
	rules_sort(sorted, count);
	filter_put(&f, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, arch), 0, 0);
	filter_put(&f, BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
	filter_put(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	filter_put(&f, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
	filter_rules(&f, sorted, count);
	program.len = f.length;
	program.filter = f.code;
	if (platform_no_new_privileges() == -1)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#elif defined(__OpenBSD__)

bool
sandbox_there(void)
{
	return true;
}

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	(void)rules;
	(void)count;
	return pledge("stdio recvfd", NULL);
}

#else

bool
sandbox_there(void)
{
	return false;
}

int
sandbox_close(const struct sandbox_rule *rules, size_t count)
{
	(void)rules;
	(void)count;
	errno = ENOSYS;
	return -1;
}

#endif
