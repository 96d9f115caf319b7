/*
 * journal_power.c - what a disk may have after the power went: everything
 * that was synced, and any of the rest.
 *
 * The log of the calls is played again onto the disk as it was at the start.
 * What no sync followed is there or not, write by write, in the wildest way
 * sector by sector; changes of the folder are there up to one of them.  After
 * a sync that failed each write before it is there or lost for good, while
 * the processes went on seeing it: that is what Linux does (not to sizes:
 * a journal that cannot be written stops the file system).  A truncation
 * that is not there may have zeroed the rest of its block; what was written
 * behind it since is not there either, being in blocks that the file does not
 * have then, but for that same block, where it comes with the zeros.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal_world.h"

#define OBJECTS 64
#define NOBODY (-1)
#define UNCUT UINT64_MAX
#define SECTOR 512 /* octets */
#define FRESH 50   /* octets */

enum mode { MODE_NONE, MODE_ALL, MODE_ZEROED, MODE_TORN, MODE_ONE };

struct disk {
	struct octets file;
	struct octets names[WORLD_NAMES];
	bool has[WORLD_NAMES];
};

static struct disk disk;               /* at the start of the log */
static struct octets objects[OBJECTS]; /* 0: the file */
static uint64_t object_cut[OBJECTS];   /* by what is not there; or none */
static int object_count, op_object[FAULT_OPS];
static int names[WORLD_NAMES];
static bool file_synced; /* and it did not fail */
static size_t loose_op;  /* the delivery that nobody synced */

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static int
name_number(const char *name)
{
	for (int i = 0; i < WORLD_NAMES; i++) {
		if (strcmp(name, world_names[i]) == 0)
			return i;
	}
	printf("Bail out! the journal uses the name %s\n", name);
	exit(1);
}

static void
object_new(const struct octets *octets)
{
	if (object_count == OBJECTS) {
		printf("Bail out! too many objects\n");
		exit(1);
	}
	objects[object_count].size = 0;
	object_cut[object_count] = UNCUT;
	if (octets != NULL)
		octets_copy(&objects[object_count], octets);
	object_count++;
}

/* Which object each operation of the log is about; OP_CREATE makes one. */
static void
objects_find(struct world *world)
{
	uint64_t inodes[OBJECTS] = {inode_of(world->file)};

	object_count = 0;
	object_new(&disk.file);
	for (int i = 0; i < WORLD_NAMES; i++) {
		names[i] = NOBODY;
		if (!disk.has[i])
			continue;
		names[i] = object_count;
		object_new(&disk.names[i]);
		/* Its inode was noted when it was stored. */
		inodes[names[i]] = fault_state->ops[i].inode;
	}
	for (size_t i = WORLD_NAMES; i < fault_state->op_count; i++) {
		const struct fault_op *op = &fault_state->ops[i];

		op_object[i] = NOBODY;
		if (op->kind == OP_CREATE) {
			op_object[i] = object_count;
			inodes[object_count] = op->inode;
			object_new(NULL);
			continue;
		}
		for (int j = object_count - 1; j >= 0; j--) {
			if (inodes[j] == op->inode && op->inode != 0) {
				op_object[i] = j;
				break;
			}
		}
	}
}

static void
object_write(
    struct octets *o, uint64_t offset, const unsigned char *p, size_t length)
{
	if (offset + length > WORLD_SIZE)
		exit(1);
	if (offset > o->size)
		memset(o->text + o->size, 0, offset - o->size);
	memcpy(o->text + offset, p, length);
	if (offset + length > o->size)
		o->size = offset + length;
}

static void
object_truncate(struct octets *o, uint64_t size)
{
	if (size > o->size)
		memset(o->text + o->size, 0, size - o->size);
	o->size = size;
}

