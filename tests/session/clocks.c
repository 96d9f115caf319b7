/*
 * clocks.c - to be preloaded: the clocks by system calls, as where the kernel
 * gives a process no other way to them (some virtual machines, some clocks).
 */

#include <sys/syscall.h>
#include <sys/time.h>

#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	return (int)syscall(SYS_clock_gettime, clock, now);
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	return (int)syscall(SYS_gettimeofday, now, zone);
}

time_t
time(time_t *now)
{
#ifdef SYS_time
	return syscall(SYS_time, now);
#else
	struct timeval tv;

	if (syscall(SYS_gettimeofday, &tv, NULL) == -1)
		return -1;
	if (now != NULL)
		*now = tv.tv_sec;
	return tv.tv_sec;
#endif
}
