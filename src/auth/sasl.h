/*
 * sasl.h - proofs of a secret: APOP (RFC 1939, 7) and the mechanisms of AUTH
 * (RFC 4422).  Verifier only.
 *
 * A mechanism is a function that is called with each response of the client
 * and answers with a challenge or the account.  What makes an exchange
 * different from the last one, its nonce, is an argument: the verifier's is
 * random, a test's is that of the RFC.
 */

#ifndef SASL_H
#define SASL_H

#include "auth.h"
#include "crypto.h"
#include "mailauth.h"
#include "tls.h"

#define SASL_STEPS 10        /* responses in an exchange, at most */
#define SASL_NONCE 160       /* octets with the NUL; STAMP_SIZE fits */
#define SCRAM_FIRST 4096     /* octets of a client's first message, at most */
#define SCRAM_CHALLENGE 4400 /* with what we add to its nonce, and a NUL */

/* What there is of a name: proof_find(). */
struct proof {
	char name[CHANNEL_NAME];     /* as the client gave it */
	char user[CHANNEL_NAME];     /* whose that is: user_name() */
	int found;                   /* as mailauth_find(): 1, 0, -1 */
	int error;                   /* errno of -1 */
	bool missing;                /* it has no secret of the kind needed */
	struct mailauth_entry entry; /* a stand-in where there is none */
};

/* One exchange of SCRAM (RFC 5802), between its two messages. */
struct scram {
	enum mailauth_hash kind;
	bool plus;                         /* -PLUS */
	const struct ch_binding *bindings; /* BINDINGS, or NULL: no TLS */
	const struct ch_binding *bound;    /* the client's choice, or NULL */
	const char *error;                 /* a binding's, or NULL: see below */
	char header[SCRAM_FIRST];          /* gs2-header */
	char bare[SCRAM_FIRST];            /* client-first-message-bare */
	char nonce[SCRAM_CHALLENGE];       /* the client's, then ours too */
	char challenge[SCRAM_CHALLENGE];   /* server-first-message */
};

/*
 * One exchange of EXTERNAL.  The first response is the client's, who he wants
 * to be; what follows is the front's, the transcript of the handshake in
 * pieces: a step that is not full is the last.
 */
struct external {
	bool named;
	size_t length;
	uint8_t transcript[TLS_TRANSCRIPT];
};

struct sasl {
	const struct config *config;
	const struct verifier_facts *facts;
	uint32_t mechanism; /* enum channel_mechanism */
	unsigned steps;     /* so far */
	char nonce[SASL_NONCE];
	struct proof proof;
	struct scram scram;
	struct external external;
	struct mailauth_keys keys;
	struct ch_account account; /* SCRAM: once the proof was right */
};

enum sasl_outcome {
	SASL_CHALLENGE, /* the client's turn */
	SASL_DONE       /* the account says how */
};

/* sasl.c */

/* Begin an exchange; nonce "" for a random one. */
void sasl_begin(struct sasl *sasl, const struct config *config,
    const struct verifier_facts *facts, uint32_t mechanism, const char *nonce);

/*
 * The client's next response.  SASL_CHALLENGE: challenge->octets, of which
 * there may be none; SASL_DONE: *account is complete, as from
 * auth_password(), and of a failure its name is the client's.  The caller
 * wipes sasl, step and challenge.
 */
enum sasl_outcome sasl_step(struct sasl *sasl, const struct ch_step *step,
    struct ch_stepped *challenge, struct ch_account *account);

/*
 * May it be a name or a password?  RFC 4013 with one deviation: text is
 * compared as it was sent, not normalised.  UTF-8 without control
 * characters.
 */
bool sasl_prepared(const char *text);

/* sasl_cram.c */

/*
 * A client's response to CRAM-MD5 (RFC 2195, 2) or one to APOP: 0 with name
 * and digest, -1 for none.
 */
int cram_parse(const char *response, char name[CHANNEL_NAME],
    uint8_t digest[CRYPTO_MD5]) MUST_CHECK;

/* Does it prove that secret?  1, 0; -1: the library cannot. */
int cram_verify(const char *secret, const char *challenge,
    const uint8_t digest[CRYPTO_MD5]) MUST_CHECK;

/* sasl_scram.c */

/*
 * Each of the two that take a message leaves in error what is wrong with its
 * channel binding: a sentence that begins with a server-error-value of RFC
 * 5802, 7.  It is the same for every name and secret.
 */

/*
 * Take client-first-message, with kind, plus and bindings set; its name in
 * name.  0; -1 for what is none, asks for mandatory extensions, to be somebody
 * else, or for the wrong binding.
 */
int scram_first(struct scram *scram, const char *message,
    char name[CHANNEL_NAME]) MUST_CHECK;

/* Make server-first-message, scram->challenge, of these keys and our nonce. */
void scram_challenge(
    struct scram *scram, const struct mailauth_keys *keys, const char *nonce);

/*
 * Take client-final-message: 1 and server-final-message in final: it proves
 * the secret; 0: not, or it is none; -1: the library cannot.
 */
#define SCRAM_FINAL 64 /* octets with the NUL */
int scram_final(struct scram *scram, const char *message,
    const struct mailauth_keys *keys, char final[SCRAM_FINAL]) MUST_CHECK;

/* sasl_external.c */

/*
 * A response of EXTERNAL: SASL_CHALLENGE, an empty one; or SASL_DONE, with
 * *account.
 */
enum sasl_outcome external_step(struct sasl *sasl, const void *octets,
    size_t length, struct ch_account *account);

/* apart.c */

/*
 * tls->client_check() in a child that is closed in: what a client has sent is
 * not read by root.
 */
enum tls_trust apart_check(const struct verifier_place *place,
    const struct tls_module *tls, const struct tls_proof *proof,
    struct tls_client *client, char why[TLS_TEXT]) MUST_CHECK;

/* certificates.c */

/*
 * Whose certificate is it by tls-client-map, and may he be authzid ("" is
 * whoever stands first)?  1: *user; 0: nobody's, or not his; -1: the map cannot
 * be used.  Of both a sentence in why.
 */
int certificate_user(const struct config *config,
    const struct tls_client *client, const char *authzid,
    char user[CHANNEL_NAME], char why[CHANNEL_TEXT]) MUST_CHECK;

/* apop.c */

/* Does digest prove that secret, with this stamp?  1, 0; -1 as above. */
int apop_verify(const char *secret, const char *stamp,
    const uint8_t digest[CRYPTO_MD5]) MUST_CHECK;

/* The decision on APOP, as auth_password(). */
void
apop_decide(const struct config *config, const struct verifier_facts *facts,
    const struct ch_digest *request, struct ch_account *account);

/* proof.c */

/* What mailauth has of a name that a client gave. */
void
proof_find(const struct config *config, const char *name, struct proof *proof);

/* The keys for SCRAM: never none, so that nobody sees who has none. */
void proof_keys(const struct config *config, struct proof *proof,
    enum mailauth_hash kind, struct mailauth_keys *keys);

/*
 * The account of a proof that was right (1), wrong (0), or could not be
 * looked at (-1).
 */
void
proof_decide(const struct config *config, const struct verifier_facts *facts,
    const struct proof *proof, int right, struct ch_account *account);

#endif
