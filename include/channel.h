/*
 * channel.h - the whole vocabulary between the processes of a session.
 *
 * A SOCK_SEQPACKET pair; one packet is one record: a fixed head, then the
 * struct of its type, whole.  Nothing is parsed: sizes are fixed, strings are
 * bounded and NUL-terminated within their field, numbers have their limits
 * checked in channel_read().  A request's answer is its number plus one.
 * What may come in which phase, and how often, stands in the table of
 * src/back/request.c; anything else ends the session.
 */

#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "view.h"

#define CHANNEL_NAME 256         /* octets with the NUL: a login's name */
#define CHANNEL_SECRET 512       /* octets with the NUL: a password */
#define CHANNEL_STEP 9216        /* octets: 12,288 of base64 (RFC 5034, 4) */
#define CHANNEL_TEXT 512         /* octets with the NUL: a log or trace line */
#define CHANNEL_SET 1024         /* octets: 8192 messages a record */
#define CHANNEL_DESCRIPTORS 16   /* open messages in one record */
#define CHANNEL_GROUPS 256       /* supplementary groups of an account */
#define CHANNEL_PATH 1024        /* octets with the NUL */
#define CHANNEL_WORD 48          /* octets with the NUL: a cipher */
#define CHANNEL_SIGN 512         /* octets to be signed, and of a signature */
#define CHANNEL_TICKET 2048      /* octets of a TLS session ticket */
#define CHANNEL_BINDING 64       /* octets of what binds a login to TLS */
#define VIEW_INDEX_MAX 15999999U /* VIEW_MESSAGES_MAX - 1 */

enum channel_type {
	/* front -> back, AUTHORIZATION */
	CH_PASSWORD = 2, /* USER and PASS; answer: struct ch_login */
	CH_DIGEST = 4,   /* APOP; answer: struct ch_login */
	CH_STEP = 6,     /* one step of SASL; answer: struct ch_stepped */
	CH_EXTERNAL = 8, /* logged in already; answer: struct ch_login */
	CH_STLS = 10,    /* start a new front; answer: struct ch_result */
	CH_READY = 12,   /* the new front is closed in; same answer */
	CH_SIGN = 14,    /* front -> signer; answer: struct ch_octets */
	CH_SEAL = 16,    /* a TLS session; answer: ch_octets, a ticket */
	CH_UNSEAL = 18,  /* a ticket; answer: ch_octets, what was sealed */
	/* front -> back, TRANSACTION */
	CH_OPEN = 20,   /* Maildir: messages; answer: ch_result, descriptors */
	CH_LOOK = 22,   /* mbox: is it still the same? ch_looked */
	CH_MARK = 24,   /* which are deleted; no answer */
	CH_UPDATE = 26, /* QUIT, SYNC; answer: struct ch_updated */
	CH_SUBMIT = 28, /* XTND XMIT; answer: ch_result, a descriptor */
	CH_SUBMITTED = 30, /* complete; answer: ch_result */
	/* front -> back, always; no answer */
	CH_TRACE = 32, /* a line of the dialogue */
	CH_DEBUG = 34, /* a line for syslog */
	CH_END = 36,   /* the end of the session */
	/* verifier -> back */
	CH_ACCOUNT = 38, /* the outcome of a login */
	/* back -> lock keeper */
	CH_TAKE = 40,    /* answer: ch_result */
	CH_REFRESH = 42, /* answer: ch_result */
	CH_DROP = 44,    /* answer: ch_result */
	/* front -> back; no answer */
	CH_SECURE = 46, /* the outcome of a handshake of TLS */
	/* back -> signer, with a descriptor; no answer */
	CH_SERVE = 48,   /* a session's channel */
	CH_SERVING = 50, /* signer -> back, once: ch_result */
	/* listener's child -> signer, with a descriptor; no answer */
	CH_TICKETS = 52, /* the file of keys for tickets */
	CHANNEL_TYPES = 54
};

/* Why not: what the front makes a response code of (RFC 2449, 8; 3206). */
enum channel_code {
	CODE_OK,
	CODE_AUTH,      /* -ERR [AUTH] wrong name or password */
	CODE_IN_USE,    /* -ERR [IN-USE] */
	CODE_TEMPORARY, /* -ERR [SYS/TEMP] */
	CODE_PERMANENT, /* -ERR [SYS/PERM] */
	CODE_REFUSED,   /* -ERR [AUTH], policy: the text says which */
	CODE_CHANGED,   /* not the same message any more */
	CODE_PARTIAL,   /* some were not removed (RFC 1939, 6) */
	CODE_MECHANISM, /* -ERR [AUTH], right, but not by this mechanism */
	CODE_BINDING,   /* -ERR [AUTH] not bound to this channel of TLS */
	CODE_LIMIT
};

