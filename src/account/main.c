/*
 * main.c - pop3d-account: what a checkpassword program runs once it has let a
 * user in.  It tells the verifier who it is.
 *
 * It runs as the user, who must not be able to speak in its place: installed
 * so that nobody may read it, which keeps debuggers away on Linux.
 */

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../auth/identity.h"

#define STATUS_TEMPORARY 111 /* as checkpassword programs have it */

static int
words_fill(struct identity_words *words)
{
	const char *name = getenv("USER"), *home = getenv("HOME");

	memset(words, 0, sizeof(*words));
	words->magic = IDENTITY_MAGIC;
	if (name != NULL &&
	    text_copy(words->name, sizeof(words->name), name, strlen(name)) ==
		-1)
		return -1;
	if (home != NULL &&
	    text_copy(words->home, sizeof(words->home), home, strlen(home)) ==
		-1)
		return -1;
	return 0;
}

static int
words_send(struct identity_words *words, int pair)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {words, sizeof(*words)};
	struct msghdr message;
	struct cmsghdr *head;

	memset(&control, 0, sizeof(control));
	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	head = &control.align;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &pair, sizeof(int));
	return sendmsg(IDENTITY_FD, &message, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

int
main(void)
{
	struct identity_words words;
	int pair[2];

	platform_hide();
	if (words_fill(&words) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 ||
	    words_send(&words, pair[0]) == -1)
		return STATUS_TEMPORARY;
	return 0;
}
