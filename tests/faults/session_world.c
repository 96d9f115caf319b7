/*
 * session_world.c - see session_world.h.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_mail.h"
#include "session_world.h"

#define AGED_SECOND 1500000000

/* clang-format off */
const struct scenario scenarios[] = {
	{ .name = "mbox, some", .driver = MBOX, .count = 12, .deleted = "2 5 6",
	    .fetched = "1 2", .quit = true, .aged = true, .pseudo = true,
	    .major = true },
	{ .name = "Maildir, some", .driver = MAILDIR, .count = 9,
	    .deleted = "2 5 8", .fetched = "1 2 7 9", .quit = true,
	    .aged = true, .major = true },
	{ .name = "mbox, twins come meanwhile", .driver = MBOX, .count = 10,
	    .deleted = "1 9 10", .fetched = "1", .quit = true, .aged = true,
	    .meanwhile = DELIVER_TWIN },
	{ .name = "Maildir, all, mail comes meanwhile", .driver = MAILDIR,
	    .count = 6, .deleted = "*", .fetched = "1 5", .quit = true,
	    .meanwhile = DELIVER_MAIL },
	{ .name = "mbox, first login, every second", .driver = MBOX,
	    .count = 10, .deleted = "1 3 5 7 9", .fetched = "1 2",
	    .quit = true, .first_login = true },
	{ .name = "Maildir, kept view, seen", .driver = MAILDIR, .count = 6,
	    .deleted = "1 6", .fetched = "2 3 5", .quit = true, .aged = true,
	    .kept = true, .option = "mark-seen=yes" },
	{ .name = "mbox, all", .driver = MBOX, .count = 6, .deleted = "*",
	    .fetched = "1", .quit = true, .aged = true },
	{ .name = "Maildir, renamed meanwhile", .driver = MAILDIR, .count = 6,
	    .deleted = "1 4 5", .fetched = "2 6", .quit = true, .aged = true,
	    .kept = true, .meanwhile = READER_RENAMES },
	{ .name = "mbox, all but the internal one", .driver = MBOX, .count = 6,
	    .deleted = "*", .fetched = "1", .quit = true, .aged = true,
	    .pseudo = true },
	{ .name = "Maildir, hangs up", .driver = MAILDIR, .count = 6,
	    .deleted = "1 2", .fetched = "5", .aged = true },
	{ .name = "mbox, the last", .driver = MBOX, .count = 8, .deleted = "8",
	    .fetched = "8", .quit = true, .aged = true, .kept = true,
	    .meanwhile = DELIVER_MAIL },
	{ .name = "mbox, many steps", .driver = MBOX, .count = 8,
	    .deleted = "1 3", .fetched = "1", .quit = true, .aged = true,
	    .large = true, .option = "journal-size=64K" },
	{ .name = "mbox, hangs up", .driver = MBOX, .count = 6,
	    .deleted = "1 2", .fetched = "1", .aged = true },
};
/* clang-format on */
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

void
world_open(struct world *world)
{
	const char *base = getenv("SESSION_WORLD");

	if (base == NULL)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(
	    world->path, sizeof(world->path), "%s/session.XXXXXX", base);
	if (mkdtemp(world->path) == NULL)
		broken(world->path);
	world->root = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (world->root == -1)
		broken(world->path);
}

void
world_close(struct world *world)
{
	static const struct tree none;

	tree_store(&none, world->root);
	(void)rmdir(world->path);
}

static bool
listed(const char *list, unsigned number)
{
	const char *p = list;
	char *end;

	if (list[0] == '*')
		return true;
	for (; *p != '\0'; p = end)
		if (strtoul(p, &end, 10) == number)
			return true;
	return false;
}

/* The client's numbers: what is not shown has none. */
static void
commands_make(struct world *world)
{
	const struct scenario *s = world->scenario;
	unsigned number = 0;
	size_t used;

	used = (size_t)sprintf(world->first, "STAT\r\nUIDL\r\n");
	for (unsigned i = 0; i < world->before; i++) {
		struct mail *mail = &world->mails[i];

		if (mail->pseudo)
			continue;
		number++;
		mail->deleted = mail->marked = listed(s->deleted, number);
		if (listed(s->fetched, number))
			used += (size_t)sprintf(
			    world->first + used, "RETR %u\r\n", number);
		if (mail->deleted)
			used += (size_t)sprintf(
			    world->first + used, "DELE %u\r\n", number);
	}
}

