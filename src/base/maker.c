/*
 * maker.c - who is at the other end, by the kernel's word.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "base.h"

#if defined(SO_PEERCRED) && defined(SO_PASSCRED) && defined(SCM_CREDENTIALS)

int
maker_get(int fd, struct maker *maker)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	memset(maker, 0, sizeof(*maker));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1)
		return -1;
	maker->uid = who.uid;
	maker->gid = who.gid;
#ifdef SO_PEERGROUPS
	size = sizeof(maker->groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, maker->groups, &size) ==
	    0) {
		maker->grouped = true;
		maker->count = size / sizeof(maker->groups[0]);
	} else if (errno != ENOPROTOOPT) {
		return -1;
	}
#endif
	return 0;
}

int
sender_want(int fd)
{
	static const int one = 1;

	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
}

int
sender_get(struct msghdr *message, uid_t *uid, gid_t *gid)
{
	struct cmsghdr *head;
	struct ucred who;

	for (head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_CREDENTIALS ||
		    head->cmsg_len != CMSG_LEN(sizeof(who)))
			continue;
		memcpy(&who, CMSG_DATA(head), sizeof(who));
		*uid = who.uid;
		*gid = who.gid;
		return 0;
	}
	errno = EBADMSG;
	return -1;
}

#else

int
maker_get(int fd, struct maker *maker)
{
	(void)fd;
	memset(maker, 0, sizeof(*maker));
	errno = ENOSYS;
	return -1;
}

int
sender_want(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sender_get(struct msghdr *message, uid_t *uid, gid_t *gid)
{
	(void)message;
	(void)uid;
	(void)gid;
	errno = ENOSYS;
	return -1;
}

#endif
