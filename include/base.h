/*
 * base.h - what every room stands on: numbers, octets, times, logging,
 * the configuration, and what differs between platforms.
 *
 * base knows no mail and no protocol.
 */

#ifndef BASE_H
#define BASE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POP3D_VERSION "0.1"

#define MUST_CHECK __attribute__((__warn_unused_result__))

/*
 * Of what runs while a session waits, which the linker then puts into one
 * place: the kernel maps 64 KiB around each octet of the program that is
 * touched, and an idle session is charged for them.
 */
#define WAITS_HERE __attribute__((__hot__, __noinline__))
#define FORMAT(fmt, first) __attribute__((__format__(printf, fmt, first)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Numbers (number.c) */

/*
 * Read exactly length octets of text as a decimal number: digits and
 * nothing else, no sign, no blanks, at least one.  On success 0 with
 * *number in least..most; else -1 with errno EINVAL (not a number) or ERANGE.
 */
int number_get(const char *text, size_t length, uint64_t least, uint64_t most,
    uint64_t *number) MUST_CHECK;

/*
 * Two digits of 16, in either case, as an octet; -1: they are not.  The second
 * is not looked at behind a NUL.
 */
int hex_octet(const char *text, uint8_t *octet) MUST_CHECK;

/* *sum = a + b; -1 with errno EOVERFLOW when that is no uint64_t. */
int number_add(uint64_t a, uint64_t b, uint64_t *sum) MUST_CHECK;

/*
 * "90", "90s", "15m", "2h", "1d" in seconds; "64K", "8M", "1G" in octets.
 * Errors as number_get().
 */
int number_time(const char *text, uint64_t *seconds) MUST_CHECK;
int number_size(const char *text, uint64_t *octets) MUST_CHECK;

/* Milliseconds of a clock that is never set (CLOCK_MONOTONIC). */
int64_t clock_ms(void);

/* Octets (octets.c) */

/*
 * Copy length octets of src and a NUL to dst, of size octets in all.
 * -1 with errno ENAMETOOLONG when they do not fit; dst is then "".
 */
int
text_copy(char *dst, size_t size, const char *src, size_t length) MUST_CHECK;

/*
 * Print to dst, of size octets; -1 with errno ENAMETOOLONG when it was cut.
 */
int text_print(char *dst, size_t size, const char *format, ...)
    FORMAT(3, 4) MUST_CHECK;

/* As text_print() for a line that people read: cut where it does not fit. */
void text_cut(char *dst, size_t size, const char *format, ...) FORMAT(3, 4);

/* Equal?  For secrets: the time does not depend on where they differ. */
bool octets_equal(const void *a, const void *b, size_t length) MUST_CHECK;

/*
 * Read exactly, or up to the end of the file: the octets got, fewer than
 * length only at the end; -1 with errno.  EINTR is tried again.
 */
ssize_t read_full(int fd, void *dst, size_t length) MUST_CHECK;
ssize_t
pread_full(int fd, void *dst, size_t length, uint64_t offset) MUST_CHECK;

/* Write all of it: 0, or -1 with errno; some may have been written then. */
int write_full(int fd, const void *src, size_t length) MUST_CHECK;
int
pwrite_full(int fd, const void *src, size_t length, uint64_t offset) MUST_CHECK;

/*
 * To the disk: that a folder which was just made is in the one above it.  What
 * is synced in it later is lost with the power otherwise.  -1 with errno.
 */
int folder_entry_sync(int folder) MUST_CHECK;

/*
 * A small file whole, NUL-terminated, in memory that the caller frees; its
 * length in *length.  NULL with errno; EFBIG when it is longer than most.
 */
char *file_read(const char *path, size_t most, size_t *length) MUST_CHECK;

/* base64 (base64.c; RFC 4648, 4) */

/* As text, and a NUL; -1 with errno ENAMETOOLONG when it does not fit. */
int base64_encode(
    char *dst, size_t size, const void *octets, size_t length) MUST_CHECK;

/*
 * The octets of exactly length octets of text, their number in *got.  -1 with
 * errno: EINVAL for anything that base64_encode() would not have made,
 * ENAMETOOLONG when they do not fit; some may have been written then.
 */
int base64_decode(void *octets, size_t size, const char *text, size_t length,
    size_t *got) MUST_CHECK;

/* Logging (log.c) */

/*
 * Lines go to syslog with the ident "pop3d", and to standard error when
 * to_stderr.  No descriptor is opened before the first line.  Only the
 * roles log: main, back, listener, never a module, never the front.
 */
void log_init(int facility, bool to_stderr, bool debug);
void log_info(const char *format, ...) FORMAT(1, 2);
void log_warn(const char *format, ...) FORMAT(1, 2); /* adds strerror(errno) */
void log_warnx(const char *format, ...) FORMAT(1, 2);
void log_debug(const char *format, ...) FORMAT(1, 2);

/* One line, then exit(1). */
_Noreturn void fatal(const char *format, ...) FORMAT(1, 2);
_Noreturn void fatalx(const char *format, ...) FORMAT(1, 2);

