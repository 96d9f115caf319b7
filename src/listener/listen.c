/*
 * listen.c - the listener's sockets.
 */

#include <sys/socket.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

#define BACKLOG 128

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int
socket_open(const union address *a)
{
	const int one = 1;
	socklen_t size =
	    a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
	int fd, error;

	fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	/* "*" opens both families, each for itself. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    (a->any.sa_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ==
		    0) &&
	    bind(fd, &a->any, size) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* "host:port" in its parts; -1 when it is not that. */
static int
address_split(const char *word, size_t length, char host[64], uint16_t *port)
{
	const char *colon = word + length;
	uint64_t number;
	size_t size;

	while (colon > word && *colon != ':')
		colon--;
	size = (size_t)(colon - word);
	if (size == 0 ||
	    number_get(colon + 1, length - size - 1, 1, 65535, &number) == -1)
		return -1;
	if (word[0] == '[' && colon[-1] == ']') {
		word++;
		size -= 2;
	}
	*port = htons((uint16_t)number);
	return text_copy(host, 64, word, size);
}

/* One family of "*"; 0 also where the machine does not have it. */
static int
family_open(const union address *a, int *sockets, int *count)
{
	int fd = socket_open(a);

	if (fd != -1)
		sockets[(*count)++] = fd;
	else if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
		return -1;
	return 0;
}

static int
address_open(const char *host, uint16_t port, int *sockets, int room)
{
	union address a4 = {.v4 = {.sin_family = AF_INET, .sin_port = port}};
	union address a6 = {.v6 = {.sin6_family = AF_INET6, .sin6_port = port}};
	int count = 0, error;

	if (strcmp(host, "*") == 0) {
		a6.v6.sin6_addr = in6addr_any;
		if (room < 2 || family_open(&a4, sockets, &count) == -1)
			return -1;
		if (family_open(&a6, sockets, &count) == -1) {
			error = errno;
			while (count > 0)
				(void)close(sockets[--count]);
			errno = error;
			return -1;
		}
		return count > 0 ? count : -1;
	}
	if (inet_pton(AF_INET, host, &a4.v4.sin_addr) == 1)
		sockets[0] = socket_open(&a4);
	else if (inet_pton(AF_INET6, host, &a6.v6.sin6_addr) == 1)
		sockets[0] = socket_open(&a6);
	else {
		errno = EINVAL;
		return -1;
	}
	return sockets[0] == -1 ? -1 : 1;
}

int
listen_open(const char *name, const char *list, int sockets[LISTEN_MAX],
    char error[CONFIG_ERROR_SIZE])
{
	char host[64];
	uint16_t port;
	size_t length;
	int count = 0, n;

	for (;;) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			return count;
		n = -1;
		errno = EINVAL;
		if (count < LISTEN_MAX &&
		    address_split(list, length, host, &port) == 0)
			n = address_open(
			    host, port, sockets + count, LISTEN_MAX - count);
		if (n == -1)
			break;
		count += n;
		list += length;
	}
	text_cut(error, CONFIG_ERROR_SIZE, "%s: %.*s: %s", name,
	    (int)(length > 100 ? 100 : length), list,
	    errno == EINVAL || errno == ERANGE ?
		"not address:port with a port of 1 to 65535" :
		strerror(errno));
	while (count > 0)
		(void)close(sockets[--count]);
	return -1;
}
