/*
 * tls_judge.h - is it right what came of a session of tls_fuzz.c?
 */

#ifndef TLS_JUDGE_H
#define TLS_JUDGE_H

/* What the front's octets have shown so far. */
struct shown {
	bool hello, later; /* a ServerHello; of 1.3 */
	bool retried;      /* a HelloRetryRequest */
	unsigned changes;  /* of the cipher */
	unsigned sealed;   /* messages of a handshake behind that, in 1.2 */
};

static bool
suite_known(size_t suite, bool later)
{
	static const uint16_t suites[] = {
	    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8};

	if (later)
		return suite >= 0x1301 && suite <= 0x1303;
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i] == suite)
			return true;
	return false;
}

/* The version that its extensions agree on. */
static bool
server_later(struct view_of list)
{
	struct view_of data;
	const uint8_t *type;

	while ((type = out_of(&list, 2)) != NULL) {
		MUST(vector_of(&list, 2, &data));
		if (number_at(type, 2) != 43)
			continue;
		MUST(data.left == 2 && number_at(data.p, 2) == 0x0304);
		return true;
	}
	return false;
}

static void
server_hello(struct shown *shown, struct view_of body)
{
	const uint8_t *version = out_of(&body, 2), *random = out_of(&body, 32),
		      *suite, *none;
	struct view_of part, list = {NULL, 0};
	bool retry;

	MUST(version != NULL && number_at(version, 2) == 0x0303);
	MUST(random != NULL && vector_of(&body, 1, &part));
	suite = out_of(&body, 2);
	none = out_of(&body, 1);
	MUST(suite != NULL && none != NULL && *none == 0);
	MUST(body.left == 0 || vector_of(&body, 2, &list));
	shown->later = server_later(list);
	MUST(suite_known(number_at(suite, 2), shown->later));
	retry = memcmp(random, "\xcf\x21\xad\x74\xe5\x9a\x61\x11", 8) == 0;
	MUST(!shown->hello);
	if (retry) {
		MUST(shown->later && !shown->retried);
		shown->retried = true;
		return;
	}
	MUST(shown->later || memcmp(random + 24, "DOWNGRD\1", 8) == 0);
	MUST(hello_judge(&client.sent, shown->retried));
	shown->hello = true;
}

static void
handshake_judge(struct shown *shown, struct view_of body)
{
	const uint8_t *type;
	struct view_of message;

	/* In 1.3 everything behind it is sealed. */
	MUST(!shown->hello || !shown->later);
	if (shown->changes > 0 && !shown->later) {
		/* Finished: another would be another handshake. */
		MUST(shown->sealed++ == 0);
		return;
	}
	type = out_of(&body, 1);
	MUST(type != NULL && vector_of(&body, 3, &message));
	if (*type == 2)
		server_hello(shown, message);
	else
		MUST(shown->hello);
}

/* Nothing that is not TLS goes out, and in its order. */
static void
out_judge(void)
{
	struct view_of v = {(const uint8_t *)run.out.octets, run.out.length};
	struct shown shown = {0};
	struct tls_record r;

	while (v.left > 0) {
		MUST(record_of(&v, &r));
		/* OpenSSL refuses a wrong version in that version. */
		MUST(r.version == 0x0303 || r.type == 21);
		MUST(r.body.left > 0 && r.body.left <= 16384 + 256);
		switch (r.type) {
		case 20:
			MUST(shown.hello || shown.retried);
			MUST(shown.changes++ == 0);
			break;
		case 21:
			MUST(!shown.hello || !shown.later);
			break;
		case 22:
			handshake_judge(&shown, r.body);
			break;
		case 23:
			MUST(shown.hello);
			MUST(shown.later || shown.sealed == 1);
			break;
		default:
			abort();
		}
	}
}

static bool
text_begins(const struct text *t, const struct text *with)
{
	return with->length <= t->length &&
	    (with->length == 0 ||
		memcmp(t->octets, with->octets, with->length) == 0);
}

/* What a login is bound to is what the client has, or nothing. */
static void
binding_judge(const struct ch_binding *binding)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	uint8_t octets[32];

	if (binding->length == 0)
		return;
	MUST(binding->length == sizeof(octets));
	MUST(SSL_export_keying_material(client.ssl, octets, sizeof(octets),
		 label, strlen(label), NULL, 0, 1) == 1);
	MUST(memcmp(octets, binding->octets, sizeof(octets)) == 0);
}

/* Both sides say that there was a handshake, and the same of it. */
static void
handshake_done(void)
{
	const struct ch_secure *secure = &front.secure;
	const unsigned char *protocol;
	unsigned length;

	MUST(!client.raw && (client.done || client.deaf));
	MUST(strcmp(secure->protocol, "TLSv1.2") == 0 ||
	    strcmp(secure->protocol, "TLSv1.3") == 0);
	MUST(front.signer_closed);
	/* Of 1.2 the last word is the server's, which it may not have heard. */
	if (!client.done) {
		MUST(strcmp(secure->protocol, "TLSv1.2") == 0);
		return;
	}
	MUST(strcmp(secure->protocol, client.protocol) == 0);
	MUST(strcmp(secure->cipher, client.cipher) == 0);
	SSL_get0_alpn_selected(client.ssl, &protocol, &length);
	MUST(length == 0 || (length == 4 && memcmp(protocol, "pop3", 4) == 0));
	if (!client.renewing)
		binding_judge(&secure->bindings[BINDING_EXPORTER]);
	MUST((front.secure.resumed == 1) == client.resumed);
	MUST(front.signatures == !client.resumed);
	MUST(!client.resumed || strcmp(secure->protocol, "TLSv1.3") == 0);
}

static void
session_judge(void)
{
	bool good = front.told && front.secure.code == CODE_OK;

	MUST(run.ended);
	out_judge();
	/* What is still to be heard. */
	if (!client.raw && good)
		client_go();
	MUST(front.told || run.said == END_BACK);
	MUST(!front.told || good || front.secure.text[0] != '\0');
	if (good)
		handshake_done();
	MUST(text_begins(&client.said, &front.lines));
	MUST(text_begins(&front.says, &client.heard));
	if (!good) {
		MUST(front.lines.length == 0 && front.says.length == 0);
		return;
	}
	if (!client.deaf && !client.renewing)
		MUST(client.heard.length == front.says.length);
	if (client.whole && run.said == END_DISCONNECTED)
		MUST(client.said.length == front.lines.length);
}

#endif
