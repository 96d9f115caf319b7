/*
 * sasl.c - exchanges of AUTH: which mechanism takes which response; PLAIN (RFC
 * 4616) and LOGIN, which send the password itself.
 */

#include <assert.h>
#include <string.h>

#include "method.h"
#include "sasl.h"

#define NONCE_OCTETS 18 /* 24 characters of base64 */

/* A response as a text, and where its answer goes. */
struct turn {
	char text[CHANNEL_STEP + 1]; /* the response and a NUL */
	size_t length;
	bool given; /* false: the client has named the mechanism only */
	struct ch_stepped *challenge;
	struct ch_account *account;
};

/* One character of UTF-8 (RFC 3629, 4); 0 for what is none. */
static uint32_t
character_get(const unsigned char **at)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint32_t c = *(*at)++;
	size_t more, i;

	if (c < 0x80)
		return c;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	c &= 0x3fU >> more;
	for (i = 0; i < more; i++) {
		if ((**at & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (*(*at)++ & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return c;
}

bool
sasl_prepared(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t c;

	while (*at != '\0') {
		c = character_get(&at);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

static enum sasl_outcome
turn_challenge(struct turn *turn, const char *text)
{
	turn->challenge->length = (uint32_t)strlen(text);
	memcpy(turn->challenge->octets, text, strlen(text));
	return SASL_CHALLENGE;
}

static enum sasl_outcome
turn_deny(const struct sasl *sasl, struct turn *turn, const char *reason)
{
	account_deny(turn->account, CODE_AUTH, "%s", reason);
	memcpy(
	    turn->account->name, sasl->proof.name, sizeof(turn->account->name));
	return SASL_DONE;
}

/* Not what the mechanism's RFC has at this place. */
static enum sasl_outcome
turn_malformed(const struct sasl *sasl, struct turn *turn)
{
	return turn_deny(sasl, turn, "not a response of the mechanism");
}

/* A password that was sent: every method may know it. */
static enum sasl_outcome
turn_password(struct sasl *sasl, struct turn *turn, const char *secret)
{
	const char *name = sasl->proof.name;

	if (!sasl_prepared(name) || !sasl_prepared(secret))
		return turn_deny(sasl, turn,
		    "name or password is not UTF-8, or has controls");
	if (strlen(secret) >= CHANNEL_SECRET)
		return turn_deny(sasl, turn, "the password is too long");
	auth_password(sasl->config, sasl->facts, name, secret, turn->account);
	if (turn->account->code != CODE_OK)
		memcpy(turn->account->name, name, sizeof(turn->account->name));
	return SASL_DONE;
}

/* [authzid] NUL authcid NUL passwd */
static enum sasl_outcome
plain_step(struct sasl *sasl, struct turn *turn)
{
	const char *end = turn->text + turn->length, *authzid, *name, *secret;

	authzid = turn->text;
	name = authzid + strlen(authzid) + 1;
	if (name >= end)
		return turn_malformed(sasl, turn);
	secret = name + strlen(name) + 1;
	/* A password in the place of the name shall not be in the log. */
	if (secret > end || secret + strlen(secret) != end ||
	    text_copy(sasl->proof.name, sizeof(sasl->proof.name), name,
		strlen(name)) == -1)
		return turn_malformed(sasl, turn);
	if (authzid[0] != '\0' && strcmp(authzid, name) != 0)
		return turn_deny(sasl, turn, "it wants to be another user");
	return turn_password(sasl, turn, secret);
}

static enum sasl_outcome
login_step(struct sasl *sasl, struct turn *turn)
{
	if (!turn->given)
		return turn_challenge(turn, "Username:");
	if (sasl->proof.name[0] != '\0')
		return turn_password(sasl, turn, turn->text);
	if (text_copy(sasl->proof.name, sizeof(sasl->proof.name), turn->text,
		turn->length) == -1 ||
	    turn->length == 0)
		return turn_malformed(sasl, turn);
	return turn_challenge(turn, "Password:");
}

static enum sasl_outcome
cram_step(struct sasl *sasl, struct turn *turn)
{
	char name[CHANNEL_NAME];
	uint8_t digest[CRYPTO_MD5];
	int right;

	/* The server speaks first: an initial response is an error. */
	if (sasl->steps == 1)
		return turn->given ? turn_malformed(sasl, turn) :
				     turn_challenge(turn, sasl->nonce);
	if (cram_parse(turn->text, name, digest) == -1 || !sasl_prepared(name))
		return turn_malformed(sasl, turn);
	proof_find(sasl->config, name, &sasl->proof);
	right = cram_verify(sasl->proof.entry.secret, sasl->nonce, digest);
	sasl->proof.missing = sasl->proof.entry.secret[0] == '\0';
	proof_decide(
	    sasl->config, sasl->facts, &sasl->proof, right, turn->account);
	return SASL_DONE;
}

/*
 * The client's channel is not ours, or somebody has changed what it was
 * offered: it shall know, as RFC 5802, 7 has it.
 */
static enum sasl_outcome
turn_unbound(const struct sasl *sasl, struct turn *turn)
{
	(void)turn_deny(sasl, turn, sasl->scram.error);
	turn->account->code = CODE_BINDING;
	account_tell(turn->account, "%s", sasl->scram.error);
	return SASL_DONE;
}

static enum sasl_outcome
scram_begin(struct sasl *sasl, struct turn *turn)
{
	struct scram *scram = &sasl->scram;
	char name[CHANNEL_NAME];

	scram->kind = sasl->mechanism == MECHANISM_SCRAM_SHA_1 ||
		sasl->mechanism == MECHANISM_SCRAM_SHA_1_PLUS ?
	    MAILAUTH_SHA1 :
	    MAILAUTH_SHA256;
	scram->plus = sasl->mechanism == MECHANISM_SCRAM_SHA_1_PLUS ||
	    sasl->mechanism == MECHANISM_SCRAM_SHA_256_PLUS;
	scram->bindings = sasl->facts->bindings;
	if (scram_first(scram, turn->text, name) == -1 || !sasl_prepared(name))
		return scram->error != NULL ? turn_unbound(sasl, turn) :
					      turn_malformed(sasl, turn);
	proof_find(sasl->config, name, &sasl->proof);
	proof_keys(sasl->config, &sasl->proof, scram->kind, &sasl->keys);
	if (sasl->proof.found == -1) {
		proof_decide(
		    sasl->config, sasl->facts, &sasl->proof, -1, turn->account);
		return SASL_DONE;
	}
	scram_challenge(scram, &sasl->keys, sasl->nonce);
	return turn_challenge(turn, scram->challenge);
}

/*
 * An account that may not log in is told before the server's signature says
 * that all is well.
 */
static enum sasl_outcome
scram_end(struct sasl *sasl, struct turn *turn)
{
	char final[SCRAM_FINAL];
	int right;

	right = scram_final(&sasl->scram, turn->text, &sasl->keys, final);
	if (sasl->scram.error != NULL)
		return turn_unbound(sasl, turn);
	proof_decide(
	    sasl->config, sasl->facts, &sasl->proof, right, turn->account);
	if (turn->account->code != CODE_OK)
		return SASL_DONE;
	sasl->account = *turn->account;
	return turn_challenge(turn, final);
}

static enum sasl_outcome
scram_step(struct sasl *sasl, struct turn *turn)
{
	if (sasl->scram.challenge[0] == '\0')
		return scram_begin(sasl, turn);
	if (sasl->account.name[0] == '\0')
		return scram_end(sasl, turn);
	/* RFC 5034, 4: it has seen our signature, and says nothing to it. */
	if (turn->length != 0)
		return turn_malformed(sasl, turn);
	*turn->account = sasl->account;
	return SASL_DONE;
}

static enum sasl_outcome
external_turn(struct sasl *sasl, struct turn *turn)
{
	if (external_step(sasl, turn->text, turn->length, turn->account) ==
	    SASL_DONE)
		return SASL_DONE;
	return turn_challenge(turn, "");
}

static const struct {
	bool client_first;
	bool nul; /* in its responses */
	enum sasl_outcome (*step)(struct sasl *sasl, struct turn *turn);
} mechanisms[MECHANISM_LIMIT] = {
    /* clang-format off */
	[MECHANISM_PLAIN] =         { true,  true,  plain_step },
	[MECHANISM_LOGIN] =         { false, false, login_step },
	[MECHANISM_CRAM_MD5] =      { false, false, cram_step },
	[MECHANISM_SCRAM_SHA_1] =   { true,  false, scram_step },
	[MECHANISM_SCRAM_SHA_256] = { true,  false, scram_step },
	[MECHANISM_SCRAM_SHA_1_PLUS] = { true, false, scram_step },
	[MECHANISM_SCRAM_SHA_256_PLUS] = { true, false, scram_step },
	[MECHANISM_EXTERNAL] =      { true,  true,  external_turn },
    /* clang-format on */
};

void
sasl_begin(struct sasl *sasl, const struct config *config,
    const struct verifier_facts *facts, uint32_t mechanism, const char *nonce)
{
	uint8_t octets[NONCE_OCTETS];
	int encoded;

	memset(sasl, 0, sizeof(*sasl));
	sasl->config = config;
	sasl->facts = facts;
	sasl->mechanism = mechanism;
	if (nonce[0] != '\0') {
		text_cut(sasl->nonce, sizeof(sasl->nonce), "%s", nonce);
	} else if (mechanism == MECHANISM_CRAM_MD5) {
		stamp_make(sasl->nonce);
	} else {
		platform_random(octets, sizeof(octets));
		encoded = base64_encode(
		    sasl->nonce, sizeof(sasl->nonce), octets, sizeof(octets));
		assert(encoded == 0);
	}
}

enum sasl_outcome
sasl_step(struct sasl *sasl, const struct ch_step *step,
    struct ch_stepped *challenge, struct ch_account *account)
{
	enum sasl_outcome outcome;
	struct turn turn;

	memset(challenge, 0, sizeof(*challenge));
	memset(account, 0, sizeof(*account));
	turn.length = step->length;
	memcpy(turn.text, step->octets, step->length);
	turn.text[step->length] = '\0';
	turn.given = step->given != 0;
	turn.challenge = challenge;
	turn.account = account;
	sasl->steps++;
	if (sasl->mechanism >= MECHANISM_LIMIT ||
	    mechanisms[sasl->mechanism].step == NULL ||
	    sasl->steps > SASL_STEPS || (sasl->steps > 1 && !turn.given) ||
	    (!turn.given && turn.length != 0) ||
	    (!mechanisms[sasl->mechanism].nul &&
		strlen(turn.text) != turn.length))
		outcome = turn_malformed(sasl, &turn);
	else if (!turn.given && mechanisms[sasl->mechanism].client_first)
		outcome = turn_challenge(&turn, "");
	else
		outcome = mechanisms[sasl->mechanism].step(sasl, &turn);
	explicit_bzero(turn.text, sizeof(turn.text));
	return outcome;
}
