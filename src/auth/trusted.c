/*
 * trusted.c - files that say who may log in.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trusted.h"

/* NULL, or what is wrong with such a file: whoever writes it is everybody. */
static const char *
trusted_doubt(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if ((st->st_mode & S_IWOTH) != 0)
		return "everybody may write it (chmod o-w)";
	if ((st->st_mode & S_IWGRP) != 0 && geteuid() == 0)
		return "its group may write it (chmod g-w)";
	return NULL;
}

/* Of what is open already. */
static int
trusted_take(struct trusted *file, int fd, size_t most, char why[CHANNEL_TEXT])
{
	const char *doubt;
	struct stat st;
	ssize_t got = -1;

	if (fstat(fd, &st) == -1) {
		text_cut(
		    why, CHANNEL_TEXT, "%s: %s", file->path, strerror(errno));
		return -1;
	}
	doubt = trusted_doubt(&st);
	if (doubt != NULL) {
		text_cut(why, CHANNEL_TEXT, "%s: %s", file->path, doubt);
		return -1;
	}
	if (st.st_size < 0 || (size_t)st.st_size > most) {
		text_cut(why, CHANNEL_TEXT, "%s is too large", file->path);
		return -1;
	}
	file->text = malloc((size_t)st.st_size + 1);
	if (file->text != NULL)
		got = read_full(fd, file->text, (size_t)st.st_size);
	if (got == -1) {
		text_cut(
		    why, CHANNEL_TEXT, "%s: %s", file->path, strerror(errno));
		free(file->text);
		return -1;
	}
	file->length = (size_t)got;
	file->text[got] = '\0';
	return 0;
}

int
trusted_read(
    struct trusted *file, const char *path, size_t most, char why[CHANNEL_TEXT])
{
	int fd, rc;

	memset(file, 0, sizeof(*file));
	file->path = path;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		text_cut(why, CHANNEL_TEXT, "%s: %s", path, strerror(errno));
		return -1;
	}
	rc = trusted_take(file, fd, most, why);
	(void)close(fd);
	return rc;
}

/* A '#' begins a comment at the line's start or after a blank. */
static void
line_cut(char *line)
{
	char *c;

	for (c = line; *c != '\0'; c++) {
		if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t'))
			*c = '\0';
		if (*c == '\0')
			break;
	}
	while (c > line && strchr(" \t\r", c[-1]) != NULL)
		*--c = '\0';
}

static bool
line_controlled(const char *line, const char *end)
{
	for (; line < end; line++) {
		if ((unsigned char)*line < ' ' && *line != '\t')
			return true;
	}
	return false;
}

int
trusted_line(struct trusted *file, char **line, char why[CHANNEL_TEXT])
{
	char *start, *end;

	while (file->at < file->length) {
		start = file->text + file->at;
		end = memchr(start, '\n', file->length - file->at);
		if (end == NULL)
			end = file->text + file->length;
		file->at = (size_t)(end - file->text) + 1;
		file->number++;
		*end = '\0';
		if (end > start && end[-1] == '\r')
			*--end = '\0';
		if (line_controlled(start, end)) {
			text_cut(why, CHANNEL_TEXT,
			    "%s:%u: a control character", file->path,
			    file->number);
			return -1;
		}
		line_cut(start);
		*line = start + strspn(start, " \t");
		if (**line != '\0')
			return 1;
	}
	return 0;
}

void
trusted_free(struct trusted *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, file->length);
	free(file->text);
	memset(file, 0, sizeof(*file));
}
