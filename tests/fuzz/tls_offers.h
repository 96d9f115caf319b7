/*
 * tls_offers.h - what the client of tls_fuzz.c may say that it can and wants.
 */

#ifndef TLS_OFFERS_H
#define TLS_OFFERS_H

#include <openssl/ssl.h>

#include "base.h"

/* clang-format off */
static const struct {
	int least, most;
} versions[] = {
	{ TLS1_2_VERSION, TLS1_3_VERSION },
	{ TLS1_3_VERSION, TLS1_3_VERSION },
	{ TLS1_2_VERSION, TLS1_2_VERSION },
	{ TLS1_VERSION, TLS1_1_VERSION },
	{ TLS1_VERSION, TLS1_3_VERSION },
	{ TLS1_VERSION, TLS1_2_VERSION },
};
static const char *const ciphers_12[] = {
	"ALL:@SECLEVEL=0", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
	"ECDHE-ECDSA-CHACHA20-POLY1305:@SECLEVEL=0",
	"AES128-SHA:@SECLEVEL=0", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
	"ECDHE-RSA-AES128-SHA:@SECLEVEL=0", "PSK:ADH:@SECLEVEL=0",
	"ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=0",
};
static const char *const ciphers_13[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
	"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
};
static const char *const groups[] = {
	"X25519:P-256", "P-256", "P-384", "P-521", "X448", "X448:P-256",
	"X25519", "X448:P-521:P-384",
};
static const char *const schemes[] = {
	NULL, "ECDSA+SHA256", "RSA-PSS+SHA512:RSA+SHA512", "RSA+SHA384",
	"ECDSA+SHA384", "RSA+SHA1", "ed25519", "RSA+SHA256:ECDSA+SHA512",
};
static const char *const names[] = {
	NULL, "a.test", "B.TEST", "x.a.test", "none.test", "c.test", "a.test.",
	"*.a.test", ".", "a.test\xff",
};
static const struct {
	unsigned char list[24];
	unsigned length;
} protocols[] = {
	{ "", 0 }, { "\4pop3", 5 }, { "\10http/1.1", 9 }, { "\2h2\4pop3", 8 },
	{ "\5pop3s", 6 }, { "\4POP3", 5 }, { "\3pop", 4 }, { "\5xpop3", 6 },
	{ "\4imap\10\4pop3xxx", 14 }, { "\1x\4pop3\1y", 9 }, { "\4pop\0", 5 },
};
/* clang-format on */

#define PICK(table, n) ((table)[(n) % ARRAY_SIZE(table)])

#endif
