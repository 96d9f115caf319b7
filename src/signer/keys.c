/*
 * keys.c - certificates and keys from their files.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"

#define PEM_MAX 1048576 /* octets of a file */
#define AUTHORITIES_MAX (TLS_CHAINS / 2)

/* A text, and where it came from. */
struct pem {
	char path[CHANNEL_PATH];
	char *text;
	size_t length;
};

/* The path of this number in a list; false when there is none. */
static bool
path_get(const char *list, size_t number, char path[CHANNEL_PATH])
{
	size_t length;

	for (;;) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			return false;
		if (number-- == 0)
			return text_copy(path, CHANNEL_PATH, list, length) == 0;
		list += length;
	}
}

/*
 * The files of this certificate: NULL's text where there is nothing more.
 * The key may stand in the certificate's file.
 */
static bool
paths_get(const struct config *config, size_t number, char chain[CHANNEL_PATH],
    char key[CHANNEL_PATH])
{
	if (!path_get(config->tls_certificate, number, chain))
		return false;
	if (!path_get(config->tls_key, number, key))
		memcpy(key, chain, CHANNEL_PATH);
	return true;
}

static const char *
mode_trouble(const struct stat *st, bool secret)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "must belong to root";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write it";
	if (secret && (st->st_mode & S_IROTH) != 0)
		return "everybody may read the key";
	return NULL;
}

/* Open a file, if it may be what it is said to be; -1 with a sentence. */
static int
pem_open(const char *path, bool secret, char text[CHANNEL_TEXT])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *trouble;
	struct stat st;

	trouble = fd == -1 || fstat(fd, &st) == -1 ? strerror(errno) :
						     mode_trouble(&st, secret);
	if (trouble == NULL)
		return fd;
	if (fd != -1)
		(void)close(fd);
	text_cut(text, CHANNEL_TEXT, "%s: %s", path, trouble);
	return -1;
}

static int
pem_read(struct pem *pem, bool secret, char text[CHANNEL_TEXT])
{
	int fd = pem_open(pem->path, secret, text);
	ssize_t n;

	pem->text = NULL;
	pem->length = 0;
	if (fd == -1)
		return -1;
	pem->text = malloc(PEM_MAX);
	n = pem->text == NULL ? -1 : read_full(fd, pem->text, PEM_MAX);
	(void)close(fd);
	if (n == -1 || n == PEM_MAX) {
		text_cut(text, CHANNEL_TEXT, "%s: %s", pem->path,
		    n == -1 ? strerror(errno) : "too large");
		free(pem->text);
		pem->text = NULL;
		return -1;
	}
	pem->length = (size_t)n;
	return 0;
}

static void
pem_free(struct pem *pem)
{
	if (pem->text != NULL)
		explicit_bzero(pem->text, pem->length);
	free(pem->text);
}

/* One certificate with its key. */
static int
key_load(struct keys *keys, struct pem *chain, struct pem *key,
    char text[CHANNEL_TEXT])
{
	bool same = strcmp(chain->path, key->path) == 0;
	char error[TLS_TEXT];
	int result = -1;

	key->text = NULL;
	if (pem_read(chain, same, text) == 0 &&
	    (same || pem_read(key, true, text) == 0)) {
		keys->key[keys->count] = keys->tls->key_load(chain->text,
		    chain->length, same ? chain->text : key->text,
		    same ? chain->length : key->length, error);
		if (keys->key[keys->count] != NULL) {
			memcpy(keys->file[keys->count++], chain->path,
			    sizeof(chain->path));
			result = 0;
		} else
			text_cut(text, CHANNEL_TEXT, "%s%s%s: %s", chain->path,
			    same ? "" : ", ", same ? "" : key->path, error);
	}
	pem_free(chain);
	pem_free(key);
	return result;
}

/* Who shall vouch for clients; keys that lack them serve all others. */
static void
authorities_read(const struct config *config, struct keys *keys)
{
	struct pem pem;

	if (!config_certificates(config))
		return;
	if (text_copy(pem.path, sizeof(pem.path), config->tls_client_ca,
		strlen(config->tls_client_ca)) == -1 ||
	    pem_read(&pem, false, keys->trouble) == -1)
		return;
	keys->authorities = malloc(AUTHORITIES_MAX);
	if (keys->authorities != NULL)
		keys->authorities_length = keys->tls->authorities_chain(
		    pem.text, pem.length, keys->authorities, AUTHORITIES_MAX);
	if (keys->authorities_length == 0)
		text_cut(keys->trouble, sizeof(keys->trouble),
		    "%s: no certificates in PEM, or too many: no EXTERNAL",
		    pem.path);
	pem_free(&pem);
}

