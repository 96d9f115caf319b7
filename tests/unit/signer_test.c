/*
 * signer_test.c - what the signer signs: the shapes, and its answers to a
 * front that has been taken over.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/keys.h"
#include "tap.h"

#define PSS 0x0804
#define PKCS1 0x0401
#define P256 0x0403

static uint8_t octets[CHANNEL_SIGN];

/* RFC 8446, 4.4.3, with a hash of this length. */
static size_t
shape_13(size_t hash)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";

	memset(octets, ' ', 64);
	memcpy(octets + 64, context, sizeof(context));
	memset(octets + 64 + sizeof(context), 7, hash);
	return 64 + sizeof(context) + hash;
}

/* RFC 8422, 5.4, with a point on this curve. */
static size_t
shape_12(uint8_t curve, uint8_t length)
{
	memset(octets, 9, sizeof(octets));
	memcpy(octets + 56, "DOWNGRD\x01", 8);
	octets[64] = 3;
	octets[65] = 0;
	octets[66] = curve;
	octets[67] = length;
	octets[68] = 4;
	return 68U + length;
}

static void
test_shape_13(void)
{
	size_t length, i, bad = 0;

	length = shape_13(32);
	ok(signer_shape(PSS, octets, length), "TLS 1.3 with SHA-256");
	ok(signer_shape(P256, octets, length), "the same for ECDSA");
	ok(!signer_shape(PKCS1, octets, length),
	    "not by a scheme that TLS 1.3 does not have there");
	for (i = 0; i < 98; i++) {
		octets[i] ^= 1;
		bad += signer_shape(PSS, octets, length);
		octets[i] ^= 1;
	}
	ok(bad == 0, "any other octet before the hash: no");
	for (i = 0; i < sizeof(octets); i++)
		bad += i != length && i != length + 16 &&
		    signer_shape(PSS, octets, i);
	ok(bad == 0, "any other length: no");
	ok(signer_shape(PSS, octets, shape_13(48)), "TLS 1.3 with SHA-384");
	length = shape_13(32);
	memcpy(octets + 64, "TLS 1.3, client", 15);
	ok(!signer_shape(PSS, octets, length), "a client's: no");
}

static void
test_shape_12(void)
{
	static const struct {
		uint8_t curve, length;
	} curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}};
	size_t length, i, bad = 0, size;

	for (i = 0; i < ARRAY_SIZE(curves); i++) {
		length = shape_12(curves[i].curve, curves[i].length);
		ok(signer_shape(PKCS1, octets, length) &&
			signer_shape(P256, octets, length),
		    "TLS 1.2, curve %d", curves[i].curve);
		for (size = 0; size < sizeof(octets); size++)
			bad +=
			    size != length && signer_shape(PKCS1, octets, size);
	}
	ok(bad == 0, "any other length: no");
	length = shape_12(23, 65);
	for (i = 56; i < 68; i++) {
		octets[i] ^= 1;
		bad += signer_shape(PKCS1, octets, length);
		octets[i] ^= 1;
	}
	ok(bad == 0,
	    "no mark of a server that has 1.3, another kind of curve: no");
	octets[68] = 2;
	ok(!signer_shape(PKCS1, octets, length), "a compressed point: no");
	ok(!signer_shape(PKCS1, octets, shape_12(22, 65)),
	    "a curve that is none of ours: no");
}

/* Keys, and what a front gets of them */

static char folder[] = "/tmp/pop3d-signer-XXXXXX";
static struct keys keys;
static struct ch_sign request;
static struct ch_octets got;

static bool
made(const char *name, const char *options)
{
	char command[1024];
	int length;

	length = snprintf(command, sizeof(command),
	    "openssl req -x509 -nodes -newkey %s -keyout %s/%s.key "
	    "-out %s/%s.crt -days 2 -subj /CN=%s.test 2>/dev/null && "
	    "chmod 600 %s/%s.key",
	    options, folder, name, folder, name, name, folder, name);
	/* NOLINTNEXTLINE: a test's own command line */
	return length > 0 && (size_t)length < sizeof(command) &&
	    system(command) == 0;
}

