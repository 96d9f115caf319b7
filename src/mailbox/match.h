/*
 * match.h - finding a session's messages again in a mailbox that another
 * program has changed.
 */

#ifndef MATCH_H
#define MATCH_H

#include "mailbox.h"

struct match {
	uint8_t *remove;          /* bit i % 8 of octet i / 8: message i of now
				 * is to be removed; the caller frees it */
	uint32_t found;           /* how many of these */
	uint32_t missing;         /* marked, and not there any more */
	uint64_t missing_octets;  /* of these, on the wire */
	uint32_t strangers;       /* of now, before old's end, not in old */
	uint32_t doubtful;        /* marked, and perhaps there: they stay */
	uint64_t doubtful_octets; /* of these, on the wire */
};

bool set_has(const struct mailbox_set *set, uint32_t index);

/*
 * Which messages of now are those of old that are marked in set->deleted?
 * 0, or -1 with errno ENOMEM.
 */
int match_views(const struct view *old, const struct mailbox_set *set,
    const struct view *now, struct match *match) MUST_CHECK;

#endif
