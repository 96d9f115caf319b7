/*
 * mailbox.c - one locked maildrop, whatever its format: finds the driver.
 */

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

static const struct mailbox_driver *const mailbox_drivers[] = {
    &mbox_driver,
    &maildir_driver,
};

/* Is what is there a Maildir? */
static bool
mailbox_is_maildir(const char *path)
{
	static const char *const folders[] = {"cur", "new"};
	char name[CHANNEL_PATH + 8];
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(folders); i++)
		if (text_print(name, sizeof(name), "%s/%s", path, folders[i]) ==
			0 &&
		    stat(name, &st) == 0 && S_ISDIR(st.st_mode))
			return true;
	return false;
}

/* The driver of "NAME:PATH", and the path; NULL when there is none. */
static const struct mailbox_driver *
mailbox_driver_find(const char *name, const char **path)
{
	static const char either[] = "auto:";
	size_t length = strcspn(name, ":"), i;

	if (strncmp(name, either, strlen(either)) == 0) {
		*path = name + strlen(either);
		return mailbox_is_maildir(*path) ? &maildir_driver :
						   &mbox_driver;
	}
	for (i = 0; i < ARRAY_SIZE(mailbox_drivers); i++) {
		const struct mailbox_driver *driver = mailbox_drivers[i];

		if (name[length] == ':' && strlen(driver->name) == length &&
		    memcmp(driver->name, name, length) == 0) {
			*path = name + length + 1;
			return driver;
		}
	}
	return NULL;
}

/* The same; NULL with error. */
static const struct mailbox_driver *
mailbox_driver_get(const struct mailbox_options *options, const char **path,
    struct mailbox_error *error)
{
	const struct mailbox_driver *driver;

	memset(error, 0, sizeof(*error));
	driver = mailbox_driver_find(options->path, path);
	if (driver == NULL)
		mailbox_fail(error, CODE_PERMANENT, "mailbox is not usable",
		    "no driver for %s", options->path);
	return driver;
}

int
mailbox_recover(
    const struct mailbox_options *options, struct mailbox_error *error)
{
	const struct mailbox_driver *driver;
	const char *path;

	driver = mailbox_driver_get(options, &path, error);
	if (driver == NULL)
		return -1;
	return driver->recover == NULL ? 0 :
					 driver->recover(options, path, error);
}

struct mailbox *
mailbox_open(const struct mailbox_options *options, struct mailbox_error *error)
{
	const struct mailbox_driver *driver;
	struct mailbox *mb;
	const char *path;

	driver = mailbox_driver_get(options, &path, error);
	if (driver == NULL)
		return NULL;
	mb = calloc(1, sizeof(*mb));
	if (mb == NULL) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be opened",
		    "%s: out of memory", path);
		return NULL;
	}
	mb->driver = driver;
	mb->file = -1;
	if (driver->open(mb, options, path, error) == 0) {
		mb->read_only |= options->read_only;
		return mb;
	}
	free(mb);
	return NULL;
}

const struct view_parts *
mailbox_view(const struct mailbox *mb)
{
	return mb->view;
}

void
mailbox_distrust(struct mailbox *mb)
{
	mb->driver->distrust(mb);
}

int
mailbox_file(const struct mailbox *mb)
{
	return mb->file;
}

void
mailbox_given(struct mailbox *mb)
{
	if (mb->file != -1)
		close(mb->file);
	mb->file = -1;
}

bool
mailbox_read_only(const struct mailbox *mb)
{
	return mb->read_only;
}

enum channel_code
mailbox_look(struct mailbox *mb, uint32_t index, struct ch_looked *looked,
    struct mailbox_error *error)
{
	memset(error, 0, sizeof(*error));
	memset(looked, 0, sizeof(*looked));
	if (mb->driver->look == NULL)
		return CODE_CHANGED;
	return mb->driver->look(mb, index, looked, error);
}

size_t
mailbox_messages(struct mailbox *mb, uint32_t first, uint32_t count,
    int *descriptors, struct mailbox_error *error)
{
	memset(error, 0, sizeof(*error));
	if (mb->driver->messages != NULL)
		return mb->driver->messages(
		    mb, first, count, descriptors, error);
	mailbox_fail(error, CODE_PERMANENT, "no such message", "%s",
	    "a message of an mbox was asked for");
	return 0;
}

int
mailbox_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error)
{
	memset(error, 0, sizeof(*error));
	memset(done, 0, sizeof(*done));
	return mb->driver->update(mb, set, done, error);
}

void
mailbox_close(struct mailbox *mb)
{
	if (mb == NULL)
		return;
	mailbox_given(mb);
	mb->driver->close(mb);
	free(mb);
}
