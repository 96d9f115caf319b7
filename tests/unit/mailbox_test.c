/*
 * mailbox_test.c - what is a mailbox, the session lock, open and look.
 */

#include "mailbox_world.h"

#include <sys/socket.h>

#define ONE \
	"From a@example.org Mon Jan  1 00:00:00 2024\n" \
	"Subject: one\nMessage-ID: <1@x>\n\nfirst\n\n"
#define TWO \
	"From b@example.org Mon Jan  1 00:00:01 2024\n" \
	"Subject: two\nMessage-ID: <2@x>\n\nsecond\n\n"

/* The first descriptor that is free: the same before and after a session. */
static int
descriptors(void)
{
	int fd = dup(0), more = 0, i;

	close(fd);
	for (i = 0; i < 64; i++)
		if (fcntl(i, F_GETFD) != -1)
			more++;
	return more * 100 + fd;
}

static void
test_open(void)
{
	struct mailbox *mb;
	struct view view;
	void *data;
	struct stat st;
	int before = descriptors();

	world_put("box", ONE TWO, O_TRUNC);
	mb = world_open("box", world_state);
	ok(mb != NULL, "opened: %s", world_error.log);
	if (mb == NULL)
		return;
	ok(!mailbox_read_only(mb) && world_error.log[0] == '\0',
	    "to be changed, nothing to say");
	data = view_parts_load(mailbox_view(mb), &view);
	ok(data != NULL && view.head->count == 2, "a view of two messages");
	if (data == NULL)
		return;
	ok(fstat(mailbox_file(mb), &st) == 0 &&
		(uint64_t)st.st_ino == view.head->stamp.inode,
	    "and the file");
	ok((fcntl(mailbox_file(mb), F_GETFL) & O_ACCMODE) == O_RDONLY,
	    "for reading");
	ok(!world_there("box.lock"), "no dotlock stays during the session");
	mailbox_given(mb);
	ok(mailbox_file(mb) == -1, "given away");
	mailbox_close(mb);
	free(data);
	ok(descriptors() == before, "every descriptor is closed");
	mailbox_close(NULL);
}

static void
test_none(void)
{
	struct mailbox *mb;
	int before = descriptors();

	(void)unlink("nobox");
	mb = world_open("nobox", world_state);
	ok(mb != NULL && mailbox_file(mb) == -1, "no file is an empty mailbox");
	mailbox_close(mb);
	ok(world_messages("nobox") == 0 && !world_there("nobox"),
	    "no messages, and none is made");
	world_put("nobox", "", O_TRUNC);
	ok(world_messages("nobox") == 0, "an empty file, too");
	mb = world_open("no/such/box", world_state);
	ok(mb != NULL &&
		strstr(world_error.log, "folder does not exist") != NULL,
	    "no folder: empty, with a warning: %s", world_error.log);
	mailbox_close(mb);
	ok(descriptors() == before, "every descriptor is closed");
}

static void
refused(const char *name, enum channel_code code, const char *why)
{
	int before = descriptors();
	struct mailbox *mb = world_open(name, world_state);

	ok(mb == NULL && world_error.code == code &&
		strstr(world_error.log, why) != NULL &&
		strstr(world_error.log, name) != NULL,
	    "refused: %s", world_error.log);
	ok(strchr(world_error.text, '/') == NULL, "the client reads: %s",
	    world_error.text);
	ok(descriptors() == before, "every descriptor is closed");
	mailbox_close(mb);
}

static void
test_no_mailbox(void)
{
	struct mailbox_options options = {.config = &world_config,
	    .path = "mh:/x",
	    .state = -1,
	    .keeper = -1};

	(void)mkdir("folder", 0700);
	refused("folder", CODE_PERMANENT, "directory");
	(void)mkfifo("fifo", 0600);
	refused("fifo", CODE_PERMANENT, "FIFO");
	(void)symlink("/dev/zero", "zero");
	ok(world_open("zero", world_state) == NULL &&
		world_error.code == CODE_PERMANENT,
	    "%s", world_error.log);
	world_put("linked", ONE, O_TRUNC);
	(void)link("linked", "linked2");
	refused("linked", CODE_PERMANENT, "more than one link");
	world_put("text", "Dear diary,\n\ntoday\n", O_TRUNC);
	refused("text", CODE_PERMANENT, "does not begin as an mbox");
	if (geteuid() != 0) {
		world_put("closed", ONE, O_TRUNC);
		(void)chmod("closed", 0);
		refused("closed", CODE_PERMANENT, "Permission denied");
		ok(world_open("../../etc/passwd", world_state) == NULL &&
			strstr(world_error.log, "somebody else") != NULL,
		    "%s", world_error.log);
	}
	ok(mailbox_open(&options, &world_error) == NULL &&
		world_error.code == CODE_PERMANENT &&
		strcmp(world_error.log, "no driver for mh:/x") == 0,
	    "%s", world_error.log);
	options.path = "mbox:relative";
	ok(mailbox_open(&options, &world_error) == NULL, "%s", world_error.log);
}

