/*
 * sasl_test.c - the mechanisms by themselves: the RFCs' examples, and every
 * message that is none.
 */

#include "sasl_world.h"

static void
test_digests(void)
{
	static const char response[] = "tim b913a602c7eda7a495b4e6e7334d3890";
	/* RFC 1939, 7 */
	static const uint8_t apop[] = {0xc4, 0xc9, 0x33, 0x4b, 0xac, 0x56, 0x0e,
	    0xcc, 0x97, 0x9e, 0x58, 0x00, 0x1b, 0x3e, 0x22, 0xfb};
	const char *stamp = "<1896.697170952@postoffice.reston.mci.net>";
	char name[CHANNEL_NAME];
	uint8_t digest[CRYPTO_MD5];

	ok(cram_parse(response, name, digest) == 0 &&
		strcmp(name, "tim") == 0 &&
		cram_verify("tanstaaftanstaaf", stamp, digest) == 1,
	    "RFC 2195's example");
	ok(cram_verify("tanstaaftanstaag", stamp, digest) == 0 &&
		cram_verify("tanstaaftanstaaf", "<1@x>", digest) == 0 &&
		cram_verify("", stamp, digest) == 0,
	    "and nothing else");
	digest[15] ^= 1;
	ok(cram_verify("tanstaaftanstaaf", stamp, digest) == 0, "a bit");
	stamp = "<1896.697170952@dbc.mtview.ca.us>";
	ok(apop_verify("tanstaaf", stamp, apop) == 1, "RFC 1939's example");
	ok(apop_verify("tanstaag", stamp, apop) == 0 &&
		apop_verify("tanstaaf", "<1@x>", apop) == 0,
	    "and nothing else");
}

static void
test_cram_parse(void)
{
	static const char *const bad[] = {"", " ", "tim",
	    "b913a602c7eda7a495b4e6e7334d3890",
	    " b913a602c7eda7a495b4e6e7334d3890",
	    "tim b913a602c7eda7a495b4e6e7334d389",
	    "tim b913a602c7eda7a495b4e6e7334d38900",
	    "tim b913a602c7eda7a495b4e6e7334d389g",
	    "tim B913A602C7EDA7A495B4E6E7334D3890",
	    "tim b913a602c7eda7a495b4e6e7334d3890 ",
	    "tim\tb913a602c7eda7a495b4e6e7334d3890"};
	char name[CHANNEL_NAME], text[CHANNEL_NAME + 64];
	uint8_t digest[CRYPTO_MD5];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(cram_parse(bad[i], name, digest) == -1, "CRAM-MD5: '%s'",
		    bad[i]);
	ok(cram_parse("tim t b913a602c7eda7a495b4e6e7334d3890", name, digest) ==
		    0 &&
		strcmp(name, "tim t") == 0 && digest[0] == 0xb9 &&
		digest[15] == 0x90,
	    "a name with a blank in it");
	memset(text, 'n', sizeof(text));
	memcpy(
	    text + CHANNEL_NAME - 1, " b913a602c7eda7a495b4e6e7334d3890", 34);
	ok(cram_parse(text, name, digest) == 0 && strlen(name) == 255,
	    "the longest name");
	memcpy(text + CHANNEL_NAME, " b913a602c7eda7a495b4e6e7334d3890", 34);
	ok(cram_parse(text, name, digest) == -1, "one that is too long");
}

