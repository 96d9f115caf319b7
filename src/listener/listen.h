/*
 * listen.h - the listener's sockets.
 */

#ifndef LISTEN_H
#define LISTEN_H

#include "base.h"

#define LISTEN_MAX 16 /* sockets */

/*
 * Open a socket for every address of list ("*:110", "127.0.0.1:1110",
 * "[::1]:110", separated by blanks or commas; "*" is IPv4 and IPv6).  How
 * many, or -1 with a sentence that begins with name in error; none is open then.
 */
int listen_open(const char *name, const char *list, int sockets[LISTEN_MAX],
    char error[CONFIG_ERROR_SIZE]) MUST_CHECK;

#endif
