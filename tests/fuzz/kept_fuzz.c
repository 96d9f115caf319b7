/*
 * kept_fuzz.c - a kept view and the mbox that it is of, or is not: what the
 * scan makes of both.
 *
 * The mbox grows in up to three steps, and the view of each is kept for the
 * next: then what comes out is what a scan of the whole finds.  Or the kept
 * file is changed: without right sums nobody must believe it, with them (the
 * user may write what he likes) it may only be wrong.
 */

#include "world.h"

#include <errno.h>

#include "mailbox/scan_parts.h"

#define KEPT "v"
#define STAGES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two sums, so that messages differ; the real one only costs time. */
static int
fuzz_sha256(const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256])
{
	uint64_t sum = view_check(octets, length);

	memset(digest, 0, CRYPTO_SHA256);
	memcpy(digest, &sum, sizeof(sum));
	return 0;
}

static const struct crypto crypto = {fuzz_sha256};

/* What stands behind a kept view (kept.c). */
struct tail {
	uint64_t magic, size, sum, settled;
	struct view_stamp stamps[KEPT_STAMPS];
	uint64_t head, check;
};

/* A scan's view, as the front would get it. */
struct seen {
	struct view_parts parts; /* the base is that of another */
	struct view view;
	void *data; /* NULL: no view */
};

struct world {
	int folder; /* of the kept file */
	int file;   /* the mbox */
};

static void
seen_free(struct seen *seen)
{
	if (seen->parts.fd != -1)
		close(seen->parts.fd);
	free(seen->data);
	seen->data = NULL;
	seen->parts.fd = -1;
}

/* False when it is no mbox. */
static bool
seen_scan(const struct world *w, uint64_t size, const struct kept *known,
    struct seen *seen)
{
	struct view_stamp stamp = {.size = size};
	struct scan_job job = {
	    .file = w->file,
	    .stamp = &stamp,
	    .known = known,
	    .crypto = &crypto,
	    .window = SCAN_WINDOW_LEAST,
	};
	struct view_message m;
	struct view_head head;
	uint64_t length;
	int base = -1;

	memset(seen, 0, sizeof(*seen));
	seen->parts.fd = job.out = platform_memory_file("view");
	MUST(job.out != -1);
	if (scan_mbox(&job, &length) == -1) {
		MUST(errno == EINVAL);
		seen_free(seen);
		return false;
	}
	MUST(pread_full(job.out, &head, sizeof(head), 0) == sizeof(head));
	if (head.base > 0) {
		MUST(known != NULL);
		base = known->view.fd;
	}
	MUST(head.count >= head.base && head.names_size == 0);
	MUST(length ==
	    sizeof(head) +
		(head.count - head.base) * sizeof(struct view_message));
	MUST(memcmp(&head.stamp, &stamp, sizeof(stamp)) == 0);
	MUST(view_parts_open(&seen->parts, job.out, base) == 0);
	seen->data = view_parts_load(&seen->parts, &seen->view);
	for (uint32_t i = 0; seen->data != NULL && i < head.count; i++)
		MUST(view_parts_message(&seen->parts, i, &m) == 0 &&
		    memcmp(&m, &seen->view.message[i], sizeof(m)) == 0);
	return true;
}

/* Do they say the same, but for twins' numbers and where they stand? */
static bool
seen_same(const struct seen *a, const struct seen *b, bool twins)
{
	struct view_head x = *a->view.head, y = *b->view.head;
	struct view_message m, n;

	x.base = y.base = 0;
	if (memcmp(&x, &y, sizeof(x)) != 0)
		return false;
	for (uint32_t i = 0; i < x.count; i++) {
		m = a->view.message[i];
		n = b->view.message[i];
		if (!twins)
			m.twin = n.twin = 0;
		if (memcmp(&m, &n, sizeof(m)) != 0)
			return false;
	}
	return true;
}

