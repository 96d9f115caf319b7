/*
 * signer.c - the signer's life.
 *
 * Its privilege: keys, and the channels that it is given.  It is forked before
 * anything came from the network; from when it serves it can open nothing,
 * start nothing, and reach nobody.  The list of system calls is the
 * manual's: tests/unit/close_in_test.c compares.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"

#define SESSIONS_MAX 1000 /* in their handshakes; more get nothing */

/* clang-format off */
static const struct sandbox_rule rules[] = {
	{ SYS_sendmsg, SANDBOX_ALLOW },
	{ SYS_recvmsg, SANDBOX_ALLOW },
	{ SYS_fstat, SANDBOX_ALLOW },
	{ SYS_pread64, SANDBOX_ALLOW },
#ifdef SYS_poll
	{ SYS_poll, SANDBOX_ALLOW },
#else
	{ SYS_ppoll, SANDBOX_ALLOW },
#endif
	{ SYS_close, SANDBOX_ALLOW },
	{ SYS_clock_gettime, SANDBOX_ALLOW },
	/* OpenSSL's clocks, where the kernel gives them only by a call. */
	{ SYS_gettimeofday, SANDBOX_ALLOW },
#ifdef SYS_time
	{ SYS_time, SANDBOX_ALLOW },
#endif
	{ SYS_brk, SANDBOX_ALLOW },
	{ SYS_mmap, SANDBOX_NO_EXEC },
	{ SYS_munmap, SANDBOX_ALLOW },
	{ SYS_mremap, SANDBOX_ALLOW },
	{ SYS_getpid, SANDBOX_ALLOW },
	{ SYS_getrandom, SANDBOX_ALLOW },
	{ SYS_rt_sigreturn, SANDBOX_ALLOW },
	{ SYS_restart_syscall, SANDBOX_ALLOW },
	{ SYS_exit_group, SANDBOX_ALLOW },
	{ SYS_madvise, SANDBOX_DONTNEED },
	{ SYS_futex, SANDBOX_ALLOW },
};
/* clang-format on */

/* Channels: the first is the parent's, the others are sessions'. */
struct table {
	struct pollfd fds[1 + SESSIONS_MAX];
	struct share shares[1 + SESSIONS_MAX]; /* what each has had */
	size_t count;
};

int
signer_close_in(const struct signer_place *place)
{
	struct rlimit none = {0, 0},
		      files = {2 * SESSIONS_MAX, 2 * SESSIONS_MAX};

	if (place->root &&
	    (chroot(place->cage) == -1 || chdir("/") == -1 ||
		setrlimit(RLIMIT_NOFILE, &files) == -1 ||
		platform_become(place->uid, place->gid, NULL, 0) == -1))
		return -1;
	(void)setrlimit(RLIMIT_NPROC, &none);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	platform_hide();
	if (sandbox_close(rules, ARRAY_SIZE(rules)) == -1 && errno != ENOSYS)
		return -1;
	return 0;
}