/*
 * A name from outside as it may stand in a log line: octets other than
 * letters, digits and "-_.@+" become %XX; cut to what fits, "" stays "".
 */
void log_name(char *dst, size_t size, const char *name);

/* The configuration (config.c, config_file.c); names and defaults: DESIGN */

enum plaintext { PLAINTEXT_LOCAL, PLAINTEXT_ALWAYS, PLAINTEXT_NEVER };

enum auth_kind {
	AUTH_UNIX,
	AUTH_MAILAUTH,
	AUTH_PASSWD_FILE,
	AUTH_CHECKPASSWORD,
	AUTH_PAM,
	AUTH_KINDS
};

#define CONFIG_FILE "/etc/pop3d/pop3d.conf" /* without -C */

#define LOCK_FCNTL 1U
#define LOCK_DOTLOCK 2U
#define LOCK_FLOCK 4U

/*
 * Every string is the configuration's own and never NULL ("" where nothing
 * is set); times in seconds, sizes in octets.
 */
struct config {
	char *file;    /* where it was read from, or "" */
	char *folder;  /* while a file is read: its absolute folder */
	char *mailbox; /* mbox:PATH, %u %n %d %h ~/ not yet expanded */
	enum auth_kind auth[AUTH_KINDS]; /* in order */
	size_t auth_count;
	char *passwd_file;   /* absolute, or "" */
	char *mailauth_file; /* absolute */
	char *checkpassword; /* an absolute path and arguments, or "" */
	bool apop_only;      /* no clear text of who has an APOP secret */
	enum plaintext plaintext;
	uint64_t minimum_uid; /* at least 1 */
	char *allow_users;    /* a list, or "file:" and an absolute path */
	char *deny_users;     /* likewise */
	char *access_file;    /* absolute, or "" */
	bool username_lower;
	char *default_domain; /* harmless in a path; or "" */
	char *front_user;     /* "" = pop3d, else nobody */
	char *state_directory;
	unsigned locks; /* LOCK_* */
	uint64_t lock_timeout;
	char *mail_group;
	uint64_t journal_size; /* 64 KiB .. 1 GiB */
	uint64_t timeout;
	uint64_t login_timeout;
	uint64_t login_tries;
	uint64_t login_delay_failed;
	char *greeting;        /* "" = POP3 server at HOST ready */
	bool mark_seen;        /* Maildir: flag S on what was fetched */
	bool mailbox_create;   /* make a Maildir that is missing */
	char *tls_certificate; /* absolute paths with blanks between, or "" */
	char *tls_key;         /* the same; "" = in the certificate's file */
	char *tls_client_ca;   /* absolute, or "" */
	char *tls_client_map;  /* likewise */
	uint64_t external_security; /* of a wrapper; 0: there is none */
	char *listen;
	char *listen_tls;
	char *pid_file;
	bool statistics;
	bool debug;
	char *trace_file;
	int syslog_facility; /* LOG_MAIL ... */
};

/* Are clients asked for certificates, to log in by? */
bool config_certificates(const struct config *config);

/* Is this one of the methods of auth? */
bool config_auth(const struct config *config, enum auth_kind kind);

#define CONFIG_ERROR_SIZE 512

/* The defaults; 0, or -1 with errno ENOMEM. */
int config_init(struct config *config) MUST_CHECK;
void config_free(struct config *config);

/*
 * One setting, as in the file or after -o.  -1 with a sentence for people in
 * error ("unknown name 'x'", "lock-timeout: '3 weeks' is no time");
 * nothing is changed then.
 */
int config_set(struct config *config, const char *name, const char *value,
    char error[CONFIG_ERROR_SIZE]) MUST_CHECK;

/* "name=value", as -o takes it.  As config_set(). */
int config_assign(struct config *config, const char *assignment,
    char error[CONFIG_ERROR_SIZE]) MUST_CHECK;

/*
 * A whole file.  -1 with "PATH:LINE: ..." or "PATH: No such file or
 * directory" in error and errno (ENOENT, EACCES, ...; EINVAL for a bad
 * line).  Settings before a bad line stay.
 */
int config_load(struct config *config, const char *path,
    char error[CONFIG_ERROR_SIZE]) MUST_CHECK;

/* The platform (platform.c): everything that is not POSIX */

/*
 * The first act of a process: signals to their defaults (SIGPIPE and SIGXFSZ
 * ignored), mask empty, umask 077, no core, descriptors above 2 closed, and
 * 0, 1, 2 open (on /dev/null when they were not).
 */
void platform_first_act(void);

/* The same for a process that we have forked: descriptors below lowest stay. */
void platform_first_act_from(int lowest);

/* Close every descriptor from lowest up. */
void platform_close_from(int lowest);

/* No debugger, no core, not even by our own uid. */
void platform_hide(void);

/*
 * Be killed when the parent ends; to be called after the last change of ids,
 * which undoes it.  0, or -1 with errno.
 */
int platform_die_with_parent(void) MUST_CHECK;

/*
 * A leash on a child, two descriptors: it dies when an octet is written to
 * the second, or both are closed by our end, whoever we are by then (kill(2)
 * and the parent's death go by the uid of that moment, this by today's).
 * Nobody else may hold them.  0, or -1 with errno.
 */
