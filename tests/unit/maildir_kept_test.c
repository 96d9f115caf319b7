/*
 * maildir_kept_test.c - the view that is kept: used when nothing changed,
 * and never believed.
 */

#include "maildir_world.h"

#define THREE "1.a:2,S 13;2.b:2, 13;3.c 15 new;"

static void
maildir_three(void)
{
	maildir_new();
	maildir_put("cur/1.a:2,S", "A: 1\n\none\n");
	maildir_put("cur/2.b:2,", "A: 2\n\ntwo\n");
	maildir_put("new/3.c", "A: 3\n\nthree\n");
}

/* Until the folders' times are old enough to be trusted. */
static void
kept_settle(void)
{
	const struct timespec pause = {3, 100000000};

	(void)nanosleep(&pause, NULL);
}

/*
 * Is the folders' content still what the kept view has?  Its sizes tell: the
 * files are made longer behind its back.
 */
static bool
kept_used(void)
{
	struct maildir_session s;
	bool used;

	if (truncate("box/cur/1.a:2,S", 100) == -1 || !maildir_begin(&s, "box"))
		exit(96);
	used = s.view.head->count > 0 && s.view.message[0].octets == 13;
	maildir_end(&s);
	if (truncate("box/cur/1.a:2,S", 10) == -1)
		exit(96);
	return used;
}

static void
test_used(void)
{
	struct stat before, after;

	maildir_three();
	ok(maildir_is(THREE) && maildir_there("pop3d.view"), "a view is kept");
	ok(stat("box/pop3d.view", &before) == 0, "it has an inode");
	kept_settle();
	ok(maildir_is(THREE) && stat("box/pop3d.view", &after) == 0 &&
		before.st_ino != after.st_ino,
	    "too fresh to be trusted: another one is made");
	ok(maildir_is(THREE) && stat("box/pop3d.view", &before) == 0 &&
		before.st_ino == after.st_ino,
	    "now it is used");
	maildir_put("new/4.d", "A: 4\n\n");
	ok(maildir_is(THREE "4.d 8 new;"), "a delivery is seen");
	ok(kept_used(), "and the files known before are not read again");
	maildir_rename("new/4.d", "cur/4.d:2,S");
	ok(maildir_is(THREE "4.d:2,S 8;"), "a new name is seen");
	maildir_put("tmp/1.a", "longer than before\n");
	maildir_rename("tmp/1.a", "cur/1.a:2,S");
	ok(maildir_is("1.a:2,S 20;2.b:2, 13;3.c 15 new;4.d:2,S 8;"),
	    "another file of the same name is read");
}

/* Does the view go on from the kept one, and is it this? */
static bool
kept_more(const char *want)
{
	struct maildir_session s;
	bool more, same;

	if (!maildir_begin(&s, "box"))
		exit(96);
	more = mailbox_view(s.mb)->base != -1;
	same = strcmp(maildir_text(&s), want) == 0;
	if (!same)
		tap_note("%s", maildir_text(&s));
	maildir_end(&s);
	return more && same;
}

/* A view that has settled, of three messages. */
static void
kept_three(void)
{
	maildir_three();
	kept_settle();
	(void)maildir_is(THREE);
}

static void
test_delivered(void)
{
	kept_three();
	maildir_put("new/4.d", "A: 4\n\n");
	maildir_put("new/4.e", "A: 4\n\n\n");
	ok(kept_more(THREE "4.d 8 new;4.e 10 new;"), "mail was delivered");
	maildir_put("new/5.f", "A: 5\n\n");
	ok(kept_more(THREE "4.d 8 new;4.e 10 new;5.f 8 new;"), "and again");
	(void)unlink("box/new/4.e");
	ok(!kept_more(THREE "4.d 8 new;5.f 8 new;"),
	    "one of them is gone: both folders are read");
	ok(maildir_is(THREE "4.d 8 new;5.f 8 new;"), "rightly");
	kept_three();
	maildir_put("new/2.z", "A: 4\n\n");
	ok(!kept_more("1.a:2,S 13;2.b:2, 13;2.z 8 new;3.c 15 new;"),
	    "an earlier one: both folders are read");
	ok(maildir_is("1.a:2,S 13;2.b:2, 13;2.z 8 new;3.c 15 new;"), "rightly");
	kept_three();
	maildir_rename("new/3.c", "cur/3.c:2,");
	maildir_put("new/4.d", "A: 4\n\n");
	ok(!kept_more("1.a:2,S 13;2.b:2, 13;3.c:2, 15;4.d 8 new;"),
	    "one was moved to cur/: both folders are read");
	kept_three();
	maildir_put("tmp/3.c", "A: another\n\n");
	maildir_rename("tmp/3.c", "new/3.c");
	ok(!kept_more("1.a:2,S 13;2.b:2, 13;3.c 14 new;"),
	    "another file of a name that is known: both folders are read");
	kept_three();
	(void)symlink("/etc/passwd", "box/new/4.d");
	maildir_put("new/5.e", "A: 5\n\n");
	ok(kept_more(THREE "5.e 8 new;"), "what is no message is left out");
	maildir_put("new/"
		    "6.\303\244",
	    "A: 6\n\n");
	ok(kept_more(THREE "5.e 8 new;6.\303\244 8 new;"),
	    "a name that is no unique-id");
}

