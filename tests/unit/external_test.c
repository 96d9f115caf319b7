/*
 * external_test.c - EXTERNAL: handshakes of openssl s_client with the module,
 * then what a front that somebody has taken over could make of them: nothing
 * gets in but what the client has signed in this session, for this server.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sasl_world.h"
#include "signer/keys.h"

#define COMMAND 2048

static struct keys keys;
static uint8_t chains[TLS_CHAINS];
static size_t chains_length;
static const uint8_t nonce[TLS_NONCE] = "a nonce of 32 octets of the back";
static const uint8_t other_nonce[TLS_NONCE] = "another, of another session .. ";

struct seen {
	uint8_t octets[TLS_TRANSCRIPT];
	size_t length;
};

/* A certificate; with more, by the authority ca, and with that in it. */
static void
run(const char *name, const char *more)
{
	char command[COMMAND];

	text_cut(command, sizeof(command),
	    "cd %s && openssl req -x509 -nodes -newkey ec -pkeyopt "
	    "ec_paramgen_curve:P-256 -days 2 -subj /CN=%s -keyout %s.key "
	    "-out %s.crt %s%s 2>/dev/null && chmod 600 %s.key",
	    world_folder, name, name, name,
	    more[0] != '\0' ? "-CA ca.crt -CAkey ca.key -addext " : "", more,
	    name);
	/* NOLINTNEXTLINE: a test's own command line */
	if (system(command) != 0)
		fatalx("%s", command);
}

static int
sign(uint32_t certificate, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length)
{
	return keys.tls->key_sign(keys.key[certificate], scheme, octets, length,
	    signature, signed_length);
}

/* A server with this certificate, and authorities where there are some. */
static struct tls_context *
server(const char *certificate, const char *key)
{
	char text[CHANNEL_TEXT];
	size_t n, i;

	world_set("tls-certificate", certificate);
	world_set("tls-key", key);
	if (keys_load(&world_config, &keys, text) == -1)
		fatalx("%s", text);
	chains_length = 0;
	for (i = 0; i < keys.count; i++) {
		n = keys.tls->key_chain(keys.key[i], (uint32_t)i,
		    chains + chains_length, sizeof(chains) - chains_length);
		chains_length += n;
	}
	memcpy(
	    chains + chains_length, keys.authorities, keys.authorities_length);
	chains_length += keys.authorities_length;
	return keys.tls->context_new(chains, chains_length, sign);
}

static void
client_run(uint16_t port, const char *options)
{
	char command[COMMAND];

	text_cut(command, sizeof(command),
	    "cd %s && exec openssl s_client -connect 127.0.0.1:%d -quiet "
	    "%s </dev/null >/dev/null 2>&1",
	    world_folder, port, options);
	(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* The handshake itself; what is recorded of it goes to result. */
_Noreturn static void
server_run(int fd, struct tls *tls, int result)
{
	const struct tls_module *m = keys.tls;
	const uint8_t *shown;
	const void *octets;
	char raw[4096];
	size_t length;
	ssize_t n = 1;

	while (n > 0 && m->handshake(tls) == TLS_MORE) {
		length = m->pending(tls, &octets);
		if (write_full(fd, octets, length) == -1)
			break;
		m->drop(tls);
		n = read(fd, raw, sizeof(raw));
		if (n > 0 && m->feed(tls, raw, (size_t)n) == -1)
			break;
	}
	length = m->client_shown(tls, &shown);
	_exit(length > 0 && write_full(result, shown, length) == -1);
}

static int
listen_here(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)address, size) == -1 ||
	    listen(fd, 1) == -1 ||
	    getsockname(fd, (struct sockaddr *)address, &size) == -1)
		fatal("a server");
	return fd;
}

/* s_client with these options against this server, asked with this nonce. */
static void
see(struct tls_context *context, const uint8_t *asked, const char *options,
    struct seen *seen)
{
	struct sockaddr_in address;
	int listener = listen_here(&address), result[2];
	pid_t client_pid = fork(), server_pid;
	struct tls *tls;
	ssize_t n;

	if (client_pid == 0)
		client_run(ntohs(address.sin_port), options);
	if (pipe(result) == -1)
		fatal("pipe");
	server_pid = fork();
	if (server_pid == 0) {
		tls = keys.tls->open(context);
		if (tls == NULL)
			_exit(1);
		if (asked != NULL)
			(void)keys.tls->client_ask(tls, asked);
		server_run(accept(listener, NULL, NULL), tls, result[1]);
	}
	(void)close(result[1]);
	n = read_full(result[0], seen->octets, sizeof(seen->octets));
	seen->length = n > 0 ? (size_t)n : 0;
	(void)waitpid(server_pid, NULL, 0);
	(void)kill(client_pid, SIGKILL);
	(void)waitpid(client_pid, NULL, 0);
	(void)close(result[0]);
	(void)close(listener);
}

static struct tls_client client;
static char why[TLS_TEXT];

