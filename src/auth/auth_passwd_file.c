/*
 * auth_passwd_file.c - virtual users: a file in the layout of passwd(5), the
 * hash in its second field.
 *
 * The file is read whole for every name, so that its place in it does not show.
 */

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "hash.h"
#include "method.h"
#include "trusted.h"
#include "users.h"

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

/* 0, and trusted_free() is due; -1 with the account denied. */
static int
passwd_file_read(
    const char *path, struct trusted *file, struct ch_account *account)
{
	char why[CHANNEL_TEXT];

	if (path[0] == '\0')
		account_deny(account, CODE_TEMPORARY, "passwd-file is not set");
	else if (trusted_read(file, path, PASSWD_FILE_MAX, why) == -1)
		account_deny(account, CODE_TEMPORARY, "%s", why);
	else
		return 0;
	return -1;
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
 * Cut the file up; the first entry of name, and a stand-in of all.  What
 * follows a NUL in a line is passed over.
 */
static void
passwd_file_scan(const struct config *config, const struct trusted *file,
    const char *name, struct entry *found, struct stand_in *other)
{
	char *line, *end, *last = file->text + file->length;
	struct entry entry;
	unsigned number = 0;
	bool same;

	*found = entry_none;
	for (line = file->text; line < last; line = end + 1) {
		number++;
		end = memchr(line, '\n', (size_t)(last - line));
		if (end == NULL)
			end = last;
		*end = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		entry_cut(&entry, line, number);
		stand_in_offer(other, entry_hash(entry.field[FIELD_HASH]));
		/* Of every line: where the name stands must not show. */
		same = user_same(config, entry.field[FIELD_NAME], name);
		if (same && found->line == 0)
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
auth_passwd_file_password(const struct config *config,
    const struct verifier_facts *facts, const char *name, const char *secret,
    struct ch_account *account)
{
	struct stand_in other;
	struct trusted file;
	struct entry entry;

	(void)facts;
	if (passwd_file_read(config->passwd_file, &file, account) == -1)
		return;
	stand_in_init(&other, name);
	passwd_file_scan(config, &file, name, &entry, &other);
	passwd_file_decide(
	    config->passwd_file, &entry, secret, &other, account);
	explicit_bzero(&other, sizeof(other));
	trusted_free(&file);
}

void
passwd_file_account(
    const struct config *config, const char *name, struct ch_account *account)
{
	struct stand_in other;
	struct trusted file;
	struct entry entry;

	if (passwd_file_read(config->passwd_file, &file, account) == -1)
		return;
	/* Nobody is refused by a hash here, and none is worked out. */
	stand_in_init(&other, name);
	passwd_file_scan(config, &file, name, &entry, &other);
	if (entry.line != 0)
		entry_grant(config->passwd_file, &entry, account);
	else
		account_deny(account, CODE_PERMANENT,
		    "no such user in passwd and %s", config->passwd_file);
	explicit_bzero(&other, sizeof(other));
	trusted_free(&file);
}
