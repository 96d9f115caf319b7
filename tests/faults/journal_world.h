/*
 * journal_world.h - a file, its journal's folder, and what must come out of
 * it: kept by the test itself, and known without looking at a journal.
 */

#ifndef JOURNAL_WORLD_H
#define JOURNAL_WORLD_H

#include "interpose.h"
#include "journal.h"

#define WORLD_RANGES 16
#define WORLD_SIZE ((size_t)1024 * 1024)
#define WORLD_NAMES 4

struct scenario {
	const char *name;
	size_t size;
	uint64_t space; /* the journal's */
	size_t count;
	struct journal_range ranges[WORLD_RANGES];
	bool full; /* a full disk, and a reserve at every login */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

enum delivery {
	DELIVER_NONE,
	DELIVER_MAIL,
	DELIVER_TWIN,      /* what stands where truncation cuts */
	DELIVER_TWIN_MORE, /* that, and a message */
	DELIVER_LAST,      /* the last message again */
	DELIVERIES
};

/* What a call of the journal's came to. */
struct outcome {
	bool killed;
	int result, error;
	bool begun;
	enum journal_state state;
	long calls;
};

/* What to do to it. */
struct fault {
	enum fault_kind kind;
	int error;
	bool persist;
	const char *match;
	const char *name; /* for reports */
};

struct octets {
	size_t size;
	unsigned char text[WORLD_SIZE];
};

/* Only as much of it as there is. */
void octets_copy(struct octets *to, const struct octets *from);

struct world {
	const struct scenario *scenario;
	int directory, file;
	struct octets before, after, added, now;
	struct octets reserve; /* what it has in a full scenario */
	size_t loose;          /* the last of added that power may take */
	struct outcome *shared;
};

#define MAY_BE_BEFORE 1
#define MAY_BE_AFTER 2

/* journal, new, aside, reserve */
extern const char *const world_names[WORLD_NAMES];
#define WORLD_RESERVE 3

/* Folder and file; exits where it cannot. */
void world_open(struct world *world);
void world_close(struct world *world);

/* The scenario's file as it was before, and no journal. */
void world_reset(struct world *world, const struct scenario *scenario);

/* Append to the file and to what is expected, and sync it. */
void world_deliver(struct world *world, enum delivery delivery);

/* As a deliverer would that does not sync: world->loose octets. */
void world_deliver_loosely(struct world *world);

/* With fault (NULL: none) at its call of that number; in a child if need be. */
struct outcome
world_remove(struct world *world, const struct fault *fault, long at);
struct outcome
world_finish(struct world *world, const struct fault *fault, long at);

/* Which of MAY_BE_BEFORE and MAY_BE_AFTER, with all deliveries, it is. */
int world_is(struct world *world);

bool world_has(struct world *world, const char *name);

/* All of a file; false: there is none.  And a file with just that in it. */
bool world_load(struct world *world, const char *name, struct octets *octets);
void
world_store(struct world *world, const char *name, const struct octets *octets);

/*
 * Finish what is left, without faults, and say in words what is wrong then;
 * NULL: nothing.
 */
const char *world_verdict(struct world *world, int may_be);

/* journal_power.c: power lost; the number of states tried. */
long power_run(struct world *world, const struct scenario *scenario, bool full);

/* A failure's line, the first few of them. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Numbers that look random, the same in every run. */
uint32_t dice(uint32_t below);

#endif
