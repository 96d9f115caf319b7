/*
 * session_recovery.c - the session after an interrupted update is interrupted,
 * too, at each of its calls, mail coming before and after.
 */

#include <stdio.h>
#include <string.h>

#include "session_faults.h"

#define KEPT_MOST 160

/* What kills left: one for each number of changes made until then. */
static struct kept {
	uint32_t key;
	int may_be;
	struct snapshot left;
} kept[KEPT_MOST];
static unsigned kept_count;

void
recovery_keep(struct world *world, uint32_t key, int may_be)
{
	for (unsigned i = 0; i < kept_count; i++)
		if (kept[i].key == key)
			return;
	if (kept_count == KEPT_MOST)
		return;
	kept[kept_count].key = key;
	kept[kept_count].may_be = may_be;
	world_save(world, &kept[kept_count].left);
	kept_count++;
}

/* From a snapshot: mail, a session with a fault, mail, one without. */
static void
recovery_once(struct suite *suite, const struct kept *from,
    const struct order *order, enum delivery first, enum delivery second)
{
	struct world *world = suite->world;
	struct told told;
	const char *wrong = NULL, *why;
	char what[64];
	int hit;

	world_restore(world, &from->left);
	world_deliver_surely(world, first);
	world_look(world, order, false, &told);
	suite->runs++;
	hit = atomic_load(&run_shared->hit);
	if (hit == 0) {
		suite->missed++;
		return;
	}
	if (told.hung)
		wrong = "the session hangs";
	else if (told.quit == REPLY_DONE && world_is(world, &why) == 0)
		wrong = why;
	else if (told.quit_sent && told.quit != REPLY_DONE &&
	    told.quit != REPLY_NONE)
		wrong = "QUIT removes nothing, and fails";
	world_deliver_surely(world, second);
	if (wrong == NULL)
		wrong = world_verdict(world, from->may_be);
	suite->runs++;
	if (wrong == NULL)
		return;
	order_name(order, what, sizeof(what));
	report("%s: killed after %u changes, delivery %d, then %s %s's call %u "
	       "(%s) in the next session, delivery %d: %s",
	    world->scenario->name, from->key, (int)first, what,
	    process_name(order->process), order->at,
	    call_name((unsigned)hit - 1), (int)second, wrong);
}

/* Its calls, by a session without a fault. */
static void
recovery_trace(struct suite *suite, const struct kept *from)
{
	static const struct order none;
	struct told told;

	world_restore(suite->world, &from->left);
	world_look(suite->world, &none, false, &told);
	suite->processes = atomic_load(&run_shared->processes);
	memcpy(suite->calls, run_shared->calls, sizeof(suite->calls));
	memcpy(suite->trace, run_shared->trace, sizeof(suite->trace));
}

static void
recovery_point(struct suite *suite, const struct kept *from, uint32_t process,
    uint32_t at, unsigned *turn)
{
	struct order order = {.process = process, .at = at};
	unsigned call = suite->trace[process][at], count = 0;
	/* What the other processes do does not depend on what was left. */
	unsigned stride = process == 0 ? 1 : 13;

	suite->points++;
	while (order_get(call, count, &order))
		count++;
	if (!suite->full) {
		(void)order_get(call, (*turn)++ % count, &order);
		recovery_once(suite, from, &order,
		    (enum delivery)dice(DELIVERIES),
		    (enum delivery)dice(DELIVERIES));
		return;
	}
	for (unsigned i = *turn % stride; order_get(call, i, &order);
	     i += stride, (*turn)++)
		if (order.kind != FAULT_STOP)
			recovery_once(suite, from, &order,
			    (enum delivery)(*turn % DELIVERIES),
			    (enum delivery)(*turn / DELIVERIES % DELIVERIES));
}

void
recovery_run(struct suite *suite)
{
	bool major = suite->world->scenario->major;
	/* The next state takes other ones of its calls. */
	unsigned stride = suite->full ? (major ? 3 : 7) : major ? 61 : 331;
	unsigned turn = 0, number = dice(stride);

	for (unsigned i = 0; i < kept_count; i++) {
		recovery_trace(suite, &kept[i]);
		for (uint32_t p = 0; p < suite->processes; p++)
			for (uint32_t at = 1; at <= suite->calls[p]; at++)
				if (number++ % stride == 0)
					recovery_point(
					    suite, &kept[i], p, at, &turn);
		tree_free(&kept[i].left.tree);
	}
	kept_count = 0;
}
