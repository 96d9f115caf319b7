/*
 * later.c - to be loaded before the C library (LD_PRELOAD): it is as many
 * seconds later as the file LATER_FILE says, eight octets of this machine's
 * order, which may change at any time.  The file is mapped at the start: a
 * process that is closed in needs no call to the system for it.
 */

#include <sys/mman.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *later_seconds;
static __typeof__(&clock_gettime) next_clock_gettime;

static __attribute__((constructor)) void
later_load(void)
{
	const char *path = getenv("LATER_FILE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *mapped = fd == -1 ?
	    MAP_FAILED :
	    mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

	/* ISO C has no way from what dlsym() returns to a function. */
	*(void **)&next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (mapped != MAP_FAILED)
		later_seconds = mapped;
	if (fd != -1)
		close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = next_clock_gettime(clock, now);

	if (result == 0 && later_seconds != NULL)
		now->tv_sec += (time_t)*later_seconds;
	return result;
}

time_t
time(time_t *when)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		now.tv_sec = -1;
	if (when != NULL)
		*when = now.tv_sec;
	return now.tv_sec;
}
