/*
 * maildir_scanner.c - reading a Maildir in a child that can do nothing else.
 *
 * As scanner.c does for an mbox; but a Maildir's files must be opened, so of
 * all the system calls that name files this child has one, which only opens
 * for reading and follows no link, and where the kernel has Landlock nothing
 * but the two folders is there to be opened.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
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
	FILTER_TO(__NR_write,     3 + KEEP_PIPE),
	FILTER_TO(__NR_pwrite64,  3 + KEEP_OUT),
	{ __NR_pread64,           FILTER_ANY, 0, 0 },
	{ __NR_lseek,             FILTER_ANY, 0, 0 },
	FILTER_MEMORY,
	FILTER_ALWAYS,
};
/* clang-format on */

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

static void
scanner_run(const void *own, int to)
{
	const struct scanner_job *job = own;
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
	child_end(keep[KEEP_PIPE], &result, sizeof(result));
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
scanner_take(struct maildir *md, int *out, const struct scanner_result *result)
{
	(void)!platform_memory_seal(out);
	if (child_view(*out, &md->kept, VIEW_MAILDIR, &md->view) == -1)
		return -1;
	memcpy(md->stamps, result->scan.stamps, sizeof(md->stamps));
	md->scanned = true;
	return 0;
}

/* A scan, with the library where names need it; as child_run(). */
static int
scanner_do(struct scanner_job *job, struct scanner_result *result, int *status)
{
	int failed =
	    child_run(scanner_run, job, NULL, result, sizeof(*result), status);

	if (failed == -1 || result->error != ENOTSUP)
		return failed;
	/* Only few mailboxes do. */
	job->digests = true;
	return child_run(
	    scanner_run, job, NULL, result, sizeof(*result), status);
}

int
maildir_scanner(struct maildir *md, const bool same[MAILDIR_FOLDERS],
    struct mailbox_error *error)
{
	struct scanner_job job = {.md = md, .same = same};
	struct scanner_result result = {0};
	int status = 0, number = 0;

	job.out = platform_memory_file("pop3d-view");
	if (job.out == -1)
		return scanner_failed(md, errno, 0, error);
	if (scanner_do(&job, &result, &status) == -1)
		number = errno;
	else if (result.error != 0)
		number = result.error;
	else if (scanner_take(md, &job.out, &result) == -1)
		number = errno;
	if (number != 0) {
		close(job.out);
		return scanner_failed(md, number, status, error);
	}
	md->partial = result.scan.odd > 0;
	if (md->partial)
		mailbox_warn(error,
		    "%s: %u files that are no messages, or cannot "
		    "be read",
		    md->path.path, result.scan.odd);
	return 0;
}
