/*
 * scan_naive.h - the rules of an mbox, written down once more, line by line
 * and with everything in memory; and random mailboxes to try them on.
 */

#ifndef SCAN_NAIVE_H
#define SCAN_NAIVE_H

#include <string.h>

#include "mailbox/scan.h"

#define NAIVE_MESSAGES 500
#define NAIVE_TEXT (64 * 1024)

struct naive {
	uint32_t count, hidden;
	struct view_message message[NAIVE_MESSAGES];
};

/* Octets of the line at text, with its end; *bare without. */
static size_t
naive_line(const char *text, size_t length, size_t *bare)
{
	size_t n;

	for (n = 0; n < length; n++)
		if (text[n] == '\n') {
			*bare = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
			return n + 1;
		}
	*bare = n;
	return n;
}

static bool
naive_empty(const char *text, size_t length)
{
	size_t bare, n = naive_line(text, length, &bare);

	return n > 0 && bare == 0 && text[n - 1] == '\n';
}

static size_t
naive_envelope(const char *text, size_t length)
{
	size_t bare, n = naive_line(text, length, &bare);

	return bare <= 1000 && envelope_check(text, bare) ? n : 0;
}

static uint64_t
naive_octets(const char *text, size_t length)
{
	uint64_t n = length;
	size_t i;

	for (i = 0; i < length; i++)
		n += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
	return length > 0 && text[length - 1] != '\n' ? n + 2 : n;
}

static bool
naive_begins(const char *line, size_t length, const char *name)
{
	return length >= strlen(name) &&
	    strncasecmp(line, name, strlen(name)) == 0;
}

static bool
naive_internal(const char *line, size_t length)
{
	size_t i = 8;

	if (!naive_begins(line, length, "Subject:"))
		return false;
	while (i < length && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return naive_begins(line + i, length - i,
		   "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA") ||
	    naive_begins(line + i, length - i,
		"DO NOT DELETE THIS MESSAGE -- FOLDER INTERNAL DATA");
}

/* The message at text; returns where the next begins. */
static size_t
naive_message(const char *text, size_t at, size_t length,
    struct view_message *m, bool *internal)
{
	size_t bare, n, start, empty = 0;
	bool header = true, mark = false, subject = false, first = true;

	memset(m, 0, sizeof(*m));
	m->place = at;
	m->envelope = (uint16_t)naive_envelope(text + at, length - at);
	start = at += m->envelope;
	for (; at < length; at += n) {
		if (!header && empty > 0 &&
		    naive_envelope(text + at, length - at) > 0)
			break;
		n = naive_line(text + at, length - at, &bare);
		empty = naive_empty(text + at, length - at) ? n : 0;
		if (header && empty > 0) {
			header = false;
			m->body = at + n - start;
			continue;
		}
		if (!header)
			continue;
		mark = mark || naive_begins(text + at, bare, "X-IMAP:") ||
		    naive_begins(text + at, bare, "X-IMAPbase:");
		if (first && naive_begins(text + at, bare, "Subject:")) {
			subject = naive_internal(text + at, bare);
			first = false;
		}
	}
	if (header)
		m->body = at - start;
	if (at - start == m->body)
		empty = 0;
	m->length = at - start - empty;
	m->octets = naive_octets(text + start, m->length);
	*internal = mark && subject;
	return at;
}

/* False where scan_mbox() says EINVAL. */
static bool
naive_scan(struct naive *naive, const char *text, size_t length)
{
	struct view_message m;
	size_t at = 0, bare;
	bool internal, first = true;

	naive->count = naive->hidden = 0;
	while (naive_empty(text + at, length - at))
		at += naive_line(text + at, length - at, &bare);
	if (at < length && naive_envelope(text + at, length - at) == 0)
		return false;
	for (; at < length; first = false) {
		at = naive_message(text, at, length, &m, &internal);
		if (first && internal)
			naive->hidden = 1;
		else
			naive->message[naive->count++] = m;
	}
	return true;
}

static uint32_t
naive_number(uint32_t below)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

#define NAIVE_E "From a Mon Jan  1 00:00:00 2001"

/* A random mailbox, of what matters and what looks as if it did. */
static size_t
naive_random(char *text)
{
	static const char *const parts[] = {NAIVE_E "\n", NAIVE_E "\r\n",
	    NAIVE_E, "\n" NAIVE_E "\n", "\n\n" NAIVE_E "\n",
	    "\r\n\r\n" NAIVE_E "\r\n", "From \"b c\"  Tue, 2 Jan 2001 01:02\n",
	    "From me to you\n", "From ", "F", "\nF", ">From ", "\n", "\r\n",
	    "\n\n", "\r", ".\n", "x\n", "y\r\n", "Subject: a\n", "To: b\r\n",
	    " folded\n", "\tfolded\r\n", "Delivered-To: c\n", "X-IMAP: 1\n",
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"};
	size_t n = 0, length, i;
	unsigned count = naive_number(60);

	for (i = 0; i < count; i++) {
		if (i == 0 && naive_number(8) != 0)
			length = 0; /* an envelope */
		else if (naive_number(20) == 0) {
			length = naive_number(1500);
			memset(text + n, (int)naive_number(128), length);
			n += length;
			continue;
		} else
			length = naive_number(
			    (uint32_t)(sizeof(parts) / sizeof(parts[0])));
		memcpy(text + n, parts[length], strlen(parts[length]));
		n += strlen(parts[length]);
	}
	return n;
}

#endif
