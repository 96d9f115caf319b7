/*
 * config.c - the configuration's names: what each takes, where it is kept.
 */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "base.h"
#include "config_path.h"

/* How a value is read. */
enum setting_type {
	TYPE_TEXT,
	TYPE_PATH,  /* relative ones are from the configuration's folder */
	TYPE_PATHS, /* the same, a list */
	TYPE_NUMBER,
	TYPE_TIME,
	TYPE_SIZE,
	TYPE_BOOL,
	TYPE_AUTH,
	TYPE_LOCKS,
	TYPE_PLAINTEXT,
	TYPE_FACILITY,
	TYPE_MAILBOX,
	TYPE_USERS,
	TYPE_DOMAIN,
	TYPE_COMMAND
};

struct setting {
	const char *name;
	enum setting_type type;
	const char *value;    /* the default */
	uint64_t least, most; /* numbers, times, sizes */
	size_t place;         /* in struct config */
};

#define AT(field) offsetof(struct config, field)
#define DAY 86400
#define DOMAIN_MAX 253 /* octets; RFC 1035, 2.3.4, as text */
#define KB 1024ULL

/* clang-format off */
static const struct setting settings[] = {
	{ "mailbox", TYPE_MAILBOX, "mbox:/var/mail/%u", 0, 0, AT(mailbox) },
	{ "auth", TYPE_AUTH, "unix", 0, 0, AT(auth) },
	{ "passwd-file", TYPE_PATH, "", 0, 0, AT(passwd_file) },
	{ "mailauth-file", TYPE_PATH, "/etc/pop3d/mailauth", 1, 1,
	    AT(mailauth_file) },
	{ "checkpassword", TYPE_COMMAND, "", 0, 0, AT(checkpassword) },
	{ "apop-only", TYPE_BOOL, "no", 0, 0, AT(apop_only) },
	{ "plaintext", TYPE_PLAINTEXT, "local", 0, 0, AT(plaintext) },
	{ "minimum-uid", TYPE_NUMBER, "1", 1, UINT32_MAX - 1, AT(minimum_uid) },
	{ "allow-users", TYPE_USERS, "", 0, 0, AT(allow_users) },
	{ "deny-users", TYPE_USERS, "", 0, 0, AT(deny_users) },
	{ "access-file", TYPE_PATH, "", 0, 0, AT(access_file) },
	{ "username-lower", TYPE_BOOL, "no", 0, 0, AT(username_lower) },
	{ "default-domain", TYPE_DOMAIN, "", 0, 0, AT(default_domain) },
	{ "front-user", TYPE_TEXT, "", 0, 0, AT(front_user) },
	{ "state-directory", TYPE_PATH, "/var/lib/pop3d", 1, 1,
	    AT(state_directory) },
	{ "locks", TYPE_LOCKS, "fcntl dotlock", 0, 0, AT(locks) },
	{ "lock-timeout", TYPE_TIME, "30s", 0, DAY, AT(lock_timeout) },
	{ "mail-group", TYPE_TEXT, "mail", 0, 0, AT(mail_group) },
	{ "journal-size", TYPE_SIZE, "8M", 64 * KB, 1024 * 1024 * KB,
	    AT(journal_size) },
	{ "timeout", TYPE_TIME, "600s", 1, 7 * DAY, AT(timeout) },
	{ "login-timeout", TYPE_TIME, "60s", 1, DAY, AT(login_timeout) },
	{ "login-tries", TYPE_NUMBER, "3", 1, 100, AT(login_tries) },
	{ "login-delay-failed", TYPE_TIME, "2s", 0, 60,
	    AT(login_delay_failed) },
	{ "greeting", TYPE_TEXT, "", 0, 0, AT(greeting) },
	{ "mark-seen", TYPE_BOOL, "no", 0, 0, AT(mark_seen) },
	{ "mailbox-create", TYPE_BOOL, "no", 0, 0, AT(mailbox_create) },
	{ "tls-certificate", TYPE_PATHS, "", 0, 0, AT(tls_certificate) },
	{ "tls-key", TYPE_PATHS, "", 0, 0, AT(tls_key) },
	{ "tls-client-ca", TYPE_PATH, "", 0, 0, AT(tls_client_ca) },
	{ "tls-client-map", TYPE_PATH, "", 0, 0, AT(tls_client_map) },
	{ "external-security", TYPE_NUMBER, "0", 0, 65535,
	    AT(external_security) },
	{ "listen", TYPE_TEXT, "*:110", 0, 0, AT(listen) },
	{ "listen-tls", TYPE_TEXT, "*:995", 0, 0, AT(listen_tls) },
	{ "pid-file", TYPE_PATH, "/run/pop3d.pid", 0, 0, AT(pid_file) },
	{ "statistics", TYPE_BOOL, "no", 0, 0, AT(statistics) },
	{ "debug", TYPE_BOOL, "no", 0, 0, AT(debug) },
	{ "trace-file", TYPE_PATH, "", 0, 0, AT(trace_file) },
	{ "syslog-facility", TYPE_FACILITY, "mail", 0, 0,
	    AT(syslog_facility) },
};

