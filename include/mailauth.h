/*
 * mailauth.h - the database of secrets that is kept beside the system's
 * passwords: one text file, sorted by name, read by root alone.
 *
 * Reading it is for the verifier and for the tool; see mailauth(8).
 */

#ifndef MAILAUTH_H
#define MAILAUTH_H

#include "base.h"
#include "channel.h"

#define MAILAUTH_SALT 64 /* octets at most; 16 are made */
#define MAILAUTH_KEY 32  /* octets at most: SHA-256's */

enum mailauth_hash { MAILAUTH_SHA1, MAILAUTH_SHA256, MAILAUTH_HASHES };

/* RFC 5802, 3: StoredKey and ServerKey; 20 or 32 octets of each. */
struct mailauth_keys {
	uint32_t iterations; /* 0: there are none */
	uint32_t salt_length;
	uint8_t salt[MAILAUTH_SALT];
	uint8_t stored[MAILAUTH_KEY];
	uint8_t server[MAILAUTH_KEY];
};

struct mailauth_entry {
	char name[CHANNEL_NAME];
	bool locked;
	struct mailauth_keys keys[MAILAUTH_HASHES];
	char secret[CHANNEL_SECRET]; /* for APOP and CRAM-MD5; "": none */
	char hash[384];              /* imported crypt(5) hash; "": none */
	enum mailauth_hash password; /* whose keys a password is tried on */
};

/*
 * Look a name up: a binary search in the mapped file.  1 with *entry; 0:
 * there is none, and *entry (name, and keys of both kinds) is one that nobody
 * can tell from a real one and that no password opens: the same at every try
 * as long as the file keeps its key.  -1 with errno: EPERM when others
 * may read or write the file, EBADMSG when it is damaged, or what open
 * and fstat say (ELOOP: a symbolic link, EINVAL: no regular file).  The caller
 * wipes *entry.
 *
 * What a wrong password costs must not tell a name that is there from one that
 * is not, so where entries are of several kinds the entry of a name that is
 * not there has the numbers of iterations of one that is, or its hash but for
 * the last octet, in the proportions of the file.  hash is looked at first:
 * where there is one, it is what a password is tried against.
 */
int mailauth_find(const char *file, const char *name,
    struct mailauth_entry *entry) MUST_CHECK;

/*
 * What mailauth_find() gives for a name that is not there, whether it is or
 * not: for a mechanism that needs keys, and a user who has none.  0, or -1
 * with errno as there.
 */
int mailauth_pretend(const char *file, const char *name,
    struct mailauth_entry *entry) MUST_CHECK;

/*
 * Is secret the one that the entry's keys were made of?  The SHA-256 ones are
 * looked at, and those of SHA-1 where an import brought no others.  1, 0, or -1
 * with errno: ENOENT without the module of OpenSSL, EINVAL for an entry without
 * keys, EIO when the library fails.
 */
int mailauth_verify(
    const struct mailauth_entry *entry, const char *secret) MUST_CHECK;

/*
 * Read every line.  0 with the number of users; -1 with errno as
 * mailauth_find(), where with EBADMSG *line is the number of the first line
 * that is damaged or out of order.
 */
int
mailauth_check(const char *file, uint64_t *users, uint64_t *line) MUST_CHECK;

/* The sentence for errno after a failure of these, for people. */
const char *mailauth_trouble(int error);

#endif
