/*
 * session_next.h - the C library's own calls, behind ours.  Found when we are
 * loaded: later there may be a filter in the way.
 */

#ifndef SESSION_NEXT_H
#define SESSION_NEXT_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/utsname.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
#define NEXT_CALLS(C) \
	C(open) C(openat) C(read) C(pread) C(write) C(pwrite) C(ftruncate) \
	C(posix_fallocate) C(fallocate) C(fsync) C(fdatasync) C(close) \
	C(fstat) C(fstatfs) C(fstatat) C(stat) C(lstat) C(fcntl) C(flock) C(unlink) \
	C(unlinkat) C(renameat) C(renameat2) C(rename) C(linkat) C(mkdirat) \
	C(mkdir) C(chmod) C(fchmod) C(fchown) C(access) C(faccessat) \
	C(utimensat) C(readlink) C(getcwd) C(fopen) C(fclose) C(fdopendir) \
	C(readdir) C(rewinddir) C(closedir) C(getpwuid_r) C(getpwnam_r) \
	C(getgrouplist) C(getgrnam) C(getgroups) C(dlopen) C(fork) \
	C(waitpid) C(kill) C(dup2) C(prctl) C(setrlimit) C(getrlimit) \
	C(socketpair) C(pipe2) C(memfd_create) C(sendmsg) C(recvmsg) C(poll) \
	C(shutdown) C(getpeername) C(getsockname) C(setsockopt) C(isatty) \
	C(uname) C(gethostname) C(getrandom) C(nanosleep) C(mmap) C(munmap) \
	C(syscall)
/* clang-format on */

struct next {
#define NEXT_POINTER(name) __typeof__(&name) name;
	NEXT_CALLS(NEXT_POINTER)
#undef NEXT_POINTER
};

extern struct next next;

/* glibc's, under names that nobody else has. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

/* What the compiler makes of some calls where it can see sizes. */
int __open_2(const char *path, int flags);
int __poll_chk(struct pollfd *fds, nfds_t count, int time, size_t size);
void __syslog_chk(int priority, int flag, const char *format, ...);

#endif
