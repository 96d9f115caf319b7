/*
 * listener.h - pop3d -D: accepting connections by itself.
 */

#ifndef LISTENER_H
#define LISTENER_H

#include "base.h"

/*
 * Listen on config->listen and run session in a child for each connection,
 * which is then on descriptors 0 and 1.  In the background with a pid file
 * when background.  Returns the exit status: 0 after SIGTERM.
 */
int listener_run(const struct config *config, bool background,
    int (*session)(const struct config *));

#endif
