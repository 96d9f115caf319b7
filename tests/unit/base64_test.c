/*
 * base64_test.c - octets as text, and back.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "tap.h"

static void
test_vectors(void)
{
	/* RFC 4648, 10. */
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	char text[16], octets[16];
	size_t i, got;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		ok(base64_encode(text, sizeof(text), vectors[i][0],
		       strlen(vectors[i][0])) == 0 &&
			strcmp(text, vectors[i][1]) == 0,
		    "'%s' to text", vectors[i][0]);
		ok(base64_decode(octets, sizeof(octets), vectors[i][1],
		       strlen(vectors[i][1]), &got) == 0 &&
			got == strlen(vectors[i][0]) &&
			memcmp(octets, vectors[i][0], got) == 0,
		    "'%s' and back", vectors[i][0]);
	}
}

/* Every length, in buffers that have exactly the room. */
static void
test_all_octets(void)
{
	char octets[300], *text, *back;
	size_t length, size, got;
	bool good = true;

	for (length = 0; length < sizeof(octets); length++)
		octets[length] = (char)(length * 7 + length / 256);
	for (length = 0; length < sizeof(octets); length++) {
		size = (length + 2) / 3 * 4 + 1;
		text = malloc(size);
		back = malloc(length + 1);
		if (text == NULL || back == NULL)
			fatal("malloc");
		good = good && base64_encode(text, size, octets, length) == 0 &&
		    strlen(text) == size - 1 &&
		    base64_decode(back, length, text, size - 1, &got) == 0 &&
		    got == length && memcmp(back, octets, length) == 0 &&
		    base64_encode(text, size - 1, octets, length) == -1 &&
		    errno == ENAMETOOLONG;
		if (length > 0)
			good = good &&
			    base64_encode(text, size, octets, length) == 0 &&
			    base64_decode(
				back, length - 1, text, size - 1, &got) == -1 &&
			    errno == ENAMETOOLONG;
		free(text);
		free(back);
	}
	ok(good, "every length, with just the room and one octet less");
}

static void
test_bad(void)
{
	static const char *const bad[] = {"Z", "Zg",
	    "Zg=", "Zg===", "====", "Zm9v====", "Zg==Zg==", "Zm9v\n", "Zm9\n",
	    "Zm9-", "Zm9_", "Z===", "Zh==", "Zm9=", "=Zm9", "Z=g=", "Zm 9",
	    "\x80m9v"};
	char octets[16];
	size_t i, got;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(base64_decode(octets, sizeof(octets), bad[i], strlen(bad[i]),
		       &got) == -1 &&
			errno == EINVAL,
		    "bad text %zu", i);
	ok(base64_decode(octets, sizeof(octets), "Zm\0v", 4, &got) == -1,
	    "a NUL");
}

int
main(void)
{
	test_vectors();
	test_all_octets();
	test_bad();
	return tap_end();
}
