/*
 * front.c - the front's life.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#define GREETING_TEXT 380 /* octets: with a stamp no line has more than 512 */

/* Nothing has been read: this may be said before the front is closed in. */
static void
greet(struct session *s)
{
	if (s->args->authenticated || s->args->turn)
		return;
	if (s->args->stamp[0] != '\0')
		output_line(s, "+OK %.*s %s", GREETING_TEXT, s->args->greeting,
		    s->args->stamp);
	else
		output_line(s, "+OK %s", s->args->greeting);
	output_flush(s);
}

/* -a: in TRANSACTION from the beginning. */
static void
greet_owner(struct session *s)
{
	if (!s->args->authenticated)
		return;
	memset(&s->record.u.external, 0, sizeof(s->record.u.external));
	ask_login(s, CH_EXTERNAL);
	if (s->state == TRANS) {
		output_line(s, "+OK %s, %lu message%s (%llu octets)",
		    s->args->greeting, (unsigned long)s->count,
		    s->count == 1 ? "" : "s", (unsigned long long)s->octets);
	} else {
		output_line(s, "-ERR %s%s", code_text(s->record.u.login.code),
		    s->record.u.login.text);
		session_end(s, END_LOGIN_FAILED);
	}
}

/* Every whole line that is here; its answers leave together. */
static void
lines_run(struct session *s)
{
	size_t length;
	char *line;

	while (s->state != OVER) {
		switch (input_line(s, &line, &length)) {
		case LINE_OK:
			if (s->exchange)
				sasl_line(s, line, length);
			else
				command_run(s, line, length);
			break;
		case LINE_BAD:
			trace(s, "< <a bad line>");
			sasl_cancel(s);
			command_nonsense(s, "not a command line");
			break;
		case LINE_MORE:
			return;
		}
	}
}

static void
end_tell(struct session *s)
{
	struct ch_end *end = &s->record.u.end;

	memset(end, 0, sizeof(*end));
	end->why = (uint32_t)s->why;
	end->top_octets = s->top_octets;
	end->retr_octets = s->retr_octets;
	end->received = s->received;
	end->sent = s->sent;
	tell(s, CH_END);
}

/*
 * Two processes hold the connection: the client need not wait for their ends
 * to see its own.
 */
static void
connection_end(struct session *s)
{
	if (s->tls != NULL && !s->deaf)
		secure_end(s);
	if (shutdown(STDOUT_FILENO, SHUT_WR) == -1)
		errno = 0; /* a pipe or a terminal */
}

/* RFC 2595, 4: nothing is read before the front that was asked is gone. */
static bool
turn_wait(struct session *s)
{
	memset(&s->record.u.stls, 0, sizeof(s->record.u.stls));
	return ask(s, CH_READY, NULL, NULL) &&
	    s->record.u.result.code == CODE_OK;
}

_Noreturn void
front_run(const struct front_args *args)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		_exit(1);
	s->args = args;
	s->state = AUTH;
	s->file = s->parts.fd = s->parts.base = -1;
	s->output.socket = true;
	s->channel = args->channel;
	s->input.buffer = s->input.small;
	s->input.size = sizeof(s->input.small);
	busy_drop(s);
	s->nonsense = args->nonsense;
	s->stls = args->stls;
	if (args->tls && !secure_open(s))
		_exit(FRONT_NO_TLS);
	if (!args->tls)
		greet(s);
	if (front_close_in(args) == -1)
		_exit(1);
	s->channel = CHANNEL_FD;
	if (args->turn && !turn_wait(s))
		_exit(0);
	if (args->tls && secure_handshake(s))
		greet(s);
	if (s->state != OVER)
		greet_owner(s);
	while (s->state != OVER) {
		lines_run(s);
		/* Every command a record of its own, but sent together. */
		if (s->state != OVER && input_rest(s))
			continue;
		output_flush(s);
		if (s->state != OVER && !input_wait(s))
			break;
	}
	output_flush(s);
	connection_end(s);
	end_tell(s);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	_exit(0);
}
