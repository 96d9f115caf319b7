/*
 * session_calls.h - the calls of the C library that are points of a session,
 * what strace calls them, what they are about, and the errors they can give.
 *
 * Not among the errors: those that say what is there (ENOENT, EEXIST, ELOOP,
 * ENOTDIR).  A system that says them where they are not true lies about the
 * disk, and a mailbox or journal that is said not to exist does not.  Nor those
 * that say who has gone (EPIPE, ECONNRESET): he did not.
 */

#ifndef SESSION_CALLS_H
#define SESSION_CALLS_H

/* What a call needs; "for ever" means all calls of a kind. */
#define NEEDS_DISK 1U
#define NEEDS_SPACE 2U
#define NEEDS_FD 4U
#define NEEDS_MEMORY 8U
#define IS_MANY 16U /* makes other system calls than its own */
#define CHANGES 32U /* the disk */
#define LATE 64U    /* may be done, and an error told (FAULT_LATE) */

#define DISK NEEDS_DISK
#define SPACE (NEEDS_DISK | NEEDS_SPACE | CHANGES)
#define FD NEEDS_FD
#define MEMORY NEEDS_MEMORY

/* clang-format off */
/* name, strace's, what, errors (up to 6) */
#define SESSION_CALLS(C) \
	C(open,         "openat",   DISK | FD, EACCES, EIO, EMFILE, ENFILE, ENOMEM) \
	C(openat,       "openat",   DISK | FD, EACCES, EIO, EMFILE, ENFILE, ENOMEM) \
	C(create,       "openat",   SPACE | FD, EACCES, EIO, ENOSPC, EDQUOT, EMFILE, EROFS) \
	C(read,         "read",     DISK, EIO, EINTR) \
	C(pread,        "pread64",  DISK, EIO, EINTR) \
	C(write,        "write",    SPACE, EIO, ENOSPC, EDQUOT, EINTR) \
	C(pwrite,       "pwrite64", SPACE, EIO, ENOSPC, EDQUOT, EINTR) \
	C(ftruncate,    "ftruncate", DISK | CHANGES, EIO, EINTR, EFBIG, EPERM) \
	C(posix_fallocate, "fallocate", SPACE, EIO, ENOSPC, EDQUOT, EOPNOTSUPP) \
	C(fallocate,    "fallocate", SPACE, EIO, ENOSPC, EDQUOT, EOPNOTSUPP) \
	C(fsync,        "fsync",    DISK, EIO, ENOSPC, EDQUOT, EINTR) \
	C(fdatasync,    "fdatasync", DISK, EIO, ENOSPC, EDQUOT, EINTR) \
	C(close,        "close",    LATE, EIO, EINTR) \
	C(fstat,        "fstat newfstatat", DISK, EIO, ENOMEM) \
	C(fstatat,      "newfstatat", DISK, EIO, EACCES, ENOMEM) \
	C(stat,         "newfstatat stat", DISK, EIO, EACCES, ENOMEM) \
	C(lstat,        "newfstatat lstat", DISK, EIO, EACCES, ENOMEM) \
	C(fstatfs,     "fstatfs",  DISK, EIO, ENOMEM) \
	C(lock,         "fcntl",    DISK, EAGAIN, ENOLCK, EIO) \
	C(duplicate,    "fcntl",    FD, EMFILE) \
	C(seal,         "fcntl",    0, EBUSY, EPERM) \
	C(flock,        "flock",    DISK, EAGAIN, ENOLCK, EIO) \
	C(unlink,       "unlink",   SPACE, EIO, EACCES, EROFS, EDQUOT) \
	C(unlinkat,     "unlinkat", SPACE | LATE, EIO, EACCES, EROFS, EDQUOT) \
	C(renameat,     "renameat", SPACE | LATE, EIO, EACCES, ENOSPC, EDQUOT) \
	C(renameat2,    "renameat2", SPACE | LATE, EIO, EACCES, ENOSPC, EINVAL) \
	C(rename,       "rename",   SPACE, EIO, EACCES, ENOSPC, EDQUOT) \
	C(linkat,       "linkat",   SPACE | LATE, EIO, EACCES, ENOSPC, EMLINK) \
	C(mkdirat,      "mkdirat",  SPACE | LATE, EIO, EACCES, ENOSPC, EDQUOT) \
	C(mkdir,        "mkdir",    SPACE, EIO, EACCES, ENOSPC, EDQUOT) \
	C(chmod,        "chmod",    DISK, EIO, EPERM) \
	C(fchmod,       "fchmod",   DISK, EIO, EPERM) \
	C(fchown,       "fchown",   DISK, EIO, EPERM) \
	C(access,       "access",   DISK, EIO, EACCES) \
	C(faccessat,    "faccessat faccessat2", DISK, EIO, EACCES) \
	C(utimensat,    "utimensat", DISK, EIO, EACCES) \
	C(readlink,     "readlink", DISK, EIO, EACCES, ENOMEM) \
	C(getcwd,       "getcwd",   DISK, EACCES, ENOMEM) \
	C(fopen,        "",         DISK | FD | IS_MANY, EIO, EMFILE, ENOMEM) \
	C(fclose,       "",         IS_MANY, EIO) \
	C(fdopendir,    "",         IS_MANY, ENOMEM) \
	C(readdir,      "",         DISK | IS_MANY, EIO) \
	C(rewinddir,    "",         IS_MANY, 0) \
	C(closedir,     "",         IS_MANY, EIO) \
	C(getpwuid_r,   "",         FD | IS_MANY, EIO, EMFILE, ENOMEM) \
	C(getpwnam_r,   "",         FD | IS_MANY, EIO, EMFILE, ENOMEM) \
	C(getgrouplist, "",         IS_MANY, 0) \
	C(getgrnam,     "",         IS_MANY, EIO, EMFILE) \
	C(getgroups,    "getgroups", 0, EPERM) \
	C(dlopen,       "",         IS_MANY, ENOMEM) \
	C(fork,         "clone",    MEMORY, EAGAIN, ENOMEM) \
	C(waitpid,      "wait4",    0, EINTR, ECHILD) \
	C(kill,         "kill",     0, EPERM) \
	C(dup2,         "dup2 dup3", FD, EMFILE, EINTR) \
	C(prctl,        "prctl",    0, EPERM, EINVAL) \
	C(setrlimit,    "prlimit64 setrlimit", 0, EPERM) \
	C(getrlimit,    "prlimit64 getrlimit", 0, EPERM) \
	C(socketpair,   "socketpair", FD, EMFILE, ENFILE, ENOMEM) \
	C(pipe2,        "pipe2",    FD, EMFILE, ENFILE) \
	C(memfd_create, "memfd_create", FD | MEMORY, EMFILE, ENOMEM) \
	C(sendmsg,      "sendmsg",  0, ENOBUFS, ENOMEM, EINTR) \
	C(recvmsg,      "recvmsg",  0, ENOMEM, EINTR) \
	C(poll,         "poll ppoll", 0, EINTR, ENOMEM) \
	C(shutdown,     "shutdown", 0, ENOTCONN) \
	C(getpeername,  "getpeername", 0, ENOTCONN, ENOBUFS) \
	C(getsockname,  "getsockname", 0, ENOBUFS) \
	C(setsockopt,   "setsockopt", 0, ENOPROTOOPT) \
	C(isatty,       "ioctl",    0, EIO) \
	C(uname,        "uname",    0, EFAULT) \
	C(gethostname,  "uname",    0, EFAULT) \
	C(getrandom,    "getrandom", 0, EINTR, EAGAIN) \
	C(nanosleep,    "clock_nanosleep nanosleep", 0, EINTR) \
	C(mmap,         "mmap",     MEMORY, ENOMEM) \
	C(munmap,       "munmap",   0, ENOMEM) \
	C(close_range,  "close_range", 0, ENOMEM) \
	C(seccomp,      "seccomp",  0, EINVAL, ENOMEM) \
	C(landlock,     "landlock_create_ruleset landlock_add_rule " \
	    "landlock_restrict_self", 0, ENOMEM, EPERM)

/* Memory is a row of points of its own: it is no system call each time. */
#define SESSION_MEMORY(C) C(malloc) C(calloc) C(realloc)
/* clang-format on */

#define SESSION_ERRORS 6

#define SESSION_ENUM(name, ...) CALL_##name,
enum session_call { SESSION_CALLS(SESSION_ENUM) CALL_COUNT };
#undef SESSION_ENUM

#endif
