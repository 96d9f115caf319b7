/*
 * maildir_sort.c - orders of a Maildir's files.
 *
 * Not by qsort(), which asks the system how much memory there is: the scanner
 * may not.
 */

#include <stdlib.h>
#include <string.h>

#include "maildir_list.h"

/* One octet of the keys: from to dst, in that octet's order. */
static void
maildir_sort_octet(const struct maildir_key *from, struct maildir_key *dst,
    uint32_t count, unsigned shift)
{
	uint32_t place[256] = {0}, i, n, sum = 0;

	for (i = 0; i < count; i++)
		place[from[i].key >> shift & 255]++;
	for (i = 0; i < 256; i++) {
		n = place[i];
		place[i] = sum;
		sum += n;
	}
	for (i = 0; i < count; i++)
		dst[place[from[i].key >> shift & 255]++] = from[i];
}

int
maildir_sort_keys(struct maildir_key *keys, uint32_t count)
{
	struct maildir_key *spare, *from = keys, *to, *swap;
	uint64_t differ = 0;
	unsigned shift;
	uint32_t i;

	if (count < 2)
		return 0;
	to = spare = platform_memory_large(count * sizeof(*spare));
	if (spare == NULL)
		return -1;
	for (i = 1; i < count; i++)
		differ |= keys[i].key ^ keys[0].key;
	for (shift = 0; shift < 64; shift += 8) {
		if ((differ >> shift & 255) == 0)
			continue;
		maildir_sort_octet(from, to, count, shift);
		swap = from;
		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, count * sizeof(*keys));
	free(spare);
	return 0;
}

static int
maildir_compare(const struct maildir_entry *x, const struct maildir_entry *y)
{
	int order = maildir_order(&x->is, x->name, &y->is, y->name);

	if (order == 0)
		order = x->folder - y->folder;
	return order != 0 ? order : strcmp(x->name, y->name);
}

/* Two sorted runs of from, left..middle..right, to one of dst. */
static void
maildir_merge(const struct maildir_entry *from, struct maildir_entry *dst,
    uint32_t left, uint32_t middle, uint32_t right)
{
	uint32_t a = left, b = middle, i;

	for (i = left; i < right; i++) {
		if (b == right ||
		    (a < middle && maildir_compare(&from[a], &from[b]) <= 0))
			dst[i] = from[a++];
		else
			dst[i] = from[b++];
	}
}

void
maildir_sort_entries(
    struct maildir_entry *entries, struct maildir_entry *room, uint32_t count)
{
	struct maildir_entry *from = entries, *to = room, *swap;
	uint32_t run, left, middle, right;

	for (run = 1; run < count; run *= 2) {
		for (left = 0; left < count; left = right) {
			middle = count - left > run ? left + run : count;
			right = count - middle > run ? middle + run : count;
			maildir_merge(from, to, left, middle, right);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != entries)
		memcpy(entries, from, count * sizeof(*entries));
}
