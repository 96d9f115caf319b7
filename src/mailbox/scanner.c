/*
 * scanner.c - reading a mailbox in a child that can do nothing else.
 *
 * Mail is what strangers wrote, and the back owns the mailbox: so it does not
 * parse it.  The scanner has a descriptor of the mailbox that it can only
 * read by its list of system calls, one to write the view to, and a pipe for
 * its result, whose end tells that it is done.
 */

#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "scan.h"
#include "scanner.h"

/* What to read; out is -1 for one message. */
struct scanner_job {
	int file;
	int out;
	const struct view_stamp *stamp;
	const struct kept *known; /* or NULL */
	uint64_t place, end;
};

struct scanner_result {
	int error; /* errno, or 0 */
	uint32_t reserved;
	uint64_t size; /* of the view */
	struct view_message message;
};

/* What it holds; the last two only when there are such. */
enum {
	SCANNER_FILE,
	SCANNER_PIPE,
	SCANNER_OUT,
	SCANNER_KNOWN,
	SCANNER_DESCRIPTORS
};

/*
 * The mailbox is descriptor 3, and what writes may only go to the pipe and
 * the view.  mmap and mremap are malloc's.
 */
#define SCANNER_TO(call, which) \
	{ \
		call, 0, UINT32_MAX, 3 + (which) \
	}

/* clang-format off */
static const struct filter_rule scanner_rules[] = {
	{ __NR_pread64,           FILTER_ANY, 0, 0 },
	{ __NR_read,              FILTER_ANY, 0, 0 },
	SCANNER_TO(__NR_write,    SCANNER_PIPE),
	SCANNER_TO(__NR_write,    SCANNER_OUT),
	SCANNER_TO(__NR_pwrite64, SCANNER_OUT),
	SCANNER_TO(__NR_lseek,    SCANNER_OUT),
	SCANNER_TO(__NR_ftruncate, SCANNER_OUT),
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

/* What it found to the pipe; a parent that has gone needs none. */
static _Noreturn void
scanner_end(int to, const struct scanner_result *result)
{
	(void)!write_full(to, result, sizeof(*result));
	_exit(0);
}

/* The job, with the descriptors that this process has it by. */
static int
scanner_work(const struct scanner_job *job, const int *keep,
    const struct crypto *crypto, struct scanner_result *result)
{
	struct scan_job scan = {
	    .file = keep[SCANNER_FILE],
	    .stamp = job->stamp,
	    .crypto = crypto,
	    .out = keep[SCANNER_OUT],
	    .window = SCAN_WINDOW,
	};
	struct kept known;

	if (job->out == -1)
		return scan_message(
		    scan.file, job->place, job->end, crypto, &result->message);
	if (job->known != NULL) {
		known = *job->known;
		known.view.fd = keep[SCANNER_KNOWN];
		scan.known = &known;
	}
	return scan_mbox(&scan, &result->size);
}

static _Noreturn void
scanner_run(const struct scanner_job *job, int to)
{
	int keep[SCANNER_DESCRIPTORS] = {job->file, to, job->out};
	size_t count = SCANNER_KNOWN;
	const struct crypto *crypto;
	struct scanner_result result;

	memset(&result, 0, sizeof(result));
	platform_hide();
	if (job->out == -1)
		count = SCANNER_OUT;
	else if (job->known != NULL)
		keep[count++] = job->known->view.fd;
	if (filter_descriptors(keep, count) == -1)
		_exit(1);
	/* It opens files: before the filter. */
	crypto = crypto_load();
	if (crypto == NULL) {
		result.error = ELIBACC;
		scanner_end(keep[SCANNER_PIPE], &result);
	}
	if (platform_no_new_privileges() == -1 ||
	    filter_install(scanner_rules, ARRAY_SIZE(scanner_rules)) == -1) {
		result.error = errno;
		scanner_end(keep[SCANNER_PIPE], &result);
	}
	if (scanner_work(job, keep, crypto, &result) == -1)
		result.error = errno;
	scanner_end(keep[SCANNER_PIPE], &result);
}

/* The scanner's result, or -1 with errno and, if it died, how in *status. */
static int
scanner_result(struct lock *lock, pid_t pid, int from,
    struct scanner_result *result, int *status)
{
	ssize_t got = -1;
	int number = EIO;

	if (lock_wait(lock, from) == 0)
		got = read_full(from, result, sizeof(*result));
	else {
		number = errno;
		(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR)
			return -1;
	if (got == (ssize_t)sizeof(*result))
		return 0;
	errno = number;
	return -1;
}

/* Run a job; -1 with error, or 0 with a result, which may be a failure. */
static int
scanner_do(struct lock *lock, const struct scanner_job *job,
    struct scanner_result *result, struct mailbox_error *error)
{
	int ends[2], status = 0, failed;
	const char *why;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: pipe: %s", lock->path, strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid == 0)
		scanner_run(job, ends[1]);
	close(ends[1]);
	failed = pid == -1 ?
	    -1 :
	    scanner_result(lock, pid, ends[0], result, &status);
	why = strerror(errno);
	close(ends[0]);
	if (failed == 0)
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner died of signal %d", lock->path,
		    WTERMSIG(status));
	else
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner failed: %s", lock->path, why);
	return -1;
}

/* A scanner's errno as words and a code. */
static void
scanner_failed(const struct lock *lock, int number, struct mailbox_error *error)
{
	switch (number) {
	case EINVAL:
		mailbox_fail(error, CODE_PERMANENT, "mailbox is not an mbox",
		    "%s: does not begin as an mbox", lock->path);
		break;
	case EFBIG:
		mailbox_fail(error, CODE_PERMANENT,
		    "mailbox has too many messages",
		    "%s: more than %u messages", lock->path, VIEW_MESSAGES_MAX);
		break;
	case ESTALE:
		mailbox_fail(error, CODE_TEMPORARY, "mailbox has changed",
		    "%s: became shorter while it was locked", lock->path);
		break;
	case ELIBACC:
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "pop3d-crypto.so cannot be loaded");
		break;
	default:
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner: %s", lock->path, strerror(number));
		break;
	}
}