static const struct vector {
	const char *what;
	enum mailauth_hash kind;
	const char *salt, *nonce, *bare, *first, *final, *answer;
} vectors[] = {
    /* clang-format off */
	{ "RFC 5802's example", MAILAUTH_SHA1, "QSXCR+Q6sek8bf92",
	    "3rfcNHYJY1ZVvWVs7j", "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "s=QSXCR+Q6sek8bf92,i=4096",
	    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ "RFC 7677's example", MAILAUTH_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "n=user,r=rOprNGfwEbeRWgbNEkqO",
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
    /* clang-format on */
};

static struct scram scram;
static struct mailauth_keys keys;

/* As far as the challenge. */
static bool
vector_begin(const struct vector *v)
{
	char message[200], name[CHANNEL_NAME];

	memset(&scram, 0, sizeof(scram));
	scram.kind = v->kind;
	scram_keys(&keys, v->kind, "pencil", v->salt, 4096);
	text_cut(message, sizeof(message), "n,,%s", v->bare);
	if (scram_first(&scram, message, name) == -1 ||
	    strcmp(name, "user") != 0)
		return false;
	scram_challenge(&scram, &keys, v->nonce);
	return strcmp(scram.challenge, v->first) == 0;
}

static void
test_scram_vectors(void)
{
	const struct vector *v;
	char final[SCRAM_FINAL], message[200];
	size_t i, k, bad;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		v = &vectors[i];
		ok(vector_begin(v), "%s: server-first-message", v->what);
		ok(scram_final(&scram, v->final, &keys, final) == 1 &&
			strcmp(final, v->answer) == 0,
		    "server-final-message");
		/* Another character anywhere. */
		bad = 0;
		for (k = 0; k < strlen(v->final); k++) {
			text_cut(message, sizeof(message), "%s", v->final);
			message[k] = message[k] == 'A' ? 'B' : 'A';
			bad += scram_final(&scram, message, &keys, final) != 0;
		}
		ok(bad == 0, "no other client-final-message proves it");
		/* A piece of it. */
		for (k = 0; k < strlen(v->final); k++) {
			text_cut(
			    message, sizeof(message), "%.*s", (int)k, v->final);
			bad += scram_final(&scram, message, &keys, final) != 0;
		}
		ok(bad == 0, "and no part of it");
		keys.stored[3] ^= 1;
		ok(scram_final(&scram, v->final, &keys, final) == 0,
		    "with another key it is wrong");
	}
}

/* client-first-messages, and the name that each has; NULL: it is none. */
static const struct {
	const char *message, *name;
} firsts[] = {
    /* clang-format off */
	{ "n,,n=user,r=abc", "user" },
	{ "y,,n=user,r=abc", "user" },
	{ "n,a=user,n=user,r=abc", "user" },
	{ "n,,n=us=2Cer=3D,r=abc", "us,er=" },
	{ "n,a=a=2Cb,n=a=2Cb,r=abc", "a,b" },
	{ "n,,n=\303\251,r=abc", "\303\251" },
	{ "n,,n=user,r=!~", "user" },
	{ "n,,n=user,r=abc,x=1", "user" },
	{ "n,,n=user,r=abc,x=1,Y=\303\251", "user" },
	{ "n,,n=user,r=abc=,x==", "user" },
	{ "", NULL },
	{ "n", NULL },
	{ "n,", NULL },
	{ "n,,", NULL },
	{ "n,,n=user", NULL },
	{ "n,,n=user,", NULL },
	{ "n,,n=user,r", NULL },
	{ "n,,n=user,r=", NULL },
	{ "n,,n=user,r=,x=1", NULL },
	{ "n,,n=,r=abc", NULL },
	{ "n,,r=abc,n=user", NULL },
	{ "n,,r=abc", NULL },
	{ "n=user,r=abc", NULL },
	{ ",,n=user,r=abc", NULL },
	{ "N,,n=user,r=abc", NULL },
	{ "x,,n=user,r=abc", NULL },
	{ "p=tls-unique,,n=user,r=abc", NULL },
	{ "p=tls-exporter,,n=user,r=abc", NULL },
	{ "p,,n=user,r=abc", NULL },
	{ "n,a=other,n=user,r=abc", NULL },
	{ "n,a=use,n=user,r=abc", NULL },
	{ "n,a=user2,n=user,r=abc", NULL },
	{ "n,a=,n=user,r=abc", NULL },
	{ "n,b=user,n=user,r=abc", NULL },
	{ "n,a=user,,n=user,r=abc", NULL },
	{ "n,,m=1,n=user,r=abc", NULL },
	{ "n,,n=user,m=1,r=abc", NULL },
	{ "n,,n=user,r=abc,m=1", NULL },
	{ "n,,n=user,r=abc,x=1,m=1", NULL },
	{ "n,,n=us=er,r=abc", NULL },
	{ "n,,n=us=2cer,r=abc", NULL },
	{ "n,,n=us=3der,r=abc", NULL },
	{ "n,,n=us=2,r=abc", NULL },
	{ "n,,n=user=,r=abc", NULL },
	{ "n,,n=user,r=a b", NULL },
	{ "n,,n=user,r=a\tb", NULL },
	{ "n,,n=user,r=a\177", NULL },
	{ "n,,n=user,r=a\303\251", NULL },
	{ "n,,n=user,r=abc,", NULL },
	{ "n,,n=user,r=abc,,x=1", NULL },
	{ "n,,n=user,r=abc,x", NULL },
	{ "n,,n=user,r=abc,x=", NULL },
	{ "n,,n=user,r=abc,xy=1", NULL },
	{ "n,,n=user,r=abc,1=1", NULL },
    /* clang-format on */
};

