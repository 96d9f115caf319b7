/*
 * maildir_update_test.c - opening messages, and UPDATE of a Maildir.
 */

#include "maildir_world.h"

#include <sys/resource.h>

/* Four messages, two of them new. */
static void
maildir_four(void)
{
	maildir_new();
	maildir_put("cur/1.a:2,S", "A: 1\n\none\n");
	maildir_put("cur/2.b,S=10:2,", "A: 2\n\ntwo\n");
	maildir_put("new/3.c", "A: 3\n\nthree\n");
	maildir_put("new/4.d,S=11,W=14", "A: 4\n\nfour\n");
}

static void
test_open(void)
{
	struct maildir_session s;
	int files[CHANNEL_DESCRIPTORS];
	size_t n;

	maildir_four();
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	n = mailbox_messages(s.mb, 0, 4, files, &world_error);
	ok(n == 4, "four messages in one question");
	ok((fcntl(files[3], F_GETFL) & O_ACCMODE) == O_RDONLY, "for reading");
	while (n > 0)
		close(files[--n]);
	ok(strcmp(maildir_read(&s, 1), "A: 2\n\ntwo\n") == 0, "the second");
	maildir_rename("new/3.c", "cur/3.c:2,S");
	maildir_rename("cur/1.a:2,S", "cur/1.a:2,RS");
	ok(strcmp(maildir_read(&s, 2), "A: 3\n\nthree\n") == 0,
	    "a message that moved to cur/");
	ok(strcmp(maildir_read(&s, 0), "A: 1\n\none\n") == 0,
	    "one that has other flags");
	maildir_rename("cur/3.c:2,S", "cur/3.c:2,FS");
	ok(strcmp(maildir_read(&s, 2), "A: 3\n\nthree\n") == 0,
	    "and has others again");
	(void)unlink("box/cur/3.c:2,FS");
	ok(mailbox_messages(s.mb, 2, 2, files, &world_error) == 0 &&
		world_error.code == CODE_CHANGED,
	    "one that has gone: %s", world_error.log);
	n = mailbox_messages(s.mb, 0, 4, files, &world_error);
	ok(n == 2, "those before it come along");
	while (n > 0)
		close(files[--n]);
	ok(symlink("/etc/passwd", "box/cur/3.c:2,") == 0 &&
		mailbox_messages(s.mb, 2, 1, files, &world_error) == 0,
	    "a symlink in its place is not followed");
	(void)unlink("box/new/4.d,S=11,W=14");
	(void)mkfifo("box/new/4.d,S=11,W=14", 0600);
	ok(mailbox_messages(s.mb, 3, 1, files, &world_error) == 0 &&
		world_error.code == CODE_PERMANENT,
	    "nor a FIFO opened: %s", world_error.log);
	maildir_end(&s);
}

static void
test_update(void)
{
	struct maildir_session s;

	maildir_four();
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	s.deleted[0] = 1 | 4;
	s.fetched[0] = 1 | 8;
	ok(maildir_quit(&s) == 0, "update %s", world_error.log);
	ok(s.tally.removed == 2 && s.tally.left == 2 &&
		s.tally.removed_octets == 13 + 15,
	    "two removed, of %llu octets",
	    (unsigned long long)s.tally.removed_octets);
	maildir_end(&s);
	ok(maildir_is("2.b,S=10:2, 13;4.d,S=11,W=14:2, 14 ?;"),
	    "what was fetched is in cur/");
	maildir_four();
	world_config.mark_seen = true;
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	s.fetched[0] = 15;
	ok(maildir_quit(&s) == 0 && s.tally.left == 4, "nothing is deleted");
	maildir_end(&s);
	world_config.mark_seen = false;
	ok(maildir_there("cur/1.a:2,S") && maildir_there("cur/2.b,S=10:2,S") &&
		maildir_there("cur/3.c:2,S") &&
		maildir_there("cur/4.d,S=11,W=14:2,S"),
	    "mark-seen flags what was fetched");
	maildir_four();
	ok(maildir_begin(&s, "box"), "a session without QUIT");
	(void)maildir_read(&s, 2);
	maildir_end(&s);
	ok(maildir_there("new/3.c"), "changes nothing");
}

/* Other programs at work between the scan and QUIT. */
static void
test_renamed(void)
{
	struct maildir_session s;

	maildir_four();
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	maildir_rename("new/3.c", "cur/3.c:2,S");
	maildir_rename("cur/1.a:2,S", "cur/1.a:2,FRS");
	(void)unlink("box/cur/2.b,S=10:2,");
	maildir_put("new/5.e", "A: 5\n\n");
	s.deleted[0] = 1 | 2 | 4;
	s.fetched[0] = 8;
	ok(maildir_quit(&s) == 0 && s.tally.removed == 3 && s.tally.left == 1,
	    "renamed and removed meanwhile: %u removed", s.tally.removed);
	maildir_end(&s);
	ok(maildir_is("4.d,S=11,W=14:2, 14 ?;5.e 8 new;"),
	    "what was delivered since stays");
}