/* The view that was made; -1 with errno when it is none. */
static int
scanner_view(int out, const struct view_stamp *stamp, const struct kept *known,
    struct view_parts *view)
{
	struct view_parts made;
	struct view_head head;
	int base = -1;

	if (pread_full(out, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    head.base > 0 && known != NULL)
		base = known->view.fd;
	if (view_parts_open(&made, out, base) == 0 &&
	    made.head.format == VIEW_MBOX &&
	    memcmp(&made.head.stamp, stamp, sizeof(*stamp)) == 0) {
		*view = made;
		return 0;
	}
	errno = EBADMSG;
	return -1;
}

int
scanner_mbox(struct lock *lock, const struct view_stamp *stamp,
    const struct kept *known, struct view_parts *view,
    struct mailbox_error *error)
{
	struct scanner_job job = {
	    .file = lock->file, .stamp = stamp, .known = known};
	struct scanner_result result;

	job.out = platform_memory_file("pop3d-view");
	if (job.out == -1) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: memory file: %s", lock->path, strerror(errno));
		return -1;
	}
	if (scanner_do(lock, &job, &result, error) == 0) {
		if (result.error == 0 &&
		    scanner_view(job.out, stamp, known, view) == 0)
			return 0;
		scanner_failed(
		    lock, result.error != 0 ? result.error : errno, error);
	}
	close(job.out);
	return -1;
}

enum channel_code
scanner_message(struct lock *lock, uint64_t place, uint64_t end,
    struct view_message *message, struct mailbox_error *error)
{
	struct scanner_job job = {
	    .file = lock->file, .out = -1, .place = place, .end = end};
	struct scanner_result result;

	if (scanner_do(lock, &job, &result, error) == -1)
		return error->code;
	if (result.error == EINVAL || result.error == ESTALE)
		return CODE_CHANGED;
	if (result.error != 0) {
		scanner_failed(lock, result.error, error);
		return error->code;
	}
	*message = result.message;
	return CODE_OK;
}