static void
test_scram_first(void)
{
	char name[CHANNEL_NAME];
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(firsts); i++) {
		memset(&scram, 0, sizeof(scram));
		rc = scram_first(&scram, firsts[i].message, name);
		ok(firsts[i].name == NULL ?
			rc == -1 :
			rc == 0 && strcmp(name, firsts[i].name) == 0,
		    "'%s'", firsts[i].message);
	}
}

/* Long ones: the name of 255 octets, all of them commas; the nonce. */
static void
test_scram_long(void)
{
	static char message[2 * SCRAM_FIRST];
	char name[CHANNEL_NAME];
	size_t used, i;

	memset(&scram, 0, sizeof(scram));
	memcpy(message, "n,,n=", 6);
	for (i = 0, used = 5; i < 255; i++, used += 3)
		memcpy(message + used, "=2C", 4);
	memcpy(message + used, ",r=abc", 7);
	ok(scram_first(&scram, message, name) == 0 && strlen(name) == 255,
	    "a name of 255 octets");
	memcpy(message + used, "=2C,r=abc", 10);
	ok(scram_first(&scram, message, name) == -1, "one of 256");
	memcpy(message, "n,,n=user,r=", 13);
	memset(message + 12, 'x', SCRAM_FIRST);
	message[3 + SCRAM_FIRST - 1] = '\0';
	ok(scram_first(&scram, message, name) == 0, "the longest nonce");
	memset(&keys, 0, sizeof(keys));
	keys.salt_length = MAILAUTH_SALT;
	keys.iterations = UINT32_MAX;
	scram_challenge(&scram, &keys, "the-end");
	ok(strlen(scram.challenge) > SCRAM_FIRST &&
		strcmp(scram.challenge + strlen(scram.challenge) - 14,
		    "=,i=4294967295") == 0 &&
		strstr(scram.challenge, "xthe-end,s=") != NULL,
	    "fits into the challenge with the largest of the rest");
	message[3 + SCRAM_FIRST - 1] = 'x';
	message[3 + SCRAM_FIRST] = '\0';
	ok(scram_first(&scram, message, name) == -1, "a longer one");
}

/* gs2-header, c=, what is behind the nonce, and: is it taken? */
static const struct {
	const char *header, *bound; /* gs2-header, c= */
	const char *rest;           /* behind the nonce */
	int want;
} finals[] = {
    /* clang-format off */
	{ "n,,", "biws", "", 1 },
	{ "y,,", "eSws", "", 1 },
	{ "n,a=user,", "bixhPXVzZXIs", "", 1 },
	{ "n,,", "biws", ",x=1", 1 },
	{ "n,,", "biws", ",x=1,y=2", 1 },
	{ "n,,", "eSws", "", 0 },
	{ "y,,", "biws", "", 0 },
	{ "n,a=user,", "biws", "", 0 },
	{ "n,,", "bixhPXVzZXIs", "", 0 },
	{ "n,,", "cCws", "", 0 },
	{ "n,,", "biwsAA==", "", 0 },
	{ "n,,", "biw", "", 0 },
	{ "n,,", "", "", 0 },
	{ "n,,", "biws", ",m=1", 0 },
	{ "n,,", "biws", "x", 0 },
	{ "n,,", "biws", ",r=again,", 0 },
    /* clang-format on */
};

