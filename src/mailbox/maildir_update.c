/*
 * maildir_update.c - UPDATE of a Maildir.
 *
 * Order: every marked message's file is unlinked, by the name that it had when
 * it was scanned.  Those that are not there are looked for under their base
 * names, in a new listing of both folders, as often as others rename them
 * under our hands; only what a listing that nobody disturbed has not got is
 * gone.  Then what was fetched moves to cur/, and both folders are synced
 * before the client is told.
 *
 * Each unlink and each rename is whole by itself: interrupted anywhere, some of
 * the messages that the client deleted are gone, and no other; none is there
 * twice.  A rename never replaces a file.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"
#include "match.h"

#define UPDATE_ROUNDS 8 /* listings, while others rename */

enum removal { REMOVED, MISSING, FAILED };

struct update {
	struct maildir *md;
	const struct mailbox_set *set;
	struct view view;
	uint32_t *missing; /* messages still to be found */
	uint32_t missing_count;
	struct mailbox_tally tally;
	uint32_t doubtful;            /* twins that could not be told apart */
	uint32_t unmoved;             /* fetched, and still in new/ */
	int remove_error, move_error; /* the first errno of each */
	bool changed[MAILDIR_FOLDERS];
	struct maildir_quota quota;
};

/*
 * What the quota's file has for it: S= of the name, or what was read, or what
 * the file system says.  A message flagged T was taken out of it when it was.
 */
static uint64_t
update_size(const struct update *u, const struct view_message *m,
    const struct maildir_place *place)
{
	struct maildir_name name;
	struct stat st;

	maildir_name_read(&name, place->name, strlen(place->name));
	if (name.size != MAILDIR_SIZE_UNKNOWN)
		return name.size;
	if ((m->flags & VIEW_UNREAD) == 0)
		return m->length;
	if (fstatat(u->md->folder[place->folder], place->name, &st,
		AT_SYMLINK_NOFOLLOW) == 0)
		return (uint64_t)st.st_size;
	return 0;
}

static enum removal
update_unlink(
    struct update *u, uint32_t index, const struct maildir_place *place)
{
	const struct view_message *m = &u->view.message[index];
	int folder = u->md->folder[place->folder];
	uint64_t size;

	if (folder == -1)
		return MISSING;
	size = update_size(u, m, place);
	if (unlinkat(folder, place->name, 0) == -1) {
		if (errno == ENOENT)
			return MISSING;
		if (u->remove_error == 0)
			u->remove_error = errno;
		return FAILED;
	}
	u->changed[place->folder] = true;
	if (maildir_name_flag(place->name, 'T'))
		return REMOVED;
	u->quota.octets += size;
	u->quota.messages++;
	return REMOVED;
}

static void
update_tally(struct update *u, uint32_t index, enum removal what)
{
	uint64_t octets = u->view.message[index].octets;

	if (what == REMOVED) {
		u->tally.removed++;
		u->tally.removed_octets += octets;
		u->tally.left--;
		u->tally.left_octets -= octets;
	}
}

/* By the names of the view; what is not there goes to the list. */
static void
update_first(struct update *u)
{
	const struct view_message *m = u->view.message;
	struct maildir_place place;
	enum removal what;
	const char *name;
	uint32_t i;

	for (i = 0; i < u->view.head->count; i++) {
		if (!set_has(u->set, i))
			continue;
		place.folder =
		    (m[i].flags & VIEW_NEW) != 0 ? MAILDIR_NEW : MAILDIR_CUR;
		name = u->view.names + m[i].place;
		memcpy(place.name, name, strlen(name) + 1);
		what = update_unlink(u, i, &place);
		if (what == MISSING)
			u->missing[u->missing_count++] = i;
		else
			update_tally(u, i, what);
	}
}

/* Where the new listing has it. */
static enum removal
update_found(struct update *u, uint32_t index)
{
	struct maildir_place place;

	switch (maildir_place_find(u->md, index, &place)) {
	case 1:
		return update_unlink(u, index, &place);
	case 0:
		return u->md->now.changed ? MISSING : REMOVED;
	default:
		u->doubtful++;
		return FAILED;
	}
}

static void
update_missing(struct update *u)
{
	unsigned rounds;
	uint32_t i, left;
	enum removal what;

	for (rounds = 0; u->missing_count > 0 && rounds < UPDATE_ROUNDS;
	     rounds++) {
		if (maildir_now(u->md) == -1) {
			u->remove_error = errno;
			return;
		}
		left = 0;
		for (i = 0; i < u->missing_count; i++) {
			what = update_found(u, u->missing[i]);
			if (what == MISSING)
				u->missing[left++] = u->missing[i];
			else
				update_tally(u, u->missing[i], what);
		}
		u->missing_count = left;
	}
	if (u->missing_count > 0 && u->remove_error == 0)
		u->remove_error = EAGAIN;
}

static int
update_rename_portably(int from, const char *old, int to, const char *name)
{
	struct stat st;

	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (errno == ENOENT)
		return renameat(from, old, to, name);
	return -1;
}

