/*
 * lock_test.c - the locks of other programs: waited for, taken, given back.
 */

#include "mailbox_world.h"

#include <sys/file.h>

#include "mailbox/lock.h"

static int folder;

/* A lock on "box" of these kinds; NULL error texts are checked by callers. */
static int
lock_get(
    struct lock *lock, unsigned kinds, int64_t ms, struct mailbox_error *error)
{
	int file = open("box", O_RDWR | O_CLOEXEC);

	memset(error, 0, sizeof(*error));
	if (lock_init(lock, kinds, folder, "box", world_path("box"), -1,
		error) == 0 &&
	    lock_take(lock, file, true, clock_ms() + ms, error) == 0)
		return 0;
	close(file);
	return -1;
}

static void
lock_end(struct lock *lock)
{
	lock_drop(lock);
	close(lock->file);
}

/* Do others find it locked so? */
static bool
lock_seen(unsigned kind)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd, status = 0;

	if (kind == LOCK_DOTLOCK)
		return world_there("box.lock");
	fflush(stdout);
	if (fork() == 0) {
		fd = open("box", O_RDWR);
		if (kind == LOCK_FLOCK)
			_exit(flock(fd, LOCK_EX | LOCK_NB) == -1);
		_exit(fcntl(fd, F_SETLK, &record) == -1);
	}
	(void)wait(&status);
	return status != 0;
}

static void
test_kinds(void)
{
	static const unsigned kinds[] = {LOCK_FCNTL, LOCK_DOTLOCK, LOCK_FLOCK};
	struct mailbox_error error;
	struct lock lock;
	size_t i, j;

	for (i = 0; i < 8; i++) {
		ok(lock_get(&lock, (unsigned)i, 0, &error) == 0 &&
			lock.held == i,
		    "locks %zu: taken", i);
		for (j = 0; j < 3; j++)
			ok(lock_seen(kinds[j]) == ((i & kinds[j]) != 0),
			    "others see kind %zu as they should", j);
		ok(lock_refresh(&lock) == 0, "refreshed");
		lock_end(&lock);
		for (j = 0; j < 3; j++)
			ok(!lock_seen(kinds[j]), "given back: kind %zu", j);
	}
}

static void
test_busy(unsigned kind, const char *name)
{
	struct world_child child;
	struct mailbox_error error;
	struct lock lock;
	int64_t start;

	if (world_child(&child) == 0) {
		world_child_ready(
		    &child, lock_get(&lock, kind, 0, &error) == 0 ? 'y' : 'n');
		lock_end(&lock);
		_exit(0);
	}
	ok(world_child_wait(&child) == 'y', "%s: another holds it", name);
	start = clock_ms();
	ok(lock_get(&lock, 7, 400, &error) == -1 && error.code == CODE_IN_USE,
	    "%s: in use", name);
	start = clock_ms() - start;
	ok(start >= 400 && start < 3000, "after the time given: %ld ms",
	    (long)start);
	ok(strcmp(error.text, "mailbox is locked by another program") == 0 &&
		strstr(error.log, name) != NULL &&
		strstr(error.log, "box") != NULL,
	    "log: %s", error.log);
	ok(kind == LOCK_FLOCK || strstr(error.log, "pid ") != NULL,
	    "the holder is named");
	ok(kind == LOCK_FCNTL || !lock_seen(LOCK_FCNTL),
	    "what was got meanwhile is given back: fcntl");
	ok(kind == LOCK_DOTLOCK || !lock_seen(LOCK_DOTLOCK),
	    "what was got meanwhile is given back: dotlock");
	(void)world_child_end(&child, 0);
	ok(lock_get(&lock, 7, 0, &error) == 0, "%s: free again", name);
	lock_end(&lock);
}

static void
test_wait(void)
{
	struct world_child child;
	struct mailbox_error error;
	struct lock lock;
	int64_t start;

	if (world_child(&child) == 0) {
		char answer = 'y';

		if (lock_get(&lock, 7, 0, &error) == -1)
			_exit(1);
		if (write(child.ready, &answer, 1) != 1)
			_exit(1);
		(void)usleep(500000);
		lock_end(&lock);
		_exit(0);
	}
	(void)world_child_wait(&child);
	start = clock_ms();
	ok(lock_get(&lock, 7, 10000, &error) == 0, "waited for");
	start = clock_ms() - start;
	ok(start >= 300 && start < 5000, "until it was given back: %ld ms",
	    (long)start);
	lock_end(&lock);
	(void)world_child_end(&child, 0);
}

static void
test_killed(void)
{
	struct world_child child;
	struct mailbox_error error;
	struct lock lock;

	if (world_child(&child) == 0) {
		world_child_ready(
		    &child, lock_get(&lock, 7, 0, &error) == 0 ? 'y' : 'n');
		_exit(0);
	}
	ok(world_child_wait(&child) == 'y', "a process with all locks");
	(void)world_child_end(&child, SIGKILL);
	ok(world_there("box.lock"), "is killed and leaves a dotlock");
	ok(lock_get(&lock, 7, 0, &error) == 0, "no lock stays");
	lock_end(&lock);
}

static void
test_refused(void)
{
	struct mailbox_error error;
	struct lock lock;

	if (geteuid() == 0) {
		ok(1, "not as root # SKIP root may write everywhere");
		return;
	}
	(void)chmod(".", 0500);
	ok(lock_get(&lock, 3, 400, &error) == -1 &&
		error.code == CODE_PERMANENT,
	    "a dotlock that may not be made");
	ok(strstr(error.log, "box.lock: cannot be made: Permission denied") !=
		NULL,
	    "log: %s", error.log);
	ok(lock_get(&lock, LOCK_FCNTL, 0, &error) == 0, "fcntl alone works");
	lock_end(&lock);
	(void)chmod(".", 0700);
}

static void
test_helper(void)
{
	struct mailbox_error error;
	struct lock_helper helper;
	struct lock lock;

	ok(lock_get(&lock, 3, 0, &error) == 0, "locked");
	lock_helper_start(&lock, &helper);
	ok(helper.pid > 0 && kill(helper.pid, 0) == 0, "a helper refreshes");
	lock_helper_stop(&helper);
	ok(helper.pid == -1 && waitpid(-1, NULL, WNOHANG) == -1,
	    "and ends when told");
	ok(lock_seen(LOCK_FCNTL) && lock_seen(LOCK_DOTLOCK),
	    "the locks are still held");
	lock_end(&lock);
}

static void
test_clock(void)
{
	struct mailbox_error error;
	struct timespec now;
	struct lock lock;

	ok(lock_get(&lock, 3, 0, &error) == 0, "locked");
	world_age("box.lock", 5000);
	lock_clock(&lock, &now);
	ok(time(NULL) - now.tv_sec > 4990, "the clock is the dotlock's");
	lock_end(&lock);
	lock_clock(&lock, &now);
	ok(time(NULL) - now.tv_sec < 5, "without one, ours");
}

int
main(void)
{
	world_begin(true);
	folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	world_put("box", "", O_CREAT);
	test_kinds();
	test_busy(LOCK_FCNTL, "fcntl lock");
	test_busy(LOCK_DOTLOCK, "dotlock");
	test_busy(LOCK_FLOCK, "flock");
	test_wait();
	test_killed();
	test_refused();
	test_helper();
	test_clock();
	close(folder);
	world_end();
	return tap_end();
}
