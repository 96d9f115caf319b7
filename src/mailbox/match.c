/*
 * match.c - finding a session's messages again in a mailbox that another
 * program has changed.
 *
 * A message is known by the digest of what makes its unique-id, which readers
 * do not change when they note in the header what was read.  One message with
 * that digest then, one now, and as far as we know with the same body: that is
 * it, wherever it is.  None now: somebody else removed it.
 *
 * With twins (a digest that occurs twice, then or now) the digest does not
 * tell which is which.  If every twin of then is in its place, as long as it
 * was and with the same beginning, then nobody has touched them (what is new
 * came behind), and places tell.  Otherwise one of them may have been removed
 * and the other, which the client wants to keep, have come to its place: all of
 * one length, each takes the place of the one before.  Nothing is removed then.
 */

#include <stdlib.h>
#include <string.h>

#include "match.h"

struct match_key {
	uint8_t digest[VIEW_DIGEST];
	uint32_t index;
};

/* Messages with one digest: keys from .. to of an array. */
struct match_group {
	const struct match_key *from, *to;
};

bool
set_has(const struct mailbox_set *set, uint32_t index)
{
	return index < set->count &&
	    (set->deleted[index / 8] >> (index % 8) & 1) != 0;
}

static int
match_compare(const void *a, const void *b)
{
	const struct match_key *x = a, *y = b;
	int order = memcmp(x->digest, y->digest, VIEW_DIGEST);

	if (order != 0)
		return order;
	return (x->index > y->index) - (x->index < y->index);
}

/* The messages of a view by digest; the caller frees them.  NULL: ENOMEM. */
static struct match_key *
match_keys(const struct view *view)
{
	uint32_t count = view->head->count, i;
	struct match_key *keys = calloc((size_t)count + 1, sizeof(*keys));

	if (keys == NULL)
		return NULL;
	for (i = 0; i < count; i++) {
		memcpy(keys[i].digest, view->message[i].digest, VIEW_DIGEST);
		keys[i].index = i;
	}
	qsort(keys, count, sizeof(*keys), match_compare);
	return keys;
}

/* The group that begins at from, in an array that ends at end. */
static struct match_group
match_group_at(const struct match_key *from, const struct match_key *end)
{
	struct match_group group = {from, from};

	while (group.to < end &&
	    memcmp(group.to->digest, from->digest, VIEW_DIGEST) == 0)
		group.to++;
	return group;
}

/* The message of group that is in the place of then; NULL: none. */
static const struct match_key *
match_place(const struct view *now, const struct match_group *group,
    const struct view_message *then)
{
	const struct match_key *key;

	for (key = group->from; key < group->to; key++)
		if (now->message[key->index].place == then->place &&
		    now->message[key->index].octets == then->octets &&
		    now->message[key->index].length == then->length &&
		    now->message[key->index].check == then->check)
			return key;
	return NULL;
}

static bool
match_in_place(const struct view *old, const struct match_group *then,
    const struct view *now, const struct match_group *group)
{
	const struct match_key *key;

	for (key = then->from; key < then->to; key++)
		if (match_place(now, group, &old->message[key->index]) == NULL)
			return false;
	return true;
}

static void
match_remove(struct match *match, const struct match_key *key)
{
	if (key == NULL)
		return;
	match->remove[key->index / 8] |= (uint8_t)(1U << (key->index % 8));
	match->found++;
}

/*
 * One then and one now, in any place.  Readers note things in its head, but not
 * in the body; a longer head leaves less of that to the check.
 */
static bool
match_single(const struct view *old, const struct match_group *then,
    const struct view *now, const struct match_group *group)
{
	const struct view_message *a, *b;

	if (then->to - then->from != 1 || group->to - group->from != 1)
		return false;
	a = &old->message[then->from->index];
	b = &now->message[group->from->index];
	return a->envelope + a->body != b->envelope + b->body ||
	    a->check >> 32 == b->check >> 32;
}

/* Decide about the messages of one digest. */
static void
match_decide(const struct view *old, const struct match_group *then,
    const struct mailbox_set *set, const struct view *now,
    const struct match_group *group, struct match *match)
{
	bool single = match_single(old, then, now, group);
	bool gone = group->from == group->to;
	bool placed = !single && !gone && match_in_place(old, then, now, group);
	const struct match_key *key;

	for (key = then->from; key < then->to; key++) {
		const struct view_message *message = &old->message[key->index];

		if (!set_has(set, key->index))
			continue;
		if (gone) {
			match->missing++;
			match->missing_octets += message->octets;
		} else if (single)
			match_remove(match, group->from);
		else if (placed)
			match_remove(match, match_place(now, group, message));
		else {
			match->doubtful++;
			match->doubtful_octets += message->octets;
		}
	}
}

/* A message that was not there: delivered behind the others, or not so. */
static void
match_stranger(const struct view *old, const struct view *now,
    const struct match_key *key, struct match *match)
{
	if (now->message[key->index].place < old->head->stamp.size)
		match->strangers++;
}

/* Both arrays in step. */
static void
match_walk(const struct view *old, const struct match_key *then,
    const struct mailbox_set *set, const struct view *now,
    const struct match_key *here, struct match *match)
{
	const struct match_key *then_end = then + old->head->count;
	const struct match_key *here_end = here + now->head->count;

	while (then < then_end) {
		struct match_group old_group = match_group_at(then, then_end);
		struct match_group group;

		while (here < here_end &&
		    memcmp(here->digest, then->digest, VIEW_DIGEST) < 0)
			match_stranger(old, now, here++, match);
		group.from = group.to = here;
		if (here < here_end &&
		    memcmp(here->digest, then->digest, VIEW_DIGEST) == 0)
			group = match_group_at(here, here_end);
		match_decide(old, &old_group, set, now, &group, match);
		then = old_group.to;
		here = group.to;
	}
	while (here < here_end)
		match_stranger(old, now, here++, match);
}

int
match_views(const struct view *old, const struct mailbox_set *set,
    const struct view *now, struct match *match)
{
	struct match_key *then = match_keys(old), *here = match_keys(now);
	int result = -1;

	memset(match, 0, sizeof(*match));
	match->remove = calloc((size_t)now->head->count / 8 + 1, 1);
	if (then != NULL && here != NULL && match->remove != NULL) {
		match_walk(old, then, set, now, here, match);
		result = 0;
	} else {
		free(match->remove);
		match->remove = NULL;
	}
	free(then);
	free(here);
	return result;
}
