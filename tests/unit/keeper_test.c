/*
 * keeper_test.c - the lock keeper: one dotlock, in a folder that only a group
 * may write.
 */

#include "mailbox_world.h"

#include "mailbox/lock.h"

struct keeper {
	pid_t pid;
	int channel;
};

static void
keeper_start(struct keeper *keeper, const char *folder, uid_t uid, gid_t gid)
{
	int ends[2], directory;

	if (channel_pair(ends) == -1)
		exit(98);
	directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fflush(stdout);
	keeper->pid = fork();
	if (keeper->pid == 0) {
		close(ends[0]);
		lock_keeper_run(ends[1], directory, "box", uid, gid);
	}
	close(ends[1]);
	close(directory);
	keeper->channel = ends[0];
}

static int
keeper_end(struct keeper *keeper)
{
	int status = -1;

	close(keeper->channel);
	(void)waitpid(keeper->pid, &status, 0);
	return status;
}

/* The answer's code, or -1. */
static int
keeper_ask(const struct keeper *keeper, uint32_t type, struct record *record)
{
	memset(record, 0, sizeof(*record));
	if (channel_write(keeper->channel, record, type, NULL, 0) == -1 ||
	    channel_read(keeper->channel, record, NULL, NULL) != 1 ||
	    record->type != type + 1)
		return -1;
	return (int)record->u.result.code;
}

static void
test_requests(const char *folder, uid_t uid, gid_t gid)
{
	struct record record;
	struct keeper one, two;
	struct stat st;
	char lock[600];

	(void)snprintf(lock, sizeof(lock), "%s/box.lock", folder);
	keeper_start(&one, folder, uid, gid);
	keeper_start(&two, folder, uid, gid);
	ok(keeper_ask(&one, CH_REFRESH, &record) == CODE_CHANGED,
	    "what is not held cannot be refreshed");
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK && world_there(lock),
	    "taken");
	ok(lstat(lock, &st) == 0 && st.st_uid == uid, "it is the user's");
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK, "taken twice");
	ok(keeper_ask(&two, CH_TAKE, &record) == CODE_IN_USE,
	    "another is refused");
	world_age(lock, 100);
	ok(keeper_ask(&one, CH_REFRESH, &record) == CODE_OK &&
		lstat(lock, &st) == 0 && time(NULL) - st.st_mtime < 5,
	    "refreshed");
	ok(keeper_ask(&one, CH_DROP, &record) == CODE_OK && !world_there(lock),
	    "dropped");
	ok(keeper_ask(&two, CH_TAKE, &record) == CODE_OK, "now the other's");
	(void)kill(two.pid, SIGTERM);
	ok(keeper_end(&two) == 0 && !world_there(lock),
	    "the end of the channel drops it, SIGTERM does not matter");
	world_put(lock, "1\nelsewhere\nx\ny\n", O_EXCL);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_IN_USE,
	    "somebody else's holds");
	world_age(lock, 400);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK, "until it is stale");
	ok(keeper_ask(&one, CH_PASSWORD, &record) == -1 &&
		keeper_end(&one) == 0 && !world_there(lock),
	    "a request that is none ends it");
}

/* A lock that a killed keeper left is known by the next one. */
static void
test_dead(const char *folder, uid_t uid, gid_t gid)
{
	struct record record;
	struct keeper one;
	char lock[600];

	(void)snprintf(lock, sizeof(lock), "%s/box.lock", folder);
	keeper_start(&one, folder, uid, gid);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK, "taken");
	(void)kill(one.pid, SIGKILL);
	(void)keeper_end(&one);
	ok(world_there(lock), "a killed keeper leaves it");
	keeper_start(&one, folder, uid, gid);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK,
	    "the next one sees that it is dead");
	ok(keeper_end(&one) == 0, "and ends well");
}

/* What one that was killed while it took the lock has left. */
static void
test_left(const char *folder, uid_t uid, gid_t gid)
{
	struct record record;
	struct keeper one;
	char left[600];

	(void)snprintf(left, sizeof(left), "%s/.pop3d-new-box", folder);
	world_put(left, "", O_EXCL);
	if (chown(left, uid, gid) == -1)
		exit(98);
	keeper_start(&one, folder, uid, gid);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK && !world_there(left),
	    "what a killed keeper left is removed by the next");
	(void)keeper_ask(&one, CH_DROP, &record);
	world_put(left, "", O_EXCL);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_IN_USE &&
		strstr(record.u.result.text, ".pop3d-new-box") != NULL,
	    "what came since it closed itself in is another's: %s",
	    record.u.result.text);
	(void)unlink(left);
	ok(keeper_ask(&one, CH_TAKE, &record) == CODE_OK &&
		keeper_end(&one) == 0,
	    "as long as it is there");
}

