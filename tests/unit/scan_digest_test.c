/*
 * scan_digest_test.c - what a message of an mbox is called, and what may
 * happen to it without changing that.
 */

#include <stdlib.h>
#include <string.h>

#include "scan_octets.h"
#include "tap.h"

/* The unique-id of the first message; "" when there is none. */
static void
scan_uidl(char uidl[UIDL_MAX + 1], const char *text, size_t length)
{
	struct scanned s;

	uidl[0] = '\0';
	if (scan_octets(text, length, SCAN_WINDOW_LEAST, &s) != 0)
		return;
	if (s.view.head->count > 0)
		view_uidl(&s.view, 0, uidl);
	free(s.data);
}

static bool
scan_same(const char *a, const char *b)
{
	char one[UIDL_MAX + 1], other[UIDL_MAX + 1];

	scan_uidl(one, a, strlen(a));
	scan_uidl(other, b, strlen(b));
	return one[0] != '\0' && strcmp(one, other) == 0;
}

static void
scan_crlf(char *dst, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*dst++ = '\r';
		*dst++ = *text;
	}
	*dst = '\0';
}

#define HEAD_A \
	"Received: from a\n\tby b; now\nReceived: by c\nDelivered-To: d\n" \
	"Delivered-To: e\nMessage-ID: <f>\nDate: Mon, 1 Jan\nFrom: g\n"
#define HEAD_B "To: h\nSubject: i\n j\n"
#define BODY "\nbody\n.\n\nmore\n"

static void
scan_test_digest_fields(void)
{
	char crlf[512];

	ok(scan_same(E HEAD_A HEAD_B BODY,
	       E "Status: RO\n" HEAD_A "X-UID: 5\nX-Mozilla-Status: 1\n"
		 "X-Keywords:\n a\n" HEAD_B "X-Status: A\n" BODY),
	    "headers that readers add");
	ok(scan_same(E HEAD_A HEAD_B BODY, E HEAD_A HEAD_B BODY "\n" E "\nx\n"),
	    "another message behind it");
	scan_crlf(crlf, E HEAD_A HEAD_B BODY);
	ok(scan_same(E HEAD_A HEAD_B BODY, crlf), "CRLF line ends");
	ok(scan_same(E HEAD_A HEAD_B BODY,
	       E HEAD_A "Received: later\nFrom: x\n" HEAD_B BODY),
	    "only the first of a field counts");
	ok(scan_same(E "Subject: i\n" BODY, E "SUBJECT: i\n" BODY),
	    "names in capitals");
	ok(!scan_same(E HEAD_A HEAD_B BODY,
	       "From b Mon Jan  1 00:00:00 2001\n" HEAD_A HEAD_B BODY),
	    "another envelope");
	ok(!scan_same(
	       E HEAD_A HEAD_B BODY, E HEAD_A "Delivered-To: x\n" HEAD_B BODY),
	    "another Delivered-To");
	ok(!scan_same(
	       E HEAD_A HEAD_B BODY, E HEAD_A "To: h\nSubject: i\n" BODY),
	    "a continuation line less");
	ok(!scan_same(E HEAD_A HEAD_B BODY, E HEAD_A HEAD_B BODY "x\n"),
	    "a longer body");
	ok(scan_same(E HEAD_A HEAD_B "\nabc\n", E HEAD_A HEAD_B "\nabd\n"),
	    "a body of the same octets");
	ok(!scan_same(E "Date: a\n\nx\n", E "From: a\n\nx\n"),
	    "the same value in another field");
	ok(!scan_same(E "Subject: a\n\nx\n", E "X-Subject: a\n\nx\n"),
	    "a name that ends alike");
	ok(!scan_same(E "Subject: a\n\nx\n", E "Subject\n: a\n\nx\n"),
	    "a name without its colon");
}

/* A message with that many fields, of that many octets each. */
static void
scan_long_fields(char *dst, unsigned fields, size_t length, char last)
{
	unsigned i;

	strcpy(dst, E);
	dst += strlen(E);
	for (i = 0; i < fields; i++) {
		memcpy(dst, "Delivered-To:", 13);
		memset(dst + 13, 'a', length);
		dst[13 + length] = '\n';
		dst += 13 + length + 1;
	}
	dst[-2] = last;
	strcpy(dst, "\nbody\n");
}

static void
scan_test_digest_long(void)
{
	static char a[200000], b[200000];

	scan_long_fields(a, 1, 1000, 'a');
	scan_long_fields(b, 1, 1000, 'b');
	ok(!scan_same(a, b), "the 1000th octet of a field counts");
	scan_long_fields(b, 1, 1001, 'b');
	ok(scan_same(a, b), "the 1001st does not");
	scan_long_fields(b, 1, 100000, 'b');
	ok(scan_same(a, b), "nor does any of a line longer than the window");
	scan_long_fields(a, 100, 1000, 'a');
	scan_long_fields(b, 100, 1000, 'b');
	ok(!scan_same(a, b), "the last of a hundred long fields counts");
	scan_long_fields(b, 101, 1000, 'a');
	ok(!scan_same(a, b), "so does one more");
}

/* A header in front moves the fields through the window's end. */
static void
scan_test_digest_window(bool crlf)
{
	static char text[4 * SCAN_WINDOW_LEAST], other[4 * SCAN_WINDOW_LEAST];
	size_t pad, n, bad = 0;

	for (pad = 0; pad < 2 * SCAN_WINDOW_LEAST; pad++) {
		strcpy(text, E "X:");
		n = strlen(text);
		memset(text + n, 'y', pad);
		strcpy(text + n + pad, "\n" HEAD_A HEAD_B BODY);
		scan_crlf(other, text);
		bad += !scan_same(crlf ? other : text, E HEAD_A HEAD_B BODY);
	}
	ok(bad == 0, "the digest at every offset, %s", crlf ? "CRLF" : "LF");
}

/* What clients have kept: another form of it costs every user his mail. */
static void
scan_test_digest_known(void)
{
	char uidl[UIDL_MAX + 1];

	scan_uidl(uidl, T(E HEAD_A HEAD_B BODY));
	ok(strcmp(uidl, "becc72e12a232d3a6076435b3c310024") == 0,
	    "a known message: %s", uidl);
	scan_uidl(uidl, T("From  Mon Jan  1 00:00:00 2001\r\n"));
	ok(strcmp(uidl, "14b56ef6aba1c12af8b4206a0fb2ce55") == 0,
	    "a known bare one: %s", uidl);
}

int
main(void)
{
	crypto = crypto_load();
	if (crypto == NULL)
		return tap_end();
	scan_test_digest_fields();
	scan_test_digest_long();
	scan_test_digest_window(false);
	scan_test_digest_window(true);
	scan_test_digest_known();
	return tap_end();
}
