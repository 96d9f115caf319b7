/*
 * line_fuzz.c - any octets as what a client sends, in any pieces: the front's
 * own code against a back that answers in this process.
 *
 * Two things are asked of it.  What it answers must not depend on how the
 * octets were cut, and must be what a second, simple reading of the same
 * octets expects, reply for reply.  The first three octets say how.
 */

#include "line_back.h"
#include "line_box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define calloc fuzz_calloc
#define malloc fuzz_malloc
#define view_parts_close fuzz_view_close
#define view_parts_load fuzz_view_load
#define mmap fuzz_mmap
#define munmap fuzz_munmap
#define poll fuzz_poll
#define read fuzz_read
#define write fuzz_write
#define sendmsg fuzz_sendmsg
#define close fuzz_close
#define shutdown fuzz_shutdown
#define _exit fuzz_exit
#define channel_write fuzz_channel_write
#define channel_read fuzz_channel_read
#define front_close_in fuzz_close_in
#include "front/ask.c"
#include "front/authorization.c"
#include "front/command.c"
#include "front/front.c"
#include "front/input.c"
#include "front/output.c"
#include "front/retrieve.c"
#include "front/sasl.c"
#include "front/transaction.c"
#undef calloc
#undef malloc
#undef mmap
#undef munmap
#undef poll
#undef read
#undef write
#undef close

/* A session over these octets; its answers in run.out. */
static void
session_play(
    const uint8_t *in, size_t length, unsigned how, size_t piece, unsigned seed)
{
	static struct front_args args;

	run.in = in;
	run.left = length;
	run.piece = piece;
	run.how = how;
	run.seed = seed;
	run.turn = seed;
	run.logins = 0;
	run.asked = run.ended = run.exchange = false;
	run.cancels = 0;
	run.view = -1;
	run.deleted = 0;
	run.out.length = 0;
	memset(&args, 0, sizeof(args));
	args.channel = CHANNEL_FD;
	args.greeting = "ready";
	args.plaintext = (how & NO_PLAINTEXT) == 0;
	args.mechanisms = mechanisms_of(how);
	args.stamp = stamp_of(how);
	args.authenticated = (how & WITH_A) != 0;
	args.trace = (how & TRACED) != 0;
	args.timeout = 600;
	args.login_end = clock_ms() + 1000000;
	if (setjmp(run.over) == 0)
		front_run(&args);
	if (run.view != -1)
		close(run.view);
	while (run.block_count > 0)
		free(run.blocks[--run.block_count]);
}

#include "line_reading.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text first;
	uint32_t said;
	uint8_t deleted;

	if (size < 3)
		return 0;
	if (!box.ready)
		box_init();
	session_play(data + 3, size - 3, data[0], 1U + data[1], data[2]);
	first = run.out;
	said = run.said;
	deleted = run.deleted;
	memset(&run.out, 0, sizeof(run.out));
	session_play(
	    data + 3, size - 3, data[0] & ~(unsigned)SLOW, 65536, data[2]);
	MUST(first.length == run.out.length && said == run.said &&
	    deleted == run.deleted &&
	    memcmp(first.octets, run.out.octets, first.length) == 0);
	free(first.octets);
	read_all(data + 3, size - 3, data[0]);
	return 0;
}
