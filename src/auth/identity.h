/*
 * identity.h - whom a checkpassword program let in: a helper of ours that it
 * runs says so, and the kernel.
 *
 * The helper writes one record, with one end of a pair of sockets that it made
 * itself.  Its words are only words, for the mailbox's path, the policy and
 * the log; uid, gid and groups are what the kernel noted of whoever made the
 * pair, and they must be those of whoever sent the record.
 */

#ifndef IDENTITY_H
#define IDENTITY_H

#include "base.h"
#include "channel.h"

#define IDENTITY_PROGRAM "pop3d-account"
#define IDENTITY_FD 4 /* the helper writes to it; 3 is the password's */
#define IDENTITY_MAGIC 0x61333470U

struct identity_words {
	uint32_t magic;
	char name[CHANNEL_NAME]; /* USER of its environment, or "" */
	char home[CHANNEL_PATH]; /* HOME, or "" */
};

struct identity {
	struct identity_words words;
	struct maker who;
};

/*
 * A record, if there is one on fd, which never blocks: 1; 0 when there is none
 * yet; -1 with errno: EPIPE when none will come, EBADMSG for what is no such
 * record, else why the kernel's word cannot be had (as maker_get()).
 */
int identity_read(int fd, struct identity *identity) MUST_CHECK;

#endif
