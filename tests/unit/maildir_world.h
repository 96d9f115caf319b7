/*
 * maildir_world.h - a Maildir to test with.
 */

#ifndef MAILDIR_WORLD_H
#define MAILDIR_WORLD_H

#include "mailbox_world.h"

/* A new empty Maildir "box", and it alone. */
__attribute__((__unused__)) static void
maildir_new(void)
{
	if (system("chmod -R u+rwx box 2>/dev/null; rm -rf box;"
		   "mkdir -m 700 box box/cur box/new box/tmp") != 0)
		exit(97);
}

/* A file "cur/NAME", "new/NAME", ... in it. */
__attribute__((__unused__)) static void
maildir_put(const char *name, const char *text)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "box/%s", name);
	world_put(path, text, O_TRUNC);
}

__attribute__((__unused__)) static bool
maildir_there(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "box/%s", name);
	return world_there(path);
}

/* The folders as if nothing had happened to them for that long. */
__attribute__((__unused__)) static void
maildir_rename(const char *from, const char *to)
{
	char old[512], new[512];

	(void)snprintf(old, sizeof(old), "box/%s", from);
	(void)snprintf(new, sizeof(new), "box/%s", to);
	if (rename(old, new) == -1)
		exit(97);
}

/* A session, and its view. */
struct maildir_session {
	struct mailbox *mb;
	void *data;
	struct view view;
	uint8_t deleted[16], fetched[16];
	struct mailbox_tally tally;
};

__attribute__((__unused__)) static bool
maildir_begin(struct maildir_session *s, const char *name)
{
	char path[600];
	struct mailbox_options options = {
	    .config = &world_config,
	    .path = path,
	    .state = -1,
	    .keeper = -1,
	    .peer = "192.0.2.1",
	};

	memset(s, 0, sizeof(*s));
	(void)snprintf(path, sizeof(path), "maildir:%s/%s", world, name);
	s->mb = mailbox_open(&options, &world_error);
	if (s->mb == NULL)
		return false;
	s->data = view_parts_load(mailbox_view(s->mb), &s->view);
	if (s->data == NULL)
		exit(97);
	return true;
}

__attribute__((__unused__)) static void
maildir_end(struct maildir_session *s)
{
	mailbox_close(s->mb);
	free(s->data);
	s->mb = NULL;
	s->data = NULL;
}

/* Messages as a text: "NAME octets;" each, " new" for those in new/. */
__attribute__((__unused__)) static const char *
maildir_text(const struct maildir_session *s)
{
	static char text[4096];
	uint32_t i;
	size_t n = 0;

	text[0] = '\0';
	for (i = 0; i < s->view.head->count; i++) {
		const struct view_message *m = &s->view.message[i];

		n +=
		    (size_t)snprintf(text + n, sizeof(text) - n, "%s %llu%s%s;",
			s->view.names + m->place, (unsigned long long)m->octets,
			(m->flags & VIEW_NEW) != 0 ? " new" : "",
			(m->flags & VIEW_UNREAD) != 0 ? " ?" : "");
	}
	return text;
}

/* What a session of its own sees. */
__attribute__((__unused__)) static bool
maildir_is(const char *text)
{
	struct maildir_session s;
	bool is;

	if (!maildir_begin(&s, "box")) {
		tap_note("%s", world_error.log);
		return false;
	}
	is = strcmp(maildir_text(&s), text) == 0;
	if (!is)
		tap_note("%s", maildir_text(&s));
	maildir_end(&s);
	return is;
}

__attribute__((__unused__)) static int
maildir_quit(struct maildir_session *s)
{
	struct mailbox_set set = {s->deleted, s->fetched, s->view.head->count};

	return mailbox_update(s->mb, &set, &s->tally, &world_error);
}

/* The text of a message as the front gets it; "" when it does not. */
__attribute__((__unused__)) static const char *
maildir_read(struct maildir_session *s, uint32_t index)
{
	static char text[4096];
	int fd;
	ssize_t n;

	text[0] = '\0';
	if (mailbox_messages(s->mb, index, 1, &fd, &world_error) != 1)
		return text;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

#endif