static void
test_symlinks(void)
{
	struct mailbox *mb, *second;

	(void)mkdir("mail", 0700);
	world_put("mail/real", ONE, O_TRUNC);
	(void)symlink("mail", "way");
	(void)symlink("./way/../mail/real", "name");
	mb = world_open("name", world_state);
	ok(mb != NULL, "the user's own symlinks are followed");
	second = world_open("mail/real", world_state);
	ok(second == NULL && world_error.code == CODE_IN_USE,
	    "two names of one mailbox exclude each other");
	mailbox_close(mb);
	(void)symlink("loop", "loop");
	refused("loop", CODE_PERMANENT, "symbolic links");
	(void)symlink("nowhere", "dangling");
	ok(world_messages("dangling") == 0, "one to nothing: empty");
	if (geteuid() == 0)
		return;
	(void)symlink("/proc/self", "proc");
	ok(world_open("proc/mem", world_state) == NULL, "%s", world_error.log);
}

static void
test_session_lock(void)
{
	struct world_child child;
	struct mailbox *mb;
	char pid[64];
	int64_t start;

	world_put("box", ONE TWO, O_TRUNC);
	if (world_child(&child) == 0) {
		mb = world_open("box", world_state);
		world_child_ready(&child, mb != NULL ? 'y' : 'n');
		_exit(0);
	}
	ok(world_child_wait(&child) == 'y', "a session");
	start = clock_ms();
	mb = world_open("box", world_state);
	ok(mb == NULL && world_error.code == CODE_IN_USE, "excludes another");
	ok(clock_ms() - start < 2000, "at once");
	(void)snprintf(
	    pid, sizeof(pid), "pid %ld from 192.0.2.1 since ", (long)child.pid);
	ok(strstr(world_error.log, pid) != NULL, "log: %s", world_error.log);
	world_put("box", ONE, O_APPEND);
	ok(world_is("box", ONE TWO ONE), "not a delivery");
	(void)world_child_end(&child, SIGKILL);
	mb = world_open("box", world_state);
	ok(mb != NULL, "a killed session leaves no lock: %s", world_error.log);
	mailbox_close(mb);
	mb = world_open("box", world_state);
	ok(mb != NULL, "nor one that ended");
	mailbox_close(mb);
}

static void
test_state_beside(void)
{
	struct mailbox *mb, *second;

	if (geteuid() == 0) {
		ok(1, "state of a plain user # SKIP not as root");
		return;
	}
	world_put("box", ONE, O_TRUNC);
	mb = world_open("box", -1);
	ok(mb != NULL && !mailbox_read_only(mb) &&
		world_there(".pop3d/box.lock"),
	    "a plain user's state is beside the mailbox");
	second = world_open("box", world_state);
	ok(second == NULL && world_error.code == CODE_IN_USE,
	    "which one with a state folder sees");
	mailbox_close(mb);
	mb = world_open("box", world_state);
	second = world_open("box", -1);
	ok(mb != NULL && second == NULL && world_error.code == CODE_IN_USE,
	    "and the other way round");
	mailbox_close(mb);
	(void)system("rm -rf .pop3d");
	(void)symlink("state", ".pop3d");
	mb = world_open("box", -1);
	ok(mb != NULL && mailbox_read_only(mb), "no symlink: %s",
	    world_error.log);
	(void)unlink(".pop3d");
	mailbox_close(mb);
	(void)chmod("state", 0500);
	mb = world_open("fresh", world_state);
	ok(mb != NULL && mailbox_read_only(mb) &&
		strstr(world_error.log, "session lock cannot be made") != NULL,
	    "a state folder that cannot be written: %s", world_error.log);
	mailbox_close(mb);
	(void)chmod("state", 0700);
}

static void
test_state(void)
{
	struct mailbox *mb;
	char deep[400];
	int bad;

	world_put("box", ONE, O_TRUNC);
	(void)mkdir("open", 0755);
	bad = open("open", O_RDONLY | O_DIRECTORY);
	mb = world_open("box", bad);
	ok(mb == NULL && world_error.code == CODE_TEMPORARY,
	    "others may enter it: %s", world_error.log);
	mailbox_close(mb);
	close(bad);
	memset(deep, 'x', sizeof(deep));
	memcpy(deep, "deep/", 5);
	deep[230] = '\0';
	(void)mkdir("deep", 0700);
	world_put(deep, ONE, O_CREAT);
	mb = world_open(deep, world_state);
	ok(mb != NULL && mailbox_read_only(mb), "a long name: %s",
	    world_error.log);
	mailbox_close(mb);
}