/* What the proof covers, with a right proof for it. */
static void
test_scram_final(void)
{
	char message[400], without[200], first[100], final[SCRAM_FINAL];
	char name[CHANNEL_NAME];
	size_t i;

	scram_keys(&keys, MAILAUTH_SHA256, "pencil", "QSXCR+Q6sek8bf92", 4096);
	for (i = 0; i < ARRAY_SIZE(finals); i++) {
		memset(&scram, 0, sizeof(scram));
		scram.kind = MAILAUTH_SHA256;
		text_cut(
		    first, sizeof(first), "%sn=user,r=abc", finals[i].header);
		if (scram_first(&scram, first, name) == -1)
			fatalx("%s", first);
		scram_challenge(&scram, &keys, "DEF");
		text_cut(without, sizeof(without), "c=%s,r=abcDEF%s",
		    finals[i].bound, finals[i].rest);
		scram_proof(message, sizeof(message), MAILAUTH_SHA256, "pencil",
		    &keys, "n=user,r=abc", scram.challenge, without);
		ok(scram_final(&scram, message, &keys, final) == finals[i].want,
		    "'%s', then '%s'", first, without);
	}
	/* Of this exchange, but another nonce in it. */
	scram_proof(message, sizeof(message), MAILAUTH_SHA256, "pencil", &keys,
	    "n=user,r=abc", scram.challenge, "c=biws,r=abcDEf");
	ok(scram_final(&scram, message, &keys, final) == 0, "another nonce");
	scram_proof(message, sizeof(message), MAILAUTH_SHA256, "pencil", &keys,
	    "n=user,r=abc", scram.challenge, "c=biws,r=abc");
	ok(scram_final(&scram, message, &keys, final) == 0,
	    "the client's nonce without ours");
}

static void
test_prepared(void)
{
	static const char *const good[] = {"", "joe", "joe@example.org", " ~",
	    "\302\240", "\337\277", "\340\240\200", "\355\237\277",
	    "\356\200\200", "\357\277\275", "\360\220\200\200",
	    "\364\217\277\277"};
	static const char *const bad[] = {"\001", "a\tb", "a\r", "\037", "\177",
	    "\200", "\277", "\300\200", "\301\277", "\302", "\302a", "\302\177",
	    "\302\200", "\302\237", "\302\300", "\340\237\277", "\340\240",
	    "\340\240a", "\355\240\200", "\355\277\277", "\360\217\277\277",
	    "\360\220\200", "\364\220\200\200", "\365\200\200\200",
	    "\370\200\200\200\200", "\376", "\377", "a\351"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		ok(sasl_prepared(good[i]), "text %zu", i);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(!sasl_prepared(bad[i]), "none %zu", i);
}

/* <digits.digits@host>, and never the same. */
static void
test_stamp(void)
{
	char one[STAMP_SIZE], two[STAMP_SIZE];
	const char *at;

	stamp_make(one);
	stamp_make(two);
	at = one + 1 + strspn(one + 1, "0123456789");
	ok(one[0] == '<' && at > one + 1 && *at == '.', "digits and a dot");
	at += 1 + strspn(at + 1, "0123456789");
	ok(*at == '@' &&
		strspn(at + 1,
		    "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789.-") == strlen(at) - 2 &&
		strlen(at) > 2 && one[strlen(one) - 1] == '>',
	    "a host: %s", one);
	ok(strcmp(one, two) != 0, "another each time");
}

int
main(void)
{
	test_digests();
	test_cram_parse();
	test_scram_vectors();
	test_scram_first();
	test_scram_long();
	test_scram_final();
	test_prepared();
	test_stamp();
	return tap_end();
}
