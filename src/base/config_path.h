/*
 * config_path.h - paths of the configuration.
 */

#ifndef CONFIG_PATH_H
#define CONFIG_PATH_H

#include "base.h"

/*
 * A path in the file is from the file's folder, one on the command line
 * (folder "") from the current one: made absolute now, for the session may be
 * elsewhere.  0, or -1 with errno.
 */
int config_path(
    const char *folder, const char *path, char *dst, size_t size) MUST_CHECK;

/* Each word of a list, with one blank between. */
int config_paths(
    const char *folder, const char *list, char *dst, size_t size) MUST_CHECK;

#endif
