/*
 * tls_fuzz.c - TLS from the first octet to the lines: the front's own code
 * with OpenSSL, the signer's behind it, and a client that may be any.
 *
 * What is asked of it: nothing but TLS goes out, of 1.2 or 1.3, with one
 * handshake; no octet reaches the lines but what the client said behind its
 * handshake, in order, and all of it where nobody changed it; nothing that the
 * front says is heard otherwise; a client of another protocol gets no
 * ServerHello; the signer signs once, and only what a second reading knows; what
 * a login is bound to is the client's, too; and what a client shows by its
 * certificate holds as it is, and not with an octet changed.
 */

#include <unistd.h>

/* The front's read(2); and what its module has of that name. */
#define read tls_read_wire
#include "tls.h"
#undef read

#include "tls_keys.h"

#include "tls_client.h"

#include "line_box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOW 10 /* octets: see client_open() */

/* The front's side of one session. */
static struct {
	struct tls_context *context;
	struct tls *tls;
	struct text lines; /* to the line code */
	struct text says;  /* what the front has said */
	struct ch_secure secure;
	bool told; /* that is what became of the handshake */
	struct record signer;
	bool signer_asked, signer_open;
	bool signer_closed; /* by the front */
	struct share share; /* what the session has had of the signer */
	unsigned signatures, opens, seals;
	uint32_t change; /* of what a client has shown; 0: none */
	bool proved;
} front;

#include "tls_signer.h"

#define calloc fuzz_calloc
#define malloc fuzz_malloc
#define view_parts_close fuzz_view_close
#define view_parts_load fuzz_view_load
#define mmap fuzz_mmap
#define munmap fuzz_munmap
#define poll tls_poll
#define read tls_read_wire
#define write fuzz_write
#define sendmsg tls_sendmsg
#define close tls_close
#define shutdown fuzz_shutdown
#define _exit fuzz_exit
#define channel_write tls_channel_write
#define channel_read tls_channel_read
#define front_close_in fuzz_close_in
#define secure_read spy_read
#define secure_rest spy_rest
#define secure_write spy_write
#include "front/ask.c"
#include "front/authorization.c"
#include "front/command.c"
#include "front/front.c"
#include "front/input.c"
#include "front/output.c"
#include "front/retrieve.c"
#include "front/sasl.c"
#include "front/transaction.c"
#undef secure_read
#undef secure_rest
#undef secure_write
#undef write
#undef shutdown
#include "front/secure.c"
#undef calloc
#undef malloc
#undef mmap
#undef munmap
#undef poll
#undef read
#undef sendmsg
#undef close
#undef channel_write
#undef channel_read

#include "tls_judge.h"

static void
world_init(void)
{
	box_init();
	own_init();
	client_init();
	front.context = context_of_signer();
	MUST(front.context != NULL);
	pop3d_tls.context_warm(front.context);
}

/* A session, from the client's first octet to the front's end. */
static void
session_play(const uint8_t how[HOW], const struct script *script)
{
	static struct front_args args;
	static const uint8_t nonce[TLS_NONCE] = "a nonce of thirty-two octets";
	struct tls_context *context = front.context;

	memset(&front, 0, sizeof(front));
	front.context = context;
	front.signer_open = true;
	front.change = (how[8] & 4) != 0 ? 1 + how[9] : 0;
	run.out.length = 0;
	run.how = how[8] & (A_PIPE | SLOW | REFUSED | READ_ONLY);
	run.piece = how[9] == 0 ? 65536 : how[9];
	run.seed = how[9];
	run.turn = run.logins = run.cancels = 0;
	run.asked = run.ended = run.exchange = false;
	run.view = -1;
	run.deleted = 0;
	memset(&args, 0, sizeof(args));
	args.channel = CHANNEL_FD;
	args.signer = SIGNER_FD;
	args.greeting = "ready";
	args.plaintext = true;
	args.mechanisms = mechanisms_of(run.how);
	args.stamp = stamp_of(run.how);
	args.tls = true;
	args.turn = (how[7] & 64) != 0;
	args.context = front.context;
	if ((how[8] & 2) != 0)
		args.nonce = nonce;
	args.timeout = 600;
	args.login_end = clock_ms() + 1000000;
	client_open(how, script);
	if (setjmp(run.over) == 0)
		front_run(&args);
	if (run.view != -1)
		close(run.view);
	while (run.block_count > 0)
		free(run.blocks[--run.block_count]);
}

static void
session_run(const uint8_t how[HOW], const struct script *script)
{
	session_play(how, script);
	session_judge();
	free(front.lines.octets);
	free(front.says.octets);
	tls_free(front.tls);
	client_close();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {data + HOW, size - HOW}, none = {data, 0};
	uint8_t how[HOW];

	if (size < HOW)
		return 0;
	if (!box.ready)
		world_init();
	own_seed(data[9]);
	memcpy(how, data, HOW);
	/* One before it, for a ticket. */
	if ((how[7] & 32) != 0) {
		how[7] &= 0x7f;
		how[8] = how[9] = 0;
		session_run(how, &none);
	}
	session_run(data, &script);
	SSL_SESSION_free(client.ticket);
	client.ticket = NULL;
	return 0;
}
