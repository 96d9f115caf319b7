/*
 * maildir_scan.c - what a Maildir's messages are.
 *
 * Sizes come from the name, else from an earlier session's view (a message's
 * file never changes, and another one has another inode), else the file is
 * read.  One odd file costs itself.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir_scan_parts.h"
#include "wire.h"

#define SCAN_AHEAD 16           /* names fetched from memory in advance */
#define SCAN_PIECE (128 * 1024) /* octets read at once */

#define SCAN_NO_MESSAGE UINT16_MAX /* in a message's envelope: left out */

/* Sizes as its name has them; false where that does not say. */
static bool
scan_by_name(const struct maildir_entry *e, struct view_message *m)
{
	if (!maildir_name_sized(&e->is))
		return false;
	m->octets = e->is.wire;
	m->length =
	    e->is.size == MAILDIR_SIZE_UNKNOWN ? e->is.wire : e->is.size;
	m->flags = (uint16_t)(m->flags | VIEW_UNREAD);
	return !e->doubtful;
}

/* Everything of the known view's message but where it is now. */
static bool
scan_by_known(const struct view *known, uint32_t at,
    const struct maildir_entry *e, struct view_message *m)
{
	const struct view_message *then = &known->message[at];

	if (then->check != e->inode || (then->flags & VIEW_UNREAD) != 0)
		return false;
	m->length = then->length;
	m->octets = then->octets;
	m->body = then->body;
	return true;
}

static int
scan_known_order(
    const struct view *known, uint32_t at, const struct maildir_entry *e)
{
	const char *text = known->names + known->message[at].place;
	struct maildir_name name;

	maildir_name_read(&name, text, strlen(text));
	return maildir_order(&name, text, &e->is, e->name);
}

/*
 * Both are in order of delivery: walk along them together.  A view that is
 * not in order finds less, and nothing wrong.
 */
static void
scan_without_reading(struct scan *scan)
{
	const struct view *known = scan->known;
	uint32_t i, at = 0, k, most = known == NULL ? 0 : known->head->count;
	bool found;

	for (i = 0; i < scan->list.count; i++) {
		const struct maildir_entry *e = &scan->list.entries[i];
		struct view_message *m = &scan->messages[i];

		memset(m, 0, sizeof(*m));
		m->check = e->inode;
		m->flags = e->folder == MAILDIR_NEW ? VIEW_NEW : 0;
		if (scan_by_name(e, m))
			continue;
		while (at < most && scan_known_order(known, at, e) < 0)
			at++;
		found = false;
		for (k = at;
		     !found && k < most && scan_known_order(known, k, e) == 0;
		     k++)
			found = scan_by_known(known, k, e, m);
		if (!found) {
			scan->unknown[scan->unknown_count].key = e->inode;
			scan->unknown[scan->unknown_count++].index = i;
		}
	}
}

/* Count an open file's octets; -1 with errno. */
static int
scan_read(struct scan *scan, int fd, struct view_message *m)
{
	struct wire_header header;
	struct wire_count count;
	ssize_t n;

	wire_header_init(&header);
	wire_count_init(&count);
	m->length = m->body = 0;
	do {
		n = read_full(fd, scan->piece, SCAN_PIECE);
		if (n == -1)
			return -1;
		m->body += wire_header_put(&header, scan->piece, (size_t)n);
		wire_count_put(&count, scan->piece, (size_t)n);
		m->length += (uint64_t)n;
	} while (n == SCAN_PIECE && m->length <= MAILDIR_SIZE_MAX);
	m->octets = wire_count_end(&count);
	if (m->length <= MAILDIR_SIZE_MAX)
		return 0;
	errno = EFBIG;
	return -1;
}

/* Look at one file: 0; 1 when it has moved; -1, it is no message, or errno. */
static int
scan_file(
    struct scan *scan, const struct maildir_entry *e, struct view_message *m)
{
	struct stat st;
	int fd, result = -1;

