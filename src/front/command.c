/*
 * command.c - which commands there are, and finding the one of a line.
 *
 * What is not in the table, comes in another state or with another number of
 * arguments never reaches a handler.
 */

#include <string.h>
#include <strings.h>

#include "session.h"

/* How the rest of a line becomes arguments. */
enum rest {
	WORDS, /* split at blanks, trailing blanks dropped */
	NAME,  /* one, with blanks within */
	SECRET /* one, with every blank that was typed */
};

/* How much of the view it needs. */
enum need { HEAD, VIEW };

struct verb {
	const char *name;
	unsigned states;
	size_t least, most; /* arguments */
	enum rest rest;
	enum need need;
	void (*run)(struct session *, const struct command *);
};

/* clang-format off */
static const struct verb verbs[] = {
	{ "USER", AUTH,         1, 1, NAME,   HEAD, do_user }, /* RFC 1939, 7 */
	{ "PASS", AUTH,         1, 1, SECRET, HEAD, do_pass }, /* RFC 1939, 7 */
	{ "APOP", AUTH,         2, 2, WORDS,  HEAD, do_apop }, /* RFC 1939, 7 */
	{ "AUTH", AUTH,         0, 2, WORDS,  HEAD, do_auth }, /* RFC 5034, 4 */
	{ "STLS", AUTH,         0, 0, WORDS,  HEAD, do_stls }, /* RFC 2595, 4 */
	{ "STAT", TRANS,        0, 0, WORDS,  HEAD, do_stat }, /* RFC 1939, 5 */
	{ "LIST", TRANS,        0, 1, WORDS,  VIEW, do_list }, /* RFC 1939, 5 */
	{ "RETR", TRANS,        1, 1, WORDS,  VIEW, do_retr }, /* RFC 1939, 5 */
	{ "DELE", TRANS,        1, 1, WORDS,  VIEW, do_dele }, /* RFC 1939, 5 */
	{ "NOOP", TRANS,        0, 0, WORDS,  HEAD, do_noop }, /* RFC 1939, 5 */
	{ "RSET", TRANS,        0, 0, WORDS,  HEAD, do_rset }, /* RFC 1939, 5 */
	{ "TOP",  TRANS,        2, 2, WORDS,  VIEW, do_top }, /* RFC 1939, 7 */
	{ "UIDL", TRANS,        0, 1, WORDS,  VIEW, do_uidl }, /* RFC 1939, 7 */
	{ "LAST", TRANS,        0, 0, WORDS,  HEAD, do_last }, /* RFC 1460, 3 */
	{ "PING", TRANS,        1, 1, NAME,   HEAD, do_ping }, /* Net::POP3 */
	{ "CAPA", AUTH | TRANS, 0, 0, WORDS,  HEAD, do_capa }, /* RFC 2449, 5 */
	{ "QUIT", AUTH | TRANS, 0, 0, WORDS,  HEAD, do_quit }, /* UPDATE in TRANS */
};
/* clang-format on */

static const struct verb *
verb_find(const char *line, size_t length)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strlen(verbs[i].name) == length &&
		    strncasecmp(verbs[i].name, line, length) == 0)
			return &verbs[i];
	}
	return NULL;
}

/*
 * Words with one blank between them (RFC 1939, 3); blanks at the end are
 * people's and Outlook's.  false: not in this form, or more words than any
 * command takes.
 */
static bool
words_split(struct command *c, char *rest)
{
	size_t length = strlen(rest);

	while (length > 0 && rest[length - 1] == ' ')
		rest[--length] = '\0';
	while (*rest != '\0') {
		length = strcspn(rest, " ");
		if (length == 0 || c->count == ARGUMENTS_MAX)
			return false;
		c->argument[c->count++] = rest;
		rest += length;
		if (*rest != '\0')
			*rest++ = '\0';
	}
	return true;
}

static bool
arguments_split(struct command *c, enum rest kind, char *rest)
{
	size_t length;

	if (kind == WORDS)
		return words_split(c, rest);
	if (*rest == '\0')
		return true;
	length = strlen(rest);
	while (kind == NAME && length > 0 && rest[length - 1] == ' ')
		rest[--length] = '\0';
	if (kind == NAME)
		rest += strspn(rest, " ");
	if (*rest != '\0')
		c->argument[c->count++] = rest;
	return true;
}

/* People type passwords as USER, and names as commands. */
static void
command_trace(
    struct session *s, const struct verb *verb, const char *line, size_t length)
{
	size_t name = strcspn(line, " ");

	if (s->state == TRANS && (verb == NULL || verb->states != AUTH))
		trace(s, "< %s", line);
	else if (verb == NULL)
		trace(s, "< <%zu octets>", length);
	else if (length <= name + 1)
		trace(s, "< %.*s", (int)name, line);
	else
		trace(s, "< %.*s <%zu octets>", (int)name, line,
		    length - name - 1);
}

void
command_nonsense(struct session *s, const char *what)
{
	if (++s->nonsense < NONSENSE_MAX) {
		output_line(s, "-ERR %s", what);
		return;
	}
	output_line(s, "-ERR %s, one too many", what);
	session_end(s, END_NONSENSE);
}

void
command_run(struct session *s, char *line, size_t length)
{
	struct command c = {.verb = line};
	const struct verb *verb;
	size_t name = strcspn(line, " ");
	char *rest = line + name;

	verb = verb_find(line, name);
	command_trace(s, verb, line, length);
	if (verb == NULL) {
		command_nonsense(s, "unknown command");
		return;
	}
	if ((verb->states & s->state) == 0) {
		output_line(s, "-ERR not in this state: log in %s",
		    s->state == AUTH ? "first" : "only once");
		return;
	}
	if (*rest != '\0')
		*rest++ = '\0';
	if (!arguments_split(&c, verb->rest, rest) || c.count < verb->least ||
	    c.count > verb->most) {
		output_line(s, "-ERR wrong number of arguments");
		return;
	}
	if (verb->need == HEAD || view_need(s))
		verb->run(s, &c);
}
