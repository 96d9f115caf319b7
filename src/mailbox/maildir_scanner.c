/*
 * maildir_scanner.c - reading a Maildir in a child that can do nothing else.
 *
 * As scanner.c does for an mbox; but a Maildir's files must be opened, so of
 * all the system calls that name files this child has one, which only opens
 * for reading and follows no link, and where the kernel has Landlock nothing
 * but the two folders is there to be opened.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "maildir.h"
#include "maildir_scan.h"

/* What the child keeps: 3, 4, ..., and then the folders that exist. */
enum { KEEP_PIPE, KEEP_OUT, KEEP_KNOWN, KEEP_MOST = 5 };

struct scanner_job {
	const struct maildir *md; /* md->kept is known, if it is anything */
	const bool *same;
	int out;
	bool digests; /* some names need them */
};

struct scanner_result {
	int error; /* errno, or 0 */
	uint32_t reserved;
	struct maildir_scan_result scan;
};

#define SCANNER_TO(call, which) \
	{ \
		call, 0, UINT32_MAX, 3 + (which) \
	}

/* clang-format off */
static const struct filter_rule scanner_rules[] = {
	{ __NR_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_NOFOLLOW,
	    O_RDONLY | O_NOFOLLOW },
	{ __NR_getdents64,        FILTER_ANY, 0, 0 },
#ifdef __NR_fstat
	{ __NR_fstat,             FILTER_ANY, 0, 0 },
#endif
	{ __NR_read,              FILTER_ANY, 0, 0 },
	{ __NR_close,             FILTER_ANY, 0, 0 },
	SCANNER_TO(__NR_write,    KEEP_PIPE),
	SCANNER_TO(__NR_pwrite64, KEEP_OUT),
	{ __NR_pread64,           FILTER_ANY, 0, 0 },
	{ __NR_lseek,             FILTER_ANY, 0, 0 },
	{ __NR_brk,               FILTER_ANY, 0, 0 },
	{ __NR_mmap,              2, PROT_EXEC, 0 },
	{ __NR_munmap,            FILTER_ANY, 0, 0 },
	{ __NR_mremap,            FILTER_ANY, 0, 0 },
	{ __NR_madvise,           FILTER_ANY, 0, 0 },
	{ __NR_futex,             FILTER_ANY, 0, 0 },
	{ __NR_getpid,            FILTER_ANY, 0, 0 },
	{ __NR_getrandom,         FILTER_ANY, 0, 0 },
	{ __NR_clock_gettime,     FILTER_ANY, 0, 0 },
	{ __NR_rt_sigreturn,      FILTER_ANY, 0, 0 },
	{ __NR_restart_syscall,   FILTER_ANY, 0, 0 },
	{ __NR_exit_group,        FILTER_ANY, 0, 0 },
};
/* clang-format on */

static _Noreturn void
scanner_end(int to, const struct scanner_result *result)
{
	(void)!write_full(to, result, sizeof(*result));
	_exit(0);
}

/* Only our descriptors, and the folders as streams; -1 with errno. */
static int
scanner_descriptors(const struct scanner_job *job, int to, int keep[KEEP_MOST],
    struct maildir_scan_job *scan)
{
	size_t count = KEEP_KNOWN + 1, i;

	keep[KEEP_PIPE] = to;
	keep[KEEP_OUT] = job->out;
	keep[KEEP_KNOWN] = job->md->kept.view.fd;
	if (keep[KEEP_KNOWN] == -1)
		keep[KEEP_KNOWN] = STDIN_FILENO;
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (job->md->folder[i] != -1)
			keep[count++] = job->md->folder[i];
	if (filter_descriptors(keep, count) == -1)
		return -1;
	count = KEEP_KNOWN + 1;
	for (i = 0; i < MAILDIR_FOLDERS; i++) {
		if (job->md->folder[i] == -1)
			continue;
		scan->folders[i] = fdopendir(keep[count++]);
		if (scan->folders[i] == NULL)
			return -1;
	}
	return 0;
}

/* An earlier view, where there is one. */
static void
scanner_known(const struct scanner_job *job, int fd, struct kept *kept,
    struct maildir_scan_job *scan)
{
	if (job->md->kept.view.fd == -1)
		return;
	*kept = job->md->kept;
	kept->view.fd = fd;
	scan->known = kept;
	memcpy(scan->same, job->same, sizeof(scan->same));
}

