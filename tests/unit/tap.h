/*
 * tap.h - a test program's output, as prove(1) reads it.
 */

#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>

static int tap_count, tap_failed;

#define ok(condition, ...) tap_ok((condition), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((__format__(printf, 4, 5), __unused__)) static int
tap_ok(int good, const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

__attribute__((__format__(printf, 1, 2), __unused__)) static void
tap_note(const char *format, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

/* The last line; what main() returns. */
__attribute__((__unused__)) static int
tap_end(void)
{
	if (tap_count == 0) {
		printf("1..0 # SKIP no test ran\n");
		return 1;
	}
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
