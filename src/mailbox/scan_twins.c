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

static uint32_t *
scan_twin_find(uint32_t *table, uint64_t mask,
    const struct view_message *messages, const struct view_message *m)
{
	uint64_t slot;

	memcpy(&slot, m->digest, sizeof(slot));
	for (slot &= mask; table[slot] != 0; slot = (slot + 1) & mask)
		if (memcmp(messages[table[slot] - 1].digest, m->digest,
			VIEW_DIGEST) == 0)
			break;
	return &table[slot];
}

int
scan_twins(struct view_message *messages, uint32_t count)
{
	uint32_t *table, *slot, i;
	uint64_t size = 16;

	while (size < 2 * (uint64_t)count)
		size *= 2;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		return -1;
	for (i = 0; i < count; i++) {
		slot = scan_twin_find(table, size - 1, messages, &messages[i]);
		if (*slot != 0)
			messages[i].twin = messages[*slot - 1].twin + 1;
		*slot = i + 1; /* the last of its twins; 0 is none */
	}
	free(table);
	return 0;
}
