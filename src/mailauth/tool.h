/*
 * tool.h - what the files of the tool mailauth(8) share.
 */

#ifndef MAILAUTH_TOOL_H
#define MAILAUTH_TOOL_H

#include "update.h"

struct tool {
	const char *file; /* the database */
	const char *name; /* of the user, or of the file of an import; NULL */
	bool apop;        /* keep the secret itself */
	bool popauth;     /* import what popauth dumped */
	uint32_t iterations;
};

/* One line to standard error, with "mailauth: " before it; -1. */
int complain(const char *format, ...) FORMAT(1, 2);

/*
 * One line of standard input, or of the terminal, which does not show it
 * and, where twice, is asked for it again.  0, or -1 after a complaint.  The
 * caller wipes secret.
 */
int secret_get(
    const char *name, bool twice, char secret[CHANNEL_SECRET]) MUST_CHECK;

/* NULL, or why it cannot be anybody's secret, for people. */
const char *secret_trouble(const char *secret);

/*
 * Keys of secret in place of what the entry had; the secret itself only where
 * apop.  0, or -1 after a complaint.
 */
int entry_keep(struct mailauth_entry *entry, const char *secret, bool apop,
    uint32_t iterations) MUST_CHECK;

/* Its own file: 0, or -1 after a complaint. */
int tool_import(const struct tool *tool) MUST_CHECK;

/* One word of the command line; the last has no name. */
struct command {
	const char *name;
	enum { NAME_NONE, NAME_MAY, NAME_MUST } argument;
	int (*run)(const struct tool *tool); /* as tool_import() */
};

extern const struct command tool_commands[];

#endif
