/*
 * mailauth_world.h - databases of mailauth(8) for tests: made fast, of cheap
 * entries.
 */

#ifndef MAILAUTH_WORLD_H
#define MAILAUTH_WORLD_H

#include <stdio.h>

#include "auth_world.h"
#include "mailauth/database.h"

#define DB world_path("db")
#define HEADER_ONE \
	"#mailauth:1:" \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
/* RFC 5802, 5 and RFC 7677, 3: of the secret "pencil". */
#define PENCIL_1 \
	"4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=," \
	"D+CSWLOshSulAsxiupA+qs2/fTE="
#define PENCIL_256 \
	"4096,W22ZaJ0SNY7soEsUEjb6gQ==," \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=," \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define PENCIL ":" PENCIL_1 ":" PENCIL_256 "::"

/* A database of this text behind its header. */
UNUSED static void
db_text(const char *text)
{
	char *all;

	if (asprintf(&all, "%s%s", HEADER_ONE, text) == -1)
		fatal("asprintf");
	world_write(DB, all, strlen(all), 0600);
	free(all);
}

#endif
