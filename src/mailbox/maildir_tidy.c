/*
 * maildir_tidy.c - what Maildir asks of its readers besides: the quota's file
 * (Maildir++), and the remains of failed deliveries.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maildir.h"

#define TIDY_AGE (36 * 3600) /* s; maildir(5) */

/*
 * One line in one write, as every program does it: nothing is read, and who
 * finds the file too long counts anew.
 */
int
maildir_quota_put(const struct maildir *md, const struct maildir_quota *quota)
{
	char line[64];
	struct stat st;
	int fd, number, result = -1;

	if (quota->messages == 0)
		return 0;
	fd = openat(
	    md->root, "maildirsize", O_WRONLY | O_APPEND | MAILDIR_FILE_FLAGS);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	number = EPERM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    text_print(line, sizeof(line), "-%llu -%llu\n",
		(unsigned long long)quota->octets,
		(unsigned long long)quota->messages) == 0) {
		result = write_full(fd, line, strlen(line));
		number = errno;
	}
	close(fd);
	errno = number;
	return result;
}

static bool
tidy_old(const struct stat *st, int64_t now)
{
	return S_ISREG(st->st_mode) && st->st_atim.tv_sec < now - TIDY_AGE &&
	    st->st_mtim.tv_sec < now - TIDY_AGE;
}

void
maildir_tidy(const struct maildir *md)
{
	int fd = openat(md->root, "tmp", MAILDIR_FOLDER_FLAGS);
	DIR *folder = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *d;
	struct stat st;
	int64_t now = md->begin != 0 ? md->begin : (int64_t)time(NULL);

	if (folder == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	/* Who cannot be removed is left for another time. */
	while ((d = readdir(folder)) != NULL)
		if (d->d_name[0] != '.' &&
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    tidy_old(&st, now))
			(void)unlinkat(fd, d->d_name, 0);
	(void)closedir(folder);
}