/* A write behind a truncation that is not there. */
static void
op_apply_cut(const struct fault_op *op, struct octets *o, uint64_t cut)
{
	uint64_t end = (cut + SECTOR - 1) / SECTOR * SECTOR;
	size_t length = op->length;

	if (end > o->size)
		end = o->size;
	if (op->offset >= end || op->offset + length <= cut)
		return;
	memset(o->text + cut, 0, end - cut);
	if (length > end - op->offset)
		length = end - op->offset;
	object_write(o, op->offset, fault_state->octets + op->data, length);
}

static void
op_apply(const struct fault_op *op, struct octets *o, bool torn)
{
	const unsigned char *p = fault_state->octets + op->data;
	size_t n;

	if (op->kind == OP_TRUNCATE) {
		object_truncate(o, op->offset);
		return;
	}
	for (size_t done = 0; done < op->length; done += n) {
		n = SECTOR - (op->offset + done) % SECTOR;
		if (n > op->length - done)
			n = op->length - done;
		if (!torn || dice(2) == 0)
			object_write(o, op->offset + done, p + done, n);
	}
}

static void
op_zero(const struct fault_op *op, struct octets *o)
{
	uint64_t block = (uint64_t)SECTOR << dice(4);
	uint64_t end = (op->offset + block - 1) / block * block;

	if (op->kind != OP_TRUNCATE || op->offset >= o->size)
		return;
	if (end > o->size)
		end = o->size;
	memset(o->text + op->offset, 0, end - op->offset);
}

enum fate { FATE_THERE, FATE_LOST, FATE_OPEN };

/* What the next sync of its object did for an operation. */
static enum fate
op_fate(size_t i)
{
	for (size_t j = i + 1; j < fault_state->op_count; j++) {
		const struct fault_op *op = &fault_state->ops[j];

		if (op->kind == OP_SYNC && op_object[j] == op_object[i]) {
			if (!op->failed)
				return FATE_THERE;
			if (fault_state->ops[i].kind == OP_TRUNCATE)
				continue;
			return dice(2) == 0 ? FATE_THERE : FATE_LOST;
		}
	}
	return FATE_OPEN;
}

/* The files; how many operations were open is the result. */
static int
replay_files(int mode)
{
	int open = 0;

	for (size_t i = WORLD_NAMES; i < fault_state->op_count; i++) {
		const struct fault_op *op = &fault_state->ops[i];
		struct octets *o;
		enum fate fate;
		bool there, only;

		if (op_object[i] == NOBODY ||
		    (op->kind != OP_WRITE && op->kind != OP_TRUNCATE))
			continue;
		o = &objects[op_object[i]];
		fate = op_fate(i);
		if (fate == FATE_OPEN) {
			only = open++ == (mode - MODE_ONE) / 2;
			there = mode == MODE_ALL ||
			    (mode == MODE_TORN && dice(2) == 0) ||
			    (mode >= MODE_ONE &&
				only == ((mode - MODE_ONE) % 2 == 0));
		} else {
			there = fate == FATE_THERE;
		}
		if (op->kind == OP_TRUNCATE)
			object_cut[op_object[i]] = there ? UNCUT : op->offset;
		if (there && object_cut[op_object[i]] != UNCUT)
			op_apply_cut(op, o, object_cut[op_object[i]]);
		else if (there)
			op_apply(op, o, fate == FATE_OPEN && mode == MODE_TORN);
		else if (mode == MODE_ZEROED || mode == MODE_TORN)
			op_zero(op, o);
	}
	return open;
}

