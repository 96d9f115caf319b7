/*
 * journal_world.c - see journal_world.h.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal_world.h"

#define FILE_NAME "mailbox"
#define RESERVE_SIZE 24576 /* octets */

const char *const world_names[WORLD_NAMES] = {
    "j", "j.new", "j.aside", "reserve"};

/* clang-format off */
const struct scenario scenarios[] = {
	/* name                  size  space  ranges */
	{ "one, one step",       3000, 65536, 1, { { 1000, 100 } } },
	{ "one, many steps",     3500, 16896, 1, { { 500, 64 } } },
	{ "first, no room",      6000, 16384, 1, { { 0, 1500 } } },
	{ "every second",        4000, 16640, 8, { { 0, 200 }, { 400, 200 },
	    { 800, 200 }, { 1200, 200 }, { 1600, 200 }, { 2000, 200 },
	    { 2400, 200 }, { 2800, 200 } } },
	{ "tail",                5000, 65536, 1, { { 4090, 910 } } },
	{ "all",                 3000, 65536, 1, { { 0, 3000 } } },
	{ "two and the tail",    6000, 16640, 3, { { 1000, 200 },
	    { 3000, 100 }, { 5000, 1000 } } },
	{ "the least",           3000, 16640, 1, { { 2500, 32 } } },
	{ "more than a block",  80000, 65536, 1, { { 1000, 70000 } } },
	{ "neighbours",          5000, 16640, 3, { { 64, 100 }, { 164, 100 },
	    { 300, 700 } } },
	{ "full",                3500, 16896, 1, { { 500, 64 } }, true },
	{ "full, one step",      3000, 65536, 2, { { 1000, 100 },
	    { 2500, 50 } }, true },
};
/* clang-format on */
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

static char folder[64];
static uint32_t dice_state = 2463534242U;

uint32_t
dice(uint32_t below)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 17;
	dice_state ^= dice_state << 5;
	return dice_state % below;
}

static void
broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broken("mmap");
	return p;
}

void
world_open(struct world *world)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(folder, sizeof(folder), "%s/journal.XXXXXX", base);
	if (mkdtemp(folder) == NULL)
		broken(folder);
	world->directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world->file = openat(world->directory, FILE_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (world->directory == -1 || world->file == -1)
		broken(folder);
	world->shared = shared_memory(sizeof(*world->shared));
	fault_state = shared_memory(sizeof(*fault_state));
	fault_state->no_sync = true;
}

void
world_close(struct world *world)
{
	(void)unlinkat(world->directory, FILE_NAME, 0);
	for (int i = 0; i < WORLD_NAMES; i++)
		(void)unlinkat(world->directory, world_names[i], 0);
	(void)rmdir(folder);
}

static void
octets_add(struct octets *octets, const void *text, size_t length)
{
	if (length > WORLD_SIZE - octets->size)
		broken("the world is full");
	memcpy(octets->text + octets->size, text, length);
	octets->size += length;
}

void
octets_copy(struct octets *to, const struct octets *from)
{
	to->size = 0;
	octets_add(to, from->text, from->size);
}

void
world_store(struct world *world, const char *name, const struct octets *octets)
{
	bool file = strcmp(name, FILE_NAME) == 0;
	int fd = file ? world->file :
			openat(world->directory, name,
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || ftruncate(fd, 0) == -1 ||
	    pwrite(fd, octets->text, octets->size, 0) != (ssize_t)octets->size)
		broken(name);
	if (!file)
		(void)close(fd);
}

