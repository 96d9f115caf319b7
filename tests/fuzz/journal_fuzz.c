/*
 * journal_fuzz.c - journals that are none, that lie with right sums, and real
 * ones of a removal that stopped anywhere.
 *
 * Of a journal that is set aside the file must not notice.  One that is
 * finished must have done what it says: what that is, we find here in our own,
 * simple way.
 */

#include "world.h"

#include "calls.h"
#include "journal_forged.h"

#define RAW_MOST (RANGES_AT + 4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Octets of which no few are twice there; made once, for speed. */
static struct text
text_make(size_t size, size_t kind)
{
	static unsigned char pool[FILE_LARGE + 64];
	struct text text = {malloc(size + 1), size};
	uint64_t state = 88172645463325252U;

	if (pool[0] == 0)
		for (size_t i = 0; i < sizeof(pool); i++)
			pool[i] = (unsigned char)(' ' + chance(&state) % 90);
	memcpy(text.p, pool + 16 * kind, size);
	return text;
}

static struct text
text_twice(const struct text *text)
{
	struct text copy = {malloc(text->size + 1), text->size};

	memcpy(copy.p, text->p, text->size);
	return copy;
}

/* The text without the ranges. */
static struct text
text_without(const struct world *w)
{
	const struct text *whole = &w->whole;
	struct text out = {malloc(whole->size + 1), 0};
	const struct journal_range *r = w->ranges;
	size_t i, at = 0;

	for (i = 0; i <= w->count; i++, r++) {
		size_t end = i < w->count ? (size_t)r->offset : whole->size;

		memcpy(out.p + out.size, whole->p + at, end - at);
		out.size += end - at;
		at = i < w->count ? (size_t)(r->offset + r->length) : end;
	}
	return out;
}

static void
file_set(const struct world *w)
{
	MUST(ftruncate(w->file, 0) == 0 &&
	    pwrite_full(w->file, w->text.p, w->text.size, 0) == 0);
}

static bool
file_is(const struct world *w, const struct text *text)
{
	unsigned char *now = malloc(text->size + 1);
	ssize_t got = pread_full(w->file, now, text->size + 1, 0);
	bool same =
	    got == (ssize_t)text->size && memcmp(now, text->p, text->size) == 0;

	free(now);
	return same;
}

static bool
there(const struct world *w, const char *name)
{
	return faccessat(w->place.directory, name, F_OK, 0) == 0;
}

/*
 * Finish, when nothing fails: a file whose journal does not fit is as it was,
 * any other did not grow, and there is nothing to do a second time.
 */
static enum journal_state
finish(const struct world *w)
{
	struct stat before, after, end;
	enum journal_state state, again;

	MUST(fstat(w->file, &before) == 0);
	MUST(journal_finish(&w->place, w->file, &state) == 0);
	MUST(fstat(w->file, &after) == 0);
	MUST(after.st_size <= before.st_size);
	MUST(state == JOURNAL_FINISHED || file_is(w, &w->text));
	MUST(!there(w, "j") && !there(w, "j.new"));
	MUST(there(w, "j.aside") == (w->aside || state == JOURNAL_ASIDE));
	MUST(journal_finish(&w->place, w->file, &again) == 0);
	MUST(again == JOURNAL_NONE && fstat(w->file, &end) == 0 &&
	    end.st_size == after.st_size);
	return state;
}

/* Octets as a journal: pieces of the input, each with its place. */
static void
fuzz_raw(struct world *w, struct input *in)
{
	struct text journal = {calloc(1, RAW_MOST + 300), 0};
	size_t at, n, end = take_most(in, RAW_MOST);

	w->text = text_make(take_most(in, FILE_MOST), 1);
	while (in->left > 0) {
		at = take_most(in, RAW_MOST);
		n = take(in, 1);
		n = n < in->left ? n : in->left;
		memcpy(journal.p + at, in->p, n);
		in->p += n;
		in->left -= n;
	}
	file_set(w);
	file_put(w->place.directory, "j", journal.p, end);
	MUST(finish(w) == JOURNAL_ASIDE);
	free(journal.p);
}

