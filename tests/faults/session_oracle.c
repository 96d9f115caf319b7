/*
 * session_oracle.c - what a mailbox holds, by the test's own reading, and
 * whether that is what was promised.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_mail.h"
#include "session_world.h"

/* What is there, as numbers of mails. */
struct found {
	unsigned count;
	int mail[WORLD_MAILS * 2];
};

static char reason[256];

static void
found_add(struct found *found, int mail)
{
	if (found->count < WORLD_MAILS * 2)
		found->mail[found->count++] = mail;
}

/* A message ends behind an empty line that "From " follows. */
static void
mbox_found(
    const struct world *world, const struct node *node, struct found *found)
{
	const char *text = (const char *)node->text;
	size_t begin = 0, end;

	for (; begin < node->size; begin = end) {
		for (end = begin + 1; end < node->size; end++)
			if (node->size - end > 5 &&
			    memcmp(text + end, "From ", 5) == 0 &&
			    text[end - 1] == '\n' && end > begin + 1 &&
			    text[end - 2] == '\n')
				break;
		found_add(found, mail_find(world, text + begin, end - begin));
	}
}

/* A name up to its flags tells which message it must be. */
static int
maildir_mail(const struct world *world, const struct node *node)
{
	const char *name = strrchr(node->path, '/') + 1;
	int same = mail_find(world, node->text, node->size);

	for (unsigned i = 0; i < world->count; i++) {
		const struct mail *mail = &world->mails[i];
		const char *own = strchr(mail->name, '/') + 1;
		size_t length = strcspn(own, ":");

		if (strcspn(name, ":") == length &&
		    strncmp(own, name, length) == 0)
			return same != -1 &&
				world->mails[same].digest == mail->digest ?
			    (int)i :
			    -1;
	}
	return -1;
}

static int
number_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void
maildir_found(
    const struct world *world, const struct tree *tree, struct found *found)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];

		if (!node->folder &&
		    (strncmp(node->path, "box/md/cur/", 11) == 0 ||
			strncmp(node->path, "box/md/new/", 11) == 0))
			found_add(found, maildir_mail(world, node));
	}
	qsort(
	    found->mail, found->count, sizeof(found->mail[0]), number_compare);
}

static bool
is_list(const struct world *world, const struct found *found, bool after)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world->count; i++) {
		if (after && i < world->before && world->mails[i].deleted)
			continue;
		if (n == found->count || found->mail[n] == -1 ||
		    world->mails[found->mail[n]].digest !=
			world->mails[i].digest)
			return false;
		n++;
	}
	return n == found->count;
}

/* A Maildir's messages go one by one: nothing else may be missing, or new. */
static bool
is_partly(const struct world *world, const struct found *found)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world->count; i++) {
		if (n < found->count && found->mail[n] == (int)i) {
			n++;
			continue;
		}
		if (i >= world->before || !world->mails[i].deleted)
			return false;
	}
	return n == found->count;
}

static void
explain(const struct world *world, const struct found *found)
{
	unsigned strange = 0, times[WORLD_MAILS] = {0};
	size_t used = 0;

	for (unsigned i = 0; i < found->count; i++) {
		if (found->mail[i] == -1)
			strange++;
		else
			times[found->mail[i]]++;
	}
	used = (size_t)snprintf(reason, sizeof(reason),
	    "damaged: %u found, %u of no known octets; times each:",
	    found->count, strange);
	for (unsigned i = 0; i < world->count && used < sizeof(reason) - 8; i++)
		used += (size_t)snprintf(reason + used, sizeof(reason) - used,
		    "%s%u", i == world->before ? "|" : " ", times[i]);
}

static int
found_is(
    const struct world *world, const struct tree *tree, struct found *found)
{
	const struct node *node;
	int is = 0;

	found->count = 0;
	if (world->scenario->driver == MBOX) {
		node = tree_find(tree, "box/mbox");
		if (node != NULL)
			mbox_found(world, node, found);
	} else {
		maildir_found(world, tree, found);
		node = tree_find(tree, "box/md/tmp/1700.half");
		if (node == NULL || node->size != 4)
			found_add(found, -1);
	}
	if (is_list(world, found, false))
		is |= IS_BEFORE;
	if (is_list(world, found, true))
		is |= IS_AFTER;
	if (is == 0 && world->scenario->driver == MAILDIR &&
	    is_partly(world, found))
		is = IS_PARTLY;
	if (is == 0)
		explain(world, found);
	return is;
}

int
world_is(struct world *world, const char **why)
{
	static struct tree tree;
	struct found found;
	int is;

	tree_load(&tree, world->root);
	is = found_is(world, &tree, &found);
	*why = is == 0 ? reason : NULL;
	return is;
}

static struct mail *
shown(struct world *world, unsigned number)
{
	for (unsigned i = 0; i < world->before; i++)
		if (!world->mails[i].pseudo && --number == 0)
			return &world->mails[i];
	return NULL;
}

