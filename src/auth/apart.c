/*
 * apart.c - a client's handshake is looked at by a child of the verifier that
 * has given up everything first: certificates are the most complicated thing
 * that comes from the network, and the verifier is root.
 *
 * Who takes it over can say that it was any client of tls-client-map's; not
 * more.  The list of system calls is the manual's.
 */

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sasl.h"

#define RESULT_FD 3

/* clang-format off */
static const struct sandbox_rule rules[] = {
	{ SYS_write, SANDBOX_ALLOW },
	{ SYS_clock_gettime, SANDBOX_ALLOW },
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
	{ SYS_exit_group, SANDBOX_ALLOW },
	{ SYS_madvise, SANDBOX_DONTNEED },
	{ SYS_futex, SANDBOX_ALLOW },
	/* Refused, not deadly: the C library looks for its time zone. */
	{ SYS_openat, SANDBOX_REFUSE },
	{ SYS_newfstatat, SANDBOX_REFUSE },
};
/* clang-format on */

struct result {
	enum tls_trust trust;
	struct tls_client client;
	char why[TLS_TEXT];
};

static int
close_in(const struct verifier_place *place, int fd)
{
	struct rlimit none = {0, 0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || (fd != RESULT_FD && dup2(fd, RESULT_FD) == -1) ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)
		return -1;
	platform_close_from(RESULT_FD + 1);
	if (place->root &&
	    (chroot(place->cage) == -1 || chdir("/") == -1 ||
		platform_become(place->uid, place->gid, NULL, 0) == -1))
		return -1;
	(void)setrlimit(RLIMIT_NPROC, &none);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	platform_hide();
	if (platform_die_with_parent() == -1)
		return -1;
	if (sandbox_close(rules, ARRAY_SIZE(rules)) == -1 && errno != ENOSYS)
		return -1;
	return 0;
}

_Noreturn static void
apart_run(const struct verifier_place *place, const struct tls_module *tls,
    const struct tls_proof *proof, int fd)
{
	struct result result;

	if (close_in(place, fd) == -1)
		_exit(1);
	memset(&result, 0, sizeof(result));
	result.trust = tls->client_check(proof, &result.client, result.why);
	_exit(write_full(RESULT_FD, &result, sizeof(result)) == -1);
}

/* Texts end within their fields, whatever the child has said. */
static void
result_bound(struct result *result)
{
	size_t i;

	if (result->trust > TLS_UNKNOWN)
		result->trust = TLS_UNKNOWN;
	result->why[TLS_TEXT - 1] = '\0';
	result->client.subject[TLS_NAME - 1] = '\0';
	for (i = 0; i < TLS_EMAILS; i++)
		result->client.emails[i][TLS_NAME - 1] = '\0';
}

enum tls_trust
apart_check(const struct verifier_place *place, const struct tls_module *tls,
    const struct tls_proof *proof, struct tls_client *client,
    char why[TLS_TEXT])
{
	struct result result;
	ssize_t n = -1;
	int ends[2];
	pid_t pid;

	text_cut(why, TLS_TEXT, "nobody could look at the handshake");
	if (pipe2(ends, O_CLOEXEC) == -1)
		return TLS_UNKNOWN;
	pid = fork();
	if (pid == 0)
		apart_run(place, tls, proof, ends[1]);
	(void)close(ends[1]);
	if (pid != -1)
		n = read_full(ends[0], &result, sizeof(result));
	(void)close(ends[0]);
	while (pid != -1 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	if (n != (ssize_t)sizeof(result))
		return TLS_UNKNOWN;
	result_bound(&result);
	*client = result.client;
	text_cut(why, TLS_TEXT, "%s", result.why);
	return result.trust;
}
