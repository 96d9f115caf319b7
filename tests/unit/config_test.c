/*
 * config_test.c - the configuration's names, values, files and complaints.
 */

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base.h"
#include "tap.h"

static char folder[] = "/tmp/pop3d-config.XXXXXX", file[64];
static char cwd[PATH_MAX];
static char error[CONFIG_ERROR_SIZE];

static void
file_put(const char *text, size_t length)
{
	FILE *f = fopen(file, "w");

	if (f == NULL || fwrite(text, 1, length, f) != length || fclose(f) != 0)
		exit(99);
}

/* Every value, as text. */
static void
config_text(const struct config *c, char *dst, size_t size)
{
	text_cut(dst, size,
	    "%s|%d|%zu|%s|%s|%d|%llu|%s|%s|%u|%llu|%s|%llu|%llu|"
	    "%llu|%llu|%llu|%s|%s|%s|%d|%d|%s|%d|%s|%s|%s|%d|%s|%s",
	    c->mailbox, (int)c->auth[0], c->auth_count, c->passwd_file,
	    c->mailauth_file, (int)c->plaintext,
	    (unsigned long long)c->minimum_uid, c->front_user,
	    c->state_directory, c->locks, (unsigned long long)c->lock_timeout,
	    c->mail_group, (unsigned long long)c->journal_size,
	    (unsigned long long)c->timeout,
	    (unsigned long long)c->login_timeout,
	    (unsigned long long)c->login_tries,
	    (unsigned long long)c->login_delay_failed, c->greeting, c->listen,
	    c->pid_file, (int)c->statistics, (int)c->debug, c->trace_file,
	    c->syslog_facility, c->allow_users, c->deny_users, c->access_file,
	    (int)c->username_lower, c->default_domain, c->checkpassword);
}

static void
test_defaults(void)
{
	struct config c;

	ok(config_init(&c) == 0 && strcmp(c.file, "") == 0 &&
		strcmp(c.mailbox, "mbox:/var/mail/%u") == 0 &&
		c.auth_count == 1 && c.auth[0] == AUTH_UNIX &&
		strcmp(c.passwd_file, "") == 0 &&
		strcmp(c.mailauth_file, "/etc/pop3d/mailauth") == 0 &&
		c.plaintext == PLAINTEXT_LOCAL,
	    "defaults: mailbox and logins");
	ok(c.minimum_uid == 1 && strcmp(c.front_user, "") == 0 &&
		strcmp(c.state_directory, "/var/lib/pop3d") == 0 &&
		c.locks == (LOCK_FCNTL | LOCK_DOTLOCK) &&
		c.lock_timeout == 30 && strcmp(c.mail_group, "mail") == 0 &&
		c.journal_size == 8U << 20,
	    "defaults: privileges and locks");
	ok(strcmp(c.allow_users, "") == 0 && strcmp(c.deny_users, "") == 0 &&
		strcmp(c.access_file, "") == 0 && !c.username_lower &&
		strcmp(c.default_domain, "") == 0 &&
		strcmp(c.checkpassword, "") == 0,
	    "defaults: who may log in");
	ok(c.timeout == 600 && c.login_timeout == 60 && c.login_tries == 3 &&
		c.login_delay_failed == 2 && strcmp(c.greeting, "") == 0,
	    "defaults: times");
	ok(strcmp(c.listen, "*:110") == 0 &&
		strcmp(c.pid_file, "/run/pop3d.pid") == 0 && !c.statistics &&
		!c.debug && strcmp(c.trace_file, "") == 0 &&
		c.syslog_facility == LOG_MAIL,
	    "defaults: the rest");
	config_free(&c);
	config_free(&c);
	ok(c.mailbox == NULL, "config_free: nothing is left, twice is nothing");
}

