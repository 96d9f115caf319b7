/*
 * scan_test.c - what is a message of an mbox.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan_naive.h"
#include "scan_octets.h"
#include "tap.h"

#define INTERNAL "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

/* As "hidden count: place envelope length body octets twin, ..." or "errno". */
static void
scan_say(char *dst, size_t size, const char *text, size_t length)
{
	const struct view_message *m;
	struct scanned s;
	int error = scan_octets(text, length, SCAN_WINDOW, &s), n;
	uint32_t i;

	if (error != 0) {
		snprintf(dst, size, "error %s",
		    error == EINVAL ? "EINVAL" : strerror(error));
		return;
	}
	n = snprintf(dst, size, "%u", s.view.head->hidden);
	for (i = 0; i < s.view.head->count && (size_t)n < size; i++) {
		m = &s.view.message[i];
		n += snprintf(dst + n, size - (size_t)n,
		    "|%llu %u %llu %llu %llu %u", (unsigned long long)m->place,
		    m->envelope, (unsigned long long)m->length,
		    (unsigned long long)m->body, (unsigned long long)m->octets,
		    m->twin);
	}
	free(s.data);
}

static const struct {
	const char *name, *text;
	size_t length;
	const char *want; /* hidden|place envelope length body octets twin */
} rules[] = {
    {"an empty file has no messages", T(""), "0"},
    {"nor have empty lines", T("\n\r\n\n"), "0"},
    {"a file that is none", T("Subject: x\n\n"), "error EINVAL"},
    {"a file that begins with NULs", T("\0\0" E), "error EINVAL"},
    {"a CR is no empty line", T("\r"), "error EINVAL"},
    {"one message", T(E "H: x\n\nbody\n"), "0|0 32 11 6 14 0"},
    {"an envelope alone", T(E), "0|0 32 0 0 0 0"},
    {"without its line end", T("From a Mon Jan  1 00:00:00 2001"),
	"0|0 31 0 0 0 0"},
    {"leading empty lines are nobody's", T("\n\r\n" E "H: x\n\nb\n"),
	"0|3 32 8 6 11 0"},
    {"two messages", T(E "H: x\n\nb\n\n" E "H: y\n\nc\n\n"),
	"0|0 32 8 6 11 0|41 32 8 6 11 1"},
    {"one empty line is the separator's", T(E "\nb\n\n\n" E "\nc\n"),
	"0|0 32 4 1 7 0|37 32 3 1 5 0"},
    {"a CRLF one, too", T(EC "\r\nb\r\n\r\n" EC "\r\nc\r\n\r\n"),
	"0|0 33 5 2 5 0|40 33 5 2 5 1"},
    {"line ends are mixed", T(E "\r\nb\n\r\n" E "\nc\r\n\n"),
	"0|0 32 4 2 5 0|38 32 4 1 5 1"},
    {"no line end at the end", T(E "H: x\n\nbody"), "0|0 32 10 6 14 0"},
    {"nor in the header", T(E "H: x"), "0|0 32 4 4 6 0"},
    {"a header only, with its empty line", T(E "H: x\n\n" E "H: y\n\n"),
	"0|0 32 6 6 8 0|38 32 6 6 8 1"},
    {"and without", T(E "H: x\n"), "0|0 32 5 5 6 0"},
    {"an empty body, then a separator", T(E "H: x\n\n\n" E "H: y\n\n\n"),
	"0|0 32 6 6 8 0|39 32 6 6 8 1"},
    {"no header", T(E "\n" E "\n\n"), "0|0 32 1 1 2 0|33 32 1 1 2 1"},
    {"From_ without an empty line", T(E "\nb\n" E "c\n"), "0|0 32 37 1 41 0"},
    {"nor in a header", T(E "H: x\n" E "\nb\n"), "0|0 32 40 38 44 0"},
    {"after CR LF without one", T(E "\nb\r\n" E "c\n"), "0|0 32 38 1 41 0"},
    {"after a line with a blank", T(E "\nb\n \n" E), "0|0 32 37 1 41 0"},
    {"after a line with a CR more", T(E "\nb\n\r\r\n" E), "0|0 32 38 1 41 0"},
    {"From_ without a date", T(E "\nb\n\nFrom here on\n"), "0|0 32 17 1 21 0"},
    {"quoted", T(E "\nb\n\n>" E), "0|0 32 37 1 41 0"},
    {"not at the line's start", T(E "\nb\n\n " E), "0|0 32 37 1 41 0"},
    {"NULs in a body", T(E "\n\0\n\n\0" E "\0\n\n" E "\n"),
	"0|0 32 39 1 44 0|72 32 1 1 2 0"},
    {"Content-Length lies",
	T(E "Content-Length: 4000\n\nb\n\n" E "Content-Length: 0\n\nb\n"),
	"0|0 32 24 22 27 0|57 32 21 19 24 1"},
    {"an internal message is hidden",
	T(E "Subject: " INTERNAL "\nX-IMAP: 1 2\n\nb\n\n" E "\nc\n"),
	"1|107 32 3 1 5 0"},
    {"Dovecot's, alone", T(E "X-IMAPbase: 1 2\nSubject: " INTERNAL "\n\nb\n\n"),
	"1"},
    {"as others spell it",
	T("\n" E "x-imap: 1\nsubject:DO NOT DELETE THIS MESSAGE -- FOLDER "
	  "INTERNAL DATA\n\nb\n\n" E "\nc\n"),
	"1|106 32 3 1 5 0"},
    {"not without X-IMAP", T(E "Subject: " INTERNAL "\n\nb\n"),
	"0|0 32 62 60 65 0"},
    {"not without the Subject", T(E "X-IMAP: 1\n\nb\n"), "0|0 32 13 11 16 0"},
    {"not in the body", T(E "Subject: " INTERNAL "\n\nX-IMAP: 1\n"),
	"0|0 32 70 60 73 0"},
    {"not the second", T(E "\n" E "X-IMAP: 1\nSubject: " INTERNAL "\n\nb\n"),
	"0|0 32 1 1 2 0|33 32 72 70 76 0"},
};