/* A session of its own; where there are too many it gets nothing. */
static void
session_take(struct table *table, int fd)
{
	if (table->count == ARRAY_SIZE(table->fds)) {
		(void)close(fd);
		return;
	}
	table->shares[table->count] = (struct share){0};
	table->fds[table->count++] =
	    (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Other keys for tickets: those before them stay where it has none. */
static void
tickets_take(struct held *held, int fd, uid_t owner)
{
	if (tickets_read(fd, owner, &held->tickets) == -1)
		errno = 0; /* who sent it has said why, if there is something */
	(void)close(fd);
}

/* What the parent's side has to say; false at its end. */
static bool
control_hear(struct held *held, struct table *table, uid_t owner)
{
	struct record record;
	size_t count = 1;
	int fd = -1;

	if (channel_read(table->fds[0].fd, &record, &fd, &count) != 1)
		return false;
	if (count != 1)
		return true;
	if (record.type == CH_SERVE)
		session_take(table, fd);
	else if (record.type == CH_TICKETS)
		tickets_take(held, fd, owner);
	else
		(void)close(fd);
	return true;
}

/*
 * One question; false when it was the last.  The answers that a session can
 * have fit into its channel, so that nobody waits for one that does not read.
 */
static bool
session_serve(const struct held *held, struct share *share, int fd)
{
	struct record record;

	if (channel_read(fd, &record, NULL, NULL) != 1 ||
	    !session_answer(held, share, &record) ||
	    channel_write(fd, &record, record.type + 1, NULL, 0) == -1)
		return false;
	explicit_bzero(&record, sizeof(record));
	return !share->sealed;
}

static void
sessions_serve(const struct held *held, struct table *table)
{
	size_t i = 1;

	while (i < table->count) {
		if (table->fds[i].revents == 0 ||
		    session_serve(held, &table->shares[i], table->fds[i].fd)) {
			i++;
			continue;
		}
		(void)close(table->fds[i].fd);
		table->count--;
		table->fds[i] = table->fds[table->count];
		table->shares[i] = table->shares[table->count];
	}
}

/*
 * Of no use, but it stays until it has read everything: otherwise its parent
 * would find the channel broken, and not the reason in it.
 */
static void
sessions_refuse(int control)
{
	struct record record;
	size_t count = 1;
	int fd;

	while (channel_read(control, &record, &fd, &count) == 1) {
		if (count == 1)
			(void)close(fd);
		count = 1;
	}
}

static void
serve(struct held *held, int control, uid_t owner)
{
	struct table *table = calloc(1, sizeof(*table));
	bool open = true;

	if (table == NULL)
		return;
	table->fds[0] = (struct pollfd){.fd = control, .events = POLLIN};
	table->count = 1;
	while (open || table->count > 1) {
		if (poll(table->fds, table->count, -1) == -1) {
			if (errno == EINTR)
				continue;
			return;
		}
		/* Those that were there: one that comes now has no revents. */
		sessions_serve(held, table);
		if (open && table->fds[0].revents != 0 &&
		    !control_hear(held, table, owner)) {
			open = false;
			table->fds[0].fd = -1; /* poll(2) passes it over */
		}
	}
}

/*
 * All certificates, which are no secret, to who makes a context of them; before
 * them an octet, 1 where there are keys for tickets.
 */
static void
chains_write(const struct keys *keys, bool tickets, int fd)
{
	uint8_t *chains = malloc(TLS_CHAINS);
	size_t length = 1, n, i;

	if (chains != NULL)
		chains[0] = tickets;
	for (i = 0; chains != NULL && length > 0 && i < keys->count; i++) {
		n = keys->tls->key_chain(keys->key[i], (uint32_t)i,
		    chains + length, TLS_CHAINS - length);
		length += n;
		if (n == 0)
			length = 0;
	}
	if (length > 1 && keys->authorities_length > 0 &&
	    keys->authorities_length <= TLS_CHAINS - length) {
		memcpy(chains + length, keys->authorities,
		    keys->authorities_length);
		length += keys->authorities_length;
	}
	if (length > 1 && write_full(fd, chains, length) == -1)
		errno = 0; /* nobody wants them any more */
	free(chains);
}

/* The first thing that is worth knowing; dates need the system's files. */
static void
trouble_find(const struct keys *keys, char text[CHANNEL_TEXT])
{
	char what[TLS_TEXT], trouble[TLS_TEXT];
	size_t i;

	text_cut(text, CHANNEL_TEXT, "%s", keys->trouble);
	for (i = 0; text[0] == '\0' && i < keys->count; i++) {
		keys->tls->key_look(keys->key[i], what, trouble);
		if (trouble[0] != '\0')
			text_cut(text, CHANNEL_TEXT, "%s: %s", keys->file[i],
			    trouble);
	}
}

static void
ready_say(int control, bool good, const char *text)
{
	struct record record;
	struct ch_result *result = &record.u.result;

	memset(result, 0, sizeof(*result));
	result->code = good ? CODE_OK : CODE_PERMANENT;
	text_cut(result->text, sizeof(result->text), "%s", text);
	if (channel_write(control, &record, CH_SERVING, NULL, 0) == -1)
		_exit(1);
}

/* Descriptors 3 and 4, and no others but /dev/null. */
static void
descriptors_keep(int *control, int *chains)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high = fcntl(*chains, F_DUPFD_CLOEXEC, 16);

	if (null == -1 || high == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1 || dup2(null, 2) == -1 ||
	    (*control != 3 && dup2(*control, 3) == -1) || dup2(high, 4) == -1)
		_exit(1);
	platform_close_from(5);
	*control = 3;
	*chains = 4;
}

/* Without keys for tickets there is TLS all the same. */
static void
tickets_load(const struct config *config, struct tickets *tickets, char *text)
{
	char trouble[CHANNEL_TEXT];
	int fd = tickets_open(config, trouble);

	if (fd != -1) {
		if (tickets_read(fd, geteuid(), tickets) == -1)
			text_cut(trouble, sizeof(trouble),
			    "no resumption: %s: %s", TICKETS_FILE,
			    strerror(errno));
		(void)close(fd);
	}
	if (text[0] == '\0')
		memcpy(text, trouble, sizeof(trouble));
}

static _Noreturn void
signer_run(const struct config *config, const struct signer_place *place,
    int control, int chains)
{
	struct held held;
	char text[CHANNEL_TEXT];
	uid_t owner = geteuid();
	bool good;
	size_t i;

	platform_hide();
	descriptors_keep(&control, &chains);
	memset(&held, 0, sizeof(held));
	good = keys_load(config, &held.keys, text) == 0;
	if (good) {
		trouble_find(&held.keys, text);
		tickets_load(config, &held.tickets, text);
		chains_write(&held.keys, held.tickets.count > 0, chains);
	}
	(void)close(chains);
	/* The front is busy with the certificates meanwhile. */
	for (i = 0; good && i < held.keys.count; i++)
		held.keys.tls->key_warm(held.keys.key[i]);
	if (good && signer_close_in(place) == -1) {
		text_cut(text, sizeof(text), "cannot close the signer in: %s",
		    strerror(errno));
		good = false;
	}
	ready_say(control, good, text);
	if (good)
		serve(&held, control, owner);
	else
		sessions_refuse(control);
	_exit(0);
}

int
signer_start(const struct config *config, const struct signer_place *place,
    struct signer *signer)
{
	int control[2], chains[2];

	*signer = SIGNER_NONE;
	if (channel_pair(control) == -1)
		return -1;
	if (pipe2(chains, O_CLOEXEC) == -1) {
		(void)close(control[0]);
		(void)close(control[1]);
		return -1;
	}
	signer->pid = fork();
	if (signer->pid == 0)
		signer_run(config, place, control[1], chains[1]);
	(void)close(control[1]);
	(void)close(chains[1]);
	signer->control = control[0];
	signer->chains = chains[0];
	if (signer->pid != -1)
		return 0;
	signer_leave(signer);
	return -1;
}

int
signer_wait(const struct signer *signer, char text[CHANNEL_TEXT])
{
	struct record record;

	text_cut(text, CHANNEL_TEXT, "the signer has ended");
	if (channel_read(signer->control, &record, NULL, NULL) != 1 ||
	    record.type != CH_SERVING)
		return -1;
	text_cut(text, CHANNEL_TEXT, "%s", record.u.result.text);
	return record.u.result.code == CODE_OK ? 0 : -1;
}

int
signer_connect(const struct signer *signer)
{
	struct record record;
	int ends[2], error;

	if (channel_pair(ends) == -1)
		return -1;
	memset(&record.u.serve, 0, sizeof(record.u.serve));
	record.u.serve.signatures = 1;
	if (channel_write(signer->control, &record, CH_SERVE, &ends[1], 1) ==
	    -1) {
		error = errno;
		(void)close(ends[0]);
		ends[0] = -1;
		errno = error;
	}
	(void)close(ends[1]);
	return ends[0];
}

int
signer_tickets(const struct config *config, const struct signer *signer,
    char text[CHANNEL_TEXT])
{
	struct record record;
	int fd = tickets_open(config, text), result;

	if (fd == -1)
		return -1;
	memset(&record.u.tickets, 0, sizeof(record.u.tickets));
	result = channel_write(signer->control, &record, CH_TICKETS, &fd, 1);
	if (result == -1)
		text_cut(text, CHANNEL_TEXT, "the signer: %s", strerror(errno));
	(void)close(fd);
	return result;
}

void
signer_leave(struct signer *signer)
{
	if (signer->control != -1)
		(void)close(signer->control);
	if (signer->chains != -1)
		(void)close(signer->chains);
	if (signer->context != NULL)
		tls_load()->context_free(signer->context);
	*signer = SIGNER_NONE;
}
