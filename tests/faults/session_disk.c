/*
 * session_disk.c - see session_disk.h.  The rules for truncations are those of
 * journal_power.c: one that is not there may have zeroed the rest of its
 * block, and what was written behind it since is not there either, but for
 * that same block.
 */

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_disk.h"
#include "session_faults.h"

#define OBJECTS 400
#define NAMES 800
#define NOBODY (-1)
#define SECTOR 512 /* octets */
#define UNCUT UINT64_MAX

struct object {
	uint64_t inode;
	bool folder;
	size_t size, room;
	unsigned char *text;
	uint64_t cut; /* by a truncation that is not there; or UNCUT */
};

/* A name in a folder, and which object it is: now, and on the disk. */
struct name {
	int folder, live, kept;
	const char *text;
	bool broken; /* the last operation on it is not on the disk */
};

static struct object objects[OBJECTS];
static int object_count;
static struct name names[NAMES];
static int name_count;
static int op_object[SESSION_OPS];

static int
object_new(uint64_t inode, bool folder, const void *text, size_t size)
{
	struct object *o = &objects[object_count];

	if (object_count == OBJECTS)
		broken("too many objects");
	o->inode = inode;
	o->folder = folder;
	o->cut = UNCUT;
	o->size = size;
	if (size > o->room) {
		o->text = realloc(o->text, size);
		o->room = size;
		if (o->text == NULL)
			broken("memory");
	}
	if (size > 0)
		memcpy(o->text, text, size);
	return object_count++;
}

/* The last one: numbers are used again. */
static int
object_find(uint64_t inode)
{
	for (int i = object_count - 1; i >= 0; i--)
		if (objects[i].inode == inode && inode != 0)
			return i;
	return NOBODY;
}

static struct name *
name_get(int folder, const char *text)
{
	struct name *n;

	for (int i = 0; i < name_count; i++)
		if (names[i].folder == folder &&
		    strcmp(names[i].text, text) == 0)
			return &names[i];
	if (name_count == NAMES)
		broken("too many names");
	n = &names[name_count++];
	n->folder = folder;
	n->text = text;
	n->live = n->kept = NOBODY;
	n->broken = false;
	return n;
}

/* The disk as it was: all of it is safe. */
static void
disk_begin(struct world *world)
{
	const struct tree *tree = &world->base_tree;
	struct stat st;
	int parent, object;

	object_count = name_count = 0;
	if (stat(world->path, &st) == -1)
		broken(world->path);
	(void)object_new((uint64_t)st.st_ino, true, NULL, 0);
	for (size_t i = 0; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];
		const char *slash = strrchr(node->path, '/');
		char folder[TREE_PATH];
		struct name *name;

		parent = 0;
		if (slash != NULL) {
			(void)snprintf(folder, sizeof(folder), "%.*s",
			    (int)(slash - node->path), node->path);
			parent = object_find(tree_find(tree, folder)->inode);
		}
		object = object_new(
		    node->inode, node->folder, node->text, node->size);
		name = name_get(parent, slash != NULL ? slash + 1 : node->path);
		name->live = name->kept = object;
	}
}

static bool
is_names(const struct session_op *op)
{
	return op->kind == OP_CREATE || op->kind == OP_MKDIR ||
	    op->kind == OP_LINK || op->kind == OP_UNLINK ||
	    op->kind == OP_RENAME;
}

/* A file that is not there any more can still be written. */
static void
names_live(size_t i, const struct session_op *op)
{
	struct name *from = name_get(object_find(op->folder), op->name), *to;

	if (op->kind == OP_CREATE || op->kind == OP_MKDIR) {
		op_object[i] = from->live =
		    object_new(op->inode, op->kind == OP_MKDIR, NULL, 0);
		return;
	}
	op_object[i] = from->live;
	if (op->kind != OP_LINK)
		from->live = NOBODY;
	if (op->kind == OP_UNLINK)
		return;
	to = name_get(object_find(op->to_folder), op->to);
	to->live = op_object[i];
}

static bool
synced(size_t i, size_t end, int object)
{
	for (size_t j = i + 1; j < end; j++)
		if (run_shared->ops[j].kind == OP_SYNC &&
		    op_object[j] == object && !run_shared->ops[j].failed)
			return true;
	return false;
}

enum fate { FATE_THERE, FATE_LOST, FATE_OPEN };

/* Octets: what the next sync of their file did for them. */
static enum fate
octets_fate(size_t i, size_t end)
{
	for (size_t j = i + 1; j < end; j++) {
		const struct session_op *op = &run_shared->ops[j];

		if (op->kind != OP_SYNC || op_object[j] != op_object[i])
			continue;
		if (!op->failed)
			return FATE_THERE;
		if (run_shared->ops[i].kind == OP_WRITE)
			return dice(2) == 0 ? FATE_THERE : FATE_LOST;
	}
	return FATE_OPEN;
}

static bool
open_is_there(enum disk_mode mode)
{
	return mode == DISK_MOST || (mode == DISK_WILD && dice(2) == 0);
}

