/*
 * state.c - the session lock, and where journals are.
 *
 * What a session leaves (the lock file, a journal) must be found from the
 * mailbox by every other session, whatever login, program or user id it came
 * by: a session that does not find the journal of an interrupted update reads
 * a mailbox in the middle of being moved, and one that does not find the lock
 * runs beside another.  So the names are made of the mailbox's real path, in
 * the state folder of the mailbox's owner; they are written out, not digested,
 * since this process has no OpenSSL, and an administrator can read them.
 *
 * Who runs pop3d as a plain user has no such folder and keeps his state in
 * .pop3d beside the mailbox.  A session that has the other folder cannot know
 * whether there was such a one: where .pop3d exists, its lock is taken and
 * its journal finished, too.  There the name is the mailbox's own, so that it
 * holds when the folder is mounted elsewhere.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "session_lock.h"
#include "state.h"

#define STATE_FOLDER ".pop3d"

/*
 * '/' as '=', every octet that is not harmless as %XX.  -1 with errno
 * ENAMETOOLONG.
 */
static int
state_name(char dst[STATE_NAME + 1], const char *path)
{
	static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789._+-";
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (used + 3 > STATE_NAME) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (c == '/') {
			dst[used++] = '=';
		} else if (strchr(harmless, c) != NULL) {
			dst[used++] = (char)c;
		} else {
			dst[used++] = '%';
			dst[used++] = hex[c >> 4];
			dst[used++] = hex[c & 15];
		}
	}
	dst[used] = '\0';
	return 0;
}

/* The octet behind a '%'; -1: none that state_name() writes. */
static int
state_octet(const char *digits)
{
	static const char hex[] = "0123456789ABCDEF";
	const char *high, *low;

	if (digits[0] == '\0' || digits[1] == '\0')
		return -1;
	high = strchr(hex, digits[0]);
	low = strchr(hex, digits[1]);
	if (high == NULL || low == NULL)
		return -1;
	return (int)(high - hex) * 16 + (int)(low - hex);
}

/* Absolute, without "", "." and "..", as path_resolve() makes it. */
static bool
state_path_real(const char *path)
{
	size_t length;

	if (*path != '/')
		return false;
	for (; *path == '/'; path += length) {
		length = strcspn(++path, "/");
		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && memcmp(path, "..", 2) == 0))
			return false;
	}
	return true;
}

/* What name stands for; false: for nothing that is a path. */
static bool
state_path(char dst[STATE_NAME + 1], const char *name)
{
	size_t used = 0;
	int c;

	for (; *name != '\0'; name++) {
		c = *name == '=' ? '/' : *name;
		if (c == '%') {
			c = state_octet(name + 1);
			if (c <= 0)
				return false;
			name += 2;
		}
		if (used == STATE_NAME)
			return false;
		dst[used++] = (char)c;
	}
	dst[used] = '\0';
	return state_path_real(dst);
}

int
mailbox_journal(const char *name, char dst[CHANNEL_PATH])
{
	static const char suffix[] = STATE_JOURNAL;
	char base[STATE_FILE], again[STATE_NAME + 1], path[STATE_NAME + 1];
	size_t length = strlen(name), end = sizeof(suffix) - 1;

	if (length > end && strcmp(name + length - end, suffix) == 0 &&
	    text_copy(base, sizeof(base), name, length - end) == 0 &&
	    state_path(path, base) && state_name(again, path) == 0 &&
	    strcmp(again, base) == 0)
		return text_print(dst, CHANNEL_PATH, "mbox:%s", path);
	errno = EINVAL;
	return -1;
}

void
state_file(
    const struct state_place *place, const char *suffix, char dst[STATE_FILE])
{
	/* Both lengths are known: nothing is cut. */
	text_cut(dst, STATE_FILE, "%s%s", place->name, suffix);
}

/* Is it a folder of this user's that nobody else can enter? */
static int
state_folder_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & 077) == 0)
		return 0;
	errno = EPERM;
	return -1;
}

/* Take fd (it is ours from now on) as a place; -1 with errno. */
static int
state_place_add(struct state *state, int fd, const char *name)
{
	struct state_place *place = &state->place[state->count];
	int number;

	if (state_folder_check(fd) == -1 ||
	    state_name(place->name, name) == -1) {
		number = errno;
		close(fd);
		errno = number;
		return -1;
	}
	place->folder = fd;
	place->lock = -1;
	state->count++;
	return 0;
}

