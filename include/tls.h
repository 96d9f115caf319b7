/*
 * tls.h - the door to TLS, which is OpenSSL's, linked into a module of ours
 * that is loaded on first need: a session in clear pays nothing for it.
 *
 * Two sides use the module, in different processes.  The signer has keys and
 * signs.  The front has certificates and the connection; where its handshake
 * needs a signature it asks a function of ours, which asks the signer.
 *
 * TLS 1.2 and 1.3 with forward secrecy; no renegotiation, no compression, no
 * early data.  A client that names application protocols (ALPN) must name
 * "pop3".  Sessions of 1.3 can be resumed, by a ticket that the signer has
 * sealed.
 */

#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_CERTIFICATES 16  /* with a key each */
#define TLS_CHAINS 262144    /* octets of all certificates, at most */
#define TLS_SIGNATURE 1024   /* octets: RSA of 8192 bits */
#define TLS_PLAIN 65536      /* octets written at once: four whole records */
#define TLS_TEXT 256         /* octets with the NUL: a sentence */
#define TLS_WORD 48          /* octets with the NUL: a protocol, a cipher */
#define TLS_TICKET 2048      /* octets: a session's state, sealed */
#define TLS_SEALED 32        /* octets that sealing adds */
#define TLS_OPENS 2          /* tickets of a client that are looked at */
#define TLS_RESUMED 86400    /* seconds from a full handshake to the next */
#define TLS_BINDING 64       /* octets of the data of a channel binding */
#define TLS_NONCE 32         /* octets that a client's certificate answers */
#define TLS_TRANSCRIPT 65536 /* octets of a handshake, at most */
#define TLS_EMAILS 8         /* of a client's certificate that are looked at */
#define TLS_NAME 512         /* octets with the NUL: a subject, an address */
#define TLS_FINGERPRINT 32   /* octets of SHA-256 */

/* A certificate of ours and its key. */
struct tls_key;

/* What all connections have in common: the certificates, what is accepted. */
struct tls_context;

struct tls;

/*
 * Have octets signed with the key of this certificate, by a SignatureScheme of
 * RFC 8446, 4.2.3, into signature, of TLS_SIGNATURE octets; its length to
 * *signed_length.  0, or -1.
 */
typedef int
tls_sign(uint32_t certificate, uint32_t scheme, const uint8_t *octets,
    size_t length, uint8_t *signature, size_t *signed_length);

/*
 * Have a session's state sealed, or what was sealed opened, into dst, of
 * TLS_TICKET octets; its length to *dst_length.  0, or -1.
 */
typedef int tls_ticket(
    const uint8_t *octets, size_t length, uint8_t *dst, size_t *dst_length);

/* What tickets are sealed with, and the name by which it is found again. */
#define TLS_TICKET_ID 4
struct tls_ticket_key {
	uint8_t id[TLS_TICKET_ID]; /* a ticket begins with it, in clear */
	uint8_t key[32];
};

enum tls_step {
	TLS_DONE,
	TLS_MORE,   /* octets of the peer are needed */
	TLS_CLOSED, /* the peer has said that it ends */
	TLS_FAILED  /* see failure() */
};

/* Of a handshake that is done, as text. */
struct tls_facts {
	char protocol[TLS_WORD]; /* "TLSv1.3" */
	char cipher[TLS_WORD];   /* "TLS_AES_128_GCM_SHA256" */
	bool resumed;            /* of an earlier session's */
};

/* A text in PEM. */
struct tls_pem {
	const char *text;
	size_t length;
};

/*
 * What a client has shown by its certificate, to be looked at by who believes
 * nobody: the messages of a handshake of TLS 1.3 from the first ClientHello to
 * the client's CertificateVerify, as they were sent.
 */
struct tls_proof {
	const uint8_t *transcript;
	size_t length;
	const uint8_t *nonce; /* TLS_NONCE octets of this session's */
	uint8_t own[TLS_CERTIFICATES][TLS_FINGERPRINT]; /* of the server */
	size_t own_count;
	struct tls_pem authorities; /* whom to trust with clients */
};

/* Whose certificate it is. */
struct tls_client {
	uint8_t fingerprint[TLS_FINGERPRINT]; /* SHA-256 of it */
	char subject[TLS_NAME];               /* RFC 2253; "": too long */
	char emails[TLS_EMAILS][TLS_NAME];    /* rfc822Names; "" behind them */
};

enum tls_trust {
	TLS_TRUSTED,
	TLS_FORGED,    /* no handshake of this session's with this client */
	TLS_UNTRUSTED, /* it is, but the certificate is not good */
	TLS_UNKNOWN    /* our own files cannot be used for it */
};

struct tls_module {
	/*
	 * The signer's side.  A certificate, what stands behind it in the same
	 * text as its chain, and the key, from PEM; they belong together.  NULL
	 * with a sentence in error.
	 */
	struct tls_key *(*key_load)(const char *chain, size_t chain_length,
	    const char *key, size_t key_length, char error[TLS_TEXT]);

	void (*key_free)(struct tls_key *key);

	/*
	 * What an administrator should know of it ("has expired"); "": nothing.
	 * In what, what it is.
	 */
	void (*key_look)(const struct tls_key *key, char what[TLS_TEXT],
	    char trouble[TLS_TEXT]);

	/*
	 * Its certificates into dst, as context_new() takes them, under this
	 * number.  Their octets, or 0 when they do not fit.
	 */
	size_t (*key_chain)(const struct tls_key *key, uint32_t number,
	    uint8_t *dst, size_t size);

