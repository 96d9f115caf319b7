/*
 * check.c - pop3d -n: what of the promise holds with this configuration.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "crypto.h"
#include "mailauth.h"
#include "state.h"

static void
say(const char *what, const char *how)
{
	printf("%-18s %s\n", what, how);
}

static int
check_front(const struct config *config)
{
	char cage[CHANNEL_PATH], line[CHANNEL_PATH + 64];
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0) {
		say("front",
		    "not started as root: the same uid, no empty "
		    "folder; the system-call list remains");
		return 0;
	}
	front_ids(config, &uid, &gid);
	if (cage_prepare(config, cage, sizeof(cage)) == -1) {
		text_cut(line, sizeof(line), "no empty folder: %s: %s", cage,
		    strerror(errno));
		say("front", line);
		return 1;
	}
	text_cut(line, sizeof(line), "uid %lu, gid %lu, in %s",
	    (unsigned long)uid, (unsigned long)gid, cage);
	say("front", line);
	return 0;
}

static void
check_filter(void)
{
	say("system calls",
	    sandbox_there() ?
		"an allow-list, no new privileges" :
		"this platform has no list: the promise is reduced to ids "
		"and the empty folder");
}

static void
check_state(const struct config *config)
{
	char line[CHANNEL_PATH + 64];
	struct stat st;

	if (stat(config->state_directory, &st) == -1)
		text_cut(line, sizeof(line), "%s: %s", config->state_directory,
		    strerror(errno));
	else if (!S_ISDIR(st.st_mode) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		text_cut(line, sizeof(line),
		    "%s: must be a folder that only "
		    "its owner may write",
		    config->state_directory);
	else
		text_cut(line, sizeof(line), "%s", config->state_directory);
	say("state", line);
}

static int
check_modules(void)
{
	int bad = 0;

	if (crypto_load() == NULL) {
		say("modules",
		    "pop3d-crypto.so cannot be loaded: no mailbox "
		    "can be opened");
		bad = 1;
	}
	if (!auth_ready()) {
		say("modules",
		    "pop3d-crypt.so cannot be loaded: nobody can "
		    "log in");
		bad = 1;
	}
	if (!bad)
		say("modules", "pop3d-crypto.so, pop3d-crypt.so");
	return bad;
}

/* The template, tried with a user that there need not be. */
static int
check_mailbox(const struct config *config)
{
	struct ch_account account = {
	    .name = "user@example.org", .home = "/home/user"};
	char path[CHANNEL_PATH];

	if (mailbox_expand(config->mailbox, config->default_domain, &account,
		path, sizeof(path)) == 0) {
		say("mailbox", config->mailbox);
		return 0;
	}
	say("mailbox", "the template cannot be expanded to an absolute path");
	return 1;
}

static int
check_passwd_file(const struct config *config)
{
	char line[CHANNEL_PATH + 64];

	if (access(config->passwd_file, R_OK) == 0)
		return 0;
	text_cut(line, sizeof(line), "passwd-file '%s': %s",
	    config->passwd_file, strerror(errno));
	say("logins", line);
	return 1;
}

static int
check_mailauth(const struct config *config)
{
	const char *file = config->mailauth_file;
	char line[CHANNEL_PATH + 128];
	uint64_t users, number;
	int bad;

	bad = mailauth_check(file, &users, &number) == -1;
	if (!bad)
		text_cut(line, sizeof(line), "%s: %llu users", file,
		    (unsigned long long)users);
	else if (errno == EBADMSG)
		text_cut(line, sizeof(line), "%s:%llu: %s", file,
		    (unsigned long long)number, mailauth_trouble(errno));
	else
		text_cut(line, sizeof(line), "%s: %s", file,
		    mailauth_trouble(errno));
	say("logins", line);
	return bad;
}

static int
check_checkpassword(const struct config *config)
{
	char why[CHANNEL_TEXT];

	if (checkpassword_check(config, why) == 0) {
		say("logins", config->checkpassword);
		return 0;
	}
	say("logins", why);
	return 1;
}

static int
check_pam(void)
{
	if (!auth_pam_ready()) {
		say("logins",
		    "pop3d-pam.so cannot be loaded: pop3d is built without "
		    "PAM (make PAM=1)");
		return 1;
	}
	say("logins",
	    access("/etc/pam.d/pop3d", F_OK) == 0 ?
		"PAM, service pop3d" :
		"PAM, but there is no /etc/pam.d/pop3d: that of other holds");
	return 0;
}

static int
check_policy(const struct config *config)
{
	char why[CHANNEL_TEXT];

	if (policy_check(config, why) == -1) {
		say("policy", why);
		return 1;
	}
	if (config->access_file[0] != '\0')
		say("policy", config->access_file);
	return 0;
}

static int
check_logins(const struct config *config)
{
	size_t i;
	int bad = 0;

	for (i = 0; i < config->auth_count; i++) {
		if (config->auth[i] == AUTH_PASSWD_FILE)
			bad |= check_passwd_file(config);
		else if (config->auth[i] == AUTH_MAILAUTH)
			bad |= check_mailauth(config);
		else if (config->auth[i] == AUTH_CHECKPASSWORD)
			bad |= check_checkpassword(config);
		else if (config->auth[i] == AUTH_PAM)
			bad |= check_pam();
	}
	return bad;
}

static void
tls_say(const char *file, const char *what, const char *trouble)
{
	char line[CHANNEL_PATH + CHANNEL_TEXT];

	if (file[0] == '\0')
		text_cut(line, sizeof(line), "none: %s", trouble);
	else
		text_cut(line, sizeof(line), "%s: %s%s%s", file, what,
		    trouble[0] != '\0' ? "; " : "", trouble);
	say("TLS", line);
}

static int
check_tls(const struct config *config)
{
	char text[CHANNEL_TEXT];

	if (config->tls_certificate[0] != '\0') {
		if (signer_check(config, tls_say) == -1)
			return 1;
		signer_tickets_check(config, text);
		say("TLS tickets", text);
		return 0;
	}
	say("TLS", "none: no certificate is configured");
	return 0;
}

static int
check_certificates(const struct config *config)
{
	char why[CHANNEL_TEXT];

	if (config->tls_client_ca[0] == '\0' &&
	    config->tls_client_map[0] == '\0')
		return 0;
	if (!config_certificates(config)) {
		say("certificates",
		    config->tls_client_map[0] == '\0' ?
			"nobody logs in by one: tls-client-map is not set" :
			"nobody logs in by one: tls-client-ca is not set");
		return 0;
	}
	if (certificates_check(config, why) == -1) {
		say("certificates", why);
		return 1;
	}
	say("certificates", config->tls_client_map);
	return 0;
}

int
back_check(const struct config *config)
{
	int bad = 0;

	say("configuration",
	    config->file[0] != '\0' ? config->file : "the defaults");
	bad |= check_mailbox(config);
	bad |= check_logins(config);
	bad |= check_policy(config);
	bad |= check_front(config);
	check_filter();
	check_state(config);
	bad |= check_modules();
	bad |= check_tls(config);
	bad |= check_certificates(config);
	if (config->plaintext == PLAINTEXT_ALWAYS)
		say("passwords", "in clear text from everywhere");
	else if (config->plaintext == PLAINTEXT_LOCAL)
		say("passwords",
		    "in clear text from this host alone, and with TLS");
	else
		say("passwords", "never in clear text, but with TLS");
	return bad;
}
