/*
 * number_test.c - numbers from outside, and bounded texts.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "tap.h"

#define UNTOUCHED 0xa5a5a5a5a5a5a5a5U

static const struct {
	const char *text;
	uint64_t least, most;
	int error; /* 0: it is a number */
	uint64_t number;
} numbers[] = {
    /* clang-format off */
	{ "0", 0, 10, 0, 0 },
	{ "7", 0, 10, 0, 7 },
	{ "007", 0, 10, 0, 7 },
	{ "10", 0, 10, 0, 10 },
	{ "11", 0, 10, ERANGE, 0 },
	{ "0", 1, 10, ERANGE, 0 },
	{ "1", 1, 1, 0, 1 },
	{ "1", 2, 1, ERANGE, 0 },
	{ "", 0, 10, EINVAL, 0 },
	{ "+1", 0, 10, EINVAL, 0 },
	{ "-1", 0, UINT64_MAX, EINVAL, 0 },
	{ " 1", 0, 10, EINVAL, 0 },
	{ "1 ", 0, 10, EINVAL, 0 },
	{ "1\n", 0, 10, EINVAL, 0 },
	{ "1a", 0, 10, EINVAL, 0 },
	{ "0x1", 0, 10, EINVAL, 0 },
	{ "1e1", 0, 100, EINVAL, 0 },
	{ "1.0", 0, 10, EINVAL, 0 },
	{ "\xd9\xa1", 0, 10, EINVAL, 0 },
	{ "4294967296", 0, UINT32_MAX, ERANGE, 0 },
	{ "4294967297", 1, 3, ERANGE, 0 },
	{ "4294967296", 0, UINT64_MAX, 0, 4294967296 },
	{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
	{ "18446744073709551616", 0, UINT64_MAX, ERANGE, 0 },
	{ "18446744073709551617", 0, UINT64_MAX, ERANGE, 0 },
	{ "99999999999999999999999999", 0, UINT64_MAX, ERANGE, 0 },
	{ "000000000000000000000000001", 0, UINT64_MAX, 0, 1 },
	/* What is no number is none, however long it is. */
	{ "99999999999999999999999999x", 0, UINT64_MAX, EINVAL, 0 },
    /* clang-format on */
};

static void
test_get(void)
{
	uint64_t number;
	size_t i;
	int result;
	bool good;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		number = UNTOUCHED;
		errno = 0;
		result = number_get(numbers[i].text, strlen(numbers[i].text),
		    numbers[i].least, numbers[i].most, &number);
		good = numbers[i].error == 0 ?
		    result == 0 && number == numbers[i].number :
		    result == -1 && errno == numbers[i].error &&
			number == UNTOUCHED;
		ok(good, "number_get: '%s'", numbers[i].text);
	}
	ok(number_get("12345", 3, 0, 1000, &number) == 0 && number == 123,
	    "only so many octets are read");
	ok(number_get("1\0"
		      "2",
	       3, 0, 1000, &number) == -1 &&
		errno == EINVAL,
	    "a NUL within is no digit");
	ok(number_get("x", 0, 0, 1000, &number) == -1 && errno == EINVAL,
	    "no octets are no number");
}

static const struct {
	const char *text;
	int error;
	uint64_t number;
} times[] =
    {
	/* clang-format off */
	{ "90", 0, 90 }, { "90s", 0, 90 }, { "15m", 0, 900 },
	{ "2h", 0, 7200 }, { "1d", 0, 86400 }, { "0", 0, 0 },
	{ "", EINVAL, 0 }, { "s", EINVAL, 0 }, { "1w", EINVAL, 0 },
	{ "1S", EINVAL, 0 }, { "1 s", EINVAL, 0 }, { "-1s", EINVAL, 0 },
	{ "1ss", EINVAL, 0 }, { "1h30m", EINVAL, 0 }, { "3 weeks", EINVAL, 0 },
	{ "213503982334601d", 0, 18446744073709526400U },
	{ "213503982334602d", ERANGE, 0 },
	{ "18446744073709551615m", ERANGE, 0 },
	/* clang-format on */
},
  sizes[] = {
      /* clang-format off */
	{ "0", 0, 0 }, { "512", 0, 512 }, { "64K", 0, 65536 },
	{ "8M", 0, 8388608 }, { "1G", 0, 1073741824 }, { "", EINVAL, 0 },
	{ "K", EINVAL, 0 }, { "1k", EINVAL, 0 }, { "1KB", EINVAL, 0 },
	{ "1T", EINVAL, 0 }, { "1.5M", EINVAL, 0 },
	{ "17179869183G", 0, 18446744072635809792U },
	{ "17179869184G", ERANGE, 0 },
      /* clang-format on */
};

static void
test_units(void)
{
	uint64_t number;
	size_t i;
	int result;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		result = number_time(times[i].text, &number);
		ok(times[i].error == 0 ?
			result == 0 && number == times[i].number :
			result == -1 && errno == times[i].error,
		    "number_time: '%s'", times[i].text);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		result = number_size(sizes[i].text, &number);
		ok(sizes[i].error == 0 ?
			result == 0 && number == sizes[i].number :
			result == -1 && errno == sizes[i].error,
		    "number_size: '%s'", sizes[i].text);
	}
}