/* MARKED: what was cut off, if it had not been yet. */
static void
expect_marked(const struct forged *f, struct text *text)
{
	const struct record *r = &f->record;
	uint64_t left = r->size - f->header.removed, i = left;
	uint64_t mark = mark_place(r->size);

	if (text->size < mark + MARK_SIZE)
		return;
	while (i < mark + MARK_SIZE && text->p[i] == 0)
		i++;
	if (i < mark + MARK_SIZE &&
	    memcmp(text->p + mark, r->mark, MARK_SIZE) != 0)
		return;
	MUST(text->size >= r->size);
	memmove(text->p + left, text->p + r->size, text->size - r->size);
	text->size -= f->header.removed;
}

/* MOVING: octet after octet of the file, or of the window while it is whole. */
static void
expect_moving(const struct world *w, const struct forged *f, struct text *text)
{
	const struct record *r = &f->record;
	size_t i, range = 0, place = (size_t)f->header.first;

	MUST(r->size <= text->size && r->moved <= text->size);
	memcpy(text->p + mark_place(r->size), r->under, MARK_SIZE);
	if ((f->torn & 2) == 0 && r->window_size > 0 &&
	    r->window_size <= WINDOW_MOST &&
	    sum64(0, f->window, r->window_size) == r->window_sum) {
		MUST(r->window_at + r->window_size <= text->size);
		memcpy(text->p + r->window_at, f->window, r->window_size);
	}
	for (i = place; i < text->size; i++) {
		if (range < w->count && i == w->ranges[range].offset) {
			i += w->ranges[range++].length - 1;
			continue;
		}
		if (place >= r->moved)
			text->p[place] = text->p[i];
		place++;
	}
	text->size = place;
}

static void
fuzz_forged(struct world *w, struct input *in)
{
	struct forged f;
	uint64_t size;

	memset(&f, 0, sizeof(f));
	w->text = text_make(take_most(in, FILE_MOST), 2);
	size = w->text.size;
	if (take(in, 1) % 4 == 0)
		size -= take_most(in, size);
	forge_header(w, in, &f.header, size);
	forge_record(w, in, &f, size);
	forge_lies(in, &f);
	file_set(w);
	forge_put(w, &f);
	if (finish(w) != JOURNAL_FINISHED)
		return;
	if (f.record.phase == PHASE_MARKED)
		expect_marked(&f, &w->text);
	else
		expect_moving(w, &f, &w->text);
	MUST(file_is(w, &w->text));
}

/* Mail that comes between, to the file and to what is expected of it. */
static void
append(struct world *w, struct input *in)
{
	uint64_t kind = take(in, 1), from = 0;
	struct text more, *text = &w->text;
	struct stat st;

	if (kind % 2 == 0)
		return;
	more = text_make(take_most(in, 3000), 3);
	/* A twin of what is, or was, at the end. */
	if ((kind & 2) != 0 && w->whole.size > 0) {
		from = take_most(in, w->whole.size - 1);
		if (more.size > w->whole.size - from)
			more.size = w->whole.size - from;
		memcpy(more.p, w->whole.p + from, more.size);
	}
	MUST(fstat(w->file, &st) == 0);
	MUST(
	    pwrite_full(w->file, more.p, more.size, (uint64_t)st.st_size) == 0);
	text->p = realloc(text->p, text->size + more.size + 1);
	memcpy(text->p + text->size, more.p, more.size);
	text->size += more.size;
	free(more.p);
}

static void
calls_arm(struct input *in)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EFBIG};
	uint64_t kind = take(in, 1);

	calls.left = (long)take(in, 2);
	if (kind % 4 != 0)
		calls.left %= 64;
	calls.once = (kind & 4) != 0;
	calls.next = (kind & 64) != 0 ? (long)take(in, 1) : -1;
	calls.half = (kind & 8) != 0;
	calls.error = errors[kind >> 4 & 3];
}

/* One octet of the journal is wrong; false: there is none. */
static bool
journal_spoil(const struct world *w, struct input *in)
{
	size_t size, at;
	unsigned char *journal = file_get(w->place.directory, "j", &size);

	if (journal == NULL)
		return false;
	at = take_most(in, size - 1);
	journal[at] ^= (unsigned char)(1 + take(in, 1) % 255);
	file_put(w->place.directory, "j", journal, size);
	free(journal);
	return true;
}