	fd = openat(dirfd(scan->job->folders[e->folder]), e->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return errno == ENOENT ? 1 : -1;
	if (platform_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == scan->job->user &&
	    st.st_size <= (off_t)MAILDIR_SIZE_MAX) {
		if ((m->flags & VIEW_UNREAD) != 0)
			result = 0;
		else
			result = scan_read(scan, fd, m);
	}
	close(fd);
	return result;
}

/*
 * An error of the file's own costs that message.  What the whole system is
 * short of would cost all of them: -1 with errno.
 */
static int
scan_one(struct scan *scan, uint32_t i)
{
	scan->read++;
	errno = 0;
	switch (scan_file(scan, &scan->list.entries[i], &scan->messages[i])) {
	case 0:
		return 0;
	case 1:
		scan->moved++;
		break;
	default:
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			return -1;
		scan->odd++;
	}
	scan->messages[i].envelope = SCAN_NO_MESSAGE;
	return 0;
}

/* In the order of the disk; -1 with errno. */
static int
scan_files(struct scan *scan)
{
	uint32_t i;

	if (scan->unknown_count == 0)
		return 0;
	if (maildir_sort_keys(scan->unknown, scan->unknown_count) == -1)
		return -1;
	for (i = 0; i < scan->unknown_count; i++)
		if (scan_one(scan, scan->unknown[i].index) == -1)
			return -1;
	return 0;
}

static bool
scan_twin(const struct maildir_entry *a, const struct maildir_entry *b)
{
	return a->is.time == b->is.time && a->is.base == b->is.base &&
	    memcmp(a->name, b->name, a->is.base) == 0;
}

/* One file under two names, while others rename: it was seen twice. */
static void
scan_without_doubled(struct scan *scan)
{
	const struct maildir_entry *e = scan->list.entries;
	uint32_t i;

	for (i = 1; scan->list.changed && i < scan->list.count; i++) {
		if (e[i - 1].inode != e[i].inode ||
		    !scan_twin(&e[i - 1], &e[i]))
			continue;
		scan->messages[i].envelope = SCAN_NO_MESSAGE;
		scan->doubled++;
	}
}

/* Entries and what they are; -1 with errno. */
static int
scan_entries(struct scan *scan)
{
	uint32_t count = scan->list.count;

	free(scan->messages);
	free(scan->unknown);
	scan->messages =
	    platform_memory_large((size_t)count * sizeof(*scan->messages) + 1);
	scan->unknown = malloc((size_t)count * sizeof(*scan->unknown) + 1);
	scan->unknown_count = scan->odd = scan->moved = scan->read = 0;
	scan->doubled = 0;
	if (scan->messages == NULL || scan->unknown == NULL)
		return -1;
	scan_without_reading(scan);
	scan_without_doubled(scan);
	return scan_files(scan);
}

/* Both folders; -1 with errno. */
static int
scan_once(struct scan *scan)
{
	if (maildir_list_read(&scan->list, scan->job->folders, SCAN_TRIES) ==
	    -1)
		return -1;
	return scan_entries(scan);
}

/* Both folders, with an earlier view of them; -1 with errno. */
static int
scan_whole(struct scan *scan)
{
	const struct kept *known = scan->job->known;
	void *data = NULL;
	struct view view;
	int tries, failed = -1;

	if (known != NULL && kept_whole(known))
		data = view_parts_load(&known->view, &view);
	scan->known = data == NULL ? NULL : &view;
	for (tries = 0; tries < SCAN_TRIES; tries++) {
		failed = scan_once(scan);
		if (failed == -1 || scan->moved == 0)
			break;
	}
	scan->known = NULL;
	free(data);
	return failed;
}

/* What is in the folders; -1 with errno. */
static int
scan_folders(struct scan *scan)
{
	int more = scan_more(scan);

	if (more == 1 && (scan_entries(scan) == -1 || scan->moved > 0)) {
		memset(&scan->base, 0, sizeof(scan->base));
		more = 0;
	}
	if (more == 0)
		return scan_whole(scan);
	return more == -1 ? -1 : 0;
}

/* Leave out what is no message. */
static void
scan_pack(struct scan *scan)
{
	uint32_t i, count = 0;

	if (scan->odd == 0 && scan->moved == 0 && scan->doubled == 0)
		return;
	scan->list.names_size = 0;
	for (i = 0; i < scan->list.count; i++) {
		if (scan->messages[i].envelope == SCAN_NO_MESSAGE)
			continue;
		scan->list.entries[count] = scan->list.entries[i];
		scan->messages[count] = scan->messages[i];
		scan->list.names_size += scan->list.entries[i].is.length + 1U;
		count++;
	}
	scan->list.count = count;
}

/* A digest for a name that cannot be a unique-id, or is not the only one. */
static int
scan_digests(struct scan *scan)
{
	const struct maildir_entry *e = scan->list.entries;
	struct view_message *m = scan->messages;
	uint8_t digest[CRYPTO_SHA256];
	uint32_t i;

	for (i = 0; i < scan->list.count; i++) {
		if (e[i].is.digest)
			m[i].twin = 1;
		if (i > 0 && scan_twin(&e[i - 1], &e[i]))
			m[i].twin = m[i - 1].twin + 1;
		if (e[i].is.legal && m[i].twin == 0)
			continue;
		if (scan->job->crypto == NULL) {
			errno = ENOTSUP;
			return -1;
		}
		if (scan->job->crypto->sha256(
			e[i].name, e[i].is.base, digest) != 0) {
			errno = EIO;
			return -1;
		}
		memcpy(m[i].digest, digest, VIEW_DIGEST);
	}
	return 0;
}

static void
scan_prefetch(const struct maildir_entry *e)
{
	__builtin_prefetch(e->name);
	__builtin_prefetch(e->name + e->is.length);
}

/* The names, in the order of the messages, whose places become known. */
static int
scan_write_names(struct scan *scan, uint64_t at)
{
	char *piece = scan->piece;
	uint64_t place = scan->base.names_size;
	size_t used = 0;
	uint32_t i;

	for (i = 0; i < scan->list.count; i++) {
		const struct maildir_entry *e = &scan->list.entries[i];

		/* They lie about in memory as the folders had them. */
		if (i + SCAN_AHEAD < scan->list.count)
			scan_prefetch(&e[SCAN_AHEAD]);
		while (text_copy(piece + used, SCAN_PIECE - used, e->name,
			   e->is.length) == -1) {
			if (pwrite_full(scan->job->out, piece, used, at) == -1)
				return -1;
			at += used;
			used = 0;
		}
		used += e->is.length + 1U;
		scan->messages[i].place = place;
		place += e->is.length + 1U;
	}
	return pwrite_full(scan->job->out, piece, used, at);
}

static int
scan_write(struct scan *scan)
{
	struct view_head head = {
	    .magic = VIEW_MAGIC,
	    .format = VIEW_MAILDIR,
	    .count = scan->base.count + scan->list.count,
	    .base = scan->base.count,
	    .octets = scan->base.octets,
	    .names_size = scan->base.names_size + scan->list.names_size,
	    .base_names = scan->base.names_size,
	};
	size_t messages = scan->list.count * sizeof(struct view_message);
	uint32_t i;

	if (head.count > VIEW_MESSAGES_MAX) {
		errno = EFBIG;
		return -1;
	}
	for (i = 0; i < scan->list.count; i++)
		head.octets += scan->messages[i].octets;
	if (pwrite_full(scan->job->out, &head, sizeof(head), 0) == -1 ||
	    scan_write_names(scan, sizeof(head) + messages) == -1)
		return -1;
	return pwrite_full(
	    scan->job->out, scan->messages, messages, sizeof(head));
}

int
maildir_scan(
    const struct maildir_scan_job *job, struct maildir_scan_result *result)
{
	struct scan scan = {.job = job};
	int failed;

	memset(result, 0, sizeof(*result));
	scan.piece = malloc(SCAN_PIECE);
	if (scan.piece == NULL)
		return -1;
	failed = scan_folders(&scan);
	if (failed == 0) {
		memcpy(
		    result->stamps, scan.list.stamps, sizeof(result->stamps));
		scan_pack(&scan);
		result->count = scan.base.count + scan.list.count;
		result->odd = scan.odd;
		result->read = scan.read;
		failed = scan_digests(&scan) == -1 ? -1 : scan_write(&scan);
	}
	maildir_list_free(&scan.list);
	free(scan.messages);
	free(scan.unknown);
	free(scan.piece);
	return failed;
}
