/*
 * session_mail.c - see session_mail.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_mail.h"

/* Octets of a body, about; the large ones are for many steps of the journal. */
static const unsigned sizes[] = {
    300, 40, 1200, 5000, 90, 700, 9000, 61, 3000, 150, 512, 2};
static const unsigned large_sizes[] = {
    100, 70000, 40, 60000, 9000, 50000, 61, 80000};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned
size_of(const struct world *world, unsigned number)
{
	if (world->scenario->large)
		return large_sizes[number % COUNT(large_sizes)];
	return sizes[number % COUNT(sizes)];
}

static size_t
envelope_put(const struct world *world, char *text, unsigned number)
{
	if (world->scenario->driver == MAILDIR)
		return 0;
	return (size_t)sprintf(text,
	    "From a%u@example.org Thu Jan  1 00:%02u:00 1970\n", number,
	    number % 60);
}

static size_t
header_put(const struct world *world, char *text, unsigned number)
{
	if (number == 0 && world->scenario->pseudo)
		return (size_t)sprintf(text,
		    "Date: Thu, 1 Jan 1970 00:00:00 +0000\n"
		    "From: Mail System Internal Data <MAILER-DAEMON@host>\n"
		    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
		    "DATA\n"
		    "X-IMAP: 1 12\nStatus: RO\n\n");
	return (size_t)sprintf(text,
	    "From: a%u@example.org\nMessage-ID: <%u@example.org>\n"
	    "Subject: message %u\n\n",
	    number, number, number);
}

/* Lines of all lengths; dots, a quoted From, and octets above 126. */
static size_t
body_put(char *text, unsigned number, unsigned size)
{
	size_t used = 0;

	while (used < size) {
		if (used % 7 == 3)
			used += (size_t)sprintf(text + used, ".\n");
		used += (size_t)sprintf(text + used, "%zu-%u >From \xe4 %.*s\n",
		    used, number, (int)(used % 60),
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		    "xx");
	}
	return used;
}

/* What RETR sends: without the envelope and the empty line behind it. */
static uint64_t
wire_digest(const struct world *world, const char *text, size_t length)
{
	const char *end = text + length, *line = text, *next;
	uint64_t sum = 0;

	if (world->scenario->driver == MBOX) {
		line = (const char *)memchr(text, '\n', length) + 1;
		end--;
	}
	for (; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		sum = digest(sum, line, (size_t)(next - line));
		sum = digest(sum, "\r\n", 2);
	}
	return sum;
}

static void
name_put(struct mail *mail, unsigned number, bool fresh)
{
	char sizes_text[48] = "";

	if (number % 3 == 1)
		(void)snprintf(
		    sizes_text, sizeof(sizes_text), ",S=%zu", mail->length);
	(void)snprintf(mail->name, sizeof(mail->name), "%s/%u.M%uP1.host%s%s",
	    fresh ? "new" : "cur", 1700000000 + number, number, sizes_text,
	    fresh               ? "" :
		number % 2 == 0 ? ":2,S" :
				  ":2,");
}

struct mail *
mail_make(struct world *world, const struct mail *like)
{
	unsigned number = world->count;
	struct mail *mail = &world->mails[number];
	size_t used = 0;

	if (number == WORLD_MAILS)
		broken("too many messages");
	free(mail->text);
	memset(mail, 0, sizeof(*mail));
	mail->text = malloc(
	    like != NULL ? like->length : size_of(world, number) + 1024U);
	if (mail->text == NULL)
		broken("memory");
	if (like != NULL) {
		memcpy(mail->text, like->text, like->length);
		used = like->length;
		mail->twin = true;
	} else {
		used = envelope_put(world, mail->text, number);
		used += header_put(world, mail->text + used, number);
		used +=
		    body_put(mail->text + used, number, size_of(world, number));
		if (world->scenario->driver == MBOX)
			mail->text[used++] = '\n';
	}
	mail->length = used;
	mail->digest = digest(0, mail->text, used);
	mail->wire = wire_digest(world, mail->text, used);
	mail->pseudo = number == 0 && world->scenario->pseudo;
	name_put(mail, number, number >= world->scenario->count * 2 / 3);
	world->count++;
	return mail;
}

int
mail_find(const struct world *world, const void *text, size_t length)
{
	uint64_t sum = digest(0, text, length);

	for (unsigned i = 0; i < world->count; i++)
		if (world->mails[i].digest == sum &&
		    world->mails[i].length == length)
			return (int)i;
	return -1;
}

static void
mbox_store(struct world *world, struct tree *tree)
{
	static char text[1024 * 1024];
	size_t used = 0;

	for (unsigned i = 0; i < world->count; i++) {
		memcpy(
		    text + used, world->mails[i].text, world->mails[i].length);
		used += world->mails[i].length;
	}
	(void)tree_put(tree, "box/mbox", false, text, used);
}

static void
maildir_store(struct world *world, struct tree *tree)
{
	static const char *const folders[] = {
	    "box/md", "box/md/cur", "box/md/new", "box/md/tmp"};
	char path[TREE_PATH], quota[64];
	size_t octets = 0;

	for (size_t i = 0; i < COUNT(folders); i++)
		(void)tree_put(tree, folders[i], true, NULL, 0);
	for (unsigned i = 0; i < world->count; i++) {
		(void)snprintf(
		    path, sizeof(path), "box/md/%s", world->mails[i].name);
		(void)tree_put(tree, path, false, world->mails[i].text,
		    world->mails[i].length);
		octets += world->mails[i].length;
	}
	(void)snprintf(quota, sizeof(quota), "20000000S,1000C\n%zu %u\n",
	    octets, world->count);
	(void)tree_put(tree, "box/md/maildirsize", false, quota, strlen(quota));
	/* A delivery on its way. */
	(void)tree_put(tree, "box/md/tmp/1700.half", false, "Subj", 4);
}

void
mail_store(struct world *world)
{
	struct tree *tree = &world->start;
	char state[32];

	tree_free(tree);
	(void)tree_put(tree, "box", true, NULL, 0);
	(void)tree_put(tree, "state", true, NULL, 0);
	(void)snprintf(
	    state, sizeof(state), "state/%lu", (unsigned long)geteuid());
	if (!world->scenario->first_login)
		(void)tree_put(tree, state, true, NULL, 0);
	if (world->scenario->driver == MBOX)
		mbox_store(world, tree);
	else
		maildir_store(world, tree);
	tree_store(tree, world->root);
}
