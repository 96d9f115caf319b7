/*
 * updates.c - updates PORT COUNT: a client of TLS 1.3 that changes its keys
 * COUNT times, each time asking the server to do the same, with a command after
 * every hundred; QUIT at the end.  Status 0 when all was answered.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

static int
dial(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
		-1)
		exit(2);
	return fd;
}

static void
expect(SSL *ssl, const char *command, const char *want)
{
	char line[512];
	int n;

	if (command != NULL &&
	    SSL_write(ssl, command, (int)strlen(command)) <= 0)
		exit(3);
	n = SSL_read(ssl, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	if (strncmp(line, want, strlen(want)) == 0)
		return;
	fprintf(stderr, "%s: %s\n", command != NULL ? command : "-", line);
	exit(4);
}

int
main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context != NULL ? SSL_new(context) : NULL;
	long i;

	(void)alarm(60);
	if (argc != 3 || ssl == NULL ||
	    SSL_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
	    SSL_set_fd(ssl, dial(argv[1])) != 1 || SSL_connect(ssl) != 1)
		return 2;
	expect(ssl, NULL, "+OK");
	for (i = 1; i <= strtol(argv[2], NULL, 10); i++) {
		if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
		    SSL_do_handshake(ssl) != 1)
			return 3;
		if (i % 100 == 0)
			expect(ssl, "CAPA\r\n", "+OK");
	}
	expect(ssl, "QUIT\r\n", "+OK bye");
	SSL_free(ssl);
	SSL_CTX_free(context);
	return 0;
}
