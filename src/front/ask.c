/*
 * ask.c - the asking side of the channel.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

const char *
code_text(uint32_t code)
{
	switch (code) {
	/* RFC 3206, 4: of expired accounts, and of policy, too. */
	case CODE_AUTH:
	case CODE_REFUSED:
	case CODE_MECHANISM:
	case CODE_BINDING:
		return "[AUTH] ";
	case CODE_IN_USE:
		return "[IN-USE] ";
	case CODE_TEMPORARY:
	case CODE_CHANGED:
		return "[SYS/TEMP] ";
	case CODE_PERMANENT:
		return "[SYS/PERM] ";
	default:
		return "";
	}
}

void
tell(struct session *s, uint32_t type)
{
	if (channel_write(s->channel, &s->record, type, NULL, 0) == -1)
		session_end(s, END_BACK);
}

bool
ask(struct session *s, uint32_t type, int *descriptors, size_t *count)
{
	int written = channel_write(s->channel, &s->record, type, NULL, 0);

	/* It may have been a password, and the answer may be shorter. */
	explicit_bzero(&s->record, s->record.length);
	if (written == 0 &&
	    channel_read(s->channel, &s->record, descriptors, count) == 1 &&
	    s->record.type == type + 1)
		return true;
	session_end(s, END_BACK);
	return false;
}

