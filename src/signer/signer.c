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

#define SESSIONS_MAX 1000 /* that have not signed yet; more get nothing */

/* clang-format off */
static const struct sandbox_rule rules[] = {
	{ SYS_sendmsg, SANDBOX_ALLOW },
	{ SYS_recvmsg, SANDBOX_ALLOW },
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
static bool
session_take(struct table *table)
{
	struct record record;
	size_t count = 1;
	int fd = -1;

	if (channel_read(table->fds[0].fd, &record, &fd, &count) != 1)
		return false;
	if (record.type != CH_SERVE || count != 1 ||
	    table->count == ARRAY_SIZE(table->fds)) {
		if (count == 1)
			(void)close(fd);
		return true;
	}
	table->fds[table->count++] =
	    (struct pollfd){.fd = fd, .events = POLLIN};
	return true;
}

/* One question is all that a session has. */
static void
session_serve(const struct keys *keys, int fd)
{
	struct record record;
	struct ch_sign request;

	if (channel_read(fd, &record, NULL, NULL) == 1 &&
	    record.type == CH_SIGN) {
		request = record.u.sign;
		keys_answer(keys, &request, &record.u.octets);
		if (channel_write(fd, &record, CH_SIGN + 1, NULL, 0) == -1)
			errno = 0; /* the front has gone */
	}
	(void)close(fd);
}

static void
sessions_serve(const struct keys *keys, struct table *table)
{
	size_t i = 1;

	while (i < table->count) {
		if (table->fds[i].revents == 0) {
			i++;
			continue;
		}
		session_serve(keys, table->fds[i].fd);
		table->fds[i] = table->fds[--table->count];
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
serve(const struct keys *keys, int control)
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
		sessions_serve(keys, table);
		if (open && table->fds[0].revents != 0 &&
		    !session_take(table)) {
			open = false;
			table->fds[0].fd = -1; /* poll(2) passes it over */
		}
	}
}

/* All certificates, which are no secret, to who makes a context of them. */
static void
chains_write(const struct keys *keys, int fd)
{
	uint8_t *chains = malloc(TLS_CHAINS);
	size_t length = 0, n, i;

	for (i = 0; chains != NULL && i < keys->count; i++) {
		n = keys->tls->key_chain(keys->key[i], (uint32_t)i,
		    chains + length, TLS_CHAINS - length);
		length += n;
		if (n == 0)
			length = 0;
	}
	if (length > 0 && write_full(fd, chains, length) == -1)
		errno = 0; /* nobody wants them any more */
	free(chains);
}

/* The first thing that is worth knowing; dates need the system's files. */
static void
trouble_find(const struct keys *keys, char text[CHANNEL_TEXT])
{
	char what[TLS_TEXT], trouble[TLS_TEXT];
	size_t i;

	text[0] = '\0';
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

static _Noreturn void
signer_run(const struct config *config, const struct signer_place *place,
    int control, int chains)
{
	char text[CHANNEL_TEXT];
	struct keys keys;
	bool good;

	platform_hide();
	descriptors_keep(&control, &chains);
	good = keys_load(config, &keys, text) == 0;
	if (good) {
		trouble_find(&keys, text);
		chains_write(&keys, chains);
	}
	(void)close(chains);
	if (good && signer_close_in(place) == -1) {
		text_cut(text, sizeof(text), "cannot close the signer in: %s",
		    strerror(errno));
		good = false;
	}
	ready_say(control, good, text);
	if (good)
		serve(&keys, control);
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
