/*
 * tls_out.c - octets for the peer, gathered until the front takes them.
 *
 * OpenSSL's own buffer in memory (BIO_s_mem) clears all of itself before it is
 * written, and again when it is emptied: twice what a large message has.
 */

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include <string.h>

#include "tls_parts.h"

#define OUT_SMALL 4096 /* octets that an idle connection may keep */

struct tls_out {
	BIO_METHOD *method; /* this one's */
	uint8_t *octets;
	size_t size, length;
};

static bool
out_grow(struct tls_out *out, size_t length)
{
	size_t size = out->size < OUT_SMALL ? OUT_SMALL : out->size;
	uint8_t *octets;

	while (size < length)
		size *= 2;
	if (size == out->size)
		return true;
	octets = OPENSSL_realloc(out->octets, size);
	if (octets == NULL)
		return false;
	out->octets = octets;
	out->size = size;
	return true;
}

static int
out_write(BIO *bio, const char *octets, size_t length, size_t *put)
{
	struct tls_out *out = BIO_get_data(bio);

	if (length > SIZE_MAX / 4 - out->length ||
	    !out_grow(out, out->length + length))
		return 0;
	memcpy(out->octets + out->length, octets, length);
	out->length += length;
	*put = length;
	return 1;
}

static long
out_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH; /* there is nothing else to be done */
}

static int
out_free(BIO *bio)
{
	struct tls_out *out = BIO_get_data(bio);

	if (out != NULL) {
		OPENSSL_free(out->octets);
		BIO_meth_free(out->method);
	}
	OPENSSL_free(out);
	return 1;
}

/* No number of its own, which would cost 30 us: nobody looks for its kind. */
static BIO_METHOD *
out_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pop3d");

	if (method != NULL && BIO_meth_set_write_ex(method, out_write) == 1 &&
	    BIO_meth_set_ctrl(method, out_control) == 1 &&
	    BIO_meth_set_destroy(method, out_free) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

BIO *
tls_out_new(void)
{
	struct tls_out *out = OPENSSL_zalloc(sizeof(*out));
	BIO_METHOD *method = out_method();
	BIO *bio = NULL;

	if (out != NULL && method != NULL)
		bio = BIO_new(method);
	if (bio == NULL) {
		BIO_meth_free(method);
		OPENSSL_free(out);
		return NULL;
	}
	out->method = method;
	BIO_set_data(bio, out);
	BIO_set_init(bio, 1);
	return bio;
}

size_t
tls_out_get(BIO *bio, const void **octets)
{
	const struct tls_out *out = BIO_get_data(bio);

	*octets = out->octets;
	return out->length;
}

/* In the middle of a large message the room stays as it is. */
void
tls_out_drop(BIO *bio)
{
	struct tls_out *out = BIO_get_data(bio);

	if (out->size > OUT_SMALL && out->length <= OUT_SMALL) {
		OPENSSL_free(out->octets);
		out->octets = NULL;
		out->size = 0;
	}
	out->length = 0;
}
