/*
 * recover.c - pop3d --recover: finishes what interrupted updates have left,
 * without waiting for the next session; for a boot script.
 *
 * Root decides nothing by what it finds in a user's folder: it reads the names
 * there as that user, and each mailbox is opened by a child that has become
 * him, with the locks of a session.  What is not as pop3d makes it is named
 * and skipped.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "state.h"

#define JOURNALS_MAX 1000 /* of one user; he makes their names */
#define NAME_SIZE 256     /* octets of a file's name with the NUL */
#define GRACE_MS 5000     /* the verifier's time beyond login-timeout */
#define WAIT_MS 1000      /* for one user, beyond twice lock-timeout */

struct recover {
	const struct config *config;
	int directory; /* the state-directory, or -1 */
	bool left;     /* something is unfinished */
};

/* One user's folder. */
struct folder {
	int fd;
	uid_t uid;
	gid_t gid;
	char path[CHANNEL_PATH]; /* for people */
	char (*journals)[NAME_SIZE];
	size_t count;
};

/* One line, on standard output and in the log. */
FORMAT(2, 3)
static void
say(bool bad, const char *format, ...)
{
	char line[2 * CHANNEL_PATH];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(line, sizeof(line) - 1, format, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	if (bad)
		log_warnx("%s", line);
	else
		log_info("%s", line);
	memcpy(line + strlen(line), "\n", 2);
	/* Nobody may want to read it; the log has it. */
	(void)!write_full(STDOUT_FILENO, line, strlen(line));
}

FORMAT(2, 3)
static void
say_left(struct recover *recover, const char *format, ...)
{
	char line[2 * CHANNEL_PATH];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(line, sizeof(line), format, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	say(true, "%s", line);
	recover->left = true;
}

/* Whose mailbox is it?  account->code is not CODE_OK when nobody can tell. */
static void
account_ask(const struct config *config, const char *mailbox,
    struct ch_account *account)
{
	const struct verifier_facts facts = {
	    .owner_of = mailbox, .stamp = "", .peer = "local", .method = "-a"};
	const uint64_t most = 86400;
	uint64_t limit = config->login_timeout;
	struct record record;
	struct pollfd p = {.events = POLLIN};
	int ends[2];
	pid_t pid;

	memset(account, 0, sizeof(*account));
	account->code = CODE_TEMPORARY;
	text_cut(account->reason, sizeof(account->reason),
	    "no answer from the verifier");
	if (channel_pair(ends) == -1)
		return;
	memset(&record, 0, sizeof(record));
	record.type = CH_EXTERNAL;
	pid = fork();
	if (pid == 0)
		verifier_run(config, ends[1], &record, &facts);
	(void)close(ends[1]);
	p.fd = ends[0];
	if (pid != -1) {
		limit = (limit < most ? limit : most) * 1000 + GRACE_MS;
		if (poll(&p, 1, (int)limit) == 1 &&
		    channel_read(ends[0], &record, NULL, NULL) == 1 &&
		    record.type == CH_ACCOUNT)
			*account = record.u.account;
		else
			(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			continue;
	}
	(void)close(ends[0]);
}

/* As the user: is the journal still there? */
static bool
journal_left(int state, const char *journal)
{
	struct stat st;

	return journal != NULL &&
	    (fstatat(state, journal, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		errno != ENOENT);
}

/* The child's life: the user's, from here on. */
static _Noreturn void
mailbox_run(const struct config *config, const struct ch_account *account,
    int state, const char *journal)
{
	struct mailbox_options options;
	struct mailbox_error error;
	const char *path = strchr(account->mailbox, ':') + 1;
	int keeper = keeper_start(config, account), result;

	if (platform_become(account->uid, account->gid, account->groups,
		account->group_count) == -1) {
		say(true, "%s: cannot become uid %lu: %s", path,
		    (unsigned long)account->uid, strerror(errno));
		_exit(1);
	}
	platform_hide();
	if (platform_no_new_privileges() == -1)
		_exit(1);
	memset(&options, 0, sizeof(options));
	options.config = config;
	options.path = account->mailbox;
	options.state = state;
	options.keeper = keeper;
	options.peer = "recover";
	result = mailbox_recover(&options, &error);
	if (result == -1)
		say(true, "%s%s", error.log[0] != '\0' ? error.log : error.text,
		    error.code == CODE_IN_USE ? ": skipped" : "");
	else if (journal_left(state, journal))
		say(true, "%s: its journal is left: it is now another mailbox",
		    path);
	else if (error.log[0] != '\0')
		say(false, "%s", error.log);
	else
		say(false, "%s: nothing to finish", path);
	_exit(result == -1 || journal_left(state, journal));
}

static void
mailbox_finish(struct recover *recover, const struct ch_account *account,
    int state, const char *journal)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (recover->directory != -1)
			(void)close(recover->directory);
		mailbox_run(recover->config, account, state, journal);
	}
	if (pid == -1) {
		say_left(
		    recover, "%s: fork: %s", account->mailbox, strerror(errno));
		return;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		say_left(recover, "%s: killed by signal %d", account->mailbox,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		recover->left = true;
}

/*
 * The groups are those of the login, which passwd knows; a mailbox of a
 * virtual user may do with the folder's.
 */
static void
journal_run(
    struct recover *recover, const struct folder *folder, const char *journal)
{
	struct ch_account account;
	char mailbox[CHANNEL_PATH], printable[CHANNEL_PATH];

	if (mailbox_journal(journal, mailbox) == -1) {
		log_name(printable, sizeof(printable), journal);
		say(true, "%s/%s: no mailbox's journal: skipped", folder->path,
		    printable);
		return;
	}
	account_ask(recover->config, mailbox, &account);
	if (account.code != CODE_OK || account.uid != folder->uid) {
		memset(&account, 0, sizeof(account));
		account.uid = folder->uid;
		account.gid = folder->gid;
		account.mail_gid = folder->gid;
		memcpy(account.mailbox, mailbox, sizeof(mailbox));
	}
	mailbox_finish(recover, &account, folder->fd, journal);
}

/* Is it the name of a journal, of whichever mailbox? */
static bool
journal_named(const char *name)
{
	static const char suffix[] = ".journal";
	size_t length = strlen(name), end = sizeof(suffix) - 1;

	return length > end && length < NAME_SIZE &&
	    strcmp(name + length - end, suffix) == 0;
}

/* The journals' names; as the user. */
static int
folder_list(struct folder *folder)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int error = errno;

	if (stream == NULL) {
		if (fd != -1)
			(void)close(fd);
		errno = error;
		return -1;
	}
	errno = 0;
	while (
	    folder->count < JOURNALS_MAX && (entry = readdir(stream)) != NULL) {
		if (journal_named(entry->d_name))
			memcpy(folder->journals[folder->count++], entry->d_name,
			    strlen(entry->d_name) + 1);
	}
	error = errno;
	(void)closedir(stream);
	errno = error;
	return error == 0 ? 0 : -1;
}

/*
 * He also makes the locks that we wait for, and others wait for us: what was in
 * vain has an end.
 */
static void
journals_run(struct recover *recover, const struct folder *folder)
{
	bool left = recover->left;
	int64_t wait = WAIT_MS + 2000 * (int64_t)recover->config->lock_timeout;
	int64_t begin;
	size_t i;

	for (i = 0; i < folder->count && wait > 0; i++) {
		begin = clock_ms();
		recover->left = false;
		journal_run(recover, folder, folder->journals[i]);
		if (recover->left)
			wait -= clock_ms() - begin;
		left = left || recover->left;
	}
	recover->left = left;
	if (i < folder->count)
		say_left(recover, "%s: %zu more journals: no time: skipped",
		    folder->path, folder->count - i);
}

/* The folder is open, and its owner's. */
static void
folder_run(struct recover *recover, struct folder *folder)
{
	const bool root = geteuid() == 0;
	int result = -1, error;

	folder->count = 0;
	folder->journals = calloc(JOURNALS_MAX, sizeof(*folder->journals));
	if (folder->journals != NULL &&
	    (!root || platform_file_ids(folder->uid, folder->gid) == 0)) {
		result = folder_list(folder);
		error = errno;
		if (root && platform_file_ids(0, getegid()) == -1)
			fatal("cannot take back the ids of root");
		errno = error;
	}
	if (result == -1)
		say_left(recover, "%s: %s", folder->path, strerror(errno));
	journals_run(recover, folder);
	if (folder->count == JOURNALS_MAX)
		say_left(recover, "%s: more than %d journals", folder->path,
		    JOURNALS_MAX - 1);
	free(folder->journals);
}

/* The folder of a user; one that is not there is none. */
static void
user_run(struct recover *recover, uid_t uid)
{
	struct folder folder = {.uid = uid};
	struct stat st;
	char name[32];

	text_cut(name, sizeof(name), "%lu", (unsigned long)uid);
	text_cut(folder.path, sizeof(folder.path), "%s/%s",
	    recover->config->state_directory, name);
	folder.fd = openat(recover->directory, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder.fd == -1) {
		if (errno != ENOENT)
			say_left(recover, "%s: %s: skipped", folder.path,
			    strerror(errno));
		return;
	}
	/* Root's is one that a login was about to make. */
	if (folder_check(folder.fd, 0) == -1) {
		if (folder_check(folder.fd, uid) == -1 ||
		    fstat(folder.fd, &st) == -1) {
			say_left(recover, "%s: not its user's alone: skipped",
			    folder.path);
		} else {
			folder.gid = geteuid() == 0 ? st.st_gid : getegid();
			folder_run(recover, &folder);
		}
	}
	(void)close(folder.fd);
}

/* A name in the state-directory: is it a user's folder, and whose? */
static bool
entry_user(const struct recover *recover, const char *name, uid_t *uid)
{
	char printable[CHANNEL_NAME], again[32];
	uint64_t number;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strcmp(name, "empty") == 0 ||
	    strncmp(name, SIGNER_TICKETS, sizeof(SIGNER_TICKETS) - 1) == 0)
		return false;
	again[0] = '\0';
	if (number_get(name, strlen(name), 1, UINT32_MAX - 1, &number) == 0)
		text_cut(
		    again, sizeof(again), "%llu", (unsigned long long)number);
	if (strcmp(name, again) == 0) {
		*uid = (uid_t)number;
		return true;
	}
	log_name(printable, sizeof(printable), name);
	say(true, "%s/%s: no user's folder: skipped",
	    recover->config->state_directory, printable);
	return false;
}

/* The users of all folders; -1 with errno.  The caller frees them. */
static int
users_read(
    const struct recover *recover, DIR *stream, uid_t **users, size_t *count)
{
	const struct dirent *entry;
	size_t room = 0;
	uid_t uid, *more;

	for (;;) {
		errno = 0;
		entry = readdir(stream);
		if (entry == NULL)
			return errno == 0 ? 0 : -1;
		if (!entry_user(recover, entry->d_name, &uid))
			continue;
		if (*count == room) {
			room = 2 * room + 64;
			more = realloc(*users, room * sizeof(*more));
			if (more == NULL)
				return -1;
			*users = more;
		}
		(*users)[(*count)++] = uid;
	}
}

/* Everybody's; read before the first child, which shall not have it open. */
static void
users_run(struct recover *recover)
{
	int fd =
	    openat(recover->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);
	uid_t *users = NULL;
	size_t count = 0, i;

	if (stream == NULL || users_read(recover, stream, &users, &count) == -1)
		say_left(recover, "%s: %s", recover->config->state_directory,
		    strerror(errno));
	if (stream != NULL)
		(void)closedir(stream);
	else if (fd != -1)
		(void)close(fd);
	for (i = 0; i < count; i++)
		user_run(recover, users[i]);
	free(users);
}

static void
state_run(struct recover *recover)
{
	const char *path = recover->config->state_directory;
	const bool root = geteuid() == 0;
	struct stat st;

	recover->directory =
	    open(path, (root ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC);
	if (recover->directory == -1 && errno == ENOENT)
		return;
	if (recover->directory == -1 || fstat(recover->directory, &st) == -1) {
		say_left(recover, "%s: %s", path, strerror(errno));
		return;
	}
	if (folder_check(recover->directory, st.st_uid) == -1 ||
	    (st.st_uid != 0 && st.st_uid != geteuid())) {
		say_left(recover, "%s: others may write it", path);
		return;
	}
	if (root)
		users_run(recover);
	else
		user_run(recover, geteuid());
}

/* One that was named. */
static void
operand_run(struct recover *recover, const char *mailbox)
{
	struct ch_account account;
	bool absent;
	int state;

	account_ask(recover->config, mailbox, &account);
	if (account.code != CODE_OK) {
		say_left(recover, "%s: %s", mailbox, account.reason);
		return;
	}
	state = state_folder_open(
	    recover->config, account.uid, account.gid, &absent);
	if (state == -1 && !absent) {
		say_left(recover, "%s: %s/%lu: %s", mailbox,
		    recover->config->state_directory,
		    (unsigned long)account.uid, strerror(errno));
		return;
	}
	mailbox_finish(recover, &account, state, NULL);
	if (state != -1)
		(void)close(state);
}

int
back_recover(const struct config *config, char *const *mailboxes)
{
	struct recover recover = {.config = config, .directory = -1};

	if (mailboxes[0] == NULL)
		state_run(&recover);
	for (; *mailboxes != NULL; mailboxes++)
		operand_run(&recover, *mailboxes);
	if (recover.directory != -1)
		(void)close(recover.directory);
	return recover.left ? 1 : 0;
}