/* No unique-id is there twice, and none has become another's. */
static void
twins_check(const struct view *view, const struct view *before)
{
	const struct view_message *m = view->message, *n;
	uint32_t i, k;

	for (i = 0; i < view->head->count; i++)
		for (k = 0; k < i; k++)
			MUST(m[i].twin != m[k].twin ||
			    memcmp(m[i].digest, m[k].digest, VIEW_DIGEST) != 0);
	for (i = 0; before != NULL && i + 1 < before->head->count; i++) {
		n = &before->message[i];
		MUST(i < view->head->count && m[i].place == n->place);
		MUST(m[i].twin == n->twin);
	}
}

static void
keep(const struct world *w, const struct seen *seen)
{
	struct kept kept = {.view = seen->parts, .settled = 1};

	MUST(kept_write(w->folder, KEPT, &kept, NULL) == 0);
}

/* Each stage from what the one before has left. */
static void
fuzz_grown(const struct world *w, const uint64_t size[STAGES])
{
	struct seen seen = {.parts = {.fd = -1}}, truth, last;
	struct kept kept;

	for (int i = 0; i < STAGES; i++) {
		bool is = seen_scan(w, size[i], NULL, &truth);
		bool known = kept_open(w->folder, KEPT, VIEW_MBOX, &kept) == 0;

		last = seen;
		MUST(known == (last.data != NULL));
		MUST(seen_scan(w, size[i], known ? &kept : NULL, &seen) == is);
		if (is) {
			MUST(truth.data != NULL && seen.data != NULL);
			MUST(seen_same(&truth, &seen, !known));
			twins_check(&seen.view, known ? &last.view : NULL);
			keep(w, &seen);
		} else
			(void)unlinkat(w->folder, KEPT, 0);
		view_parts_close(&kept.view);
		seen_free(&truth);
		seen_free(&last);
	}
	seen_free(&seen);
}

/* The sums of these octets, which end in a tail; false: there is no room. */
static bool
seal(uint8_t *octets, size_t size)
{
	struct kept_sum sum;
	struct tail tail;

	if (size < sizeof(struct view_head) + sizeof(tail))
		return false;
	size -= sizeof(tail);
	memcpy(&tail, octets + size, sizeof(tail));
	tail.size = size;
	kept_sum_init(&sum);
	kept_sum_put(&sum, octets, size);
	tail.sum = kept_sum_end(&sum);
	tail.head = view_check(octets, sizeof(struct view_head));
	tail.check = view_check(&tail, offsetof(struct tail, check));
	memcpy(octets + size, &tail, sizeof(tail));
	return true;
}

/* Changes: where, and what. */
static void
change(struct input *in, uint8_t *octets, size_t size)
{
	uint64_t changes = take(in, 1) % 6, kind;
	size_t at, n;

	for (; changes > 0; changes--) {
		at = take(in, 2);
		kind = take(in, 1);
		n = 1U << kind % 4;
		/* Most places are in the head or where a number begins. */
		if (kind < 128)
			at &= ~(size_t)7;
		at %= size;
		if (n > size - at)
			n = size - at;
		for (; n > 0; n--, at++)
			octets[at] = (kind & 16) != 0 ?
			    (uint8_t)(octets[at] + take(in, 1)) :
			    (uint8_t)take(in, 1);
	}
}

static bool
kept_believed(const struct world *w)
{
	struct kept kept;
	bool believed = kept_open(w->folder, KEPT, VIEW_MBOX, &kept) == 0 &&
	    kept_whole(&kept);

	view_parts_close(&kept.view);
	return believed;
}

/*
 * Make the kept file of a view of so many octets, and change it; false: they
 * are no mbox.  What has changed, and no right sums, must be known by that.
 */
static bool
kept_forge(const struct world *w, struct input *in, uint64_t kind, uint64_t of)
{
	struct seen seen;
	uint8_t *octets, *real;
	size_t size, was;
	bool changed;

	if (!seen_scan(w, of, NULL, &seen))
		return false;
	keep(w, &seen);
	seen_free(&seen);
	octets = file_get(w->folder, KEPT, &size);
	MUST(octets != NULL && kept_believed(w));
	was = size;
	real = malloc(size);
	memcpy(real, octets, size);
	MUST(seal(octets, size) && memcmp(octets, real, size) == 0);
	change(in, octets, size);
	if ((kind & 4) != 0)
		size -= take(in, 2) % size;
	changed = size != was || memcmp(octets, real, size) != 0;
	if ((kind & 8) == 0)
		(void)seal(octets, size);
	file_put(w->folder, KEPT, octets, size);
	MUST((kind & 8) == 0 || kept_believed(w) == !changed);
	free(octets);
	free(real);
	return true;
}

