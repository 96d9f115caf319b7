/*
 * tls_remote.c - keys that are in another process: a provider of OpenSSL's
 * with two kinds of keys, whose only operation is to have something signed; and
 * with the cipher of tls_ticket.c.
 *
 * It is alone in a library context of its own.  In the default one, keys that
 * are none of ours would be sent here, too; what TLS does with its own stays
 * there.  There is no export: nobody gets a half of a key to go on with.
 */

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <string.h>
#include <strings.h>

#include "tls_parts.h"

#define REMOTE_PARAM "pop3d-remote" /* the address of a struct tls_remote */
#define REMOTE_PROVIDER "pop3d"

/* A key, as OpenSSL holds it. */
struct remote_key {
	const struct tls_remote *remote; /* NULL: of somebody else's */
};

/* A signature that is to be made. */
struct remote_signature {
	const struct tls_remote *remote;
	char digest[16];
	bool pss;
};

/* Keys */

static void *
remote_new(void *provider)
{
	(void)provider;
	return OPENSSL_zalloc(sizeof(struct remote_key));
}

static void
remote_free(void *key)
{
	OPENSSL_free(key);
}

static int
remote_has(const void *data, int selection)
{
	const struct remote_key *key = data;

	(void)selection;
	return key->remote != NULL;
}

/* The signer has compared key and certificate, which are both its own. */
static int
remote_match(const void *a, const void *b, int selection)
{
	(void)a;
	(void)b;
	(void)selection;
	return 1;
}

static int
remote_import(void *data, int selection, const OSSL_PARAM params[])
{
	struct remote_key *key = data;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, REMOTE_PARAM);

	(void)selection;
	if (p != NULL && p->data_size == sizeof(key->remote))
		memcpy(&key->remote, p->data, sizeof(key->remote));
	return 1;
}

static const OSSL_PARAM *
remote_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_octet_string(REMOTE_PARAM, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

static int
remote_get_params(void *data, OSSL_PARAM params[])
{
	const struct remote_key *key = data;

	return key->remote != NULL &&
	    EVP_PKEY_get_params(key->remote->public_key, params) == 1;
}

static const OSSL_PARAM *
remote_gettable(void *provider)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_END};

	(void)provider;
	return types;
}

static const char *
rsa_operation(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *
ec_operation(int operation)
{
	(void)operation;
	return "ECDSA";
}

/* Signatures */

static void *
signature_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return OPENSSL_zalloc(sizeof(struct remote_signature));
}

static void
signature_free(void *data)
{
	OPENSSL_free(data);
}

static int
signature_set(void *data, const OSSL_PARAM params[])
{
	struct remote_signature *s = data;
	const OSSL_PARAM *p =
	    OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int mode = 0;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (OSSL_PARAM_get_int(p, &mode) == 1)
		s->pss = mode == RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *
signature_settable(void *data, void *provider)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_END};

	(void)data;
	(void)provider;
	return types;
}

static int
signature_init(
    void *data, const char *digest, void *key_data, const OSSL_PARAM params[])
{
	struct remote_signature *s = data;
	const struct remote_key *key = key_data;

	if (key == NULL || key->remote == NULL || digest == NULL ||
	    OPENSSL_strnlen(digest, sizeof(s->digest)) == sizeof(s->digest))
		return 0;
	s->remote = key->remote;
	memcpy(s->digest, digest, strlen(digest) + 1);
	return signature_set(data, params);
}

/* RFC 8446, 4.2.3; 0 for what is none of ours. */
static uint32_t
signature_scheme(const struct remote_signature *s)
{
	static const struct {
		const char *digest;
		uint32_t ecdsa, pss, pkcs1;
	} schemes[] = {
	    {"SHA256", 0x0403, 0x0804, 0x0401},
	    {"SHA2-256", 0x0403, 0x0804, 0x0401},
	    {"SHA384", 0x0503, 0x0805, 0x0501},
	    {"SHA2-384", 0x0503, 0x0805, 0x0501},
	    {"SHA512", 0x0603, 0x0806, 0x0601},
	    {"SHA2-512", 0x0603, 0x0806, 0x0601},
	};
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strcasecmp(schemes[i].digest, s->digest) != 0)
			continue;
		if (EVP_PKEY_is_a(s->remote->public_key, "EC"))
			return schemes[i].ecdsa;
		return s->pss ? schemes[i].pss : schemes[i].pkcs1;
	}
	return 0;
}

