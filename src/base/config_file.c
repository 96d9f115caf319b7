/*
 * config_file.c - "name = value", "#" comments, one setting a line.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#define CONFIG_SIZE_MAX (1U << 20) /* octets of a configuration file */

/* Cut blanks at both ends, in place. */
static char *
text_trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\r");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}

/* A '#' begins a comment at the line's start or after a blank. */
static void
comment_cut(char *line)
{
	char *hash;

	for (hash = strchr(line, '#'); hash != NULL;
	     hash = strchr(hash + 1, '#')) {
		if (hash == line || hash[-1] == ' ' || hash[-1] == '\t') {
			*hash = '\0';
			return;
		}
	}
}

int
config_assign(struct config *config, const char *assignment,
    char error[CONFIG_ERROR_SIZE])
{
	char *copy = strdup(assignment), *equal;
	int result = -1;

	if (copy == NULL) {
		text_cut(error, CONFIG_ERROR_SIZE, "out of memory");
		return -1;
	}
	equal = strchr(copy, '=');
	if (equal != NULL) {
		*equal = '\0';
		result = config_set(
		    config, text_trim(copy), text_trim(equal + 1), error);
	} else
		text_cut(error, CONFIG_ERROR_SIZE,
		    "'%.100s' is not name = value", assignment);
	free(copy);
	return result;
}

static int
config_line(struct config *config, char *line, unsigned number,
    char error[CONFIG_ERROR_SIZE])
{
	char why[CONFIG_ERROR_SIZE];
	char *text;

	comment_cut(line);
	text = text_trim(line);
	if (*text == '\0' || config_assign(config, text, why) == 0)
		return 0;
	text_cut(error, CONFIG_ERROR_SIZE, "%.200s:%u: %.280s", config->file,
	    number, why);
	errno = EINVAL;
	return -1;
}

/* The lines of text, which is cut up. */
static int
config_lines(struct config *config, char *text, size_t length,
    char error[CONFIG_ERROR_SIZE])
{
	char *line, *end, *last = text + length;
	unsigned number = 0;

	for (line = text; line <= last; line = end + 1) {
		end = memchr(line, '\n', (size_t)(last - line));
		if (end == NULL)
			end = last;
		*end = '\0';
		number++;
		if (strlen(line) != (size_t)(end - line)) {
			text_cut(error, CONFIG_ERROR_SIZE,
			    "%.300s:%u: a NUL octet", config->file, number);
			errno = EINVAL;
			return -1;
		}
		if (config_line(config, line, number, error) == -1)
			return -1;
	}
	return 0;
}

/* The absolute folder of path, which the caller frees; NULL with errno. */
static char *
folder_of(const char *path)
{
	char folder[PATH_MAX], cwd[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int length = slash == NULL ? 0 : (int)(slash - path);

	if (path[0] == '/')
		cwd[0] = '\0';
	else if (getcwd(cwd, sizeof(cwd)) == NULL)
		return NULL;
	if (text_print(folder, sizeof(folder), "%s%s%.*s", cwd,
		path[0] == '/' || length == 0 ? "" : "/", length, path) == -1)
		return NULL;
	return strdup(folder);
}

/* Paths in text are from path's folder; those that come later are not. */
static int
config_lines_at(struct config *config, const char *path, char *text,
    size_t length, char error[CONFIG_ERROR_SIZE])
{
	char *folder = folder_of(path), *none = config->folder;
	int result;

	if (folder == NULL) {
		text_cut(error, CONFIG_ERROR_SIZE, "%.300s: %s", path,
		    strerror(errno));
		return -1;
	}
	config->folder = folder;
	result = config_lines(config, text, length, error);
	config->folder = none;
	free(folder);
	return result;
}

int
config_load(
    struct config *config, const char *path, char error[CONFIG_ERROR_SIZE])
{
	char *file = strdup(path), *text;
	size_t length;
	int result, saved;

	text = file_read(path, CONFIG_SIZE_MAX, &length);
	if (text == NULL || file == NULL) {
		saved = errno;
		text_cut(error, CONFIG_ERROR_SIZE, "%.300s: %s", path,
		    strerror(saved));
		free(text);
		free(file);
		errno = saved;
		return -1;
	}
	free(config->file);
	config->file = file;
	result = config_lines_at(config, path, text, length, error);
	saved = errno;
	free(text);
	errno = saved;
	return result;
}