static bool
loaded(const char *certificates, const char *secrets, const char *want)
{
	char error[CONFIG_ERROR_SIZE], text[CHANNEL_TEXT];
	struct config config;
	int result;

	if (config_init(&config) == -1 ||
	    config_set(&config, "tls-certificate", certificates, error) == -1 ||
	    config_set(&config, "tls-key", secrets, error) == -1)
		return false;
	result = keys_load(&config, &keys, text);
	config_free(&config);
	if (want == NULL)
		return result == 0;
	if (result == -1 && strstr(text, want) != NULL)
		return true;
	tap_note("%d: %s", result, text);
	return false;
}

static bool
signs(uint32_t certificate, uint32_t scheme, size_t length)
{
	memset(&request, 0, sizeof(request));
	request.certificate = certificate;
	request.scheme = scheme;
	request.length = (uint32_t)length;
	memcpy(request.octets, octets, length);
	keys_answer(&keys, &request, &got);
	return got.code == CODE_OK && got.length > 0;
}

static void
test_answers(void)
{
	uint32_t scheme, rsa = 0, ec = 0;

	ok(loaded("rsa.crt ec.crt", "rsa.key, ec.key", NULL), "two keys");
	ok(signs(0, PSS, shape_13(32)) && got.length == 256, "RSA, TLS 1.3");
	ok(signs(0, PKCS1, shape_12(23, 65)), "RSA, TLS 1.2");
	ok(signs(1, P256, shape_13(48)), "ECDSA, TLS 1.3");
	ok(!signs(2, PSS, shape_13(32)), "a certificate that is not there: no");
	ok(!signs(UINT32_MAX, PSS, shape_13(32)), "nor the last number");
	ok(!signs(1, PSS, shape_13(32)) && !signs(0, P256, shape_13(32)),
	    "another kind of key: no");
	ok(!signs(0, PSS, 32) && !signs(0, PSS, 0) && got.length == 0,
	    "what is only a hash, or nothing: no");
	(void)shape_12(23, 65);
	for (scheme = 0; scheme < 0x10000; scheme++) {
		rsa += signs(0, scheme, 68 + 65);
		ec += signs(1, scheme, 68 + 65);
	}
	keys_free(&keys);
	ok(rsa == 6 && ec == 3, "of all schemes six for RSA, three for ECDSA");
}

static void
test_bad(void)
{
	char path[CHANNEL_PATH];

	ok(loaded("rsa.crt", "ec.key", "ec.key: the key belongs to another"),
	    "another certificate's key");
	ok(loaded("rsa.crt", "", "rsa.crt: "), "no key at all");
	ok(loaded("none.crt", "rsa.key", "none.crt: No such file"),
	    "no such certificate");
	ok(loaded("rsa.key", "rsa.key", "no certificate in PEM"),
	    "a key where the certificate should be");
	ok(loaded("rsa.crt", "lock.key", "is encrypted"), "an encrypted key");
	ok(loaded("ed.crt", "ed.key", "neither RSA nor ECDSA"), "Ed25519");
	ok(loaded("", "", "no certificate is configured"), "nothing");
	if (text_print(path, sizeof(path), "%s/rsa.key", folder) == -1 ||
	    chmod(path, 0644) == -1)
		exit(99);
	ok(loaded("rsa.crt", "rsa.key", "everybody may read the key"),
	    "a key that everybody may read");
	if (chmod(path, 0660) == -1)
		exit(99);
	ok(loaded("rsa.crt", "rsa.key", "others may write it"),
	    "a key that a group may write");
}

int
main(void)
{
	char path[CHANNEL_PATH];

	test_shape_13();
	test_shape_12();
	if (mkdtemp(folder) == NULL || chdir(folder) == -1)
		return 99;
	(void)umask(022);
	if (!made("rsa", "rsa:2048") ||
	    !made("ec", "ec -pkeyopt ec_paramgen_curve:P-256") ||
	    !made("ed", "ed25519") ||
	    system("openssl rsa -aes128 -passout pass:x -in rsa.key "
		   "-out lock.key 2>/dev/null && chmod 600 lock.key") != 0)
		return 99;
	test_answers();
	test_bad();
	(void)snprintf(path, sizeof(path), "rm -r %s", folder);
	if (chdir("/") == -1 || system(path) != 0)
		return 99;
	return tap_end();
}