static struct tls_pem
pem(const char *name)
{
	static char texts[5][4096];
	static unsigned used;
	char *text = texts[used++ % ARRAY_SIZE(texts)];
	int fd = open(world_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read_full(fd, text, sizeof(texts[0]));

	if (n <= 0)
		fatal("%s", name);
	(void)close(fd);
	return (struct tls_pem){text, (size_t)n};
}

static uint8_t own[TLS_FINGERPRINT];
static struct tls_pem ca_pem;

static void
own_set(const char *name)
{
	struct tls_pem text = pem(name);

	if (tls_load()->fingerprint(text.text, text.length, own) == -1)
		fatalx("%s", name);
}

static enum tls_trust
check(const uint8_t *octets, size_t length)
{
	struct tls_proof proof = {.transcript = octets,
	    .length = length,
	    .nonce = nonce,
	    .own_count = 1,
	    .authorities = ca_pem};

	memcpy(proof.own[0], own, sizeof(own));
	memset(&client, 0xa5, sizeof(client));
	return keys.tls->client_check(&proof, &client, why);
}

static size_t
message_length(const uint8_t *at)
{
	return 4 + ((size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

/* Where the message of this number is. */
static size_t
message_place(const struct seen *seen, unsigned number)
{
	size_t place = 0;

	while (number-- > 0)
		place += message_length(seen->octets + place);
	return place;
}

static unsigned
message_count(const struct seen *seen)
{
	unsigned count = 0;
	size_t place;

	for (place = 0; place < seen->length; count++)
		place += message_length(seen->octets + place);
	return count;
}

/* Not one octet of it may be another, none may lack, and none be there more. */
static void
test_changed(struct seen *seen, const char *what)
{
	static uint8_t copy[2 * TLS_TRANSCRIPT];
	size_t i, bad = 0, place, length;
	unsigned m, count = message_count(seen);

	for (i = 0; i < seen->length; i++) {
		seen->octets[i] ^= 1;
		bad += check(seen->octets, seen->length) == TLS_TRUSTED;
		seen->octets[i] ^= 1;
	}
	ok(bad == 0, "%s: %zu octets, none may be another", what, seen->length);
	for (i = 0; i < seen->length; i++)
		bad += check(seen->octets, i) == TLS_TRUSTED;
	ok(bad == 0, "nor lack at its end");
	memcpy(copy, seen->octets, seen->length);
	copy[seen->length] = 0;
	ok(check(copy, seen->length + 1) == TLS_FORGED, "nor be there more");
	for (m = 0; m < count; m++) {
		place = message_place(seen, m);
		length = message_length(seen->octets + place);
		memcpy(copy, seen->octets, place);
		memcpy(copy + place, seen->octets + place + length,
		    seen->length - place - length);
		bad += check(copy, seen->length - length) == TLS_TRUSTED;
		memcpy(copy, seen->octets, place + length);
		memcpy(copy + place + length, seen->octets + place,
		    seen->length - place);
		bad += check(copy, seen->length + length) == TLS_TRUSTED;
	}
	ok(bad == 0, "none of %u messages may lack, or come twice", count);
	ok(check(seen->octets, seen->length) == TLS_TRUSTED, "as it was: good");
}

/* The client's two messages of one behind the server's of the other. */
static void
test_spliced(const struct seen *one, const struct seen *two)
{
	static uint8_t copy[2 * TLS_TRANSCRIPT];
	size_t a = message_place(one, message_count(one) - 2);
	size_t b = message_place(two, message_count(two) - 2);

	memcpy(copy, one->octets, a);
	memcpy(copy + a, two->octets + b, two->length - b);
	ok(check(copy, a + two->length - b) == TLS_FORGED,
	    "what a client has signed in another handshake: %s", why);
}

static void
test_whose(const struct seen *seen)
{
	struct tls_pem pem_before;

	ok(check(seen->octets, seen->length) == TLS_TRUSTED &&
		strcmp(client.subject, "CN=ann") == 0 &&
		strcmp(client.emails[0], "ann@example.org") == 0 &&
		strcmp(client.emails[1], "ann@example.net") == 0 &&
		client.emails[2][0] == '\0',
	    "a good one, and whose it is: %s, %s", client.subject,
	    client.emails[0]);
	pem_before = ca_pem;
	ca_pem = pem("stranger.crt");
	ok(check(seen->octets, seen->length) == TLS_UNTRUSTED,
	    "by an authority that is not ours: %s", why);
	ca_pem = pem("ann.crt");
	ok(check(seen->octets, seen->length) == TLS_TRUSTED,
	    "the certificate itself may stand there");
	ca_pem = (struct tls_pem){"nothing", 7};
	ok(check(seen->octets, seen->length) == TLS_UNKNOWN, "no authority");
	ca_pem = pem_before;
	own_set("evil.crt");
	ok(check(seen->octets, seen->length) == TLS_UNKNOWN,
	    "a server that we are not: %s", why);
	own_set("tls.crt");
}

/* A whole exchange, with this transcript in pieces. */
static enum sasl_outcome
exchange(const struct seen *seen, const char *who)
{
	enum sasl_outcome outcome;
	size_t put = 0, piece;

	begin(MECHANISM_EXTERNAL, "");
	outcome = step(who);
	do {
		if (outcome != SASL_CHALLENGE || challenge.length != 0)
			break;
		piece = seen->length - put < CHANNEL_STEP ? seen->length - put :
							    CHANNEL_STEP;
		outcome = step_octets(seen->octets + put, piece, true);
		put += piece;
	} while (piece == CHANNEL_STEP);
	return outcome;
}

static void
test_exchange(const struct seen *seen)
{
	static struct seen none, all;

	world_facts.nonce = nonce;
	ok(ended(exchange(seen, ""), CODE_OK, "joe"), "a login");
	ok(ended(exchange(seen, "sam"), CODE_OK, "sam"), "as the second");
	ok(ended(exchange(seen, "toor"), CODE_REFUSED, "toor"), "as another");
	world_facts.nonce = other_nonce;
	ok(ended(exchange(seen, ""), CODE_REFUSED, "") &&
		world_reason("a handshake of another session"),
	    "in another session");
	world_facts.nonce = NULL;
	ok(ended(exchange(seen, ""), CODE_REFUSED, ""), "without TLS");
	world_facts.nonce = nonce;
	ok(ended(exchange(&none, ""), CODE_REFUSED, ""), "nothing");
	all.length = sizeof(all.octets);
	ok(ended(exchange(&all, ""), CODE_REFUSED, ""), "as long as can be");
	memset(all.octets, 0xff, sizeof(all.octets));
	ok(ended(exchange(&all, ""), CODE_REFUSED, ""), "noise");
	world_facts.nonce = NULL;
}

/* What somebody can have the client sign elsewhere, or did before. */
static void
test_sessions(void)
{
	static struct seen one, two, other, again, none;
	const char *ann = "-cert ann.crt -key ann.key";
	struct tls_context *context = server("tls.crt", "tls.key");

	see(context, nonce, ann, &one);
	see(context, nonce, ann, &two);
	see(context, other_nonce, ann, &other);
	see(context, nonce,
	    "-cert ann.crt -key ann.key -groups X448:P-256 "
	    "-ciphersuites TLS_AES_256_GCM_SHA384",
	    &again);
	test_whose(&one);
	ok(check(other.octets, other.length) == TLS_FORGED,
	    "of another session: %s", why);
	test_spliced(&one, &two);
	test_spliced(&two, &one);
	ok(message_count(&again) == message_count(&one) + 2,
	    "with a second ClientHello");
	test_changed(&one, "a handshake");
	test_changed(&again, "with a second ClientHello");
	test_exchange(&one);
	see(context, nonce, "", &none);
	ok(none.length == 0, "a client without one");
	see(context, nonce, "-tls1_2 -cert ann.crt -key ann.key", &none);
	ok(none.length == 0, "TLS 1.2");
	see(context, NULL, ann, &none);
	ok(none.length == 0, "one that was not asked");
	keys.tls->context_free(context);
	keys_free(&keys);
}

/* A server of somebody's own, which passes the nonce on. */
static void
test_relayed(void)
{
	static struct seen seen;
	struct tls_context *context = server("evil.crt", "evil.key");

	see(context, nonce, "-cert ann.crt -key ann.key", &seen);
	ok(seen.length > 0 && check(seen.octets, seen.length) == TLS_UNKNOWN,
	    "what the client has said to another server: %s", why);
	keys.tls->context_free(context);
	keys_free(&keys);
}

int
main(void)
{
	static const char *const files[] = {"ca.crt", "ca.key", "stranger.crt",
	    "stranger.key", "tls.crt", "tls.key", "evil.crt", "evil.key",
	    "ann.crt", "ann.key", "map", "passwd", NULL};
	static const char map[] = "email:ann@example.org joe,sam\n";
	char passwd[300];

	(void)alarm(120);
	(void)signal(SIGPIPE, SIG_IGN);
	world_begin();
	run("ca", "");
	run("stranger", "");
	run("tls", "");
	run("evil", "");
	run("ann",
	    "subjectAltName=email:ann@example.org,DNS:x,email:ann@example.net");
	text_cut(passwd, sizeof(passwd), "joe:x:%u:%u::/:\nsam:x:%u:%u::/:\n",
	    world_uid(), world_gid(), world_uid(), world_gid());
	world_write(world_path("passwd"), passwd, strlen(passwd), 0600);
	world_write(world_path("map"), map, strlen(map), 0600);
	world_set("auth", "passwd-file");
	world_set("passwd-file", world_path("passwd"));
	world_set("tls-client-ca", world_path("ca.crt"));
	world_set("tls-client-map", world_path("map"));
	own_set("tls.crt");
	ca_pem = pem("ca.crt");
	if (chdir(world_folder) == -1)
		fatal("chdir");
	test_sessions();
	test_relayed();
	return world_end(files);
}
