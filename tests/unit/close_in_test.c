/*
 * close_in_test.c - what a process can still do after front_close_in(): every
 * system call number against the list of pop3d(8), and everything that a
 * front could try with what it holds.  The numbers also for a front with TLS,
 * and for the signer.
 *
 * To be built without sanitizers: they need what a front may not do.
 */

#include "close_in_world.h"

static void
run_number(long number, long argument)
{
	if (syscall(number, argument, argument, argument, argument, argument,
		argument) == -1 &&
	    errno == EPERM)
		_exit(EXIT_EPERM);
}

/*
 * uretprobe and uprobe of Linux 6.11 and later on x86-64: the kernel lets them
 * pass every filter, and they do nothing but in a probe of the kernel's own.
 */
static bool
number_exempt(long number)
{
#if defined(__x86_64__)
	return number == 335 || number == 336;
#else
	return number < 0;
#endif
}

static void
test_numbers(long argument, const char *who)
{
	enum fate fate, want;
	long number;
	int bad = 0;

	for (number = 0; number < NUMBERS; number++) {
		want = manual[number];
		/* An argument of -1 asks for PROT_EXEC, too. */
		if (number == SYS_mmap && argument == -1)
			want = DEADLY;
		fate = fate_of(run_number, number, argument);
		if (fate == want || number_exempt(number))
			continue;
		tap_note("number %ld: the manual says %s, it is %s", number,
		    fate_names[want], fate_names[fate]);
		bad++;
	}
	ok(bad == 0, "0..%d, arguments %ld, %s: as the manual says",
	    NUMBERS - 1, argument, who);
}

static void
test_numbers_beyond(const char *who)
{
	static const long beyond[] = {
	    1024, 65536, 0x7fffffff, 0x80000000L, 0xffffffffL, -1};
	long number;
	size_t i;
	int bad = 0;

	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		if (fate_of(run_number, beyond[i], 0) != DEADLY) {
			tap_note("number %ld lives", beyond[i]);
			bad++;
		}
	}
	ok(bad == 0, "numbers that no call has, %s: deadly", who);
#if defined(__x86_64__)
	bad = 0;
	for (number = 0; number < 560; number++) {
		if (fate_of(run_number, X32 + number, 0) != DEADLY) {
			tap_note("x32 %ld lives", number);
			bad++;
		}
	}
	ok(bad == 0, "x32's numbers, %s: all deadly", who);
#else
	(void)number;
#endif
}

#if defined(__x86_64__)
static void
run_int80(long number, long argument)
{
	long result;

	__asm__ volatile(
	    "int $0x80"
	    : "=a"(result)
	    : "a"(number), "b"(argument), "c"(argument), "d"(argument)
	    : "memory", "r8", "r9", "r10", "r11");
	_exit(EXIT_DONE);
}

/* A kernel without 32-bit calls ends it another way. */
static void
test_int80(const char *who)
{
	enum fate fate;
	long number;
	int bad = 0;

	for (number = 0; number < 470; number++) {
		fate = fate_of(run_int80, number, 0);
		if (fate == ALLOWED || fate == REFUSED)
			bad++;
	}
	ok(bad == 0, "int 0x80, %s: all deadly", who);
}
#endif

/*
 * What the front holds of a mailbox, taken as it takes it: a read-only
 * descriptor of the file.
 */
static int
box_take(void)
{
	struct record r;
	int descriptors[2];
	size_t count = 2;

	if (channel_read(CHANNEL_FD, &r, descriptors, &count) != 1 ||
	    count != 1)
		_exit(98);
	return descriptors[0];
}

static struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

static long
try_lock(int fd, int command, short type)
{
	whole.l_type = type;
	return syscall(SYS_fcntl, fd, command, &whole);
}

