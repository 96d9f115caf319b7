/*
 * coarse.c - to be loaded before the C library (LD_PRELOAD): files' times are
 * those of a file system that knows only every COARSE_SECONDS-th second (FAT
 * and some file servers do).  It makes no calls to the system but those that
 * it was asked for.
 */

#include <sys/stat.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define SYSCALL_ARGUMENTS 6

static long coarse_seconds = 1;
static __typeof__(&fstat) next_fstat;
static __typeof__(&stat) next_stat;
static __typeof__(&lstat) next_lstat;
static __typeof__(&fstatat) next_fstatat;
static __typeof__(&syscall) next_syscall;

/* ISO C has no way from what dlsym() returns to a function. */
#define NEXT(name) *(void **)&next_##name = dlsym(RTLD_NEXT, #name)

static __attribute__((constructor)) void
coarse_load(void)
{
	const char *text = getenv("COARSE_SECONDS");

	if (text != NULL && text[0] >= '1' && text[0] <= '9')
		coarse_seconds = text[0] - '0';
	NEXT(fstat);
	NEXT(stat);
	NEXT(lstat);
	NEXT(fstatat);
	NEXT(syscall);
}

static int
coarse(int result, struct stat *st)
{
	if (result == -1)
		return -1;
	st->st_atim.tv_sec -= st->st_atim.tv_sec % coarse_seconds;
	st->st_mtim.tv_sec -= st->st_mtim.tv_sec % coarse_seconds;
	st->st_ctim.tv_sec -= st->st_ctim.tv_sec % coarse_seconds;
	st->st_atim.tv_nsec = 0;
	st->st_mtim.tv_nsec = 0;
	st->st_ctim.tv_nsec = 0;
	return result;
}

int
fstat(int fd, struct stat *st)
{
	return coarse(next_fstat(fd, st), st);
}

int
stat(const char *path, struct stat *st)
{
	return coarse(next_stat(path, st), st);
}

int
lstat(const char *path, struct stat *st)
{
	return coarse(next_lstat(path, st), st);
}

int
fstatat(int directory, const char *path, struct stat *st, int flags)
{
	return coarse(next_fstatat(directory, path, st, flags), st);
}

/* The front has no other fstat. */
long
syscall(long number, ...)
{
	long argument[SYSCALL_ARGUMENTS], result;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < SYSCALL_ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	result = next_syscall(number, argument[0], argument[1], argument[2],
	    argument[3], argument[4], argument[5]);
#ifdef SYS_fstat
	if (number == SYS_fstat)
		(void)coarse((int)result, (struct stat *)argument[1]);
#endif
	return result;
}
