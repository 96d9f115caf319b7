/*
 * reap program argument ... - run it, as the parent of all whom their own
 * parents leave behind, so that the processor time of these is counted, too.
 * It ends by a signal, and the program with it.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <signal.h>

#include "bench.h"

int
main(int argc, char **argv)
{
	if (argc < 2)
		errx(1, "usage: reap program [argument ...]");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) == -1)
		err(1, "prctl");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		if (prctl(PR_SET_PDEATHSIG, (long)SIGTERM, 0L, 0L, 0L) == -1)
			err(1, "prctl");
		execv(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	default:
		break;
	}
	while (wait(NULL) != -1 || errno == EINTR)
		continue;
	return (1);
}
