/*
 * tool_import.c - users from the files of other servers: all of a file, or
 * nothing of it.
 *
 * The file is read twice, in effect: a line is kept as it was, so that a
 * million of them fit, and becomes an entry when all are known to be good.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../auth/hash.h"
#include "auth.h"
#include "tool.h"

#define COMPLAINTS_MOST 20

struct import {
	const struct tool *tool;
	struct edit *users; /* line: "NAME:" and the rest as it was */
	size_t count, room;
	size_t complaints;
};

/* What Dovecot writes in braces before a password, and what it is here. */
enum scheme { SCHEME_SECRET, SCHEME_SHA1, SCHEME_SHA256, SCHEME_HASH };

static const struct {
	const char *name;
	enum scheme scheme;
} schemes[] = {
    {"PLAIN", SCHEME_SECRET},
    {"CLEAR", SCHEME_SECRET},
    {"CLEARTEXT", SCHEME_SECRET},
    {"SCRAM-SHA-1", SCHEME_SHA1},
    {"SCRAM-SHA-256", SCHEME_SHA256},
    {"CRYPT", SCHEME_HASH},
    {"DES-CRYPT", SCHEME_HASH},
    {"MD5-CRYPT", SCHEME_HASH},
    {"MD5", SCHEME_HASH}, /* Dovecot's other name for MD5-CRYPT */
    {"BLF-CRYPT", SCHEME_HASH},
    {"SHA256-CRYPT", SCHEME_HASH},
    {"SHA512-CRYPT", SCHEME_HASH},
};

static void
import_complain(
    struct import *import, size_t number, const char *line, const char *why)
{
	char name[CHANNEL_NAME], shown[3 * CHANNEL_NAME];

	import->complaints++;
	if (import->complaints > COMPLAINTS_MOST)
		return;
	text_cut(name, sizeof(name), "%.*s", (int)strcspn(line, ":"), line);
	log_name(shown, sizeof(shown), name);
	(void)complain(
	    "%s:%zu: %s: %s", import->tool->name, number, shown, why);
}

/* The scheme of a password, which *value then is what stands behind. */
static const char *
scheme_read(const char **value, enum scheme *scheme)
{
	const char *end;
	size_t i, length;

	*scheme = SCHEME_HASH;
	if ((*value)[0] != '{')
		return NULL;
	end = strchr(*value, '}');
	if (end == NULL)
		return "its password has no scheme";
	length = (size_t)(end - *value) - 1;
	if (length == 8 && strncasecmp(*value + 1, "CRAM-MD5", 8) == 0)
		return "{CRAM-MD5} is of no use to another mechanism: set the "
		       "secret with --apop";
	for (i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strlen(schemes[i].name) != length ||
		    strncasecmp(*value + 1, schemes[i].name, length) != 0)
			continue;
		*scheme = schemes[i].scheme;
		*value = end + 1;
		return NULL;
	}
	return "its password is of a scheme that is not known here";
}

/* A hash of crypt(5); "!" before it is a lock. */
static const char *
value_hash(struct mailauth_entry *entry, const char *value)
{
	if (value[0] == '!' && value[1] != '\0') {
		entry->locked = true;
		value++;
	}
	if (!auth_ready())
		return HASH_MODULE " cannot be loaded";
	if (!hash_usable(value))
		return hash_trouble(value);
	return text_copy(entry->hash, sizeof(entry->hash), value,
		   strlen(value)) == -1 ?
	    "its hash is too long" :
	    NULL;
}

/* One of the two kinds of entries; or a secret, of which keys are made. */
static const char *
value_read(struct mailauth_entry *entry, char secret[CHANNEL_SECRET],
    enum scheme scheme, const char *value)
{
	enum mailauth_hash hash;

	switch (scheme) {
	case SCHEME_SECRET:
		if (secret_trouble(value) != NULL)
			return secret_trouble(value);
		(void)!text_copy(secret, CHANNEL_SECRET, value, strlen(value));
		return NULL;
	case SCHEME_SHA1:
	case SCHEME_SHA256:
		hash = scheme == SCHEME_SHA1 ? MAILAUTH_SHA1 : MAILAUTH_SHA256;
		return keys_read(&entry->keys[hash], hash, value,
			   strlen(value)) == -1 ?
		    "these are no keys of SCRAM" :
		    NULL;
	case SCHEME_HASH:
		break;
	}
	return value_hash(entry, value);
}