static void
test_add(void)
{
	uint64_t sum = UNTOUCHED;

	ok(number_add(UINT64_MAX, 1, &sum) == -1 && errno == EOVERFLOW &&
		sum == UNTOUCHED,
	    "number_add: over");
	ok(number_add(UINT64_MAX, 0, &sum) == 0 && sum == UINT64_MAX,
	    "number_add: just not");
	ok(number_add(UINT64_MAX - 5, 5, &sum) == 0 && sum == UINT64_MAX,
	    "number_add: exactly");
	ok(number_add(0, 0, &sum) == 0 && sum == 0, "number_add: nothing");
}

static void
test_text(void)
{
	char dst[8] = "1234567";

	ok(text_copy(dst, sizeof(dst), "abcdefgh", 7) == 0 &&
		strcmp(dst, "abcdefg") == 0,
	    "text_copy: what just fits");
	ok(text_copy(dst, sizeof(dst), "abcdefgh", 8) == -1 &&
		errno == ENAMETOOLONG && dst[0] == '\0',
	    "text_copy: too long");
	ok(text_copy(dst, sizeof(dst), NULL, 0) == 0 && dst[0] == '\0',
	    "text_copy: nothing");
	dst[0] = 'x';
	ok(text_copy(dst, 0, "a", 1) == -1 && dst[0] == 'x',
	    "text_copy: no room at all");
	ok(text_print(dst, sizeof(dst), "%d", 1234567) == 0 &&
		strcmp(dst, "1234567") == 0,
	    "text_print: what just fits");
	ok(text_print(dst, sizeof(dst), "%d", 12345678) == -1 &&
		errno == ENAMETOOLONG,
	    "text_print: too long");
	text_cut(dst, sizeof(dst), "%d", 123456789);
	ok(strcmp(dst, "1234567") == 0, "text_cut: cut");
}

static void
test_files(void)
{
	char path[] = "/tmp/pop3d-number.XXXXXX", got[16], *text;
	int fd = mkstemp(path), ends[2];
	size_t length;

	ok(fd != -1 && write_full(fd, "0123456789", 10) == 0,
	    "write_full: a file");
	ok(pwrite_full(fd, "ab", 2, 4) == 0 && pread_full(fd, got, 4, 3) == 4 &&
		memcmp(got, "3ab6", 4) == 0,
	    "pwrite_full and pread_full: in the middle");
	ok(pread_full(fd, got, sizeof(got), 7) == 3,
	    "pread_full: short only at the end");
	ok(pread_full(fd, got, 1, 10) == 0 && pread_full(fd, got, 1, 99) == 0,
	    "pread_full: nothing behind the end");
	text = file_read(path, 10, &length);
	ok(text != NULL && length == 10 && strcmp(text, "0123ab6789") == 0,
	    "file_read: just the most");
	free(text);
	ok(file_read(path, 9, &length) == NULL && errno == EFBIG,
	    "file_read: EFBIG");
	(void)unlink(path);
	(void)close(fd);
	ok(file_read(path, 10, &length) == NULL && errno == ENOENT,
	    "file_read: ENOENT");
	ok(file_read("/", 10, &length) == NULL && errno == EINVAL,
	    "file_read: a folder");
	ok(file_read("/dev/zero", 10, &length) == NULL && errno == EINVAL,
	    "file_read: a device");
	ok(write_full(-1, "x", 1) == -1 && errno == EBADF &&
		read_full(-1, got, 1) == -1 && errno == EBADF,
	    "EBADF is told");
	ok(pipe(ends) == 0 && write_full(ends[1], "abc", 3) == 0 &&
		close(ends[1]) == 0 && read_full(ends[0], got, 16) == 3,
	    "read_full: up to the end of a pipe");
	(void)close(ends[0]);
}

static void
test_hex(void)
{
	static const char *const bad[] = {
	    "", "0", "g0", "0g", " 1", "-1", "0x"};
	char text[3];
	uint8_t octet;
	size_t i;
	int n, wrong = 0;

	for (n = 0; n < 512; n++) {
		(void)snprintf(
		    text, sizeof(text), n < 256 ? "%02x" : "%02X", n % 256);
		octet = (uint8_t)(n + 1);
		if (hex_octet(text, &octet) == -1 || octet != n % 256)
			wrong++;
	}
	ok(wrong == 0, "two digits of 16 in either case");
	octet = 7;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(hex_octet(bad[i], &octet) == -1 && octet == 7,
		    "\"%s\" is no octet", bad[i]);
}

int
main(void)
{
	int64_t then = clock_ms();

	test_get();
	test_units();
	test_add();
	test_hex();
	test_text();
	test_files();
	ok(usleep(20000) == 0 && clock_ms() >= then + 20 &&
		clock_ms() < then + 60000,
	    "clock_ms counts milliseconds");
	return tap_end();
}
