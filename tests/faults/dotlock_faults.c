/*
 * dotlock_faults.c - killed at every call of taking a dotlock, and of dropping
 * it: what is left is little, and the next one who takes it removes that.
 */

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"
#include "mailbox/dotlock.h"
#include "../unit/tap.h"

#define BOX "box"
#define LOCK BOX ".lock"
#define FRESH ".pop3d-new-" BOX
#define CAUGHT ".pop3d-old-" BOX
#define RACERS 4
#define RACES 400 /* processes that race, in all */

static char folder[64];
static int directory;

static void
broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
folder_open(void)
{
	(void)snprintf(folder, sizeof(folder), "%s/dotlock.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL)
		broken(folder);
	directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fault_state = mmap(NULL, sizeof(*fault_state), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (directory == -1 || fault_state == MAP_FAILED)
		broken(folder);
}

/* How many files are there; those of all when remove. */
static int
folder_count(bool remove)
{
	DIR *stream = fdopendir(openat(directory, ".", O_RDONLY));
	const struct dirent *entry;
	int count = 0;

	if (stream == NULL)
		broken(folder);
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.' && strlen(entry->d_name) < 3)
			continue;
		count++;
		if (remove)
			(void)unlinkat(directory, entry->d_name, 0);
	}
	(void)closedir(stream);
	return count;
}

static bool
there(const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A file that somebody left, as old as a stale lock. */
static void
leave(const char *name, const char *text)
{
	struct timespec times[2] = {{0, 0}, {0, 0}};
	int fd = openat(directory, name, O_WRONLY | O_CREAT, 0644);

	times[0].tv_sec = times[1].tv_sec = time(NULL) - 4000;
	if (fd == -1 || write(fd, text, strlen(text)) == -1 ||
	    futimens(fd, times) == -1)
		broken(name);
	(void)close(fd);
}

enum scene { SCENE_FREE, SCENE_STALE, SCENE_FRESH, SCENE_BOTH, SCENES };
static const char *const scene_names[SCENES] = {"nothing there", "a stale lock",
    "a file of a killed taker", "two files of a killed taker"};

static void
scene_set(enum scene scene)
{
	(void)folder_count(true);
	if (scene == SCENE_STALE)
		leave(LOCK, "1\nelsewhere\nx\ny\n");
	if (scene == SCENE_FRESH || scene == SCENE_BOTH)
		leave(FRESH, "");
	if (scene == SCENE_BOTH)
		leave(CAUGHT, "1\nelsewhere\nx\ny\n");
}

/* A child takes and drops, killed at its call of that number. */
static bool
killed(enum fault_kind kind, long at)
{
	struct dotlock dot;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fault_state->calls = 0;
		fault_state->kind = kind;
		fault_state->at = at;
		if (dotlock_init(&dot, directory, BOX) == -1 ||
		    dotlock_take(&dot) == -1)
			_exit(1);
		dotlock_drop(&dot);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		broken("child");
	fault_state->at = 0;
	if (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0)
		tap_note("not taken");
	return WIFSIGNALED(status);
}

/* What is left, and whether the next one takes it all away; in words. */
static const char *
verdict(enum scene scene)
{
	int left = there(FRESH) + there(CAUGHT);
	struct dotlock dot;

	if (left > (scene == SCENE_FREE || scene == SCENE_FRESH ? 1 : 2))
		return "too much is left";
	if (there(CAUGHT) && !there(FRESH))
		return "what was caught cannot be found";
	if (folder_count(false) > left + there(LOCK))
		return "something else is left";
	if (dotlock_init(&dot, directory, BOX) == -1 ||
	    dotlock_take(&dot) == -1)
		return "the next one does not get it";
	if (folder_count(false) != 1 || !there(LOCK))
		return "the next one leaves something";
	dotlock_drop(&dot);
	return folder_count(false) == 0 ? NULL : "the lock stays";
}

static void
test_kills(enum scene scene, enum fault_kind kind)
{
	long at = 1, wrong = 0;
	const char *what;
	bool died;

	for (died = true; died; at++) {
		scene_set(scene);
		died = killed(kind, at);
		what = verdict(scene);
		if (what != NULL && wrong++ < 5)
			tap_note(
			    "call %ld (%s): %s", at, fault_state->name, what);
	}
	ok(wrong == 0 && at > 6, "%s, killed %s each of %ld calls",
	    scene_names[scene], kind == FAULT_BEFORE ? "before" : "after",
	    at - 2);
}

/* A living taker is in the middle of it. */
static void
test_living(void)
{
	struct dotlock dot;
	struct stat before, after;
	int fd, ready[2];
	char none;
	pid_t pid;

	(void)folder_count(true);
	if (pipe(ready) == -1 || (pid = fork()) == -1)
		broken("child");
	if (pid == 0) {
		fd = openat(directory, FRESH, O_WRONLY | O_CREAT, 0644);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		    write(ready[1], "", 1) == 1)
			(void)pause();
		_exit(1);
	}
	if (read(ready[0], &none, 1) != 1 ||
	    fstatat(directory, FRESH, &before, 0) == -1)
		broken("child");
	ok(dotlock_init(&dot, directory, BOX) == 0 &&
		dotlock_take(&dot) == -1 && errno == EAGAIN,
	    "while its taker lives, another waits");
	ok(strcmp(dot.holder, "the maker of " FRESH) == 0, "for %s",
	    dot.holder);
	ok(fstatat(directory, FRESH, &after, 0) == 0 &&
		after.st_ino == before.st_ino && !there(LOCK),
	    "and touches nothing");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(dotlock_take(&dot) == 0 && folder_count(false) == 1,
	    "when it is dead, another has the lock");
	dotlock_drop(&dot);
}

/* What is not as we leave it stays. */
static void
test_strange(void)
{
	struct dotlock dot;

	(void)folder_count(true);
	if (dotlock_init(&dot, directory, BOX) == -1 ||
	    symlinkat("victim", directory, FRESH) == -1)
		broken("symlink");
	leave("victim", "precious");
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN && there("victim") &&
		there(FRESH),
	    "a symlink is neither followed nor removed");
	(void)unlinkat(directory, FRESH, 0);
	if (mkfifoat(directory, FRESH, 0600) == -1)
		broken("fifo");
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN && there(FRESH),
	    "a FIFO does not hang us");
	(void)unlinkat(directory, FRESH, 0);
	leave(FRESH, "");
	if (geteuid() != 0 || fchownat(directory, FRESH, 1, 1, 0) == -1) {
		ok(1, "another's file # SKIP needs root");
		return;
	}
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN && there(FRESH),
	    "another's file is not removed");
}

