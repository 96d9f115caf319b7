/*
 * access_fuzz.c - any octets as an access file and as a list of users: read,
 * for everybody the same, or refused with a sentence that names the line.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/access.h"
#include "auth/users.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "PATH:LINE: why", in one line. */
static void
use_why(const char *why, const char *path)
{
	size_t length = strlen(path);
	char *end;

	MUST(strlen(why) < CHANNEL_TEXT && strchr(why, '\n') == NULL);
	MUST(strncmp(why, path, length) == 0 && why[length] == ':');
	MUST(strtoul(why + length + 1, &end, 10) >= 1);
	MUST(strncmp(end, ": ", 2) == 0);
}

/* A second reading: is there a line that is more than a comment? */
static bool
any_line(const uint8_t *data, size_t size)
{
	bool start = true, comment = false;
	size_t i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n') {
			start = true;
			comment = false;
			continue;
		}
		if (start && data[i] == '#')
			comment = true;
		if (data[i] == ' ' || data[i] == '\t' || data[i] == '\r')
			continue;
		if (!comment)
			return true;
		start = false;
	}
	return false;
}

static void
use_rule(const struct access_rule *rule, const uint8_t *data, size_t size)
{
	MUST(rule->line >= 1 && rule->line <= size &&
	    rule->mechanisms < 1U << 10);
	MUST(rule->networks || !rule->inside);
	MUST(any_line(data, size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const peers[] = {
	    "192.0.2.1", "2001:db8::1", "local"};
	static char path[64], list[70];
	static int fd = -1;
	char why[CHANNEL_TEXT], error[CONFIG_ERROR_SIZE];
	struct ch_account account = {.name = "joe", .gid = 12345};
	struct verifier_facts facts = {.method = "USER", .stamp = ""};
	struct access_rule rule;
	int found[ARRAY_SIZE(peers)];
	struct config c;
	size_t i;

	if (fd == -1) {
		fd = memfd_create("access", 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		(void)snprintf(list, sizeof(list), "file:%s", path);
		MUST(fd != -1 && fchmod(fd, 0600) == 0);
	}
	MUST(ftruncate(fd, 0) == 0 && pwrite_full(fd, data, size, 0) == 0);
	MUST(config_init(&c) == 0 &&
	    config_set(&c, "access-file", path, error) == 0 &&
	    config_set(&c, "default-domain", "example.org", error) == 0 &&
	    config_set(&c, "username-lower", "yes", error) == 0);
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		facts.peer = peers[i];
		found[i] = access_find(&c, &facts, &account, &rule, why);
		if (found[i] == -1)
			use_why(why, path);
		else if (found[i] == 1)
			use_rule(&rule, data, size);
		MUST(found[i] == found[0]);
	}
	if (users_have(&c, list, &account, why) == -1)
		use_why(why, path);
	config_free(&c);
	return 0;
}
