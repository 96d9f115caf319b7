/*
 * state.h - the back's one session, and what its files do for each other.
 */

#ifndef STATE_H
#define STATE_H

#include <time.h>

#include "auth.h"
#include "back.h"
#include "channel.h"
#include "mailbox.h"

/* When a record may come. */
enum phase {
	PHASE_LOGIN = 1,
	PHASE_MAILBOX = 2,
	PHASE_DONE = 4,
	PHASE_EXCHANGE = 8,  /* SASL: a verifier waits for the next step */
	PHASE_HANDSHAKE = 16 /* of TLS: nothing can have been asked yet */
};

struct back {
	const struct config *config;
	const struct connection *connection;
	const char *owner_of; /* -a's mailbox, or NULL */
	enum phase phase;
	bool over;   /* END was said, or the channel has ended */
	bool broken; /* the front broke the rules */
	int channel; /* to the front */
	pid_t front;
	void (*front_run)(const struct front_args *);
	struct front_args args;             /* of the front */
	char cage[CHANNEL_PATH];            /* theirs */
	char greeting[CHANNEL_TEXT];        /* theirs */
	struct signer signer;               /* ours, the listener's, or none */
	char secure[2 * CHANNEL_WORD + 32]; /* for the log: what TLS there is */
	uint8_t nonce[TLS_NONCE];           /* of this TLS: args.nonce */
	struct ch_binding bindings[BINDINGS]; /* of it, as the front says */
	int leash[2];   /* on the front, from when we are not root; or -1 */
	int64_t done;   /* clock_ms() when the phase became PHASE_DONE */
	int trace;      /* the trace file, or -1 */
	bool protected; /* nobody can listen: TLS, or this host alone */
	bool plaintext; /* clear-text passwords are accepted */
	uint32_t mechanisms;    /* of SASL that are: bit n, enum
			      * channel_mechanism */
	char stamp[STAMP_SIZE]; /* of the greeting, for APOP; "" = none */
	pid_t verifier;         /* a login's, or -1 */
	int verifier_channel;
	const char *method;      /* of the login that is tried, for the log */
	unsigned cancels;        /* exchanges that the client gave up */
	int64_t begin;           /* clock_ms() */
	uint64_t failures;       /* of logins */
	char name[CHANNEL_NAME]; /* who is logged in; "" before */
	bool keep;               /* it may not remove messages */
	struct mailbox *mailbox; /* once logged in */
	int keeper;              /* channel to the lock keeper, or -1 */
	uint8_t *deleted,
	    *fetched; /* a bit a message, from the front's marks */
	uint32_t messages;
	unsigned complaints; /* of the mailbox, in the log */
	struct mailbox_tally tally;
	struct record record; /* the one in flight */
	uint32_t *seen;       /* by record type: how often it came */
};

/* request.c */

/* Nothing more is to be had in this session. */
void phase_done(struct back *back);

/* Take one record from the channel and do what it asks. */
void request_run(struct back *back);

/* The front asked what it may not: the session is over. */
void rules_broken(struct back *back);

/* back.c */

/* Fork a front with what is in back->args; -1 with errno. */
int front_start(struct back *back) MUST_CHECK;

/* What may be tried in this session now. */
void logins_offer(struct back *back);

/* tls.c */

/* Will STLS be offered?  Says in the log why not, if it should be. */
bool stls_offered(const struct back *back);

/* A signer for the next front, in back->args; -1 after a log line. */
int tls_prepare(struct back *back) MUST_CHECK;

/* After the front's fork: does the signer serve?  Else -1 after a log line. */
int tls_prepared(struct back *back) MUST_CHECK;

/* No more signatures for this session. */
void tls_leave(struct back *back);

void on_stls(struct back *back);
void on_secure(struct back *back);

/* login.c */
void on_password(struct back *back);
void on_digest(struct back *back);
void on_external(struct back *back);
void on_step(struct back *back);

/* exchange.c */

/* Start a verifier on the login in back->record; -1 after a log line. */
int verifier_start(struct back *back) MUST_CHECK;

/* Hand it the next step, which is in back->record. */
void verifier_tell(struct back *back);

/*
 * What it says: CH_ACCOUNT, and it is gone; or, to a CH_STEP in back->record,
 * a challenge, and it waits for the next.
 */
void verifier_hear(struct back *back, struct record *said);

/* End the one that there is, if there is one. */
void verifier_drop(struct back *back);

/* The account of a verifier that gave no answer. */
void account_unknown(struct ch_account *account);

/* serve.c */
void on_open(struct back *back);
void on_look(struct back *back);
void on_mark(struct back *back);
void on_update(struct back *back);

/* report.c */
void on_trace(struct back *back);
void on_debug(struct back *back);
void on_end(struct back *back);

/* The name of the session in log lines: "user=x, ip=[a], port=[p]". */
void
report_who(const struct back *back, const char *name, char *dst, size_t size);

/* The front ended without a word. */
void report_lost(struct back *back, int status);

/* The trace file, opened as its rules say; -1 with errno. */
int trace_open(const char *path) MUST_CHECK;

/* account.c: what the user of a session needs of root */

/* 0, or -1 with errno: a folder of owner's that no one else may write. */
int folder_check(int fd, uid_t owner) MUST_CHECK;

/*
 * The user's own state folder below state-directory, or -1 with errno:
 * made where it is missing.  *absent: there is none, and none can be made, so
 * that no session can have left a journal in it; otherwise nobody knows, and
 * the mailbox must not be touched.
 */
int state_folder_open(
    const struct config *config, uid_t uid, gid_t gid, bool *absent) MUST_CHECK;

/*
 * The empty folder that fronts are closed in, made where it is missing;
 * 0, or -1 with errno.
 */
int
cage_prepare(const struct config *config, char *dst, size_t size) MUST_CHECK;

/*
 * Start a lock keeper where path's folder wants one: its channel, or -1.
 * The process is root and stays it.
 */
int keeper_start(const struct config *config, const struct ch_account *account);

/* The front's ids: front-user, else pop3d, else nobody. */
void front_ids(const struct config *config, uid_t *uid, gid_t *gid);

/* Send the answer that is in back->record; ends the session if it cannot. */
void
answer(struct back *back, uint32_t type, const int *descriptors, size_t count);

#endif
