/*
 * hijack_tls_test.c - a front that has been taken over, and TLS: the signer
 * asked what it does not sign, outcomes of handshakes that never were, STLS out
 * of turn, and an old front that does not end.
 *
 * As hijack_test.c: a refusal or the end of the session, in bounded time, the
 * mailbox as it was, no process left.  And the signer serves the next one.
 */

#include "hijack_say.h"

#define PSS 0x0804
#define P256 0x0403

/* RFC 8446, 4.4.3, with a hash of 32 octets: what would be signed. */
static void
sign_fill(struct record *r)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	struct ch_sign *sign = &r->u.sign;

	memset(r, 0, sizeof(*r));
	sign->scheme = P256;
	memset(sign->octets, ' ', 64);
	memcpy(sign->octets + 64, context, sizeof(context));
	sign->length = 64 + sizeof(context) + 32;
}

/* It must be answered, or the attacks would show nothing. */
static void
front_sign_twice(const struct front_args *args)
{
	static struct record r;

	sign_fill(&r);
	say(args->signer, CH_SIGN, &r);
	if (!answer_read(args->signer, &r) || r.u.octets.length < 64)
		_exit(80);
	sign_fill(&r);
	say(args->signer, CH_SIGN, &r);
	(void)answer_read(args->signer, &r);
	leave(args->channel);
}

/* Two at once, and descriptors of all that it has. */
static void
front_sign_many(const struct front_args *args)
{
	static struct record r;
	int i;

	for (i = 0; i < 8; i++) {
		sign_fill(&r);
		say(args->signer, CH_SIGN, &r);
	}
	while (answer_read(args->signer, &r))
		continue;
	/* None, where the signer's end was reset for what it left unread. */
	if (seen->answers > 1)
		live_on();
	leave(args->channel);
}

/* Each try_value another record that is not signed. */
static void
front_sign_wrong(const struct front_args *args)
{
	static struct record r;
	struct ch_sign *sign = &r.u.sign;

	sign_fill(&r);
	switch (try_value) {
	case 0:
		sign->octets[0] = 0;
		break;
	case 1:
		sign->length = 0;
		break;
	case 2:
		sign->length--;
		break;
	case 3:
		sign->length = CHANNEL_SIGN;
		break;
	case 4:
		sign->scheme = PSS; /* the key is another */
		break;
	case 5:
		sign->scheme = UINT32_MAX;
		break;
	case 6:
		sign->certificate = 1;
		break;
	case 7:
		sign->certificate = UINT32_MAX;
		break;
	case 8:
		memcpy(sign->octets + 64, "TLS 1.3, client", 15);
		break;
	default: /* TLS 1.2, as from a server that has no 1.3 */
		memset(sign->octets, 9, sizeof(sign->octets));
		memcpy(sign->octets + 64, "\3\0\27\101\4", 5);
		sign->length = 64 + 4 + 65;
	}
	say(args->signer, CH_SIGN, &r);
	(void)answer_read(args->signer, &r);
	if (r.u.octets.code == CODE_OK || r.u.octets.length != 0)
		live_on();
	sign_fill(&r);
	say(args->signer, CH_SIGN, &r);
	if (answer_read(args->signer, &r))
		live_on();
	leave(args->channel);
}

/* What is no question of a front's ends the signer's ear for it. */
static void
front_sign_nonsense(const struct front_args *args)
{
	static struct record r[2];
	int descriptors[2] = {args->channel, STDIN_FILENO};

	sign_fill(r);
	r->type = (uint32_t)try_value;
	r->length = (uint32_t)(HEAD + try_size);
	send_octets(args->signer, r, HEAD + try_size, descriptors, try_count);
	if (answer_read(args->signer, r))
		live_on();
	leave(args->channel);
}

static void
secured(int fd, uint32_t code, const char *protocol)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	r.u.secure.code = code;
	text_cut(
	    r.u.secure.protocol, sizeof(r.u.secure.protocol), "%s", protocol);
	text_cut(r.u.secure.cipher, sizeof(r.u.secure.cipher), "none");
	text_cut(r.u.secure.text, sizeof(r.u.secure.text), "a lie");
	say(fd, CH_SECURE, &r);
}

static void
front_secured_twice(const struct front_args *args)
{
	secured(args->channel, CODE_OK, "TLSv1.3");
	secured(args->channel, CODE_OK, "TLSv1.3");
	stay(args->channel);
}

/* try_value: the code; then a login. */
static void
front_secured_login(const struct front_args *args)
{
	static struct record r;

	secured(args->channel, (uint32_t)try_value, "TLS, user=root, ip=[");
	password(args->channel, user, SECRET);
	if (try_value != CODE_OK)
		stay(args->channel);
	(void)answer_read(args->channel, &r);
	leave(args->channel);
}

static void
front_no_handshake(const struct front_args *args)
{
	password(args->channel, user, SECRET);
	stay(args->channel);
}