/* What a step of SASL says of its exchange. */
enum channel_mechanism {
	MECHANISM_NEXT,             /* a further step */
	MECHANISM_CANCEL,           /* its end, by the client */
	MECHANISM_PLAIN,            /* from here on a new exchange; RFC 4616 */
	MECHANISM_LOGIN,            /* draft-murchison-sasl-login */
	MECHANISM_CRAM_MD5,         /* RFC 2195 */
	MECHANISM_SCRAM_SHA_1,      /* RFC 5802 */
	MECHANISM_SCRAM_SHA_256,    /* RFC 7677 */
	MECHANISM_SCRAM_SHA_1_PLUS, /* bound to the channel of TLS */
	MECHANISM_SCRAM_SHA_256_PLUS,
	MECHANISM_EXTERNAL, /* RFC 4422, A; steps: see src/auth/sasl.h */
	MECHANISM_LIMIT
};

/* How a session ended, for the log. */
enum channel_end {
	END_LOGOUT,        /* QUIT */
	END_TIMEOUT,       /* autologout */
	END_DISCONNECTED,  /* the client went away */
	END_NONSENSE,      /* too many bad commands */
	END_LOGIN_TIMEOUT, /* no login in time */
	END_LOGIN_FAILED,  /* too many wrong passwords */
	END_CHANGED,       /* another program changed the mailbox */
	END_BACK,          /* the back went away */
	END_VIEW,          /* a kept view was no view */
	END_HANDSHAKE,     /* no TLS came of it: CH_SECURE has said why */
	END_INJECTED,      /* commands behind STLS */
	END_LIMIT
};

struct ch_password {
	char name[CHANNEL_NAME];
	char secret[CHANNEL_SECRET];
};

struct ch_digest {
	char name[CHANNEL_NAME];
	uint8_t digest[16];
};

struct ch_step {
	uint32_t mechanism; /* enum channel_mechanism */
	uint32_t given;     /* 1: a response, perhaps an empty one; 0: none */
	uint32_t length;
	uint8_t octets[CHANNEL_STEP];
};

struct ch_external {
	char name[CHANNEL_NAME]; /* "" = whoever it is that -a serves */
};

struct ch_stls {
	uint32_t nonsense; /* counted so far: it outlives the front */
};

/* What two ends of a channel of TLS know of it, and nobody else's has. */
enum channel_binding {
	BINDING_EXPORTER,  /* tls-exporter (RFC 9266) */
	BINDING_END_POINT, /* tls-server-end-point (RFC 5929, 4) */
	BINDINGS
};

struct ch_binding {
	uint32_t length; /* 0: there is none of this kind */
	uint8_t octets[CHANNEL_BINDING];
};

struct ch_secure {
	uint32_t code;    /* CODE_OK, or why in text */
	uint32_t resumed; /* 1: an earlier session */
	struct ch_binding bindings[BINDINGS];
	char protocol[CHANNEL_WORD]; /* "TLSv1.3"; "" where none is agreed on */
	char cipher[CHANNEL_WORD];
	char text[CHANNEL_TEXT];
};

struct ch_serve {
	uint32_t signatures; /* that the session may have: 1 */
};

struct ch_tickets {
	uint32_t reserved;
};

/* The answer to a login; with CODE_OK, descriptors. */
struct ch_login {
	uint32_t code;           /* enum channel_code */
	uint32_t last;           /* 1: no further try on this connection */
	uint32_t read_only;      /* 1: DELE is refused */
	uint32_t keep;           /* 1: likewise, the rest is as ever */
	uint32_t descriptors;    /* 1 to 3: the view, its base if it has one,
				  * an mbox's file if there is one */
	uint32_t base;           /* 1: the view has one */
	char text[CHANNEL_TEXT]; /* for people, after the response code */
};

struct ch_stepped {
	struct ch_login login; /* valid when done */
	uint32_t done;
	uint32_t length;
	uint8_t octets[CHANNEL_STEP];
};

struct ch_range {
	uint32_t first;
	uint32_t count; /* 1..CHANNEL_DESCRIPTORS; LOOK: 1 */
};

struct ch_mark {
	uint32_t first;               /* a multiple of 8 * CHANNEL_SET */
	uint8_t deleted[CHANNEL_SET]; /* bit i % 8 of octet i / 8 */
	uint8_t fetched[CHANNEL_SET];
};

struct ch_update {
	uint32_t sync; /* 1: the session goes on (Plan 9's SYNC) */
};

/* With sync and CODE_OK a view with the removed marked comes along. */
struct ch_updated {
	uint32_t code;
	uint32_t removed; /* messages */
	uint32_t left;
	uint32_t reserved;
	uint64_t removed_octets;
	uint64_t left_octets;
	uint64_t view_size; /* sync */
	char text[CHANNEL_TEXT];
};

struct ch_submitted {
	uint64_t octets; /* in the file: it must have just these */
};

struct ch_sign {
	uint32_t scheme;      /* the TLS SignatureScheme (RFC 8446, 4.2.3) */
	uint32_t certificate; /* which of the configured ones */
	uint32_t length;
	uint8_t octets[CHANNEL_SIGN];
};

struct ch_octets {
	uint32_t code;
	uint32_t length;
	uint8_t octets[CHANNEL_TICKET];
};

struct ch_text {
	char text[CHANNEL_TEXT]; /* octets 0x20..0x7e */
};