static long
try_open(const char *path, int flags)
{
	return syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

static long
try_map(int fd, int protection, int flags)
{
	return syscall(SYS_mmap, NULL, 4096, protection, flags, fd, 0);
}

/* Each by its number, in the order of tries[]. */
static long
try_run(long what, int fd)
{
	static char text[] = "lost";
	struct iovec iov = {text, 4};
	char path[64];

	switch (what) {
	case 0:
		return syscall(SYS_write, fd, text, 4);
	case 1:
		return syscall(SYS_pwrite64, fd, text, 4, 0);
	case 2:
		return syscall(SYS_writev, fd, &iov, 1);
	case 3:
		return syscall(SYS_ftruncate, fd, 0);
	case 4:
		return syscall(SYS_flock, fd, LOCK_SH | LOCK_NB);
	case 5:
		return syscall(SYS_flock, fd, LOCK_EX | LOCK_NB);
	case 6:
		return try_lock(fd, F_SETLK, F_RDLCK);
	case 7:
		return try_lock(fd, F_SETLKW, F_RDLCK);
	case 8:
		return try_lock(fd, F_OFD_SETLK, F_RDLCK);
	case 9:
		return syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
	case 10:
		return syscall(SYS_fcntl, fd, F_SETLEASE, F_RDLCK);
	case 11:
		return syscall(SYS_fcntl, fd, F_NOTIFY, 1);
	case 12:
		return syscall(SYS_fcntl, fd, F_DUPFD, 0);
	case 13:
		return syscall(SYS_fchmod, fd, 0777);
	case 14:
		return syscall(SYS_fallocate, fd, 0, 0, 100);
	case 15:
		text_cut(path, sizeof(path), "/proc/self/fd/%d", fd);
		return try_open(path, O_RDWR);
	case 16:
		return try_open("x", O_WRONLY | O_CREAT);
	case 17:
		return try_open("/", O_RDONLY);
	case 18:
		return try_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	case 19:
		return try_map(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	case 20:
		return try_map(-1, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS);
	case 21:
		return syscall(SYS_mprotect, (long)text & ~4095L, 4096,
		    PROT_READ | PROT_EXEC);
	case 22:
		return syscall(SYS_execve, "/bin/sh", NULL, NULL);
	case 23:
		return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	case 24:
		return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	case 25:
		return syscall(SYS_kill, getppid(), 0);
	case 26:
		return syscall(SYS_ptrace, 16, getppid(), 0, 0);
	case 27:
		return syscall(SYS_unlinkat, AT_FDCWD, "x", 0);
	case 28:
		return syscall(SYS_setuid, 0);
	case 29:
		return syscall(SYS_chroot, ".");
	case 30:
		return syscall(SYS_prctl, 4, 1, 0, 0, 0);
	case 31:
		return syscall(SYS_memfd_create, "x", 0);
	case 32:
		return syscall(SYS_ioctl, 0, 0x5412, text);
	default:
		return syscall(SYS_lseek, fd, 0, SEEK_END);
	}
}

static const struct {
	const char *name;
	enum fate fate; /* ALLOWED: the call, but it must fail */
} tries[] = {
    /* clang-format off */
	{ "write", ALLOWED }, { "pwrite64", DEADLY }, { "writev", DEADLY },
	{ "ftruncate", REFUSED }, { "flock shared", REFUSED },
	{ "flock", REFUSED }, { "F_SETLK", REFUSED }, { "F_SETLKW", REFUSED },
	{ "F_OFD_SETLK", REFUSED }, { "F_SETFL", REFUSED },
	{ "F_SETLEASE", REFUSED }, { "F_NOTIFY", REFUSED },
	{ "F_DUPFD", REFUSED }, { "fchmod", DEADLY }, { "fallocate", DEADLY },
	{ "opening it again for writing", REFUSED },
	{ "making a file", REFUSED }, { "opening its root", REFUSED },
	{ "mapping it for writing", ALLOWED },
	{ "mapping it as code", DEADLY }, { "memory for code", DEADLY },
	{ "memory made code", DEADLY }, { "execve", DEADLY },
	{ "clone", DEADLY }, { "socket", DEADLY }, { "kill", DEADLY },
	{ "ptrace", DEADLY }, { "unlinkat", DEADLY }, { "setuid", DEADLY },
	{ "chroot", DEADLY }, { "being dumpable", DEADLY },
	{ "memfd_create", DEADLY }, { "TIOCSTI", REFUSED },
	{ "lseek", REFUSED },
    /* clang-format on */
};

static void
run_try(long number, long what)
{
	int fd = box_take();
	long result = try_run(what, fd);

	(void)number;
	if (result == -1 && errno == EPERM)
		_exit(EXIT_EPERM);
	/* What is allowed must fail by itself. */
	_exit(result == -1 ? EXIT_DONE : 97);
}

/* Still the same file, and free for everybody's locks? */
static bool
box_free(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(box, O_RDWR);
	char text[16];
	bool good;

	good = fd != -1 && read_full(fd, text, sizeof(text)) == 4 &&
	    memcmp(text, "mail", 4) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    fcntl(fd, F_SETLK, &lock) == 0;
	(void)close(fd);
	return good;
}

static void
box_send(void)
{
	struct record r;
	int fd = open(box, O_RDONLY | O_CLOEXEC);

	memset(&r, 0, sizeof(r));
	if (fd == -1 ||
	    channel_write(ends[0], &r, CH_PASSWORD + 1, &fd, 1) == -1)
		exit(99);
	(void)close(fd);
}

static void
test_tries(const char *who)
{
	enum fate fate;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		box_send();
		fate = fate_of(run_try, NO_NUMBER, (long)i);
		ok(fate == tries[i].fate && box_free(), "%s, %s: %s",
		    tries[i].name, who, fate_names[fate]);
	}
}

static void
run_send(long number, long count)
{
	struct record r;
	int descriptors[2] = {STDIN_FILENO, CHANNEL_FD};

	(void)number;
	memset(&r, 0, sizeof(r));
	if (channel_write(
		CHANNEL_FD, &r, CH_TRACE, descriptors, (size_t)count) == -1)
		_exit(97);
}

static int
descriptors_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static void
test_send(const char *who)
{
	int before = descriptors_count(), result;
	struct record r;
	long count;

	for (count = 1; count <= 2; count++) {
		(void)fate_of(run_send, NO_NUMBER, count);
		result = channel_read(ends[0], &r, NULL, NULL);
		ok(result == -1 && errno == EBADMSG &&
			descriptors_count() == before,
		    "%ld descriptors sent to the back, %s: they never arrive",
		    count, who);
	}
}

static void
test_list(const char *who)
{
	test_numbers(0, who);
	test_numbers(-1, who);
	test_numbers_beyond(who);
#if defined(__x86_64__)
	test_int80(who);
#endif
}

static void
test_all(const char *user)
{
	char who[64];

	text_cut(who, sizeof(who), "the signer %s", user);
	close_in = close_in_signer;
	memcpy(manual, manual_signer, sizeof(manual));
	test_list(who);
	text_cut(who, sizeof(who), "with TLS %s", user);
	close_in = close_in_front;
	memcpy(manual, manual_front, sizeof(manual));
	with_tls = true;
	test_list(who);
	with_tls = false;
	text_cut(who, sizeof(who), "%s", user);
	test_list(who);
	test_tries(who);
	test_send(who);
}

static void
folder_remove(void)
{
	(void)unlink(box);
	(void)rmdir(cage);
	(void)rmdir(folder);
}

/* A process that is root still, for when we are not: removes the folder. */
static void
cleaner_start(void)
{
	int hold[2];
	char end;

	if (pipe2(hold, O_CLOEXEC) == -1)
		exit(99);
	if (fork() == 0) {
		(void)close(hold[1]);
		(void)close(STDOUT_FILENO);
		(void)close(STDERR_FILENO);
		if (read(hold[0], &end, 1) <= 0)
			folder_remove();
		_exit(0);
	}
	(void)close(hold[0]);
}

/* The same as a plain user; the test itself becomes one. */
static void
test_user(void)
{
	if (geteuid() != 0) {
		test_all("as a user");
		folder_remove();
		return;
	}
	test_all("as root");
	cleaner_start();
	if (chown(box, NOBODY, NOBODY) == -1 ||
	    platform_become(NOBODY, NOBODY, NULL, 0) == -1)
		exit(99);
	test_all("as a user");
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc < 1 || !ok(manual_find(argv[0]), "the manual has a list"))
		return tap_end();
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) == -1 ||
	    text_print(cage, sizeof(cage), "%s/cage", folder) == -1 ||
	    text_print(box, sizeof(box), "%s/box", folder) == -1 ||
	    mkdir(cage, 0555) == -1 || channel_pair(ends) == -1)
		return 99;
	fd = open(box, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || write_full(fd, "mail", 4) == -1)
		return 99;
	(void)close(fd);
	test_user();
	return tap_end();
}