static void
scan_test_rules(void)
{
	char got[512];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		scan_say(got, sizeof(got), rules[i].text, rules[i].length);
		if (!ok(strcmp(got, rules[i].want) == 0, "%s", rules[i].name))
			tap_note("got %s, want %s", got, rules[i].want);
	}
}

/* Does each scan say what the naive one does, whatever the window? */
static bool
scan_agrees(const char *text, size_t length, size_t window)
{
	static struct naive naive;
	const struct view_message *m;
	struct scanned s;
	uint32_t i;
	bool same;

	if (!naive_scan(&naive, text, length))
		return scan_octets(text, length, window, &s) == EINVAL;
	if (scan_octets(text, length, window, &s) != 0)
		return false;
	same = naive.count == s.view.head->count &&
	    naive.hidden == s.view.head->hidden;
	for (i = 0; same && i < naive.count; i++) {
		m = &s.view.message[i];
		same = m->place == naive.message[i].place &&
		    m->envelope == naive.message[i].envelope &&
		    m->length == naive.message[i].length &&
		    m->body == naive.message[i].body &&
		    m->octets == naive.message[i].octets &&
		    m->check == view_message_check(m, text + m->place);
	}
	free(s.data);
	return same;
}

/* Digests and twins do not depend on the window; messages read alone agree. */
static bool
scan_agrees_alone(const char *text, size_t length, size_t window)
{
	int file = platform_memory_file("mbox");
	struct scanned a, b;
	struct view_message m;
	uint64_t end;
	uint32_t i, n;
	bool same = true;

	if (file == -1 || pwrite_full(file, text, length, 0) == -1)
		abort();
	if (scan_octets(text, length, window, &a) == 0) {
		same = scan_octets(text, length, SCAN_WINDOW, &b) == 0;
		n = a.view.head->count;
		same = same && n == b.view.head->count &&
		    (n == 0 ||
			memcmp(a.view.message, b.view.message, n * sizeof(m)) ==
			    0);
		for (i = 0; same && i < n; i++) {
			end = i + 1 < n ? a.view.message[i + 1].place : length;
			same = scan_message(file, a.view.message[i].place, end,
				   crypto, &m) == 0;
			m.twin = a.view.message[i].twin;
			same = same &&
			    memcmp(&m, &a.view.message[i], sizeof(m)) == 0;
		}
		free(a.data);
		free(b.data);
	}
	close(file);
	return same;
}

static void
scan_test_random(void)
{
	static char text[NAIVE_TEXT];
	unsigned i, same = 0, alone = 0;
	size_t length, window;

	for (i = 0; i < 6000; i++) {
		length = naive_random(text);
		window = SCAN_WINDOW_LEAST + naive_number(3) * 7;
		same += scan_agrees(text, length, window);
		alone += scan_agrees_alone(text, length, window);
	}
	ok(same == i, "random mailboxes are what the naive scan says");
	ok(alone == i, "messages alone, and in other windows, are the same");
}

/*
 * A boundary at every offset around the first windows' ends; before it, one
 * line, or the end of a line that only looks like a boundary.
 */