/* Which message has number n in this session; NULL: none. */
static struct mail *
meant(struct world *world, const struct told *told, const struct told *usual,
    unsigned n)
{
	if (!told->listed || !usual->listed)
		return shown(world, n);
	if (told->uid[n][0] == '\0')
		return NULL;
	for (unsigned k = 1; k < RUN_MESSAGES; k++)
		if (strcmp(usual->uid[k], told->uid[n]) == 0)
			return shown(world, k);
	return NULL;
}

static void
deleted_anew(
    struct world *world, const struct told *told, const struct told *usual)
{
	struct mail *mail;

	for (unsigned i = 0; i < world->before; i++)
		world->mails[i].deleted = false;
	for (unsigned n = 1; n < RUN_MESSAGES; n++) {
		mail = shown(world, n);
		if (mail == NULL || !mail->marked)
			continue;
		mail = meant(world, told, usual, n);
		if (mail != NULL)
			mail->deleted = true;
	}
}

const char *
world_told(
    struct world *world, const struct told *told, const struct told *usual)
{
	const struct mail *mail;

	deleted_anew(world, told, usual);
	for (unsigned n = 1; n < RUN_MESSAGES; n++) {
		if (told->mail[n] == 0)
			continue;
		mail = meant(world, told, usual, n);
		if (mail == NULL || mail->wire != told->mail[n]) {
			(void)snprintf(reason, sizeof(reason),
			    "RETR %u gave something else, and the dot", n);
			return reason;
		}
	}
	return NULL;
}

static bool
has_twin(const struct world *world, const struct mail *mail)
{
	for (unsigned i = 0; i < world->count; i++)
		if (&world->mails[i] != mail &&
		    world->mails[i].digest == mail->digest)
			return true;
	return false;
}

/* What the session without faults showed is what is there. */
static const char *
compare_told(
    struct world *world, const struct found *found, const struct told *told)
{
	unsigned n = 0;

	for (unsigned i = 0; i < found->count; i++) {
		struct mail *mail = &world->mails[found->mail[i]];

		if (mail->pseudo)
			continue;
		n++;
		if (told->mail[n] != mail->wire)
			return "RETR shows another message than there is";
		if (has_twin(world, mail))
			continue;
		if (mail->uid[0] == '\0')
			memcpy(mail->uid, told->uid[n], RUN_UID);
		if (strcmp(mail->uid, told->uid[n]) != 0)
			return "a message has another unique-id";
	}
	return n == told->count ? NULL : "another number of messages is shown";
}

/* Is this no lock of one of ours that has gone? */
static bool
lock_believed(const struct node *node)
{
	char text[32] = "";
	long pid;

	if (node->size > 0)
		memcpy(text, node->text,
		    node->size < sizeof(text) - 1 ? node->size :
						    sizeof(text) - 1);
	pid = strtol(text, NULL, 10);
	/* Nobody's, or a number that another has got since. */
	return pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* The lock, and what was to be it or had been. */
void
world_settle(struct world *world)
{
	const time_t then = time(NULL) - 400;
	const struct timespec times[2] = {{then, 0}, {then, 0}};
	static struct tree tree;

	if (world->scenario->driver != MBOX)
		return;
	tree_load(&tree, world->root);
	for (size_t i = 0; i < tree.count; i++) {
		const struct node *node = &tree.nodes[i];

		if (strncmp(node->path, "box/", 4) != 0 || node->folder ||
		    strcmp(node->path, "box/mbox") == 0 || !lock_believed(node))
			continue;
		(void)utimensat(world->root, node->path, times, 0);
		(void)utimensat(world->root, "box/mbox", times, 0);
	}
}

static bool
path_has(const struct tree *tree, const char *part)
{
	for (size_t i = 0; i < tree->count; i++)
		if (strstr(tree->nodes[i].path, part) != NULL)
			return true;
	return false;
}

bool
world_unfinished(struct world *world, const struct tree *tree)
{
	return world->scenario->driver == MBOX &&
	    (path_has(tree, ".journal") ||
		tree_find(tree, "box/mbox.lock") != NULL);
}

const char *
world_verdict(struct world *world, int may_be)
{
	static struct tree tree;
	struct found found;
	struct told told;
	const char *wrong;
	int is;

	world_settle(world);
	world_look(world, NULL, false, &told);
	if (told.hung)
		return "the next session hangs";
	if (!told.logged_in || told.quit != REPLY_DONE) {
		(void)snprintf(
		    reason, sizeof(reason), "the next session: %s", told.line);
		return reason;
	}
	tree_load(&tree, world->root);
	is = found_is(world, &tree, &found);
	if (is == 0)
		return reason;
	if ((is & may_be) == 0)
		return (is & IS_BEFORE) != 0 ?
		    "the deleted are there again" :
		    (is & IS_AFTER) != 0 ?
		    "the deleted are gone, which was not promised" :
		    "some of the deleted are gone";
	wrong = compare_told(world, &found, &told);
	if (wrong != NULL)
		return wrong;
	if (path_has(&tree, ".journal"))
		return "a journal is left";
	return tree_find(&tree, "box/mbox.lock") == NULL ? NULL :
							   "a lock is left";
}
