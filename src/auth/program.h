/*
 * program.h - a checkpassword program: started, watched, ended.
 */

#ifndef PROGRAM_H
#define PROGRAM_H

#include "identity.h"

/* Octets with the NUL: what is shown, and a password that begins in it. */
#define PROGRAM_TEXT 1024

struct program {
	bool late;           /* it was still running when its time was over */
	int status;          /* how it ended, as waitpid(2) has it */
	unsigned identities; /* records that were whole; 2 = or more */
	struct identity identity; /* the last of them */
	int error; /* identity_read()'s, for one that was none; or 0 */
	char text
	    [PROGRAM_TEXT]; /* the start of what it wrote to standard error */
};

/*
 * Run argv, whose first is its path, with this environment and nothing else of
 * ours: descriptor 3 gives it the length octets of input (at most 512), what
 * is written to IDENTITY_FD goes into identities, 0 and 1 are /dev/null; in a
 * session of its own, without supplementary groups, with all signals at their
 * defaults.  When it ends, or at the time end of clock_ms(), what is left in
 * its process group is killed.  0, or -1 with errno: it could not be started.
 */
int program_run(char *const argv[], char *const envp[], const void *input,
    size_t length, int64_t end, struct program *program) MUST_CHECK;

#endif