/* Right values, and what they become in config_text(). */
static const char *const right[] = {
    /* clang-format off */
	"mailbox=maildir:~/Maildir", "mailbox=auto:/x/%d/%n", "mailbox = mbox:x",
	"auth=mailauth", "auth=mailauth unix passwd-file",
	"auth=pam checkpassword", "auth=unix", "auth=passwd-file unix", "auth= passwd-file,unix ",
	"mailauth-file=/etc/x", "passwd-file=/etc/x", "passwd-file=",
	"plaintext=never",
	"plaintext=always", "plaintext=local", "minimum-uid=1",
	"minimum-uid=4294967294", "front-user=x", "state-directory=/x",
	"locks=fcntl", "locks=dotlock flock fcntl", "locks=flock,dotlock",
	"lock-timeout=0", "lock-timeout=1d", "mail-group=", "journal-size=64K",
	"journal-size=1G", "timeout=1", "timeout=7d", "login-timeout=24h",
	"login-tries=100", "login-delay-failed=0", "login-delay-failed=1m",
	"greeting=a = b # c", "listen=", "listen=[::1]:1110 127.0.0.1:110",
	"statistics=yes", "debug=no", "trace-file=/x", "syslog-facility=local7",
	"syslog-facility=daemon", "allow-users=", "allow-users=joe, @staff",
	"deny-users=*", "deny-users=file:/x y", "access-file=", "access-file=/x",
	"checkpassword=/x a b", "checkpassword=",
	"username-lower=yes", "default-domain=", "default-domain=a-b.example.ORG",
    /* clang-format on */
};

/* Each with what the complaint must name. */
static const struct {
	const char *assignment, *names;
} wrong[] = {
    /* clang-format off */
	{ "", "is not name = value" },
	{ "mailbox", "'mailbox' is not name = value" },
	{ "=x", "unknown name ''" },
	{ "colour=red", "unknown name 'colour'" },
	{ "Timeout=1", "unknown name 'Timeout'" },
	{ "time out=1", "unknown name 'time out'" },
	{ "mailbox=", "mailbox: " },
	{ "mailbox=/var/mail/%u", "mbox:PATH" },
	{ "mailbox=mbox:", "mbox:PATH" },
	{ "mailbox=mh:/x", "'mh:/x'" },
	{ "auth=", "auth: " },
	{ "auth=unix unix", "auth: 'unix unix'" },
	{ "auth=kerberos", "'kerberos'" },
	{ "checkpassword=x", "checkpassword: 'x'" },
	{ "checkpassword=./x y", "the absolute path" },
	{ "auth=unix nis", "'unix nis'" },
	{ "mailauth-file=", "mailauth-file: " },
	{ "plaintext=yes", "local, always or never" },
	{ "plaintext=LOCAL", "local, always or never" },
	{ "minimum-uid=0", "from 1 to 4294967294" },
	{ "minimum-uid=4294967295", "from 1 to 4294967294" },
	{ "minimum-uid=-1", "minimum-uid: '-1'" },
	{ "minimum-uid=1s", "a number" },
	{ "locks=", "locks: " },
	{ "locks=none", "fcntl dotlock flock" },
	{ "lock-timeout=3 weeks", "lock-timeout: '3 weeks'" },
	{ "lock-timeout=2d", "from 0 to 86400" },
	{ "journal-size=63K", "from 65536 to 1073741824" },
	{ "journal-size=2G", "from 65536 to 1073741824" },
	{ "journal-size=8m", "'8m'" },
	{ "timeout=0", "from 1 to 604800" },
	{ "timeout=8d", "from 1 to 604800" },
	{ "timeout=18446744073709551616", "timeout: " },
	{ "login-tries=0", "from 1 to 100" },
	{ "login-tries=101", "from 1 to 100" },
	{ "login-delay-failed=61", "from 0 to 60" },
	{ "statistics=1", "yes or no" },
	{ "debug=", "yes or no" },
	{ "debug=Yes", "yes or no" },
	{ "syslog-facility=kern", "syslog facility" },
	{ "allow-users=file:", "file:PATH" },
	{ "username-lower=", "yes or no" },
	{ "default-domain=.example.org", "a domain such as" },
	{ "default-domain=..", "a domain such as" },
	{ "default-domain=a/b", "a domain such as" },
	{ "default-domain=@example.org", "a domain such as" },
	{ "default-domain=a b", "a domain such as" },
    /* clang-format on */
};

