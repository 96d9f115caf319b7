/*
 * hash.c - password hashes; see hash.h.  Verifier only.
 */

#include "auth.h"
#include "hash.h"

#include <errno.h>
#include <string.h>

#define DES_LENGTH 13 /* crypt(5): salt of 2, then 11 */

static const struct crypt_module *
crypt_load(void)
{
	return platform_module(HASH_MODULE, "pop3d_crypt");
}

bool
auth_ready(void)
{
	return crypt_load() != NULL;
}

/*
 * Lock marks and other text that people write into the field of the hash
 * must not reach crypt(3): some libraries take any two letters for a DES salt.
 */
static bool
hash_shaped(const char *hash)
{
	size_t length;

	length = strlen(hash);
	if (length < DES_LENGTH || length >= HASH_SIZE)
		return false;
	for (; *hash != '\0'; hash++) {
		if (*hash <= ' ' || *hash >= 0x7f)
			return false;
		if (strchr("!*:;\\", *hash) != NULL)
			return false;
	}
	return true;
}

bool
hash_usable(const char *hash)
{
	const struct crypt_module *module;

	if (!hash_shaped(hash))
		return false;
	module = crypt_load();
	return module != NULL && module->known(hash);
}

const char *
hash_trouble(const char *hash)
{
	if (hash[0] == '\0')
		return "no password is set";
	if (hash[0] == '!' || hash[0] == '*')
		return "the account is locked";
	return "its hash is of no known kind";
}

/* Equal?  The time depends on nothing but the length of what was worked out. */
static bool
hash_equal(const char *hash, const char *worked)
{
	size_t length;

	length = strlen(worked);
	return strlen(hash) == length && octets_equal(hash, worked, length);
}

int
hash_verify(const char *secret, const char *hash)
{
	const struct crypt_module *module;
	char worked[HASH_SIZE];
	bool equal;

	module = crypt_load();
	if (module == NULL)
		return -1;
	if (module->hash(secret, hash, worked) == -1)
		return -1;
	equal = hash_equal(hash, worked);
	explicit_bzero(worked, sizeof(worked));
	return equal ? 1 : 0;
}

void
stand_in_init(struct stand_in *other, const char *name)
{
	memset(other, 0, sizeof(*other));
	other->name = name;
}

/* FNV-1a; the zero between two texts counts, too. */
static uint64_t
stand_in_add(uint64_t sum, const char *text)
{
	for (;; text++) {
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3U;
		if (*text == '\0')
			return sum;
	}
}

/* Spread over all bits (MurmurHash3's last step): FNV's high ones are poor. */
static uint64_t
stand_in_score(const char *name, const char *hash)
{
	uint64_t sum;

	sum = stand_in_add(0xcbf29ce484222325U, hash);
	sum = stand_in_add(sum, name);
	sum = (sum ^ (sum >> 33)) * 0xff51afd7ed558ccdU;
	sum = (sum ^ (sum >> 33)) * 0xc4ceb9fe1a85ec53U;
	return sum ^ (sum >> 33);
}

void
stand_in_offer(struct stand_in *other, const char *hash)
{
	uint64_t score;

	if (other->offered >= STAND_INS_MAX || !hash_shaped(hash))
		return;
	other->offered++;
	score = stand_in_score(other->name, hash);
	/* The library is asked last, as few get that far. */
	if ((other->hash[0] != '\0' && score <= other->score) ||
	    !hash_usable(hash))
		return;
	if (text_copy(other->hash, sizeof(other->hash), hash, strlen(hash)) ==
	    0)
		other->score = score;
}

/* The price of a hash that is not there. */
static int
stand_in_pay(const struct stand_in *other, const char *secret)
{
	const struct crypt_module *module;
	char setting[HASH_SIZE], worked[HASH_SIZE];
	int rc;

	module = crypt_load();
	if (module == NULL)
		return -1;
	if (other->hash[0] != '\0') {
		if (hash_verify(secret, other->hash) != -1)
			return 0;
		/* Somebody's hash is spoilt: that is not this name's fault. */
		if (errno != EINVAL)
			return -1;
	}
	rc = module->setting(setting);
	if (rc == 0)
		rc = module->hash(secret, setting, worked);
	explicit_bzero(worked, sizeof(worked));
	return rc;
}

int
hash_decide(const char *secret, const char *hash, const struct stand_in *other)
{
	int right;

	if (hash != NULL && hash_usable(hash)) {
		right = hash_verify(secret, hash);
		/* One that only looked like a hash has cost nothing yet. */
		if (right != -1 || errno != EINVAL)
			return right;
	}
	return stand_in_pay(other, secret);
}
