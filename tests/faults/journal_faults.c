/*
 * journal_faults.c - every call of a removal, and of its recovery, fails or
 * kills in turn; then power is lost.  FAULTS=full in the environment tries
 * everything; without, a part that takes half a minute.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_world.h"
#include "../unit/tap.h"

/* clang-format off */
static const struct fault faults[] = {
	{ FAULT_BEFORE, 0,      false, NULL, "killed before" },
	{ FAULT_HALF,   0,      false, NULL, "killed half way in" },
	{ FAULT_AFTER,  0,      false, NULL, "killed after" },
	{ FAULT_ERROR,  EIO,    false, NULL, "EIO at" },
	{ FAULT_ERROR,  ENOSPC, false, NULL, "ENOSPC at" },
	{ FAULT_ERROR,  EINTR,  false, NULL, "EINTR at" },
	{ FAULT_SHORT,  0,      false, NULL, "a short" },
	{ FAULT_ERROR,  EIO,    true,  NULL, "EIO for ever from" },
	{ FAULT_ERROR,  EDQUOT, true,  "write", "over quota from" },
};
/* clang-format on */
#define FAULTS (sizeof(faults) / sizeof(faults[0]))
#define KILLS 3

static struct world world;
static long failures;
static bool full;

void
report(const char *format, ...)
{
	va_list ap;

	if (failures++ >= 12)
		return;
	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

/* Must this fault be nothing to a caller? */
static bool
harmless(const struct fault *fault)
{
	const char *name = fault_state->name;

	if (fault->kind == FAULT_SHORT)
		return true;
	return fault->error == EINTR &&
	    (strstr(name, "read") != NULL || strstr(name, "write") != NULL ||
		strstr(name, "sync") != NULL ||
		strstr(name, "truncate") != NULL);
}

/* What the outcome of a removal leaves open; 0: it was wrong by itself. */
static int
promised(const struct fault *fault, const struct outcome *outcome)
{
	bool journal = world_has(&world, world_names[0]);

	if (outcome->killed)
		return journal ? MAY_BE_AFTER : MAY_BE_BEFORE | MAY_BE_AFTER;
	if (outcome->result == 0)
		return journal ? 0 : MAY_BE_AFTER;
	if (harmless(fault))
		return 0;
	if (!outcome->begun)
		return journal || (world_is(&world) & MAY_BE_BEFORE) == 0 ?
		    0 :
		    MAY_BE_BEFORE;
	return MAY_BE_AFTER;
}

/* One removal, one fault, one delivery, one recovery. */
static bool
first_level(const struct scenario *scenario, const struct fault *fault, long at,
    enum delivery delivery)
{
	struct outcome outcome;
	const char *wrong = "the outcome is wrong";
	char name[24];
	int may_be;

	world_reset(&world, scenario);
	outcome = world_remove(&world, fault, at);
	(void)snprintf(name, sizeof(name), "%s", fault_state->name);
	may_be = promised(fault, &outcome);
	if (may_be != 0) {
		world_deliver(&world, delivery);
		wrong = world_verdict(&world, may_be);
	}
	if (wrong != NULL)
		report("%s: %s call %ld (%s), delivery %d: %s", scenario->name,
		    fault->name, at, name, (int)delivery, wrong);
	return outcome.calls >= at;
}

static long
first_levels(const struct scenario *scenario)
{
	long points = 0;

	for (size_t f = 0; f < FAULTS; f++) {
		for (int d = 0; d < DELIVERIES; d++) {
			for (long at = 1; first_level(
				 scenario, &faults[f], at, (enum delivery)d);
			     at++)
				points++;
		}
	}
	return points;
}

struct snapshot {
	struct octets file, journal;
	bool has_journal;
	int may_be;
};

/* A recovery with a fault, from a snapshot; then one without. */
static bool
second_level(const struct scenario *scenario, const struct snapshot *snapshot,
    long killed_at, const struct fault *fault, long at, enum delivery first,
    enum delivery second)
{
	struct outcome outcome;
	const char *wrong = NULL;
	char name[24];

	world_reset(&world, scenario);
	world_store(&world, "mailbox", &snapshot->file);
	world_store(&world, world_names[0], &snapshot->journal);
	world_deliver(&world, first);
	outcome = world_finish(&world, fault, at);
	(void)snprintf(name, sizeof(name), "%s", fault_state->name);
	if (!outcome.killed && outcome.result == -1 && harmless(fault))
		wrong = "the fault was not harmless";
	if (!outcome.killed && outcome.result == 0 &&
	    (world_is(&world) & MAY_BE_AFTER) == 0)
		wrong = "said to be finished, and is not";
	world_deliver(&world, second);
	if (wrong == NULL)
		wrong = world_verdict(&world, MAY_BE_AFTER);
	if (wrong != NULL)
		report("%s: killed before call %ld, delivery %d, recovery %s "
		       "call %ld (%s), delivery %d: %s",
		    scenario->name, killed_at, (int)first, fault->name, at,
		    name, (int)second, wrong);
	return outcome.calls >= at;
}

static long
second_levels(const struct scenario *scenario)
{
	static struct snapshot snapshot;
	struct outcome outcome;
	long points = 0;
	size_t step = full ? 1 : 17;

	for (long killed_at = 1;; killed_at++) {
		world_reset(&world, scenario);
		outcome =
		    world_remove(&world, &faults[killed_at & 1], killed_at);
		if (outcome.calls < killed_at)
			return points;
		if (!world_load(&world, world_names[0], &snapshot.journal))
			continue;
		(void)world_load(&world, "mailbox", &snapshot.file);
		for (size_t n = full ? 0 : dice(17);
		     n < FAULTS * DELIVERIES * DELIVERIES; n += step) {
			const struct fault *fault = &faults[n % FAULTS];
			enum delivery first =
			    (enum delivery)(n / FAULTS % DELIVERIES);
			enum delivery second =
			    (enum delivery)(n / FAULTS / DELIVERIES);
			/* Bounded: every call of few, by a random start. */
			long stride = full ? 1 : 17;
			long at = full ? 1 : 1 + dice(17);

			for (; second_level(scenario, &snapshot, killed_at,
				 fault, at, first, second);
			     at += stride)
				points++;
		}
	}
}

/* Ten kills in a row, with mail between them. */
static long
many_levels(const struct scenario *scenario)
{
	long runs = full ? 2000 : 60;
	const char *wrong;
	int may_be;

	for (long run = 0; run < runs; run++) {
		world_reset(&world, scenario);
		(void)world_remove(&world, &faults[dice(KILLS)], 1 + dice(40));
		may_be = world_has(&world, world_names[0]) ?
		    MAY_BE_AFTER :
		    MAY_BE_BEFORE | MAY_BE_AFTER;
		for (int i = 0; i < 10; i++) {
			world_deliver(&world, (enum delivery)dice(DELIVERIES));
			(void)world_finish(
			    &world, &faults[dice(KILLS)], 1 + dice(30));
		}
		wrong = world_verdict(&world, may_be);
		if (wrong != NULL)
			report("%s: many kills, run %ld: %s", scenario->name,
			    run, wrong);
	}
	return runs;
}

static void
judge(const struct scenario *scenario, const char *what, long points)
{
	ok(failures == 0 && points > 0, "%s: %s: %ld points, %ld wrong",
	    scenario->name, what, points, failures);
	failures = 0;
}

int
main(void)
{
	const char *env = getenv("FAULTS");
	const char *only = getenv("FAULTS_ONLY");
	long points;

	full = env != NULL && strcmp(env, "full") == 0;
	world_open(&world);
	for (size_t i = 0; i < scenario_count; i++) {
		const struct scenario *s = &scenarios[i];

		if (only != NULL && strcmp(only, s->name) != 0)
			continue;
		judge(s, "a fault at every call", first_levels(s));
		points = second_levels(s);
		if (points > 0)
			judge(s, "and in its recovery", points);
		judge(s, "ten kills in a row", many_levels(s));
		points = power_run(&world, s, full);
		judge(s, "power lost", points);
	}
	world_close(&world);
	return tap_end();
}
