/*
 * load_tls.c - loading TLS, on first need.
 */

#include "base.h"
#include "tls.h"

const struct tls_module *
tls_load(void)
{
	static const struct tls_module *loaded; /* the process's */

	if (loaded == NULL)
		loaded = platform_module("pop3d-tls.so", "pop3d_tls");
	return loaded;
}
