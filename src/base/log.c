/*
 * log.c - one line at a time, to syslog and perhaps to standard error.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base.h"

#define LOG_LINE 2048 /* octets; syslog(3) on most systems takes 1 to 8 KiB */

/* Set once, by log_init(), before there is a second process. */
static struct {
	bool to_stderr;
	bool debug;
} log_to;

void
log_init(int facility, bool to_stderr, bool debug)
{
	log_to.to_stderr = to_stderr;
	log_to.debug = debug;
	openlog("pop3d", LOG_PID, facility);
}

FORMAT(2, 0)
static void
log_put(int priority, const char *format, va_list ap, int error)
{
	char line[LOG_LINE], err[LOG_LINE + 128];
	size_t length;

	(void)vsnprintf(line, sizeof(line), format, ap);
	if (error != 0) {
		length = strlen(line);
		(void)snprintf(line + length, sizeof(line) - length, ": %s",
		    strerror(error));
	}
	syslog(priority, "%s", line);
	if (!log_to.to_stderr)
		return;
	/* One write, so that lines of several processes do not mix. */
	(void)snprintf(
	    err, sizeof(err), "pop3d[%ld]: %s\n", (long)getpid(), line);
	if (write(STDERR_FILENO, err, strlen(err)) == -1)
		log_to.to_stderr = false;
}

void
log_info(const char *format, ...)
{
	va_list ap;
	int error = errno;

	va_start(ap, format);
	log_put(LOG_INFO, format, ap, 0);
	va_end(ap);
	errno = error;
}

void
log_warn(const char *format, ...)
{
	va_list ap;
	int error = errno;

	va_start(ap, format);
	log_put(LOG_WARNING, format, ap, error);
	va_end(ap);
	errno = error;
}

void
log_warnx(const char *format, ...)
{
	va_list ap;
	int error = errno;

	va_start(ap, format);
	log_put(LOG_WARNING, format, ap, 0);
	va_end(ap);
	errno = error;
}

void
log_debug(const char *format, ...)
{
	va_list ap;
	int error = errno;

	if (!log_to.debug)
		return;
	va_start(ap, format);
	log_put(LOG_DEBUG, format, ap, 0);
	va_end(ap);
	errno = error;
}

_Noreturn void
fatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_put(LOG_ERR, format, ap, errno);
	va_end(ap);
	exit(1);
}

_Noreturn void
fatalx(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_put(LOG_ERR, format, ap, 0);
	va_end(ap);
	exit(1);
}

void
log_name(char *dst, size_t size, const char *name)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;
	unsigned char c;

	for (; *name != '\0'; name++) {
		c = (unsigned char)*name;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-_.@+", c) != NULL) {
			if (used + 2 > size)
				break;
			dst[used++] = (char)c;
		} else {
			if (used + 4 > size)
				break;
			dst[used++] = '%';
			dst[used++] = hex[c >> 4];
			dst[used++] = hex[c & 15];
		}
	}
	dst[used] = '\0';
}
