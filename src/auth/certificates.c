/*
 * certificates.c - tls-client-map: whose certificate is it?
 *
 * A line is a certificate and the users who may log in by it: its SHA-256
 * fingerprint, "email:" and an address in it, or "subject:" and its subject as
 * RFC 2253 writes it, which may have blanks; then, behind the last blank, users
 * with commas between.  The first line that means a certificate counts.  As
 * with the access file, the whole file is read each time.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "method.h"
#include "sasl.h"
#include "trusted.h"
#include "users.h"

#define MAP_MAX (16U << 20) /* octets of the file */

/* With colons between the octets, or without. */
static int
fingerprint_read(const char *text, uint8_t fingerprint[TLS_FINGERPRINT])
{
	size_t i;

	for (i = 0; i < TLS_FINGERPRINT; i++) {
		if (i > 0 && *text == ':')
			text++;
		if (hex_octet(text, &fingerprint[i]) == -1)
			return -1;
		text += 2;
	}
	return *text == '\0' ? 0 : -1;
}

/* The letters of a domain are the same in either case; others are not. */
static bool
address_same(const char *a, const char *b)
{
	const char *at = strrchr(a, '@');
	size_t local = at == NULL ? strlen(a) : (size_t)(at - a);

	return strncmp(a, b, local) == 0 &&
	    strcasecmp(a + local, b + local) == 0;
}

/* Does it mean this certificate?  1, 0; -1: it means none. */
static int
who_means(const char *who, const struct tls_client *client)
{
	uint8_t fingerprint[TLS_FINGERPRINT];
	size_t i;

	if (strncmp(who, "subject:", 8) == 0)
		return who[8] == '\0' ? -1 :
					strcmp(who + 8, client->subject) == 0;
	if (strncmp(who, "email:", 6) == 0) {
		for (i = 0; i < TLS_EMAILS; i++) {
			if (client->emails[i][0] != '\0' &&
			    address_same(who + 6, client->emails[i]))
				return 1;
		}
		return who[6] == '\0' ? -1 : 0;
	}
	if (fingerprint_read(who, fingerprint) == -1)
		return -1;
	return memcmp(fingerprint, client->fingerprint, TLS_FINGERPRINT) == 0;
}

/*
 * Which of the users, with commas between?  1: *user; 0: not authzid; -1: there
 * is none, or one that is empty or too long.
 */
static int
users_choose(const struct config *config, const char *users,
    const char *authzid, char user[CHANNEL_NAME])
{
	char word[CHANNEL_NAME], wanted[CHANNEL_NAME];
	size_t length;
	int chosen = 0;

	user_name(config, authzid, wanted);
	for (;;) {
		length = strcspn(users, ",");
		if (length == 0 ||
		    text_copy(word, sizeof(word), users, length) == -1)
			return -1;
		if (chosen == 0 &&
		    (authzid[0] == '\0' || user_same(config, word, wanted))) {
			user_name(config, word, user);
			chosen = 1;
		}
		if (users[length] == '\0')
			return chosen;
		users += length + 1;
	}
}

/* Cut a line in two; NULL: it has one word. */
static const char *
line_users(char *line)
{
	char *users = strrchr(line, ' '), *tab = strrchr(line, '\t');

	if (users == NULL || (tab != NULL && tab > users))
		users = tab;
	if (users == NULL)
		return NULL;
	*users++ = '\0';
	while (line[0] != '\0' && strchr(" \t", line[strlen(line) - 1]) != NULL)
		line[strlen(line) - 1] = '\0';
	return users;
}

/* All of the file: what certificate_user() returns. */
static int
map_read(const struct config *config, struct trusted *file,
    const struct tls_client *client, const char *authzid,
    char user[CHANNEL_NAME], char why[CHANNEL_TEXT])
{
	char other[CHANNEL_NAME];
	const char *users;
	int found = 0, means, may, rc;
	char *line;

	text_cut(why, CHANNEL_TEXT, "%s has no line for it", file->path);
	while ((rc = trusted_line(file, &line, why)) == 1) {
		users = line_users(line);
		means = users == NULL ? -1 : who_means(line, client);
		may = users == NULL ?
		    -1 :
		    users_choose(config, users, authzid, other);
		if (means == -1 || may == -1) {
			text_cut(why, CHANNEL_TEXT,
			    "%s:%u: not a fingerprint, email: or subject:, and "
			    "users",
			    file->path, file->number);
			return -1;
		}
		if (means == 0 || found != 0)
			continue;
		found = may == 1 ? 1 : 2;
		if (may == 1)
			memcpy(user, other, CHANNEL_NAME);
		text_cut(why, CHANNEL_TEXT, "%s:%u: it is not that user's",
		    file->path, file->number);
	}
	return rc == -1 ? -1 : found == 1;
}

int
certificate_user(const struct config *config, const struct tls_client *client,
    const char *authzid, char user[CHANNEL_NAME], char why[CHANNEL_TEXT])
{
	struct trusted file;
	int result;

	if (trusted_read(&file, config->tls_client_map, MAP_MAX, why) == -1)
		return -1;
	result = map_read(config, &file, client, authzid, user, why);
	trusted_free(&file);
	return result;
}

int
certificates_check(const struct config *config, char why[CHANNEL_TEXT])
{
	static const struct tls_client nobody;
	const struct tls_module *tls = tls_load();
	uint8_t *octets;
	char user[CHANNEL_NAME];
	struct trusted file;
	size_t length;

	if (trusted_read(&file, config->tls_client_ca, MAP_MAX, why) == -1)
		return -1;
	octets = malloc(TLS_CHAINS / 2);
	length = tls == NULL || octets == NULL ?
	    0 :
	    tls->authorities_chain(
		file.text, file.length, octets, TLS_CHAINS / 2);
	free(octets);
	trusted_free(&file);
	if (length == 0) {
		text_cut(why, CHANNEL_TEXT,
		    "%s: no certificates in PEM, or too many",
		    config->tls_client_ca);
		return -1;
	}
	return certificate_user(config, &nobody, "", user, why) == -1 ? -1 : 0;
}