static const struct { const char *name; int value; } facilities[] = {
	{ "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV },
	{ "daemon", LOG_DAEMON }, { "mail", LOG_MAIL }, { "user", LOG_USER },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

static const struct { const char *name; unsigned value; } lock_names[] = {
	{ "fcntl", LOCK_FCNTL }, { "dotlock", LOCK_DOTLOCK },
	{ "flock", LOCK_FLOCK },
};

static const char *const auth_names[AUTH_KINDS] = {
	[AUTH_UNIX] = "unix", [AUTH_MAILAUTH] = "mailauth",
	[AUTH_PASSWD_FILE] = "passwd-file",
	[AUTH_CHECKPASSWORD] = "checkpassword", [AUTH_PAM] = "pam",
};

static const char *const plaintext_names[] = {
	[PLAINTEXT_LOCAL] = "local", [PLAINTEXT_ALWAYS] = "always",
	[PLAINTEXT_NEVER] = "never",
};
/* clang-format on */

/* Where a setting is kept; the table says that it has that type. */
#define FIELD(config, setting, type) \
	((type *)(void *)((char *)(config) + (setting)->place))

/* The next word of a list, its length in *length; NULL at the end. */
static const char *
word_next(const char **list, size_t *length)
{
	const char *word = *list + strspn(*list, " \t,");

	*length = strcspn(word, " \t,");
	*list = word + *length;
	return *length == 0 ? NULL : word;
}

static bool
word_is(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

static int
set_auth(struct config *config, const char *value)
{
	enum auth_kind kinds[AUTH_KINDS];
	size_t count = 0, length, i, k;
	const char *word;

	while ((word = word_next(&value, &length)) != NULL) {
		for (i = 0; i < AUTH_KINDS; i++) {
			if (word_is(word, length, auth_names[i]))
				break;
		}
		for (k = 0; k < count; k++) {
			if (kinds[k] == (enum auth_kind)i)
				i = AUTH_KINDS;
		}
		if (i == AUTH_KINDS)
			return -1;
		kinds[count++] = (enum auth_kind)i;
	}
	if (count == 0)
		return -1;
	memcpy(config->auth, kinds, sizeof(kinds[0]) * count);
	config->auth_count = count;
	return 0;
}

bool
config_auth(const struct config *config, enum auth_kind kind)
{
	size_t i;

	for (i = 0; i < config->auth_count; i++) {
		if (config->auth[i] == kind)
			return true;
	}
	return false;
}

static int
set_locks(unsigned *locks, const char *value)
{
	unsigned found = 0;
	const char *word;
	size_t length, i;

	while ((word = word_next(&value, &length)) != NULL) {
		for (i = 0; i < ARRAY_SIZE(lock_names); i++) {
			if (word_is(word, length, lock_names[i].name))
				break;
		}
		if (i == ARRAY_SIZE(lock_names))
			return -1;
		found |= lock_names[i].value;
	}
	if (found == 0)
		return -1;
	*locks = found;
	return 0;
}

static int
set_bool(bool *field, const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -1;
	*field = value[0] == 'y';
	return 0;
}

static int
set_plaintext(enum plaintext *field, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plaintext_names); i++) {
		if (strcmp(value, plaintext_names[i]) == 0) {
			*field = (enum plaintext)i;
			return 0;
		}
	}
	return -1;
}

static int
set_facility(int *field, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(facilities); i++) {
		if (strcmp(value, facilities[i].name) == 0) {
			*field = facilities[i].value;
			return 0;
		}
	}
	return -1;
}

