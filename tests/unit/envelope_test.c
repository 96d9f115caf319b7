/*
 * envelope_test.c - envelope lines that programs write, and lines that are
 * none.
 */

#include <stdlib.h>
#include <string.h>

#include "mailbox/scan.h"
#include "tap.h"

static const char *const good[] = {
    "From user Wed Dec  2 05:53 1992",
    "From user Wed Dec 2 05:53 1992",
    "From user Wed Dec 02 5:53 1992",
    "From user Wed Dec  2 05:53:22 1992",
    "From user Wed Dec  2 05:53 PST 1992",
    "From user Wed Dec  2 05:53:22 PST 1992",
    "From user Wed Dec  2 05:53 -0700 1992",
    "From user Wed Dec  2 05:53:22 -0700 1992",
    "From user Wed Dec  2 05:53 1992 PST",
    "From user Wed Dec  2 05:53:22 1992 PST",
    "From user Wed Dec  2 05:53 1992 -0700",
    "From user Wed Dec  2 05:53:22 1992 -0700",
    "From user Wed Dec  2 05:53:22 MET DST 1992",
    "From user Wed Dec  2 05:53:22 1992 MET DST",
    "From user Wed Dec  2 05:53:22 1992 +0100 (CET)",
    "From user Thu, 9 Nov 2002 22:33:52 +0100",
    "From user Thu, 9 Nov 2002 22:33:52",
    "From user Thu, 09 Nov 2002 22:33 GMT",
    "From user Thu 9 Nov 2002 22:33:52 +0100",
    "From user Thu, 9 Nov 2002 22:33:52 +0100 (CET)",
    "From user Wed Dec  2 05:53:22 1992 remote from host",
    "From user Wed Dec  2 05:53:22 1992 PST remote from host",
    "From user Wed Dec  2 05:53:22 1992 +0100 remote from host.example",
    "From user Thu, 9 Nov 2002 22:33:52 +0100 remote from host",
    "From user@example.org  Sat Jan  6 09:59:60 2001",
    "From user@example.org\tSat Jan  6 09:59:59 2001",
    "From user Wed Dec  2 05:53:22 1992 ",
    "From MAILER-DAEMON Fri Jan  1 00:00:00 2021",
    "From - Mon Jan 01 00:00:00 2001",
    "From  Mon Jan 01 00:00:00 2001",
    "From Mon Jan 01 00:00:00 2001",
    "From <> Mon Jan 01 00:00:00 2001",
    "From \"a b\"@example.org Mon Jan  1 00:00:00 2001",
    "From a b c Mon Jan  1 00:00:00 2001",
    "From Wed Wed Dec  2 05:53:22 1992",
    "From Wed Dec 2 Wed Dec  2 05:53:22 1992",
    "From \xe4\x01@x Wed Dec  2 05:53:22 1992",
};

static const char *const bad[] = {
    "",
    "From",
    "From ",
    "From me",
    ">From user Wed Dec  2 05:53:22 1992",
    "from user Wed Dec  2 05:53:22 1992",
    "From: user Wed Dec  2 05:53:22 1992",
    "Fromuser Wed Dec  2 05:53:22 1992",
    "From userWed Dec  2 05:53:22 1992",
    "From the day on",
    "From now on Wed is a holiday",
    "From user Wed",
    "From user Wed Dec",
    "From user Wed Dec  2",
    "From user Wed Dec  2 05:53:22",
    "From user Wed Dec  2 05:53:22 92",
    "From user Wed Dec  2 05:53:22 19922",
    "From user Wed Dec  2 05:53:22 1899",
    "From user Wed Dec  0 05:53:22 1992",
    "From user Wed Dec 32 05:53:22 1992",
    "From user Wed Dec 002 05:53:22 1992",
    "From user Wed Dec  2 24:53:22 1992",
    "From user Wed Dec  2 05:60:22 1992",
    "From user Wed Dec  2 05:53:61 1992",
    "From user Wed Dec  2 05:5:22 1992",
    "From user Wed Dec  2 05:53: 1992",
    "From user Wed Dez  2 05:53:22 1992",
    "From user Mit Dec  2 05:53:22 1992",
    "From user Dec  2 05:53:22 1992",
    "From user Wed Dec  2 05:53:22 1992 I wrote to you",
    "From user Wed Dec  2 05:53:22 1992, he said",
    "From user Wed Dec  2 05:53:22 1992 he said",
    "From user Wed Dec  2 05:53:22 1992 remote from ",
    "From user Wed Dec  2 05:53:22 1992 PST remote",
    "From user Wed Dec  2 05:53:22 1992\r",
    "From user Thu, 9 Nov 22:33:52 2002",
    "From user Thu, 9 2002 22:33:52",
};

/* In memory of exactly that size, so that ASan sees each octet too far. */
static bool
envelope_accepted(const char *line, size_t length)
{
	char *copy = malloc(length + (length == 0));
	bool accepted;

	memcpy(copy, line, length);
	accepted = envelope_check(copy, length);
	free(copy);
	return accepted;
}

int
main(void)
{
	char line[1000];
	size_t i, n, cut = 0;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		ok(envelope_accepted(good[i], strlen(good[i])), "%s", good[i]);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(!envelope_accepted(bad[i], strlen(bad[i])), "not: %s",
		    bad[i]);
	for (i = 0; i < ARRAY_SIZE(good); i++)
		for (n = 0; n < 27; n++)
			cut += envelope_accepted(good[i], n);
	ok(cut == 0, "no part of a line is one");
	ok(!envelope_accepted("From u Wed Dec  2 05:53:22 1992\0x", 33),
	    "a NUL behind the date");
	ok(envelope_accepted("From u\0 Wed Dec  2 05:53:22 1992", 32),
	    "a NUL in the sender");
	memset(line, ' ', sizeof(line));
	memcpy(line, "From ", 5);
	for (i = 5; i + 4 <= sizeof(line); i += 4)
		memcpy(line + i, "Wed ", 4);
	ok(!envelope_accepted(line, sizeof(line)), "many weekdays");
	return tap_end();
}
