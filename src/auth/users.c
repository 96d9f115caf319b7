/*
 * users.c - one user, one name; lists of users.
 */

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <strings.h>

#include "trusted.h"
#include "users.h"

#define LIST_MAX (16U << 20) /* octets of a file */

/* Not by tolower(3): what a letter is must not depend on a locale. */
static void
name_lower(char *name)
{
	for (; *name != '\0'; name++) {
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
	}
}

void
user_name(
    const struct config *config, const char *name, char user[CHANNEL_NAME])
{
	char *at;

	/* Cut, it could be another's. */
	if (text_copy(user, CHANNEL_NAME, name, strlen(name)) == -1)
		return;
	if (config->username_lower)
		name_lower(user);
	at = strchr(user, '@');
	if (at != NULL && config->default_domain[0] != '\0' &&
	    strcasecmp(at + 1, config->default_domain) == 0)
		*at = '\0';
}

bool
user_same(const struct config *config, const char *written, const char *user)
{
	char name[CHANNEL_NAME];

	user_name(config, written, name);
	return name[0] != '\0' && strcmp(name, user) == 0;
}

/* As account_mail_group(), why not the _r kind. */
static int
group_has(const char *name, const struct ch_account *account)
{
	const struct group *group;
	uint32_t i;

	errno = 0;
	group = getgrnam(name);
	if (group == NULL) {
		if (errno != 0 && errno != ENOENT && errno != ESRCH &&
		    errno != EBADF && errno != EPERM)
			return -1;
		errno = ENOENT;
		return account->name[0] == '\0' ? -1 : 0;
	}
	if (account->gid == group->gr_gid)
		return 1;
	for (i = 0; i < account->group_count; i++) {
		if (account->groups[i] == group->gr_gid)
			return 1;
	}
	return 0;
}

int
user_is(const struct config *config, const char *who,
    const struct ch_account *account)
{
	char user[CHANNEL_NAME];

	if (strcmp(who, "*") == 0)
		return 1;
	if (who[0] == '@')
		return group_has(who + 1, account);
	user_name(config, account->name, user);
	return user_same(config, who, user);
}

void
user_group_trouble(const char *who, char why[CHANNEL_TEXT])
{
	text_cut(why, CHANNEL_TEXT, "the group %.100s: %s", who + 1,
	    errno == ENOENT ? "there is none" : strerror(errno));
}

/* One word of a list; found stays what it was when it is another's. */
static int
list_word(const struct config *config, const char *word,
    const struct ch_account *account, int *found, char why[CHANNEL_TEXT])
{
	int is = user_is(config, word, account);

	if (is == -1) {
		user_group_trouble(word, why);
		return -1;
	}
	if (is == 1)
		*found = 1;
	return 0;
}

static int
list_file(const struct config *config, const char *path,
    const struct ch_account *account, char why[CHANNEL_TEXT])
{
	struct trusted file;
	int found = 0, rc;
	char *line;

	if (trusted_read(&file, path, LIST_MAX, why) == -1)
		return -1;
	while ((rc = trusted_line(&file, &line, why)) == 1) {
		if (strpbrk(line, " \t,") != NULL) {
			text_cut(why, CHANNEL_TEXT, "%s:%u: more than one name",
			    path, file.number);
			rc = -1;
		} else if (list_word(config, line, account, &found, why) == -1)
			rc = -1;
		if (rc == -1)
			break;
	}
	trusted_free(&file);
	return rc == -1 ? -1 : found;
}

static int
list_words(const struct config *config, const char *list,
    const struct ch_account *account, char why[CHANNEL_TEXT])
{
	char word[CHANNEL_NAME];
	size_t length;
	int found = 0;

	for (;;) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			return found;
		/* One that is too long is nobody's. */
		if (text_copy(word, sizeof(word), list, length) == 0 &&
		    list_word(config, word, account, &found, why) == -1)
			return -1;
		list += length;
	}
}

int
users_have(const struct config *config, const char *list,
    const struct ch_account *account, char why[CHANNEL_TEXT])
{
	static const char prefix[] = "file:";

	if (strncmp(list, prefix, strlen(prefix)) == 0)
		return list_file(config, list + strlen(prefix), account, why);
	return list_words(config, list, account, why);
}