static void
test_twins(void)
{
	struct maildir_session s;

	maildir_new();
	maildir_put("cur/1.a:2,", "A: 1\n\none\n");
	maildir_put("new/1.a", "A: 2\n\ntwo\n");
	if (!ok(maildir_begin(&s, "box") && s.view.head->count == 2, "twins"))
		return;
	maildir_rename("cur/1.a:2,", "cur/1.a:2,S");
	ok(strcmp(maildir_read(&s, 0), "A: 1\n\none\n") == 0,
	    "the renamed one is told by its inode");
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == 0 && !maildir_there("cur/1.a:2,S") &&
		maildir_there("new/1.a"),
	    "and is removed");
	maildir_end(&s);
	maildir_put("cur/1.a:2,", "A: 1\n\none\n");
	if (!ok(maildir_begin(&s, "box") && s.view.head->count == 2, "again"))
		return;
	(void)unlink("box/cur/1.a:2,");
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == -1 && world_error.code == CODE_PARTIAL,
	    "another may not go in its place: %s", world_error.log);
	ok(maildir_there("new/1.a"), "it is there");
	maildir_end(&s);
	maildir_new();
	maildir_put("cur/2.b:2,", "A: 1\n\none\n");
	maildir_put("new/2.b", "A: 2\n\ntwo\n");
	if (!ok(maildir_begin(&s, "box") && s.view.head->count == 2, "again"))
		return;
	s.fetched[0] = 2;
	ok(maildir_quit(&s) == 0 && maildir_there("new/2.b") &&
		world_is("box/cur/2.b:2,", "A: 1\n\none\n"),
	    "a move replaces no file: %s", world_error.log);
	maildir_end(&s);
}

static void
test_partial(void)
{
	struct maildir_session s;

	if (geteuid() == 0) {
		ok(true, "partial # SKIP root removes everything");
		return;
	}
	maildir_four();
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	(void)chmod("box/new", 0500);
	s.deleted[0] = 15;
	ok(maildir_quit(&s) == -1 && world_error.code == CODE_PARTIAL &&
		s.tally.removed == 2 && s.tally.left == 2,
	    "some were not removed: %s; %s", world_error.text, world_error.log);
	maildir_end(&s);
	(void)chmod("box/new", 0700);
	ok(maildir_is("3.c 15 new;4.d,S=11,W=14 14 new ?;"), "they are there");
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	(void)chmod("box/new", 0500);
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == -1 && world_error.code == CODE_PERMANENT &&
		s.tally.removed == 0,
	    "nothing was: %s", world_error.text);
	maildir_end(&s);
	(void)chmod("box/new", 0700);
}

static void
test_quota(void)
{
	struct maildir_session s;

	maildir_four();
	maildir_put("maildirsize", "1000S\n44 4\n");
	maildir_put("cur/5.e,S=7:2,ST", "A: 5\n\nx");
	maildir_put("cur/6.f,W=8:2,", "A: 6\n\n");
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	s.deleted[0] = 1 | 2 | 16 | 32;
	ok(maildir_quit(&s) == 0, "update");
	maildir_end(&s);
	ok(world_is("box/maildirsize", "1000S\n44 4\n-26 -3\n"),
	    "maildirsize: not what is in the trash already");
	ok(maildir_begin(&s, "box"), "another session");
	s.fetched[0] = 3;
	ok(maildir_quit(&s) == 0 &&
		world_is("box/maildirsize", "1000S\n44 4\n-26 -3\n"),
	    "nothing removed, nothing written");
	maildir_end(&s);
	(void)unlink("box/maildirsize");
	ok(maildir_begin(&s, "box"), "another session");
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == 0 && !maildir_there("maildirsize"),
	    "none is made");
	maildir_end(&s);
}

static void
test_tmp(void)
{
	struct maildir_session s;

	maildir_four();
	maildir_put("tmp/old", "");
	maildir_put("tmp/young", "");
	maildir_put("tmp/.nfs1", "");
	(void)mkdir("box/tmp/folder", 0700);
	world_age("box/tmp/old", 37 * 3600);
	world_age("box/tmp/.nfs1", 37 * 3600);
	world_age("box/tmp/folder", 37 * 3600);
	world_age("box/tmp/young", 35 * 3600);
	ok(maildir_begin(&s, "box") && maildir_there("tmp/old"),
	    "a login cleans nothing");
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == 0 && !maildir_there("tmp/old"),
	    "UPDATE removes what is older than 36 hours");
	ok(maildir_there("tmp/young") && maildir_there("tmp/.nfs1") &&
		maildir_there("tmp/folder"),
	    "nothing else");
	maildir_end(&s);
}

/* No room for a new name must not stop a removal. */
static void
test_full(void)
{
	struct rlimit was, none;
	struct maildir_session s;
	int result;

	maildir_four();
	maildir_put("maildirsize", "1000S\n44 4\n");
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log) ||
	    getrlimit(RLIMIT_FSIZE, &was) == -1)
		return;
	none = was;
	none.rlim_cur = 0;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	s.deleted[0] = 3;
	result = maildir_quit(&s);
	/* Now, or what ok() prints is lost in a file. */
	(void)setrlimit(RLIMIT_FSIZE, &was);
	ok(result == 0 && s.tally.removed == 2 &&
		strstr(world_error.log, "maildirsize") != NULL,
	    "a full disk: removed, %s", world_error.log);
	maildir_end(&s);
	(void)setrlimit(RLIMIT_FSIZE, &was);
	ok(!maildir_there("pop3d.view.new"), "no half view is left");
}

int
main(void)
{
	world_begin(true);
	world_session();
	test_open();
	test_update();
	test_renamed();
	test_twins();
	test_partial();
	test_quota();
	test_tmp();
	test_full();
	world_end();
	return tap_end();
}
