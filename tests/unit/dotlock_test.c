/*
 * dotlock_test.c - NAME.lock: taken, judged, removed, refreshed.
 */

#include "mailbox_world.h"

#include "mailbox/dotlock.h"

static struct dotlock dot;

static void
dotlock_new(void)
{
	int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dot.directory > 2)
		close(dot.directory);
	ok(dotlock_init(&dot, folder, "box") == 0, "init");
}

/* A lock by somebody. */
static void
dotlock_by(
    long pid, const char *host, const char *boot, const char *space, int age)
{
	char content[1024];

	(void)unlink("box.lock");
	(void)snprintf(content, sizeof(content), "%ld\n%s\n%s\n%s\n", pid, host,
	    boot, space);
	world_put("box.lock", content, O_EXCL);
	world_age("box.lock", age);
}

static long
dotlock_dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
	return (long)pid;
}

static void
test_take(void)
{
	char content[1024];
	struct dotlock other;
	struct stat st;

	ok(dotlock_take(&dot) == 0, "a free lock is taken");
	(void)snprintf(content, sizeof(content), "%ld\n%s\n%s\n%s\n",
	    (long)getpid(), dot.self.host, dot.self.boot, dot.self.space);
	ok(world_is("box.lock", content), "it says whose it is");
	ok(lstat("box.lock", &st) == 0 && (st.st_mode & 0777) == 0644 &&
		st.st_nlink == 1,
	    "everybody may read it; one name");
	ok(world_count("\\.pop3d-") == 0, "no private file stays");
	ok(dotlock_init(&other, dot.directory, "box") == 0 &&
		dotlock_take(&other) == -1 && errno == EAGAIN,
	    "a second holder is refused");
	ok(strncmp(other.holder, "pid ", 4) == 0, "the holder is told: %s",
	    other.holder);
	ok(world_count("\\.pop3d-") == 0, "no private file stays then");
	world_age("box.lock", 100);
	ok(dotlock_refresh(&dot) == 0 && lstat("box.lock", &st) == 0 &&
		time(NULL) - st.st_mtime < 5,
	    "refresh makes it new");
	dotlock_drop(&dot);
	ok(!world_there("box.lock"), "drop removes it");
	dotlock_drop(&dot);
	ok(dotlock_take(&other) == 0, "then another gets it");
	dotlock_drop(&other);
}

static void
test_taken_from_us(void)
{
	struct dotlock other;

	ok(dotlock_take(&dot) == 0 && unlink("box.lock") == 0,
	    "somebody removes our lock");
	ok(dotlock_refresh(&dot) == -1 && errno == ESTALE,
	    "refresh notices it");
	ok(dotlock_init(&other, dot.directory, "box") == 0 &&
		dotlock_take(&other) == 0,
	    "and makes his own");
	ok(dotlock_refresh(&dot) == -1 && errno == ESTALE,
	    "which we do not refresh");
	dotlock_drop(&dot);
	ok(world_there("box.lock"), "nor drop");
	dotlock_drop(&other);
}

static void
test_stale(void)
{
	const struct dotlock_self *self = &dot.self;
	long dead = dotlock_dead_pid();

	dotlock_by(dead, self->host, self->boot, self->space, 0);
	ok(dotlock_take(&dot) == 0, "a dead holder of ours: removed");
	dotlock_drop(&dot);
	dotlock_by((long)getppid(), self->host, self->boot, self->space, 0);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN, "a living one holds");
	dotlock_by(dead, "elsewhere", self->boot, self->space, 0);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN,
	    "dead here, but of another host: holds");
	ok(strstr(dot.holder, " on elsewhere") != NULL, "and is named");
	dotlock_by(dead, self->host, "another-boot", self->space, 0);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN, "of another boot");
	dotlock_by(dead, self->host, self->boot, "pid:[1]", 0);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN,
	    "of another pid namespace");
	(void)unlink("box.lock");
	world_put("box.lock", "0", O_EXCL);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN, "procmail's '0' holds");
	world_age("box.lock", 290);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN, "for 290 s");
	world_age("box.lock", 310);
	ok(dotlock_take(&dot) == 0, "not for 310 s");
	dotlock_drop(&dot);
	world_put("box", "mail", O_CREAT);
	dotlock_by(dead, "elsewhere", "x", "y", 400);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN,
	    "an old lock holds while the mailbox changes");
	world_age("box", 400);
	ok(dotlock_take(&dot) == 0, "and is stale when that rests, too");
	dotlock_drop(&dot);
	ok(world_count("\\.pop3d-") == 0 && !world_there("box.lock"),
	    "nothing is left");
}

static void
test_strange(void)
{
	ok(mkdir("box.lock", 0700) == 0 && dotlock_take(&dot) == -1 &&
		errno == EAGAIN,
	    "a directory of that name holds");
	world_age("box.lock", 4000);
	ok(dotlock_take(&dot) == -1 && errno == EAGAIN &&
		world_there("box.lock"),
	    "for ever");
	(void)rmdir("box.lock");
	ok(mkfifo("box.lock", 0600) == 0 && dotlock_take(&dot) == -1 &&
		errno == EAGAIN,
	    "a FIFO does not hang us");
	(void)unlink("box.lock");
	ok(symlink("/nowhere", "box.lock") == 0 && dotlock_take(&dot) == -1 &&
		errno == EAGAIN,
	    "a symlink holds, and is not followed");
	world_age("box.lock", 4000);
	ok(dotlock_take(&dot) == 0, "a stale one is removed");
	dotlock_drop(&dot);
}

static void
test_refused(void)
{
	if (geteuid() == 0) {
		ok(1, "not as root # SKIP root may write everywhere");
		return;
	}
	ok(chmod(".", 0500) == 0 && dotlock_take(&dot) == -1 && errno == EACCES,
	    "a folder that is not ours to write: EACCES");
	(void)chmod(".", 0700);
}

static _Noreturn void
race_run(void)
{
	int round, fd;

	if (dotlock_init(&dot, dot.directory, "race") == -1)
		_exit(2);
	for (round = 0; round < 150; round++) {
		if (dotlock_take(&dot) == -1)
			continue;
		fd = open("held", O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd == -1)
			world_put("two-holders", "", O_CREAT);
		close(fd);
		(void)unlink("held");
		/* Some leave theirs behind and die; a child goes on. */
		if (round % 40 != 39)
			dotlock_drop(&dot);
		else if (fork() != 0)
			_exit(0);
	}
	_exit(0);
}

/* Many at once: never two holders. */
static void
test_race(void)
{
	int ends[2], i;
	char none;

	if (pipe(ends) == -1)
		exit(98);
	fflush(stdout);
	for (i = 0; i < 6; i++)
		if (fork() == 0)
			race_run();
	close(ends[1]);
	/* Its end comes when the last of them has gone. */
	ok(read(ends[0], &none, 1) == 0 && !world_there("two-holders"),
	    "racing processes, some of which die: one holder at most");
	while (wait(NULL) > 0)
		continue;
	ok(world_count("\\.pop3d-") == 0, "and no private files");
}

int
main(void)
{
	world_begin(true);
	dotlock_new();
	test_take();
	test_taken_from_us();
	test_stale();
	test_strange();
	test_refused();
	test_race();
	close(dot.directory);
	world_end();
	return tap_end();
}