static int
set_number(const struct setting *setting, uint64_t *field, const char *value)
{
	uint64_t number;
	int result;

	if (setting->type == TYPE_TIME)
		result = number_time(value, &number);
	else if (setting->type == TYPE_SIZE)
		result = number_size(value, &number);
	else
		result =
		    number_get(value, strlen(value), 0, UINT64_MAX, &number);
	if (result == -1 || number < setting->least || number > setting->most)
		return -1;
	*field = number;
	return 0;
}

static int
set_text(char **field, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return -1;
	free(*field);
	*field = copy;
	return 0;
}

static int
set_path(const struct config *config, char **field, const char *value)
{
	char path[PATH_MAX];

	if (value[0] == '\0')
		return set_text(field, value);
	if (config_path(config->folder, value, path, sizeof(path)) == -1)
		return -1;
	return set_text(field, path);
}

static int
set_paths(const struct config *config, char **field, const char *value)
{
	char list[PATH_MAX];

	if (config_paths(config->folder, value, list, sizeof(list)) == -1)
		return -1;
	return set_text(field, list);
}

static int
set_mailbox(char **field, const char *value)
{
	static const char *const formats[] = {"mbox:", "maildir:", "auto:"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strncmp(value, formats[i], strlen(formats[i])) == 0 &&
		    value[strlen(formats[i])] != '\0')
			return set_text(field, value);
	}
	return -1;
}

/* A list of names, or "file:" and a path. */
static int
set_users(const struct config *config, char **field, const char *value)
{
	static const char prefix[] = "file:";
	size_t length = strlen(prefix);
	char *path = NULL, with[PATH_MAX + sizeof(prefix)];
	int result;

	if (strncmp(value, prefix, length) != 0)
		return set_text(field, value);
	if (value[length] == '\0' ||
	    set_path(config, &path, value + length) == -1)
		return -1;
	result = text_print(with, sizeof(with), "%s%s", prefix, path);
	free(path);
	return result == -1 ? -1 : set_text(field, with);
}

/* It becomes a part of paths. */
static int
set_domain(char **field, const char *value)
{
	const char *c;

	for (c = value; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return -1;
	}
	if (value[0] == '.' || c - value > DOMAIN_MAX)
		return -1;
	return set_text(field, value);
}

/* What a value must be, for the sentence that refuses it. */
static const char *
setting_wants(enum setting_type type)
{
	switch (type) {
	case TYPE_TEXT:
	case TYPE_PATH:
		return "a text";
	case TYPE_PATHS:
		return "a list of paths";
	case TYPE_NUMBER:
		return "a number";
	case TYPE_TIME:
		return "a time such as 90s, 10m or 1h";
	case TYPE_SIZE:
		return "a size such as 64K or 8M";
	case TYPE_BOOL:
		return "yes or no";
	case TYPE_AUTH:
		return "a list of methods: unix mailauth passwd-file "
		       "checkpassword pam";
	case TYPE_LOCKS:
		return "a list of locks: fcntl dotlock flock";
	case TYPE_PLAINTEXT:
		return "local, always or never";
	case TYPE_FACILITY:
		return "a syslog facility such as mail, daemon or local0";
	case TYPE_MAILBOX:
		return "mbox:PATH, maildir:PATH or auto:PATH";
	case TYPE_USERS:
		return "a list of names and @groups, or file:PATH";
	case TYPE_DOMAIN:
		return "a domain such as example.org";
	case TYPE_COMMAND:
		return "the absolute path of a program, with arguments";
	}
	return "something else";
}

