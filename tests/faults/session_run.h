/*
 * session_run.h - one session of the real program with something that goes
 * wrong in it, and what its client was told.
 */

#ifndef SESSION_RUN_H
#define SESSION_RUN_H

#include "session_shared.h"

#define RUN_MESSAGES 64
#define RUN_UID 80

/* What goes wrong; at 0: nothing. */
struct order {
	uint32_t process, at;
	bool memory, all;
	enum fault_kind kind;
	int error;
	unsigned persist;
};

/* What the answer to QUIT promises; pop3d(8), UPDATE. */
enum reply {
	REPLY_NONE,     /* no answer, or the update's end is not known */
	REPLY_DONE,     /* +OK */
	REPLY_NOTHING,  /* -ERR: nothing was removed */
	REPLY_LATER,    /* finished at the next login */
	REPLY_SOME,     /* some were not removed */
	REPLY_UNSYNCED, /* done, but may come back */
};

struct script {
	const char *first;       /* commands, each with its CRLF */
	bool all;                /* then RETR of every message */
	const char *last;        /* "QUIT\r\n"; NULL: hang up */
	void (*between)(void *); /* before last, or NULL */
	void (*stopped)(void *); /* at FAULT_STOP */
	void *argument;
};

struct told {
	bool logged_in, quit_sent, hung;
	bool listed;  /* UIDL was answered, whole */
	bool refused; /* DELE: the mailbox is read-only now */
	enum reply quit;
	char line[128];              /* the answer to QUIT, or to the login */
	uint64_t transcript;         /* a digest of all that the server said */
	uint32_t count;              /* messages, by the greeting */
	uint64_t mail[RUN_MESSAGES]; /* RETR n: digest of its octets, or 0 */
	char uid[RUN_MESSAGES][RUN_UID];
};

/*
 * The folder with pop3d, session.so and conf, an empty configuration; a
 * file's name for shared memory.
 */
void run_open(const char *programs, const char *shared);

extern struct session_shared *run_shared;
extern char run_config[];

/* The session's arguments, from argv[1]; NULL-ended. */
void run_session(const char *const *arguments, const struct script *script,
    const struct order *order, bool log, struct told *told);

/* The name of the call that was hit, or "". */
const char *run_hit(void);
const char *call_name(unsigned call);

#endif
