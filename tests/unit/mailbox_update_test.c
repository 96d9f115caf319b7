/*
 * mailbox_update_test.c - UPDATE of an mbox that others use, too.
 */

#include "mailbox_world.h"

#define FROM(n) "From u" n "@example.org Mon Jan  1 00:00:0" n " 2024\n"
#define HEAD(n) "Subject: number " n "\nMessage-ID: <" n "@x>\n"
#define BODY(n) "\nthis is " n "\n\n"
#define MAIL(n) FROM(n) HEAD(n) BODY(n)
#define READ(n) FROM(n) "Status: RO\n" HEAD(n) BODY(n)

static struct mailbox_tally tally;

/* A session on text; old: its times are long past. */
static struct mailbox *
begin(const char *text, bool old)
{
	world_put("box", text, O_TRUNC);
	if (old)
		(void)sleep(4); /* ctime can only be waited for */
	return world_open("box", world_state);
}

/* QUIT with these messages deleted; the session ends. */
static int
quit(struct mailbox *mb, unsigned deleted, uint32_t count)
{
	uint8_t bits = (uint8_t)deleted;
	struct mailbox_set set = {.deleted = &bits, .count = count};
	int result;

	if (mb == NULL)
		return -2;
	result = mailbox_update(mb, &set, &tally, &world_error);
	mailbox_close(mb);
	return result;
}

static void
test_plain(bool old)
{
	static const struct {
		unsigned deleted;
		const char *left;
	} cases[] = {
	    {0x0, MAIL("1") MAIL("2") MAIL("3")},
	    {0x1, MAIL("2") MAIL("3")},
	    {0x2, MAIL("1") MAIL("3")},
	    {0x4, MAIL("1") MAIL("2")},
	    {0x3, MAIL("3")},
	    {0x5, MAIL("2")},
	    {0x6, MAIL("1")},
	    {0x7, ""},
	};
	struct stat before, after;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i += old ? 5 : 1) {
		unsigned bits = cases[i].deleted;
		struct mailbox *mb = begin(MAIL("1") MAIL("2") MAIL("3"), old);
		uint32_t gone = (bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1);

		(void)stat("box", &before);
		ok(quit(mb, bits, 3) == 0, "removed %#x: %s", bits,
		    world_error.log);
		ok(world_is("box", cases[i].left), "left");
		ok(tally.removed == gone && tally.left == 3 - gone &&
			(tally.removed_octets != 0) == (gone != 0) &&
			(tally.left_octets != 0) == (gone != 3),
		    "counted");
		(void)stat("box", &after);
		ok(before.st_ino == after.st_ino, "the same inode");
		ok(gone != 0 ||
			(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
			    before.st_ctim.tv_nsec == after.st_ctim.tv_nsec),
		    "untouched if nothing is deleted");
	}
	ok(!world_there("box.lock") && world_count("\\.pop3d-") == 0,
	    "no lock stays");
}

static void
test_delivery(void)
{
	struct mailbox *mb = begin(MAIL("1") MAIL("2"), false);

	world_put("box", MAIL("3"), O_APPEND);
	ok(quit(mb, 1, 2) == 0 && world_is("box", MAIL("2") MAIL("3")),
	    "a delivery during the session stays");
	ok(tally.removed == 1 && tally.left == 1, "and is the next one's");
	mb = begin(MAIL("1") MAIL("2"), false);
	world_put("box", MAIL("3"), O_APPEND);
	ok(quit(mb, 3, 2) == 0 && world_is("box", MAIL("3")),
	    "all deleted, one delivered");
	mb = begin(MAIL("1") MAIL("2"), false);
	world_put("box", MAIL("1"), O_APPEND);
	ok(quit(mb, 1, 2) == 0 && world_is("box", MAIL("2") MAIL("1")),
	    "the same message delivered again: places tell");
	mb = begin("", false);
	world_put("box", MAIL("1"), O_APPEND);
	ok(quit(mb, 0xff, 0) == 0 && world_is("box", MAIL("1")),
	    "an empty mailbox, one delivered");
}

