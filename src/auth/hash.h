/*
 * hash.h - password hashes, as the methods need them: right or wrong, at
 * one price for every name.
 *
 * libcrypt is linked into one module of ours, which only the verifier loads.
 */

#ifndef HASH_H
#define HASH_H

#include "base.h"

#define HASH_SIZE 384 /* octets with the NUL; crypt(5)'s own limit */
#define HASH_MODULE "pop3d-crypt.so"

/* What the module exports, under the name pop3d_crypt. */
struct crypt_module {
	/*
	 * crypt(3) of secret into dst; 0, or -1 with errno: EINVAL for a
	 * setting that the library does not know, else out of memory and
	 * the like.
	 */
	int (*hash)(
	    const char *secret, const char *setting, char dst[HASH_SIZE]);

	/* Is this a hash, or setting, of a kind that the library knows? */
	bool (*known)(const char *setting);

	/* A fresh setting of the library's default kind; 0, or -1 with errno. */
	int (*setting)(char dst[HASH_SIZE]);
};

extern const struct crypt_module pop3d_crypt;

/* Can any password match this?  False without the module, too. */
bool hash_usable(const char *hash);

/* Why not, for the log: of a hash for which hash_usable() is false. */
const char *hash_trouble(const char *hash);

/*
 * 1: secret is right, 0: it is wrong; -1 with errno: ENOENT without the
 * module, EINVAL for a hash that the library cannot work with.
 */
int hash_verify(const char *secret, const char *hash) MUST_CHECK;

/*
 * What stands in for the hash that a name does not have, so that it costs
 * what a wrong password costs.  Where hashes are of several kinds a fixed
 * one would tell some known names from the unknown, by time.  So each name
 * has its own: the one, of all that were offered, which scores highest when
 * mixed with the name.  It is the same at every try, and as hashes are
 * secret nobody can foretell it.
 */
struct stand_in {
	const char *name;     /* the caller's */
	uint64_t score;       /* of hash */
	size_t offered;       /* so far, that look like hashes */
	char hash[HASH_SIZE]; /* "" = none yet */
};

#define STAND_INS_MAX 1000 /* offered; enough of a sample of any site */

void stand_in_init(struct stand_in *other, const char *name);

/* Once for each hash of the file, whoever's; unusable ones are passed over. */
void stand_in_offer(struct stand_in *other, const char *hash);

/*
 * hash_verify() at the same price for every name: for a hash that is NULL
 * or unusable the stand-in is worked with, and the answer is 0 whatever
 * that finds.  -1 with errno when nothing could be worked out.
 */
int hash_decide(const char *secret, const char *hash,
    const struct stand_in *other) MUST_CHECK;

#endif
