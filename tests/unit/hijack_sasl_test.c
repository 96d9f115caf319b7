/*
 * hijack_sasl_test.c - a front that has been taken over, and logins that prove
 * a secret: challenges of its own, steps again, out of order, of others.
 *
 * As hijack_test.c: a refusal or the end of the session, in bounded time, the
 * mailbox as it was, no descriptor, no process left.
 */

#include "hijack_say.h"

#include "crypto.h"

#define WITH_TLS MECHANISM_SCRAM_SHA_1_PLUS /* and those behind it */

/* try_text is what an attack differs in. */
static const char *try_text, *try_name;
static uint32_t try_mechanism;
static struct mailauth_entry victim;

static const struct crypto *
crypto(void)
{
	const struct crypto *c = crypto_load();

	if (c == NULL)
		_exit(80);
	return c;
}

static void
digest(int fd, const char *name, const char *stamp, const char *secret)
{
	static struct record r;
	char text[300];

	memset(&r, 0, sizeof(r));
	text_cut(r.u.digest.name, sizeof(r.u.digest.name), "%s", name);
	text_cut(text, sizeof(text), "%s%s", stamp, secret);
	(void)crypto()->digest(
	    CRYPTO_HASH_MD5, text, strlen(text), r.u.digest.digest);
	say(fd, CH_DIGEST, &r);
}

/* What comes back is counted; then it goes. */
_Noreturn static void
hear_and_leave(int fd)
{
	static struct record r;

	(void)answer_read(fd, &r);
	leave(fd);
}

/* The control: with the back's own stamp it is a login. */
static void
front_apop(const struct front_args *args)
{
	static struct record r;

	digest(args->channel, user, args->stamp, SECRET);
	if (!answer_read(args->channel, &r) || r.u.login.code != CODE_OK)
		live_on();
	leave(args->channel);
}

/* A stamp of its own, whose digest somebody else may have given away. */
static void
front_own_stamp(const struct front_args *args)
{
	digest(args->channel, user, try_text, SECRET);
	hear_and_leave(args->channel);
}

static void
front_apop_twice(const struct front_args *args)
{
	static struct record r;

	digest(args->channel, user, args->stamp, "a guess");
	(void)answer_read(args->channel, &r);
	digest(args->channel, user, args->stamp, SECRET);
	stay(args->channel);
}

/* It writes its own stamp over the one that it was born with. */
static void
front_stamp_over(const struct front_args *args)
{
	char *stamp = (char *)(uintptr_t)args->stamp;

	memcpy(stamp, "<1.1@x>", 8);
	digest(args->channel, user, stamp, SECRET);
	hear_and_leave(args->channel);
}

static void
front_first_twice(const struct front_args *args)
{
	static struct record r;

	exchange(args->channel, try_mechanism, NULL);
	(void)answer_read(args->channel, &r);
	exchange(args->channel, try_mechanism, NULL);
	stay(args->channel);
}

/* A login that would be right, in the middle of an exchange. */
static void
front_between(const struct front_args *args)
{
	static struct record r;

	exchange(args->channel, try_mechanism, NULL);
	(void)answer_read(args->channel, &r);
	if (try_type == CH_PASSWORD)
		password(args->channel, user, SECRET);
	else if (try_type == CH_DIGEST)
		digest(args->channel, user, args->stamp, SECRET);
	else
		say(args->channel, try_type, NULL);
	stay(args->channel);
}

/* A step that belongs to no exchange. */
static void
front_lone_step(const struct front_args *args)
{
	exchange(args->channel, try_mechanism, try_text);
	hear_and_leave(args->channel);
}

static void
front_step_after_failure(const struct front_args *args)
{
	static struct record r;

	exchange(args->channel, MECHANISM_LOGIN, user);
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_NEXT, "a guess");
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_NEXT, SECRET);
	stay(args->channel);
}

static void
front_step_after_login(const struct front_args *args)
{
	static struct record r;

	exchange(args->channel, MECHANISM_LOGIN, user);
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_NEXT, SECRET);
	(void)answer_read(args->channel, &r);
	seen->descriptors = 0;
	exchange(args->channel, try_mechanism, SECRET);
	stay(args->channel);
}

static void
cram_say(int fd, const char *name, const char *stamp, size_t length)
{
	uint8_t mac[CRYPTO_MD5];
	char text[300];
	size_t used, i;

	(void)crypto()->hmac(
	    CRYPTO_HASH_MD5, SECRET, strlen(SECRET), stamp, length, mac);
	text_cut(text, sizeof(text), "%s ", name);
	used = strlen(text);
	for (i = 0; i < sizeof(mac); i++)
		text_cut(text + used + 2 * i, 3, "%02x", mac[i]);
	exchange(fd, MECHANISM_NEXT, text);
}

