/*
 * mbox_kept_test.c - the view of an mbox that is kept: used when nothing
 * changed, gone on from when mail was appended, and never believed.
 */

#include <dirent.h>

#include "mailbox_world.h"

#define FROM(n) "From u" n "@example.org Mon Jan  1 00:00:0" n " 2024\n"
#define MAIL(n) FROM(n) "Subject: number " n "\nStatus:   \n\nthis is " n "\n\n"
#define SEEN(n) FROM(n) "Subject: number " n "\nStatus: RO\n\nthis is " n "\n\n"
#define THREE MAIL("1") MAIL("2") MAIL("3")

/* A session: how its view came to be, and the view. */
struct seen {
	char how; /* 'f' is what was kept, 'g' has grown, 'n' is new */
	void *data;
	struct view view;
};

/* The kept view's name in the state folder; "" when there is none. */
static const char *
kept_name(void)
{
	static char name[600];
	DIR *folder = opendir("state");
	const struct dirent *d;

	name[0] = '\0';
	while (folder != NULL && (d = readdir(folder)) != NULL)
		if (strlen(d->d_name) > 5 &&
		    strcmp(d->d_name + strlen(d->d_name) - 5, ".view") == 0)
			(void)snprintf(
			    name, sizeof(name), "state/%s", d->d_name);
	if (folder != NULL)
		closedir(folder);
	return name;
}

static char
kept_how(const struct mailbox *mb)
{
	struct stat kept, view;

	if (mailbox_view(mb)->base != -1)
		return 'g';
	if (stat(kept_name(), &kept) == 0 &&
	    fstat(mailbox_view(mb)->fd, &view) == 0 &&
	    kept.st_ino == view.st_ino && kept.st_dev == view.st_dev)
		return 'f';
	return 'n';
}

/* A session that deletes these messages, or none. */
static struct seen
session(uint8_t deleted)
{
	struct mailbox *mb = world_open("box", world_state);
	struct seen seen = {.how = '-'};
	struct mailbox_tally tally;
	struct mailbox_set set;

	if (mb == NULL) {
		tap_note("%s", world_error.log);
		exit(95);
	}
	seen.how = kept_how(mb);
	seen.data = view_parts_load(mailbox_view(mb), &seen.view);
	if (seen.data == NULL)
		exit(94);
	set.deleted = set.fetched = &deleted;
	set.count = seen.view.head->count;
	if (deleted != 0 &&
	    mailbox_update(mb, &set, &tally, &world_error) == -1)
		exit(93);
	mailbox_close(mb);
	return seen;
}

/* One that only looks; how. */
static char
look(void)
{
	struct seen seen = session(0);

	free(seen.data);
	return seen.how;
}

/* Until times are old enough to be trusted, and a view has been kept then. */
static void
settle(void)
{
	const struct timespec pause = {3, 100000000};

	(void)nanosleep(&pause, NULL);
	(void)look();
}

/* Is this what a session without any kept view finds? */
static bool
right(const struct seen *seen)
{
	struct seen truth;
	bool same;

	(void)unlink(kept_name());
	truth = session(0);
	same = truth.how == 'n' &&
	    truth.view.head->count == seen->view.head->count &&
	    truth.view.head->octets == seen->view.head->octets &&
	    truth.view.head->hidden == seen->view.head->hidden &&
	    memcmp(truth.view.message, seen->view.message,
		truth.view.head->count * sizeof(struct view_message)) == 0;
	free(truth.data);
	return same;
}

/* The twins' numbers as digits. */
static const char *
twins(void)
{
	static char text[32];
	struct seen seen = session(0);
	uint32_t i;

	for (i = 0; i < seen.view.head->count && i < 31; i++)
		text[i] = (char)('0' + seen.view.message[i].twin);
	text[i] = '\0';
	free(seen.data);
	return text;
}

static void
test_used(void)
{
	struct seen seen;

	world_put("box", THREE, O_TRUNC);
	ok(look() == 'n' && *kept_name() != '\0', "a view is kept");
	ok(look() == 'n', "too fresh to be trusted");
	settle();
	seen = session(0);
	ok(seen.how == 'f', "now it is used");
	ok(right(&seen), "and right");
	free(seen.data);
	ok(look() == 'f', "the one made instead, too");
	world_put("box", MAIL("4"), O_APPEND);
	seen = session(0);
	ok(seen.how == 'g', "mail was appended: only that is read");
	ok(right(&seen), "and it is right");
	free(seen.data);
	world_put("box", MAIL("5") MAIL("6"), O_APPEND);
	ok(look() == 'g', "without having settled");
	world_put("box", MAIL("7"), O_APPEND);
	seen = session(0);
	ok(seen.how == 'g' && seen.view.head->count == 7 && right(&seen),
	    "again and again");
	free(seen.data);
	(void)unlink("box");
	ok(look() == 'n' && *kept_name() == '\0', "no mailbox, no view");
}

