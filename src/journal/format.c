/*
 * format.c - journals to octets and back.
 */

#include <string.h>

#include "format.h"

#define COPY_SIZE (BLOCK_SIZE / 2)
#define SUM_AT (COPY_SIZE - 8)

static const char header_magic[] = "pop3dJH1", record_magic[] = "pop3dJR1";

/* Written out, compilers make one load of it; a loop was four times slower. */
static uint64_t
number_load(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	    (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
	    (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static void
number_store(unsigned char *p, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (unsigned char)(n >> (8 * i));
}

#define LANES 4

static uint64_t
mix(uint64_t sum, uint64_t n)
{
	sum = (sum ^ n) * 0xff51afd7ed558ccdU;
	return sum ^ sum >> 32;
}

/*
 * In lanes of eight octets: a whole window is summed before it is written, and
 * sums of single octets took longer than the disk.
 */
uint64_t
sum64(uint64_t sum, const void *octets, size_t length)
{
	const unsigned char *p = octets;
	unsigned char rest[LANES * 8] = {0};
	uint64_t lanes[LANES];

	for (unsigned i = 0; i < LANES; i++)
		lanes[i] = mix(sum + i, length);
	for (; length >= sizeof(rest);
	     p += sizeof(rest), length -= sizeof(rest)) {
		for (unsigned i = 0; i < LANES; i++)
			lanes[i] = mix(lanes[i], number_load(p + 8 * i));
	}
	memcpy(rest, p, length);
	for (unsigned i = 0; i < LANES; i++)
		sum = mix(sum, mix(lanes[i], number_load(rest + 8 * i)));
	return sum;
}

/* The magic stands in the first copy; the second is made from the first. */
static void
block_seal(unsigned char block[BLOCK_SIZE], const char *magic)
{
	memcpy(block, magic, 8);
	number_store(block + SUM_AT, sum64(0, block, SUM_AT));
	memcpy(block + COPY_SIZE, block, COPY_SIZE);
}

/* The first whole copy, behind its magic; NULL when there is none. */
static const unsigned char *
block_open(const unsigned char block[BLOCK_SIZE], const char *magic)
{
	const unsigned char *copy = block;

	for (int i = 0; i < 2; i++, copy += COPY_SIZE) {
		if (memcmp(copy, magic, 8) == 0 &&
		    number_load(copy + SUM_AT) == sum64(0, copy, SUM_AT))
			return copy + 8;
	}
	return NULL;
}

static void
take(const unsigned char **p, uint64_t *n)
{
	*n = number_load(*p);
	*p += 8;
}

static void
give(unsigned char **p, uint64_t n)
{
	number_store(*p, n);
	*p += 8;
}

void
header_put(unsigned char block[BLOCK_SIZE], const struct header *header)
{
	unsigned char *p = block + 8;

	memset(block, 0, BLOCK_SIZE);
	give(&p, header->device);
	give(&p, header->inode);
	give(&p, header->count);
	give(&p, header->first);
	give(&p, header->end);
	give(&p, header->removed);
	give(&p, header->ranges_sum);
	give(&p, header->data_at);
	give(&p, header->data_size);
	block_seal(block, header_magic);
}

static bool
header_sane(const struct header *header)
{
	const uint64_t most = INT64_MAX;

	if (header->end > most || header->first > header->end ||
	    header->removed < REMOVED_LEAST ||
	    header->removed > header->end - header->first)
		return false;
	/* A range is an octet at least, so the product cannot overflow. */
	if (header->count == 0 || header->count > header->removed ||
	    header->count > most / RANGE_SIZE / 4)
		return false;
	return header->data_at == data_place(header->count) &&
	    header->data_size <= most - header->data_at;
}

enum block_state
header_get(struct header *header, const unsigned char block[BLOCK_SIZE])
{
	const unsigned char *p = block_open(block, header_magic);

	if (p == NULL)
		return BLOCK_TORN;
	take(&p, &header->device);
	take(&p, &header->inode);
	take(&p, &header->count);
	take(&p, &header->first);
	take(&p, &header->end);
	take(&p, &header->removed);
	take(&p, &header->ranges_sum);
	take(&p, &header->data_at);
	take(&p, &header->data_size);
	return header_sane(header) ? BLOCK_GOOD : BLOCK_WRONG;
}

void
record_put(unsigned char block[BLOCK_SIZE], const struct record *record)
{
	unsigned char *p = block + 8;

	memset(block, 0, BLOCK_SIZE);
	give(&p, record->sequence);
	give(&p, (uint64_t)record->phase);
	give(&p, record->size);
	give(&p, record->moved);
	give(&p, record->window_at);
	give(&p, record->window_size);
	give(&p, record->window_sum);
	memcpy(p, record->mark, MARK_SIZE);
	memcpy(p + MARK_SIZE, record->under, MARK_SIZE);
	block_seal(block, record_magic);
}

static bool
record_sane(const struct record *record, const struct header *header)
{
	uint64_t left;

	if (record->size > INT64_MAX || record->size < header->end)
		return false;
	left = record->size - header->removed;
	if (record->moved < header->first || record->moved > left)
		return false;
	if (record->phase == PHASE_MARKED)
		return record->moved == left && record->window_size == 0;
	return record->window_size == 0 ||
	    (record->window_size <= header->data_size &&
		record->window_at > record->moved &&
		record->window_at <= left &&
		record->window_size <= left - record->window_at);
}

enum block_state
record_get(struct record *record, const struct header *header,
    const unsigned char block[BLOCK_SIZE])
{
	const unsigned char *p = block_open(block, record_magic);
	uint64_t phase;

	if (p == NULL)
		return BLOCK_TORN;
	take(&p, &record->sequence);
	take(&p, &phase);
	take(&p, &record->size);
	take(&p, &record->moved);
	take(&p, &record->window_at);
	take(&p, &record->window_size);
	take(&p, &record->window_sum);
	memcpy(record->mark, p, MARK_SIZE);
	memcpy(record->under, p + MARK_SIZE, MARK_SIZE);
	if (phase != PHASE_MOVING && phase != PHASE_MARKED)
		return BLOCK_WRONG;
	record->phase = (enum phase)phase;
	return record_sane(record, header) ? BLOCK_GOOD : BLOCK_WRONG;
}

void
range_put(unsigned char octets[RANGE_SIZE], const struct journal_range *range)
{
	number_store(octets, range->offset);
	number_store(octets + 8, range->length);
}

void
range_get(struct journal_range *range, const unsigned char octets[RANGE_SIZE])
{
	range->offset = number_load(octets);
	range->length = number_load(octets + 8);
}

uint64_t
data_place(uint64_t count)
{
	return RANGES_AT +
	    (count * RANGE_SIZE + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
}

uint64_t
mark_place(uint64_t size)
{
	return (size - MARK_SIZE) & ~(uint64_t)(MARK_SIZE - 1);
}
