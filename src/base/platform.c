/*
 * platform.c - what is not POSIX, with a plain fallback beside it.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <linux/magic.h>
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#ifndef MODULE_DIR
#define MODULE_DIR "/usr/local/lib/pop3d"
#endif

#define STACK_DEEP ((uintptr_t)256 << 10) /* octets; no call needs more */
#define LARGE_PAGE ((size_t)2 << 20) /* octets; of amd64, and most others */

void
platform_close_from(int lowest)
{
	long most;
	int fd;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)lowest, ~0U, 0U) == 0)
		return;
#endif
	most = sysconf(_SC_OPEN_MAX);
	if (most < 0 || most > 65536)
		most = 65536;
	for (fd = lowest; fd < most; fd++)
		(void)close(fd);
}

static void
signals_reset(void)
{
	struct sigaction action;
	sigset_t none;
	int signal_number;

	memset(&action, 0, sizeof(action));
	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&none);
	/*
	 * exec() has made every handler a default; what it hands on is which
	 * signals are ignored, and only those that a parent may plausibly
	 * ignore need a call each.
	 */
	static const int inherited[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT,
	    SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
	action.sa_handler = SIG_DFL;
	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++) {
		signal_number = inherited[i];
		(void)sigaction(signal_number, &action, NULL);
	}
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As much as we may: a mailbox is as large as it is. */
static void
file_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) == -1 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	if (geteuid() == 0)
		limit.rlim_max = RLIM_INFINITY;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

bool
platform_file_fits(uint64_t octets)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == -1 ||
	    limit.rlim_cur == RLIM_INFINITY || octets <= limit.rlim_cur;
}

void
platform_adopt(void)
{
#ifdef PR_SET_CHILD_SUBREAPER
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
}

void
platform_first_act_from(int lowest)
{
	struct rlimit none = {0, 0};
	struct stat st;
	int fd;

	signals_reset();
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	file_limit_raise();
	platform_close_from(lowest);
	for (fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) == -1 && open("/dev/null", O_RDWR) != fd)
			_exit(1);
	}
}

void
platform_first_act(void)
{
	platform_first_act_from(3);
}