static void
test_not_used(void)
{
	struct seen seen;

	world_put("box", THREE, O_TRUNC);
	settle();
	world_put("box", SEEN("1"), 0);
	seen = session(0);
	ok(seen.how == 'n' && right(&seen), "a message marked in place");
	free(seen.data);
	settle();
	world_put("box", SEEN("1"), 0);
	world_put("box", MAIL("4"), O_APPEND);
	settle();
	world_put("box", MAIL("1"), 0);
	world_put("box", MAIL("5"), O_APPEND);
	seen = session(0);
	ok(seen.how == 'n' && right(&seen), "and another appended");
	free(seen.data);
	settle();
	world_put("box", MAIL("1") MAIL("3") MAIL("2") MAIL("4") MAIL("5"), 0);
	seen = session(0);
	ok(seen.how == 'n' && right(&seen), "others in another order");
	free(seen.data);
	settle();
	world_put("box.new", THREE MAIL("4") MAIL("5"), O_TRUNC);
	(void)rename("box.new", "box");
	seen = session(0);
	ok(seen.how == 'n' && right(&seen), "another file of that name");
	free(seen.data);
	settle();
	world_put("box", THREE "without an empty line\n", O_TRUNC);
	(void)look();
	world_put("box", MAIL("4"), O_APPEND);
	seen = session(0);
	ok(seen.how == 'n' && right(&seen), "the last message goes on");
	free(seen.data);
	world_put("box", MAIL("1"), O_TRUNC);
	(void)look();
	world_put("box", THREE MAIL("4"), O_TRUNC);
	seen = session(0);
	ok(right(&seen), "grown from one");
	free(seen.data);
}

/* What UPDATE leaves is known, too. */
static void
test_removed(void)
{
	struct seen seen;

	world_put("box", THREE MAIL("4"), O_TRUNC);
	seen = session(0x5);
	free(seen.data);
	world_put("box", MAIL("5"), O_APPEND);
	seen = session(0);
	ok(seen.how == 'g' && seen.view.head->count == 3 && right(&seen),
	    "messages removed, another appended");
	free(seen.data);
	seen = session(0x7);
	free(seen.data);
	ok(*kept_name() == '\0', "nothing of an empty mailbox");
	ok(look() == 'n', "which is served");
}

static void
test_twins(void)
{
	struct seen seen;

	world_put("box", MAIL("1") MAIL("2") MAIL("1") MAIL("1"), O_TRUNC);
	ok(strcmp(twins(), "0012") == 0, "twins are numbered");
	world_put("box", MAIL("2") MAIL("1") MAIL("3") MAIL("3"), O_APPEND);
	ok(strcmp(twins(), "00121301") == 0, "more of them: %s", twins());
	seen = session(0x5);
	free(seen.data);
	ok(strcmp(twins(), "021301") == 0, "the others keep theirs: %s",
	    twins());
	world_put("box", SEEN("2"), 0);
	ok(strcmp(twins(), "021301") == 0, "when all of it is read, too");
	world_put("box", MAIL("1"), O_APPEND);
	ok(strcmp(twins(), "0213014") == 0, "and no number is given twice");
	(void)unlink(kept_name());
	ok(strcmp(twins(), "0011012") == 0, "without a view they begin anew");
}