/* With the locks' interface on top. */
static void
test_lock(const char *folder, uid_t uid, gid_t gid)
{
	struct mailbox_error error;
	struct keeper keeper;
	struct lock lock;
	char path[600];
	int directory, file;

	(void)snprintf(path, sizeof(path), "%s/box", folder);
	memset(&error, 0, sizeof(error));
	world_put(path, "", O_CREAT);
	file = open(path, O_RDWR | O_CLOEXEC);
	directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	keeper_start(&keeper, folder, uid, gid);
	ok(lock_init(
	       &lock, 3, directory, "box", path, keeper.channel, &error) == 0 &&
		lock_take(&lock, file, true, 0, &error) == 0 &&
		lock_refresh(&lock) == 0,
	    "a lock with a keeper");
	lock_drop(&lock);
	(void)strcat(path, ".lock");
	ok(!world_there(path), "given back");
	world_put(path, "7\nelsewhere\nx\ny\n", O_EXCL);
	ok(lock_take(&lock, file, true, 0, &error) == -1 &&
		error.code == CODE_IN_USE &&
		strstr(error.log, "dotlock is held by") != NULL,
	    "%s", error.log);
	(void)unlink(path);
	(void)kill(keeper.pid, SIGKILL);
	(void)keeper_end(&keeper);
	lock.keeper = open("/dev/null", O_RDWR);
	ok(lock_take(&lock, file, true, 0, &error) == -1 &&
		error.code == CODE_TEMPORARY &&
		strstr(error.log, "keeper is gone") != NULL,
	    "%s", error.log);
	close(lock.keeper);
	close(file);
	close(directory);
}

/* Debian's spool: root:mail 2775. */
static void
test_spool(void)
{
	const uid_t uid = WORLD_NOBODY;
	const gid_t mail = 8;
	struct record record;
	struct keeper keeper;
	char file[CHANNEL_PATH], path[600];
	int directory = -1;
	bool needed;

	if (geteuid() != 0) {
		ok(1, "a spool of group mail # SKIP needs root");
		return;
	}
	(void)chmod(world, 0755);
	if (mkdir("spool", 0755) == -1 || chown("spool", 0, mail) == -1 ||
	    chmod("spool", 02775) == -1)
		exit(98);
	(void)snprintf(path, sizeof(path), "mbox:%s/spool/box", world);
	if (setegid(uid) == -1 || setgroups(0, NULL) == -1 ||
	    seteuid(uid) == -1)
		exit(98);
	needed = lock_keeper_needed(path, mail, &directory, file);
	ok(needed && strcmp(file, "box") == 0 && directory != -1,
	    "the keeper is needed where only group mail may write");
	close(directory);
	ok(!lock_keeper_needed(path, 7, &directory, file),
	    "not for another group");
	if (seteuid(0) == -1 || setegid(0) == -1)
		exit(98);
	(void)chmod("spool", 03777);
	if (seteuid(uid) == -1)
		exit(98);
	ok(!lock_keeper_needed(path, mail, &directory, file),
	    "not where everybody may");
	if (seteuid(0) == -1)
		exit(98);
	(void)chmod("spool", 02775);
	test_requests("spool", uid, mail);
	test_dead("spool", uid, mail);
	test_left("spool", uid, mail);
	keeper_start(&keeper, "spool", uid, uid);
	ok(keeper_ask(&keeper, CH_TAKE, &record) == CODE_REFUSED,
	    "without the group it is refused");
	ok(keeper_end(&keeper) == 0, "and ends well");
	keeper_start(&keeper, "spool", 0, mail);
	ok(keeper_ask(&keeper, CH_TAKE, &record) == -1 &&
		keeper_end(&keeper) != 0,
	    "never as root");
}

int
main(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	(void)signal(SIGPIPE, SIG_IGN);
	world_begin(false);
	if (uid == 0) {
		uid = gid = WORLD_NOBODY;
		if (chown(world, uid, gid) == -1)
			return 99;
	}
	test_requests(world, uid, gid);
	test_dead(world, uid, gid);
	test_left(world, uid, gid);
	test_lock(world, uid, gid);
	test_spool();
	world_end();
	return tap_end();
}