static void
front_secured_late(const struct front_args *args)
{
	enter(args, 2);
	secured(args->channel, CODE_OK, "TLSv1.3");
	stay(args->channel);
}

/* One octet of CH_SECURE that may not be. */
static void
front_secured_octet(const struct front_args *args)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	memset((char *)&r.u.secure + try_place, (int)try_value, try_size);
	say(args->channel, CH_SECURE, &r);
	stay(args->channel);
}

static void
front_stls(const struct front_args *args)
{
	static struct record r;

	if (args->tls)
		secured(args->channel, CODE_OK, "TLSv1.3");
	memset(&r, 0, sizeof(r));
	say(args->channel, CH_STLS, &r);
	stay(args->channel);
}

/* The new one behaves; the old one does what try_value says. */
static void
new_run(const struct front_args *args)
{
	static struct record r;

	say(args->channel, CH_READY, NULL);
	if (channel_read(args->channel, &r, NULL, NULL) != 1 ||
	    r.type != CH_READY + 1)
		_exit(0);
	secured(args->channel, CODE_OK, "TLSv1.3");
	password(args->channel, user, SECRET);
	if (!answer_read(args->channel, &r) || r.u.login.code != CODE_OK)
		live_on();
	leave(args->channel);
}

static void
front_old(const struct front_args *args)
{
	static struct record r;
	int fd = args->channel, i;

	if (args->turn)
		new_run(args);
	say(fd, CH_STLS, NULL);
	if (try_value == 0)
		say(fd, CH_STLS, NULL);
	if (!answer_read(fd, &r) || r.u.result.code != CODE_OK)
		_exit(80);
	if (try_value == 1)
		password(fd, user, SECRET);
	for (i = 0; try_value == 2 && i < 3000; i++) {
		text_cut(r.u.text.text, sizeof(r.u.text.text), "flood");
		say(fd, CH_DEBUG, &r);
	}
	if (try_value == 2)
		_exit(0);
	if (try_value == 3)
		(void)shutdown(fd, SHUT_WR);
	if (try_value != 4)
		stay(fd);
	(void)close(fd);
	live_on();
}

/* A new front that never is ready: the old one is told, and asks again. */
static void
front_not_ready(const struct front_args *args)
{
	static struct record r;
	int i;

	if (args->turn) {
		if (try_value == 0)
			_exit(0);
		secured(args->channel, CODE_OK, "TLSv1.3");
		live_on();
	}
	for (i = 0; i < 3; i++) {
		say(args->channel, CH_STLS, NULL);
		if (!answer_read(args->channel, &r) ||
		    r.u.result.code != CODE_TEMPORARY)
			live_on();
	}
	say(args->channel, CH_STLS, NULL);
	stay(args->channel);
}

static void
test_signer(unsigned how, const char *who)
{
	struct attack a = {"asked twice: one signature", front_sign_twice,
	    SECURED | how, "DISCONNECTED", 1, 0};
	char detail[80];

	attack(&a, who);
	a.name = "asked eight times at once: one signature";
	a.front = front_sign_many;
	a.answers = -1;
	attack(&a, who);
	a.answers = 1;
	a.name = "asked what it does not sign: ";
	a.front = front_sign_wrong;
	for (try_value = 0; try_value < 10; try_value++) {
		text_cut(detail, sizeof(detail), "%d%s", (int)try_value, who);
		attack(&a, detail);
	}
	a.front = front_sign_nonsense;
	a.answers = 0;
	a.name = "told nonsense";
	try_size = sizeof(struct ch_sign);
	for (try_value = 0; try_value < CHANNEL_TYPES + 2; try_value++) {
		if (try_value != CH_SIGN)
			attack(&a, who);
	}
	try_value = CH_SIGN;
	a.name = "told too much";
	try_size = sizeof(struct record);
	attack(&a, who);
	a.name = "told too little";
	try_size = 1;
	attack(&a, who);
	a.name = "given descriptors";
	try_size = sizeof(struct ch_sign);
	try_count = 2;
	attack(&a, who);
	try_count = 0;
	a.name = "and it still signs";
	a.front = front_sign_twice;
	a.answers = 1;
	attack(&a, who);
}

