/*
 * transaction.c - the commands that are answered from the view alone.
 */

#include <string.h>

#include "session.h"

bool
message_get(struct session *s, const char *argument, uint32_t *index)
{
	uint64_t number;

	if (number_get(argument, strlen(argument), 1, s->messages, &number) ==
	    -1) {
		output_line(s, "-ERR no such message, there are %lu",
		    (unsigned long)s->messages);
		return false;
	}
	*index = (uint32_t)(number - 1);
	if (bit_test(s->deleted, *index)) {
		output_line(s, "-ERR message %llu is deleted",
		    (unsigned long long)number);
		return false;
	}
	return true;
}

void
do_stat(struct session *s, const struct command *c)
{
	(void)c;
	output_line(s, "+OK %lu %llu", (unsigned long)s->count,
	    (unsigned long long)s->octets);
}

void
do_list(struct session *s, const struct command *c)
{
	uint32_t i;

	if (c->count == 1) {
		if (message_get(s, c->argument[0], &i))
			output_line(s, "+OK %lu %llu", (unsigned long)i + 1,
			    (unsigned long long)s->view.message[i].octets);
		return;
	}
	output_line(s, "+OK %lu message%s (%llu octets)",
	    (unsigned long)s->count, s->count == 1 ? "" : "s",
	    (unsigned long long)s->octets);
	for (i = 0; i < s->messages && !s->deaf; i++) {
		if (bit_test(s->deleted, i))
			continue;
		output_number(s, (uint64_t)i + 1);
		output_text(s, " ");
		output_number(s, s->view.message[i].octets);
		output_text(s, "\r\n");
	}
	output_text(s, ".\r\n");
}

void
do_uidl(struct session *s, const struct command *c)
{
	char id[UIDL_MAX + 1];
	uint32_t i;

	if (c->count == 1) {
		if (message_get(s, c->argument[0], &i)) {
			view_uidl(&s->view, i, id);
			output_line(s, "+OK %lu %s", (unsigned long)i + 1, id);
		}
		return;
	}
	output_line(s, "+OK unique-ids follow");
	for (i = 0; i < s->messages && !s->deaf; i++) {
		if (bit_test(s->deleted, i))
			continue;
		view_uidl(&s->view, i, id);
		output_number(s, (uint64_t)i + 1);
		output_text(s, " ");
		output_text(s, id);
		output_text(s, "\r\n");
	}
	output_text(s, ".\r\n");
}

void
do_dele(struct session *s, const struct command *c)
{
	uint32_t i;

	if (!message_get(s, c->argument[0], &i))
		return;
	if (s->read_only) {
		output_line(s, "-ERR [SYS/PERM] the mailbox is read-only");
		return;
	}
	if (s->keep) {
		output_line(s, "-ERR [SYS/PERM] messages are kept here");
		return;
	}
	bit_set(s->deleted, i);
	s->count--;
	s->octets -= s->view.message[i].octets;
	output_line(s, "+OK message %lu deleted", (unsigned long)i + 1);
}

void
do_rset(struct session *s, const struct command *c)
{
	(void)c;
	memset(s->deleted, 0, s->messages / 8 + 1);
	s->count = s->messages;
	s->octets = s->parts.head.octets;
	s->last = 0;
	output_line(s, "+OK %lu message%s (%llu octets)",
	    (unsigned long)s->count, s->count == 1 ? "" : "s",
	    (unsigned long long)s->octets);
}

void
do_noop(struct session *s, const struct command *c)
{
	(void)c;
	output_line(s, "+OK");
}

void
do_last(struct session *s, const struct command *c)
{
	(void)c;
	output_line(s, "+OK %lu", (unsigned long)s->last);
}

/* New are the messages that this session has not read. */
void
do_ping(struct session *s, const struct command *c)
{
	uint32_t i, fresh = 0;

	if (s->name[0] != '\0' && strcmp(s->name, c->argument[0]) != 0) {
		output_line(s, "-ERR only of the user who is logged in");
		return;
	}
	for (i = 0; i < s->messages; i++) {
		if (!bit_test(s->deleted, i) && !bit_test(s->fetched, i))
			fresh++;
	}
	output_line(
	    s, "+OK %lu %lu", (unsigned long)fresh, (unsigned long)s->count);
}
