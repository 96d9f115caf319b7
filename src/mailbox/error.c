/*
 * error.c - what the back shall log and the client may know.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

/*
 * Paths and the contents of lock files are other people's text: a line end
 * or a terminal's escape in them must not reach the log.
 */
void
mailbox_clean(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

__attribute__((__format__(printf, 2, 0))) static void
error_log(struct mailbox_error *error, const char *format, va_list ap)
{
	size_t used = strlen(error->log);
	const char *between = used == 0 ? "" : "; ";
	size_t gap = strlen(between);

	if (used + gap + 1 >= sizeof(error->log))
		return;
	memcpy(error->log + used, between, gap + 1);
	used += gap;
	/* Cut where it is too long: the beginning says what it is about. */
	(void)vsnprintf(
	    error->log + used, sizeof(error->log) - used, format, ap);
	mailbox_clean(error->log);
}

void
mailbox_fail(struct mailbox_error *error, enum channel_code code,
    const char *text, const char *format, ...)
{
	va_list ap;

	error->code = code;
	error->log[0] = '\0';
	text_cut(error->text, sizeof(error->text), "%s", text);
	va_start(ap, format);
	error_log(error, format, ap);
	va_end(ap);
}

void
mailbox_warn(struct mailbox_error *error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_log(error, format, ap);
	va_end(ap);
}

enum channel_code
mailbox_code(int number)
{
	switch (number) {
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
	case EINVAL:
	case ENXIO:
	case EFBIG:
		return CODE_PERMANENT;
	default:
		return CODE_TEMPORARY;
	}
}