static int
state_place_given(struct state *state, int folder, const struct path *path)
{
	int fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);

	return fd == -1 ? -1 : state_place_add(state, fd, path->path);
}

/* The folder beside the mailbox; made when make. */
static int
state_place_beside(
    struct state *state, int directory, bool make, const struct path *path)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(directory, STATE_FOLDER, flags), error;

	if (fd == -1 && errno == ENOENT && make) {
		if (mkdirat(directory, STATE_FOLDER, 0700) == -1)
			return -1;
		fd = openat(directory, STATE_FOLDER, flags);
		if (fd != -1 && folder_entry_sync(fd) == -1) {
			error = errno;
			close(fd);
			(void)unlinkat(directory, STATE_FOLDER, AT_REMOVEDIR);
			errno = error;
			return -1;
		}
	}
	return fd == -1 ? -1 : state_place_add(state, fd, path->name);
}

int
mailbox_reserve(int state)
{
	return journal_reserve(state, STATE_RESERVE);
}

static void
state_unlock(struct state *state)
{
	size_t i;

	for (i = 0; i < state->count; i++) {
		if (state->place[i].lock != -1)
			close(state->place[i].lock);
		state->place[i].lock = -1;
	}
}

/*
 * Lock every place.  A second session often is the first one's client that
 * comes back before that has gone: so it is tried again for a moment, with
 * nothing held meanwhile.
 */
static enum channel_code
state_lock(struct state *state, const struct path *path, const char *peer,
    struct mailbox_error *error)
{
	static const struct timespec pause = {0, SESSION_LOCK_PAUSE * 1000000L};
	int64_t end = clock_ms() + SESSION_LOCK_GRACE;
	char name[STATE_FILE], holder[SESSION_LOCK_LINE];
	struct state_place *place;
	size_t i;

again:
	for (i = 0; i < state->count; i++) {
		place = &state->place[i];
		state_file(place, ".lock", name);
		place->lock = session_lock_try(place->folder, name, holder);
		if (place->lock != -1)
			continue;
		if (errno == EAGAIN) {
			state_unlock(state);
			if (clock_ms() < end) {
				(void)nanosleep(&pause, NULL);
				goto again;
			}
			session_lock_held(path->path, holder, error);
			return CODE_IN_USE;
		}
		mailbox_warn(error, "%s: session lock cannot be made: %s",
		    path->path, strerror(errno));
	}
	for (i = 0; i < state->count; i++)
		if (state->place[i].lock != -1)
			(void)session_lock_sign(state->place[i].lock, peer);
	return CODE_OK;
}

enum channel_code
state_open(struct state *state, int folder, int directory,
    const struct path *path, const char *peer, struct mailbox_error *error)
{
	bool make = folder == -1 && geteuid() != 0;
	enum channel_code code;
	int given = 0, beside;

	memset(state, 0, sizeof(*state));
	if (folder != -1)
		given = state_place_given(state, folder, path);
	/* A name that is too long is so for every session. */
	if (given == -1 && errno != ENAMETOOLONG) {
		mailbox_fail(error, CODE_TEMPORARY, "mailbox cannot be opened",
		    "%s: state folder is not usable: %s", path->path,
		    strerror(errno));
		return CODE_TEMPORARY;
	}
	if (given == -1)
		mailbox_warn(error, "%s: state folder is not usable: %s",
		    path->path, strerror(errno));
	beside = state_place_beside(state, directory, make, path);
	if (beside == 0 && make)
		/* Without it a full disk is a refusal, as it is anywhere. */
		(void)!mailbox_reserve(state->place[state->count - 1].folder);
	if (beside == -1 && make)
		mailbox_warn(error, "%s: %s cannot be made beside it: %s",
		    path->path, STATE_FOLDER, strerror(errno));
	code = state_lock(state, path, peer, error);
	if (code != CODE_OK)
		state_close(state);
	return code;
}

bool
state_writable(const struct state *state)
{
	return state->count > 0 && state->place[0].lock != -1;
}

void
state_close(struct state *state)
{
	size_t i;

	state_unlock(state);
	for (i = 0; i < state->count; i++)
		close(state->place[i].folder);
	state->count = 0;
}