/* UPDATE of a view that stands in two files. */
static void
test_delivered_update(void)
{
	uint8_t deleted = 0x9;
	struct mailbox_set set = {&deleted, &deleted, 4};
	struct mailbox_tally tally;
	struct maildir_session s;
	int fd;

	kept_three();
	maildir_put("new/4.d", "A: 4\n\n");
	ok(maildir_begin(&s, "box") && mailbox_view(s.mb)->base != -1 &&
		mailbox_messages(s.mb, 3, 1, &fd, &world_error) == 1 &&
		close(fd) == 0 &&
		mailbox_messages(s.mb, 2, 1, &fd, &world_error) == 1 &&
		close(fd) == 0,
	    "messages of both are opened");
	ok(mailbox_update(s.mb, &set, &tally, &world_error) == 0 &&
		tally.removed == 2 && tally.left == 2,
	    "and removed");
	maildir_end(&s);
	ok(maildir_is("2.b:2, 13;3.c 15 new;"), "these two");
}

/* What stands in the file that was kept goes on into the next one. */
static void
test_handed_on(void)
{
	struct maildir_session s;
	int fd;

	kept_three();
	maildir_put("new/4.d", "A: 4\n\n");
	ok(maildir_begin(&s, "box") && mailbox_view(s.mb)->base != -1,
	    "a session with a grown view");
	fd = open("box/pop3d.view", O_WRONLY);
	/* The length of the first. */
	if (pwrite(fd, "x", 1, 136) != 1)
		exit(96);
	close(fd);
	maildir_end(&s);
	ok(!maildir_there("pop3d.view"),
	    "what somebody spoils meanwhile is not handed on");
	ok(maildir_is(THREE "4.d 8 new;"), "and the next one reads the files");
}

/* A file that cannot be taken for a message now, or can again. */
static void
file_spoil(const char *path, bool spoil)
{
	/* Root may read everything, but takes nobody else's for his. */
	if (geteuid() == 0 ? chown(path, spoil ? 1 : 0, (gid_t)-1) == -1 :
			     chmod(path, spoil ? 0 : 0600) == -1)
		exit(96);
}

static void
test_partial(void)
{
	maildir_three();
	file_spoil("box/cur/2.b:2,", true);
	kept_settle();
	ok(maildir_is("1.a:2,S 13;3.c 15 new;"), "a file cannot be read");
	file_spoil("box/cur/2.b:2,", false);
	ok(maildir_is(THREE), "when it can be it is shown");
}

/* A copy of the kept view with one octet changed; how many it has. */
static long
kept_break(const char *good, long length, long at)
{
	char *octets = malloc((size_t)length + 1);
	int fd;

	memcpy(octets, good, (size_t)length);
	octets[at] = (char)(octets[at] ^ 0x10);
	(void)unlink("box/pop3d.view");
	fd = open("box/pop3d.view", O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (write(fd, octets, (size_t)length) != length)
		exit(96);
	close(fd);
	free(octets);
	return length;
}

static void
test_broken(void)
{
	static char good[65536];
	struct stat before, after;
	int wrong = 0, used = 0;
	long length, i;
	int fd;

	maildir_three();
	kept_settle();
	ok(maildir_is(THREE), "a view");
	fd = open("box/pop3d.view", O_RDONLY);
	length = read(fd, good, sizeof(good));
	close(fd);
	for (i = 0; i < length; i += 3) {
		(void)kept_break(good, length, i);
		if (stat("box/pop3d.view", &before) == -1)
			exit(96);
		wrong += !maildir_is(THREE);
		if (stat("box/pop3d.view", &after) == -1)
			exit(96);
		used += before.st_ino == after.st_ino;
	}
	ok(wrong == 0, "an octet changed in %ld: always the right messages",
	    length);
	ok(used == 0, "always by reading: %d not", used);
	for (i = 0; i < length; i += 17) {
		(void)kept_break(good, length, 0);
		if (truncate("box/pop3d.view", i) == -1)
			exit(96);
		wrong += !maildir_is(THREE);
	}
	ok(wrong == 0, "cut short: always the right messages");
	(void)unlink("box/pop3d.view");
	(void)symlink("/dev/zero", "box/pop3d.view");
	ok(maildir_is(THREE), "a symlink is no view");
	(void)unlink("box/pop3d.view");
	(void)mkfifo("box/pop3d.view", 0600);
	ok(maildir_is(THREE), "nor a FIFO");
	(void)unlink("box/pop3d.view");
	(void)mkdir("box/pop3d.view", 0700);
	ok(maildir_is(THREE), "nor a folder");
	(void)mkdir("box/pop3d.view.new", 0700);
	ok(maildir_is(THREE), "wherever it is");
}

int
main(void)
{
	world_begin(true);
	world_session();
	test_used();
	test_partial();
	test_delivered();
	test_delivered_update();
	test_handed_on();
	test_broken();
	world_end();
	return tap_end();
}
