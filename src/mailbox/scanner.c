/*
 * scanner.c - reading a mailbox in a child that can do nothing else.
 *
 * Mail is what strangers wrote, and the back owns the mailbox: so it does not
 * parse it.  The scanner has a descriptor of the mailbox that it can only
 * read by its list of system calls, one to write the view to, and a pipe for
 * its result, whose end tells that it is done.
 */

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
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
/* clang-format off */
static const struct filter_rule scanner_rules[] = {
	{ __NR_pread64,           FILTER_ANY, 0, 0 },
	{ __NR_read,              FILTER_ANY, 0, 0 },
	FILTER_TO(__NR_write,     3 + SCANNER_PIPE),
	FILTER_TO(__NR_write,     3 + SCANNER_OUT),
	FILTER_TO(__NR_pwrite64,  3 + SCANNER_OUT),
	FILTER_TO(__NR_lseek,     3 + SCANNER_OUT),
	FILTER_TO(__NR_ftruncate, 3 + SCANNER_OUT),
	FILTER_MEMORY,
	FILTER_ALWAYS,
};
/* clang-format on */

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

static void
scanner_run(const void *own, int to)
{
	const struct scanner_job *job = own;
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
		child_end(keep[SCANNER_PIPE], &result, sizeof(result));
	}
	if (platform_no_new_privileges() == -1 ||
	    filter_install(scanner_rules, ARRAY_SIZE(scanner_rules)) == -1) {
		result.error = errno;
		child_end(keep[SCANNER_PIPE], &result, sizeof(result));
	}
	if (scanner_work(job, keep, crypto, &result) == -1)
		result.error = errno;
	child_end(keep[SCANNER_PIPE], &result, sizeof(result));
}

/* Run a job; -1 with error, or 0 with a result, which may be a failure. */
static int
scanner_do(struct lock *lock, const struct scanner_job *job,
    struct scanner_result *result, struct mailbox_error *error)
{
	int status;

	if (child_run(
		scanner_run, job, lock, result, sizeof(*result), &status) == 0)
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner died of signal %d", lock->path,
		    WTERMSIG(status));
	else
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be read",
		    "%s: scanner failed: %s", lock->path, strerror(errno));
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
		    child_view(job.out, known, VIEW_MBOX, view) == 0)
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