/*
 * Dovecot's extra fields, behind the seventh colon of the line.  What keeps a
 * user out there must not let him in here.
 */
static const char *
extra_read(struct mailauth_entry *entry, const char *extra)
{
	size_t length;

	for (; *extra != '\0'; extra += length) {
		extra += strspn(extra, " \t");
		length = strcspn(extra, " \t");
		if (strncmp(extra, "nologin", 7) == 0)
			entry->locked = true;
		else if (strncmp(extra, "allow_nets", 10) == 0)
			return "allow_nets cannot be had here";
	}
	return NULL;
}

/* "NAME:PASSWORD[:UID:GID:GECOS:HOME:SHELL[:EXTRA]]" */
static const char *
passwd_read(
    struct mailauth_entry *entry, char secret[CHANNEL_SECRET], char *rest)
{
	const char *value = rest, *why;
	enum scheme scheme;
	char *colon;
	int fields;

	colon = strchr(rest, ':');
	for (fields = 2; colon != NULL && fields < 7; fields++) {
		if (fields == 2)
			*colon = '\0';
		colon = strchr(colon + 1, ':');
	}
	if (colon != NULL && fields == 7) {
		*colon = '\0';
		why = extra_read(entry, colon + 1);
		if (why != NULL)
			return why;
	}
	why = scheme_read(&value, &scheme);
	return why != NULL ? why : value_read(entry, secret, scheme, value);
}

/* What a kept line says; the line is cut up.  NULL, or what is wrong. */
static const char *
user_read(const struct tool *tool, struct mailauth_entry *entry,
    char secret[CHANNEL_SECRET], char *line)
{
	char *rest = line + strcspn(line, ":");
	const char *why;

	memset(entry, 0, sizeof(*entry));
	secret[0] = '\0';
	if (*rest == '\0')
		return "there is no password";
	*rest++ = '\0';
	why = name_trouble(line);
	if (why != NULL)
		return why;
	(void)!text_copy(entry->name, sizeof(entry->name), line, strlen(line));
	if (tool->popauth)
		return value_read(entry, secret, SCHEME_SECRET, rest);
	return passwd_read(entry, secret, rest);
}

/*
 * popauth's lines are a name, blanks or a colon or both, and the secret: make
 * them begin as the others.
 */
static void
popauth_line(char *line)
{
	size_t name = strcspn(line, ": \t"), value;

	if (line[name] == '\0')
		return;
	value = name + strspn(line + name, " \t");
	if (line[value] == ':')
		value++;
	value += strspn(line + value, " \t");
	line[name] = ':';
	memmove(line + name + 1, line + value, strlen(line + value) + 1);
}

static int
import_grow(struct import *import)
{
	size_t room = import->room == 0 ? 1024 : 2 * import->room;
	struct edit *users;

	users = reallocarray(import->users, room, sizeof(users[0]));
	if (users == NULL)
		return -1;
	import->users = users;
	import->room = room;
	return 0;
}

static int
import_add(struct import *import, const char *line, size_t number)
{
	struct edit user = {.number = number};

	if (import->count == import->room && import_grow(import) == -1)
		return -1;
	/* Not asprintf(): it works in memory that it does not wipe. */
	user.line = strdup(line);
	if (user.line == NULL)
		return -1;
	import->users[import->count++] = user;
	return 0;
}