void
trace(struct session *s, const char *format, ...)
{
	char *text = s->record.u.text.text;
	va_list ap;
	size_t i;

	if (!s->args->trace && !s->args->debug)
		return;
	memset(&s->record.u.text, 0, sizeof(s->record.u.text));
	va_start(ap, format);
	if (vsnprintf(text, CHANNEL_TEXT, format, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	}
	if (s->args->trace)
		tell(s, CH_TRACE);
	if (s->args->debug)
		tell(s, CH_DEBUG);
}

/*
 * The head of the view says all that STAT does.  The rest is read when it is
 * asked for, by one read into memory of our own, checked whole.
 */
static bool
view_take(struct session *s, const int *descriptors, bool base)
{
	size_t bits;

	if (view_parts_open(
		&s->parts, descriptors[0], base ? descriptors[1] : -1) == -1)
		return false;
	s->messages = s->parts.head.count;
	bits = s->messages / 8 + 1;
	s->deleted = calloc(bits, 1);
	s->fetched = calloc(bits, 1);
	s->count = s->messages;
	s->octets = s->parts.head.octets;
	return s->deleted != NULL && s->fetched != NULL;
}

bool
view_need(struct session *s)
{
	if (s->view_data != NULL)
		return true;
	s->view_data = view_parts_load(&s->parts, &s->view);
	view_parts_close(&s->parts);
	if (s->view_data != NULL)
		return true;
	output_line(s, "-ERR [SYS/TEMP] the mailbox must be read again");
	session_end(s, END_VIEW);
	return false;
}

struct view_message *
view_change(struct session *s, uint32_t index)
{
	struct view_head *head = s->view_data;

	return (struct view_message *)(void *)(head + 1) + index;
}

static void
login_accept(struct session *s, const int *descriptors, size_t count)
{
	const struct ch_login *login = &s->record.u.login;
	size_t views = login->base != 0 ? 2 : 1;

	if (count < views || count > views + 1 || count != login->descriptors ||
	    !view_take(s, descriptors, views == 2)) {
		while (count > 0)
			(void)close(descriptors[--count]);
		output_line(s,
		    "-ERR [SYS/TEMP] the mailbox could not be "
		    "opened");
		session_end(s, END_VIEW);
		return;
	}
	if (count > views)
		s->file = descriptors[views];
	s->read_only = login->read_only != 0;
	s->keep = login->keep != 0;
	s->state = TRANS;
	secure_forget(s);
}

/* What the answer to a login, in s->record, means. */
static void
login_take(struct session *s, const int *descriptors, size_t count)
{
	const struct ch_login *login = &s->record.u.login;

	if (login->code == CODE_OK) {
		login_accept(s, descriptors, count);
		return;
	}
	while (count > 0)
		(void)close(descriptors[--count]);
	if (login->last)
		session_end(s, END_LOGIN_FAILED);
}

void
ask_login(struct session *s, uint32_t type)
{
	int descriptors[3];
	size_t count = ARRAY_SIZE(descriptors);

	if (ask(s, type, descriptors, &count))
		login_take(s, descriptors, count);
}

bool
ask_step(struct session *s)
{
	int descriptors[3];
	size_t count = ARRAY_SIZE(descriptors);

	if (!ask(s, CH_STEP, descriptors, &count))
		return false;
	if (s->record.u.stepped.done == 0 && count == 0)
		return true;
	/* Its answer begins with that to any login. */
	login_take(s, descriptors, count);
	return false;
}

bool
ask_look(struct session *s, uint32_t index)
{
	memset(&s->record.u.range, 0, sizeof(s->record.u.range));
	s->record.u.range.first = index;
	s->record.u.range.count = 1;
	if (!ask(s, CH_LOOK, NULL, NULL) || s->record.u.looked.code != CODE_OK)
		return false;
	view_change(s, index)->check = s->record.u.looked.check;
	return true;
}

static void
opened_close(struct opened *opened)
{
	while (opened->count > 0)
		(void)close(opened->file[--opened->count]);
}

/*
 * How many to have opened with this one: who reads in order gets those ahead,
 * up to the next that is deleted, with one question.
 */
static uint32_t
opened_want(const struct session *s, uint32_t index)
{
	uint32_t n = 1;

	if (index != s->opened.next)
		return 1;
	while (n < CHANNEL_DESCRIPTORS && index + n < s->messages &&
	    !bit_test(s->deleted, index + n))
		n++;
	return n;
}

/* Replace what is open; false after having answered. */
static bool
opened_ask(struct session *s, uint32_t index)
{
	const struct ch_result *result = &s->record.u.result;
	struct opened *opened = &s->opened;
	uint32_t want = opened_want(s, index);
	size_t count = CHANNEL_DESCRIPTORS;

	opened_close(opened);
	memset(&s->record.u.range, 0, sizeof(s->record.u.range));
	s->record.u.range.first = index;
	s->record.u.range.count = want;
	if (!ask(s, CH_OPEN, opened->file, &count))
		return false;
	opened->first = index;
	opened->count = (uint32_t)count;
	if (result->code == CODE_OK && result->first == index && count > 0 &&
	    count == result->count && count <= want)
		return true;
	opened_close(opened);
	if (result->code == CODE_OK)
		session_end(s, END_BACK);
	else
		output_line(
		    s, "-ERR %s%s", code_text(result->code), result->text);
	return false;
}

int
ask_open(struct session *s, uint32_t index)
{
	struct opened *opened = &s->opened;

	/* One below first is far above count. */
	if (index - opened->first >= opened->count && !opened_ask(s, index))
		return -1;
	opened->next = index + 1;
	return opened->file[index - opened->first];
}

/* The marks of 8 * CHANNEL_SET messages from first, if there are any. */
static void
marks_tell(struct session *s, uint32_t first)
{
	struct ch_mark *mark = &s->record.u.mark;
	uint32_t octets = s->messages / 8 + 1 - first / 8;
	static const uint8_t none[CHANNEL_SET];

	if (octets > CHANNEL_SET)
		octets = CHANNEL_SET;
	if (memcmp(s->deleted + first / 8, none, octets) == 0 &&
	    memcmp(s->fetched + first / 8, none, octets) == 0)
		return;
	memset(mark, 0, sizeof(*mark));
	mark->first = first;
	memcpy(mark->deleted, s->deleted + first / 8, octets);
	memcpy(mark->fetched, s->fetched + first / 8, octets);
	tell(s, CH_MARK);
}

void
ask_update(struct session *s)
{
	struct ch_updated *updated = &s->record.u.updated;
	uint32_t first;

	for (first = 0; first < s->messages; first += 8 * CHANNEL_SET)
		marks_tell(s, first);
	/* The back has not heard of them all: it must not begin. */
	if (s->state == OVER) {
		output_line(s,
		    "-ERR [SYS/TEMP] nothing was removed: the session broke");
		return;
	}
	memset(&s->record.u.update, 0, sizeof(s->record.u.update));
	if (!ask(s, CH_UPDATE, NULL, NULL)) {
		output_line(s,
		    "-ERR [SYS/TEMP] the end of the update is not "
		    "known");
		return;
	}
	if (updated->code == CODE_OK)
		output_line(s, "+OK %lu removed, %lu left",
		    (unsigned long)updated->removed,
		    (unsigned long)updated->left);
	else
		output_line(
		    s, "-ERR %s%s", code_text(updated->code), updated->text);
}
