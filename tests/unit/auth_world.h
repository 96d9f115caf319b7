/*
 * auth_world.h - what the tests of the verifier share: hashes made now, a
 * folder for files, and a look from another uid.
 */

#ifndef AUTH_WORLD_H
#define AUTH_WORLD_H

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "auth.h"
#include "auth/hash.h"
#include "tap.h"

#define UNUSED __attribute__((__unused__))
#define OTHER_UID 54321 /* nobody's, and above any minimum */

static char world_folder[64];
static struct config world_config;
static struct ch_account world_account;

/* What the back knows; tests change it. */
UNUSED static struct verifier_facts world_facts = {
    .stamp = "", .peer = "192.0.2.1", .method = "USER"};

/* The uid that a virtual user may have here. */
UNUSED static unsigned
world_uid(void)
{
	return geteuid() == 0 ? OTHER_UID : (unsigned)getuid();
}

UNUSED static unsigned
world_gid(void)
{
	return geteuid() == 0 ? OTHER_UID : (unsigned)getgid();
}

UNUSED static void
world_set(const char *name, const char *value)
{
	char error[CONFIG_ERROR_SIZE];

	if (config_set(&world_config, name, value, error) == -1)
		fatalx("%s", error);
}

UNUSED static const char *
world_path(const char *name)
{
	static char path[4][CHANNEL_PATH];
	static unsigned turn;

	turn = (turn + 1) % 4;
	if (text_print(path[turn], sizeof(path[turn]), "%s/%s", world_folder,
		name) == -1)
		fatalx("path");
	return path[turn];
}

UNUSED static void
world_write(const char *path, const char *text, size_t length, mode_t mode)
{
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd == -1 || fchmod(fd, mode) == -1 ||
	    write_full(fd, text, length) == -1 || close(fd) == -1)
		fatal("%s", path);
}

/* Others' processes of this test look into it, too: not for secrets. */
UNUSED static void
world_begin(void)
{
	const char *tmp;

	log_init(LOG_MAIL, true, false);
	tmp = getenv("TMPDIR");
	if (text_print(world_folder, sizeof(world_folder),
		"%s/pop3d-auth.XXXXXX",
		tmp == NULL || strlen(tmp) > 40 ? "/tmp" : tmp) == -1 ||
	    mkdtemp(world_folder) == NULL || chmod(world_folder, 0755) == -1)
		fatal("folder");
	if (config_init(&world_config) == -1)
		fatal("config");
}

UNUSED static int
world_end(const char *const *files)
{
	for (; *files != NULL; files++)
		(void)unlink(world_path(*files));
	(void)rmdir(world_folder);
	config_free(&world_config);
	return tap_end();
}

/* A hash of secret; NULL when the library does not know that kind. */
UNUSED static const char *
world_hash(const char *secret, const char *setting)
{
	static char hash[8][HASH_SIZE];
	static unsigned turn;
	const struct crypt_module *module;

	module = platform_module(HASH_MODULE, "pop3d_crypt");
	if (module == NULL)
		fatalx("%s is not there", HASH_MODULE);
	turn = (turn + 1) % 8;
	if (!module->known(setting) ||
	    module->hash(secret, setting, hash[turn]) == -1)
		return NULL;
	return hash[turn];
}

UNUSED static uint32_t
world_try(const char *name, const char *secret)
{
	memset(&world_account, 0xa5, sizeof(world_account));
	auth_password(
	    &world_config, &world_facts, name, secret, &world_account);
	return world_account.code;
}

/* Run look() as another uid (root only); what it left in world_account. */
UNUSED static uint32_t
world_as(uid_t uid, void (*look)(void))
{
	int ends[2];
	pid_t pid;

	memset(&world_account, 0xa5, sizeof(world_account));
	if (pipe(ends) == -1 || (pid = fork()) == -1)
		fatal("fork");
	if (pid == 0) {
		if (platform_become(uid, (gid_t)uid, NULL, 0) == -1)
			_exit(1);
		look();
		_exit(write_full(ends[1], &world_account,
			  sizeof(world_account)) == -1);
	}
	(void)close(ends[1]);
	if (read_full(ends[0], &world_account, sizeof(world_account)) !=
	    (ssize_t)sizeof(world_account))
		world_account.code = CODE_LIMIT;
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
	return world_account.code;
}

UNUSED static bool
world_reason(const char *part)
{
	if (strstr(world_account.reason, part) != NULL)
		return true;
	tap_note("reason: %s", world_account.reason);
	return false;
}

#endif