static void
test_locked(void)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct world_child child;
	struct mailbox *mb;

	world_put("box", ONE, O_TRUNC);
	if (world_child(&child) == 0) {
		int fd = open("box", O_RDWR);

		world_child_ready(
		    &child, fcntl(fd, F_SETLK, &record) == 0 ? 'y' : 'n');
		_exit(0);
	}
	ok(world_child_wait(&child) == 'y', "a delivery is under way");
	mb = world_open("box", world_state);
	ok(mb == NULL && world_error.code == CODE_IN_USE &&
		strcmp(world_error.text,
		    "mailbox is locked by another program") == 0,
	    "%s", world_error.log);
	(void)world_child_end(&child, 0);
	ok(world_messages("box") == 1, "it is over");
	if (geteuid() == 0)
		return;
	(void)chmod("box", 0400);
	mb = world_open("box", world_state);
	ok(mb != NULL && mailbox_read_only(mb), "a mode of 0400: %s",
	    world_error.log);
	mailbox_close(mb);
	(void)chmod("box", 0600);
}

/* Replaced while we wait for its locks: the new one is what is served. */
static void
test_replaced(void)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct world_child child;

	world_put("box", ONE TWO, O_TRUNC);
	world_put("box.new", ONE, O_TRUNC);
	if (world_child(&child) == 0) {
		int fd = open("box", O_RDWR);
		char answer = fcntl(fd, F_SETLK, &record) == 0 ? 'y' : 'n';

		if (write(child.ready, &answer, 1) != 1)
			_exit(1);
		(void)usleep(300000);
		_exit(rename("box.new", "box") == -1);
	}
	ok(world_child_wait(&child) == 'y', "a reader has locked it");
	world_config.lock_timeout = 20;
	ok(world_messages("box") == 1, "what replaced it is served");
	world_config.lock_timeout = 0;
	(void)world_child_end(&child, 0);
}

static void
test_look(void)
{
	struct ch_looked looked;
	struct mailbox *mb;
	struct stat st;
	ino_t inode;

	world_put("box", ONE TWO, O_TRUNC);
	mb = world_open("box", world_state);
	ok(mailbox_look(mb, 0, &looked, &world_error) == CODE_OK &&
		mailbox_look(mb, 1, &looked, &world_error) == CODE_OK,
	    "an untouched message is the same");
	ok(mailbox_look(mb, 2, &looked, &world_error) == CODE_CHANGED,
	    "there is no third one");
	world_put("box", ONE, O_APPEND);
	ok(mailbox_look(mb, 1, &looked, &world_error) == CODE_OK,
	    "a delivery changes none");
	(void)stat("box", &st);
	inode = st.st_ino;
	world_put("box",
	    ONE "From b@example.org Mon Jan  1 00:00:01 2024\n"
		"Subject: two\nMessage-ID: <2@x>\n\nsecoNd\n\n",
	    O_TRUNC);
	(void)stat("box", &st);
	ok(st.st_ino == inode &&
		mailbox_look(mb, 0, &looked, &world_error) == CODE_OK,
	    "one that stayed");
	ok(mailbox_look(mb, 1, &looked, &world_error) == CODE_CHANGED,
	    "one whose octets are others");
	world_put("box", ONE, O_TRUNC);
	ok(mailbox_look(mb, 1, &looked, &world_error) == CODE_CHANGED,
	    "one cut off");
	world_put("box.new", ONE TWO, O_TRUNC);
	(void)rename("box.new", "box");
	ok(mailbox_look(mb, 0, &looked, &world_error) == CODE_CHANGED,
	    "another file of the name");
	(void)unlink("box");
	ok(mailbox_look(mb, 0, &looked, &world_error) == CODE_CHANGED,
	    "no file");
	ok(!world_there("box.lock"), "no lock stays");
	mailbox_close(mb);
}

int
main(void)
{
	world_begin(true);
	world_session();
	test_open();
	test_none();
	test_no_mailbox();
	test_symlinks();
	test_session_lock();
	test_state_beside();
	test_state();
	test_locked();
	test_replaced();
	test_look();
	close(world_state);
	config_free(&world_config);
	world_end();
	return tap_end();
}
