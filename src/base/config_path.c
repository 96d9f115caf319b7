/*
 * config_path.c - paths of the configuration.
 */

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "config_path.h"

int
config_path(const char *folder, const char *path, char *dst, size_t size)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return text_print(dst, size, "%s", path);
	if (folder[0] == '\0')
		folder = getcwd(cwd, sizeof(cwd));
	if (folder == NULL)
		return -1;
	return text_print(dst, size, "%s/%s", folder, path);
}

int
config_paths(const char *folder, const char *list, char *dst, size_t size)
{
	char word[PATH_MAX], path[PATH_MAX];
	size_t length, used = 0;

	dst[0] = '\0';
	for (;;) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			return 0;
		if (text_copy(word, sizeof(word), list, length) == -1 ||
		    config_path(folder, word, path, sizeof(path)) == -1 ||
		    text_print(dst + used, size - used, "%s%s",
			used > 0 ? " " : "", path) == -1)
			return -1;
		used = strlen(dst);
		list += length;
	}
}

bool
config_certificates(const struct config *config)
{
	return config->tls_client_ca[0] != '\0' &&
	    config->tls_client_map[0] != '\0';
}
