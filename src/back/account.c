/*
 * account.c - what the user of a session needs of root, before root is gone.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define NOBODY 65534

void
front_ids(const struct config *config, uid_t *uid, gid_t *gid)
{
	const char *name = config->front_user;

	if (passwd_local(
		name[0] != '\0' ? name : "pop3d", "nobody", uid, gid) == 0 &&
	    *uid != 0)
		return;
	*uid = NOBODY;
	*gid = NOBODY;
}

int
folder_check(int fd, uid_t owner)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode) || st.st_uid != owner ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* Anew, its name on the disk; what stands there already is no error. */
static int
state_directory_make(const struct config *config)
{
	int fd, result, error;

	if (mkdir(config->state_directory, 0700) == -1)
		return errno == EEXIST ? 0 : -1;
	fd = open(config->state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = fchmod(fd, 0711) == -1 ? -1 : folder_entry_sync(fd);
	error = errno;
	(void)close(fd);
	errno = error;
	return result;
}

int
cage_prepare(const struct config *config, char *dst, size_t size)
{
	int fd, result, error;

	if (text_print(dst, size, "%s/empty", config->state_directory) == -1)
		return -1;
	fd = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT) {
		if (state_directory_make(config) == -1)
			return -1;
		if (mkdir(dst, 0500) == 0 && chmod(dst, 0555) == -1)
			return -1;
		fd = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd == -1)
		return -1;
	result = folder_check(fd, 0);
	error = errno;
	(void)close(fd);
	errno = error;
	return result;
}

/*
 * The state-directory, made where it is missing.  Who may write it may move
 * a user's folder away, and with it a journal and the session lock.
 */
static int
state_directory_open(const struct config *config, int flags)
{
	int fd = open(config->state_directory, flags);
	struct stat st;

	if (fd == -1 && errno == ENOENT) {
		if (state_directory_make(config) == -1)
			return -1;
		fd = open(config->state_directory, flags);
	}
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

/*
 * The user's folder, which is not there.  -1 with errno, and absent when there
 * is none now, and so no journal in it.
 */
static int
state_folder_make(int directory, const char *name, int flags, bool *absent)
{
	int fd, error;
	bool made = mkdirat(directory, name, 0700) == 0;

	*absent = !made && errno != EEXIST;
	if (*absent)
		return -1;
	fd = openat(directory, name, flags);
	if (!made || fd == -1 || folder_entry_sync(fd) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	*absent = unlinkat(directory, name, AT_REMOVEDIR) == 0;
	errno = error;
	return -1;
}

/* The user's folder is there: is it his?  Root's own is one that is new. */
static int
state_folder_own(int fd, uid_t uid, gid_t gid)
{
	if (folder_check(fd, uid) == 0)
		return 0;
	if (geteuid() != 0 || folder_check(fd, 0) == -1)
		return -1;
	return fchown(fd, uid, gid);
}

int
state_folder_open(
    const struct config *config, uid_t uid, gid_t gid, bool *absent)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char name[32];
	int directory, fd = -1, error;

	text_cut(name, sizeof(name), "%lu", (unsigned long)uid);
	*absent = false;
	/* The administrator may have put it elsewhere by a symlink. */
	directory =
	    state_directory_open(config, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory == -1) {
		error = errno;
		*absent = access(config->state_directory, F_OK) == -1 &&
		    errno == ENOENT;
		errno = error;
		return -1;
	}
	fd = openat(directory, name, flags);
	if (fd == -1 && errno == ENOENT)
		fd = state_folder_make(directory, name, flags, absent);
	error = errno;
	(void)close(directory);
	errno = error;
	if (fd == -1)
		return -1;
	if (state_folder_own(fd, uid, gid) == 0) {
		/* He may be over his quota on the day that he deletes. */
		if (mailbox_reserve(fd) == -1)
			log_debug(
			    "no reserve for uid %s: %s", name, strerror(errno));
		return fd;
	}
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* The user's effective ids, or root's again. */
static int
ids_effective(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	if (uid == 0) {
		return seteuid(0) == -1 || setegid(gid) == -1 ||
			setgroups(count, groups) == -1 ?
		    -1 :
		    0;
	}
	return setgroups(count, groups) == -1 || setegid(gid) == -1 ||
		seteuid(uid) == -1 ?
	    -1 :
	    0;
}

static int
keeper_fork(const struct ch_account *account, int directory, const char *file)
{
	int ends[2];
	pid_t pid;

	if (channel_pair(ends) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		lock_keeper_run(
		    ends[1], directory, file, account->uid, account->mail_gid);
	}
	(void)close(ends[1]);
	if (pid == -1) {
		(void)close(ends[0]);
		return -1;
	}
	return ends[0];
}

int
keeper_start(const struct config *config, const struct ch_account *account)
{
	const char *path = strchr(account->mailbox, ':');
	char file[CHANNEL_PATH];
	bool needed;
	int directory = -1, channel;

	/* What auto: finds may be an mbox. */
	if (geteuid() != 0 || (config->locks & LOCK_DOTLOCK) == 0 ||
	    path == NULL || strncmp(account->mailbox, "maildir:", 8) == 0)
		return -1;
	if (ids_effective(account->uid, account->gid, account->groups,
		account->group_count) == -1)
		fatal("cannot take the ids of %s", account->name);
	needed =
	    lock_keeper_needed(path + 1, account->mail_gid, &directory, file);
	if (ids_effective(0, 0, NULL, 0) == -1)
		fatal("cannot take back the ids of root");
	if (!needed)
		return -1;
	channel = keeper_fork(account, directory, file);
	(void)close(directory);
	return channel;
}