/* Keep the line, if it is good; -1 when there is no memory. */
static int
import_line(struct import *import, char *line, size_t length, size_t number)
{
	char secret[CHANNEL_SECRET];
	struct mailauth_entry entry;
	const char *why;

	if (strlen(line) != length) {
		import_complain(import, number, line, "a NUL octet");
		return 0;
	}
	while (length > 0 && strchr("\r\n", line[length - 1]) != NULL)
		line[--length] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if (import->tool->popauth)
		popauth_line(line);
	if (import_add(import, line, number) == -1)
		return complain("%s: %s", import->tool->name, strerror(errno));
	why = user_read(import->tool, &entry, secret, line);
	if (why != NULL)
		import_complain(import, number, line, why);
	explicit_bzero(&entry, sizeof(entry));
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static int
import_read(struct import *import, FILE *in)
{
	char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t length;
	int rc = 0;

	while (rc == 0 && (length = getline(&line, &size, in)) != -1)
		rc = import_line(import, line, (size_t)length, ++number);
	if (rc == 0 && !feof(in))
		rc = complain("%s: %s", import->tool->name, strerror(errno));
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
	return rc;
}

static int
import_open(struct import *import)
{
	const char *path = import->tool->name;
	bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? fdopen(STDIN_FILENO, "r") : fopen(path, "re");
	char buffer[BUFSIZ];
	int rc;

	if (in == NULL)
		return complain("%s: %s", path, strerror(errno));
	(void)setvbuf(in, buffer, _IOFBF, sizeof(buffer));
	rc = import_read(import, in);
	(void)fclose(in);
	explicit_bzero(buffer, sizeof(buffer));
	return rc;
}

/* Names that come twice, or are there already. */
static int
import_check(struct import *import, const struct update *update)
{
	const struct edit *user, *before;
	size_t i, at;
	int found;

	if (import->count > 0)
		qsort(import->users, import->count, sizeof(import->users[0]),
		    edit_compare);
	for (i = 0; i < import->count; i++) {
		user = &import->users[i];
		before = i == 0 ? NULL : user - 1;
		if (before != NULL && edit_compare(before, user) == 0)
			import_complain(import,
			    before->number > user->number ? before->number :
							    user->number,
			    user->line, "a second line of that name");
		found = !update->there ?
		    0 :
		    database_seek(&update->old, user->line, &at);
		if (found == -1)
			return complain("%s: %s", import->tool->file,
			    mailauth_trouble(EBADMSG));
		if (found == 1)
			import_complain(
			    import, user->number, user->line, "there already");
	}
	if (import->complaints > COMPLAINTS_MOST)
		(void)complain("%s: %zu more such lines", import->tool->name,
		    import->complaints - COMPLAINTS_MOST);
	if (import->complaints > 0)
		return complain("%s: nothing is imported", import->tool->name);
	return 0;
}

/* Each line becomes that of an entry. */
static int
import_make(struct import *import)
{
	const struct tool *tool = import->tool;
	char secret[CHANNEL_SECRET], made[ENTRY_LINE], *line;
	struct mailauth_entry entry;
	size_t i, length;
	int rc = 0;

	for (i = 0; i < import->count && rc == 0; i++) {
		line = import->users[i].line;
		length = strlen(line); /* reading cuts it up */
		(void)user_read(tool, &entry, secret, line);
		if (secret[0] != '\0')
			rc = entry_keep(&entry, secret,
			    tool->apop || tool->popauth, tool->iterations);
		(void)entry_write(&entry, made);
		explicit_bzero(line, length);
		free(line);
		import->users[i].line = strdup(made);
		if (import->users[i].line == NULL)
			rc = complain("%s: %s", tool->name, strerror(errno));
	}
	explicit_bzero(&entry, sizeof(entry));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(made, sizeof(made));
	return rc;
}

static int
import_run(struct import *import)
{
	struct update update;
	int rc = -1;

	if (import_open(import) == -1)
		return -1;
	if (update_begin(&update, import->tool->file, true) == -1)
		(void)complain("%s", update.trouble);
	else if (import_check(import, &update) == 0 &&
	    import_make(import) == 0) {
		rc = update_write(&update, import->users, import->count);
		if (rc == -1)
			(void)complain("%s", update.trouble);
	}
	update_end(&update);
	return rc;
}

int
tool_import(const struct tool *tool)
{
	struct import import = {.tool = tool};
	size_t i;
	int rc;

	rc = import_run(&import);
	if (rc == 0)
		printf("%zu users imported\n", import.count);
	for (i = 0; i < import.count; i++) {
		if (import.users[i].line != NULL)
			explicit_bzero(
			    import.users[i].line, strlen(import.users[i].line));
		free(import.users[i].line);
	}
	free(import.users);
	return rc;
}
