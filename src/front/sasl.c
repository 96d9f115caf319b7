/*
 * sasl.c - AUTH (RFC 5034): lines of base64, in both directions.
 *
 * What is in them is the verifier's.  Here it is a password, for all that is
 * known: never in the trace, never kept.
 */

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "session.h"

#define PIECE 48 /* octets that become base64 at once */

/* The best first: clients that do not choose take the first that they know. */
static const enum channel_mechanism order[] = {MECHANISM_EXTERNAL,
    MECHANISM_SCRAM_SHA_256_PLUS, MECHANISM_SCRAM_SHA_1_PLUS,
    MECHANISM_SCRAM_SHA_256, MECHANISM_SCRAM_SHA_1, MECHANISM_CRAM_MD5,
    MECHANISM_PLAIN, MECHANISM_LOGIN};

static bool
mechanism_binds(enum channel_mechanism mechanism)
{
	return mechanism == MECHANISM_SCRAM_SHA_1_PLUS ||
	    mechanism == MECHANISM_SCRAM_SHA_256_PLUS;
}

static bool
mechanism_accepted(const struct session *s, enum channel_mechanism mechanism)
{
	return (s->args->mechanisms >> mechanism & 1) != 0 &&
	    (s->bound || !mechanism_binds(mechanism)) &&
	    (s->certified || mechanism != MECHANISM_EXTERNAL);
}

void
sasl_list(struct session *s, const char *before, const char *after)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (!mechanism_accepted(s, order[i]))
			continue;
		output_text(s, before);
		output_text(s, channel_mechanism_name(order[i]));
		output_text(s, after);
	}
}

/* By its name, in any case of letters; MECHANISM_NEXT: there is none. */
static enum channel_mechanism
mechanism_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (strcasecmp(channel_mechanism_name(order[i]), name) == 0)
			return order[i];
	}
	return MECHANISM_NEXT;
}

static void
challenge_put(struct session *s)
{
	const struct ch_stepped *c = &s->record.u.stepped;
	char text[PIECE * 4 / 3 + 1];
	uint32_t at, piece;
	int rc;

	output_text(s, "+ ");
	for (at = 0; at < c->length; at += piece) {
		piece = c->length - at < PIECE ? c->length - at : PIECE;
		rc = base64_encode(text, sizeof(text), c->octets + at, piece);
		assert(rc == 0);
		output_text(s, text);
	}
	output_text(s, "\r\n");
	trace(s, "> + <%lu octets>", (unsigned long)c->length);
}

/* The step in s->record, and its answer. */
static void
step_run(struct session *s, uint32_t mechanism)
{
	bool given = s->record.u.step.given != 0;

	if (mechanism != MECHANISM_NEXT)
		s->external = mechanism == MECHANISM_EXTERNAL;
	s->record.u.step.mechanism = mechanism;
	s->exchange = ask_step(s);
	/* Who he wants to be is all that the client says. */
	if (s->exchange && s->external && given)
		s->exchange = secure_prove(s);
	if (s->exchange)
		challenge_put(s);
	else
		login_answer(s);
}

/* A response into s->record, and out of the line; false: it is no base64. */
static bool
response_get(struct session *s, char *text, size_t length)
{
	struct ch_step *step = &s->record.u.step;
	size_t got = 0;
	bool good;

	memset(step, 0, sizeof(*step));
	step->given = 1;
	good = base64_decode(
		   step->octets, sizeof(step->octets), text, length, &got) == 0;
	explicit_bzero(text, length);
	if (!good)
		explicit_bzero(step, sizeof(*step));
	step->length = (uint32_t)got;
	return good;
}

void
sasl_cancel(struct session *s)
{
	if (!s->exchange)
		return;
	memset(&s->record.u.step, 0, sizeof(s->record.u.step));
	s->record.u.step.mechanism = MECHANISM_CANCEL;
	s->exchange = ask_step(s);
	/* An exchange that goes on after its end is none. */
	if (s->exchange)
		session_end(s, END_BACK);
	s->exchange = false;
}

void
sasl_line(struct session *s, char *line, size_t length)
{
	trace(s, "< <%zu octets>", length);
	if (strcmp(line, "*") == 0) {
		sasl_cancel(s);
		output_line(s, "-ERR cancelled");
	} else if (!response_get(s, line, length)) {
		sasl_cancel(s);
		output_line(s, "-ERR not base64: cancelled");
	} else
		step_run(s, MECHANISM_NEXT);
}

/* The mechanism that is asked for; false after having answered. */
static bool
mechanism_get(
    struct session *s, const char *name, enum channel_mechanism *mechanism)
{
	*mechanism = mechanism_find(name);
	if (mechanism_accepted(s, *mechanism))
		return true;
	output_line(s, "%s",
	    *mechanism == MECHANISM_PLAIN || *mechanism == MECHANISM_LOGIN ?
		plaintext_refused(s) :
		"-ERR unknown authentication mechanism");
	return false;
}

/* Without a name the list, for clients that know no CAPA. */
void
do_auth(struct session *s, const struct command *c)
{
	enum channel_mechanism mechanism;

	if (c->count == 0) {
		output_line(s, "+OK mechanisms follow");
		sasl_list(s, "", "\r\n");
		output_text(s, ".\r\n");
		return;
	}
	if (!mechanism_get(s, c->argument[0], &mechanism))
		return;
	if (c->count == 1) {
		memset(&s->record.u.step, 0, sizeof(s->record.u.step));
	} else if (!response_get(s, c->argument[1],
		       strcmp(c->argument[1], "=") == 0 ?
			   0 :
			   strlen(c->argument[1]))) {
		output_line(s, "-ERR not base64");
		return;
	}
	step_run(s, mechanism);
}
