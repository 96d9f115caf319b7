/*
 * session_power.c - power lost at every operation of a session; in the next
 * session again; and after a sync that failed.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session_disk.h"
#include "session_faults.h"

#define SEEN 200000
#define AGAIN 400 /* disks that a second loss begins from */

static uint64_t seen[SEEN];
static size_t seen_count;

/* Disks with work for the next session. */
static struct again {
	struct snapshot left;
	int may_be;
} again[AGAIN];
static unsigned again_count;

static bool
seen_before(uint64_t sum)
{
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i] == sum)
			return true;
	if (seen_count < SEEN)
		seen[seen_count++] = sum;
	return false;
}

static void
again_keep(struct world *world, int may_be)
{
	if (again_count == AGAIN)
		return;
	again[again_count].may_be = may_be;
	world_save(world, &again[again_count++].left);
}

/* The power comes back: perhaps mail, and a session. */
static void
power_on(struct suite *suite, const struct tree *disk, int may_be, size_t end,
    enum disk_mode mode, const char *what)
{
	struct world *world = suite->world;
	unsigned count = world->count;
	const char *wrong;

	suite->points++;
	if (seen_before(tree_digest(disk) + (uint64_t)may_be))
		return;
	suite->states++;
	tree_store(disk, world->root);
	if (world_unfinished(world, disk))
		again_keep(world, may_be);
	world_deliver_surely(world, (enum delivery)dice(DELIVERIES));
	wrong = world_verdict(world, may_be);
	suite->runs++;
	if (wrong != NULL)
		report("%s: power lost %s, after operation %zu, disk %d: %s",
		    world->scenario->name, what, end, (int)mode, wrong);
	world->count = count;
}

/* Every disk of the session that is in the log; once it said +OK, said. */
static void
power_log(
    struct suite *suite, int may_be, int said, size_t stride, const char *what)
{
	static struct tree disk;
	struct world *world = suite->world;
	size_t most = atomic_load(&run_shared->op_count);
	int wild = suite->full ? 8 : 2;

	/* Sessions without a log leave it as it is. */
	for (size_t end = world->base + dice((uint32_t)stride); end <= most;
	     end += stride) {
		for (int m = 0; m < DISK_WILD + wild; m++) {
			enum disk_mode mode =
			    m < DISK_WILD ? (enum disk_mode)m : DISK_WILD;

			disk_after(world, end, mode, &disk);
			power_on(suite, &disk, disk_told(end) ? said : may_be,
			    end, mode, what);
		}
	}
}

static void
power_again(struct suite *suite)
{
	static const struct order none;
	bool major = suite->world->scenario->major;
	unsigned step = suite->full ? (major ? 1 : 7) : major ? 37 : 101;
	unsigned first = again_count;
	struct told told;
	const char *why;
	int is;

	for (unsigned i = dice(step); i < first; i += step) {
		world_restore(suite->world, &again[i].left);
		world_settle(suite->world);
		world_look(suite->world, &none, true, &told);
		suite->runs++;
		/* What it has shown to a client stays. */
		is = world_is(suite->world, &why);
		power_log(suite, again[i].may_be, again[i].may_be & is,
		    suite->full ? 1 : 9, "again");
	}
	for (unsigned i = 0; i < again_count; i++)
		tree_free(&again[i].left.tree);
	again_count = 0;
}

/* The octets that were to be saved may be lost from then on. */
static void
power_unsynced(struct suite *suite)
{
	struct order order = {.kind = FAULT_ERROR, .error = EIO};
	const int any = IS_BEFORE | IS_AFTER | IS_PARTLY;
	struct told told;
	unsigned call;
	int may_be;

	for (order.at = 1; order.at <= suite->calls[0]; order.at++) {
		call = suite->trace[0][order.at];
		if (call != CALL_fsync && call != CALL_fdatasync)
			continue;
		world_reset(suite->world);
		world_session(suite->world, &order, NULL, true, &told);
		suite->runs++;
		/* Other words than these hold while there is power. */
		may_be = any;
		if (told.quit == REPLY_NOTHING)
			may_be = promised(suite->world, &told);
		power_log(suite, may_be, IS_AFTER, suite->full ? 3 : 13,
		    "after a sync that failed");
	}
}

void
power_run(struct suite *suite)
{
	bool major = suite->world->scenario->major;
	const int any = IS_BEFORE | IS_AFTER | IS_PARTLY;
	struct told told;

	seen_count = 0;
	world_reset(suite->world);
	world_session(suite->world, NULL, NULL, true, &told);
	suite->runs++;
	power_log(suite, any, IS_AFTER, suite->full || major ? 1 : 3,
	    "in the session");
	if (suite->full || major)
		power_unsynced(suite);
	power_again(suite);
}