static void
arguments_make(struct world *world)
{
	const char *const arguments[] = {"-C", run_config, "-a", world->mailbox,
	    "-o", world->state, "-o", "lock-timeout=1", "-o", "timeout=3"};
	size_t n = 0;

	(void)snprintf(world->mailbox, sizeof(world->mailbox), "%s:%s/box/%s",
	    world->scenario->driver == MBOX ? "mbox" : "maildir", world->path,
	    world->scenario->driver == MBOX ? "mbox" : "md");
	(void)snprintf(world->state, sizeof(world->state),
	    "state-directory=%s/state", world->path);
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
		world->arguments[n++] = arguments[i];
	if (world->scenario->option != NULL) {
		world->arguments[n++] = "-o";
		world->arguments[n++] = world->scenario->option;
	}
	world->arguments[n] = NULL;
}

/* See session_preload.c: these files look as old as their times. */
static void
world_age(struct world *world)
{
	const struct timespec times[2] = {
	    {AGED_SECOND, SESSION_AGED}, {AGED_SECOND, SESSION_AGED}};

	for (size_t i = 0; i < world->start.count; i++)
		if (strncmp(world->start.nodes[i].path, "box/m", 5) == 0 &&
		    strstr(world->start.nodes[i].path, "/tmp/") == NULL &&
		    utimensat(world->root, world->start.nodes[i].path, times,
			0) == -1)
			broken("utimensat");
}

void
world_reset(struct world *world)
{
	world->count = world->before;
	for (unsigned i = 0; i < world->before; i++)
		world->mails[i].deleted = world->mails[i].marked;
	tree_store(&world->start, world->root);
	if (world->scenario->aged)
		world_age(world);
}

void
world_begin(struct world *world, const struct scenario *scenario)
{
	struct told told;

	world->scenario = scenario;
	world->count = 0;
	for (unsigned i = 0; i < scenario->count; i++)
		/* Two of them are equal in every octet. */
		(void)mail_make(world,
		    i == scenario->count / 2 ? &world->mails[i - 1] : NULL);
	world->before = world->count;
	commands_make(world);
	arguments_make(world);
	mail_store(world);
	if (!scenario->kept)
		return;
	world_age(world);
	world_look(world, NULL, false, &told);
	tree_load(&world->start, world->root);
}

void
world_save(struct world *world, struct snapshot *snapshot)
{
	tree_load(&snapshot->tree, world->root);
	snapshot->count = world->count;
	memcpy(snapshot->mails, world->mails, sizeof(world->mails));
}

void
world_restore(struct world *world, const struct snapshot *snapshot)
{
	tree_store(&snapshot->tree, world->root);
	world->count = snapshot->count;
	for (unsigned i = 0; i < WORLD_MAILS; i++) {
		struct mail *mail = &world->mails[i];
		char *text = mail->text;

		/* The texts of those that were added are used once only. */
		*mail = snapshot->mails[i];
		mail->text = text;
	}
}

static int
maildir_delivered(struct world *world, const struct mail *mail)
{
	const char *name = strchr(mail->name, '/') + 1;
	char from[TREE_PATH], to[TREE_PATH];
	int fd;

	(void)snprintf(from, sizeof(from), "box/md/tmp/%s", name);
	(void)snprintf(to, sizeof(to), "box/md/new/%s", name);
	fd = openat(world->root, from, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 ||
	    write(fd, mail->text, mail->length) != (ssize_t)mail->length ||
	    fsync(fd) == -1 || close(fd) == -1 ||
	    renameat(world->root, from, world->root, to) == -1)
		broken(to);
	return 0;
}

/* An IMAP server flags what is in cur and moves what is in new. */
static void
maildir_renamed(struct world *world)
{
	static struct tree tree;
	char to[TREE_PATH + 8];

	tree_load(&tree, world->root);
	for (size_t i = 0; i < tree.count; i++) {
		const char *path = tree.nodes[i].path;

		if (strncmp(path, "box/md/cur/", 11) == 0)
			(void)snprintf(to, sizeof(to), "%.*s:2,RS",
			    (int)strcspn(path, ":"), path);
		else if (strncmp(path, "box/md/new/", 11) == 0 && i % 2 == 0)
			(void)snprintf(
			    to, sizeof(to), "box/md/cur/%s:2,", path + 11);
		else
			continue;
		if (renameat(world->root, path, world->root, to) == -1 &&
		    errno != ENOENT)
			broken(to);
	}
}

