/*
 * session_preload.c - see session_preload.h.
 */

#include <sys/syscall.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "session_next.h"
#include "session_preload.h"

struct session_shared *session_shared;
bool session_closed_in;

struct next next;
static uint32_t self;   /* which process of the session this is */
static unsigned inside; /* of calls of the C library */

#define WHAT(name, strace, what, ...) what,
static const unsigned whats[CALL_COUNT] = {SESSION_CALLS(WHAT)};
#undef WHAT

static void
mark(uint32_t number, int end)
{
	int error = errno;

	if (session_shared->marks)
		(void)next.syscall(SYS_pread64, -1, 0, number, end);
	errno = error;
}

/* At once, and all others with us, if it is so ordered. */
static _Noreturn void
die(void)
{
	bool all = session_shared->all;

	if (all)
		atomic_store(&session_shared->kill_all, 1);
	/* The test does it for those whom a filter would kill alone. */
	while (all && session_closed_in)
		continue;
	if (all)
		(void)next.kill(0, SIGKILL);
	(void)next.kill(getpid(), SIGKILL);
	for (;;)
		continue;
}

static void
stop(void)
{
	struct timespec pause = {0, 100000};
	int error = errno;

	atomic_store(&session_shared->stopped, 1);
	while (atomic_load(&session_shared->go) == 0)
		if (!session_closed_in)
			(void)next.nanosleep(&pause, NULL);
	errno = error;
}

/* What the order says about this call. */
static enum fault_kind
ordered(enum session_call call, uint32_t number)
{
	struct session_shared *s = session_shared;

	if (!s->memory && self == s->process && number == s->at) {
		atomic_store(&s->hit, (int)call + 1);
		/* With other mail there the number may be another call's. */
		if (s->kind == FAULT_LATE && (whats[call] & LATE) == 0)
			return FAULT_NONE;
		if (s->persist == 0)
			return s->kind;
		atomic_store(&s->persisting, 1);
	}
	if (atomic_load(&s->persisting) != 0 && (whats[call] & s->persist) != 0)
		return FAULT_ERROR;
	return FAULT_NONE;
}

bool
hit_begin(struct hit *hit, enum session_call call)
{
	struct session_shared *s = session_shared;

	hit->kind = FAULT_NONE;
	hit->inner = s == NULL || inside > 0;
	if (hit->inner) {
		inside++;
		return false;
	}
	hit->number = ++s->calls[self];
	if (hit->number < SESSION_TRACE)
		s->trace[self][hit->number] = (uint8_t)call;
	mark(hit->number, 0);
	hit->kind = ordered(call, hit->number);
	if (hit->kind == FAULT_STOP)
		stop();
	if (hit->kind == FAULT_BEFORE)
		die();
	if (hit->kind == FAULT_ERROR) {
		mark(hit->number, 1);
		errno = s->error;
		return true;
	}
	if ((whats[call] & CHANGES) != 0)
		atomic_fetch_add(&s->changes, 1);
	inside++;
	return false;
}

bool
hit_end(struct hit *hit)
{
	inside--;
	if (hit->inner)
		return false;
	mark(hit->number, 1);
	if (hit->kind == FAULT_AFTER || hit->kind == FAULT_HALF)
		die();
	if (hit->kind == FAULT_LATE)
		errno = session_shared->error;
	return hit->kind == FAULT_LATE;
}

bool
hit_short(const struct hit *hit)
{
	return hit->kind == FAULT_SHORT || hit->kind == FAULT_HALF;
}

/* A file that was left alone since the test made it looks older. */
static void
look_aged(struct stat *st)
{
	if (st->st_mtim.tv_nsec == SESSION_AGED)
		st->st_ctim = st->st_mtim;
}