static void
test_assign(void)
{
	static char before[4096], after[4096], big[8192];
	struct config c;
	size_t i;

	if (config_init(&c) == -1)
		exit(99);
	for (i = 0; i < ARRAY_SIZE(right); i++)
		ok(config_assign(&c, right[i], error) == 0, "right: %s",
		    right[i]);
	ok(strcmp(c.greeting, "a = b # c") == 0,
	    "a value may hold = and, after -o, #");
	ok(c.auth_count == 2 && c.auth[0] == AUTH_PASSWD_FILE &&
		c.auth[1] == AUTH_UNIX,
	    "methods keep their order");
	config_text(&c, before, sizeof(before));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		error[0] = '\0';
		ok(config_assign(&c, wrong[i].assignment, error) == -1 &&
			strstr(error, wrong[i].names) != NULL,
		    "wrong: '%s': %s", wrong[i].assignment, error);
	}
	memset(big, 'x', sizeof(big) - 1);
	ok(config_set(&c, big, "1", error) == -1 && strlen(error) < 300 &&
		config_set(&c, "timeout", big, error) == -1 &&
		strlen(error) < 300,
	    "a complaint about a long text is short");
	memcpy(big, "mailbox=q:", 10);
	ok(config_assign(&c, big, error) == -1, "a long wrong value");
	memset(big, 'y', sizeof(big) - 1);
	ok(config_set(&c, "passwd-file", big, error) == -1,
	    "a relative path that becomes too long");
	config_text(&c, after, sizeof(after));
	ok(strcmp(before, after) == 0, "what is refused changes nothing");
	config_free(&c);
}

static const char *
beside(const char *where, const char *name)
{
	static char path[PATH_MAX + 64];

	text_cut(path, sizeof(path), "%s/%s", where, name);
	return path;
}

static void
test_paths(void)
{
	static const char text[] = "passwd-file = users\n";
	char relative[64];
	struct config c;
	int result;

	if (config_init(&c) == -1 || chdir("/tmp") == -1 ||
	    getcwd(cwd, sizeof(cwd)) == NULL)
		exit(99);
	ok(config_assign(&c, "passwd-file=users", error) == 0 &&
		strcmp(c.passwd_file, beside(cwd, "users")) == 0,
	    "-o: a path from the current folder");
	file_put(text, strlen(text));
	ok(config_load(&c, file, error) == 0 &&
		strcmp(c.passwd_file, beside(folder, "users")) == 0,
	    "file: a path from the file's folder");
	result = config_assign(&c, "trace-file=trace", error);
	ok(result == 0 && strcmp(c.trace_file, beside(cwd, "trace")) == 0,
	    "-o after a file: still from the current folder: %s", c.trace_file);
	text_cut(relative, sizeof(relative), "%s/pop3d.conf", folder + 5);
	result = config_load(&c, relative, error);
	ok(result == 0 && strcmp(c.passwd_file, beside(folder, "users")) == 0,
	    "a file that is named by a relative path: %s", c.passwd_file);
	ok(config_assign(&c, "passwd-file=/abs", error) == 0 &&
		strcmp(c.passwd_file, "/abs") == 0,
	    "absolute ones stay");
	result = config_assign(&c, "deny-users=file:deny", error);
	ok(result == 0 && strncmp(c.deny_users, "file:", 5) == 0 &&
		strcmp(c.deny_users + 5, beside(cwd, "deny")) == 0,
	    "behind file:, too: %s", c.deny_users);
	config_free(&c);
}

