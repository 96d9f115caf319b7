/*
 * passwd.c - one name in /etc/passwd, with no name service.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

#define PASSWD_SIZE_MAX (16U << 20) /* octets of /etc/passwd */

/* Field number (from 0) of a line of fields; NULL when it has fewer. */
static const char *
field_find(const char *line, size_t length, unsigned number, size_t *found)
{
	const char *end = line + length, *colon;

	for (; number > 0; number--) {
		colon = memchr(line, ':', (size_t)(end - line));
		if (colon == NULL)
			return NULL;
		line = colon + 1;
	}
	colon = memchr(line, ':', (size_t)(end - line));
	*found = (size_t)((colon == NULL ? end : colon) - line);
	return line;
}

static int
field_id(const char *line, size_t length, unsigned number, uint32_t *id)
{
	const char *field;
	size_t digits;
	uint64_t n;

	field = field_find(line, length, number, &digits);
	if (field == NULL ||
	    number_get(field, digits, 0, UINT32_MAX - 1, &n) == -1)
		return -1;
	*id = (uint32_t)n;
	return 0;
}

/* The name's ids, if this is its line. */
static int
line_ids(
    const char *line, size_t length, const char *name, uid_t *uid, gid_t *gid)
{
	size_t size = strlen(name);
	uint32_t u, g;

	if (length <= size || memcmp(line, name, size) != 0 ||
	    line[size] != ':')
		return -1;
	if (field_id(line, length, 2, &u) == -1 ||
	    field_id(line, length, 3, &g) == -1)
		return -1;
	*uid = u;
	*gid = g;
	return 0;
}

int
passwd_local(const char *name, const char *other, uid_t *uid, gid_t *gid)
{
	char *text, *line, *end;
	size_t size, rest;
	int result = -1;

	text = file_read("/etc/passwd", PASSWD_SIZE_MAX, &size);
	if (text == NULL)
		return -1;
	for (line = text; line < text + size; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + size - line));
		if (end == NULL)
			end = text + size;
		rest = (size_t)(end - line);
		if (line_ids(line, rest, name, uid, gid) == 0) {
			result = 0;
			break;
		}
		if (result == -1 && line_ids(line, rest, other, uid, gid) == 0)
			result = 0;
	}
	free(text);
	if (result == -1)
		errno = ENOENT;
	return result;
}