struct ch_end {
	uint32_t why; /* enum channel_end */
	uint32_t reserved;
	uint64_t top_octets; /* of messages sent by TOP */
	uint64_t retr_octets;
	uint64_t received; /* octets of commands */
	uint64_t sent;
};

struct ch_result {
	uint32_t code;
	uint32_t first; /* OPEN: descriptors are for first.. */
	uint32_t count; /* OPEN: how many came along */
	uint32_t reserved;
	char text[CHANNEL_TEXT];
};

/* With CODE_OK: what its check is now (view.h), if another program marked it. */
struct ch_looked {
	uint32_t code;
	uint32_t reserved;
	uint64_t check;
};

/*
 * What the verifier found.  Everything but code, reason and text is for
 * CODE_OK, but for the name: of an exchange that failed it is as the client
 * gave it.
 */
struct ch_account {
	uint32_t code;
	uint32_t read_only; /* 1: the session changes nothing */
	uint32_t keep;      /* 1: it removes nothing */
	uint32_t uid;
	uint32_t gid;
	uint32_t mail_gid; /* of mail-group; gid when there is none */
	uint32_t group_count;
	uint32_t groups[CHANNEL_GROUPS];
	char name[CHANNEL_NAME]; /* canonical */
	char home[CHANNEL_PATH];
	char mailbox[CHANNEL_PATH]; /* "mbox:/var/mail/x", expanded; absolute */
	char reason[CHANNEL_TEXT];  /* for the log */
	char text[CHANNEL_TEXT];    /* for the client, who was right but may
				     * not; "": what is usual for the code */
};

struct record {
	uint32_t type;   /* enum channel_type, or that plus 1 */
	uint32_t length; /* of the whole packet */
	union {
		struct ch_password password;
		struct ch_digest digest;
		struct ch_step step;
		struct ch_external external;
		struct ch_stls stls;
		struct ch_secure secure;
		struct ch_serve serve;
		struct ch_tickets tickets;
		struct ch_login login;
		struct ch_stepped stepped;
		struct ch_range range;
		struct ch_mark mark;
		struct ch_update update;
		struct ch_updated updated;
		struct ch_submitted submitted;
		struct ch_sign sign;
		struct ch_octets octets;
		struct ch_text text;
		struct ch_end end;
		struct ch_result result;
		struct ch_looked looked;
		struct ch_account account;
	} u;
};

/*
 * A connected pair, both ends close-on-exec; 0, or -1 with errno.
 */
int channel_pair(int ends[2]) MUST_CHECK;

/*
 * Send record of this type (its length comes from the table; the caller has
 * cleared what it does not fill), with count descriptors, which stay the
 * caller's.  0, or -1 with errno (EPIPE: the
 * other end is gone).  Blocks while the other end does not read.
 */
int channel_write(int fd, struct record *record, uint32_t type,
    const int *descriptors, size_t count) MUST_CHECK;

/*
 * Wait for one record and check it: length, strings, every number that has a
 * limit.  1; 0 at the end of the channel; -1 with errno EBADMSG for anything
 * else, or descriptors that were not asked for.
 *
 * Takes up to *count descriptors, close-on-exec, into descriptors, and sets
 * *count; with count NULL none: they never enter this process.  After a
 * failure none stays open.
 */
int channel_read(
    int fd, struct record *record, int *descriptors, size_t *count) MUST_CHECK;

/* As channel_read() for a packet of size octets at packet: the fuzzer's door. */
int channel_check(const struct record *packet, size_t size) MUST_CHECK;

/*
 * A view as it travels and as it is kept: its head, and its messages (and
 * names) behind that in the same file; or without the first of them
 * (head.base and head.base_names), which stand in base, a view that an earlier
 * session left.
 */
struct view_parts {
	int fd;   /* -1: none */
	int base; /* or -1 */
	struct view_head head;
};

/*
 * Read the head in fd; base is given if and only if it says so.  0, or -1 with
 * errno EBADMSG.  The descriptors stay the caller's.
 */
int view_parts_open(struct view_parts *parts, int fd, int base) MUST_CHECK;

/*
 * All of a view in one piece, checked; to be freed by the caller after the
 * last use of *view.  NULL with errno: EBADMSG when it is none, or has not the
 * head that parts has.
 */
void *
view_parts_load(const struct view_parts *parts, struct view *view) MUST_CHECK;

/*
 * One message of a view, and its name (of a Maildir) NUL-terminated in name,
 * of size octets; unchecked but for the bounds of files.  0, or -1 with errno.
 */
int view_parts_message(const struct view_parts *parts, uint32_t index,
    struct view_message *message) MUST_CHECK;
int view_parts_name(const struct view_parts *parts, uint64_t place, char *name,
    size_t size) MUST_CHECK;

/* Close both descriptors; nothing is open then. */
void view_parts_close(struct view_parts *parts);

/* The name of a type, for the log. */
const char *channel_name(uint32_t type);

/* The name of a mechanism as the IANA has it; "" for what is none. */
const char *channel_mechanism_name(uint32_t mechanism);

#endif
