/*
 * crypt.c - the module pop3d-crypt.so: all that pop3d knows of libcrypt.
 *
 * Loaded by the verifier alone, so no other process pays for the library or
 * has its code.  The contract is in src/auth/hash.h.
 */

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../auth/hash.h"

/* The module is linked to nothing of ours. */
static int
crypt_copy(char dst[HASH_SIZE], const char *text)
{
	size_t length;

	length = strlen(text);
	if (length >= HASH_SIZE) {
		errno = EINVAL;
		return -1;
	}
	memcpy(dst, text, length + 1);
	return 0;
}

/*
 * Not libxcrypt's crypt_r(): the address sanitizer puts its own in front of
 * that, which finds no library behind it where this came by dlopen().
 */
static const char *
crypt_call(const char *secret, const char *setting, struct crypt_data *data)
{
#if defined(CRYPT_OUTPUT_SIZE)
	return crypt_rn(secret, setting, data, (int)sizeof(*data));
#else
	return crypt_r(secret, setting, data);
#endif
}

static int
crypt_hash(const char *secret, const char *setting, char dst[HASH_SIZE])
{
	struct crypt_data *data;
	const char *got;
	int rc, error;

	dst[0] = '\0';
	/* 32 KiB in libxcrypt, 128 in glibc's old one: too much for a stack. */
	data = calloc(1, sizeof(*data));
	if (data == NULL)
		return -1;
	rc = -1;
	errno = EINVAL;
	got = crypt_call(secret, setting, data);
	/* "*0" and "*1" are how some say that they failed. */
	if (got != NULL && got[0] != '*')
		rc = crypt_copy(dst, got);
	error = errno;
	explicit_bzero(data, sizeof(*data));
	free(data);
	errno = error;
	return rc;
}

static bool
crypt_known(const char *setting)
{
#if defined(CRYPT_CHECKSALT_AVAILABLE)
	int found;

	found = crypt_checksalt(setting);
	return found == CRYPT_SALT_OK || found == CRYPT_SALT_METHOD_LEGACY;
#else
	(void)setting;
	return true;
#endif
}

static int
crypt_setting(char dst[HASH_SIZE])
{
#if defined(CRYPT_GENSALT_IMPLEMENTS_DEFAULT_PREFIX) && \
    defined(CRYPT_GENSALT_IMPLEMENTS_AUTO_ENTROPY)
	return crypt_gensalt_rn(NULL, 0, NULL, 0, dst, HASH_SIZE) == NULL ? -1 :
									    0;
#else
	/* Only its price matters, so the salt may be known. */
	return crypt_copy(dst, "$6$pop3dpop3dpop3d$");
#endif
}

const struct crypt_module pop3d_crypt = {
    crypt_hash, crypt_known, crypt_setting};