static void
replay_names(struct world *world, int mode)
{
	const uint64_t folder = inode_of(world->directory);
	size_t changes[FAULT_OPS / 8], count = 0, synced = 0;

	for (size_t i = WORLD_NAMES; i < fault_state->op_count; i++) {
		const struct fault_op *op = &fault_state->ops[i];

		if (op->kind == OP_SYNC && op->inode == folder && !op->failed)
			synced = count;
		if ((op->kind == OP_CREATE || op->kind == OP_RENAME ||
			op->kind == OP_UNLINK) &&
		    count < FAULT_OPS / 8)
			changes[count++] = i;
	}
	if (mode == MODE_NONE || mode == MODE_ZEROED)
		count = synced;
	else if (mode != MODE_ALL)
		count = synced + dice((uint32_t)(count - synced) + 1);
	for (size_t i = 0; i < count; i++) {
		const struct fault_op *op = &fault_state->ops[changes[i]];
		int n = name_number(op->name);

		if (op->kind == OP_CREATE)
			names[n] = op_object[changes[i]];
		if (op->kind == OP_RENAME)
			names[name_number(op->to)] = names[n];
		if (op->kind != OP_CREATE)
			names[n] = NOBODY;
	}
}

/* The power goes: the disk is what it was at the start, and some of the log. */
static int
power_off(struct world *world, int mode)
{
	int open;

	objects_find(world);
	for (size_t i = WORLD_NAMES; i < fault_state->op_count; i++) {
		if (fault_state->ops[i].kind != OP_SYNC || op_object[i] != 0)
			continue;
		if (fault_state->ops[i].failed)
			break;
		file_synced = true;
		if (i > loose_op)
			world->loose = 0;
	}
	open = replay_files(mode);
	replay_names(world, mode);
	octets_copy(&disk.file, &objects[0]);
	for (int i = 0; i < WORLD_NAMES; i++) {
		disk.has[i] = names[i] != NOBODY;
		if (disk.has[i])
			octets_copy(&disk.names[i], &objects[names[i]]);
	}
	return open;
}

/* The power comes back: files as on the disk, and a new log. */
static void
power_on(struct world *world)
{
	struct stat st;

	fault_state->log = false;
	world_store(world, "mailbox", &disk.file);
	for (int i = 0; i < WORLD_NAMES; i++) {
		memset(&fault_state->ops[i], 0, sizeof(fault_state->ops[i]));
		(void)unlinkat(world->directory, world_names[i], 0);
		if (!disk.has[i])
			continue;
		world_store(world, world_names[i], &disk.names[i]);
		if (fstatat(world->directory, world_names[i], &st, 0) == 0)
			fault_state->ops[i].inode = (uint64_t)st.st_ino;
	}
	fault_state->op_count = WORLD_NAMES;
	fault_state->octets_used = 0;
	fault_state->log = true;
}

/*
 * Before anything: the last octets of the file, fresh of them, were just
 * delivered, and nobody has synced them.
 */
static void
start(struct world *world, const struct scenario *scenario, size_t fresh)
{
	const struct octets *before = &world->before;

	world_reset(world, scenario);
	octets_copy(&disk.file, before);
	disk.file.size -= fresh;
	for (int i = 0; i < WORLD_NAMES; i++)
		disk.has[i] = false;
	disk.has[WORLD_RESERVE] = scenario->full;
	if (scenario->full)
		octets_copy(&disk.names[WORLD_RESERVE], &world->reserve);
	file_synced = fresh == 0;
	power_on(world);
	if (fresh > 0 &&
	    pwrite(world->file, before->text + disk.file.size, fresh,
		(off_t)disk.file.size) != (ssize_t)fresh)
		exit(1);
}

static void
narrow(int *may_be)
{
	if (disk.has[0])
		*may_be = MAY_BE_AFTER;
}

static void
judge_power(
    struct world *world, int may_be, const char *what, long a, long b, int mode)
{
	const char *wrong;

	fault_state->log = false;
	/* The fresh octets may be lost, as long as we had not begun. */
	if (!file_synced && !disk.has[0])
		return;
	wrong = world_verdict(world, may_be);
	if (wrong != NULL)
		report("%s: power lost: %s %ld, %ld, disk %d: %s",
		    world->scenario->name, what, a, b, mode, wrong);
}

