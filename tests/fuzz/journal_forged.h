/*
 * journal_forged.h - journals made of the input, with right sums.
 */

#ifndef JOURNAL_FORGED_H
#define JOURNAL_FORGED_H

#include <sys/stat.h>

#include "journal/format.h"

#define RANGES_MOST 48
#define FILE_MOST 9000
#define FILE_LARGE 600000 /* more than two of the journal's buffers */
#define WINDOW_MOST 4096

struct text {
	unsigned char *p;
	size_t size;
};

struct world {
	struct journal_place place;
	int file;
	struct text text; /* what the file holds, or should */
	struct journal_range ranges[RANGES_MOST];
	size_t count;
	struct text whole; /* what it held before it was shortened */
	bool aside;        /* NAME.aside is there */
};

/* Ranges in order within size octets. */
static void
take_ranges(struct world *w, struct input *in, uint64_t size)
{
	size_t most = 1 + take(in, 1) % RANGES_MOST;
	uint64_t at = 0, scale = 1 + take(in, 1);

	for (w->count = 0; w->count < most && at < size; w->count++) {
		struct journal_range *r = &w->ranges[w->count];

		r->offset = at + take(in, 1) * scale;
		if (r->offset >= size)
			break;
		r->length = 1 + take(in, 1) * scale;
		if (r->length > size - r->offset)
			r->length = size - r->offset;
		at = r->offset + r->length;
	}
}

/* A journal that we make, in parts. */
struct forged {
	struct header header;
	struct record record, older;
	unsigned char window[WINDOW_MOST];
	unsigned torn; /* 1: no other record; 2: no window */
};

/* Where in the file the octet at d of the shortened one is. */
static uint64_t
forged_source(const struct world *w, uint64_t d)
{
	for (size_t i = 0; i < w->count && w->ranges[i].offset <= d; i++)
		d += w->ranges[i].length;
	return d;
}

static void
forge_header(struct world *w, struct input *in, struct header *h, uint64_t size)
{
	unsigned char octets[RANGE_SIZE];
	struct journal_range *r;
	struct stat st;

	take_ranges(w, in, size);
	if (w->count > 1 && take(in, 1) % 8 == 0) {
		r = &w->ranges[take(in, 1) % w->count];
		r->offset -= take(in, 1);
		r->length += take(in, 1);
	}
	MUST(fstat(w->file, &st) == 0);
	h->device = (uint64_t)st.st_dev;
	h->inode = (uint64_t)st.st_ino;
	h->count = w->count;
	h->first = w->count == 0 ? 0 : w->ranges[0].offset;
	for (size_t i = 0; i < w->count; i++) {
		h->end = w->ranges[i].offset + w->ranges[i].length;
		h->removed += w->ranges[i].length;
		range_put(octets, &w->ranges[i]);
		h->ranges_sum = sum64(h->ranges_sum, octets, sizeof(octets));
	}
	h->data_at = data_place(w->count);
	h->data_size = take(in, 2);
}

/* A window somewhere, or right behind what is moved. */
static void
forge_window(struct world *w, struct input *in, struct forged *f)
{
	struct record *r = &f->record;
	uint64_t kind = take(in, 1), seed = 1 + kind;
	const void *octets = f->window;
	size_t i;

	for (i = 0; i < sizeof(f->window); i++)
		f->window[i] = (unsigned char)('0' + chance(&seed) % 10);
	r->window_at = forged_source(w, r->moved);
	if (kind % 8 == 7)
		r->window_at += take(in, 1);
	r->window_size = take_most(in, WINDOW_MOST);
	if (kind % 8 == 6 || r->window_at > w->text.size)
		return;
	if (r->window_size > f->header.data_size)
		r->window_size = f->header.data_size;
	if (r->window_size > w->text.size - r->window_at)
		r->window_size = w->text.size - r->window_at;
	if (kind % 4 == 1)
		octets = w->text.p + r->window_at;
	if (kind % 8 != 5)
		r->window_sum = sum64(0, octets, r->window_size);
}

/* What the file has at the mark's place, where bits say so the mark's. */
static void
forge_mark(struct world *w, struct input *in, struct record *r)
{
	uint64_t seed = 77, mixed = take(in, 2), place;
	unsigned char *p;

	for (size_t i = 0; i < MARK_SIZE; i++)
		r->mark[i] = (unsigned char)chance(&seed);
	if (r->size < REMOVED_LEAST)
		return;
	place = mark_place(r->size);
	if (place + MARK_SIZE > w->text.size)
		return;
	p = w->text.p + place;
	memcpy(r->under, p, MARK_SIZE);
	for (size_t i = 0; i < MARK_SIZE; i++)
		if ((mixed >> i & 1) != 0)
			p[i] = r->mark[i];
}

static void
forge_record(struct world *w, struct input *in, struct forged *f, uint64_t size)
{
	struct record *r = &f->record;
	uint64_t left = size - f->header.removed, zeros;

	if (f->header.removed > size)
		left = 0;
	r->sequence = take(in, 1);
	r->size = size;
	if (take(in, 1) % 3 == 0) {
		r->phase = PHASE_MARKED;
		r->moved = left;
		zeros = take(in, 1);
		if (zeros % 4 == 0)
			memset(w->text.p + left, 0, w->text.size - left);
		if (zeros % 8 == 4)
			w->text.p[left + zeros % (w->text.size - left + 1)] =
			    'x';
	} else {
		r->phase = PHASE_MOVING;
		r->moved = f->header.first;
		if (left > r->moved)
			r->moved += take_most(in, left - r->moved);
		forge_window(w, in, f);
	}
	forge_mark(w, in, r);
	f->older = *r;
	f->older.window_size = 0;
}

/* Some of the numbers become others. */
static void
forge_lies(struct input *in, struct forged *f)
{
	static const uint64_t values[] = {0, 1, 15, 31, 32, 4096, INT64_MAX,
	    INT64_MAX - 4096, UINT64_MAX, UINT64_MAX - 15};
	struct header *h = &f->header;
	struct record *r = &f->record;
	uint64_t *const fields[] = {&h->device, &h->inode, &h->count, &h->first,
	    &h->end, &h->removed, &h->ranges_sum, &h->data_at, &h->data_size,
	    &r->sequence, &r->size, &r->moved, &r->window_at, &r->window_size,
	    &r->window_sum};
	uint64_t lies = take(in, 1) % 4, kind;

	for (; lies > 0; lies--) {
		uint64_t *field = fields[take(in, 1) % ARRAY_SIZE(fields)];

		kind = take(in, 1);
		if (kind < ARRAY_SIZE(values))
			*field = values[kind];
		else if (kind < 128)
			*field += kind - 64;
		else
			*field = take(in, kind < 192 ? 2 : 8);
	}
	f->torn = (unsigned)take(in, 1) % 4;
	f->older.sequence = r->sequence - 1;
}

static void
forge_put(const struct world *w, const struct forged *f)
{
	size_t data = (size_t)data_place(w->count), window = sizeof(f->window);
	unsigned char *journal = calloc(1, data + window);

	header_put(journal, &f->header);
	if ((f->torn & 1) == 0)
		record_put(journal + SLOT_AT(f->older.sequence), &f->older);
	record_put(journal + SLOT_AT(f->record.sequence), &f->record);
	for (size_t i = 0; i < w->count; i++)
		range_put(journal + RANGES_AT + i * RANGE_SIZE, &w->ranges[i]);
	if ((f->torn & 2) == 0)
		memcpy(journal + data, f->window, window);
	else
		window = 0;
	file_put(w->place.directory, "j", journal, data + window);
	free(journal);
}

#endif