static void
test_other_reader(void)
{
	struct mailbox *mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);

	world_put("box", READ("1") MAIL("2") READ("3"), O_TRUNC);
	ok(quit(mb, 6, 3) == 0 && world_is("box", READ("1")),
	    "Status written by another reader");
	mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);
	world_put("box", MAIL("2") MAIL("3"), O_TRUNC);
	ok(quit(mb, 2, 3) == 0 && world_is("box", MAIL("3")),
	    "one expunged by another reader");
	mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);
	world_put("box", MAIL("2") MAIL("3"), O_TRUNC);
	ok(quit(mb, 1, 3) == 0 && world_is("box", MAIL("2") MAIL("3")) &&
		tally.removed == 0 && strstr(world_error.log, "gone") != NULL,
	    "the same one that the client deleted: %s", world_error.log);
	mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);
	world_put("box", MAIL("3") MAIL("4") READ("1"), O_TRUNC);
	ok(quit(mb, 3, 3) == -1 && world_error.code == CODE_PARTIAL &&
		world_is("box", MAIL("3") MAIL("4")) && tally.removed == 1,
	    "sorted, changed, more and less: the new one may be the old one");
	mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);
	world_put("box", "more text\n", O_APPEND);
	ok(quit(mb, 4, 3) == -1 && world_error.code == CODE_PARTIAL &&
		world_is("box", MAIL("1") MAIL("2") MAIL("3") "more text\n") &&
		tally.removed == 0,
	    "the deleted one has grown: it stays, and the client hears it");
	mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);
	world_put("box.new", MAIL("1") MAIL("2") MAIL("3"), O_CREAT);
	(void)rename("box.new", "box");
	ok(quit(mb, 1, 3) == 0 && world_is("box", MAIL("2") MAIL("3")),
	    "replaced by rename");
	mb = begin(MAIL("1") MAIL("2"), false);
	world_put("box", "", O_TRUNC);
	ok(quit(mb, 1, 2) == 0 && world_is("box", "") && tally.removed == 0,
	    "emptied");
	mb = begin(MAIL("1") MAIL("2"), false);
	(void)unlink("box");
	ok(quit(mb, 1, 2) == 0 && !world_there("box") &&
		strstr(world_error.log, "was removed") != NULL,
	    "removed: %s", world_error.log);
	mb = begin(MAIL("1") MAIL("2"), false);
	world_put("box", "some text\n", O_TRUNC);
	ok(quit(mb, 1, 2) == -1 && world_is("box", "some text\n"),
	    "overwritten by what is no mail: %s", world_error.log);
}

static void
test_twins(void)
{
	struct mailbox *mb = begin(MAIL("1") MAIL("1") MAIL("2"), false);

	ok(quit(mb, 1, 3) == 0 && world_is("box", MAIL("1") MAIL("2")),
	    "one of two twins");
	mb = begin(MAIL("1") MAIL("1") MAIL("2"), false);
	world_put("box", MAIL("1") MAIL("2"), O_TRUNC);
	ok(quit(mb, 1, 3) == -1 && world_error.code == CODE_PARTIAL &&
		world_is("box", MAIL("1") MAIL("2")),
	    "a twin expunged: the other one stays");
	ok(tally.removed == 0 && tally.left == 3, "%s", world_error.log);
	mb = begin(MAIL("1") MAIL("2") MAIL("1") MAIL("3"), false);
	world_put("box", MAIL("2") MAIL("1") MAIL("3"), O_TRUNC);
	ok(quit(mb, 9, 4) == -1 && world_error.code == CODE_PARTIAL &&
		world_is("box", MAIL("2") MAIL("1")) && tally.removed == 1,
	    "what is certain is removed");
}

