/*
 * database.c - the file, mapped; its lines, and the search among them.
 *
 * Whoever may write the file is root, and replaces it whole; but a disk, or an
 * editor, may damage it.  Nothing here trusts a line: what is looked at is
 * checked, order included, and what is not looked at does not matter.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "database.h"

#define HEADER_START "#mailauth:1:"

void
database_header(char header[DATABASE_HEADER + 1])
{
	uint8_t key[DATABASE_KEY];
	size_t i, at = strlen(HEADER_START);

	platform_random(key, sizeof(key));
	text_cut(header, DATABASE_HEADER + 1, "%s", HEADER_START);
	for (i = 0; i < sizeof(key); i++, at += 2)
		text_cut(header + at, 3, "%02x", key[i]);
	text_cut(header + at, 2, "\n");
}

static int
header_read(struct database *db)
{
	const char *text = db->text;
	size_t i;

	if (db->length < DATABASE_HEADER || text[DATABASE_HEADER - 1] != '\n' ||
	    memcmp(text, HEADER_START, strlen(HEADER_START)) != 0)
		return -1;
	text += strlen(HEADER_START);
	/* Small letters alone: it has one form. */
	if (strspn(text, "0123456789abcdef") != 2 * (size_t)DATABASE_KEY)
		return -1;
	for (i = 0; i < DATABASE_KEY; i++) {
		if (hex_octet(text + 2 * i, &db->key[i]) == -1)
			return -1;
	}
	return 0;
}

/* Root's or our own, and nobody else's in any way. */
static int
database_trust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0 ||
	    (st->st_uid != 0 && st->st_uid != geteuid())) {
		errno = EPERM;
		return -1;
	}
	if (st->st_size < DATABASE_HEADER ||
	    (uintmax_t)st->st_size > SIZE_MAX / 2) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int
database_open(struct database *db, int folder, const char *file)
{
	void *text = MAP_FAILED;
	struct stat st;
	int fd, error;

	memset(db, 0, sizeof(*db));
	fd = openat(folder, file,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && database_trust(&st) == 0)
		text = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	error = errno;
	(void)close(fd);
	errno = error;
	if (text == MAP_FAILED)
		return -1;
	db->text = text;
	db->length = (size_t)st.st_size;
	if (header_read(db) == 0)
		return 0;
	database_close(db);
	errno = EBADMSG;
	return -1;
}

void
database_close(struct database *db)
{
	if (db->text != NULL)
		(void)munmap((void *)(uintptr_t)db->text, db->length);
	explicit_bzero(db, sizeof(*db));
}

ssize_t
database_line(const struct database *db, size_t offset)
{
	size_t most = db->length - offset;
	const char *line = db->text + offset, *end;

	if (most > ENTRY_LINE)
		most = ENTRY_LINE;
	end = memchr(line, '\n', most);
	if (end == NULL) {
		errno = EBADMSG;
		return -1;
	}
	return end - line;
}

ssize_t
database_line_start(const struct database *db, size_t offset)
{
	size_t least = DATABASE_HEADER;
	const char *end;

	if (offset > least + ENTRY_LINE)
		least = offset - ENTRY_LINE;
	end = memrchr(db->text + least, '\n', offset - least);
	if (end != NULL)
		return end + 1 - db->text;
	if (least == DATABASE_HEADER)
		return (ssize_t)least;
	errno = EBADMSG;
	return -1;
}

int
name_compare(const char *a, const char *b)
{
	while (*a == *b && *a != ':' && *a != '\0') {
		a++;
		b++;
	}
	return (*a == ':' || *a == '\0' ? 0 : (unsigned char)*a) -
	    (*b == ':' || *b == '\0' ? 0 : (unsigned char)*b);
}

/* Can the line be where it is, between these two (NULL: the file's ends)? */
static int
line_fits(const char *line, ssize_t length, const char *low, const char *high)
{
	size_t name;

	if (length <= 0)
		return -1;
	name = strcspn(line, ":\n");
	if (name == 0 || line[name] != ':' || name >= CHANNEL_NAME)
		return -1;
	if ((low != NULL && name_compare(low, line) >= 0) ||
	    (high != NULL && name_compare(line, high) >= 0))
		return -1;
	return 0;
}

int
database_seek(const struct database *db, const char *name, size_t *offset)
{
	size_t low = DATABASE_HEADER, high = db->length;
	const char *low_line = NULL, *high_line = NULL, *line;
	ssize_t start, length;
	int order;

	while (low < high) {
		start = database_line_start(db, low + (high - low) / 2);
		if (start == -1)
			return -1;
		line = db->text + start;
		length = database_line(db, (size_t)start);
		if (line_fits(line, length, low_line, high_line) == -1) {
			errno = EBADMSG;
			return -1;
		}
		order = name_compare(line, name);
		if (order == 0) {
			*offset = (size_t)start;
			return 1;
		}
		if (order < 0) {
			low = (size_t)(start + length) + 1;
			low_line = line;
		} else {
			high = (size_t)start;
			high_line = line;
		}
	}
	*offset = low;
	return 0;
}

int
mailauth_check(const char *file, uint64_t *users, uint64_t *line)
{
	struct mailauth_entry entry;
	const char *before = NULL;
	struct database db;
	ssize_t length = 0;
	size_t at;

	*users = 0;
	*line = 1;
	if (database_open(&db, AT_FDCWD, file) == -1)
		return -1;
	for (at = DATABASE_HEADER; at < db.length; at += (size_t)length + 1) {
		++*line;
		length = database_line(&db, at);
		if (line_fits(db.text + at, length, before, NULL) == -1 ||
		    entry_read(&entry, db.text + at, (size_t)length) == -1)
			break;
		before = db.text + at;
		++*users;
	}
	explicit_bzero(&entry, sizeof(entry));
	length = at < db.length ? -1 : 0;
	database_close(&db);
	errno = EBADMSG;
	return length == 0 ? 0 : -1;
}

const char *
mailauth_trouble(int error)
{
	switch (error) {
	case EPERM:
		return "others than root may read or write it (chown root, "
		       "chmod 600)";
	case EBADMSG:
		return "it is damaged (mailauth check)";
	case ELOOP:
		return "it is a symbolic link";
	case EINVAL:
		return "it is not a regular file";
	default:
		return strerror(error);
	}
}
