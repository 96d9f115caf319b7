/*
 * sasl_external.c - EXTERNAL (RFC 4422, A): a client who has shown a certificate
 * in the handshake of TLS.
 *
 * Nobody takes the front's word for it.  What it gives is looked at here as if
 * it came from the network: why that is enough is said in
 * src/modules/tls_proof.c.
 */

#include <string.h>

#include "method.h"
#include "sasl.h"
#include "trusted.h"

#define PEM_MAX 1048576 /* octets of a file */

static enum sasl_outcome
deny(struct sasl *sasl, struct ch_account *account, uint32_t code,
    const char *reason, const char *text)
{
	account_deny(account, code, "external: %s", reason);
	account_tell(account, "%s", text);
	memcpy(account->name, sasl->proof.name, sizeof(account->name));
	return SASL_DONE;
}

/*
 * The first certificate of a file that a signer has its key by.  The key may
 * stand there, too: nothing but the certificate gets any further, and the file
 * is forgotten before anything of the client's is looked at.
 */
static int
own_read(const struct tls_module *tls, const char *path,
    uint8_t fingerprint[TLS_FINGERPRINT], char why[CHANNEL_TEXT])
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	const char *from, *to;
	struct trusted file;
	int result = -1;

	if (trusted_read(&file, path, PEM_MAX, why) == -1)
		return -1;
	from = strstr(file.text, begin);
	to = from == NULL ? NULL : strstr(from, end);
	if (to != NULL)
		result = tls->fingerprint(
		    from, (size_t)(to - from) + strlen(end), fingerprint);
	if (result == -1)
		text_cut(why, CHANNEL_TEXT, "%s: no certificate in PEM", path);
	trusted_free(&file);
	return result;
}

/* The certificates that a signer has. */
static int
own_find(const struct tls_module *tls, const struct config *config,
    struct tls_proof *proof, char why[CHANNEL_TEXT])
{
	const char *list = config->tls_certificate;
	char path[CHANNEL_PATH];
	size_t length;

	while (proof->own_count < TLS_CERTIFICATES) {
		list += strspn(list, " \t,");
		length = strcspn(list, " \t,");
		if (length == 0)
			break;
		if (text_copy(path, sizeof(path), list, length) == -1 ||
		    own_read(tls, path, proof->own[proof->own_count], why) ==
			-1)
			return -1;
		proof->own_count++;
		list += length;
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
	struct trusted authorities;
	char text[TLS_TEXT];

	text_cut(why, CHANNEL_TEXT, "pop3d-tls.so cannot be loaded");
	if (tls == NULL || own_find(tls, sasl->config, &proof, why) == -1 ||
	    trusted_read(
		&authorities, sasl->config->tls_client_ca, PEM_MAX, why) == -1)
		return TLS_UNKNOWN;
	proof.authorities.text = authorities.text;
	proof.authorities.length = authorities.length;
	if (sasl->facts->place == NULL)
		trust = tls->client_check(&proof, client, text);
	else
		trust =
		    apart_check(sasl->facts->place, tls, &proof, client, text);
	text_cut(why, CHANNEL_TEXT, "%s", text);
	trusted_free(&authorities);
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
