/*
 * tool_commands.c - the commands of mailauth(8), but for import.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../auth/hash.h"
#include "tool.h"

int
complain(const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(line, sizeof(line), format, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	fprintf(stderr, "mailauth: %s\n", line);
	return -1;
}

int
entry_keep(struct mailauth_entry *entry, const char *secret, bool apop,
    uint32_t iterations)
{
	entry->hash[0] = '\0';
	explicit_bzero(entry->secret, sizeof(entry->secret));
	if (apop)
		text_cut(entry->secret, sizeof(entry->secret), "%s", secret);
	if (keys_make(&entry->keys[MAILAUTH_SHA1], MAILAUTH_SHA1, secret,
		iterations) == 0 &&
	    keys_make(&entry->keys[MAILAUTH_SHA256], MAILAUTH_SHA256, secret,
		iterations) == 0)
		return 0;
	return complain("pop3d-crypto.so: %s",
	    errno == ENOENT ? "cannot be loaded" : "no such digest");
}

/* 0 with the user's entry, -1 after a complaint. */
static int
entry_get(struct mailauth_entry *entry, const struct database *db,
    const char *file, const char *name)
{
	ssize_t length = -1;
	size_t at;
	int found;

	found = database_seek(db, name, &at);
	if (found == 0)
		return complain("%s: no such user", name);
	if (found == 1)
		length = database_line(db, at);
	if (length == -1 ||
	    entry_read(entry, db->text + at, (size_t)length) == -1)
		return complain("%s: %s", file, mailauth_trouble(EBADMSG));
	return 0;
}

/* Begin a change of a user who must be there; -1 after a complaint. */
static int
change_begin(struct update *update, const struct tool *tool,
    struct mailauth_entry *entry)
{
	if (update_begin(update, tool->file, false) == -1)
		return complain("%s", update->trouble);
	if (!update->there)
		return complain("%s: %s", tool->file, strerror(ENOENT));
	return entry_get(entry, &update->old, tool->file, tool->name);
}

/* Write this one entry, or take it out. */
static int
change_write(
    struct update *update, const struct mailauth_entry *entry, bool remove)
{
	char line[ENTRY_LINE];
	struct edit edit = {.line = line, .remove = remove};
	int rc;

	(void)entry_write(entry, line);
	rc = update_write(update, &edit, 1);
	explicit_bzero(line, sizeof(line));
	return rc == -1 ? complain("%s", update->trouble) : 0;
}

/* The secret is asked for, and worked on, before the lock is taken. */
static int
tool_add(const struct tool *tool)
{
	struct mailauth_entry entry = {.locked = false};
	char secret[CHANNEL_SECRET];
	struct update update;
	size_t at;
	int rc;

	text_cut(entry.name, sizeof(entry.name), "%s", tool->name);
	rc = secret_get(tool->name, true, secret);
	if (rc == 0)
		rc = entry_keep(&entry, secret, tool->apop, tool->iterations);
	explicit_bzero(secret, sizeof(secret));
	if (rc == -1)
		return -1;
	if (update_begin(&update, tool->file, true) == -1)
		rc = complain("%s", update.trouble);
	else if (update.there &&
	    database_seek(&update.old, tool->name, &at) == 1)
		rc = complain("%s: there already", tool->name);
	else
		rc = change_write(&update, &entry, false);
	update_end(&update);
	explicit_bzero(&entry, sizeof(entry));
	return rc;
}

static int
tool_change(const struct tool *tool)
{
	struct mailauth_entry entry, made = {.locked = false};
	char secret[CHANNEL_SECRET];
	struct update update;
	bool had = false;
	int rc;

	text_cut(made.name, sizeof(made.name), "%s", tool->name);
	rc = secret_get(tool->name, true, secret);
	if (rc == 0)
		rc = entry_keep(&made, secret, tool->apop, tool->iterations);
	explicit_bzero(secret, sizeof(secret));
	if (rc == -1)
		return -1;
	rc = change_begin(&update, tool, &entry);
	if (rc == 0) {
		had = entry.secret[0] != '\0';
		made.locked = entry.locked;
		rc = change_write(&update, &made, false);
	}
	update_end(&update);
	explicit_bzero(&entry, sizeof(entry));
	explicit_bzero(&made, sizeof(made));
	if (rc == 0 && had && !tool->apop)
		printf(
		    "%s: no APOP and CRAM-MD5 any more (--apop)\n", tool->name);
	return rc;
}

static int
tool_delete(const struct tool *tool)
{
	struct mailauth_entry entry;
	struct update update;
	int rc;

	rc = change_begin(&update, tool, &entry);
	if (rc == 0)
		rc = change_write(&update, &entry, true);
	update_end(&update);
	explicit_bzero(&entry, sizeof(entry));
	return rc;
}

static int
locked_set(const struct tool *tool, bool locked)
{
	struct mailauth_entry entry;
	struct update update;
	int rc;

	rc = change_begin(&update, tool, &entry);
	if (rc == 0 && entry.locked == locked)
		rc = complain("%s: %s", tool->name,
		    locked ? "locked already" : "not locked");
	if (rc == 0) {
		entry.locked = locked;
		rc = change_write(&update, &entry, false);
	}
	update_end(&update);
	explicit_bzero(&entry, sizeof(entry));
	return rc;
}

