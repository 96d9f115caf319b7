/*
 * connection.c - what descriptors 0 and 1 are.
 */

#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "back.h"

/* A dead client is noticed after 60 + 4 * 15 s. */
#define KEEPALIVE_IDLE 60
#define KEEPALIVE_INTERVAL 15
#define KEEPALIVE_PROBES 4

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

/* "::ffff:192.0.2.1" is a client of IPv4, and says so in the log. */
static void
address_unmap(union address *a)
{
	struct sockaddr_in v4;

	if (a->any.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return;
	memset(&v4, 0, sizeof(v4));
	v4.sin_family = AF_INET;
	v4.sin_port = a->v6.sin6_port;
	memcpy(&v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], 4);
	a->v4 = v4;
}

static bool
address_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return a->any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* What it is none of leaves both as they are. */
static void
address_print(
    const union address *a, char text[ADDRESS_SIZE], char *port, size_t size)
{
	if (a->any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, text, ADDRESS_SIZE);
		text_cut(port, size, "%u", (unsigned)ntohs(a->v4.sin_port));
	} else if (a->any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, text, ADDRESS_SIZE);
		text_cut(port, size, "%u", (unsigned)ntohs(a->v6.sin6_port));
	}
}

/*
 * Answers are gathered before they are written, so nothing is gained by
 * waiting for more: without this a small one waits 40 ms for the client's
 * delayed acknowledgement.
 */
static void
socket_prepare(bool debug)
{
	static const int one = 1;
	static const struct {
		int option, value;
	} alive[] = {{TCP_KEEPIDLE, KEEPALIVE_IDLE},
	    {TCP_KEEPINTVL, KEEPALIVE_INTERVAL},
	    {TCP_KEEPCNT, KEEPALIVE_PROBES}};
	size_t i;

	(void)setsockopt(
	    STDOUT_FILENO, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(
	    STDOUT_FILENO, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	for (i = 0; i < ARRAY_SIZE(alive); i++)
		(void)setsockopt(STDOUT_FILENO, IPPROTO_TCP, alive[i].option,
		    &alive[i].value, sizeof(alive[i].value));
	if (debug &&
	    setsockopt(
		STDOUT_FILENO, SOL_SOCKET, SO_DEBUG, &one, sizeof(one)) == -1)
		log_debug("SO_DEBUG: %s", strerror(errno));
}

void
connection_init(struct connection *c, const char *remote, bool debug)
{
	union address peer, here;
	socklen_t length = sizeof(peer);

	memset(c, 0, sizeof(*c));
	text_cut(c->peer, sizeof(c->peer), "local");
	text_cut(c->peer_port, sizeof(c->peer_port), "0");
	memset(&peer, 0, sizeof(peer));
	memset(&here, 0, sizeof(here));
	if (getpeername(STDIN_FILENO, &peer.any, &length) == -1) {
		c->terminal = isatty(STDIN_FILENO) == 1;
		return;
	}
	c->socket = true;
	length = sizeof(here);
	if (getsockname(STDIN_FILENO, &here.any, &length) == -1)
		here.any.sa_family = AF_UNSPEC;
	address_unmap(&peer);
	address_unmap(&here);
	address_print(&peer, c->peer, c->peer_port, sizeof(c->peer_port));
	address_print(&here, c->here, c->here_port, sizeof(c->here_port));
	c->loopback = address_loopback(&peer) && address_loopback(&here) &&
	    (remote == NULL || strcmp(remote, c->peer) == 0);
	if (peer.any.sa_family == AF_INET || peer.any.sa_family == AF_INET6)
		socket_prepare(debug);
}