/* Never over a file that is there; -1 with errno. */
static int
update_rename(int from, const char *old, int to, const char *name)
{
#ifdef RENAME_NOREPLACE
	if (renameat2(from, old, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
#endif
	return update_rename_portably(from, old, to, name);
}

/* Interrupted is not failed; what failed is never tried again. */
static int
folder_sync(int folder)
{
	int result;

	do
		result = fsync(folder);
	while (result == -1 && errno == EINTR);
	return result;
}

/* cur/, made where it is missing; -1 with errno. */
static int
update_cur(struct maildir *md)
{
	if (md->folder[MAILDIR_CUR] != -1)
		return 0;
	if (mkdirat(md->root, "cur", 0700) == -1 && errno != EEXIST)
		return -1;
	md->folder[MAILDIR_CUR] = openat(md->root, "cur", MAILDIR_FOLDER_FLAGS);
	return md->folder[MAILDIR_CUR] == -1 || folder_sync(md->root) == -1 ?
	    -1 :
	    0;
}

/* A fetched message to cur/ with its flags; -1 with errno. */
static int
update_move(struct update *u, const struct maildir_place *place)
{
	struct maildir *md = u->md;
	char name[MAILDIR_NAME + 1];

	if (maildir_name_cur(name, place->name, md->config->mark_seen) == -1)
		return -1;
	if (place->folder == MAILDIR_CUR && strcmp(name, place->name) == 0)
		return 0;
	if (update_cur(md) == -1 ||
	    update_rename(md->folder[place->folder], place->name,
		md->folder[MAILDIR_CUR], name) == -1)
		return -1;
	u->changed[place->folder] = true;
	u->changed[MAILDIR_CUR] = true;
	return 0;
}

static void
update_fetched(struct update *u)
{
	const struct mailbox_set fetched = {.deleted = u->set->fetched,
	    .count = u->set->fetched == NULL ? 0 : u->set->count};
	bool seen = u->md->config->mark_seen;
	struct maildir_place place;
	uint32_t i;

	for (i = 0; i < u->view.head->count; i++) {
		if (!set_has(&fetched, i) || set_has(u->set, i) ||
		    maildir_place_get(u->md, i, &place) == -1 ||
		    (place.folder == MAILDIR_CUR && !seen))
			continue;
		if (update_move(u, &place) == 0 ||
		    (errno == ENOENT && u->md->now.count == 0))
			continue;
		/* Where another program put it; it may have gone from there. */
		if (errno == ENOENT &&
		    (maildir_place_find(u->md, i, &place) != 1 ||
			update_move(u, &place) == 0 || errno == ENOENT))
			continue;
		if (u->unmoved++ == 0)
			u->move_error = errno;
	}
}

/* -1 with errno. */
static int
update_sync(const struct update *u)
{
	int i;

	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (u->changed[i] && folder_sync(u->md->folder[i]) == -1)
			return -1;
	return 0;
}

static int
update_partial(
    const struct update *u, uint32_t failed, struct mailbox_error *error)
{
	const char *path = u->md->path.path;
	char text[128];

	if (failed == 0)
		return 0;
	if (u->tally.removed > 0 || u->remove_error == 0) {
		mailbox_fail(error, CODE_PARTIAL,
		    "some deleted messages not removed",
		    "%s: %u messages not removed: %s", path, failed,
		    u->remove_error != 0 ? strerror(u->remove_error) :
					   "twins that were renamed");
		return -1;
	}
	text_cut(text, sizeof(text), "nothing was removed: %s",
	    strerror(u->remove_error));
	mailbox_fail(error, mailbox_code(u->remove_error), text,
	    "%s: update failed: %s", path, strerror(u->remove_error));
	return -1;
}

/* Everything after the view is there; the number of marked messages. */
static int
update_run(struct update *u, uint32_t marked, struct mailbox_error *error)
{
	const char *path = u->md->path.path;
	int result;

	update_first(u);
	update_missing(u);
	update_fetched(u);
	if (update_sync(u) == -1) {
		mailbox_fail(error, CODE_TEMPORARY,
		    "what was removed may come back after a crash",
		    "%s: fsync: %s", path, strerror(errno));
		return -1;
	}
	result = update_partial(u, marked - u->tally.removed, error);
	if (u->unmoved > 0)
		mailbox_warn(error, "%s: %u messages not moved to cur: %s",
		    path, u->unmoved, strerror(u->move_error));
	if (maildir_quota_put(u->md, &u->quota) == -1)
		mailbox_warn(
		    error, "%s/maildirsize: %s", path, strerror(errno));
	maildir_tidy(u->md);
	return result;
}

static uint32_t
update_marked(const struct update *u)
{
	uint32_t i, marked = 0;

	for (i = 0; i < u->view.head->count; i++)
		marked += set_has(u->set, i);
	return marked;
}

int
maildir_update(struct mailbox *mb, const struct mailbox_set *set,
    struct mailbox_tally *done, struct mailbox_error *error)
{
	struct update u = {.md = mb->own, .set = set};
	uint32_t marked = 0;
	int result = -1;
	void *data;

	data = maildir_view_load(u.md, &u.view);
	if (data != NULL) {
		marked = update_marked(&u);
		u.missing = malloc(marked * sizeof(*u.missing) + 1);
	}
	if (u.missing == NULL) {
		mailbox_fail(error, CODE_TEMPORARY, "nothing was removed",
		    "%s: view: %s", u.md->path.path, strerror(errno));
	} else {
		u.tally.left = u.view.head->count;
		u.tally.left_octets = u.view.head->octets;
		if (!mb->read_only)
			result = update_run(&u, marked, error);
		else if (marked == 0)
			result = 0;
		else
			mailbox_fail(error, CODE_PERMANENT,
			    "mailbox is read-only", "%s: is read-only",
			    u.md->path.path);
		*done = u.tally;
	}
	free(u.missing);
	free(data);
	return result;
}
