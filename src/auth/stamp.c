/*
 * stamp.c - challenges that look like a message-id: APOP's and CRAM-MD5's.
 */

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth.h"

/*
 * A domain by RFC 822, or there is no stamp that every client takes.  Never
 * from the name service: it may hang, and it costs.
 */
static bool
host_plain(const char *host)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	size_t length;

	if (strlen(host) > STAMP_HOST)
		return false;
	for (;; host++) {
		length = strspn(host, letters);
		if (length == 0)
			return false;
		host += length;
		if (*host == '\0')
			return true;
		if (*host != '.')
			return false;
	}
}

void
stamp_make(char dst[STAMP_SIZE])
{
	char host[256];
	uint64_t random;

	if (gethostname(host, sizeof(host)) == -1)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	platform_random(&random, sizeof(random));
	text_cut(dst, STAMP_SIZE, "<%llu.%llu@%s>", (unsigned long long)random,
	    (unsigned long long)time(NULL),
	    host_plain(host) ? host : "localhost");
}
