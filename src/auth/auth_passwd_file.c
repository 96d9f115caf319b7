/*
 * auth_passwd_file.c - virtual users: a file in the layout of passwd(5), the
 * hash in its second field.
 *
 * The file is read whole for every name, so that its place in it does not show.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "hash.h"
#include "method.h"

#define PASSWD_FILE_MAX (64U << 20) /* octets; half a million users */

enum {
	FIELD_NAME,
	FIELD_HASH,
	FIELD_UID,
	FIELD_GID,
	FIELD_GECOS,
	FIELD_HOME,
	FIELDS
};

/* A line, cut in place; a field that is not there is "". */
struct entry {
	unsigned line; /* from 1; 0 = none */
	const char *field[FIELDS];
};

static const struct entry entry_none = {0, {"", "", "", "", "", ""}};

/* As passwd_file_read(), of what is open already. */
static char *
passwd_file_take(const char *path, int fd, const struct stat *st,
    size_t *length, struct ch_account *account)
{
	char *text;
	ssize_t got;

	if (st->st_size < 0 || st->st_size > PASSWD_FILE_MAX) {
		account_deny(account, CODE_TEMPORARY, "%s is too large", path);
		return NULL;
	}
	text = malloc((size_t)st->st_size + 1);
	got = text == NULL ? -1 : read_full(fd, text, (size_t)st->st_size);
	if (got == -1) {
		account_deny(
		    account, CODE_TEMPORARY, "%s: %s", path, strerror(errno));
		free(text);
		return NULL;
	}
	text[got] = '\0';
	*length = (size_t)got;
	return text;
}

/* NULL, or what is wrong with such a file: whoever writes it is everybody. */
static const char *
passwd_file_doubt(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if ((st->st_mode & S_IWOTH) != 0)
		return "everybody may write it (chmod o-w)";
	if ((st->st_mode & S_IWGRP) != 0 && geteuid() == 0)
		return "its group may write it (chmod g-w)";
	return NULL;
}

/*
 * The text of the file, and a NUL, which the caller wipes and frees; NULL
 * with the account denied.
 */
