/*
 * driver.h - what a mailbox format does behind mailbox.h.
 */

#ifndef DRIVER_H
#define DRIVER_H

#include "error.h"

struct mailbox_driver {
	const char *name; /* before the colon of a mailbox's path */

	/* As mailbox_open(): fills mb; -1 with error and mb as it was. */
	int (*open)(struct mailbox *mb, const struct mailbox_options *options,
	    const char *path, struct mailbox_error *error);
	/* As mailbox_look(); NULL: the front has the messages' files. */
	enum channel_code (*look)(struct mailbox *mb, uint32_t index,
	    struct ch_looked *looked, struct mailbox_error *error);
	/* As mailbox_messages(); NULL: the front has the mailbox's file. */
	size_t (*messages)(struct mailbox *mb, uint32_t first, uint32_t count,
	    int *descriptors, struct mailbox_error *error);
	int (*update)(struct mailbox *mb, const struct mailbox_set *set,
	    struct mailbox_tally *done, struct mailbox_error *error);
	/* As mailbox_distrust(). */
	void (*distrust)(struct mailbox *mb);
	/* As mailbox_recover(); NULL: it leaves nothing to be finished. */
	int (*recover)(const struct mailbox_options *options, const char *path,
	    struct mailbox_error *error);
	/* Frees what the driver made. */
	void (*close)(struct mailbox *mb);
};

struct mailbox {
	const struct mailbox_driver *driver;
	const struct view_parts *view; /* the driver's */
	int file; /* for the front; -1 when given or none */
	bool read_only;
	void *own; /* the driver's */
};

extern const struct mailbox_driver mbox_driver;
extern const struct mailbox_driver maildir_driver;

#endif
