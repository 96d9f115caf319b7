/*
 * listener.h - pop3d -D: accepting connections by itself.
 */

#ifndef LISTENER_H
#define LISTENER_H

#include "base.h"
#include "signer.h"

/*
 * Listen on config->listen, and with certificates on config->listen_tls, and
 * run session in a child for each connection, which is then on descriptors 0
 * and 1; tls: it came to one of the latter.  Certificates are signer's work,
 * which is back_signer(): before the first accept, and again at SIGHUP.
  In the background with a pid file
 * when background.  Returns the exit status: 0 after SIGTERM.
 */
int listener_run(const struct config *config, bool background,
    int (*session)(const struct config *, const struct signer *, bool tls),
    int (*signer)(const struct config *, struct signer *));

#endif
