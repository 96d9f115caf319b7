/*
 * authorization.c - the commands before the login, and QUIT and CAPA, which
 * mean something there, too.
 */

#include <string.h>

#include "session.h"

static const char plaintext_refused[] =
    "-ERR clear-text passwords are not accepted on this connection";

void
do_user(struct session *s, const struct command *c)
{
	s->user[0] = '\0';
	if (!s->args->plaintext) {
		output_line(s, plaintext_refused);
		return;
	}
	if (text_copy(s->user, sizeof(s->user), c->argument[0],
		strlen(c->argument[0])) == -1) {
		output_line(s, "-ERR the name is too long");
		return;
	}
	output_line(s, "+OK now the password");
}

static void
login_answer(struct session *s)
{
	const struct ch_login *login = &s->record.u.login;

	if (s->state == TRANS) {
		output_line(s, "+OK logged in, %lu message%s (%llu octets)%s",
		    (unsigned long)s->count, s->count == 1 ? "" : "s",
		    (unsigned long long)s->octets,
		    s->read_only ? ", read-only" : "");
	} else if (s->state == AUTH || s->why == END_LOGIN_FAILED)
		output_line(
		    s, "-ERR %s%s", code_text(login->code), login->text);
}

void
do_pass(struct session *s, const struct command *c)
{
	struct ch_password *p = &s->record.u.password;
	size_t length = strlen(c->argument[0]);

	if (!s->args->plaintext) {
		output_line(s, plaintext_refused);
		return;
	}
	if (s->user[0] == '\0') {
		output_line(s, "-ERR first the name: USER");
		return;
	}
	memset(p, 0, sizeof(*p));
	memcpy(p->name, s->user, sizeof(p->name));
	/* One that is too long for a record is none that anybody has. */
	if (length < sizeof(p->secret))
		memcpy(p->secret, c->argument[0], length);
	explicit_bzero(c->argument[0], length);
	ask_login(s, CH_PASSWORD);
	if (s->state == TRANS)
		memcpy(s->name, s->user, sizeof(s->name));
	login_answer(s);
	s->user[0] = '\0';
}

/* RFC 5034, 4; clients without CAPA ask for the list this way. */
void
do_auth(struct session *s, const struct command *c)
{
	if (c->count > 0) {
		output_line(s, "-ERR unknown authentication mechanism");
		return;
	}
	output_line(s, "+OK mechanisms follow");
	output_text(s, ".\r\n");
}

void
do_capa(struct session *s, const struct command *c)
{
	(void)c;
	output_line(s, "+OK capabilities follow");
	output_text(s,
	    "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\n");
	if (s->args->plaintext)
		output_text(s, "USER\r\n");
	output_text(s, "EXPIRE NEVER\r\nIMPLEMENTATION pop3d\r\n.\r\n");
}

/*
 * UPDATE, unless the client did not get all of a message that it asked for:
 * it may have meant to delete what it thought it had.
 */
void
do_quit(struct session *s, const struct command *c)
{
	(void)c;
	if (s->state == AUTH) {
		output_line(s, "+OK bye");
		session_end(s, END_LOGOUT);
		return;
	}
	if (s->output.mail)
		output_flush(s);
	if (s->state == OVER)
		return;
	if (s->lost) {
		session_end(s, END_DISCONNECTED);
		return;
	}
	ask_update(s);
	session_end(s, END_LOGOUT);
}
