/*
 * session.h - the front's one session, and what its files do for each other.
 */

#ifndef SESSION_H
#define SESSION_H

#include "front.h"
#include "view.h"
#include "wire.h"

#define LINE_MAX_OCTETS 1024 /* of a command with its end; RFC 2449, 4: 255 */
#define SASL_LINE_OCTETS \
	12352              /* of AUTH or a response; RFC 5034, 4: 12,288 of
				* base64 */
#define INPUT_SIZE 4096    /* octets read at once */
#define INPUT_LARGE 16384  /* the same, while such a line is on its way */
#define OUTPUT_SIZE 524288 /* octets written at once */
#define MAIL_SIZE 262144   /* octets of a message read at once */
#define SMALL_SIZE 8192    /* octets of each, while little is to be said */
#define BUSY_MS 100 /* after this time without a command a session is idle */
#define NONSENSE_MAX 10 /* bad commands a session */
#define ARGUMENTS_MAX 2

/* RFC 1939, 3; a bit each, for the command table. */
enum state { AUTH = 1, TRANS = 2, OVER = 4 };

/* What became of the input. */
enum line {
	LINE_OK,
	LINE_BAD,  /* a NUL, a bare CR, or too long */
	LINE_MORE, /* no whole line is here yet */
};

struct input {
	char *buffer; /* small, or a larger one that is ours */
	size_t size;
	char small[INPUT_SIZE];
	size_t begin, end; /* unread octets of buffer */
	bool skipping;     /* inside a line that is too long */
};

struct output {
	char *buffer;
	size_t size; /* of buffer */
	size_t length;
	bool socket; /* descriptor 1 is a socket */
	bool mail;   /* buffer holds octets of a message */
};

/* Messages of a Maildir that are open: one after the other. */
struct opened {
	uint32_t first, count;
	uint32_t next; /* who reads in order reads this one next */
	int file[CHANNEL_DESCRIPTORS];
};

struct session {
	const struct front_args *args;
	int channel; /* CHANNEL_FD, once closed in */
	enum state state;
	enum channel_end why; /* once the state is OVER */
	struct input input;
	struct output output;
	const struct tls_module *tls_module;
	struct tls *tls;         /* or NULL: in clear */
	bool stls;               /* STLS is offered */
	bool heard;              /* something came from the client, for TLS */
	bool bound;              /* a login can be bound to this TLS */
	bool certified;          /* the client has shown a certificate */
	bool deaf;               /* the client takes no more: write nothing */
	bool lost;               /* octets of a message could not be written */
	char user[CHANNEL_NAME]; /* from USER; "" before */
	char name[CHANNEL_NAME]; /* who is logged in; "" with -a and AUTH */
	bool exchange;           /* AUTH: the next line is a response */
	bool external;           /* of an exchange: it is EXTERNAL */
	bool stamp_used;         /* APOP was tried */
	struct view_parts parts; /* the view, until it is read */
	uint32_t messages;       /* in it */
	struct view view;        /* all 0 before */
	void *view_data;         /* what it points into */
	int file;                /* an mbox, read-only, or -1 */
	struct opened opened;    /* a Maildir's */
	bool read_only;
	bool keep;        /* DELE is refused, as everything is kept */
	uint8_t *deleted; /* a bit a message */
	uint8_t *fetched;
	uint32_t count;  /* messages not deleted */
	uint64_t octets; /* of them */
	uint32_t last;   /* highest message read, from 1; 0: none */
	unsigned nonsense;
	uint64_t top_octets, retr_octets, received, sent;
	struct record record; /* the one in flight */
	char *mail;           /* for reading messages */
	size_t mail_size;
	char *busy; /* large buffers for both, while they are used */
	char small[2][SMALL_SIZE]; /* those of an idle session */
};

/* The words of a command line. */
struct command {
	const char *verb; /* as typed */
	char *argument[ARGUMENTS_MAX];
	size_t count;
};

/* input.c */

/*
 * The next line of the input, NUL-terminated without its end, in the buffer
 * until the next call.
 */
enum line input_line(struct session *s, char **line, size_t *length);

/*
 * Wait for input and read some.  false: the session is over (end of input,
 * timeout, the back is gone), s->why says which.
 */
bool input_wait(struct session *s);

/* Of TLS there may be more that has been read already: true where there was. */
bool input_rest(struct session *s);

/*
 * How long to wait for the client, in milliseconds: it is idle then, or has not
 * logged in in time, and wait_over() ends the session.
 */
int wait_time(const struct session *s);
void wait_over(struct session *s);

/* End the session for this reason, unless it is over already. */
void session_end(struct session *s, enum channel_end why);

/* output.c */

/*
 * Large buffers while there is much to say, none of their memory while the
 * session is idle.  Where there is no memory the small ones do.
 */
void busy_take(struct session *s);
void busy_drop(struct session *s);

void output_text(struct session *s, const char *text);
void output_number(struct session *s, uint64_t number);