static int
signature_sign(void *data, unsigned char *signature, size_t *length,
    size_t size, const unsigned char *octets, size_t octets_length)
{
	const struct remote_signature *s = data;
	uint8_t made[TLS_SIGNATURE];
	uint32_t scheme = signature_scheme(s);
	size_t made_length;
	int most = EVP_PKEY_get_size(s->remote->public_key);

	if (signature == NULL) {
		*length = most > 0 ? (size_t)most : 0;
		return most > 0;
	}
	if (scheme == 0 ||
	    s->remote->sign(s->remote->certificate, scheme, octets,
		octets_length, made, &made_length) == -1 ||
	    made_length > size) {
		ERR_raise(ERR_LIB_USER, TLS_UNSIGNED);
		return 0;
	}
	memcpy(signature, made, made_length);
	*length = made_length;
	return 1;
}

/* The tables that OpenSSL reads */

#define FUNCTION(id, f) \
	{ \
		id, (void (*)(void))(f) \
	}
#define KEYS(operation) \
	{ \
		FUNCTION(OSSL_FUNC_KEYMGMT_NEW, remote_new), \
		    FUNCTION(OSSL_FUNC_KEYMGMT_FREE, remote_free), \
		    FUNCTION(OSSL_FUNC_KEYMGMT_HAS, remote_has), \
		    FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, remote_match), \
		    FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, remote_import), \
		    FUNCTION( \
			OSSL_FUNC_KEYMGMT_IMPORT_TYPES, remote_import_types), \
		    FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, remote_get_params), \
		    FUNCTION( \
			OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, remote_gettable), \
		    FUNCTION( \
			OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation), \
		{ \
			0, NULL \
		} \
	}

static const OSSL_DISPATCH rsa_keys[] = KEYS(rsa_operation);
static const OSSL_DISPATCH ec_keys[] = KEYS(ec_operation);

static const OSSL_DISPATCH signature[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_init),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable),
    {0, NULL},
};

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
	    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=pop3d",
		rsa_keys, NULL},
	    {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=pop3d", ec_keys,
		NULL},
	    {NULL, NULL, NULL, NULL},
	};
	static const OSSL_ALGORITHM signatures[] = {
	    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=pop3d",
		signature, NULL},
	    {"ECDSA", "provider=pop3d", signature, NULL},
	    {NULL, NULL, NULL, NULL},
	};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	if (operation == OSSL_OP_CIPHER)
		return tls_ticket_ciphers;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **context)
{
	static const OSSL_DISPATCH provider[] = {
	    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
	    {0, NULL},
	};

	(void)in;
	memcpy(context, &handle, sizeof(handle)); /* it must not be NULL */
	*out = provider;
	return 1;
}

OSSL_LIB_CTX *
tls_remote_library(OSSL_PROVIDER **provider)
{
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();

	if (library != NULL &&
	    OSSL_PROVIDER_add_builtin(
		library, REMOTE_PROVIDER, provider_init) == 1) {
		*provider = OSSL_PROVIDER_load(library, REMOTE_PROVIDER);
		if (*provider != NULL)
			return library;
	}
	OSSL_LIB_CTX_free(library);
	return NULL;
}

EVP_PKEY *
tls_remote_key(OSSL_LIB_CTX *library, struct tls_remote *remote)
{
	const char *type =
	    EVP_PKEY_is_a(remote->public_key, "RSA") ? "RSA" : "EC";
	EVP_PKEY_CTX *context =
	    EVP_PKEY_CTX_new_from_name(library, type, "provider=pop3d");
	OSSL_PARAM params[] = {
	    OSSL_PARAM_octet_string(REMOTE_PARAM, &remote, sizeof(remote)),
	    OSSL_PARAM_END};
	EVP_PKEY *key = NULL;

	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}