bool
world_load(struct world *world, const char *name, struct octets *octets)
{
	int fd = openat(world->directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	octets->size = 0;
	if (fd == -1)
		return false;
	n = pread(fd, octets->text, WORLD_SIZE, 0);
	if (n == -1)
		broken(name);
	octets->size = (size_t)n;
	(void)close(fd);
	return true;
}

bool
world_has(struct world *world, const char *name)
{
	struct stat st;

	return fstatat(world->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * The worst that a reserve can have: a whole journal of this very file, both
 * records in it, that takes out something else.
 */
static void
world_decoy(struct world *world)
{
	static const struct fault begun = {
	    FAULT_AFTER, 0, false, "fdatasync", ""};
	const struct scenario *scenario = world->scenario;
	struct scenario decoy = *scenario;

	decoy.full = false;
	decoy.count = 1;
	decoy.ranges[0].offset = 0;
	decoy.ranges[0].length = 700;
	world->scenario = &decoy;
	world_store(world, FILE_NAME, &world->before);
	(void)world_remove(world, &begun, 2);
	if (!world_load(world, world_names[0], &world->reserve))
		broken("no decoy");
	while (world->reserve.size < RESERVE_SIZE)
		octets_add(&world->reserve, "x", 1);
	world->scenario = scenario;
}

/* With a full disk there is a reserve, and a whole one, at every login. */
static void
world_login(struct world *world)
{
	const char *name = world_names[WORLD_RESERVE];
	struct stat st;

	if (world->scenario->full &&
	    (fstatat(world->directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		st.st_size < RESERVE_SIZE))
		world_store(world, name, &world->reserve);
}

void
world_reset(struct world *world, const struct scenario *scenario)
{
	const struct journal_range *r = scenario->ranges;
	size_t at = 0;
	char word[32];
	int n;

	if (world->scenario != scenario) {
		world->before.size = world->after.size = 0;
		while (world->before.size < scenario->size) {
			n = snprintf(word, sizeof(word), "%zu-%u\n",
			    world->before.size, dice(1000));
			octets_add(&world->before, word, (size_t)n);
		}
		world->before.size = scenario->size;
		for (size_t i = 0; i < scenario->count; i++) {
			octets_add(&world->after, world->before.text + at,
			    r[i].offset - at);
			at = r[i].offset + r[i].length;
		}
		octets_add(&world->after, world->before.text + at,
		    scenario->size - at);
		world->scenario = scenario;
		if (scenario->full)
			world_decoy(world);
	}
	world->added.size = world->loose = 0;
	for (int i = 0; i < WORLD_NAMES; i++)
		(void)unlinkat(world->directory, world_names[i], 0);
	world_store(world, FILE_NAME, &world->before);
	world_login(world);
}

static void
added_write(struct world *world, size_t start)
{
	const size_t length = world->added.size - start;
	struct stat st;

	if (fstat(world->file, &st) == -1 ||
	    pwrite(world->file, world->added.text + start, length,
		st.st_size) != (ssize_t)length)
		broken("delivery");
}

static void
added_mail(struct world *world)
{
	char mail[64];
	int n;

	n = snprintf(mail, sizeof(mail), "From %u\n\nnew mail %u\n\n",
	    dice(100), dice(1000000));
	octets_add(&world->added, mail, (size_t)n);
}

void
world_deliver(struct world *world, enum delivery delivery)
{
	const struct octets *before = &world->before;
	size_t start = world->added.size, last;

	if (delivery == DELIVER_TWIN || delivery == DELIVER_TWIN_MORE)
		octets_add(&world->added, before->text + world->after.size,
		    before->size - world->after.size);
	if (delivery == DELIVER_MAIL || delivery == DELIVER_TWIN_MORE)
		added_mail(world);
	if (delivery == DELIVER_LAST) {
		last = before->size < 150 ? before->size : 150;
		octets_add(
		    &world->added, before->text + before->size - last, last);
	}
	if (world->added.size == start)
		return;
	added_write(world, start);
	if (fsync(world->file) == -1)
		broken("delivery");
	world->loose = 0;
}

void
world_deliver_loosely(struct world *world)
{
	size_t start = world->added.size;

	added_mail(world);
	added_write(world, start);
	world->loose = world->added.size - start;
}

static struct outcome
world_child(struct world *world, const struct fault *fault, long at,
    void (*run)(struct world *))
{
	struct outcome outcome;
	int status;
	pid_t child;

	memset(world->shared, 0, sizeof(*world->shared));
	world->shared->killed = true;
	fault_state->calls = 0;
	fault_state->name[0] = '\0';
	fault_state->at = fault == NULL ? 0 : at;
	fault_state->full = world->scenario->full;
	if (fault != NULL) {
		fault_state->kind = fault->kind;
		fault_state->error = fault->error;
		fault_state->persist = fault->persist;
		fault_state->match = fault->match;
	}
	if (fault == NULL || fault->kind == FAULT_ERROR ||
	    fault->kind == FAULT_SHORT) {
		run(world); /* nobody dies: no child, which is faster */
	} else {
		child = fork();
		if (child == -1)
			broken("fork");
		if (child == 0) {
			run(world);
			_exit(0);
		}
		if (waitpid(child, &status, 0) != child)
			broken("waitpid");
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			report("a child died of signal %d", WTERMSIG(status));
	}
	outcome = *world->shared;
	outcome.calls = fault_state->calls;
	fault_state->at = 0;
	fault_state->full = false;
	fault_state->persist = false;
	fault_state->match = NULL;
	return outcome;
}

static struct journal_place
world_place(struct world *world)
{
	struct journal_place place = {world->directory, world_names[0],
	    world->scenario->space, world_names[WORLD_RESERVE]};

	return place;
}

static void
run_remove(struct world *world)
{
	const struct scenario *s = world->scenario;
	struct journal_place place = world_place(world);
	struct outcome *outcome = world->shared;

	outcome->result = journal_remove(
	    &place, world->file, s->size, s->ranges, s->count, &outcome->begun);
	outcome->error = errno;
	outcome->killed = false;
}

static void
run_finish(struct world *world)
{
	struct journal_place place = world_place(world);
	struct outcome *outcome = world->shared;

	outcome->result = journal_finish(&place, world->file, &outcome->state);
	outcome->error = errno;
	outcome->killed = false;
}

struct outcome
world_remove(struct world *world, const struct fault *fault, long at)
{
	return world_child(world, fault, at, run_remove);
}

struct outcome
world_finish(struct world *world, const struct fault *fault, long at)
{
	world_login(world);
	return world_child(world, fault, at, run_finish);
}

/* Behind mail that nobody synced, a file system may leave zeros. */
static bool
is_zeros(const struct octets *octets, size_t start)
{
	for (size_t i = start; i < octets->size; i++) {
		if (octets->text[i] != 0)
			return false;
	}
	return true;
}

static bool
is_with_added(struct world *world, const struct octets *octets)
{
	const struct octets *now = &world->now, *added = &world->added;
	size_t firm = added->size - world->loose;
	size_t most = octets->size + added->size;

	return now->size >= octets->size + firm &&
	    (now->size <= most || (world->loose > 0 && is_zeros(now, most))) &&
	    memcmp(now->text, octets->text, octets->size) == 0 &&
	    memcmp(now->text + octets->size, added->text, firm) == 0;
}

int
world_is(struct world *world)
{
	int is = 0;

	if (!world_load(world, FILE_NAME, &world->now))
		broken(FILE_NAME);
	if (is_with_added(world, &world->before))
		is |= MAY_BE_BEFORE;
	if (is_with_added(world, &world->after))
		is |= MAY_BE_AFTER;
	return is;
}

const char *
world_verdict(struct world *world, int may_be)
{
	struct outcome outcome = world_finish(world, NULL, 0);

	if (outcome.killed || outcome.result == -1)
		return "cannot be finished";
	if (outcome.state == JOURNAL_ASIDE)
		return "the journal is set aside";
	if ((world_is(world) & may_be) == 0)
		return world_is(world) == 0 ?
		    "the file is damaged" :
		    "the file is whole, but not as promised";
	if (world_has(world, world_names[0]) ||
	    world_has(world, world_names[1]))
		return "a journal is left";
	outcome = world_finish(world, NULL, 0);
	if (outcome.killed || outcome.result == -1 ||
	    outcome.state != JOURNAL_NONE || (world_is(world) & may_be) == 0)
		return "a second look changes something";
	return NULL;
}