static void
mail_delivered(struct world *world, const struct mail *like, int mbox)
{
	struct mail *mail = mail_make(world, like);

	if (world->scenario->driver == MAILDIR)
		(void)maildir_delivered(world, mail);
	else if (write(mbox, mail->text, mail->length) != (ssize_t)mail->length)
		broken("delivery");
}

/* The messages at the end that truncation cuts off: about the deleted size. */
static void
twins_delivered(struct world *world, int mbox)
{
	size_t cut = 0, seen = 0;
	unsigned i = world->before;

	for (unsigned j = 0; j < world->before; j++)
		cut += world->mails[j].deleted ? world->mails[j].length : 0;
	while (i > 1 && seen < cut)
		seen += world->mails[--i].length;
	for (; i < world->before && world->count + 2 < WORLD_MAILS; i++)
		mail_delivered(world, &world->mails[i], mbox);
}

static void
all_delivered(struct world *world, enum delivery delivery, int mbox)
{
	if (delivery == READER_RENAMES)
		maildir_renamed(world);
	if (delivery == DELIVER_TWIN)
		twins_delivered(world, mbox);
	if (delivery == DELIVER_LAST)
		mail_delivered(world, &world->mails[world->before - 1], mbox);
	if (delivery == DELIVER_MAIL || delivery == DELIVER_LAST)
		mail_delivered(world, NULL, mbox);
}

static bool
agent_locks(struct world *world, int mbox, unsigned locks, bool force)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd;

	if ((locks & AGENT_FCNTL) != 0 && fcntl(mbox, F_SETLK, &record) == -1)
		return false;
	if ((locks & AGENT_DOTLOCK) == 0)
		return true;
	if (force)
		(void)unlinkat(world->root, "box/mbox.lock", 0);
	fd = openat(world->root, "box/mbox.lock",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	(void)close(fd);
	return true;
}

bool
world_deliver(
    struct world *world, enum delivery delivery, unsigned locks, bool force)
{
	bool got;
	int fd;

	if (delivery == DELIVER_NONE)
		return true;
	if (world->scenario->driver == MAILDIR) {
		all_delivered(world, delivery, -1);
		return true;
	}
	fd = openat(world->root, "box/mbox", O_RDWR | O_APPEND | O_CLOEXEC);
	if (fd == -1)
		broken("the mailbox has gone");
	got = agent_locks(world, fd, locks, force);
	if (got) {
		all_delivered(world, delivery, fd);
		if (fsync(fd) == -1)
			broken("delivery");
		if ((locks & AGENT_DOTLOCK) != 0)
			(void)unlinkat(world->root, "box/mbox.lock", 0);
	}
	(void)close(fd);
	return got;
}

void
world_deliver_surely(struct world *world, enum delivery delivery)
{
	if (!world_deliver(world, delivery, AGENT_DOTLOCK | AGENT_FCNTL, true))
		broken("the mailbox is locked, and by whom?");
}

/* A lock file that a fault has left holds for a while. */
static void
meanwhile(void *argument)
{
	struct world *world = argument;
	bool got = false;

	for (int tries = 0; !got && tries < 400; tries++) {
		got = world_deliver(world, world->scenario->meanwhile,
		    AGENT_DOTLOCK | AGENT_FCNTL, tries >= 200);
		if (!got)
			(void)usleep(1000);
	}
	if (!got)
		broken("the mailbox stays locked");
	/* Nobody has logged that. */
	if (run_shared->log) {
		tree_load(&world->base_tree, world->root);
		world->base = atomic_load(&run_shared->op_count);
	}
}

static const struct order no_order;

void
world_session(struct world *world, const struct order *order,
    void (*stopped)(void *), bool log, struct told *told)
{
	const struct script script = {.first = world->first,
	    .last = world->scenario->quit ? "QUIT\r\n" : NULL,
	    .between = meanwhile,
	    .stopped = stopped,
	    .argument = world};

	if (log)
		tree_load(&world->base_tree, world->root);
	world->base = 0;
	run_session(world->arguments, &script,
	    order == NULL ? &no_order : order, log, told);
}

void
world_look(
    struct world *world, const struct order *order, bool log, struct told *told)
{
	const struct script script = {.first = "STAT\r\nUIDL\r\n",
	    .all = order == NULL,
	    .last = "QUIT\r\n"};

	if (log)
		tree_load(&world->base_tree, world->root);
	world->base = 0;
	run_session(world->arguments, &script,
	    order == NULL ? &no_order : order, log, told);
}
