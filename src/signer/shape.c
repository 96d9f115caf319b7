/*
 * shape.c - what a server signs in a handshake, and nothing else.
 */

#include <string.h>

#include "signer.h"

#define RANDOM 32 /* octets */

/* RSASSA-PKCS1-v1_5, which TLS 1.3 has only in certificates. */
static bool
scheme_old(uint32_t scheme)
{
	return scheme == 0x0401 || scheme == 0x0501 || scheme == 0x0601;
}

/* RFC 8446, 4.4.3; the transcript's hash is SHA-256 or SHA-384. */
static bool
shape_13(const uint8_t *octets, size_t length)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	const size_t before = 64 + sizeof(context); /* with its NUL */
	size_t i;

	if (length != before + 32 && length != before + 48)
		return false;
	for (i = 0; i < 64; i++) {
		if (octets[i] != ' ')
			return false;
	}
	return memcmp(octets + 64, context, sizeof(context)) == 0;
}

/* RFC 8422, 5.4, with the curves that the front offers. */
static bool
shape_12(const uint8_t *octets, size_t length)
{
	static const struct {
		uint8_t curve, point, first; /* first 0: any octet */
	} curves[] = {{23, 65, 4}, {24, 97, 4}, {25, 133, 4}, {29, 32, 0}};
	static const uint8_t lowered[8] = "DOWNGRD\x01";
	const uint8_t *p = octets + 2 * RANDOM;
	size_t i;

	if (length < 2 * RANDOM + 5 ||
	    memcmp(p - sizeof(lowered), lowered, sizeof(lowered)) != 0 ||
	    p[0] != 3 || p[1] != 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(curves); i++) {
		if (p[2] == curves[i].curve)
			return p[3] == curves[i].point &&
			    length == 2 * RANDOM + 4 + (size_t)p[3] &&
			    (curves[i].first == 0 || p[4] == curves[i].first);
	}
	return false;
}

/*
 * A SEQUENCE, as DER has it, that begins with the numbers 1 and 0x0304, and is
 * all there is: SSL_SESSION's, of OpenSSL, whose second is the protocol.
 */
bool
signer_shape_session(const uint8_t *octets, size_t length)
{
	static const uint8_t begin[] = {2, 1, 1, 2, 2, 3, 4};
	size_t head = 2, body;

	if (length < 4 + sizeof(begin) || octets[0] != 0x30)
		return false;
	body = octets[1];
	if (body == 0x81) {
		head = 3;
		body = octets[2];
	} else if (body == 0x82) {
		head = 4;
		body = (size_t)octets[2] << 8 | octets[3];
	} else if (body > 0x7f)
		return false;
	return head + body == length &&
	    memcmp(octets + head, begin, sizeof(begin)) == 0;
}

bool
signer_shape(uint32_t scheme, const uint8_t *octets, size_t length)
{
	if (shape_12(octets, length))
		return true;
	return !scheme_old(scheme) && shape_13(octets, length);
}