/* Whatever it says, it can be read or is refused. */
static void
fuzz_use(const struct kept *kept)
{
	struct view view;
	struct view_message m;
	char name[256];
	void *data;
	uint32_t i;

	for (i = 0; i < kept->view.head.count && i < 100; i++) {
		if (view_parts_message(&kept->view, i, &m) == -1)
			continue;
		memset(name, 'x', sizeof(name));
		if (view_parts_name(&kept->view, m.place, name, sizeof(name)) ==
		    0)
			MUST(memchr(name, '\0', sizeof(name)) != NULL);
	}
	MUST(view_parts_message(&kept->view, kept->view.head.count, &m) == -1);
	data = view_parts_load(&kept->view, &view);
	MUST(data != NULL || errno == EBADMSG || errno == ENOMEM);
	free(data);
}

/* The kept file is none, or says what is not true. */
static void
fuzz_changed(const struct world *w, uint64_t size)
{
	struct seen truth, seen;
	struct kept kept, other;
	bool is, whole, same;

	if (kept_open(w->folder, KEPT, VIEW_MAILDIR, &other) == 0) {
		(void)kept_whole(&other);
		fuzz_use(&other);
		view_parts_close(&other.view);
	}
	if (kept_open(w->folder, KEPT, VIEW_MBOX, &kept) == -1)
		return;
	whole = kept_whole(&kept);
	fuzz_use(&kept);
	is = seen_scan(w, size, NULL, &truth);
	same = seen_scan(w, size, &kept, &seen) == is;
	MUST(whole || same);
	if (is && !whole) {
		MUST(truth.data != NULL && seen.data != NULL);
		MUST(seen.parts.base == -1);
		MUST(seen_same(&truth, &seen, true));
	}
	seen_free(&truth);
	seen_free(&seen);
	view_parts_close(&kept.view);
}

/* A kept file of the input's octets, which may be with right sums. */
static void
kept_raw(const struct world *w, struct input *in, uint64_t kind)
{
	size_t size = take(in, 2);
	uint8_t *octets;

	if (size > in->left)
		size = in->left;
	octets = malloc(size + 1);
	memcpy(octets, in->p, size);
	in->p += size;
	in->left -= size;
	if ((kind & 8) == 0)
		(void)seal(octets, size);
	file_put(w->folder, KEPT, octets, size);
	free(octets);
}

/*
 * The input: what kind it is, the mbox's size at first and by what it grew
 * then, for a kept file that is changed the changes or all of it, the mbox.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int folder = -1;
	struct world w = {.file = platform_memory_file("mbox")};
	struct input in = {data, size}, changes;
	uint64_t kind = take(&in, 1), stage[STAGES];

	if (folder == -1)
		folder = folder_open();
	w.folder = folder;
	stage[0] = take(&in, 2);
	stage[1] = stage[0] + take(&in, 2);
	changes = in;
	if (kind % 4 == 1) {
		changes.left = take(&in, 1) % 64;
		changes.p = in.p;
		if (changes.left > in.left)
			changes.left = in.left;
		in.p += changes.left;
		in.left -= changes.left;
	} else if (kind % 4 == 2)
		kept_raw(&w, &in, kind);
	stage[2] = in.left;
	for (int i = STAGES - 2; i >= 0; i--)
		if (stage[i] > stage[i + 1])
			stage[i] = stage[i + 1];
	MUST(w.file != -1 && pwrite_full(w.file, in.p, in.left, 0) == 0);
	if (kind % 4 == 1 && kept_forge(&w, &changes, kind, stage[0]))
		fuzz_changed(&w, stage[2]);
	else if (kind % 4 == 2)
		fuzz_changed(&w, stage[2]);
	else
		fuzz_grown(&w, stage);
	(void)unlinkat(w.folder, KEPT, 0);
	close(w.file);
	return 0;
}
