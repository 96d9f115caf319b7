/*
 * tls_binding.c - what binds a login to one connection (RFC 5056): whoever sits
 * between and speaks TLS with both sides has two, and cannot have them equal.
 *
 * tls-unique is not here: TLS 1.3 has none, and in 1.2 it is tls-exporter that
 * says the same.
 */

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string.h>

#include "tls_parts.h"

#define EXPORTER 32 /* octets; RFC 9266, 4.1 */

/* RFC 9266, 4.2: only where the master secret is this handshake's alone. */
size_t
tls_binding_exporter(SSL *ssl, uint8_t octets[TLS_BINDING])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	bool unique = SSL_version(ssl) >= TLS1_3_VERSION ||
	    SSL_get_extms_support(ssl) == 1;
	int done;

	/* RFC 9266, 4.1: the context is there, and empty. */
	done = unique ? SSL_export_keying_material(ssl, octets, EXPORTER, label,
			    strlen(label), NULL, 0, 1) :
			0;
	ERR_clear_error();
	return done == 1 ? EXPORTER : 0;
}

/*
 * RFC 5929, 4.1: the hash that the certificate is signed by, and SHA-256 for
 * MD5 and SHA-1.  One that is signed with no hash of its own (Ed25519) has no
 * binding of this type.
 */
static const EVP_MD *
certificate_hash(X509 *certificate)
{
	int hash, key, bits;
	uint32_t flags;

	if (X509_get_signature_info(certificate, &hash, &key, &bits, &flags) ==
		0 ||
	    hash == NID_undef)
		return NULL;
	if (hash == NID_md5 || hash == NID_sha1 || hash == NID_md5_sha1)
		return EVP_sha256();
	return EVP_get_digestbynid(hash);
}

size_t
tls_binding_end_point(const SSL *ssl, uint8_t octets[TLS_BINDING])
{
	X509 *certificate = SSL_get_certificate(ssl);
	uint8_t digest[EVP_MAX_MD_SIZE];
	const EVP_MD *hash;
	unsigned length = 0;

	if (certificate == NULL || SSL_session_reused(ssl) == 1)
		return 0;
	hash = certificate_hash(certificate);
	if (hash == NULL ||
	    X509_digest(certificate, hash, digest, &length) != 1 ||
	    length > TLS_BINDING)
		length = 0;
	memcpy(octets, digest, length);
	ERR_clear_error();
	return length;
}