#define CALL(type, bad, name, parameters, arguments) \
	type name parameters \
	{ \
		struct hit hit; \
		type result; \
\
		if (hit_begin(&hit, CALL_##name)) \
			return bad; \
		result = next.name arguments; \
		return hit_end(&hit) ? bad : result; \
	}

#define CALL_STAT(name, parameters, arguments) \
	int name parameters \
	{ \
		struct hit hit; \
		int result; \
\
		if (hit_begin(&hit, CALL_##name)) \
			return -1; \
		result = next.name arguments; \
		if (result == 0) \
			look_aged(st); \
		return hit_end(&hit) ? -1 : result; \
	}

/* clang-format off */
CALL_STAT(fstat, (int fd, struct stat *st), (fd, st))
CALL_STAT(stat, (const char *path, struct stat *st), (path, st))
CALL_STAT(lstat, (const char *path, struct stat *st), (path, st))
CALL_STAT(fstatat, (int fd, const char *path, struct stat *st, int flags),
    (fd, path, st, flags))
CALL(int, -1, fstatfs, (int fd, struct statfs *to), (fd, to))
CALL(int, -1, close, (int fd), (fd))
CALL(int, -1, flock, (int fd, int what), (fd, what))
CALL(int, -1, unlink, (const char *path), (path))
CALL(int, -1, rename, (const char *from, const char *to), (from, to))
CALL(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
CALL(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
CALL(int, -1, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
CALL(int, -1, access, (const char *path, int mode), (path, mode))
CALL(int, -1, faccessat, (int fd, const char *path, int mode, int flags),
    (fd, path, mode, flags))
CALL(int, -1, utimensat, (int fd, const char *path,
    const struct timespec times[2], int flags), (fd, path, times, flags))
CALL(ssize_t, -1, readlink, (const char *path, char *to, size_t size),
    (path, to, size))
CALL(char *, NULL, getcwd, (char *to, size_t size), (to, size))
CALL(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
CALL(int, -1, fclose, (FILE *file), (file))
CALL(DIR *, NULL, fdopendir, (int fd), (fd))
CALL(struct dirent *, NULL, readdir, (DIR *folder), (folder))
CALL(int, -1, closedir, (DIR *folder), (folder))
CALL(int, errno, getpwuid_r, (uid_t uid, struct passwd *pw, char *to,
    size_t size, struct passwd **found), (uid, pw, to, size, found))
CALL(int, errno, getpwnam_r, (const char *name, struct passwd *pw, char *to,
    size_t size, struct passwd **found), (name, pw, to, size, found))
CALL(int, -1, getgrouplist, (const char *name, gid_t gid, gid_t *groups,
    int *count), (name, gid, groups, count))
CALL(struct group *, NULL, getgrnam, (const char *name), (name))
CALL(int, -1, getgroups, (int size, gid_t *groups), (size, groups))
CALL(void *, NULL, dlopen, (const char *path, int flags), (path, flags))
CALL(pid_t, -1, waitpid, (pid_t pid, int *status, int flags),
    (pid, status, flags))
CALL(int, -1, kill, (pid_t pid, int number), (pid, number))
CALL(int, -1, dup2, (int from, int to), (from, to))
CALL(int, -1, setrlimit, (__rlimit_resource_t what, const struct rlimit *to),
    (what, to))
CALL(int, -1, getrlimit, (__rlimit_resource_t what, struct rlimit *to),
    (what, to))
CALL(int, -1, socketpair, (int domain, int type, int protocol, int ends[2]),
    (domain, type, protocol, ends))
CALL(int, -1, pipe2, (int ends[2], int flags), (ends, flags))
CALL(int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
CALL(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags),
    (fd, message, flags))
CALL(int, -1, poll, (struct pollfd *fds, nfds_t count, int time),
    (fds, count, time))
CALL(int, -1, shutdown, (int fd, int how), (fd, how))
CALL(int, -1, getpeername, (int fd, struct sockaddr *address, socklen_t *size),
    (fd, address, size))
CALL(int, -1, getsockname, (int fd, struct sockaddr *address, socklen_t *size),
    (fd, address, size))
CALL(int, -1, setsockopt, (int fd, int level, int name, const void *value,
    socklen_t size), (fd, level, name, value, size))
CALL(int, 0, isatty, (int fd), (fd))
CALL(int, -1, uname, (struct utsname *names), (names))
CALL(int, -1, gethostname, (char *name, size_t size), (name, size))
CALL(ssize_t, -1, getrandom, (void *to, size_t size, unsigned flags),
    (to, size, flags))
CALL(int, -1, nanosleep, (const struct timespec *time, struct timespec *left),
    (time, left))
CALL(void *, MAP_FAILED, mmap, (void *at, size_t size, int protection,
    int flags, int fd, off_t offset), (at, size, protection, flags, fd, offset))
CALL(int, -1, munmap, (void *at, size_t size), (at, size))
/* clang-format on */

void
rewinddir(DIR *folder)
{
	struct hit hit;

	if (hit_begin(&hit, CALL_rewinddir))
		return;
	next.rewinddir(folder);
	(void)hit_end(&hit);
}

int
__poll_chk(struct pollfd *fds, nfds_t count, int time, size_t size)
{
	(void)size;
	return poll(fds, count, time);
}

pid_t
fork(void)
{
	struct hit hit;
	uint32_t child;
	pid_t pid;

	if (hit_begin(&hit, CALL_fork))
		return -1;
	child = session_shared == NULL ?
	    0 :
	    atomic_fetch_add(&session_shared->processes, 1);
	if (child >= SESSION_PROCESSES)
		abort();
	pid = next.fork();
	if (pid == 0) {
		self = child;
		inside = 0;
		return 0;
	}
	return hit_end(&hit) ? -1 : pid;
}

int
prctl(int what, ...)
{
	unsigned long a[4];
	struct hit hit;
	va_list ap;
	int result;

	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (hit_begin(&hit, CALL_prctl))
		return -1;
	result = next.prctl(what, a[0], a[1], a[2], a[3]);
	if (what == PR_SET_SECCOMP)
		session_closed_in = true;
	return hit_end(&hit) ? -1 : result;
}

static int
syscall_call(long number)
{
	switch (number) {
	case SYS_fstat:
		return CALL_fstat;
	case SYS_close_range:
		return CALL_close_range;
	case SYS_seccomp:
		return CALL_seccomp;
	case SYS_landlock_create_ruleset:
	case SYS_landlock_add_rule:
	case SYS_landlock_restrict_self:
		return CALL_landlock;
	default:
		return -1;
	}
}

long
syscall(long number, ...)
{
	int call = syscall_call(number);
	struct hit hit;
	long a[6], result;
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (call == -1)
		return next.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (hit_begin(&hit, (enum session_call)call))
		return -1;
	result = next.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_fstat && result == 0)
		look_aged((struct stat *)a[1]);
	if (number == SYS_seccomp)
		session_closed_in = true;
	return hit_end(&hit) ? -1 : result;
}

/* The machine's log is not for this. */
void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	(void)priority;
	(void)flag;
	(void)format;
}

static bool
memory_hit(void)
{
	struct session_shared *s = session_shared;
	bool hit;

	if (s == NULL || inside > 0)
		return false;
	hit =
	    ++s->memory_calls[self] == s->at && s->memory && self == s->process;
	if (hit)
		atomic_store(&s->hit, CALL_mmap + 1);
	if (!hit &&
	    (atomic_load(&s->persisting) == 0 ||
		(s->persist & NEEDS_MEMORY) == 0))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return memory_hit() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return memory_hit() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *p, size_t size)
{
	return memory_hit() ? NULL : __libc_realloc(p, size);
}

static __attribute__((constructor)) void
session_load(void)
{
	const char *path = getenv("SESSION_SHARED");
	void *p = MAP_FAILED;
	int fd;

#define NEXT_LOAD(name) *(void **)&next.name = dlsym(RTLD_NEXT, #name);
	NEXT_CALLS(NEXT_LOAD)
#undef NEXT_LOAD
	fd = path == NULL ? -1 : next.open(path, O_RDWR | O_CLOEXEC);
	if (fd != -1)
		p = next.mmap(NULL, sizeof(struct session_shared),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return;
	(void)next.close(fd);
	session_shared = p;
	self = atomic_fetch_add(&session_shared->processes, 1);
	mark(0, 0);
}
