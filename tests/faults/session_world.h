/*
 * session_world.h - a mailbox of known messages, what a session does to it,
 * what agents deliver meanwhile, and what must come out of it: digests kept by
 * the test, which reads the mailbox itself.
 */

#ifndef SESSION_WORLD_H
#define SESSION_WORLD_H

#include "session_run.h"
#include "session_tree.h"

#define WORLD_MAILS 40

enum driver { MBOX, MAILDIR };

/* What comes in between; DELIVER_NONE is 0. */
enum delivery {
	DELIVER_NONE,
	DELIVER_MAIL,
	DELIVER_TWIN, /* the messages that truncation cuts, again */
	DELIVER_LAST, /* the last one again, and another */
	DELIVERIES,
	READER_RENAMES, /* Maildir: an IMAP server flags messages */
};

/* Which locks an agent takes. */
#define AGENT_DOTLOCK 1U
#define AGENT_FCNTL 2U

/* clang-format off */
struct scenario {
	const char *name;
	enum driver driver;
	unsigned count;          /* of messages */
	const char *deleted;     /* their numbers, from 1; "*": all */
	const char *fetched;
	bool quit;               /* else the client hangs up */
	bool aged;               /* left alone for long: its times are believed */
	bool pseudo;             /* the first is an IMAP server's */
	bool large;              /* more than the journal's window */
	bool kept;               /* there was a session before */
	bool first_login;        /* without a state folder */
	enum delivery meanwhile; /* before QUIT */
	const char *option;      /* -o, or NULL */
	bool major;              /* all faults even where time is short */
};
/* clang-format on */

extern const struct scenario scenarios[];
extern const size_t scenario_count;

struct mail {
	char *text;
	size_t length;
	uint64_t digest, wire; /* of the octets; of what RETR sends */
	bool marked;           /* the script deletes what has its number */
	bool deleted, pseudo, twin;
	char name[128]; /* Maildir: "cur/..." */
	char uid[RUN_UID];
};

struct world {
	const struct scenario *scenario;
	char path[64];
	int root;
	struct mail mails[WORLD_MAILS]; /* those from before on are added */
	unsigned before, count;
	struct tree start;
	char first[512]; /* the session's commands */
	const char *arguments[24];
	char mailbox[128], state[128];
	/* Of a session that is logged: what was there before operation base. */
	struct tree base_tree;
	size_t base;
};

#define IS_BEFORE 1
#define IS_AFTER 2
#define IS_PARTLY 4 /* a Maildir: some of the deleted are gone */

void world_open(struct world *world);
void world_close(struct world *world);

/* The scenario's mailbox, as new. */
void world_begin(struct world *world, const struct scenario *scenario);

/* It again, before the next run; what was delivered is forgotten. */
void world_reset(struct world *world);

/* The mailbox as it is now, with what it should hold; and as it was then. */
struct snapshot {
	struct tree tree;
	unsigned count;
	struct mail mails[WORLD_MAILS];
};
void world_save(struct world *world, struct snapshot *snapshot);
void world_restore(struct world *world, const struct snapshot *snapshot);

/*
 * Deliver as an agent that takes these locks.  False: one is held.  With
 * force the holder is dead, and his lock file gets removed as agents do
 * after a while.
 */
bool world_deliver(
    struct world *world, enum delivery delivery, unsigned locks, bool force);

/* With force, when all processes have gone. */
void world_deliver_surely(struct world *world, enum delivery delivery);

/* The session of the scenario; and one that only looks. */
void world_session(struct world *world, const struct order *order,
    void (*stopped)(void *), bool log, struct told *told);
void world_look(struct world *world, const struct order *order, bool log,
    struct told *told);

/*
 * A lock file that nobody can judge (power took its octets; another process has
 * its number now) holds for five minutes: let them pass.
 */
void world_settle(struct world *world);

/* IS_... bits of what the mailbox holds now; 0: *why it is none. */
int world_is(struct world *world, const char **why);

/*
 * The client knows messages by their unique-ids: numbers are those of usual,
 * a session without faults, unless fewer are shown.  Which ones are marked as
 * deleted follows; every message that RETR gave whole must be the one that it
 * was asked for.  NULL or why not.
 */
const char *world_told(
    struct world *world, const struct told *told, const struct told *usual);

/*
 * A session without faults, and what is wrong with the mailbox then; NULL:
 * nothing.
 */
const char *world_verdict(struct world *world, int may_be);

/* Is anything left that the next session has to put right? */
bool world_unfinished(struct world *world, const struct tree *tree);

#endif