void
keys_free(struct keys *keys)
{
	free(keys->authorities);
	keys->authorities = NULL;
	while (keys->count > 0)
		keys->tls->key_free(keys->key[--keys->count]);
}

static int
keys_read(
    const struct config *config, struct keys *keys, char text[CHANNEL_TEXT])
{
	struct pem chain, key;
	size_t i;

	for (i = 0; paths_get(config, i, chain.path, key.path); i++) {
		if (i == TLS_CERTIFICATES) {
			text_cut(text, CHANNEL_TEXT,
			    "tls-certificate: more than %d", TLS_CERTIFICATES);
			return -1;
		}
		if (key_load(keys, &chain, &key, text) == -1)
			return -1;
	}
	text_cut(text, CHANNEL_TEXT, "no certificate is configured");
	return keys->count > 0 ? 0 : -1;
}

int
keys_load(
    const struct config *config, struct keys *keys, char text[CHANNEL_TEXT])
{
	memset(keys, 0, sizeof(*keys));
	keys->tls = tls_load();
	if (keys->tls == NULL) {
		text_cut(text, CHANNEL_TEXT, "pop3d-tls.so cannot be loaded");
		return -1;
	}
	if (keys_read(config, keys, text) == 0) {
		authorities_read(config, keys);
		return 0;
	}
	keys_free(keys);
	return -1;
}

int
signer_there(const struct config *config, char text[CHANNEL_TEXT])
{
	char chain[CHANNEL_PATH], key[CHANNEL_PATH];
	size_t i;
	int fd;

	text[0] = '\0';
	for (i = 0; paths_get(config, i, chain, key); i++) {
		fd = pem_open(chain, false, text);
		if (fd == -1)
			return -1;
		(void)close(fd);
		fd = pem_open(key, true, text);
		if (fd == -1)
			return -1;
		(void)close(fd);
	}
	return i > 0 ? 0 : -1;
}

/* Would OpenSSL take it in a front?  It weighs signatures of issuers, too. */
static bool
certificate_taken(const struct tls_module *tls, const struct tls_key *key)
{
	uint8_t *chain = malloc(TLS_CHAINS);
	struct tls_context *context = NULL;
	size_t length = 0;

	if (chain != NULL)
		length = tls->key_chain(key, 0, chain, TLS_CHAINS);
	if (length > 0)
		context = tls->context_new(chain, length, NULL);
	free(chain);
	if (context == NULL)
		return false;
	tls->context_free(context);
	return true;
}

int
signer_check(const struct config *config,
    void (*say)(const char *file, const char *what, const char *trouble))
{
	char text[CHANNEL_TEXT], what[TLS_TEXT], trouble[TLS_TEXT];
	struct keys keys;
	int result = 0;
	size_t i;

	if (keys_load(config, &keys, text) == -1) {
		say("", "", text);
		return -1;
	}
	for (i = 0; i < keys.count; i++) {
		keys.tls->key_look(keys.key[i], what, trouble);
		if (!certificate_taken(keys.tls, keys.key[i])) {
			text_cut(trouble, sizeof(trouble),
			    "OpenSSL cannot use the certificates");
			result = -1;
		}
		say(keys.file[i], what, trouble);
	}
	keys_free(&keys);
	return result;
}

void
keys_answer(const struct keys *keys, const struct ch_sign *request,
    struct ch_octets *answer)
{
	uint8_t signature[TLS_SIGNATURE];
	size_t length;

	memset(answer, 0, sizeof(*answer));
	answer->code = CODE_REFUSED;
	if (request->certificate >= keys->count ||
	    !signer_shape(request->scheme, request->octets, request->length) ||
	    keys->tls->key_sign(keys->key[request->certificate],
		request->scheme, request->octets, request->length, signature,
		&length) == -1)
		return;
	answer->code = CODE_OK;
	answer->length = (uint32_t)length;
	memcpy(answer->octets, signature, length);
}