	/*
	 * The authorities in PEM, as key_chain() has certificates, so that a
	 * context can say them to clients.  Their octets; 0: there are none, or
	 * they do not fit.
	 */
	size_t (*authorities_chain)(
	    const char *pem, size_t length, uint8_t *dst, size_t size);

	/* As tls_sign, with this key: only by a scheme that is one for it. */
	int (*key_sign)(const struct tls_key *key, uint32_t scheme,
	    const uint8_t *octets, size_t length, uint8_t *signature,
	    size_t *signed_length);

	/*
	 * As tls_ticket, with this key: AES-256-GCM, the nonce random.  Of
	 * what is too long for TLS_TICKET none is made.
	 */
	int (*ticket_seal)(const struct tls_ticket_key *key,
	    const uint8_t *octets, size_t length, uint8_t *dst,
	    size_t *dst_length);
	int (*ticket_open)(const struct tls_ticket_key *key,
	    const uint8_t *octets, size_t length, uint8_t *dst,
	    size_t *dst_length);

	/*
	 * Have the library fetch what a signature needs, before one is asked
	 * for; none is made.
	 */
	void (*key_warm)(const struct tls_key *key);

	/*
	 * The front's side.  Have the library fetch what any context needs,
	 * while the certificates are still on their way.
	 */
	void (*start)(void);

	/*
	 * A context with all certificates of chains, which
	 * are key_chain()s one behind the other.  NULL when there is none in
	 * it, or the library fails.  sign NULL: only to see whether it works.
	 */
	struct tls_context *(*context_new)(
	    const uint8_t *chains, size_t length, tls_sign *sign);

	void (*context_free)(struct tls_context *context);

	/*
	 * Have the library fetch what the handshakes of this context will need,
	 * for a process that forks before each: nothing is asked of sign.
	 */
	void (*context_warm)(struct tls_context *context);

	/*
	 * Sessions of TLS 1.3 in this context get a ticket, and are resumed by
	 * it for TLS_RESUMED, with another exchange of keys and under the same
	 * certificate.  Where seal fails the client gets a ticket that nobody
	 * can open; where open fails the handshake is a full one.
	 */
	int (*context_tickets)(
	    struct tls_context *context, tls_ticket *seal, tls_ticket *open);

	/*
	 * A connection that a client begins; NULL when there is no memory.  It
	 * has no descriptor: feed() takes what came from the peer.
	 */
	struct tls *(*open)(struct tls_context *context);
	int (*feed)(struct tls *tls, const void *octets, size_t length);

	/*
	 * Before the handshake: ask for a certificate where chains had
	 * authorities, if it is a full handshake of TLS 1.3; the question has
	 * the nonce in it.  Any is taken, and none: it is not judged here.
	 * false: none is asked for.
	 */
	bool (*client_ask)(struct tls *tls, const uint8_t nonce[TLS_NONCE]);

	/*
	 * After it: the transcript, which stays the module's, until
	 * client_drop().  0: no certificate was shown.
	 */
	size_t (*client_shown)(const struct tls *tls, const uint8_t **octets);
	void (*client_drop)(struct tls *tls);

	/* Of the first certificate in a text; -1: there is none. */
	int (*fingerprint)(const char *pem, size_t length,
	    uint8_t fingerprint[TLS_FINGERPRINT]);

	/*
	 * For who believes neither front nor client: is it one of this session
	 * with a server of ours, by a client who has a certificate's key, and
	 * is that good, today, for a client?  Why not, for the log.
	 */
	enum tls_trust (*client_check)(const struct tls_proof *proof,
	    struct tls_client *client, char why[TLS_TEXT]);

	/*
	 * What is to go to the peer, good until the next call of any of these
	 * functions; drop() forgets it, and until then more is added to it.
	 */
	size_t (*pending)(struct tls *tls, const void **octets);
	void (*drop)(struct tls *tls);

	/* As far as it can go with what was fed; also after TLS_FAILED an
	 * alert may be pending. */
	enum tls_step (*handshake)(struct tls *tls);
	void (*facts)(const struct tls *tls, struct tls_facts *facts);

	/*
	 * What binds something to this connection, once the handshake is done.
	 * Each: its octets, up to TLS_BINDING; 0: there is none.
	 *
	 * exporter: tls-exporter (RFC 9266); none in TLS 1.2 without
	 * the extended master secret, where two connections may have the same.
	 * end_point: tls-server-end-point (RFC 5929, 4); none of a session that
	 * is resumed, whose certificate is that of another handshake.
	 */
	size_t (*exporter)(struct tls *tls, uint8_t octets[TLS_BINDING]);
	size_t (*end_point)(const struct tls *tls, uint8_t octets[TLS_BINDING]);

	/* What was fed, in clear, up to size octets; *got > 0 with TLS_DONE. */
	enum tls_step (*read)(
	    struct tls *tls, void *dst, size_t size, size_t *got);

	/* At most TLS_PLAIN octets; -1 when the connection is broken. */
	int (*write)(struct tls *tls, const void *src, size_t length);

	/* To say that we end; pending() has it. */
	void (*shutdown)(struct tls *tls);

	/* Why TLS_FAILED, for the log. */
	void (*failure)(const struct tls *tls, char text[TLS_TEXT]);
};

/*
 * Load the module, or return the one loaded before.  NULL with errno ENOENT
 * when it is not to be had.  Must come before a process closes itself in.
 */
const struct tls_module *tls_load(void);

#endif