/* What is in the file now, as what it held before. */
static void
text_reread(struct world *w)
{
	free(w->text.p);
	w->text.p = file_get(w->place.directory, "f", &w->text.size);
}

static void
reserve_size(const struct world *w, uint64_t size)
{
	int fd = openat(w->place.directory, "r", O_RDWR);

	MUST(fd != -1 && ftruncate(fd, (off_t)size) == 0);
	close(fd);
}

/*
 * A reserve: the journal of another removal from this very file that was
 * stopped, where there is one, of any size.
 */
static void
reserve_put(struct world *w, struct input *in)
{
	bool begun;

	file_put(w->place.directory, "r", w->whole.p, w->whole.size);
	take_ranges(w, in, w->whole.size);
	calls.left = (long)take(in, 1);
	calls.once = false;
	calls.error = EIO;
	(void)!journal_remove(
	    &w->place, w->file, w->whole.size, w->ranges, w->count, &begun);
	calls.left = -1;
	if (there(w, "j"))
		MUST(renameat(w->place.directory, "j", w->place.directory,
			 "r") == 0);
	file_set(w);
	w->place.reserve = "r";
	if (take(in, 1) % 2 == 0)
		reserve_size(w, take_most(in, 2 * JOURNAL_RESERVE));
}

/* A removal that is stopped, again when it is finished, then finished. */
static void
fuzz_stopped(struct world *w, struct input *in)
{
	enum journal_state state;
	struct text right;
	bool begun, spoilt = false;
	uint64_t kind;
	int result;

	kind = take(in, 1);
	w->whole = text_make(
	    take_most(in, kind % 16 == 0 ? FILE_LARGE : FILE_MOST), 4);
	w->text = w->whole;
	file_set(w);
	if ((kind & 64) != 0)
		reserve_put(w, in);
	take_ranges(w, in, w->whole.size);
	calls_arm(in);
	result = journal_remove(
	    &w->place, w->file, w->whole.size, w->ranges, w->count, &begun);
	calls.left = -1;
	MUST(result == 0 || begun || !there(w, "j"));
	MUST(result == -1 || !there(w, "j"));
	w->text =
	    result == 0 || begun ? text_without(w) : text_twice(&w->whole);
	append(w, in);
	if ((kind & 16) != 0) {
		calls_arm(in);
		(void)!journal_finish(&w->place, w->file, &state);
		calls.left = -1;
		MUST(state != JOURNAL_ASIDE);
		append(w, in);
	} else if ((kind & 32) != 0)
		spoilt = journal_spoil(w, in);
	right = w->text;
	w->text.p = NULL;
	text_reread(w);
	state = finish(w);
	MUST(state != JOURNAL_ASIDE || spoilt);
	MUST(state == JOURNAL_ASIDE || file_is(w, &right));
	free(right.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w = {.file = -1};
	struct input in = {data, size};
	uint64_t kind = take(&in, 1);
	int folder;

	if (w.file == -1) {
		folder = w.place.directory = folder_open();
		w.place.name = "j";
		file_put(folder, "f", "", 0);
		w.file = openat(folder, "f", O_RDWR | O_CLOEXEC);
	}
	folder = w.place.directory;
	MUST(w.file != -1);
	w.place.space = take(&in, 3) >> (kind >> 5);
	w.place.reserve = NULL;
	w.aside = (kind & 4) != 0;
	if ((kind & 8) != 0)
		file_put(folder, "j.new", data, size);
	if (w.aside)
		file_put(folder, "j.aside", data, size);
	switch (kind % 4) {
	case 0:
		fuzz_raw(&w, &in);
		break;
	case 1:
		fuzz_forged(&w, &in);
		break;
	default:
		fuzz_stopped(&w, &in);
	}
	free(w.text.p);
	free(w.whole.p);
	w.text.p = w.whole.p = NULL;
	(void)unlinkat(folder, "j", 0);
	(void)unlinkat(folder, "r", 0);
	(void)unlinkat(folder, "j.aside", 0);
	return 0;
}
