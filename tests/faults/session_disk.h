/*
 * session_disk.h - what a disk may have after the power went, from the log of
 * a session.
 */

#ifndef SESSION_DISK_H
#define SESSION_DISK_H

#include "session_world.h"

enum disk_mode {
	DISK_LEAST,  /* only what was synced */
	DISK_MOST,   /* everything */
	DISK_ZEROED, /* the least; truncations have zeroed their block */
	DISK_WILD    /* any part of the rest, sector by sector; and more */
};

/*
 * The disk after the operations from world->base to end, as a tree.  What no
 * sync followed is there or not, each by itself: octets by sectors, names by
 * operations (one that follows another on the same name needs that).  A name
 * that moves between folders is safe when both are synced.  After a sync that
 * failed, what was written before is there or lost, whatever comes later.
 */
void disk_after(
    struct world *world, size_t end, enum disk_mode mode, struct tree *disk);

/* Had the client been told +OK to QUIT, before operation end? */
bool disk_told(size_t end);

#endif