/* The kept view with one octet changed, or cut short. */
static void
spoil(const char *good, size_t length, size_t at, size_t end)
{
	static char octets[65536];
	int fd;

	memcpy(octets, good, length);
	octets[at] = (char)(octets[at] ^ 0x10);
	(void)unlink(kept_name());
	fd =
	    open(world_path("view.spoilt"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (write(fd, octets, end) != (ssize_t)end)
		exit(96);
	close(fd);
}

static void
test_spoilt(const char *more)
{
	static char good[65536], name[600];
	size_t at, wrong = 0, used = 0;
	struct seen seen, truth;
	ssize_t length;
	int fd;

	world_put("box", THREE, O_TRUNC);
	settle();
	(void)snprintf(name, sizeof(name), "%s", kept_name());
	fd = open(name, O_RDONLY);
	length = read(fd, good, sizeof(good));
	close(fd);
	world_put("box", more, O_APPEND);
	(void)unlink(name);
	truth = session(0);
	for (at = 0; at < 2 * (size_t)length; at += 3) {
		size_t end = (size_t)length;

		if (at >= end)
			spoil(good, end, 0, at - end);
		else
			spoil(good, end, at, end);
		(void)rename("view.spoilt", name);
		seen = session(0);
		used += seen.how != 'n';
		wrong += seen.view.head->count != truth.view.head->count ||
		    memcmp(seen.view.message, truth.view.message,
			truth.view.head->count * sizeof(struct view_message)) !=
			0;
		free(seen.data);
	}
	ok(wrong == 0 && used == 0,
	    "%zd octets, each wrong, or none behind it: the right messages",
	    length);
	free(truth.data);
}

static void
test_odd(void)
{
	char name[600];

	world_put("box", THREE, O_TRUNC);
	settle();
	(void)snprintf(name, sizeof(name), "%s", kept_name());
	(void)unlink(name);
	(void)symlink("/dev/zero", name);
	ok(look() == 'n', "a symlink is no view");
	(void)unlink(name);
	(void)mkfifo(name, 0600);
	ok(look() == 'n', "nor a FIFO");
	(void)unlink(name);
	(void)mkdir(name, 0700);
	ok(look() == 'n', "nor a folder");
	(void)rmdir(name);
}

/* It is read again for UPDATE: then, too, only if it is what it was. */
static void
test_changed_meanwhile(void)
{
	uint8_t deleted = 1;
	struct mailbox_set set = {&deleted, &deleted, 3};
	struct mailbox_tally tally;
	struct mailbox *mb;
	int fd;

	world_put("box", THREE, O_TRUNC);
	settle();
	mb = world_open("box", world_state);
	ok(mb != NULL && kept_how(mb) == 'f', "a session with a kept view");
	fd = open(kept_name(), O_WRONLY);
	if (mb == NULL || pwrite(fd, "xxxxxxxxxxxxxxxx", 16, 140) != 16)
		exit(92);
	close(fd);
	ok(mailbox_update(mb, &set, &tally, &world_error) == -1 &&
		world_error.code == CODE_TEMPORARY && world_is("box", THREE),
	    "which somebody spoils: nothing is removed");
	mailbox_distrust(mb);
	mailbox_close(mb);
	ok(look() == 'n', "and the next one reads the mailbox");
}

/*
 * What stands in the file that was kept goes on into the next one: only if it
 * is what it was, and the front could take it.
 */
static void
test_handed_on(void)
{
	struct mailbox *mb;
	struct seen seen;
	int fd;

	world_put("box", THREE, O_TRUNC);
	(void)unlink(kept_name());
	(void)look();
	world_put("box", MAIL("4"), O_APPEND);
	mb = world_open("box", world_state);
	ok(mb != NULL && kept_how(mb) == 'g', "a session with a grown view");
	fd = open(kept_name(), O_WRONLY);
	if (mb == NULL || pwrite(fd, "xxxxxxxxxxxxxxxx", 16, 168) != 16)
		exit(92);
	close(fd);
	mailbox_close(mb);
	world_put("box", MAIL("5"), O_APPEND);
	seen = session(0);
	ok(right(&seen), "what somebody spoils meanwhile is not handed on");
	free(seen.data);
	(void)look();
	world_put("box", MAIL("6"), O_APPEND);
	mb = world_open("box", world_state);
	ok(mb != NULL && kept_how(mb) == 'g', "another one");
	if (mb == NULL)
		exit(92);
	mailbox_distrust(mb);
	mailbox_close(mb);
	ok(*kept_name() == '\0', "nor what the front could not take");
}

#define MANY 400

/* Many messages of one length, two of them (from swapped on) in each other's
 * place; and so many more. */
static const char *
many(int swapped, int more)
{
	static char text[MANY * 128];
	int i, number;
	size_t n = 0;

	for (i = 0; i < MANY + more; i++) {
		number = i;
		if (i == swapped || i == swapped + 1)
			number = 2 * swapped + 1 - i;
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    FROM("1") "Subject: number %04d\n\nthis is %04d\n\n",
		    number, number);
	}
	return text;
}

/*
 * Two messages changed places, and a sample did not show it: then UPDATE must
 * not go by places.
 */
static void
test_sampled(void)
{
	const struct timespec pause = {3, 100000000};
	uint8_t deleted[MANY / 8 + 1] = {0};
	struct mailbox_set set = {deleted, deleted, MANY + 1};
	struct mailbox_tally tally;
	struct mailbox *mb = NULL;
	static char want[MANY * 128];
	const char *gone, *end;
	int tries;

	deleted[200 / 8] = 1U << (200 % 8);
	/* One in four samples does. */
	for (tries = 0; tries < 12; tries++) {
		world_put("box", many(-2, 0), O_TRUNC);
		(void)look();
		world_put("box", many(200, 1), 0);
		(void)nanosleep(&pause, NULL);
		mb = world_open("box", world_state);
		if (mb == NULL || kept_how(mb) == 'g')
			break;
		mailbox_close(mb);
		mb = NULL;
	}
	ok(mb != NULL, "a session that takes what has changed for the same");
	if (mb == NULL)
		return;
	gone = strstr(many(200, 1), "Subject: number 0200") - strlen(FROM("1"));
	end = strstr(gone, "this is 0200\n\n") + strlen("this is 0200\n\n");
	(void)snprintf(want, sizeof(want), "%.*s%s", (int)(gone - many(200, 1)),
	    many(200, 1), end);
	ok(mailbox_update(mb, &set, &tally, &world_error) == 0 &&
		world_is("box", want),
	    "what the client deleted goes, not what is in its place");
	mailbox_close(mb);
}

int
main(void)
{
	world_begin(true);
	world_session();
	test_used();
	test_not_used();
	test_removed();
	test_twins();
	test_spoilt("");
	test_spoilt(MAIL("4"));
	test_odd();
	test_changed_meanwhile();
	test_handed_on();
	test_sampled();
	world_end();
	return tap_end();
}