static int
setting_apply(struct config *config, const struct setting *s, const char *value)
{
	switch (s->type) {
	case TYPE_TEXT:
		return set_text(FIELD(config, s, char *), value);
	case TYPE_PATH:
		if (value[0] == '\0' && s->least > 0)
			return -1;
		return set_path(config, FIELD(config, s, char *), value);
	case TYPE_PATHS:
		return set_paths(config, FIELD(config, s, char *), value);
	case TYPE_NUMBER:
	case TYPE_TIME:
	case TYPE_SIZE:
		return set_number(s, FIELD(config, s, uint64_t), value);
	case TYPE_BOOL:
		return set_bool(FIELD(config, s, bool), value);
	case TYPE_AUTH:
		return set_auth(config, value);
	case TYPE_LOCKS:
		return set_locks(FIELD(config, s, unsigned), value);
	case TYPE_PLAINTEXT:
		return set_plaintext(FIELD(config, s, enum plaintext), value);
	case TYPE_FACILITY:
		return set_facility(FIELD(config, s, int), value);
	case TYPE_MAILBOX:
		return set_mailbox(FIELD(config, s, char *), value);
	case TYPE_USERS:
		return set_users(config, FIELD(config, s, char *), value);
	case TYPE_DOMAIN:
		return set_domain(FIELD(config, s, char *), value);
	case TYPE_COMMAND:
		if (value[0] != '\0' && value[0] != '/')
			return -1;
		return set_text(FIELD(config, s, char *), value);
	}
	return -1;
}

static const struct setting *
setting_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	}
	return NULL;
}

int
config_set(struct config *config, const char *name, const char *value,
    char error[CONFIG_ERROR_SIZE])
{
	const struct setting *s = setting_find(name);

	if (s == NULL) {
		text_cut(
		    error, CONFIG_ERROR_SIZE, "unknown name '%.100s'", name);
		return -1;
	}
	if (setting_apply(config, s, value) == 0)
		return 0;
	if (s->least < s->most)
		text_cut(error, CONFIG_ERROR_SIZE,
		    "%s: '%.100s' is not %s, from %llu to %llu", name, value,
		    setting_wants(s->type), (unsigned long long)s->least,
		    (unsigned long long)s->most);
	else
		text_cut(error, CONFIG_ERROR_SIZE, "%s: '%.100s' is not %s",
		    name, value, setting_wants(s->type));
	return -1;
}

int
config_init(struct config *config)
{
	char error[CONFIG_ERROR_SIZE];
	size_t i;

	memset(config, 0, sizeof(*config));
	config->file = strdup("");
	config->folder = strdup("");
	if (config->file == NULL || config->folder == NULL) {
		config_free(config);
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		if (config_set(config, settings[i].name, settings[i].value,
			error) == -1) {
			config_free(config);
			errno = ENOMEM;
			return -1;
		}
	}
	return 0;
}

void
config_free(struct config *config)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		if (settings[i].type == TYPE_TEXT ||
		    settings[i].type == TYPE_PATH ||
		    settings[i].type == TYPE_PATHS ||
		    settings[i].type == TYPE_MAILBOX ||
		    settings[i].type == TYPE_USERS ||
		    settings[i].type == TYPE_DOMAIN ||
		    settings[i].type == TYPE_COMMAND)
			free(*FIELD(config, &settings[i], char *));
	}
	free(config->file);
	free(config->folder);
	memset(config, 0, sizeof(*config));
}