static void
test_secure(void)
{
	static const struct {
		const char *name;
		size_t place, size;
		int value;
	} octets[] = {
	    {"no such code", offsetof(struct ch_secure, code), 1, CODE_LIMIT},
	    {"a protocol with LF", offsetof(struct ch_secure, protocol), 2,
		'\n'},
	    {"a protocol without NUL", offsetof(struct ch_secure, protocol),
		CHANNEL_WORD, 'x'},
	    {"a cipher with ESC", offsetof(struct ch_secure, cipher), 1, 0x1b},
	    {"a reason with 8 bits", offsetof(struct ch_secure, text), 3, 0xe4},
	    {"a reason without NUL", offsetof(struct ch_secure, text),
		CHANNEL_TEXT, 'x'},
	};
	struct attack a = {"the outcome told twice", front_secured_twice,
	    SECURED, "the front broke the rules: secure, phase 1", 0, 0};
	size_t i;

	attack(&a, "");
	a.name = "an outcome in clear";
	a.how = 0;
	attack(&a, "");
	a.name = "an outcome after the login";
	a.front = front_secured_late;
	a.log = "the front broke the rules: secure, phase 2";
	attack(&a, "");
	a.name = "a login before the outcome";
	a.front = front_no_handshake;
	a.how = SECURED;
	a.log = "the front broke the rules: password, phase 16";
	attack(&a, "");
	a.name = "a login behind one that failed";
	a.front = front_secured_login;
	a.how = SECURED;
	for (try_value = 1; try_value < CODE_LIMIT; try_value++)
		attack(&a, "");
	a.name = "a lie about the protocol is printed as a name";
	a.answers = 1;
	a.log = ", tls=TLS%2C%20user%3Droot%2C%20ip%3D%5B, cipher=none";
	try_value = CODE_OK;
	attack(&a, "");
	a.front = front_secured_octet;
	a.answers = 0;
	a.log = "the front broke the rules: bad record, phase 16";
	for (i = 0; i < ARRAY_SIZE(octets); i++) {
		a.name = octets[i].name;
		try_place = octets[i].place;
		try_size = octets[i].size;
		try_value = (uint64_t)octets[i].value;
		attack(&a, "");
	}
}

static void
test_stls(void)
{
	static const char *const olds[] = {"asks again", "logs in", "floods",
	    "shuts its channel", "closes its channel, and lives on"};
	struct attack a = {"STLS with TLS on", front_stls, SECURED,
	    "the front broke the rules: stls, phase 1", 0, 0};
	struct run *run;

	attack(&a, "");
	a.name = "STLS with -a";
	a.how = WITH_A;
	attack(&a, "");
	a.how = 0;
	a.front = front_old;
	a.log = "LOGIN, user=";
	a.answers = 2; /* STLS's, and the new one's to its login */
	for (try_value = 0; try_value < ARRAY_SIZE(olds); try_value++) {
		if (try_value == 2)
			continue;
		a.name = "an old front ";
		/* Who asks again may not live to read its answer. */
		a.answers = try_value == 0 ? -1 : 2;
		attack(&a, olds[try_value]);
	}
	try_value = 2;
	run = run_start(&a);
	run_wait(run);
	ok(log_count(run, "front: flood") == 1000,
	    "of its 3000 lines 1000 are logged");
	(void)run_closed(run, 2000);
	run->left = run_left();
	a.name = "an old front floods";
	run_judge(run, "");
	run_free(run);
	a.name = "a new front that ends, three times";
	a.front = front_not_ready;
	a.log = "the front broke the rules: stls, phase 1";
	a.answers = 3;
	try_value = 0;
	attack(&a, "");
	a.name = "a new front that is never ready, three times";
	try_value = 1;
	attack(&a, "");
}

static void
keys_make_files(void)
{
	char command[CHANNEL_PATH];

	text_cut(command, sizeof(command),
	    "cd %s && openssl req -x509 -nodes -newkey ec -pkeyopt "
	    "ec_paramgen_curve:P-256 -keyout ec.key -out ec.crt -days 2 "
	    "-subj /CN=mail.example.org 2>/dev/null && chmod 600 ec.key",
	    world_folder);
	if (system(command) != 0)
		fatalx("openssl");
	world_set("tls-certificate", world_path("ec.crt"));
	world_set("tls-key", world_path("ec.key"));
}

/* A listener's signer, that is nobody's child here: those are sessions'. */
static void
signer_stand(void)
{
	const struct signer_place place = {
	    geteuid() == 0, NOBODY, NOBODY, world_path("state")};
	char text[CHANNEL_TEXT], octets[4096];
	struct signer signer;
	struct record r;
	size_t count = 1;
	int ends[2];

	if (channel_pair(ends) == -1)
		fatal("a pair");
	fflush(stdout);
	if (fork() == 0) {
		if (signer_start(&world_config, &place, &signer) == -1)
			_exit(1);
		while (read(signer.chains, octets, sizeof(octets)) > 0)
			continue;
		memset(&r, 0, sizeof(r));
		if (signer_wait(&signer, text) == -1 ||
		    channel_write(ends[1], &r, CH_SERVE, &signer.control, 1) ==
			-1)
			_exit(1);
		_exit(0);
	}
	(void)close(ends[1]);
	if (channel_read(ends[0], &r, &world_signer, &count) != 1)
		fatal("a signer");
	(void)close(ends[0]);
	(void)wait(NULL);
}

int
main(void)
{
	(void)alarm(600);
	world_prepare();
	keys_make_files();
	signer_stand();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fatal("subreaper");
	test_signer(0, ", one of its own");
	test_signer(STANDING, ", a listener's");
	test_secure();
	test_stls();
	return hijack_end();
}
