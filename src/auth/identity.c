/*
 * identity.c - whom a checkpassword program let in; see identity.h.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"

static bool
words_right(const struct identity_words *words, size_t size)
{
	return size == sizeof(*words) && words->magic == IDENTITY_MAGIC &&
	    memchr(words->name, '\0', sizeof(words->name)) != NULL &&
	    memchr(words->home, '\0', sizeof(words->home)) != NULL;
}

/*
 * The one descriptor that comes along, or -1.  There is no room for a second:
 * the kernel closes it.
 */
static int
pair_take(struct msghdr *message)
{
	struct cmsghdr *head;
	int fd = -1;

	for (head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level == SOL_SOCKET &&
		    head->cmsg_type == SCM_RIGHTS &&
		    head->cmsg_len == CMSG_LEN(sizeof(fd)))
			memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	}
	return fd;
}

/* A socket may be somebody else's, a sender not: both must be the same. */
static int
who_find(struct msghdr *message, struct maker *who)
{
	int pair = pair_take(message), result, error;
	uid_t uid;
	gid_t gid;

	if (pair == -1) {
		errno = EBADMSG;
		return -1;
	}
	result = maker_get(pair, who);
	error = errno;
	(void)close(pair);
	errno = error;
	if (result == -1 || sender_get(message, &uid, &gid) == -1)
		return -1;
	if (who->uid == uid && who->gid == gid)
		return 0;
	errno = EBADMSG;
	return -1;
}

int
identity_read(int fd, struct identity *identity)
{
	union {
		struct cmsghdr align;
		char space[SENDER_SPACE + CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&identity->words, sizeof(identity->words)};
	struct msghdr message;
	ssize_t n;

	memset(identity, 0, sizeof(*identity));
	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	do
		n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0) {
		errno = EPIPE;
		return -1;
	}
	if (who_find(&message, &identity->who) == -1)
		return -1;
	if (words_right(&identity->words, (size_t)n) &&
	    (message.msg_flags & MSG_TRUNC) == 0)
		return 1;
	errno = EBADMSG;
	return -1;
}