static void
names_kept(size_t i, size_t end, enum disk_mode mode)
{
	const struct session_op *op = &run_shared->ops[i];
	int folder = object_find(op->folder), other = NOBODY;
	struct name *from = name_get(folder, op->name), *to = NULL;
	bool safe = synced(i, end, folder), there;

	if (op->kind == OP_LINK || op->kind == OP_RENAME) {
		other = object_find(op->to_folder);
		to = name_get(other, op->to);
		safe = safe && (other == folder || synced(i, end, other));
	}
	there = safe ||
	    (open_is_there(mode) && !from->broken &&
		(to == NULL || !to->broken));
	from->broken = !there;
	if (to != NULL)
		to->broken = !there;
	if (!there)
		return;
	if (op->kind == OP_CREATE || op->kind == OP_MKDIR)
		from->kept = op_object[i];
	else if (op->kind != OP_LINK && from->kept == op_object[i])
		from->kept = NOBODY;
	if (to != NULL)
		to->kept = op_object[i];
}

static void
object_write(struct object *o, uint64_t offset, const void *p, size_t length)
{
	size_t end = offset + length;

	if (end > o->room) {
		o->room = end * 2;
		o->text = realloc(o->text, o->room);
		if (o->text == NULL)
			broken("memory");
	}
	if (offset > o->size)
		memset(o->text + o->size, 0, offset - o->size);
	memcpy(o->text + offset, p, length);
	if (end > o->size)
		o->size = end;
}

/* The sectors of a write; all, or any; none behind what is not cut off. */
static void
octets_write(const struct session_op *op, struct object *o, bool torn)
{
	const unsigned char *p = run_shared->octets + op->data;
	uint64_t most = UNCUT;
	size_t n;

	if (o->cut != UNCUT) {
		most = (o->cut + SECTOR - 1) / SECTOR * SECTOR;
		if (op->offset < most && o->cut < o->size)
			memset(o->text + o->cut, 0,
			    (most < o->size ? most : o->size) - o->cut);
	}
	for (size_t done = 0; done < op->length; done += n) {
		n = SECTOR - (op->offset + done) % SECTOR;
		if (n > op->length - done)
			n = op->length - done;
		if (op->offset + done < most && (!torn || dice(2) == 0))
			object_write(o, op->offset + done, p + done, n);
	}
}

static void
octets_truncate(const struct session_op *op, struct object *o, bool there,
    enum disk_mode mode)
{
	uint64_t block = (uint64_t)SECTOR << dice(4), end;
	static const unsigned char zero;

	if (there) {
		if (op->offset > o->size)
			object_write(o, op->offset - 1, &zero, 1);
		o->size = op->offset;
		o->cut = UNCUT;
		return;
	}
	if (op->offset < o->size)
		o->cut = op->offset;
	if ((mode != DISK_ZEROED && mode != DISK_WILD) || op->offset >= o->size)
		return;
	end = (op->offset + block - 1) / block * block;
	memset(o->text + op->offset, 0,
	    (end < o->size ? end : o->size) - op->offset);
}

static void
octets_kept(size_t i, size_t end, enum disk_mode mode)
{
	const struct session_op *op = &run_shared->ops[i];
	struct object *o = &objects[op_object[i]];
	enum fate fate = octets_fate(i, end);
	bool there =
	    fate == FATE_THERE || (fate == FATE_OPEN && open_is_there(mode));

	if (op->kind == OP_TRUNCATE)
		octets_truncate(op, o, there, mode);
	else if (there)
		octets_write(op, o, fate == FATE_OPEN && mode == DISK_WILD);
}

static void
folder_put(struct tree *disk, int folder, const char *path)
{
	char below[TREE_PATH];

	for (int i = 0; i < name_count; i++) {
		const struct name *n = &names[i];
		const struct object *o;

		if (n->folder != folder || n->kept == NOBODY)
			continue;
		o = &objects[n->kept];
		(void)snprintf(below, sizeof(below), "%s%s%s", path,
		    path[0] == '\0' ? "" : "/", n->text);
		(void)tree_put(
		    disk, below, o->folder, o->text, o->folder ? 0 : o->size);
		if (o->folder)
			folder_put(disk, n->kept, below);
	}
}

void
disk_after(
    struct world *world, size_t end, enum disk_mode mode, struct tree *disk)
{
	size_t i;

	disk_begin(world);
	for (i = world->base; i < end; i++) {
		const struct session_op *op = &run_shared->ops[i];

		op_object[i] = NOBODY;
		if (is_names(op))
			names_live(i, op);
		else if (op->kind != OP_REPLY)
			op_object[i] = object_find(op->inode);
	}
	for (i = world->base; i < end; i++) {
		const struct session_op *op = &run_shared->ops[i];

		if (is_names(op))
			names_kept(i, end, mode);
		else if (op_object[i] != NOBODY && op->kind != OP_SYNC)
			octets_kept(i, end, mode);
	}
	tree_free(disk);
	folder_put(disk, 0, "");
}

bool
disk_told(size_t end)
{
	static const char done[] = " removed, ";

	for (size_t i = 0; i < end; i++) {
		const struct session_op *op = &run_shared->ops[i];
		const unsigned char *text = run_shared->octets + op->data;

		if (op->kind == OP_REPLY && op->length > 3 && text[0] == '+' &&
		    memmem(text, op->length, done, sizeof(done) - 1) != NULL)
			return true;
	}
	return false;
}
