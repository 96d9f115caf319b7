/*
 * close_in.c - the front gives up everything but its session.
 *
 * The front ends with the back: by the parent's death here, which reaches it
 * while the back is root or the same user, and by the back's leash afterwards.
 *
 * The order: descriptors while there still is a /dev, the root folder and
 * the ids while there still is a root, then limits, and the system calls
 * last.  The list is the manual's: tests/unit/close_in_test.c compares.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include "front.h"
#include "signer.h"

#define NOFILE_MAX 32         /* descriptors: 4, the mailbox's, 16 messages */
#define DATA_MAX (2ULL << 30) /* octets: VIEW_MESSAGES_MAX of them fit */

/* clang-format off */
static const struct sandbox_rule rules[] = {
	{ SYS_read, SANDBOX_ALLOW },
	{ SYS_write, SANDBOX_ALLOW },
	{ SYS_sendmsg, SANDBOX_ALLOW },
	{ SYS_recvmsg, SANDBOX_ALLOW },
	{ SYS_pread64, SANDBOX_ALLOW },
	{ SYS_fstat, SANDBOX_ALLOW },
#ifdef SYS_poll
	{ SYS_poll, SANDBOX_ALLOW },
#else
	{ SYS_ppoll, SANDBOX_ALLOW },
#endif
	{ SYS_close, SANDBOX_ALLOW },
	{ SYS_shutdown, SANDBOX_ALLOW },
	{ SYS_clock_gettime, SANDBOX_ALLOW },
	/* OpenSSL's clocks, where the kernel gives them only by a call. */
	{ SYS_gettimeofday, SANDBOX_ALLOW },
#ifdef SYS_time
	{ SYS_time, SANDBOX_ALLOW },
#endif
	{ SYS_brk, SANDBOX_ALLOW },
	{ SYS_mmap, SANDBOX_NO_EXEC },
	{ SYS_munmap, SANDBOX_ALLOW },
	{ SYS_mremap, SANDBOX_ALLOW },
	{ SYS_getpid, SANDBOX_ALLOW },
	{ SYS_getrandom, SANDBOX_ALLOW },
	{ SYS_rt_sigreturn, SANDBOX_ALLOW },
	{ SYS_restart_syscall, SANDBOX_ALLOW },
	{ SYS_exit, SANDBOX_ALLOW },
	{ SYS_exit_group, SANDBOX_ALLOW },
	/* Refused, not deadly: what a C library may try by itself. */
	{ SYS_fcntl, SANDBOX_REFUSE },
	{ SYS_flock, SANDBOX_REFUSE },
	{ SYS_ftruncate, SANDBOX_REFUSE },
	{ SYS_lseek, SANDBOX_REFUSE },
	{ SYS_ioctl, SANDBOX_REFUSE },
	{ SYS_madvise, SANDBOX_DONTNEED },
	{ SYS_openat, SANDBOX_REFUSE },
	{ SYS_newfstatat, SANDBOX_REFUSE },
};
/* clang-format on */

static int
limit_set(int what, rlim_t most)
{
	struct rlimit limit = {most, most};

	return setrlimit((__rlimit_resource_t)what, &limit);
}

static int
descriptors_close(const struct front_args *args)
{
	int null, signer = -1, kept = CHANNEL_FD;

	/* Out of the way: the channel may become what it is now. */
	if (args->tls) {
		signer = fcntl(args->signer, F_DUPFD_CLOEXEC, NOFILE_MAX);
		if (signer == -1)
			return -1;
	}
	if (args->channel != CHANNEL_FD &&
	    dup2(args->channel, CHANNEL_FD) == -1)
		return -1;
	null = open("/dev/null", O_RDWR);
	if (null == -1 || dup2(null, STDERR_FILENO) == -1)
		return -1;
	if (args->tls) {
		kept = SIGNER_FD;
		if (dup2(signer, SIGNER_FD) == -1)
			return -1;
	}
	platform_close_from(kept + 1);
	return 0;
}

static int
ids_drop(const struct front_args *args)
{
	if (!args->root)
		return 0;
	if (chroot(args->cage) == -1 || chdir("/") == -1)
		return -1;
	return platform_become(args->uid, args->gid, NULL, 0);
}

static int
limits_set(void)
{
	struct stat st;

	if (limit_set(RLIMIT_NOFILE, NOFILE_MAX) == -1 ||
	    limit_set(RLIMIT_NPROC, 0) == -1 ||
	    limit_set(RLIMIT_DATA, DATA_MAX) == -1)
		return -1;
	/* pop3d -a mailbox > file is a session, too. */
	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return limit_set(RLIMIT_FSIZE, 0);
}

int
front_close_in(const struct front_args *args)
{
	if (descriptors_close(args) == -1 || ids_drop(args) == -1 ||
	    limits_set() == -1)
		return -1;
	platform_hide();
	if (platform_die_with_parent() == -1)
		return -1;
	if (sandbox_close(rules, ARRAY_SIZE(rules)) == -1 && errno != ENOSYS)
		return -1;
	return 0;
}
