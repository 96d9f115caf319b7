/*
 * reserve_test.c - the reserve of a folder: made once, whatever stands there.
 */

#include <sys/file.h>

#include "journal_files.h"

#define NAME "reserve"
#define NEW "reserve.new"

static struct stat st;

static bool
look(const char *name)
{
	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
put(const char *name, const char *text)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write_full(fd, text, strlen(text)) == -1)
		broken(name);
	(void)close(fd);
}

/* The file has just this text. */
static bool
says(const char *name, const char *text)
{
	char got[256];
	int fd = openat(directory, name, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : pread_full(fd, got, sizeof(got), 0);

	if (fd != -1)
		(void)close(fd);
	return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

static void
none(void)
{
	(void)unlinkat(directory, NAME, 0);
	(void)unlinkat(directory, NEW, 0);
}

static void
test_made(void)
{
	ino_t inode;

	ok(journal_reserve(directory, NAME) == 0 && look(NAME), "made");
	ok(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 &&
		(uint64_t)st.st_size == JOURNAL_RESERVE &&
		(uint64_t)st.st_blocks * 512 >= JOURNAL_RESERVE,
	    "whole, of real blocks, and nobody else's");
	ok(!look(NEW), "under no other name");
	inode = look(NAME) ? st.st_ino : 0;
	ok(journal_reserve(directory, NAME) == 0 && look(NAME) &&
		st.st_ino == inode,
	    "once");
	put(NAME, "short");
	ok(journal_reserve(directory, NAME) == 0 && look(NAME) &&
		(uint64_t)st.st_size == JOURNAL_RESERVE,
	    "one that is too short is made anew");
	none();
	put(NEW, "half made");
	ok(journal_reserve(directory, NAME) == 0 && !look(NEW) && look(NAME) &&
		(uint64_t)st.st_size == JOURNAL_RESERVE,
	    "one that was left half made is made");
	none();
}

/* What the folder's owner may have put there. */
static void
test_strange(void)
{
	put("victim", "precious");
	ok(symlinkat("victim", directory, NAME) == 0 &&
		journal_reserve(directory, NAME) == 0 && look(NAME) &&
		S_ISLNK(st.st_mode) && says("victim", "precious"),
	    "a symlink in its place is left alone");
	none();
	ok(mkfifoat(directory, NAME, 0600) == 0 &&
		journal_reserve(directory, NAME) == 0 && look(NAME) &&
		S_ISFIFO(st.st_mode),
	    "so is a FIFO");
	none();
	ok(symlinkat("victim", directory, NEW) == 0 &&
		journal_reserve(directory, NAME) == -1 && !look(NAME) &&
		says("victim", "precious"),
	    "a symlink is not followed while it is made");
	none();
	ok(linkat(directory, "victim", directory, NEW, 0) == 0 &&
		journal_reserve(directory, NAME) == -1 && !look(NAME) &&
		says("victim", "precious"),
	    "nor is a file with another name written to");
	none();
	ok(mkfifoat(directory, NEW, 0600) == 0 &&
		journal_reserve(directory, NAME) == -1 && !look(NAME),
	    "a FIFO does not hang us");
	none();
	(void)unlinkat(directory, "victim", 0);
}

/* Another process is making it. */
static void
test_together(void)
{
	int fd;

	put(NEW, "busy");
	fd = openat(directory, NEW, O_RDWR);
	ok(flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		journal_reserve(directory, NAME) == -1 && errno == EAGAIN &&
		!look(NAME) && says(NEW, "busy"),
	    "what another is making is his");
	(void)close(fd);
	none();
}

/* Nobody takes it who does not need it. */
static void
test_spared(void)
{
	const struct journal_range range = {100, 100};
	struct text text = text_make(3000);
	bool begun;
	int fd = file_make(&text);

	place.reserve = NAME;
	ok(journal_reserve(directory, NAME) == 0 && look(NAME) &&
		journal_remove(&place, fd, 3000, &range, 1, &begun) == 0 &&
		is_without(fd, &text, &range, 1, NULL) && look(NAME),
	    "a removal that has space leaves it");
	none();
	ok(journal_remove(&place, fd, 2900, &range, 1, &begun) == 0,
	    "and does without");
	(void)close(fd);
	free(text.p);
}

int
main(void)
{
	files_open();
	test_made();
	test_strange();
	test_together();
	test_spared();
	files_close();
	return tap_end();
}