static void
test_refused(void)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mailbox *mb = begin(MAIL("1") MAIL("2"), false);
	struct world_child child;

	if (world_child(&child) == 0) {
		int fd = open("box", O_RDWR);

		world_child_ready(
		    &child, fcntl(fd, F_SETLK, &record) == 0 ? 'y' : 'n');
		_exit(0);
	}
	ok(world_child_wait(&child) == 'y', "a delivery is under way");
	ok(quit(mb, 1, 2) == -1 && world_error.code == CODE_IN_USE &&
		world_is("box", MAIL("1") MAIL("2")),
	    "nothing is removed: %s", world_error.log);
	(void)world_child_end(&child, 0);
	world_put("box", MAIL("1"), O_TRUNC);
	(void)mkdir("wide", 0755);
	mb = world_open("box", open("wide", O_RDONLY | O_DIRECTORY));
	ok(mb == NULL && world_error.code == CODE_TEMPORARY &&
		world_is("box", MAIL("1")),
	    "a state folder that cannot be trusted: %s", world_error.log);
	mb = begin(MAIL("1") MAIL("2"), false);
	ok(chmod("box", 0400) == 0 &&
		(geteuid() == 0 ||
		    (quit(mb, 1, 2) == -1 &&
			world_error.code == CODE_PERMANENT)) &&
		world_is("box", MAIL("1") MAIL("2")),
	    "read-only since the login: %s", world_error.log);
	(void)chmod("box", 0600);
}

/* The next session finds everything that this one left. */
static void
test_again(void)
{
	struct mailbox *mb = begin(MAIL("1") MAIL("2") MAIL("3"), false);

	ok(quit(mb, 2, 3) == 0, "one removed");
	ok(world_messages("box") == 2, "two are left");
	mb = world_open("box", world_state);
	ok(quit(mb, 2, 2) == 0 && world_is("box", MAIL("1")),
	    "another session, another one");
	ok(!world_there("state/=box.journal"), "no journal stays");
}

/* Many messages, those of a remainder of three left out, then more. */
static void
fill(const char *name, int without, bool more)
{
	FILE *file = fopen(name, "w");
	int i;

	if (file == NULL)
		exit(98);
	for (i = 0; i < 400; i++)
		if (i % 3 != without)
			(void)fprintf(file,
			    FROM("1") "Message-ID: <%d@x>\n"
				      "\n%0*d\n\n",
			    i, 200 + i, i);
	if (more)
		(void)fprintf(file, "%s", MAIL("2"));
	(void)fclose(file);
}

static bool
same(const char *a, const char *b)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "cmp -s %s %s", a, b);
	return system(command) == 0;
}

/*
 * A session that is killed in its UPDATE; then perhaps a delivery; then
 * another session, that found its state elsewhere.
 */
static void
test_killed(int state, bool more)
{
	uint8_t bits[50] = {0};
	struct mailbox_set set = {.deleted = bits, .count = 400};
	int round, i, all = 0, none = 0, bad = 0;
	struct world_child child;

	for (i = 0; i < 400; i += 3)
		bits[i / 8] |= (uint8_t)(1U << (i % 8));
	fill("all", 0, more);
	fill("none", -1, more);
	for (round = 0; round < 60; round++) {
		fill("box", -1, false);
		if (world_child(&child) == 0) {
			struct mailbox *mb = world_open("box", state);
			char answer = 'y';

			if (mb == NULL || write(child.ready, &answer, 1) != 1 ||
			    mailbox_update(mb, &set, &tally, &world_error) ==
				-1)
				_exit(1);
			(void)pause();
		}
		(void)world_child_wait(&child);
		(void)usleep((useconds_t)(round * 400));
		(void)world_child_end(&child, SIGKILL);
		if (more)
			world_put("box", MAIL("2"), O_APPEND);
		i = world_messages("box");
		if (same("box", "all") && i == 266 + more)
			all++;
		else if (same("box", "none") && i == 400 + more)
			none++;
		else
			bad++;
	}
	ok(bad == 0, "killed in UPDATE: all (%d times) or nothing (%d)", all,
	    none);
}

int
main(void)
{
	world_begin(true);
	world_session();
	test_plain(false);
	test_plain(true);
	test_delivery();
	test_other_reader();
	test_twins();
	test_refused();
	test_again();
	test_killed(world_state, false);
	test_killed(geteuid() == 0 ? world_state : -1, true);
	close(world_state);
	config_free(&world_config);
	world_end();
	return tap_end();
}