static void
test_lines(void)
{
	static const char text[] = "# a comment\n"
				   "\n"
				   "   \t \r\n"
				   "timeout = 5m # five\n"
				   "\tlogin-tries=4\r\n"
				   "greeting = come#in, 100% #1\n"
				   "mailbox = mbox:/a = b/%u\n"
				   "timeout = 6m\n"
				   "statistics = yes";
	struct config c;

	if (config_init(&c) == -1)
		exit(99);
	file_put(text, strlen(text));
	ok(config_load(&c, file, error) == 0 && strcmp(c.file, file) == 0,
	    "a file is read; it is remembered");
	ok(c.timeout == 360, "the last one counts");
	ok(c.login_tries == 4, "tabs, CRs and no blanks");
	ok(strcmp(c.greeting, "come#in, 100%") == 0,
	    "# is a comment only after a blank");
	ok(strcmp(c.mailbox, "mbox:/a = b/%u") == 0, "= within a value");
	ok(c.statistics, "a last line without its end");
	file_put("", 0);
	ok(config_load(&c, file, error) == 0, "an empty file");
	config_free(&c);
}

static void
complaint(const char *text, size_t length, const char *want)
{
	char whole[CONFIG_ERROR_SIZE];
	struct config c;
	int result;

	if (config_init(&c) == -1)
		exit(99);
	file_put(text, length);
	errno = 0;
	result = config_load(&c, file, error);
	text_cut(whole, sizeof(whole), "%s%s", file, want);
	ok(result == -1 && errno == EINVAL &&
		strncmp(error, whole, strlen(whole)) == 0,
	    "complaint: %s", error);
	config_free(&c);
}

static void
test_complaints(void)
{
	static char big[(1 << 20) + 2];
	struct config c;
	char *text;

	complaint("x\n", 2, ":1: 'x' is not name = value");
	complaint("\n\ntimeout = 1\ncolour = red\nx\n", 29,
	    ":4: unknown name 'colour'");
	complaint("timeout = soon", 14, ":1: timeout: 'soon' is not a time");
	complaint("timeout = 1\n\0timeout = 2\n", 25, ":2: a NUL octet");
	complaint("\xef\xbb\xbftimeout = 1\n", 15, ":1: unknown name");
	/* A name full of %: complaints are no formats. */
	complaint("%n%s = 1\n", 9, ":1: unknown name '%n%s'");
	if (config_init(&c) == -1)
		exit(99);
	file_put("timeout = 7\nx\n", 14);
	ok(config_load(&c, file, error) == -1 && c.timeout == 7,
	    "settings before a bad line stay");
	memset(big, '\n', sizeof(big));
	file_put(big, sizeof(big) - 2);
	ok(config_load(&c, file, error) == 0, "a file of 1 MiB");
	file_put(big, sizeof(big));
	ok(config_load(&c, file, error) == -1 && errno == EFBIG,
	    "a larger one: %s", error);
	(void)unlink(file);
	ok(config_load(&c, file, error) == -1 && errno == ENOENT &&
		strstr(error, file) != NULL,
	    "no file: %s", error);
	ok(config_load(&c, folder, error) == -1 && errno == EINVAL &&
		strstr(error, folder) != NULL,
	    "a folder: %s", error);
	file_put("", 0);
	ok(chmod(file, 0) == 0 &&
		(geteuid() == 0 ||
		    (config_load(&c, file, error) == -1 && errno == EACCES)),
	    "a file that may not be read");
	text = malloc(70000);
	if (text == NULL)
		exit(99);
	memset(text, 'n', 70000);
	text[69999] = '\0';
	ok(config_load(&c, text, error) == -1 && strlen(error) < 512,
	    "a path that is too long");
	free(text);
	config_free(&c);
}

int
main(void)
{
	if (mkdtemp(folder) == NULL ||
	    text_print(file, sizeof(file), "%s/pop3d.conf", folder) == -1)
		return 99;
	test_defaults();
	test_assign();
	test_paths();
	test_lines();
	test_complaints();
	(void)unlink(file);
	(void)rmdir(folder);
	return tap_end();
}
