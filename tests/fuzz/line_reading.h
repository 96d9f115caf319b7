/*
 * line_reading.h - a second, simple reading of what a client sends: which
 * answers are right, octet for octet where that can be said.
 */

#ifndef LINE_READING_H
#define LINE_READING_H

#include "line_back.h"

#define LONGEST 1024 /* octets of a line with its end */
#define LONGEST_SASL 12352

struct reading {
	const char *out; /* answers not yet accounted for */
	size_t left;
	unsigned how;
	enum state state;
	bool user, stamp_used;
	unsigned
	    needs; /* responses until the exchange ends; 0: there is none */
	unsigned logins, nonsense, cancels;
	uint8_t deleted;
	uint32_t last;
};

/* The next answer line, which must begin like this. */
static const char *
want_line(struct reading *r, const char *begin)
{
	static char line[1024];
	const char *end = memchr(r->out, '\n', r->left);
	size_t length;

	MUST(r->left > 0 && end != NULL && end > r->out && end[-1] == '\r');
	length = (size_t)(end - r->out) - 1;
	MUST(length <= 510 && length >= strlen(begin) &&
	    memcmp(r->out, begin, strlen(begin)) == 0);
	MUST(memchr(r->out, '\0', length) == NULL);
	memcpy(line, r->out, length);
	line[length] = '\0';
	r->left -= length + 2;
	r->out = end + 1;
	return line;
}

static void
want_octets(struct reading *r, const char *octets, size_t length)
{
	MUST(r->left >= length);
	if (length > 0)
		MUST(memcmp(r->out, octets, length) == 0);
	r->out += length;
	r->left -= length;
}

/* Lines up to the dot: as many, or -1 for any number. */
static void
want_list(struct reading *r, int lines)
{
	int count = 0;

	while (strcmp(want_line(r, ""), ".") != 0)
		count++;
	MUST(lines == -1 || count == lines);
}

/* A line of any length, of two parts. */
static void
want_text2(struct reading *r, const char *one, const char *two)
{
	want_octets(r, one, strlen(one));
	want_octets(r, two, strlen(two));
	want_octets(r, "\r\n", 2);
}

static uint32_t
reading_count(const struct reading *r)
{
	uint32_t i, count = 0;

	for (i = 0; i < MESSAGES; i++)
		count += !(r->deleted >> i & 1);
	return count;
}

static uint64_t
reading_octets(const struct reading *r)
{
	uint64_t octets = 0;
	uint32_t i;

	for (i = 0; i < MESSAGES; i++) {
		if (!(r->deleted >> i & 1))
			octets += box.octets[i];
	}
	return octets;
}

static void want_text(struct reading *r, const char *format, ...) FORMAT(2, 3);

static void
want_text(struct reading *r, const char *format, ...)
{
	char want[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(want, sizeof(want), format, ap);
	va_end(ap);
	MUST(strcmp(want_line(r, ""), want) == 0);
}

/* A number as the RFC has them, or -1. */
static int64_t
argument_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != '\0')
		return -1;
	text += strspn(text, "0");
	return strlen(text) > 18 ? INT64_MAX : strtoll(text, NULL, 10);
}

/* The message's index, or -1 after its refusal was seen. */
static int
argument_message(struct reading *r, const char *text)
{
	int64_t n = argument_number(text);

	if (n >= 1 && n <= MESSAGES && !(r->deleted >> (n - 1) & 1))
		return (int)n - 1;
	(void)want_line(r, "-ERR");
	return -1;
}

/* How much of a text TOP sends: the header, then so many lines. */
static size_t
top_length(uint32_t i, int64_t lines)
{
	const struct text *t = &box.texts[i];
	size_t n = box.header[i];

	while (n < t->length && lines-- > 0) {
		n = (size_t)((const char *)memchr(
				 t->octets + n, '\n', t->length - n) -
			t->octets) +
		    1;
	}
	return n;
}

static void
read_message(struct reading *r, const char *number, int64_t lines)
{
	int i = argument_message(r, number);

	if (i == -1)
		return;
	if (lines == -2) { /* TOP without a number */
		(void)want_line(r, "-ERR");
		return;
	}
	if (i == BROKEN) {
		(void)want_line(r, "-ERR [SYS/TEMP]");
		return;
	}
	(void)want_line(r, "+OK");
	want_octets(r, box.texts[i].octets,
	    lines == -1 ? box.texts[i].length : top_length((uint32_t)i, lines));
	if ((r->how & CHANGED) != 0) {
		r->state = OVER;
		return;
	}
	want_octets(r, ".\r\n", 3);
	if (r->last < (uint32_t)i + 1)
		r->last = (uint32_t)i + 1;
}