static int
tool_lock(const struct tool *tool)
{
	return locked_set(tool, true);
}

static int
tool_unlock(const struct tool *tool)
{
	return locked_set(tool, false);
}

/* "joe scram 10000 apop locked", "ann crypt $6$" */
static void
entry_print(const struct mailauth_entry *entry)
{
	const struct mailauth_keys *keys = entry->keys;
	int kind;

	printf("%s", entry->name);
	if (keys[MAILAUTH_SHA256].iterations != 0)
		printf(" scram-sha-256 %u",
		    (unsigned)keys[MAILAUTH_SHA256].iterations);
	if (keys[MAILAUTH_SHA1].iterations != 0)
		printf(" scram-sha-1 %u",
		    (unsigned)keys[MAILAUTH_SHA1].iterations);
	if (entry->hash[0] != '\0') {
		/* Up to the second "$": the kind, nothing of salt or hash. */
		kind = entry->hash[0] != '$' ?
		    0 :
		    2 + (int)strcspn(entry->hash + 1, "$");
		printf(" crypt %.*s", kind, kind == 0 ? "" : entry->hash);
	}
	printf("%s%s\n", entry->secret[0] != '\0' ? " apop" : "",
	    entry->locked ? " locked" : "");
}

static int
list_all(const struct tool *tool, const struct database *db)
{
	struct mailauth_entry entry;
	ssize_t length;
	size_t at;
	int rc = 0;

	for (at = DATABASE_HEADER; at < db->length && rc == 0;
	     at += (size_t)length + 1) {
		length = database_line(db, at);
		if (length == -1 ||
		    entry_read(&entry, db->text + at, (size_t)length) == -1) {
			rc = complain(
			    "%s: %s", tool->file, mailauth_trouble(EBADMSG));
			break;
		}
		entry_print(&entry);
	}
	explicit_bzero(&entry, sizeof(entry));
	return rc;
}

static int
tool_list(const struct tool *tool)
{
	struct mailauth_entry entry;
	struct database db;
	int rc;

	if (database_open(&db, AT_FDCWD, tool->file) == -1)
		return complain("%s: %s", tool->file, mailauth_trouble(errno));
	if (tool->name == NULL) {
		rc = list_all(tool, &db);
	} else {
		rc = entry_get(&entry, &db, tool->file, tool->name);
		if (rc == 0)
			entry_print(&entry);
		explicit_bzero(&entry, sizeof(entry));
	}
	database_close(&db);
	return rc;
}

static int
check_all(const struct tool *tool)
{
	uint64_t users, line;

	if (mailauth_check(tool->file, &users, &line) == 0) {
		printf(
		    "%s: %llu users\n", tool->file, (unsigned long long)users);
		return 0;
	}
	if (errno == EBADMSG)
		return complain(
		    "%s:%llu: damaged, or not behind the line before it",
		    tool->file, (unsigned long long)line);
	return complain("%s: %s", tool->file, mailauth_trouble(errno));
}

static int
check_secret(const struct tool *tool, const struct mailauth_entry *entry)
{
	char secret[CHANNEL_SECRET];
	int right;

	if (secret_get(tool->name, false, secret) == -1)
		return -1;
	right = entry->hash[0] != '\0' ? hash_verify(secret, entry->hash) :
					 mailauth_verify(entry, secret);
	explicit_bzero(secret, sizeof(secret));
	if (right == -1)
		return complain(
		    "%s: cannot be checked: %s", tool->name, strerror(errno));
	if (right == 0)
		return complain("%s: wrong", tool->name);
	if (entry->locked)
		return complain("%s: right, but locked", tool->name);
	printf("%s: right\n", tool->name);
	return 0;
}

static int
tool_check(const struct tool *tool)
{
	struct mailauth_entry entry;
	struct database db;
	int rc;

	if (tool->name == NULL)
		return check_all(tool);
	if (database_open(&db, AT_FDCWD, tool->file) == -1)
		return complain("%s: %s", tool->file, mailauth_trouble(errno));
	rc = entry_get(&entry, &db, tool->file, tool->name);
	database_close(&db);
	if (rc == 0)
		rc = check_secret(tool, &entry);
	explicit_bzero(&entry, sizeof(entry));
	return rc;
}

/* clang-format off */
const struct command tool_commands[] = {
	{ "add",    NAME_MUST, tool_add },
	{ "change", NAME_MUST, tool_change },
	{ "delete", NAME_MUST, tool_delete },
	{ "lock",   NAME_MUST, tool_lock },
	{ "unlock", NAME_MUST, tool_unlock },
	{ "list",   NAME_MAY,  tool_list },
	{ "check",  NAME_MAY,  tool_check },
	{ "import", NAME_MUST, tool_import },
	{ NULL,     NAME_NONE, NULL },
};
/* clang-format on */