/* -1 with errno. */
static int
scanner_close_in(const struct maildir_scan_job *scan)
{
	int folders[MAILDIR_FOLDERS];
	size_t count = 0, i;

	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (scan->folders[i] != NULL)
			folders[count++] = dirfd(scan->folders[i]);
	if (platform_no_new_privileges() == -1 ||
	    filter_reading(folders, count) == -1)
		return -1;
	return filter_install(scanner_rules, ARRAY_SIZE(scanner_rules));
}

static _Noreturn void
scanner_run(const struct scanner_job *job, int to)
{
	struct scanner_result result;
	struct maildir_scan_job scan;
	int keep[KEEP_MOST];
	struct kept kept;

	memset(&result, 0, sizeof(result));
	memset(&scan, 0, sizeof(scan));
	platform_hide();
	if (scanner_descriptors(job, to, keep, &scan) == -1)
		_exit(1);
	scan.out = keep[KEEP_OUT];
	scan.user = geteuid();
	/* What opens files: before the filter. */
	if (job->digests) {
		scan.crypto = crypto_load();
		result.error = scan.crypto == NULL ? ELIBACC : 0;
	}
	if (result.error == 0 && scanner_close_in(&scan) == -1)
		result.error = errno;
	if (result.error == 0) {
		scanner_known(job, keep[KEEP_KNOWN], &kept, &scan);
		if (maildir_scan(&scan, &result.scan) == -1)
			result.error = errno;
	}
	scanner_end(keep[KEEP_PIPE], &result);
}

/* Run a job: 0 with its result; -1 with errno, and *status if it died. */
static int
scanner_do(
    const struct scanner_job *job, struct scanner_result *result, int *status)
{
	int ends[2], number;
	ssize_t got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	number = errno;
	if (pid == 0)
		scanner_run(job, ends[1]);
	close(ends[1]);
	got = pid == -1 ? -1 : read_full(ends[0], result, sizeof(*result));
	close(ends[0]);
	if (pid == -1) {
		errno = number;
		return -1;
	}
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR)
			return -1;
	if (got == (ssize_t)sizeof(*result))
		return 0;
	errno = EIO;
	return -1;
}

static int
scanner_failed(const struct maildir *md, int number, int status,
    struct mailbox_error *error)
{
	if (WIFSIGNALED(status))
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner died of signal %d", md->path.path,
		    WTERMSIG(status));
	else if (number == EFBIG)
		mailbox_fail(error, CODE_PERMANENT,
		    "mailbox has too many messages",
		    "%s: more than %u messages", md->path.path,
		    VIEW_MESSAGES_MAX);
	else if (number == ELIBACC)
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "pop3d-crypto.so cannot be loaded");
	else
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner: %s", md->path.path, strerror(number));
	return -1;
}

/*
 * Nobody writes to it from here on.  It is checked whole by the front, and by
 * us when we need it in UPDATE.
 */
static int
scanner_take(struct maildir *md, const struct scanner_result *result)
{
	struct view_head head;
	int out = md->view.fd, base = -1;

	(void)!platform_memory_seal(&out);
	md->view.fd = out;
	if (pread_full(out, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    head.base > 0)
		base = md->kept.view.fd;
	if (view_parts_open(&md->view, out, base) == -1)
		return -1;
	if (md->view.head.format != VIEW_MAILDIR) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(md->stamps, result->scan.stamps, sizeof(md->stamps));
	return 0;
}

int
maildir_scanner(struct maildir *md, const bool same[MAILDIR_FOLDERS],
    struct mailbox_error *error)
{
	struct scanner_job job = {.md = md, .same = same};
	struct scanner_result result;
	int status = 0, failed;

	memset(&result, 0, sizeof(result));
	md->view.fd = job.out = platform_memory_file("pop3d-view");
	if (job.out == -1)
		return scanner_failed(md, errno, 0, error);
	failed = scanner_do(&job, &result, &status);
	if (failed == 0 && result.error == ENOTSUP) {
		/* Only few mailboxes need the library. */
		job.digests = true;
		failed = scanner_do(&job, &result, &status);
	}
	if (failed == -1)
		return scanner_failed(md, errno, status, error);
	if (result.error != 0)
		return scanner_failed(md, result.error, 0, error);
	if (scanner_take(md, &result) == -1)
		return scanner_failed(md, errno, 0, error);
	if (result.scan.odd > 0)
		mailbox_warn(error,
		    "%s: %u files that are no messages, or cannot "
		    "be read",
		    md->path.path, result.scan.odd);
	md->scanned = true;
	return 0;
}
