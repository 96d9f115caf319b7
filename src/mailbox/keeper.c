/*
 * keeper.c - the lock keeper.
 *
 * Which process runs this: a child of the back, with the user's uid and the
 * group that may write the spool.  That group may do more than make lock
 * files (in Debian's spool it may write and remove everybody's mailbox), so it
 * is in no process that does anything else, and this one takes it from
 * itself: it opens files only to make new ones, it cannot read any, and it is
 * told nothing but "take", "refresh" and "drop" about the one name that it
 * was started with.  It waits for nothing but its channel, and drops its lock
 * at the end of that, however the back came to its end.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dotlock.h"
#include "filter.h"
#include "path.h"

/* clang-format off */
static const struct filter_rule keeper_rules[] = {
	{ __NR_recvmsg,           FILTER_ANY, 0, 0 },
	{ __NR_sendmsg,           FILTER_ANY, 0, 0 },
	{ __NR_openat,            2, O_ACCMODE | O_CREAT | O_EXCL,
	    O_WRONLY | O_CREAT | O_EXCL },
	{ __NR_madvise,           2, UINT32_MAX, MADV_DONTNEED },
	{ __NR_write,             FILTER_ANY, 0, 0 },
	{ __NR_pread64,           FILTER_ANY, 0, 0 },
	{ __NR_close,             FILTER_ANY, 0, 0 },
	{ __NR_fchmod,            FILTER_ANY, 0, 0 },
	{ __NR_flock,             FILTER_ANY, 0, 0 },
	{ __NR_fstat,             FILTER_ANY, 0, 0 },
#ifdef __NR_newfstatat
	{ __NR_newfstatat,        FILTER_ANY, 0, 0 },
#endif
#ifdef __NR_statx
	{ __NR_statx,             FILTER_ANY, 0, 0 },
#endif
	{ __NR_linkat,            FILTER_ANY, 0, 0 },
#ifdef __NR_renameat
	{ __NR_renameat,          FILTER_ANY, 0, 0 },
#endif
	{ __NR_renameat2,         FILTER_ANY, 0, 0 },
	{ __NR_unlinkat,          2, UINT32_MAX, 0 }, /* no folders */
	{ __NR_utimensat,         FILTER_ANY, 0, 0 },
	{ __NR_kill,              1, UINT32_MAX, 0 }, /* only to ask */
	FILTER_ALWAYS,
};
/* clang-format on */

/* Only the end of the channel ends it: else a lock would stay. */
static void
keeper_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE,
	    SIGALRM, SIGUSR1, SIGUSR2};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
}

static int
keeper_close_in(struct dotlock *dot, int *channel, int *directory,
    const char *file, uid_t uid, gid_t mail_gid)
{
	int keep[2] = {*channel, *directory};

	keeper_signals();
	platform_hide();
	if (filter_descriptors(keep, ARRAY_SIZE(keep)) == -1)
		return -1;
	*channel = keep[0];
	*directory = keep[1];
	if (platform_become(uid, mail_gid, NULL, 0) == -1)
		return -1;
	/* Becoming somebody makes a process visible again. */
	platform_hide();
	if (platform_no_new_privileges() == -1 ||
	    dotlock_init(dot, *directory, file) == -1)
		return -1;
	dotlock_close_in(dot);
	if (filter_directory(*directory) == -1)
		return -1;
	return filter_install(keeper_rules, ARRAY_SIZE(keeper_rules));
}

static enum channel_code
keeper_take(struct dotlock *dot)
{
	if (dot->held)
		return CODE_OK;
	if (dotlock_take(dot) == 0)
		return CODE_OK;
	switch (errno) {
	case EAGAIN:
		return CODE_IN_USE;
	case EACCES:
	case EPERM:
		return CODE_REFUSED;
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return CODE_TEMPORARY;
	default:
		return CODE_PERMANENT;
	}
}

static enum channel_code
keeper_refresh(struct dotlock *dot)
{
	if (!dot->held || dotlock_refresh(dot) == -1)
		return CODE_CHANGED;
	return CODE_OK;
}

static enum channel_code
keeper_drop(struct dotlock *dot)
{
	dotlock_drop(dot);
	return CODE_OK;
}

/* clang-format off */
static const struct keeper_request {
	uint32_t type;
	enum channel_code (*handler)(struct dotlock *dot);
} keeper_requests[] = {
	{ CH_TAKE,    keeper_take },
	{ CH_REFRESH, keeper_refresh },
	{ CH_DROP,    keeper_drop },
};
/* clang-format on */

/* One request; false when it was none. */
static bool
keeper_answer(int channel, struct dotlock *dot, struct record *record)
{
	uint32_t type = record->type;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keeper_requests); i++) {
		if (keeper_requests[i].type != type)
			continue;
		memset(record, 0, sizeof(*record));
		record->u.result.code = keeper_requests[i].handler(dot);
		mailbox_clean(dot->holder);
		memcpy(record->u.result.text, dot->holder, sizeof(dot->holder));
		return channel_write(channel, record, type + 1, NULL, 0) == 0;
	}
	return false;
}

WAITS_HERE void
lock_keeper_run(
    int channel, int directory, const char *file, uid_t uid, gid_t mail_gid)
{
	struct dotlock dot;
	struct record record;

	if (keeper_close_in(&dot, &channel, &directory, file, uid, mail_gid) ==
	    -1)
		_exit(1);
	while (channel_read(channel, &record, NULL, NULL) == 1) {
		if (!keeper_answer(channel, &dot, &record))
			break;
		/* It waits for the end of the session now, perhaps hours. */
		if (record.type == CH_DROP + 1)
			platform_trim();
	}
	dotlock_drop(&dot);
	_exit(0);
}

bool
lock_keeper_needed(const char *path, gid_t mail_gid, int *directory, char *file)
{
	static const char format[] = "mbox:";
	struct mailbox_error error;
	struct path real;
	struct stat st;
	int fd;

	memset(&error, 0, sizeof(error));
	if (strncmp(path, format, sizeof(format) - 1) == 0)
		path += sizeof(format) - 1;
	if (path_resolve(&real, path, &error) == -1)
		return false;
	fd = path_folder(&real);
	if (fd == -1)
		return false;
	if (fstat(fd, &st) == 0 && st.st_gid == mail_gid &&
	    (st.st_mode & (S_IWGRP | S_IXGRP)) == (S_IWGRP | S_IXGRP) &&
	    st.st_uid != geteuid() && !path_writable(&real) &&
	    text_copy(file, CHANNEL_PATH, real.name, strlen(real.name)) == 0) {
		*directory = fd;
		return true;
	}
	close(fd);
	return false;
}
