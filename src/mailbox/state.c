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
 *
 * The lock is the kernel's, on a file that is never unlinked: nothing is left
 * of a session that was killed, and nobody can lock a file that is not there
 * any more.  It belongs to the open file description, not to the process
 * (closing another descriptor of the file must not drop it): children share
 * it and must close it.  What the file says is for the log only.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

#define STATE_FOLDER ".pop3d"
#define STATE_GRACE 500 /* ms: who quits and comes back at once */
#define STATE_PAUSE 50  /* ms */

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
	int fd = openat(directory, STATE_FOLDER, flags);

	if (fd == -1 && errno == ENOENT && make) {
		if (mkdirat(directory, STATE_FOLDER, 0700) == -1)
			return -1;
		fd = openat(directory, STATE_FOLDER, flags);
	}
	return fd == -1 ? -1 : state_place_add(state, fd, path->name);
}

/* A whole-file lock of the open file description; EAGAIN: held. */
static int
state_kernel_lock(int fd)
{
#ifdef F_OFD_SETLK
	struct flock record;

	memset(&record, 0, sizeof(record));
	record.l_type = F_WRLCK;
	record.l_whence = SEEK_SET;
	if (fcntl(fd, F_OFD_SETLK, &record) == 0)
		return 0;
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
#else
	return flock(fd, LOCK_EX | LOCK_NB);
#endif
}

/*
 * The place's lock file, opened and locked.  -1 with errno EAGAIN when it is
 * another session's; what that wrote is in holder then.
 */
static int
state_place_lock(struct state_place *place, char *holder, size_t size)
{
	char name[STATE_FILE];
	struct stat st;
	ssize_t got;
	int fd, number;

	state_file(place, ".lock", name);
	fd = openat(place->folder, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		errno = EPERM;
	else if (state_kernel_lock(fd) == 0) {
		place->lock = fd;
		return 0;
	}
	number = errno;
	if (number == EAGAIN) {
		got = pread_full(fd, holder, size - 1, 0);
		holder[got > 0 ? got : 0] = '\0';
	}
	close(fd);
	errno = number;
	return -1;
}

/* For the log line of a second session; a full disk is no reason to fail. */
static void
state_place_sign(const struct state_place *place, const char *peer)
{
	char line[256];

	if (text_print(line, sizeof(line), "%ld %.128s %lld\n", (long)getpid(),
		peer != NULL && peer[0] != '\0' ? peer : "-",
		(long long)time(NULL)) == -1 ||
	    pwrite_full(place->lock, line, strlen(line), 0) == -1 ||
	    ftruncate(place->lock, (off_t)strlen(line)) == -1)
		(void)!ftruncate(place->lock, 0);
}

/* "PID PEER UNIXTIME\n", if it is that. */
static void
state_in_use(const struct path *path, char *holder, struct mailbox_error *error)
{
	char *peer = strchr(holder, ' ');
	char *since = peer != NULL ? strchr(peer + 1, ' ') : NULL;
	uint64_t pid, begin, now = (uint64_t)time(NULL);

	if (since != NULL) {
		*peer++ = '\0';
		*since++ = '\0';
		since[strcspn(since, "\n")] = '\0';
	}
	if (since == NULL ||
	    number_get(holder, strlen(holder), 1, INT32_MAX, &pid) == -1 ||
	    number_get(since, strlen(since), 0, now, &begin) == -1)
		mailbox_fail(error, CODE_IN_USE, "mailbox is in use",
		    "%s: mailbox in use by another session", path->path);
	else
		mailbox_fail(error, CODE_IN_USE, "mailbox is in use",
		    "%s: mailbox in use: pid %lu from %s since %lu s",
		    path->path, (unsigned long)pid, peer,
		    (unsigned long)(now - begin));
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
	static const struct timespec pause = {0, STATE_PAUSE * 1000000L};
	int64_t end = clock_ms() + STATE_GRACE;
	char holder[256];
	size_t i;

again:
	for (i = 0; i < state->count; i++) {
		if (state_place_lock(
			&state->place[i], holder, sizeof(holder)) == 0)
			continue;
		if (errno == EAGAIN) {
			state_unlock(state);
			if (clock_ms() < end) {
				(void)nanosleep(&pause, NULL);
				goto again;
			}
			state_in_use(path, holder, error);
			return CODE_IN_USE;
		}
		mailbox_warn(error, "%s: session lock cannot be made: %s",
		    path->path, strerror(errno));
	}
	for (i = 0; i < state->count; i++)
		if (state->place[i].lock != -1)
			state_place_sign(&state->place[i], peer);
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
	if (folder != -1 &&
	    (given = state_place_given(state, folder, path)) == -1)
		mailbox_warn(error, "%s: state folder is not usable: %s",
		    path->path, strerror(errno));
	beside = state_place_beside(state, directory, make, path);
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