static void
scan_test_edges(const char *name, const char *before, const char *envelope)
{
	static char text[6 * SCAN_WINDOW_LEAST];
	size_t head = strlen(E "H: x\n\n"), at, n, bad = 0, from;

	for (at = head + strlen(before); at < 2 * SCAN_WINDOW_LEAST + 100;
	     at++) {
		memcpy(text, E "H: x\n\n", head);
		from = at - strlen(before);
		memset(text + head, 'x', from - head);
		memcpy(text + from, before, strlen(before));
		n = at + strlen(envelope);
		memcpy(text + at, envelope, strlen(envelope));
		memcpy(text + n, "\ny\n", 3);
		n += 3;
		bad += !scan_agrees(text, n, SCAN_WINDOW_LEAST);
		/* Once more, with the end far off. */
		memset(text + n, 'z', SCAN_WINDOW_LEAST);
		n += SCAN_WINDOW_LEAST;
		bad += !scan_agrees(text, n, SCAN_WINDOW_LEAST);
	}
	ok(bad == 0, "at every offset: %s", name);
}

static void
scan_test_windows(void)
{
	char envelope[ENVELOPE_MAX + 4];
	unsigned n;

	scan_test_edges("LF LF", "\n\n", E);
	scan_test_edges("CR LF CR LF", "\r\n\r\n", EC);
	scan_test_edges("LF CR LF", "\n\r\n", EC);
	scan_test_edges("no empty line", "\n", E);
	scan_test_edges("the middle of a huge line", "", E);
	scan_test_edges("a CR too many", "\n\r\r\n", E);
	for (n = ENVELOPE_MAX - 1; n <= ENVELOPE_MAX + 1; n++) {
		memset(envelope, 'x', n);
		memcpy(envelope, "From ", 5);
		memcpy(envelope + n - 25, " Mon Jan  1 00:00:00 2001", 25);
		memcpy(envelope + n, "\r\n", 3);
		scan_test_edges("a long envelope line", "\n\n", envelope);
	}
}

static void
scan_test_twins(void)
{
	static char text[64 * 1024];
	struct scanned s;
	unsigned i, n = 0, good = 0;

	for (i = 0; i < 600; i++)
		n += (unsigned)snprintf(text + n, sizeof(text) - n,
		    E "Subject: %u\n\nx\n\n", i % 200);
	if (scan_octets(text, n, SCAN_WINDOW, &s) != 0)
		abort();
	for (i = 0; i < s.view.head->count; i++)
		good += s.view.message[i].twin == i / 200;
	ok(i == 600 && good == i, "twins are numbered in file order");
	free(s.data);
}

static int
scan_sha256_fails(
    const void *octets, size_t length, uint8_t digest[CRYPTO_SHA256])
{
	(void)octets;
	(void)length;
	(void)digest;
	return -1;
}

static void
scan_test_errors(void)
{
	static const struct crypto broken = {.sha256 = scan_sha256_fails};
	static const char text[] = E "\nb\n\n" E "\nc\n";
	int file = platform_memory_file("mbox");
	int out = platform_memory_file("view");
	struct view_stamp stamp = {.size = sizeof(text)};
	struct view_message m;
	struct scan_job job = {
	    .file = file,
	    .stamp = &stamp,
	    .crypto = crypto,
	    .out = out,
	    .window = SCAN_WINDOW,
	};
	uint64_t size;

	if (file == -1 || out == -1 ||
	    pwrite_full(file, text, sizeof(text) - 1, 0) == -1)
		abort();
	ok(scan_mbox(&job, &size) == -1 && errno == ESTALE,
	    "a file that became shorter is ESTALE");
	stamp.size = UINT64_MAX;
	ok(scan_mbox(&job, &size) == -1 && errno == EFBIG,
	    "a size that no file has is EFBIG");
	stamp.size = sizeof(text) - 1;
	job.crypto = &broken;
	ok(scan_mbox(&job, &size) == -1 && errno == EIO,
	    "a digest that fails is EIO");
	job.crypto = crypto;
	job.file = -1;
	ok(scan_mbox(&job, &size) == -1 && errno == EBADF, "no file");
	job.file = file;
	job.out = -1;
	ok(scan_mbox(&job, &size) == -1 && errno == EBADF, "nowhere to write");
	ok(scan_message(file, 0, sizeof(text) - 1, crypto, &m) == -1 &&
		errno == EINVAL,
	    "two messages are not one");
	ok(scan_message(file, 1, 36, crypto, &m) == -1 && errno == EINVAL,
	    "no message begins there");
	ok(scan_message(file, 36, 36, crypto, &m) == -1 && errno == EINVAL,
	    "nothing is no message");
	ok(scan_message(file, 36, UINT64_MAX, crypto, &m) == -1 &&
		errno == EINVAL,
	    "nor is everything");
	ok(scan_message(file, 36, sizeof(text), crypto, &m) == -1 &&
		errno == ESTALE,
	    "a message cut short is ESTALE");
	close(file);
	close(out);
}

int
main(void)
{
	crypto = crypto_load();
	if (crypto == NULL)
		return tap_end();
	scan_test_rules();
	scan_test_random();
	scan_test_windows();
	scan_test_twins();
	scan_test_errors();
	return tap_end();
}