static void
read_login(struct reading *r)
{
	if ((r->how & REFUSED) == 0) {
		want_text(r, "+OK logged in, %u messages (%llu octets)%s",
		    MESSAGES, (unsigned long long)reading_octets(r),
		    (r->how & READ_ONLY) != 0 ? ", read-only" : "");
		r->state = TRANS;
		return;
	}
	(void)want_line(r, "-ERR");
	if (++r->logins >= 3)
		r->state = OVER;
}

static void
read_delete(struct reading *r, const char *number)
{
	int i = argument_message(r, number);

	if (i == -1)
		return;
	if ((r->how & READ_ONLY) != 0) {
		(void)want_line(r, "-ERR [SYS/PERM]");
		return;
	}
	(void)want_line(r, "+OK");
	r->deleted = (uint8_t)(r->deleted | 1U << i);
}

static void
read_quit(struct reading *r)
{
	if (r->state == TRANS) {
		want_text(r, "+OK %u removed, %u left",
		    MESSAGES - reading_count(r), reading_count(r));
		MUST(run.deleted == r->deleted);
	} else
		(void)want_line(r, "+OK");
	MUST(run.said == END_LOGOUT);
	r->state = OVER;
}

#include "line_sasl.h"

static void
read_bad(struct reading *r)
{
	(void)want_line(r, "-ERR");
	if (r->needs > 0)
		read_cancel(r);
	if (++r->nonsense < 10)
		return;
	MUST(run.said == END_NONSENSE || r->state == OVER);
	r->state = OVER;
}

/* Words of rest, one blank between them; 3 for more than two or otherwise. */
static int
words_count(char *rest, char *word[2])
{
	size_t length = strlen(rest);
	int count = 0;
	char *blank;

	while (length > 0 && rest[length - 1] == ' ')
		rest[--length] = '\0';
	for (; *rest != '\0'; rest = blank + 1) {
		blank = strchr(rest, ' ');
		if (blank == rest || count == 2)
			return 3;
		word[count++] = rest;
		if (blank == NULL)
			break;
		*blank = '\0';
	}
	return count;
}

/* USER, PASS, PING: all of the rest is one argument. */
static bool
read_named(struct reading *r, const char *verb, const char *rest)
{
	bool secret = strcasecmp(verb, "PASS") == 0;
	const char *first = secret ? rest : rest + strspn(rest, " ");
	size_t length = strlen(first);

	if (strcasecmp(verb, "PING") == 0) {
		if (r->state == TRANS && *first != '\0')
			(void)want_line(r, ""); /* whose it is: either */
		else
			(void)want_line(r, "-ERR");
		return true;
	}
	if (!secret && strcasecmp(verb, "USER") != 0)
		return false;
	if (r->state != AUTH || *first == '\0') {
		(void)want_line(r, "-ERR");
	} else if (!secret) {
		while (length > 0 && first[length - 1] == ' ')
			length--;
		r->user = (r->how & NO_PLAINTEXT) == 0 && length < 256;
		(void)want_line(r, r->user ? "+OK" : "-ERR");
	} else if (!r->user) {
		(void)want_line(r, "-ERR");
	} else {
		r->user = false;
		read_login(r);
	}
	return true;
}

