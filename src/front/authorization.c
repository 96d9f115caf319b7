/*
 * authorization.c - the commands before the login, and QUIT and CAPA, which
 * mean something there, too.
 */

#include <string.h>

#include "session.h"

const char *
plaintext_refused(const struct session *s)
{
	return s->stls ? "-ERR clear-text passwords are not accepted on "
			 "this connection: use STLS, or TLS on port 995" :
			 "-ERR clear-text passwords are not accepted on "
			 "this connection";
}

void
do_user(struct session *s, const struct command *c)
{
	s->user[0] = '\0';
	if (!s->args->plaintext) {
		output_line(s, "%s", plaintext_refused(s));
		return;
	}
	if (text_copy(s->user, sizeof(s->user), c->argument[0],
		strlen(c->argument[0])) == -1) {
		output_line(s, "-ERR the name is too long");
		return;
	}
	output_line(s, "+OK now the password");
}

void
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
		output_line(s, "%s", plaintext_refused(s));
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

static int
digest_get(const char *text, uint8_t digest[16])
{
	size_t i;

	if (strlen(text) != 32)
		return -1;
	for (i = 0; i < 16; i++) {
		if (hex_octet(text + 2 * i, &digest[i]) == -1)
			return -1;
	}
	return 0;
}

/*
 * Once: the timestamp is in the greeting, there is no other, and a second
 * digest of it would be a second guess that costs the guesser no connection.
 */
void
do_apop(struct session *s, const struct command *c)
{
	struct ch_digest *d = &s->record.u.digest;

	if (s->args->stamp[0] == '\0') {
		output_line(s, "-ERR there is no APOP here");
		return;
	}
	if (s->stamp_used) {
		output_line(s, "-ERR APOP was tried: connect again");
		session_end(s, END_LOGIN_FAILED);
		return;
	}
	memset(d, 0, sizeof(*d));
	if (text_copy(d->name, sizeof(d->name), c->argument[0],
		strlen(c->argument[0])) == -1 ||
	    digest_get(c->argument[1], d->digest) == -1) {
		output_line(s, "-ERR not a name and 32 hexadecimal digits");
		return;
	}
	s->stamp_used = true;
	memcpy(s->user, d->name, sizeof(s->user));
	ask_login(s, CH_DIGEST);
	if (s->state == TRANS)
		memcpy(s->name, s->user, sizeof(s->name));
	login_answer(s);
	s->user[0] = '\0';
}

void
do_capa(struct session *s, const struct command *c)
{
	(void)c;
	output_line(s, "+OK capabilities follow");
	output_text(s,
	    "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\n");
	if (s->stls && s->state == AUTH)
		output_text(s, "STLS\r\n");
	if (s->args->plaintext && !s->args->authenticated)
		output_text(s, "USER\r\n");
	if (s->args->mechanisms != 0) {
		output_text(s, "SASL");
		sasl_list(s, " ", "");
		output_text(s, "\r\n");
	}
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