static int
after_remove(const struct outcome *outcome)
{
	if (!outcome->killed && outcome->result == 0)
		return MAY_BE_AFTER;
	if (!outcome->killed && !outcome->begun)
		return MAY_BE_BEFORE;
	return MAY_BE_BEFORE | MAY_BE_AFTER;
}

static const struct fault kill_before = {FAULT_BEFORE, 0, false, NULL, ""};
static const struct fault sync_fails = {FAULT_ERROR, EIO, false, "sync", ""};

/* Power lost at every call of a removal, with every disk. */
static long
power_once(struct world *world, const struct scenario *scenario, size_t fresh)
{
	struct outcome outcome;
	long points = 0, at = 0;
	int may_be, open, mode, torn;

	do {
		at++;
		for (mode = 0, open = 1, torn = 0; mode < MODE_ONE + 2 * open;
		     mode += torn == 0) {
			/* The wildest mode is tried four times. */
			torn = mode == MODE_TORN ? (torn + 1) % 4 : 0;
			start(world, scenario, fresh);
			outcome = world_remove(world, &kill_before, at);
			may_be = after_remove(&outcome);
			open = power_off(world, mode);
			power_on(world);
			narrow(&may_be);
			if (dice(2) == 0 && file_synced)
				world_deliver(
				    world, (enum delivery)dice(DELIVERIES));
			judge_power(world, may_be, "removal", at, 0, mode);
			points++;
		}
	} while (outcome.calls >= at);
	return points;
}

/* One process after another, mail between them, and then no power. */
static void
sessions(
    struct world *world, int *may_be, bool first, bool last, long at, long next)
{
	struct outcome outcome;
	const struct fault *fault = dice(3) == 0 ? &sync_fails : &kill_before;

	if (first) {
		outcome = world_remove(
		    world, fault, fault == &sync_fails ? at % 12 + 1 : at);
		*may_be = after_remove(&outcome);
		if (world_has(world, world_names[0]))
			file_synced = true;
	}
	for (uint32_t n = first ? dice(3) : 1; n > 0; n--) {
		if (file_synced && dice(2) == 0)
			world_deliver(world, (enum delivery)dice(DELIVERIES));
		fault = dice(4) == 0 ? &sync_fails : &kill_before;
		if (file_synced && last && n == 1 && dice(3) == 0) {
			/* And no failure: that may well lose it. */
			fault = &kill_before;
			loose_op = fault_state->op_count;
			world_deliver_loosely(world);
		}
		outcome = world_finish(
		    world, fault, fault == &sync_fails ? next % 12 + 1 : next);
		if (!outcome.killed && outcome.result == 0 &&
		    outcome.state == JOURNAL_FINISHED)
			*may_be = MAY_BE_AFTER;
		if (!outcome.killed && outcome.result == 0 &&
		    outcome.state == JOURNAL_ASIDE)
			report("%s: set aside with power on, %ld, %ld",
			    world->scenario->name, at, next);
	}
}

/* Up to three losses of power, anywhere. */
static long
power_often(struct world *world, const struct scenario *scenario, long runs)
{
	long at, next, run;
	int may_be, mode;

	for (run = 0; run < runs; run++) {
		start(world, scenario, dice(2) * FRESH);
		at = 1 + dice(70);
		may_be = 0;
		for (uint32_t n = 0, losses = 1 + dice(3); n < losses; n++) {
			next = 1 + dice(50);
			sessions(
			    world, &may_be, n == 0, n + 1 == losses, at, next);
			mode = (int)dice(MODE_ONE + 6);
			(void)power_off(world, mode);
			power_on(world);
			narrow(&may_be);
			if (!file_synced && !disk.has[0])
				break;
		}
		judge_power(world, may_be, "several times", at, run, 0);
	}
	return runs;
}

long
power_run(struct world *world, const struct scenario *scenario, bool full)
{
	long points = power_once(world, scenario, 0);

	points += power_once(world, scenario, FRESH);
	points += power_often(world, scenario, full ? 30000 : 600);
	fault_state->log = false;
	return points;
}
