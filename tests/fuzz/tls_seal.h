/*
 * tls_seal.h - records of TLS 1.3 made by hand, under a client's own keys: what
 * no library would send (RFC 8446, 5.2 and 7.1), for TLS_AES_128_GCM_SHA256.
 */

#ifndef TLS_SEAL_H
#define TLS_SEAL_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <stdio.h>

#define SEAL_SUITE 0x1301
#define SEAL_SECRET 32
#define SEAL_TAG 16

struct seal {
	uint8_t secret[2][SEAL_SECRET]; /* the handshake's, and later */
	bool known[2];
	uint64_t number, early_number; /* of the next record */
	bool own;                      /* one was made here */
	bool lost;                     /* there are other keys */
};

/* A line as for SSLKEYLOGFILE. */
static void
seal_secret(struct seal *seal, const char *line)
{
	static const char *const labels[2] = {
	    "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "CLIENT_TRAFFIC_SECRET_0 "};
	unsigned octet;

	for (int i = 0; i < 2; i++) {
		size_t length = strlen(labels[i]);

		if (strncmp(line, labels[i], length) != 0 ||
		    strlen(line) != length + 64 + 1 + 2 * SEAL_SECRET)
			continue;
		line += length + 64 + 1;
		for (size_t n = 0; n < SEAL_SECRET; n++) {
			MUST(sscanf(line + 2 * n, "%2x", &octet) == 1);
			seal->secret[i][n] = (uint8_t)octet;
		}
		seal->known[i] = true;
		return;
	}
}

/* HKDF-Expand-Label with no context, up to one hash. */
static void
seal_expand(const uint8_t secret[SEAL_SECRET], const char *label, uint8_t *dst,
    size_t length)
{
	uint8_t info[64] = {0, (uint8_t)length}, made[EVP_MAX_MD_SIZE];
	size_t n = 2;

	info[n++] = (uint8_t)(6 + strlen(label));
	n += (size_t)snprintf(
	    (char *)info + n, sizeof(info) - n, "tls13 %s", label);
	info[n++] = 0;
	info[n++] = 1;
	MUST(HMAC(EVP_sha256(), secret, SEAL_SECRET, info, n, made, NULL) !=
	    NULL);
	memcpy(dst, made, length);
}

static void
seal_update(struct seal *seal)
{
	uint8_t next[SEAL_SECRET];

	seal_expand(seal->secret[1], "traffic upd", next, sizeof(next));
	memcpy(seal->secret[1], next, sizeof(next));
	seal->number = 0;
}

static void
seal_encrypt(const uint8_t secret[SEAL_SECRET], uint64_t number,
    const uint8_t head[5], uint8_t *octets, int length)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t key[16], iv[12];
	int n;

	seal_expand(secret, "key", key, sizeof(key));
	seal_expand(secret, "iv", iv, sizeof(iv));
	for (int i = 0; i < 8; i++)
		iv[11 - i] ^= (uint8_t)(number >> 8 * i);
	MUST(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, iv) == 1);
	MUST(EVP_EncryptUpdate(cipher, NULL, &n, head, 5) == 1);
	MUST(EVP_EncryptUpdate(cipher, octets, &n, octets, length) == 1 &&
	    n == length);
	MUST(EVP_EncryptFinal_ex(cipher, octets + length, &n) == 1);
	MUST(EVP_CIPHER_CTX_ctrl(
		 cipher, EVP_CTRL_GCM_GET_TAG, SEAL_TAG, octets + length) == 1);
	EVP_CIPHER_CTX_free(cipher);
}

/*
 * A record of this type, to record, which has room for it; early: with the keys
 * of the handshake.  Its octets, or 0 where there are no such keys.
 */
static size_t
seal_record(struct seal *seal, bool early, const SSL *ssl, uint8_t type,
    const void *octets, size_t length, uint8_t *record)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
	uint64_t *number = early ? &seal->early_number : &seal->number;

	if (seal->lost || !seal->known[!early] || suite == NULL ||
	    SSL_CIPHER_get_protocol_id(suite) != SEAL_SUITE)
		return 0;
	seal->own |= !early;
	record[0] = 23;
	record[1] = record[2] = 3;
	record[3] = (uint8_t)((length + 1 + SEAL_TAG) >> 8);
	record[4] = (uint8_t)(length + 1 + SEAL_TAG);
	memcpy(record + 5, octets, length);
	record[5 + length] = type;
	seal_encrypt(seal->secret[!early], (*number)++, record, record + 5,
	    (int)length + 1);
	return 5 + length + 1 + SEAL_TAG;
}

#endif