static void
read_transaction(struct reading *r, const char *verb, char *word[2], int words)
{
	int i;

	if (strcasecmp(verb, "STAT") == 0 && words == 0) {
		want_text(r, "+OK %u %llu", reading_count(r),
		    (unsigned long long)reading_octets(r));
	} else if (strcasecmp(verb, "NOOP") == 0 && words == 0) {
		want_text(r, "+OK");
	} else if (strcasecmp(verb, "LAST") == 0 && words == 0) {
		want_text(r, "+OK %u", r->last);
	} else if (strcasecmp(verb, "RSET") == 0 && words == 0) {
		r->deleted = 0;
		r->last = 0;
		(void)want_line(r, "+OK");
	} else if ((strcasecmp(verb, "LIST") == 0 ||
		       strcasecmp(verb, "UIDL") == 0) &&
	    words == 0) {
		(void)want_line(r, "+OK");
		want_list(r, (int)reading_count(r));
	} else if (strcasecmp(verb, "LIST") == 0 && words == 1) {
		i = argument_message(r, word[0]);
		if (i != -1)
			want_text(r, "+OK %d %llu", i + 1,
			    (unsigned long long)box.octets[i]);
	} else if (strcasecmp(verb, "UIDL") == 0 && words == 1) {
		i = argument_message(r, word[0]);
		if (i != -1)
			want_text(r, "+OK %d %02x%030d", i + 1, (unsigned)i, 0);
	} else if (strcasecmp(verb, "DELE") == 0 && words == 1) {
		read_delete(r, word[0]);
	} else if (strcasecmp(verb, "RETR") == 0 && words == 1) {
		read_message(r, word[0], -1);
	} else if (strcasecmp(verb, "TOP") == 0 && words == 2) {
		int64_t lines = argument_number(word[1]);

		/* 2^64 - 1 and more are refused; which is the other's test. */
		if (lines == INT64_MAX && r->left > 0 && r->out[0] == '-')
			lines = -1;
		read_message(r, word[0], lines == -1 ? -2 : lines);
	} else
		(void)want_line(r, "-ERR");
}

static void
read_command(struct reading *r, char *line)
{
	static const char verbs[] =
	    " USER PASS APOP AUTH STAT LIST RETR DELE NOOP "
	    "RSET TOP UIDL LAST PING CAPA QUIT STLS ";
	char *rest = line + strcspn(line, " "), *word[2], name[16];
	int words;

	if (*rest != '\0')
		*rest++ = '\0';
	text_cut(name, sizeof(name), " %s ", line);
	if (line[0] == '\0' || strlen(line) > 4 ||
	    strcasestr(verbs, name) == NULL) {
		read_bad(r);
		return;
	}
	if (read_named(r, line, rest))
		return;
	words = words_count(rest, word);
	if (strcasecmp(line, "QUIT") == 0 && words == 0) {
		read_quit(r);
	} else if (strcasecmp(line, "CAPA") == 0 && words == 0) {
		(void)want_line(r, "+OK");
		want_list(r, -1);
	} else if (strcasecmp(line, "AUTH") == 0 && r->state == AUTH &&
	    words <= 2) {
		read_auth(r, word, words);
	} else if (strcasecmp(line, "APOP") == 0 && r->state == AUTH &&
	    words == 2) {
		read_apop(r, word[0], word[1]);
	} else if (r->state == TRANS) {
		read_transaction(r, line, word, words);
	} else
		(void)want_line(r, "-ERR");
}

static void
read_line(struct reading *r, const uint8_t *octets, size_t length)
{
	char line[LONGEST_SASL];
	bool sasl = r->needs > 0 ||
	    (r->state == AUTH && length >= 5 &&
		strncasecmp((const char *)octets, "AUTH ", 5) == 0);

	if (length >= (sasl ? LONGEST_SASL : LONGEST)) {
		read_bad(r);
		return;
	}
	if (length > 0)
		memcpy(line, octets, length);
	if (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	if (strlen(line) != length || strchr(line, '\r') != NULL)
		read_bad(r);
	else if (r->needs > 0)
		read_response(r, line);
	else
		read_command(r, line);
}

static void
read_all(const uint8_t *in, size_t length, unsigned how)
{
	struct reading r = {.out = run.out.octets,
	    .left = run.out.length,
	    .how = how,
	    .state = AUTH};
	const uint8_t *end;

	if ((how & WITH_A) == 0) {
		want_text(&r, "+OK ready%s%s",
		    stamp_of(how)[0] == '\0' ? "" : " ", stamp_of(how));
	} else if ((how & REFUSED) == 0) {
		(void)want_line(&r, "+OK ready, ");
		r.state = TRANS;
	} else {
		(void)want_line(&r, "-ERR");
		r.state = OVER;
	}
	while (r.state != OVER && length > 0 &&
	    (end = memchr(in, '\n', length)) != NULL) {
		read_line(&r, in, (size_t)(end - in));
		length -= (size_t)(end - in) + 1;
		in = end + 1;
	}
	MUST(r.left == 0);
	MUST(r.state == OVER || run.said == END_DISCONNECTED);
}

#endif
