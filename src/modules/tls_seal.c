/*
 * tls_seal.c - tickets sealed and opened, in the signer.
 *
 * Sealed: the key's name, a nonce, the octets, a tag.  Nonces are random: of
 * a key that lives for half a day there are not nearly the 2^32 that GCM
 * allows for such (NIST SP 800-38D, 8.3).
 */

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <string.h>

#include "tls_parts.h"

#define NONCE 12 /* octets; GCM's */
#define TAG 16   /* octets */
#define HEAD (TLS_TICKET_ID + NONCE)

_Static_assert(HEAD + TAG == TLS_SEALED, "what sealing adds");

int
tls_ticket_seal(const struct tls_ticket_key *key, const uint8_t *octets,
    size_t length, uint8_t *dst, size_t *dst_length)
{
	EVP_CIPHER_CTX *context;
	uint8_t *nonce = dst + TLS_TICKET_ID, *sealed = dst + HEAD;
	int part;
	bool done;

	if (length > TLS_TICKET - TLS_SEALED)
		return -1;
	context = EVP_CIPHER_CTX_new();
	memcpy(dst, key->id, TLS_TICKET_ID);
	done = context != NULL && RAND_bytes(nonce, NONCE) == 1 &&
	    EVP_EncryptInit_ex2(
		context, EVP_aes_256_gcm(), key->key, nonce, NULL) == 1 &&
	    EVP_EncryptUpdate(context, NULL, &part, dst, TLS_TICKET_ID) == 1 &&
	    EVP_EncryptUpdate(context, sealed, &part, octets, (int)length) ==
		1 &&
	    EVP_EncryptFinal_ex(context, sealed + length, &part) == 1 &&
	    EVP_CIPHER_CTX_ctrl(
		context, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + length) == 1;
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	*dst_length = TLS_SEALED + length;
	return done ? 0 : -1;
}

int
tls_ticket_open(const struct tls_ticket_key *key, const uint8_t *octets,
    size_t length, uint8_t *dst, size_t *dst_length)
{
	EVP_CIPHER_CTX *context;
	uint8_t tag[TAG];
	int part, size;
	bool done;

	if (length < TLS_SEALED || length > TLS_TICKET ||
	    memcmp(octets, key->id, TLS_TICKET_ID) != 0)
		return -1;
	size = (int)(length - TLS_SEALED);
	memcpy(tag, octets + length - TAG, TAG);
	context = EVP_CIPHER_CTX_new();
	done = context != NULL &&
	    EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key->key,
		octets + TLS_TICKET_ID, NULL) == 1 &&
	    EVP_DecryptUpdate(context, NULL, &part, octets, TLS_TICKET_ID) ==
		1 &&
	    EVP_DecryptUpdate(context, dst, &part, octets + HEAD, size) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, tag) ==
		1 &&
	    EVP_DecryptFinal_ex(context, dst + size, &part) == 1;
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	if (!done) {
		OPENSSL_cleanse(dst, (size_t)size);
		return -1;
	}
	*dst_length = (size_t)size;
	return 0;
}
