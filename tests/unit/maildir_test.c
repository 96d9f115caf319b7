/*
 * maildir_test.c - what a Maildir's names say, what is in one, opening.
 */

#include "maildir_world.h"

#include "mailbox/maildir_list.h"

static void
name_is(const char *text, uint64_t time, uint64_t size, uint64_t wire,
    size_t base, bool sized)
{
	struct maildir_name name;

	maildir_name_read(&name, text, strlen(text));
	ok(name.time == time && name.size == size && name.wire == wire &&
		name.base == base && maildir_name_sized(&name) == sized,
	    "\"%s\": %llu, S=%lld, W=%lld, base %u", text,
	    (unsigned long long)name.time, (long long)name.size,
	    (long long)name.wire, name.base);
}

static void
test_names(void)
{
	const uint64_t no = MAILDIR_SIZE_UNKNOWN;

	name_is("1000.M1P1.host,S=10,W=12:2,S", 1000, 10, 12, 24, true);
	name_is("1000.M1P1.host", 1000, no, no, 14, false);
	name_is("1000.x,S=10:2,", 1000, 10, no, 11, false);
	name_is("1000.x,W=10", 1000, no, 10, 11, true);
	name_is("1000.x,S=10,W=9", 1000, 10, 9, 15, false);
	name_is("1000.x,S=10,W=22", 1000, 10, 22, 16, true);
	name_is("1000.x,S=10,W=23", 1000, 10, 23, 16, false);
	name_is("1.x,S=0,W=0", 1, 0, 0, 11, true);
	name_is("1.x,S=,W=", 1, no, no, 9, false);
	name_is("1.x,S=1x,W=-1", 1, no, no, 13, false);
	name_is("1.x,S=10,S=11,W=12", 1, no, 12, 18, true);
	name_is("1.x,W=12,W=12", 1, no, no, 13, false);
	name_is("1.x:2,S=10,W=12", 1, no, no, 3, false);
	name_is("1.x,W=9223372036854775807", 1, no, no, 25, false);
	name_is("1.x,W=18446744073709551615", 1, no, no, 26, false);
	name_is("1.x,W=99999999999999999999999", 1, no, no, 29, false);
	name_is(
	    "1.x,S=549755813889,W=549755813889", 1, no, 549755813889, 33, true);
	name_is("msg", 0, no, no, 3, false);
	name_is(":2,S", 0, no, no, 0, false);
	name_is(",W=5", 0, no, 5, 4, true);
	name_is("1.x,U=7,W=5,FMD5=abc:2,", 1, no, 5, 20, true);
	name_is("1.x,S=10,,W=12,", 1, 10, 12, 15, true);
	name_is("1.x,S=10x,W=12,S=11", 1, 11, 12, 19, true);
	name_is(
	    "9999999999999999999.x", 9999999999999999999U, no, no, 21, false);
	name_is("18446744073709551615.x", UINT64_MAX, no, no, 22, false);
	name_is("18446744073709551616.x", UINT64_MAX / 10, no, no, 22, false);
	name_is("000000000000000000000012.x,W=0000000000000000000000005", 12,
	    no, 5, 54, true);
}

static void
cur_is(const char *text, bool seen, const char *want)
{
	char name[MAILDIR_NAME + 1] = "";

	ok(maildir_name_cur(name, text, seen) == 0 && strcmp(name, want) == 0,
	    "\"%s\"%s: \"%s\"", text, seen ? " seen" : "", name);
}

static void
test_flags(void)
{
	char name[MAILDIR_NAME + 1], text[MAILDIR_NAME + 1];

	cur_is("1.x", false, "1.x:2,");
	cur_is("1.x", true, "1.x:2,S");
	cur_is("1.x:2,", false, "1.x:2,");
	cur_is("1.x:2,", true, "1.x:2,S");
	cur_is("1.x:2,FRT", true, "1.x:2,FRST");
	cur_is("1.x:2,FS", true, "1.x:2,FS");
	cur_is("1.x:2,Ta", true, "1.x:2,STa");
	cur_is("1.x:1,whatever", true, "1.x:1,whatever");
	cur_is("1.x:", true, "1.x:");
	memset(text, 'a', sizeof(text));
	text[MAILDIR_NAME] = '\0';
	ok(maildir_name_cur(name, text, false) == -1 && errno == ENAMETOOLONG,
	    "no room for the info part");
	ok(maildir_name_flag("1.x:2,ST", 'T') &&
		!maildir_name_flag("1.T:2,S", 'T') &&
		!maildir_name_flag("1.x:1,T", 'T'),
	    "a flag is one of the info part's");
}

