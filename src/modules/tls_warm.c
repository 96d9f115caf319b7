/*
 * tls_warm.c - what OpenSSL fetches on first need, fetched earlier.
 *
 * Under inetd: while another process is busy.  Under -D: before the fork, as
 * otherwise each session's process does it anew, and copies the pages where
 * the library keeps it.  There the only way to name all that a handshake needs
 * is a handshake, with ourselves and in memory.  It ends where the key would
 * be asked.
 */

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_parts.h"

#define STEPS 4 /* of each side: more than it takes to where it ends */

/* The first SSL_CTX takes 1.2 ms, and one after it a tenth of that. */
void
tls_start_early(void)
{
	if (tls_start())
		SSL_CTX_free(SSL_CTX_new(TLS_server_method()));
	ERR_clear_error();
}

static void
handshake_try(SSL *server, SSL *client, int version, int group)
{
	BIO *ours, *theirs;
	int i;

	if (BIO_new_bio_pair(&ours, 0, &theirs, 0) != 1)
		return;
	SSL_set_bio(server, ours, ours);
	SSL_set_bio(client, theirs, theirs);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	if (SSL_set_max_proto_version(client, version) != 1 ||
	    SSL_set1_groups(client, &group, 1) != 1)
		return;
	for (i = 0; i < STEPS; i++) {
		if (SSL_do_handshake(client) == 1 ||
		    SSL_do_handshake(server) == 1)
			break;
	}
}

void
tls_warm(SSL_CTX *server_context)
{
	static const struct {
		int version;
		int group;
	} kinds[] = {{TLS1_3_VERSION, NID_X25519},
	    {TLS1_3_VERSION, NID_X9_62_prime256v1},
	    {TLS1_2_VERSION, NID_X25519}};
	SSL_CTX *client_context = SSL_CTX_new(TLS_client_method());
	SSL *server, *client;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		server = SSL_new(server_context);
		client =
		    client_context == NULL ? NULL : SSL_new(client_context);
		if (server != NULL && client != NULL)
			handshake_try(
			    server, client, kinds[i].version, kinds[i].group);
		SSL_free(server);
		SSL_free(client);
	}
	SSL_CTX_free(client_context);
	ERR_clear_error();
}