/* The right response to a challenge that it made, then to the last one. */
static void
front_cram_own(const struct front_args *args)
{
	static struct record first, r;

	exchange(args->channel, MECHANISM_CRAM_MD5, NULL);
	(void)answer_read(args->channel, &first);
	cram_say(args->channel, user, "<1.1@x>", 7);
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_CRAM_MD5, NULL);
	(void)answer_read(args->channel, &r);
	cram_say(args->channel, user, (const char *)first.u.stepped.octets,
	    first.u.stepped.length);
	(void)answer_read(args->channel, &r);
	/* And the control: the challenge that it got. */
	exchange(args->channel, MECHANISM_CRAM_MD5, NULL);
	(void)answer_read(args->channel, &r);
	if (seen->descriptors != 0)
		live_on();
	cram_say(args->channel, try_name == NULL ? user : try_name,
	    (const char *)r.u.stepped.octets, r.u.stepped.length);
	(void)answer_read(args->channel, &r);
	leave(args->channel);
}

/* Is this anywhere in the answer? */
static bool
record_has(const struct record *r, const void *octets, size_t length)
{
	return memmem(r, sizeof(*r), octets, length) != NULL;
}

/*
 * Another's secret: all that comes is a salt and a number, and it is no help.
 */
static void
front_others(const struct front_args *args)
{
	static struct record r;
	char final[200], nonce[100] = "";

	exchange(args->channel, MECHANISM_SCRAM_SHA_256, "n,,n=victim,r=x");
	(void)answer_read(args->channel, &r);
	if (record_has(&r, VICTIM, strlen(VICTIM)) ||
	    record_has(&r, victim.keys[MAILAUTH_SHA256].stored, 32) ||
	    record_has(&r, victim.keys[MAILAUTH_SHA256].server, 32))
		live_on();
	(void)sscanf((const char *)r.u.stepped.octets, "r=%99[^,]", nonce);
	text_cut(final, sizeof(final),
	    "c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    nonce);
	exchange(args->channel, MECHANISM_NEXT, final);
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_SCRAM_SHA_256, "n,a=victim,n=u1,r=x");
	(void)answer_read(args->channel, &r);
	exchange(args->channel, MECHANISM_CRAM_MD5, NULL);
	(void)answer_read(args->channel, &r);
	cram_say(args->channel, "victim", (const char *)r.u.stepped.octets,
	    r.u.stepped.length);
	(void)answer_read(args->channel, &r);
	leave(args->channel);
}

static void
front_cancel_flood(const struct front_args *args)
{
	static struct record r;
	int i;

	for (i = 0; i < 20; i++) {
		exchange(args->channel, MECHANISM_LOGIN, NULL);
		if (!answer_read(args->channel, &r))
			live_on();
		exchange(args->channel, MECHANISM_CANCEL, NULL);
		if (!answer_read(args->channel, &r))
			live_on();
	}
	live_on();
}

/* Steps without end, none of whose answers is read. */
static void
front_step_flood(const struct front_args *args)
{
	int i;

	exchange(args->channel, MECHANISM_LOGIN, NULL);
	for (i = 0; i < 2000; i++)
		exchange(args->channel, MECHANISM_NEXT, "x");
	live_on();
}

/* It goes away in the middle: so must the verifier. */
static void
front_die_between(const struct front_args *args)
{
	static struct record r;

	exchange(args->channel, try_mechanism, NULL);
	(void)answer_read(args->channel, &r);
	if (try_value == 0)
		leave(args->channel);
	if (try_value == 1) {
		(void)close(args->channel);
		live_on();
	}
	(void)raise((int)try_value);
	_exit(0);
}

static void
front_silent_between(const struct front_args *args)
{
	exchange(args->channel, MECHANISM_CRAM_MD5, NULL);
	stay(args->channel);
}

static void
test_apop(void)
{
	struct attack a = {"", front_own_stamp, 0, NULL, 1, 1};

	a.name = "APOP, as it should be";
	a.front = front_apop;
	a.lines = 0;
	attack(&a, "");
	a.front = front_own_stamp;
	a.lines = 1;
	a.name = "a digest of a stamp of its own";
	try_text = "<1.1@x>";
	attack(&a, "");
	a.name = "a digest of no stamp";
	try_text = "";
	attack(&a, "");
	a.name = "the stamp that it was given, overwritten";
	a.front = front_stamp_over;
	attack(&a, "");
	a.name = "APOP again, and right";
	a.front = front_apop_twice;
	a.log = "the front broke the rules: digest, phase 1";
	attack(&a, "");
	a.name = "APOP where -a has logged in";
	a.front = front_own_stamp;
	a.how = WITH_A;
	a.log = NULL;
	a.lines = 0;
	attack(&a, "");
}

