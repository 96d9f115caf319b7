/*
 * envelope.c - is this line the envelope of a message in an mbox?
 *
 * There is no standard, only what programs write: "From ", a sender that may
 * be empty or hold blanks, and a date.  Since the sender may be anything, the
 * date is looked for from each word on; it must reach to the line's end.
 *
 *	From user Wed Dec  2 05:53 1992			and with seconds
 *	From user Wed Dec  2 05:53:22 PST 1992		-0700, MET DST
 *	From user Wed Dec  2 05:53:22 1992 -0700	PST, MET DST
 *	From user Wed, 2 Dec 1992 05:53:22 -0700 (PST)	without the comma
 *
 * each with " remote from host" behind it (UUCP), and blanks.
 */

#include <string.h>

#include "scan.h"

#define ZONE_MAX 5 /* octets of a zone's name */

struct envelope {
	const char *at, *end;
};

static bool
envelope_blank(const struct envelope *e)
{
	return e->at < e->end && (*e->at == ' ' || *e->at == '\t');
}

/* Blanks, at least one. */
static bool
envelope_blanks(struct envelope *e)
{
	if (!envelope_blank(e))
		return false;
	while (envelope_blank(e))
		e->at++;
	return true;
}

static bool
envelope_literal(struct envelope *e, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(e->end - e->at) < n || memcmp(e->at, text, n) != 0)
		return false;
	e->at += n;
	return true;
}

/* One of the names, of three letters each, that stand in list. */
static bool
envelope_name(struct envelope *e, const char *list)
{
	if (e->end - e->at < 3)
		return false;
	for (; *list != '\0'; list += 3)
		if (memcmp(e->at, list, 3) == 0) {
			e->at += 3;
			return true;
		}
	return false;
}

static bool
envelope_weekday(struct envelope *e)
{
	return envelope_name(e, "MonTueWedThuFriSatSun");
}

static bool
envelope_month(struct envelope *e)
{
	return envelope_name(e, "JanFebMarAprMayJunJulAugSepOctNovDec");
}

/* A number of least to most digits, in low to high. */
static bool
envelope_number(struct envelope *e, unsigned least, unsigned most, unsigned low,
    unsigned high)
{
	unsigned digits = 0, number = 0;

	while (e->at < e->end && *e->at >= '0' && *e->at <= '9') {
		if (++digits > most)
			return false;
		number = 10 * number + (unsigned)(*e->at++ - '0');
	}
	return digits >= least && number >= low && number <= high;
}

static bool
envelope_day(struct envelope *e)
{
	return envelope_number(e, 1, 2, 1, 31);
}

static bool
envelope_year(struct envelope *e)
{
	return envelope_number(e, 4, 4, 1900, 9999);
}

/* 5:53, 05:53:22; a leap second is 60. */
static bool
envelope_time(struct envelope *e)
{
	if (!envelope_number(e, 1, 2, 0, 23) || !envelope_literal(e, ":") ||
	    !envelope_number(e, 2, 2, 0, 59))
		return false;
	return !envelope_literal(e, ":") || envelope_number(e, 2, 2, 0, 60);
}

/* A word of capitals: PST, MET, Z.  Small letters are somebody's prose. */
static bool
envelope_zone_name(struct envelope *e)
{
	const char *start = e->at;

	while (e->at < e->end && *e->at >= 'A' && *e->at <= 'Z')
		e->at++;
	return e->at > start && e->at - start <= ZONE_MAX;
}

/* -0700, PST, MET DST, "-0700 (PST)", each after blanks; or nothing. */
static void
envelope_zone(struct envelope *e)
{
	struct envelope try = *e;
	unsigned words;

	if (envelope_blanks(&try) &&
	    (envelope_literal(&try, "+") || envelope_literal(&try, "-")) &&
	    envelope_number(&try, 4, 4, 0, 9999))
		*e = try;
	for (words = 0; words < 2; words++) {
		try = *e;
		if (!envelope_blanks(&try) || !envelope_zone_name(&try))
			break;
		*e = try;
	}
	try = *e;
	if (envelope_blanks(&try) && envelope_literal(&try, "(") &&
	    envelope_zone_name(&try) && envelope_literal(&try, ")"))
		*e = try;
}

/* After the weekday: Dec  2 05:53:22 PST 1992 PST */
static bool
envelope_asctime(struct envelope *e)
{
	if (!envelope_blanks(e) || !envelope_month(e) || !envelope_blanks(e) ||
	    !envelope_day(e) || !envelope_blanks(e) || !envelope_time(e))
		return false;
	envelope_zone(e);
	if (!envelope_blanks(e) || !envelope_year(e))
		return false;
	envelope_zone(e);
	return true;
}

/* After the weekday: , 2 Dec 1992 05:53:22 -0700 (PST) */
static bool
envelope_rfc822(struct envelope *e)
{
	(void)envelope_literal(e, ",");
	if (!envelope_blanks(e) || !envelope_day(e) || !envelope_blanks(e) ||
	    !envelope_month(e) || !envelope_blanks(e) || !envelope_year(e) ||
	    !envelope_blanks(e) || !envelope_time(e))
		return false;
	envelope_zone(e);
	return true;
}

/* What may stand behind the date. */
static bool
envelope_rest(struct envelope *e)
{
	while (envelope_blank(e))
		e->at++;
	if (e->at == e->end)
		return true;
	return envelope_literal(e, "remote from ") && e->at < e->end;
}

static bool
envelope_date(struct envelope e)
{
	struct envelope other;

	if (!envelope_weekday(&e))
		return false;
	other = e;
	if (envelope_asctime(&e))
		return envelope_rest(&e);
	return envelope_rfc822(&other) && envelope_rest(&other);
}

bool
envelope_check(const char *line, size_t length)
{
	struct envelope e = {line, line + length};

	if (!envelope_literal(&e, "From "))
		return false;
	for (; e.at < e.end; e.at++) {
		if ((e.at[-1] == ' ' || e.at[-1] == '\t') && envelope_date(e))
			return true;
	}
	return false;
}
