/*
 * config_fuzz.c - any octets as a configuration file: read or refused with a
 * sentence that names the line, and whatever was read is within its limits.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_text(const char *text)
{
	MUST(text != NULL && strlen(text) < 1U << 20 &&
	    strchr(text, '\n') == NULL);
}

static void
use_path(const char *path)
{
	use_text(path);
	MUST(path[0] == '\0' || path[0] == '/');
}

static void
use_config(const struct config *c)
{
	size_t i, k;

	use_text(c->file);
	use_text(c->front_user);
	use_text(c->mail_group);
	use_text(c->greeting);
	use_text(c->listen);
	use_path(c->passwd_file);
	use_path(c->state_directory);
	use_path(c->pid_file);
	use_path(c->trace_file);
	use_path(c->access_file);
	use_text(c->allow_users);
	use_text(c->deny_users);
	MUST(strspn(c->default_domain, "@/ ") == 0 &&
	    c->default_domain[0] != '.' &&
	    strchr(c->default_domain, '/') == NULL);
	use_text(c->mailbox);
	MUST(strchr(c->mailbox, ':') != NULL &&
	    strchr(c->mailbox, ':')[1] != '\0');
	MUST(c->auth_count >= 1 && c->auth_count <= AUTH_KINDS);
	for (i = 0; i < c->auth_count; i++) {
		MUST((unsigned)c->auth[i] < AUTH_KINDS);
		for (k = 0; k < i; k++)
			MUST(c->auth[i] != c->auth[k]);
	}
	MUST((unsigned)c->plaintext <= PLAINTEXT_NEVER);
	MUST(c->minimum_uid >= 1 && c->minimum_uid < UINT32_MAX);
	MUST(c->locks != 0 &&
	    (c->locks & ~(LOCK_FCNTL | LOCK_DOTLOCK | LOCK_FLOCK)) == 0);
	MUST(c->lock_timeout <= 86400);
	MUST(c->journal_size >= 65536 && c->journal_size <= 1U << 30);
	MUST(c->timeout >= 1 && c->timeout <= 7 * 86400);
	MUST(c->login_timeout >= 1 && c->login_timeout <= 86400);
	MUST(c->login_tries >= 1 && c->login_tries <= 100);
	MUST(c->login_delay_failed <= 60);
}

/* "PATH:LINE: why" or "PATH: why", in one line. */
static void
use_error(const char *error, const char *path)
{
	size_t length = strlen(path);

	MUST(strlen(error) < CONFIG_ERROR_SIZE && strchr(error, '\n') == NULL);
	MUST(strncmp(error, path, length) == 0 && error[length] == ':');
	MUST(strstr(error + length, ": ") != NULL);
}

/* The same octets as -o takes them. */
static void
try_assign(const uint8_t *data, size_t size)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct config c;
	char *text = malloc(size + 1);

	MUST(text != NULL && config_init(&c) == 0);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (config_assign(&c, text, error) == -1)
		MUST(error[0] != '\0' && strlen(error) < CONFIG_ERROR_SIZE);
	config_free(&c);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;
	char error[CONFIG_ERROR_SIZE];
	struct config c;

	if (fd == -1) {
		fd = memfd_create("config", 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	MUST(fd != -1 && ftruncate(fd, 0) == 0 &&
	    pwrite_full(fd, data, size, 0) == 0);
	MUST(config_init(&c) == 0);
	if (config_load(&c, path, error) == -1) {
		MUST(errno == EINVAL);
		use_error(error, path);
	} else
		MUST(strcmp(c.file, path) == 0);
	config_free(&c);
	MUST(config_init(&c) == 0);
	if (config_load(&c, path, error) == 0)
		use_config(&c);
	config_free(&c);
	if (size < 4096)
		try_assign(data, size);
	return 0;
}
