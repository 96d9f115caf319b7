/*
 * sasl_external.c - EXTERNAL (RFC 4422, A): a client who has shown a certificate
 * in the handshake of TLS.
 *
 * Nobody takes the front's word for it.  What it gives is looked at here as if
 * it came from the network: why that is enough is said in
 * src/modules/tls_proof.c.
 */

#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "sasl.h"
#include "trusted.h"

#define PEM_MAX 1048576 /* octets of a file */

/* The files that are needed, open. */
struct files {
	struct trusted authorities;
	struct trusted own[TLS_CERTIFICATES];
	char path[TLS_CERTIFICATES][CHANNEL_PATH];
	size_t count;
};

static enum sasl_outcome
deny(struct sasl *sasl, struct ch_account *account, uint32_t code,
    const char *reason, const char *text)
{
	account_deny(account, code, "external: %s", reason);
	account_tell(account, "%s", text);
	memcpy(account->name, sasl->proof.name, sizeof(account->name));
	return SASL_DONE;
}

static void
files_free(struct files *files)
{
	trusted_free(&files->authorities);
	while (files->count > 0)
		trusted_free(&files->own[--files->count]);
}

/* tls-client-ca, and the certificates that a signer has. */
static int
files_read(const struct config *config, struct files *files,
    struct tls_proof *proof, char why[CHANNEL_TEXT])
{
	const char *list = config->tls_certificate;
	size_t length, i;

	memset(files, 0, sizeof(*files));
	if (trusted_read(
		&files->authorities, config->tls_client_ca, PEM_MAX, why) == -1)
		return -1;
	proof->authorities.text = files->authorities.text;
	proof->authorities.length = files->authorities.length;
	for (i = 0; i < TLS_CERTIFICATES; i++) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			break;
		if (text_copy(files->path[i], CHANNEL_PATH, list, length) ==
			-1 ||
		    trusted_read(
			&files->own[i], files->path[i], PEM_MAX, why) == -1)
			return -1;
		list += length;
		proof->own[i].text = files->own[i].text;
		proof->own[i].length = files->own[i].length;
		proof->own_count = files->count = i + 1;
	}
	return 0;
}

/* Who is it, if the front has not lied? */
static enum tls_trust
client_check(
    const struct sasl *sasl, struct tls_client *client, char why[CHANNEL_TEXT])
{
	const struct tls_module *tls = tls_load();
	struct tls_proof proof = {.transcript = sasl->external.transcript,
	    .length = sasl->external.length,
	    .nonce = sasl->facts->nonce};
	enum tls_trust trust = TLS_UNKNOWN;
	struct files *files = malloc(sizeof(*files));
	char text[TLS_TEXT];

	text_cut(why, CHANNEL_TEXT, "pop3d-tls.so cannot be loaded");
	if (tls != NULL && files != NULL) {
		if (files_read(sasl->config, files, &proof, why) == 0) {
			trust = tls->client_check(&proof, client, text);
			text_cut(why, CHANNEL_TEXT, "%s", text);
		}
		files_free(files);
	}
	free(files);
	return trust;
}

/* For the administrator, who may want it in the map. */
static void
fingerprint_add(const struct tls_client *client, char why[CHANNEL_TEXT])
{
	char hex[2 * TLS_FINGERPRINT + 1];
	size_t used = strlen(why), i;

	for (i = 0; i < TLS_FINGERPRINT; i++)
		text_cut(hex + 2 * i, 3, "%02x", client->fingerprint[i]);
	text_cut(why + used, CHANNEL_TEXT - used, ", certificate %s", hex);
}

static enum sasl_outcome
external_decide(struct sasl *sasl, struct ch_account *account)
{
	const char *no = "this certificate does not log in here";
	char why[CHANNEL_TEXT], user[CHANNEL_NAME];
	struct tls_client client;
	int whose;

	if (sasl->facts->nonce == NULL || !config_certificates(sasl->config))
		return deny(sasl, account, CODE_REFUSED,
		    "no certificate was asked for", no);
	switch (client_check(sasl, &client, why)) {
	case TLS_TRUSTED:
		break;
	case TLS_UNTRUSTED:
		fingerprint_add(&client, why);
		return deny(sasl, account, CODE_REFUSED, why, no);
	case TLS_FORGED:
		return deny(sasl, account, CODE_REFUSED, why, no);
	case TLS_UNKNOWN:
		return deny(sasl, account, CODE_TEMPORARY, why, "");
	}
	whose = certificate_user(
	    sasl->config, &client, sasl->proof.name, user, why);
	if (whose == -1)
		return deny(sasl, account, CODE_TEMPORARY, why, "");
	fingerprint_add(&client, why);
	if (whose == 0)
		return deny(sasl, account, CODE_REFUSED, why, no);
	auth_proved(sasl->config, sasl->facts, "external", user, account);
	if (account->code != CODE_OK)
		text_cut(account->name, sizeof(account->name), "%s", user);
	return SASL_DONE;
}

enum sasl_outcome
external_step(struct sasl *sasl, const void *octets, size_t length,
    struct ch_account *account)
{
	struct external *external = &sasl->external;

	if (!external->named) {
		external->named = true;
		if (memchr(octets, '\0', length) != NULL ||
		    text_copy(sasl->proof.name, sizeof(sasl->proof.name),
			octets, length) == -1 ||
		    !sasl_prepared(sasl->proof.name)) {
			sasl->proof.name[0] = '\0';
			return deny(sasl, account, CODE_AUTH,
			    "not a response of the mechanism", "");
		}
		return SASL_CHALLENGE;
	}
	if (length > sizeof(external->transcript) - external->length)
		return deny(sasl, account, CODE_REFUSED,
		    "the handshake is too long", "");
	memcpy(external->transcript + external->length, octets, length);
	external->length += length;
	return length == CHANNEL_STEP ? SASL_CHALLENGE :
					external_decide(sasl, account);
}