int platform_leash(pid_t pid, int leash[2]) MUST_CHECK;

/*
 * Is this file written over in place?  false where its file system is known
 * to copy on write, so that writing over it may need new space.
 */
bool platform_overwrites(int fd);

/*
 * For root: make and open files as this user from now on, so that what he has
 * put in his folders gains him nothing, and what is made is his; 0 and root's
 * gid: as root again.  0, or -1 with errno and nothing changed; fatal() when
 * it is half done, or the way back is closed.
 */
int platform_file_ids(uid_t uid, gid_t gid) MUST_CHECK;

/* May a file of this process be so large (RLIMIT_FSIZE)? */
bool platform_file_fits(uint64_t octets);

/* Orphaned descendants come to this process, to be waited for. */
void platform_adopt(void);

/* Is there a list of system calls on this platform? */
bool sandbox_there(void);

/* No new privileges by exec, for ever; 0, or -1 with errno. */
int platform_no_new_privileges(void) MUST_CHECK;

/* Octets that nobody can guess; fatal() when there are none. */
void platform_random(void *dst, size_t length);

/*
 * An anonymous file, close-on-exec, in memory where the system has that;
 * -1 with errno.
 */
int platform_memory_file(const char *name) MUST_CHECK;

/*
 * Memory for a large array that is used soon and whole, in pages so large that
 * not every 4 KiB of it costs a fault, where the system has them; to be given
 * back with free().  NULL with errno ENOMEM.
 */
void *platform_memory_large(size_t size) MUST_CHECK;

/*
 * One system call of a process's allow-list (Linux: seccomp).  What is not
 * in the list kills the process.
 */
struct sandbox_rule {
	int number; /* SYS_read ... */
	enum {
		SANDBOX_ALLOW,
		SANDBOX_REFUSE,  /* fails with EPERM: libc may try it */
		SANDBOX_NO_EXEC, /* mmap: unless it asks for PROT_EXEC */
		SANDBOX_DONTNEED /* madvise: MADV_DONTNEED, else EPERM */
	} what;
};

#define SANDBOX_RULES_MAX 64

/*
 * Close this process in, for ever: no new privileges, then the list.  0, or
 * -1 with errno, ENOSYS where the platform has nothing of the kind.
 */
int sandbox_close(const struct sandbox_rule *rules, size_t count) MUST_CHECK;

/*
 * Let nobody write to a memory file any more, whoever holds a descriptor of
 * it; -1 with errno where that cannot be had.  Where it can be had *fd becomes
 * another one, for reading only.
 */
int platform_memory_seal(int *fd) MUST_CHECK;

/*
 * Become the user for good: groups, gid, uid, verified, so that no way back
 * is left.  0, or -1 with errno; the process must end then.  Where this
 * process is not root, only a uid and gid that are its own succeed.
 */
int platform_become(
    uid_t uid, gid_t gid, const gid_t *groups, size_t count) MUST_CHECK;

struct stat;

/*
 * fstat(2) as the one system call of that name, which a sandbox can allow
 * without allowing paths (newer C libraries use newfstatat).
 */
int platform_fstat(int fd, struct stat *st) MUST_CHECK;

/*
 * Give back the pages of the program and its libraries that only a start or a
 * login needed: an idle session is charged for what it has mapped.  They come
 * again from the page cache when they are touched.
 */
void platform_trim(void);

/* The same, and what was freed, too: brk(2) and madvise(2) besides. */
void platform_trim_heap(void);

/*
 * Load one of our modules (a file beside the program, or in ../lib/pop3d of
 * it) and find symbol in it; NULL with errno ENOENT.  Never unloaded.
 */
void *platform_module(const char *file, const char *symbol);

/*
 * The absolute path of one of our programs, which is where modules are; -1
 * with errno ENOENT.
 */
int platform_program(const char *file, char *path, size_t size) MUST_CHECK;

/*
 * Who made a pair of sockets, as the kernel noted it then; and who sent a
 * record over one (maker.c).
 */
#define MAKER_GROUPS 256 /* supplementary groups */
struct maker {
	uid_t uid;
	gid_t gid;
	bool grouped; /* the platform tells groups */
	size_t count;
	gid_t groups[MAKER_GROUPS];
};

struct msghdr;

/*
 * Of the pair that fd is one end of, whoever holds it now; -1 with errno:
 * ENOSYS where the platform cannot tell, ERANGE for too many groups.
 */
int maker_get(int fd, struct maker *maker) MUST_CHECK;

/* From now on records that come on fd say who sent them; -1 with errno. */
int sender_want(int fd) MUST_CHECK;

/* Octets of control data that this takes, and whose record it is; or -1. */
#define SENDER_SPACE 64
int sender_get(struct msghdr *message, uid_t *uid, gid_t *gid) MUST_CHECK;

/*
 * uid and gid of name, or where that is missing of other, in /etc/passwd
 * itself, with no name service; -1 with errno ENOENT.  For the front's user,
 * whose look-up every session pays.
 */
int passwd_local(
    const char *name, const char *other, uid_t *uid, gid_t *gid) MUST_CHECK;

#endif
