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
	test_broken();
	world_end();
	return tap_end();
}
