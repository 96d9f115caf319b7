/*
 * scan_twins.c - messages that nothing tells apart but their order.
 *
 * A table of indices by digest, at most half full.  The digest is SHA-256's, so
 * its octets are as good a hash as any, and nobody can choose many that
 * fall together without as much work as it would cost him to fill the table.
 */

#include <stdlib.h>
#include <string.h>

#include "scan_parts.h"

/*
 * Slots: with few messages to find among many, hardly one of the many is
 * compared with any.
 */
#define TWINS_LEAST 4096

/* Where this digest is in the table, or would be. */
static uint64_t
twins_slot(const struct scan_twins *t, const struct view_message *m)
{
	uint64_t slot;

	memcpy(&slot, m->digest, sizeof(slot));
	for (slot &= t->mask; t->first[slot] != 0; slot = (slot + 1) & t->mask)
		if (memcmp(t->messages[t->first[slot] - 1].digest, m->digest,
			VIEW_DIGEST) == 0)
			break;
	return slot;
}

int
scan_twins_init(
    struct scan_twins *twins, struct view_message *messages, uint32_t count)
{
	uint64_t size = TWINS_LEAST, slot;
	uint32_t i;

	while (size < 2 * (uint64_t)count)
		size *= 2;
	twins->messages = messages;
	twins->count = count;
	twins->mask = size - 1;
	twins->first = calloc(size, sizeof(*twins->first));
	twins->next = calloc(size, sizeof(*twins->next));
	if (twins->first == NULL || twins->next == NULL) {
		scan_twins_free(twins);
		return -1;
	}
	for (i = 0; i < count; i++) {
		slot = twins_slot(twins, &messages[i]);
		if (twins->first[slot] == 0)
			twins->first[slot] = i + 1;
	}
	return 0;
}

void
scan_twins_free(struct scan_twins *twins)
{
	free(twins->first);
	free(twins->next);
	twins->first = twins->next = NULL;
}

void
scan_twins_after(struct scan_twins *twins, const struct view_message *message)
{
	uint64_t slot = twins_slot(twins, message);

	if (twins->first[slot] != 0 && twins->next[slot] <= message->twin)
		twins->next[slot] = message->twin + 1;
}

void
scan_twins_number(struct scan_twins *twins)
{
	uint32_t i;

	for (i = 0; i < twins->count; i++)
		twins->messages[i].twin =
		    twins->next[twins_slot(twins, &twins->messages[i])]++;
}

/* A message of an earlier view that has, or had, twins. */
struct twin {
	uint8_t digest[VIEW_DIGEST];
	uint32_t index, number;
	size_t first; /* of its digest, in the array */
	/* Of that first: how many they are, their highest number, and how many
	 * numbers are given. */
	uint32_t count, most, used;
};

static int
twin_compare_digest(const void *a, const void *b)
{
	return memcmp(a, b, VIEW_DIGEST);
}

static int
twin_compare(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;
	int order = memcmp(x->digest, y->digest, VIEW_DIGEST);

	if (order != 0)
		return order;
	return (x->index > y->index) - (x->index < y->index);
}

static void
twin_add(
    struct twin *twins, size_t *count, const struct view *known, uint32_t index)
{
	struct twin *twin = &twins[(*count)++];

	memset(twin, 0, sizeof(*twin));
	memcpy(twin->digest, known->message[index].digest, VIEW_DIGEST);
	twin->index = index;
	twin->number = known->message[index].twin;
}

/* What the first of each digest knows. */
static void
twins_group(struct twin *twins, size_t count)
{
	size_t first = 0, i;

	for (i = 0; i < count; i++) {
		if (twin_compare_digest(&twins[first], &twins[i]) != 0)
			first = i;
		twins[i].first = first;
		twins[first].count++;
		if (twins[i].number > twins[first].most)
			twins[first].most = twins[i].number;
	}
}

/*
 * All messages of known whose digest has a number above 0: in order of digest
 * and place, for the caller to free.
 */
static struct twin *
twins_find(const struct view *known, size_t *count)
{
	struct twin *twins;
	size_t numbered = 0, i;
	uint32_t at;

	*count = 0;
	twins = calloc(2 * (size_t)known->head->count + 1, sizeof(*twins));
	if (twins == NULL)
		return NULL;
	for (at = 0; at < known->head->count; at++)
		if (known->message[at].twin > 0)
			twin_add(twins, &numbered, known, at);
	qsort(twins, numbered, sizeof(*twins), twin_compare_digest);
	i = numbered;
	for (at = 0; numbered > 0 && at < known->head->count; at++)
		if (bsearch(known->message[at].digest, twins, numbered,
			sizeof(*twins), twin_compare_digest) != NULL)
			twin_add(twins, &i, known, at);
	*count = i - numbered;
	memmove(twins, twins + numbered, *count * sizeof(*twins));
	qsort(twins, *count, sizeof(*twins), twin_compare);
	twins_group(twins, *count);
	return twins;
}

/* The next number for a message, of those of its digest. */
static void
twin_give(struct twin *twins, size_t count, struct view_message *message)
{
	struct twin *twin = bsearch(
	    message->digest, twins, count, sizeof(*twins), twin_compare_digest);

	if (twin == NULL)
		return;
	twin = &twins[twin->first];
	if (twin->used < twin->count)
		message->twin = twin[twin->used].number;
	else
		message->twin = twin->most + 1 + twin->used - twin->count;
	twin->used++;
}

int
scan_twins_known(
    struct view_message *messages, uint32_t count, const struct view *known)
{
	size_t found;
	struct twin *twins = twins_find(known, &found);
	uint32_t i;

	if (twins == NULL)
		return -1;
	for (i = 0; found > 0 && i < count; i++)
		twin_give(twins, found, &messages[i]);
	free(twins);
	return 0;
}
