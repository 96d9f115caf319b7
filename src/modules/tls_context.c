/*
 * tls_context.c - what all connections have in common.
 *
 * A context of OpenSSL's for each certificate, with it and the first one of
 * the other kind (RSA, ECDSA) that is for the same name: a client that names
 * the server gets the first that has that name, any other the very first.  A
 * session belongs to its context's certificate and is resumed under no other.
 */

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "tls_parts.h"

#define NAME_SIZE 256 /* octets with the NUL: a host's */

static const char suites_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				"TLS_CHACHA20_POLY1305_SHA256";

/* One of ours, with the context that has it first. */
struct identity {
	X509 *certificate;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	struct tls_remote remote;
	SSL_CTX *ssl;
};

struct tls_context {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *provider; /* its own */
	struct identity identities[TLS_CERTIFICATES];
	size_t count;
	struct tls_tickets tickets;
	STACK_OF(X509) * authorities; /* for clients; may be empty */
};

/* A client that offers protocols and not this one is at the wrong port. */
static int
protocol_select(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *in, unsigned in_length, void *argument)
{
	static const unsigned char pop3[] = "pop3";
	unsigned at = 0;

	(void)ssl;
	(void)argument;
	while (at < in_length) {
		if (in[at] == 4 && in_length - at > 4 &&
		    memcmp(in + at + 1, pop3, 4) == 0) {
			*out = in + at + 1;
			*out_length = 4;
			return SSL_TLSEXT_ERR_OK;
		}
		at += 1U + in[at];
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The first of ours that is for this name. */
static bool
name_find(const struct tls_context *context, SSL *ssl, const char *name,
    size_t length)
{
	size_t i;

	for (i = 0; i < context->count; i++) {
		if (X509_check_host(context->identities[i].certificate, name,
			length, 0, NULL) == 1) {
			(void)SSL_set_SSL_CTX(ssl, context->identities[i].ssl);
			return true;
		}
	}
	return false;
}

/* An unknown name is no error: the client knows what it wants to trust. */
static int
name_select(SSL *ssl, int *alert, void *argument)
{
	const struct tls_context *context = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	return name != NULL && name_find(context, ssl, name, strlen(name)) ?
	    SSL_TLSEXT_ERR_OK :
	    SSL_TLSEXT_ERR_NOACK;
}

/* RFC 6066, 3: the only name in the list, as it stands. */
static void
hello_name(SSL *ssl, const struct tls_context *context)
{
	const unsigned char *in;
	size_t size, length;

	if (SSL_client_hello_get0_ext(
		ssl, TLSEXT_TYPE_server_name, &in, &size) != 1 ||
	    size < 5 || in[2] != TLSEXT_NAMETYPE_host_name)
		return;
	length = (size_t)in[3] << 8 | in[4];
	if (length == size - 5 && length > 0)
		(void)name_find(context, ssl, (const char *)in + 5, length);
}

/* RFC 8446, 4.2.1 */
static bool
hello_13(SSL *ssl)
{
	const unsigned char *in;
	size_t size, i;

	if (SSL_client_hello_get0_ext(
		ssl, TLSEXT_TYPE_supported_versions, &in, &size) != 1)
		return false;
	for (i = 1; i + 1 < size; i += 2) {
		if (in[i] == 3 && in[i + 1] == 4)
			return true;
	}
	return false;
}

/*
 * Before anything else is looked at: name_select() comes after a session was
 * resumed, and that must be one of the right certificate's; and whether there
 * are tickets depends on the version, which is not yet agreed on.
 */
static int
hello_see(SSL *ssl, int *alert, void *argument)
{
	const struct tls_context *context = argument;

	(void)alert;
	hello_name(ssl, context);
	if (context->tickets.cipher != NULL && hello_13(ssl))
		(void)SSL_clear_options(ssl, SSL_OP_NO_TICKET);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static SSL_CTX *
ssl_context_new(struct tls_context *context)
{
	char groups[] = "X25519:P-256:P-384:P-521";
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());

	if (ssl == NULL)
		return NULL;
	(void)SSL_CTX_set_options(ssl,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ssl, protocol_select, NULL);
	SSL_CTX_set_client_hello_cb(ssl, hello_see, context);
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_num_tickets(ssl, 0) == 1 &&
	    SSL_CTX_set_max_early_data(ssl, 0) == 1 &&
	    SSL_CTX_set_app_data(ssl, context) == 1 &&
	    SSL_CTX_set_cipher_list(ssl, suites_12) == 1 &&
	    SSL_CTX_set_ciphersuites(ssl, suites_13) == 1 &&
	    SSL_CTX_set1_groups_list(ssl, groups) == 1 &&
	    SSL_CTX_set_tlsext_servername_callback(ssl, name_select) == 1 &&
	    SSL_CTX_set_tlsext_servername_arg(ssl, context) == 1)
		return ssl;
	SSL_CTX_free(ssl);
	return NULL;
}

/* What a session of this context belongs to. */
static bool
sessions_bind(SSL_CTX *ssl, const X509 *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length;

	return X509_digest(certificate, EVP_sha256(), digest, &length) == 1 &&
	    SSL_CTX_set_session_id_context(ssl, digest, length) == 1;
}

static bool
identity_use(SSL_CTX *ssl, const struct identity *identity)
{
	return SSL_CTX_use_certificate(ssl, identity->certificate) == 1 &&
	    SSL_CTX_set1_chain(ssl, identity->chain) == 1 &&
	    SSL_CTX_use_PrivateKey(ssl, identity->key) == 1;
}

/* The first name that a certificate is for. */
static void
identity_name(const struct identity *identity, char name[NAME_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(
	    identity->certificate, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *g;
	int i, length;

	name[0] = '\0';
	for (i = 0; name[0] == '\0' && i < sk_GENERAL_NAME_num(names); i++) {
		g = sk_GENERAL_NAME_value(names, i);
		length = g->type == GEN_DNS ? ASN1_STRING_length(g->d.dNSName) :
					      NAME_SIZE;
		if (length >= NAME_SIZE)
			continue;
		memcpy(
		    name, ASN1_STRING_get0_data(g->d.dNSName), (size_t)length);
		name[length] = '\0';
	}
	GENERAL_NAMES_free(names);
	if (name[0] == '\0' &&
	    X509_NAME_get_text_by_NID(
		X509_get_subject_name(identity->certificate), NID_commonName,
		name, NAME_SIZE) < 0)
		name[0] = '\0';
}

/* The certificate of the other kind for the same name, or NULL. */
static const struct identity *
identity_twin(const struct tls_context *context, const struct identity *of)
{
	const struct identity *other;
	char name[NAME_SIZE];
	size_t i;

	identity_name(of, name);
	for (i = 0; name[0] != '\0' && i < context->count; i++) {
		other = &context->identities[i];
		if (EVP_PKEY_get_base_id(other->remote.public_key) !=
			EVP_PKEY_get_base_id(of->remote.public_key) &&
		    X509_check_host(
			other->certificate, name, strlen(name), 0, NULL) == 1)
			return other;
	}
	return NULL;
}

static bool
contexts_make(struct tls_context *context)
{
	const struct identity *twin;
	struct identity *identity;
	size_t i;

	for (i = 0; i < context->count; i++) {
		identity = &context->identities[i];
		identity->key =
		    tls_remote_key(context->library, &identity->remote);
		if (identity->key == NULL)
			return false;
	}
	for (i = 0; i < context->count; i++) {
		identity = &context->identities[i];
		identity->ssl = ssl_context_new(context);
		if (identity->ssl == NULL ||
		    !sessions_bind(identity->ssl, identity->certificate) ||
		    !identity_use(identity->ssl, identity))
			return false;
		twin = identity_twin(context, identity);
		if (twin != NULL && !identity_use(identity->ssl, twin))
			return false;
		if (sk_X509_num(context->authorities) > 0 &&
		    !tls_client_prepare(identity->ssl, context->authorities))
			return false;
	}
	return context->count > 0;
}

/* The next certificate: of a new identity, or of the last one's chain. */
static bool
certificate_take(struct tls_context *context, uint32_t number,
    const uint8_t *octets, size_t length, tls_sign *sign)
{
	const unsigned char *at = octets;
	X509 *certificate = d2i_X509(NULL, &at, (long)length);
	struct identity *identity;

	if (certificate == NULL)
		return false;
	if (number == TLS_AUTHORITY)
		return sk_X509_push(context->authorities, certificate) > 0;
	if (context->count > 0 && number + 1 == context->count)
		return sk_X509_push(
			   context->identities[number].chain, certificate) > 0;
	if (number != context->count || number == TLS_CERTIFICATES) {
		X509_free(certificate);
		return false;
	}
	identity = &context->identities[context->count++];
	identity->certificate = certificate;
	identity->chain = sk_X509_new_null();
	identity->remote.certificate = number;
	identity->remote.public_key = X509_get_pubkey(certificate);
	identity->remote.sign = sign;
	return identity->chain != NULL && identity->remote.public_key != NULL;
}

static bool
chains_take(struct tls_context *context, const uint8_t *chains, size_t length,
    tls_sign *sign)
{
	uint32_t head[2];

	while (length > 0) {
		if (length < sizeof(head))
			return false;
		memcpy(head, chains, sizeof(head));
		chains += sizeof(head);
		length -= sizeof(head);
		if (head[1] > length ||
		    !certificate_take(context, head[0], chains, head[1], sign))
			return false;
		chains += head[1];
		length -= head[1];
	}
	return true;
}

void
tls_context_free(struct tls_context *context)
{
	struct identity *identity;
	size_t i;

	for (i = 0; i < context->count; i++) {
		identity = &context->identities[i];
		SSL_CTX_free(identity->ssl);
		EVP_PKEY_free(identity->key);
		EVP_PKEY_free(identity->remote.public_key);
		X509_free(identity->certificate);
		sk_X509_pop_free(identity->chain, X509_free);
	}
	EVP_CIPHER_free(context->tickets.cipher);
	sk_X509_pop_free(context->authorities, X509_free);
	if (context->provider != NULL)
		(void)OSSL_PROVIDER_unload(context->provider);
	OSSL_LIB_CTX_free(context->library);
	OPENSSL_free(context);
}

struct tls_context *
tls_context_new(const uint8_t *chains, size_t length, tls_sign *sign)
{
	struct tls_context *context;

	if (!tls_start())
		return NULL;
	context = OPENSSL_zalloc(sizeof(*context));
	if (context == NULL)
		return NULL;
	context->library = tls_remote_library(&context->provider);
	context->authorities = sk_X509_new_null();
	if (context->library != NULL && context->authorities != NULL &&
	    chains_take(context, chains, length, sign) &&
	    contexts_make(context))
		return context;
	ERR_clear_error();
	tls_context_free(context);
	return NULL;
}

static int
sign_nothing(uint32_t certificate, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length)
{
	(void)certificate;
	(void)scheme;
	(void)octets;
	(void)length;
	(void)signature;
	(void)signed_length;
	return -1;
}

void
tls_context_warm(struct tls_context *context)
{
	tls_sign *sign = context->identities[0].remote.sign; /* all have it */
	size_t i;

	for (i = 0; i < context->count; i++)
		context->identities[i].remote.sign = sign_nothing;
	tls_warm(tls_context_first(context));
	for (i = 0; i < context->count; i++)
		context->identities[i].remote.sign = sign;
}

int
tls_context_tickets(
    struct tls_context *context, tls_ticket *seal, tls_ticket *open)
{
	size_t i;

	if (tls_tickets_init(&context->tickets, context->library, seal, open) ==
	    -1)
		return -1;
	for (i = 0; i < context->count; i++) {
		if (tls_tickets_use(context->identities[i].ssl) == -1)
			return -1;
	}
	return 0;
}

const struct tls_tickets *
tls_context_sealing(const SSL *ssl)
{
	const struct tls_context *context =
	    SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	return &context->tickets;
}

SSL_CTX *
tls_context_first(const struct tls_context *context)
{
	return context->identities[0].ssl;
}