void
platform_hide(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
#ifdef PR_SET_DUMPABLE
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int
platform_die_with_parent(void)
{
#ifdef PR_SET_PDEATHSIG
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#else
	return 0;
#endif
}

int
platform_leash(pid_t pid, int leash[2])
{
#if defined(F_SETSIG) && defined(O_ASYNC)
	if (pipe2(leash, O_CLOEXEC) == -1)
		return -1;
	if (fcntl(leash[0], F_SETOWN, pid) == -1 ||
	    fcntl(leash[0], F_SETSIG, SIGKILL) == -1 ||
	    fcntl(leash[0], F_SETFL, O_ASYNC) == -1)
		return -1;
#else
	(void)pid;
	leash[0] = leash[1] = -1;
#endif
	return 0;
}

int
platform_no_new_privileges(void)
{
#ifdef PR_SET_NO_NEW_PRIVS
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#else
	return 0;
#endif
}

void
platform_random(void *dst, size_t length)
{
#ifdef __linux__
	size_t got = 0;
	ssize_t n;

	while (got < length) {
		n = getrandom((char *)dst + got, length - got, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			fatal("no random octets");
		got += (size_t)n;
	}
#else
	arc4random_buf(dst, length);
#endif
}

int
platform_memory_file(const char *name)
{
#ifdef MFD_CLOEXEC
	return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
#else
	char path[] = "/tmp/pop3d.XXXXXXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	(void)name;
	if (fd != -1)
		(void)unlink(path);
	return fd;
#endif
}

bool
platform_overwrites(int fd)
{
#ifdef __linux__
	/* clang-format off */
	static const unsigned long copying[] = {
		BTRFS_SUPER_MAGIC,
		0x2fc12fc1UL, /* ZFS */
		0xca451a4eUL, /* bcachefs */
	};
	/* clang-format on */
	struct statfs st;
	size_t i;

	if (fstatfs(fd, &st) == -1)
		return false;
	for (i = 0; i < ARRAY_SIZE(copying); i++)
		if (((unsigned long)st.f_type & 0xffffffffUL) == copying[i])
			return false;
#else
	(void)fd;
#endif
	return true;
}

int
platform_file_ids(uid_t uid, gid_t gid)
{
	bool done;

#ifdef __linux__
	/* -1: a list of system calls.  Else what was before, done or not. */
	if (setfsuid(uid) == -1 && uid != 0)
		return -1;
	(void)setfsgid(gid);
	done = setfsuid(uid) == (int)uid && setfsgid(gid) == (int)gid;
#else
	done = seteuid(0) == 0 && setegid(gid) == 0 && seteuid(uid) == 0;
#endif
	if (!done)
		fatalx("cannot act as uid %lu", (unsigned long)uid);
	return 0;
}

void *
platform_memory_large(size_t size)
{
#ifdef MADV_HUGEPAGE
	void *memory;

	if (size >= LARGE_PAGE / 2 && size < SIZE_MAX - LARGE_PAGE) {
		size = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
		memory = aligned_alloc(LARGE_PAGE, size);
		if (memory != NULL)
			(void)madvise(memory, size, MADV_HUGEPAGE);
		return memory;
	}
#endif
	return malloc(size);
}

int
platform_fstat(int fd, struct stat *st)
{
#if defined(__linux__) && defined(SYS_fstat) && __SIZEOF_POINTER__ == 8
	return (int)syscall(SYS_fstat, fd, st);
#else
	return fstat(fd, st);
#endif
}

#ifdef __linux__
/* Segments that nobody may write hold nothing that is not in their file. */
WAITS_HERE static int
segment_trim(struct dl_phdr_info *info, size_t size, void *page)
{
	uintptr_t begin, end, mask = *(const uintptr_t *)page - 1;
	const ElfW(Phdr) * p;
	unsigned i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) != 0)
			continue;
		begin = (info->dlpi_addr + p->p_vaddr) & ~mask;
		end =
		    (info->dlpi_addr + p->p_vaddr + p->p_memsz + mask) & ~mask;
		(void)syscall(SYS_madvise, begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

/* What calls that have returned left behind, below our own frame. */
WAITS_HERE static void
stack_trim(uintptr_t page)
{
	uintptr_t end = (uintptr_t)__builtin_frame_address(0) & ~(page - 1);

	/* A page for what is called from here.  Not all of it is mapped: then
	 * the rest is given back all the same. */
	end -= page;
	(void)syscall(SYS_madvise, end - STACK_DEEP, STACK_DEEP, MADV_DONTNEED);
}

WAITS_HERE void
platform_trim(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	stack_trim(page);
	(void)dl_iterate_phdr(segment_trim, &page);
}

WAITS_HERE void
platform_trim_heap(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
	platform_trim();
}
#else
void
platform_trim(void)
{
}

void
platform_trim_heap(void)
{
}
#endif

/*
 * Where a file of ours may be, place by place: beside the program, in
 * ../lib/pop3d of it, and, where there is no /proc or neither has it, in
 * MODULE_DIR.  Not by the linker's run path: that would have the dynamic
 * linker look there for the C library, too, 80 system calls at every start.
 * false when there are no more places.
 */
static bool
place_print(unsigned place, const char *file, char path[PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t n;

	path[0] = '\0';
	if (place == 2)
		return text_print(path, PATH_MAX, MODULE_DIR "/%s", file) == 0;
	if (place > 2)
		return false;
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	while (n > 0 && program[n - 1] != '/')
		n--;
	if (n > 0 &&
	    text_print(path, PATH_MAX, "%.*s%s%s", (int)n, program,
		place == 0 ? "" : "../lib/pop3d/", file) == -1)
		path[0] = '\0';
	return true;
}

static void *
module_open(const char *file)
{
	char path[PATH_MAX];
	void *module = NULL;
	unsigned place;

	for (place = 0; module == NULL && place_print(place, file, path);
	     place++) {
		if (path[0] != '\0')
			module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return module;
}

int
platform_program(const char *file, char *dst, size_t size)
{
	char path[PATH_MAX];
	unsigned place;

	for (place = 0; place_print(place, file, path); place++) {
		if (path[0] != '\0' && access(path, X_OK) == 0)
			return text_copy(dst, size, path, strlen(path));
	}
	errno = ENOENT;
	return -1;
}

int
platform_memory_seal(int *fd)
{
#ifdef F_ADD_SEALS
	char path[40];
	int reader;

	if (fcntl(*fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		return -1;
	text_cut(path, sizeof(path), "/proc/self/fd/%d", *fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader != -1) {
		(void)close(*fd);
		*fd = reader;
	}
	return 0;
#else
	(void)fd;
	errno = ENOSYS;
	return -1;
#endif
}

void *
platform_module(const char *file, const char *symbol)
{
	void *module, *found;

	module = module_open(file);
	found = module == NULL ? NULL : dlsym(module, symbol);
	if (found == NULL)
		errno = ENOENT;
	return found;
}

/* Not root: nothing to give up, but nothing else to become, either. */
static int
become_check(uid_t uid, gid_t gid)
{
	if (getuid() != uid || geteuid() != uid || getgid() != gid ||
	    getegid() != gid) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int
platform_become(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (geteuid() != 0)
		return become_check(uid, gid);
	if (uid == 0) {
		errno = EPERM;
		return -1;
	}
	if (setgroups(count, groups) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return -1;
	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1)
		return -1;
	if (ruid != uid || euid != uid || suid != uid || rgid != gid ||
	    egid != gid || sgid != gid || setuid(0) != -1) {
		errno = EPERM;
		return -1;
	}
	return 0;
}