static void
test_sizes(void)
{
	char text[] = "A: b\n\nx\0y\r\nno end";
	int fd;

	maildir_new();
	maildir_put("new/7.empty", "");
	maildir_put("cur/1.lf:2,S", "A: b\n\nbody\n");
	maildir_put("cur/2.crlf:2,", "A: b\r\n\r\nbody\r\n");
	maildir_put("new/3.open", "A: b\n\nbody");
	maildir_put("cur/4.head:2,RS", "A: b\n");
	fd = open("box/cur/5.nul", O_WRONLY | O_CREAT, 0600);
	if (write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		exit(97);
	close(fd);
	maildir_put("cur/6.named,S=100,W=120", "not looked at");
	maildir_put("cur/8.named,S=100,W=300", "not believed");
	maildir_put("cur/9.named,S=100", "one number\n");
	maildir_put("new/99.W,W=7", "not looked at");
	ok(maildir_is("1.lf:2,S 14;2.crlf:2, 14;3.open 14 new;4.head:2,RS 6;"
		      "5.nul 21;6.named,S=100,W=120 120 ?;7.empty 0 new;"
		      "8.named,S=100,W=300 14;9.named,S=100 12;"
		      "99.W,W=7 7 new ?;"),
	    "sizes of the wire form, in order of delivery");
}

static void
test_bodies(void)
{
	struct maildir_session s;
	char *text = malloc(300001);

	memset(text, 'h', 300000);
	memcpy(text + 200000, "\n\r\n", 3);
	text[300000] = '\0';
	maildir_new();
	maildir_put("cur/1.long", text);
	maildir_put("cur/2.none", "A: b\nC: d\n");
	maildir_put("cur/3.only", "\nbody\n");
	maildir_put("cur/4.cr", "A: b\n\r\r\n\r\nbody\n");
	free(text);
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	ok(s.view.message[0].body == 200003 &&
		s.view.message[0].length == 300000 &&
		s.view.message[0].octets == 300003,
	    "an empty line far from the beginning");
	ok(s.view.message[1].body == 10, "a message that is all header");
	ok(s.view.message[2].body == 1, "one that has none");
	ok(s.view.message[3].body == 10, "a line of CR is not empty");
	maildir_end(&s);
}

static void
test_odd(void)
{
	maildir_new();
	maildir_put("cur/1.good:2,", "A: b\n\n");
	maildir_put("cur/.hidden", "A: b\n\n");
	maildir_put("cur/unreadable", "A: b\n\n");
	(void)chmod("box/cur/unreadable", 0);
	if (mkdir("box/cur/folder", 0700) == -1 ||
	    mkfifo("box/new/fifo", 0600) == -1 ||
	    symlink("1.good:2,", "box/cur/5.link") == -1 ||
	    symlink("/etc/passwd", "box/new/6.link,W=5") == -1)
		exit(97);
	maildir_put("new/2.good", "A: b\n\n");
	if (geteuid() == 0) {
		ok(true, "odd entries # SKIP root reads everything");
		return;
	}
	ok(maildir_is("1.good:2, 8;2.good 8 new;"), "odd entries are none");
	ok(strstr(world_error.log, "1 files") != NULL, "%s", world_error.log);
}

static void
test_missing(void)
{
	struct maildir_session s;

	ok(maildir_begin(&s, "nobox") && s.view.head->count == 0 &&
		!world_there("nobox") && !mailbox_read_only(s.mb),
	    "no Maildir is an empty one, and none is made");
	maildir_end(&s);
	ok(maildir_begin(&s, "no/such/box") && s.view.head->count == 0 &&
		strstr(world_error.log, "folder does not exist") != NULL,
	    "no folder: %s", world_error.log);
	maildir_end(&s);
	world_config.mailbox_create = true;
	ok(maildir_begin(&s, "made") && world_there("made/cur") &&
		world_there("made/new") && world_there("made/tmp"),
	    "mailbox-create makes one %s", world_error.log);
	maildir_end(&s);
	world_config.mailbox_create = false;
	maildir_new();
	maildir_put("new/1.x", "A: b\n\n");
	(void)rmdir("box/cur");
	ok(maildir_is("1.x 8 new;"), "no cur/: only new/ is read");
}

static void
refused(const char *name, enum channel_code code, const char *why)
{
	struct maildir_session s;

	ok(!maildir_begin(&s, name) && world_error.code == code &&
		strstr(world_error.log, why) != NULL,
	    "refused: %s", world_error.log);
	ok(strchr(world_error.text, '/') == NULL, "the client reads: %s",
	    world_error.text);
}

static void
test_no_maildir(void)
{
	world_put("file", "x", O_TRUNC);
	refused("file", CODE_PERMANENT, "Not a directory");
	if (geteuid() != 0)
		refused("../../etc", CODE_PERMANENT, "somebody else");
	maildir_new();
	(void)rmdir("box/cur");
	world_put("box/cur", "x", O_TRUNC);
	refused("box", CODE_PERMANENT, "box/cur: Not a directory");
}

static void
test_lock(void)
{
	struct maildir_session s, other;

	maildir_new();
	if (!ok(maildir_begin(&s, "box"), "a session"))
		return;
	refused("box", CODE_IN_USE, "in use: pid ");
	ok(strstr(world_error.log, "from 192.0.2.1 since ") != NULL, "%s",
	    world_error.log);
	(void)symlink("box", "alias");
	ok(!maildir_begin(&other, "alias"), "by another name, too");
	maildir_end(&s);
	ok(maildir_begin(&s, "box"), "free afterwards");
	maildir_end(&s);
	ok(world_there("box/pop3d.lock"), "its file stays");
}

static void
test_read_only(void)
{
	struct maildir_session s;

	if (geteuid() == 0) {
		ok(true, "read-only # SKIP root writes everything");
		return;
	}
	maildir_new();
	maildir_put("cur/1.x", "A: b\n\n");
	(void)chmod("box", 0500);
	ok(maildir_begin(&s, "box") && mailbox_read_only(s.mb) &&
		s.view.head->count == 1 &&
		strstr(world_error.log, "served read-only") != NULL,
	    "%s", world_error.log);
	s.deleted[0] = 1;
	ok(maildir_quit(&s) == -1 && world_error.code == CODE_PERMANENT,
	    "nothing can be removed: %s", world_error.text);
	maildir_end(&s);
	(void)chmod("box", 0700);
	(void)chmod("box/cur", 0500);
	ok(maildir_begin(&s, "box") && mailbox_read_only(s.mb),
	    "nor where cur/ may not be written");
	maildir_end(&s);
}

static void
uidl_is(const struct maildir_session *s, uint32_t index, const char *want)
{
	char id[UIDL_MAX + 1];

	view_uidl(&s->view, index, id);
	ok(strcmp(id, want) == 0, "unique-id %s", id);
}

static void
test_uidl(void)
{
	static const char hex[] = "0123456789abcdef0123456789abcdef";
	char name[256], first[UIDL_MAX + 1], second[UIDL_MAX + 1];
	struct maildir_session s;

	maildir_new();
	maildir_put("cur/1.twin:2,S", "A: 1\n\n");
	maildir_put("new/1.twin", "A: 22\n\n");
	maildir_put("cur/2.plain,S=6:2,RS", "A: b\n\n");
	maildir_put("cur/3.sp ace:2,", "A: b\n\n");
	(void)snprintf(name, sizeof(name), "cur/%s", hex);
	maildir_put(name, "A: b\n\n");
	(void)snprintf(name, sizeof(name), "new/9.%070d", 7);
	maildir_put(name, "A: b\n\n");
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	ok(s.view.head->count == 6, "all are there");
	uidl_is(&s, 0, "1.twin");
	view_uidl(&s.view, 1, second);
	ok(strlen(second) == 34 && strcmp(second + 32, "-1") == 0,
	    "the twin: %s", second);
	uidl_is(&s, 2, "2.plain,S=6");
	view_uidl(&s.view, 3, second);
	ok(strlen(second) == 32, "a space: its digest, %s", second);
	view_uidl(&s.view, 4, first);
	ok(strlen(first) == 32, "72 octets: its digest, %s", first);
	view_uidl(&s.view, 5, first);
	ok(strncmp(s.view.names + s.view.message[5].place, hex, 32) == 0 &&
		strlen(first) == 34,
	    "what looks like a digest is none: %s", first);
	maildir_end(&s);
	maildir_rename("cur/3.sp ace:2,", "cur/3.sp ace:2,S");
	ok(maildir_begin(&s, "box"), "the next session");
	view_uidl(&s.view, 3, first);
	ok(strcmp(first, second) == 0, "flags change nothing");
	maildir_end(&s);
}

static void
test_order(void)
{
	maildir_new();
	maildir_put("new/10.b,W=1", "");
	maildir_put("cur/9.z,W=1", "");
	maildir_put("cur/10.a,W=1:2,S", "");
	maildir_put("cur/10.c,W=1", "");
	maildir_put("new/1700000000.x,W=1", "");
	maildir_put("cur/nothing,W=1", "");
	maildir_put("cur/10.a.longer,W=1", "");
	ok(maildir_is("nothing,W=1 1 ?;9.z,W=1 1 ?;10.a,W=1:2,S 1 ?;"
		      "10.a.longer,W=1 1 ?;10.b,W=1 1 new ?;10.c,W=1 1 ?;"
		      "1700000000.x,W=1 1 new ?;"),
	    "by time, then by name");
}

static void
test_auto(void)
{
	char path[600];
	struct mailbox_options options = {
	    .config = &world_config, .path = path, .state = -1, .keeper = -1};
	struct mailbox *mb;

	maildir_new();
	maildir_put("new/1.x", "A: b\n\n");
	(void)snprintf(path, sizeof(path), "auto:%s/box", world);
	mb = mailbox_open(&options, &world_error);
	ok(mb != NULL && mailbox_file(mb) == -1, "auto: a Maildir");
	mailbox_close(mb);
	world_put("mbox", "From a@b Mon Jan  1 00:00:00 2024\n\nx\n", O_TRUNC);
	(void)snprintf(path, sizeof(path), "auto:%s/mbox", world);
	mb = mailbox_open(&options, &world_error);
	ok(mb != NULL && mailbox_file(mb) != -1, "auto: an mbox");
	mailbox_close(mb);
	(void)snprintf(path, sizeof(path), "auto:%s/nothing", world);
	mb = mailbox_open(&options, &world_error);
	ok(mb != NULL && mailbox_file(mb) == -1, "auto: nothing is empty");
	mailbox_close(mb);
}

/* So many that they need more than one piece of memory of each size. */
static void
test_many(void)
{
	enum { MANY = 30000 };
	struct maildir_session s;
	char path[200], want[200];
	uint32_t i, good = 0;

	maildir_new();
	for (i = 0; i < MANY; i++) {
		/* A prime, so that they come in no order. */
		(void)snprintf(path, sizeof(path),
		    "box/cur/%u.M1P1.a-host-of-a-rather-long-name.example.net,"
		    "S=5,W=6:2,S",
		    100000 + i * 7919 % MANY);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	if (!ok(maildir_begin(&s, "box"), "opened %s", world_error.log))
		return;
	for (i = 0; i < MANY && s.view.head->count == MANY; i++) {
		(void)snprintf(
		    want, sizeof(want), "%u.M1P1.a-host-of-", 100000 + i);
		good += strncmp(s.view.names + s.view.message[i].place, want,
			    strlen(want)) == 0;
	}
	ok(good == MANY && s.view.head->octets == 6 * MANY,
	    "%u of %u messages, in order", good, MANY);
	maildir_end(&s);
}

int
main(void)
{
	test_names();
	test_flags();
	world_begin(true);
	world_session();
	test_sizes();
	test_bodies();
	test_odd();
	test_missing();
	test_no_maildir();
	test_lock();
	test_read_only();
	test_uidl();
	test_order();
	test_auto();
	test_many();
	world_end();
	return tap_end();
}
