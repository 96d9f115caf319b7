/*
 * base64.c - octets as text (RFC 4648, 4), and back, strictly.
 */

#include <errno.h>
#include <string.h>

#include "base.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_encode(char *dst, size_t size, const void *octets, size_t length)
{
	const unsigned char *src = octets;
	size_t i, left, put = 0;
	uint32_t three;

	if (size == 0 || length / 3 * 4 + (length % 3 == 0 ? 0 : 4) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = 0; i < length; i += 3) {
		left = length - i;
		three = (uint32_t)src[i] << 16;
		if (left > 1)
			three |= (uint32_t)src[i + 1] << 8;
		if (left > 2)
			three |= src[i + 2];
		dst[put++] = base64_digits[three >> 18];
		dst[put++] = base64_digits[three >> 12 & 63];
		dst[put++] = left > 1 ? base64_digits[three >> 6 & 63] : '=';
		dst[put++] = left > 2 ? base64_digits[three & 63] : '=';
	}
	dst[put] = '\0';
	return 0;
}

/* -1: it is no digit. */
static int
base64_value(char digit)
{
	const char *at;

	at = digit == '\0' ? NULL : strchr(base64_digits, digit);
	return at == NULL ? -1 : (int)(at - base64_digits);
}

/* Four digits; with so many "=" at their end.  -1: they are none. */
static int32_t
base64_four(const char *text, size_t padding)
{
	int32_t four = 0;
	size_t i;
	int value;

	for (i = 0; i < 4; i++) {
		value = i < 4 - padding ? base64_value(text[i]) : 0;
		if (value == -1)
			return -1;
		four = four << 6 | value;
	}
	/* What the padding cuts off must be zero: one text for each octets. */
	return (four & ((1 << 8 * padding) - 1)) == 0 ? four : -1;
}

int
base64_decode(
    void *octets, size_t size, const char *text, size_t length, size_t *got)
{
	unsigned char *dst = octets;
	size_t i, k, padding = 0, put = 0;
	int32_t four;

	while (padding < 2 && padding < length &&
	    text[length - 1 - padding] == '=')
		padding++;
	errno = EINVAL;
	if (length % 4 != 0)
		return -1;
	if (length / 4 * 3 - padding > size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = 0; i < length; i += 4) {
		four = base64_four(text + i, i + 4 == length ? padding : 0);
		if (four == -1)
			return -1;
		for (k = 0; k < 3 && put < length / 4 * 3 - padding; k++)
			dst[put++] = (unsigned char)(four >> (16 - 8 * k));
	}
	*got = put;
	return 0;
}