static char *
passwd_file_read(const char *path, size_t *length, struct ch_account *account)
{
	const char *doubt;
	struct stat st;
	char *text;
	int fd;

	if (path[0] == '\0') {
		account_deny(account, CODE_TEMPORARY, "passwd-file is not set");
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1) {
		account_deny(
		    account, CODE_TEMPORARY, "%s: %s", path, strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return NULL;
	}
	text = NULL;
	doubt = passwd_file_doubt(&st);
	if (doubt != NULL)
		account_deny(account, CODE_TEMPORARY, "%s: %s", path, doubt);
	else
		text = passwd_file_take(path, fd, &st, length, account);
	(void)close(fd);
	return text;
}

/* Dovecot's mark of a scheme; the one that means "what crypt(3) knows". */
static const char *
entry_hash(const char *field)
{
	return strncasecmp(field, "{CRYPT}", 7) == 0 ? field + 7 : field;
}

static void
entry_cut(struct entry *entry, char *line, unsigned number)
{
	size_t i, length;

	length = strlen(line);
	if (length > 0 && line[length - 1] == '\r')
		line[--length] = '\0';
	entry->line = number;
	for (i = 0; i < FIELDS; i++) {
		entry->field[i] = line;
		line += strcspn(line, ":");
		if (*line == ':')
			*line++ = '\0';
	}
}

/*
 * Cut up text (length octets); the first entry of name, and a stand-in of all.
 * What follows a NUL in a line is passed over.
 */
static void
passwd_file_scan(char *text, size_t length, const char *name,
    struct entry *found, struct stand_in *other)
{
	struct entry entry;
	char *line, *end;
	unsigned number;

	*found = entry_none;
	number = 0;
	for (line = text; line < text + length; line = end + 1) {
		number++;
		end = memchr(line, '\n', (size_t)(text + length - line));
		if (end == NULL)
			end = text + length;
		*end = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		entry_cut(&entry, line, number);
		stand_in_offer(other, entry_hash(entry.field[FIELD_HASH]));
		if (found->line == 0 &&
		    strcmp(entry.field[FIELD_NAME], name) == 0)
			*found = entry;
	}
}

/* An empty field: own; (uid_t)-1 is no user (chown(2)). */
static int
entry_number(const char *field, uint32_t own, uint32_t *number)
{
	uint64_t value;

	*number = own;
	if (field[0] == '\0')
		return 0;
	if (number_get(field, strlen(field), 0, UINT32_MAX - 1, &value) == -1)
		return -1;
	*number = (uint32_t)value;
	return 0;
}

static void
entry_grant(
    const char *path, const struct entry *entry, struct ch_account *account)
{
	const char *const *field = entry->field;
	const char *wrong;

	memset(account, 0, sizeof(*account));
	wrong = NULL;
	if (entry_number(field[FIELD_UID], getuid(), &account->uid) == -1)
		wrong = "its uid is no number";
	else if (entry_number(field[FIELD_GID], getgid(), &account->gid) == -1)
		wrong = "its gid is no number";
	else if (field[FIELD_UID][0] != '\0' && field[FIELD_GID][0] == '\0')
		wrong = "its gid is missing";
	else if (text_copy(account->name, sizeof(account->name),
		     field[FIELD_NAME], strlen(field[FIELD_NAME])) == -1)
		wrong = "its name is too long";
	else if (text_copy(account->home, sizeof(account->home),
		     field[FIELD_HOME], strlen(field[FIELD_HOME])) == -1)
		wrong = "its home is too long";
	if (wrong != NULL) {
		account_deny(account, CODE_PERMANENT, "%s:%u: %s", path,
		    entry->line, wrong);
		return;
	}
	account->code = CODE_OK;
	account->groups[0] = account->gid;
	account->group_count = 1;
}

static void
passwd_file_decide(const char *path, const struct entry *entry,
    const char *secret, const struct stand_in *other,
    struct ch_account *account)
{
	const char *hash;
	int right;

	hash = entry->line == 0 ? NULL : entry_hash(entry->field[FIELD_HASH]);
	right = hash_decide(secret, hash, other);
	if (right == 1)
		entry_grant(path, entry, account);
	else if (right == -1)
		account_deny(account, CODE_TEMPORARY, "%s: %s", HASH_MODULE,
		    strerror(errno));
	else if (hash == NULL)
		account_deny(account, CODE_AUTH, "no such user");
	else if (!hash_usable(hash))
		account_deny(account, CODE_AUTH, "%s:%u: %s", path, entry->line,
		    hash_trouble(hash));
	else
		account_deny(account, CODE_AUTH, "wrong password");
}

void
auth_passwd_file_password(const struct config *config, const char *name,
    const char *secret, struct ch_account *account)
{
	struct stand_in other;
	struct entry entry;
	size_t length;
	char *text;

	length = 0;
	text = passwd_file_read(config->passwd_file, &length, account);
	if (text == NULL)
		return;
	stand_in_init(&other, name);
	passwd_file_scan(text, length, name, &entry, &other);
	passwd_file_decide(
	    config->passwd_file, &entry, secret, &other, account);
	explicit_bzero(&other, sizeof(other));
	explicit_bzero(text, length);
	free(text);
}

void
passwd_file_account(
    const struct config *config, const char *name, struct ch_account *account)
{
	struct stand_in other;
	struct entry entry;
	size_t length = 0;
	char *text;

	text = passwd_file_read(config->passwd_file, &length, account);
	if (text == NULL)
		return;
	/* Nobody is refused by a hash here, and none is worked out. */
	stand_in_init(&other, name);
	passwd_file_scan(text, length, name, &entry, &other);
	if (entry.line != 0)
		entry_grant(config->passwd_file, &entry, account);
	else
		account_deny(account, CODE_PERMANENT,
		    "no such user in passwd and %s", config->passwd_file);
	explicit_bzero(&other, sizeof(other));
	explicit_bzero(text, length);
	free(text);
}