/* A line: text and CRLF, and to the trace. */
void output_line(struct session *s, const char *format, ...) FORMAT(2, 3);

/* As much room as asked for in the buffer (at most half of it). */
char *output_room(struct session *s, size_t size);

/* Octets as they are, counted nowhere; a failure makes the session deaf. */
void output_raw(struct session *s, const char *octets, size_t length);

/* Write what there is; a failure makes the session deaf, or ends it. */
void output_flush(struct session *s);

/* secure.c: TLS */

/* Make all ready for it, before the front is closed in; false: there is none.
 */
bool secure_open(struct session *s);

/* The handshake; false: it failed, the back knows why, the session is over. */
bool secure_handshake(struct session *s);

/*
 * As read(2) of descriptor 0, and in clear: EAGAIN when what came is not
 * enough yet.  secure_rest() does not read, but gives what came before.
 */
ssize_t secure_read(struct session *s, char *dst, size_t size);
ssize_t secure_rest(struct session *s, char *dst, size_t size);

/* Octets to the client; false when the connection is broken. */
bool secure_write(struct session *s, const char *octets, size_t length);

/*
 * The client's certificate, as a step of the exchange, in as many records as it
 * takes.  false: the exchange is over, as after ask_step().
 */
bool secure_prove(struct session *s);

/* What only a login needs is given back. */
void secure_forget(struct session *s);

/* Say that we end. */
void secure_end(struct session *s);

void do_stls(struct session *s, const struct command *c);

/* ask.c: the asking side of the channel */

/*
 * Send s->record as type and wait for its answer, which is in s->record
 * then; up to *count descriptors of it.  false: the session is over.
 */
bool ask(struct session *s, uint32_t type, int *descriptors, size_t *count);

/* Send s->record as type; it has no answer. */
void tell(struct session *s, uint32_t type);

void ask_login(struct session *s, uint32_t type);

/*
 * A step of SASL, which is in s->record: true with a challenge in s->record;
 * else the exchange is over, as after ask_login().
 */
bool ask_step(struct session *s);

/* Read the view now; false after having answered that it cannot be. */
bool view_need(struct session *s);

/* Look at this message again, and correct what the view has of its head. */
bool ask_look(struct session *s, uint32_t index);

/* A Maildir's message, open and ours; -1 after having answered why not. */
int ask_open(struct session *s, uint32_t index);

void ask_update(struct session *s);

/* A line for the trace and for debugging, where they are wanted. */
void trace(struct session *s, const char *format, ...) FORMAT(2, 3);

/* command.c */
void command_run(struct session *s, char *line, size_t length);
void command_nonsense(struct session *s, const char *what);

/* transaction.c */
void do_stat(struct session *s, const struct command *c);
void do_list(struct session *s, const struct command *c);
void do_uidl(struct session *s, const struct command *c);
void do_dele(struct session *s, const struct command *c);
void do_rset(struct session *s, const struct command *c);
void do_noop(struct session *s, const struct command *c);
void do_last(struct session *s, const struct command *c);
void do_ping(struct session *s, const struct command *c);

/* retrieve.c */

/* A piece to the output; false when the client takes no more of it. */
bool piece_put(
    struct session *s, struct wire *wire, const char *text, size_t length);

/* retrieve_maildir.c: RETR, with WIRE_LINES_ALL lines of body, or TOP */
void retrieve_maildir(struct session *s, uint32_t index, uint64_t lines);

void do_retr(struct session *s, const struct command *c);
void do_top(struct session *s, const struct command *c);

/* sasl.c */

/* A line that is a response. */
void sasl_line(struct session *s, char *line, size_t length);

/* The exchange ends; the client must be answered. */
void sasl_cancel(struct session *s);

/* The names of the mechanisms that are accepted, the best first. */
void sasl_list(struct session *s, const char *before, const char *after);

void do_auth(struct session *s, const struct command *c);

/* authorization.c */

/* The answer to a login that was asked for. */
void login_answer(struct session *s);

/* What to do instead of a password in clear text. */
const char *plaintext_refused(const struct session *s);
void do_user(struct session *s, const struct command *c);
void do_pass(struct session *s, const struct command *c);
void do_apop(struct session *s, const struct command *c);
void do_capa(struct session *s, const struct command *c);
void do_quit(struct session *s, const struct command *c);

/*
 * The message that an argument names, from 0; false after having answered
 * that there is none, or that it is deleted.
 */
bool message_get(struct session *s, const char *argument, uint32_t *index);

static inline bool
bit_test(const uint8_t *bits, uint32_t index)
{
	return (bits[index / 8] >> (index % 8) & 1) != 0;
}

static inline void
bit_set(uint8_t *bits, uint32_t index)
{
	bits[index / 8] = (uint8_t)(bits[index / 8] | 1U << (index % 8));
}

/* The view's message, to be corrected. */
struct view_message *view_change(struct session *s, uint32_t index);

/* The response code of a refusal, "[AUTH] " and so on, or "". */
const char *code_text(uint32_t code);

#endif