static void
test_order(void)
{
	static const uint32_t others[] = {CH_PASSWORD, CH_DIGEST, CH_EXTERNAL,
	    CH_OPEN, CH_LOOK, CH_MARK, CH_UPDATE, CH_ACCOUNT, CH_STEP + 1};
	struct attack a = {"", front_first_twice, 0, NULL, 1, 0};
	char log[100];
	size_t i;

	a.log = "the front broke the rules: step, phase 8";
	for (try_mechanism = MECHANISM_PLAIN; try_mechanism < WITH_TLS;
	     try_mechanism++) {
		a.name = "a first step again: ";
		attack(&a, channel_mechanism_name(try_mechanism));
	}
	a.name = "in the middle of an exchange: ";
	a.front = front_between;
	try_mechanism = MECHANISM_CRAM_MD5;
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		try_type = others[i];
		text_cut(log, sizeof(log),
		    "the front broke the rules: %s, phase 8",
		    channel_name(try_type));
		a.log = log;
		attack(&a, channel_name(try_type));
	}
	a.front = front_lone_step;
	a.answers = 0;
	a.log = "the front broke the rules: step, phase 1";
	a.name = "a second step first";
	try_mechanism = MECHANISM_NEXT;
	try_text = SECRET;
	attack(&a, "");
	a.name = "a cancel of nothing";
	try_mechanism = MECHANISM_CANCEL;
	attack(&a, "");
	a.name = "a step after a failure";
	a.front = front_step_after_failure;
	a.answers = 2;
	a.lines = 1;
	attack(&a, "");
	a.name = "a step after the login: ";
	a.front = front_step_after_login;
	a.lines = 0;
	a.log = "the front broke the rules: step, phase 2";
	for (try_mechanism = 0; try_mechanism < MECHANISM_LIMIT;
	     try_mechanism++)
		attack(&a, channel_mechanism_name(try_mechanism));
}

static void
test_secrets(void)
{
	struct attack a = {"", front_cram_own, 0, NULL, 6, 2};

	a.name = "responses to other challenges than the one that came";
	attack(&a, "");
	a.name = "and with that one, as another";
	try_name = "victim";
	a.lines = 3;
	attack(&a, "");
	a.name = "another's secret";
	a.front = front_others;
	a.answers = 5;
	attack(&a, "");
}

static void
test_refused(void)
{
	struct attack a = {"", front_lone_step, 0, NULL, 1, 0};

	try_mechanism = MECHANISM_PLAIN;
	try_text = "x";
	a.name = "PLAIN where no clear text is accepted";
	a.how = NO_PLAINTEXT;
	attack(&a, "");
	try_mechanism = MECHANISM_LOGIN;
	a.name = "LOGIN where no clear text is accepted";
	attack(&a, "");
	try_mechanism = MECHANISM_SCRAM_SHA_256;
	a.name = "SCRAM where -a has logged in";
	a.how = WITH_A;
	attack(&a, "");
	a.name = "without TLS: ";
	a.how = 0;
	for (try_mechanism = WITH_TLS; try_mechanism < MECHANISM_LIMIT;
	     try_mechanism++)
		attack(&a, channel_mechanism_name(try_mechanism));
}

static void
test_floods(void)
{
	struct attack a = {"ten exchanges given up, and more",
	    front_cancel_flood, 0, "the front broke the rules: step, phase 4",
	    20, 0};

	attack(&a, "");
	a.name = "answers that are not read";
	a.front = front_step_flood;
	a.log = "the front ";
	a.answers = 0;
	a.lines = -1;
	attack(&a, "");
}

static void
test_ends(void)
{
	static const int signals[] = {0, 1, SIGKILL, SIGSYS, SIGTERM};
	struct attack a = {
	    "it ends in the middle of ", front_die_between, 0, NULL, 1, 0};
	char detail[80];
	size_t i;

	for (try_mechanism = MECHANISM_PLAIN; try_mechanism < WITH_TLS;
	     try_mechanism++) {
		for (i = 0; i < ARRAY_SIZE(signals); i++) {
			try_value = (uint64_t)signals[i];
			text_cut(detail, sizeof(detail), "%s: %d",
			    channel_mechanism_name(try_mechanism), signals[i]);
			attack(&a, detail);
		}
	}
	a.name = "silence in the middle of an exchange";
	a.front = front_silent_between;
	a.how = CLOCK;
	attack(&a, "");
}

int
main(void)
{
	(void)alarm(300);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fatal("subreaper");
	world_prepare();
	if (mailauth_find(world_path("secrets"), "victim", &victim) != 1 ||
	    victim.keys[MAILAUTH_SHA256].iterations == 0)
		fatalx("no victim");
	test_apop();
	test_order();
	test_secrets();
	test_refused();
	test_floods();
	test_ends();
	return hijack_end();
}