/* Take it some times, and die anywhere; two holders at once are told. */
static _Noreturn void
race_run(void)
{
	struct dotlock dot;
	int held;

	if (dotlock_init(&dot, directory, BOX) == -1)
		_exit(1);
	held = openat(directory, "held", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 20; i++) {
		if (dotlock_take(&dot) == -1)
			continue;
		/* The kernel gives it back when its holder is killed. */
		if (flock(held, LOCK_EX | LOCK_NB) == -1)
			_exit(2);
		(void)flock(held, LOCK_UN);
		dotlock_drop(&dot);
	}
	_exit(0);
}

/* Each counts its own calls. */
static void
race_start(unsigned seed)
{
	struct fault_state *own = mmap(NULL, sizeof(*own),
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == -1 || own == MAP_FAILED)
		broken("race");
	if (pid == 0) {
		fault_state = own;
		own->kind = seed % 2 == 0 ? FAULT_BEFORE : FAULT_AFTER;
		own->at = 1 + (long)(seed * 2654435761U >> 8) % 150;
		race_run();
	}
	(void)munmap(own, sizeof(*own));
}

static void
test_race(void)
{
	struct dotlock dot;
	int status, two = 0, died = 0, running = 0;
	unsigned started = 0;

	(void)folder_count(true);
	while (started < RACES || running > 0) {
		for (; started < RACES && running < RACERS; running++)
			race_start(started++);
		if (wait(&status) == -1)
			broken("wait");
		running--;
		died += WIFSIGNALED(status) != 0;
		two += WIFEXITED(status) && WEXITSTATUS(status) == 2;
	}
	ok(two == 0 && died > RACES / 4,
	    "%d racing processes, many of them killed: one holder at most",
	    RACES);
	tap_note("%d killed, %d found another", died, two);
	(void)unlinkat(directory, "held", 0);
	ok(dotlock_init(&dot, directory, BOX) == 0 && dotlock_take(&dot) == 0 &&
		folder_count(false) == 1,
	    "and the next one removes what they left");
	dotlock_drop(&dot);
}

int
main(void)
{
	folder_open();
	for (int scene = 0; scene < SCENES; scene++) {
		test_kills((enum scene)scene, FAULT_BEFORE);
		test_kills((enum scene)scene, FAULT_AFTER);
	}
	test_living();
	test_strange();
	test_race();
	(void)folder_count(true);
	(void)rmdir(folder);
	return tap_end();
}
