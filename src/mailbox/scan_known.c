/*
 * scan_known.c - an mbox that an earlier session has read.
 *
 * Mail is appended, so most often only the end is new.  What was there before
 * is believed when its last message is where it was, as a whole, and so are
 * the heads of others taken at random: whoever removes, adds or reorders moves
 * what comes behind.  What stays possible is a message changed in place at
 * equal length; RETR looks at each head again, and the back at the message
 * when that is not what it was.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan_parts.h"

#define KNOWN_SAMPLES 64

/* Is there an empty line before the message? */
static bool
known_begins(int file, uint64_t place)
{
	char before[3];

	if (place < sizeof(before))
		return place == 0;
	return pread_full(file, before, sizeof(before),
		   place - sizeof(before)) == (ssize_t)sizeof(before) &&
	    scan_empty_line(before + sizeof(before)) > 0;
}

/* Is this message's head still in its place? */
static bool
known_head(const struct scan_job *job, uint32_t index)
{
	char head[VIEW_HEAD_CHECK];
	struct view_message m;
	size_t length;

	if (view_parts_message(&job->known->view, index, &m) == -1 ||
	    m.place >= job->known->view.head.stamp.size)
		return false;
	length = view_check_length(&m);
	return pread_full(job->file, head, length, m.place) ==
	    (ssize_t)length &&
	    view_message_check(&m, head) == m.check;
}

bool
scan_known_grown(const struct scan_job *job, struct view_message *last)
{
	const struct view_head *head;
	uint32_t sample[KNOWN_SAMPLES];
	size_t i;

	if (job->known == NULL)
		return false;
	head = &job->known->view.head;
	if (head->count == 0 || head->stamp.device != job->stamp->device ||
	    head->stamp.inode != job->stamp->inode ||
	    head->stamp.size >= job->stamp->size)
		return false;
	if (view_parts_message(&job->known->view, head->count - 1, last) ==
		-1 ||
	    last->place >= head->stamp.size ||
	    !known_begins(job->file, last->place))
		return false;
	platform_random(sample, sizeof(sample));
	for (i = 0; i < KNOWN_SAMPLES; i++)
		if (!known_head(job, sample[i] % head->count))
			return false;
	return true;
}

static bool
known_same(const struct view_message *a, const struct view_message *b)
{
	return a->place == b->place && a->length == b->length &&
	    a->octets == b->octets && a->body == b->body &&
	    a->check == b->check && a->envelope == b->envelope &&
	    memcmp(a->digest, b->digest, VIEW_DIGEST) == 0;
}

/* One pass over the earlier messages: their sum, and their twins' numbers. */
static bool
known_pass(const struct kept *known, struct scan_twins *twins, char *piece)
{
	const struct view_message *m;
	uint64_t size = view_size(&known->view.head), at = 0;
	size_t want, i = sizeof(struct view_head) / sizeof(*m);
	struct kept_sum sum;

	kept_sum_init(&sum);
	for (; at < size; at += want, i = 0) {
		want =
		    size - at < KEPT_PIECE ? (size_t)(size - at) : KEPT_PIECE;
		if (pread_full(known->view.fd, piece, want, at) !=
		    (ssize_t)want)
			return false;
		kept_sum_put(&sum, piece, want);
		m = (const void *)piece;
		for (; i < want / sizeof(*m); i++)
			scan_twins_after(twins, &m[i]);
	}
	return kept_sum_end(&sum) == known->sum;
}

int
scan_known_join(const struct kept *known, const struct view_message *last,
    struct view_message *messages, uint32_t count)
{
	struct scan_twins twins;
	char *piece;
	bool whole;

	if (count == 0 || !known_same(last, &messages[0]))
		return 0;
	piece = malloc(KEPT_PIECE);
	if (piece == NULL ||
	    scan_twins_init(&twins, messages + 1, count - 1) == -1) {
		free(piece);
		errno = ENOMEM;
		return -1;
	}
	whole = known_pass(known, &twins, piece);
	messages[0].twin = last->twin;
	scan_twins_number(&twins);
	scan_twins_free(&twins);
	free(piece);
	return whole;
}
