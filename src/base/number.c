/*
 * number.c - numbers from outside.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base.h"

int
number_get(const char *text, size_t length, uint64_t least, uint64_t most,
    uint64_t *number)
{
	uint64_t n = 0, digit;
	size_t i;

	if (length == 0) {
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9') {
			errno = EINVAL;
			return -1;
		}
	}
	for (i = 0; i < length; i++) {
		digit = (uint64_t)(text[i] - '0');
		if (n > (UINT64_MAX - digit) / 10) {
			errno = ERANGE;
			return -1;
		}
		n = n * 10 + digit;
	}
	if (n < least || n > most) {
		errno = ERANGE;
		return -1;
	}
	*number = n;
	return 0;
}

int
number_add(uint64_t a, uint64_t b, uint64_t *sum)
{
	if (a > UINT64_MAX - b) {
		errno = EOVERFLOW;
		return -1;
	}
	*sum = a + b;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

/* A number with one optional letter behind it. */
static int
number_unit(
    const char *text, const struct unit *units, size_t count, uint64_t *number)
{
	size_t length = strlen(text), i;
	uint64_t factor = 1;

	for (i = 0; length > 0 && i < count; i++) {
		if (text[length - 1] == units[i].letter) {
			factor = units[i].factor;
			length--;
			break;
		}
	}
	if (number_get(text, length, 0, UINT64_MAX / factor, number) == -1)
		return -1;
	*number *= factor;
	return 0;
}

int
number_time(const char *text, uint64_t *seconds)
{
	static const struct unit units[] = {
	    {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

	return number_unit(text, units, ARRAY_SIZE(units), seconds);
}

int
number_size(const char *text, uint64_t *octets)
{
	static const struct unit units[] = {
	    {'K', 1U << 10}, {'M', 1U << 20}, {'G', 1U << 30}};

	return number_unit(text, units, ARRAY_SIZE(units), octets);
}

int64_t
clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0..15, or -1. */
static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_octet(const char *text, uint8_t *octet)
{
	int high = digit_value(text[0]);
	int low = high == -1 ? -1 : digit_value(text[1]);

	if (low == -1)
		return -1;
	*octet = (uint8_t)(high << 4 | low);
	return 0;
}
