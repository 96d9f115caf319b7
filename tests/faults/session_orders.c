/*
 * session_orders.c - what can go wrong at a call.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session_faults.h"

/* Which agents come while a session stands still; no errno of any call. */
#define STOP_DOTLOCK (-1)
#define STOP_FCNTL (-2)

struct kind {
	enum fault_kind kind;
	int error;
	bool all;
	unsigned persist;
	const char *name;
};

/* clang-format off */
static const struct kind kills[ORDER_KILLS] = {
	{ FAULT_BEFORE, 0, false, 0, "killed before" },
	{ FAULT_AFTER,  0, false, 0, "killed after" },
	{ FAULT_BEFORE, 0, true,  0, "all killed before" },
	{ FAULT_AFTER,  0, true,  0, "all killed after" },
};

static const struct kind others[] = {
	{ FAULT_STOP,   STOP_DOTLOCK, false, 0, "mail under a dotlock before" },
	{ FAULT_STOP,   STOP_FCNTL,   false, 0, "mail under an fcntl lock before" },
	{ FAULT_ERROR,  EIO,    false, NEEDS_DISK,   "EIO for ever from" },
	{ FAULT_ERROR,  ENOSPC, false, NEEDS_SPACE,  "no space from" },
	{ FAULT_ERROR,  EDQUOT, false, NEEDS_SPACE,  "over quota from" },
	{ FAULT_ERROR,  EMFILE, false, NEEDS_FD,     "EMFILE for ever from" },
	{ FAULT_ERROR,  ENOMEM, false, NEEDS_MEMORY, "ENOMEM for ever from" },
};

/* Only where octets are moved. */
static const struct kind moving[] = {
	{ FAULT_SHORT, 0, false, 0, "a short" },
	{ FAULT_HALF,  0, false, 0, "killed half way in" },
	{ FAULT_HALF,  0, true,  0, "all killed half way in" },
};

static const int errors[][SESSION_ERRORS + 1] = {
#define ERRORS(name, strace, what, ...) { __VA_ARGS__ },
	SESSION_CALLS(ERRORS)
#undef ERRORS
};
/* clang-format on */

#define OTHERS (sizeof(others) / sizeof(others[0]))
#define MOVING (sizeof(moving) / sizeof(moving[0]))

static bool
moves(unsigned call)
{
	return call == CALL_read || call == CALL_pread || call == CALL_write ||
	    call == CALL_pwrite || call == CALL_sendmsg;
}

static void
order_put(struct order *order, const struct kind *kind)
{
	order->kind = kind->kind;
	order->error = kind->error;
	order->all = kind->all;
	order->persist = kind->persist;
}

/*
 * The answer was lost on the way from a file server, the question asked again,
 * and what it asks for was done already.  0: cannot be.
 */
static int
late_error(unsigned call)
{
	switch (call) {
	case CALL_linkat:
	case CALL_mkdirat:
		return EEXIST;
	case CALL_renameat:
	case CALL_renameat2:
	case CALL_unlinkat:
		return ENOENT;
	default:
		return 0;
	}
}

unsigned
order_errors(unsigned call)
{
	unsigned n = 0;

	while (n < SESSION_ERRORS && errors[call][n] != 0)
		n++;
	return late_error(call) != 0 ? n + 1 : n;
}

static void
error_put(struct order *order, unsigned call, unsigned number)
{
	static const struct kind error = {FAULT_ERROR, 0, false, 0, ""};

	order_put(order, &error);
	order->error = errors[call][number];
	if (order->error == 0)
		order->error = late_error(call);
	/* A descriptor is closed even if that fails. */
	if (call == CALL_close || errors[call][number] == 0)
		order->kind = FAULT_LATE;
}

bool
order_get(unsigned call, unsigned number, struct order *order)
{
	unsigned n = order_errors(call);

	if (number < ORDER_KILLS) {
		order_put(order, &kills[number]);
		return true;
	}
	number -= ORDER_KILLS;
	if (number < n) {
		error_put(order, call, number);
		return true;
	}
	number -= n;
	if (number < OTHERS) {
		order_put(order, &others[number]);
		return true;
	}
	number -= (unsigned)OTHERS;
	if (!moves(call) || number >= MOVING)
		return false;
	order_put(order, &moving[number]);
	return true;
}

static bool
kind_is(const struct kind *kind, const struct order *order)
{
	return kind->kind == order->kind && kind->all == order->all &&
	    kind->persist == order->persist && kind->error == order->error;
}

void
order_name(const struct order *order, char *text, size_t size)
{
	static const struct {
		const struct kind *kinds;
		size_t count;
	} lists[] = {{kills, ORDER_KILLS}, {others, OTHERS}, {moving, MOVING}};

	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < lists[l].count; i++)
			if (kind_is(&lists[l].kinds[i], order)) {
				(void)snprintf(
				    text, size, "%s", lists[l].kinds[i].name);
				return;
			}
	(void)snprintf(text, size, "%s%s at", strerrorname_np(order->error),
	    order->kind == FAULT_LATE ? ", though done," : "");
}

unsigned
order_agent(const struct order *order)
{
	return order->error == STOP_DOTLOCK ? AGENT_DOTLOCK : AGENT_FCNTL;
}

bool
order_harmless(unsigned call, const struct order *order)
{
	if (order->persist != 0 || order->memory)
		return false;
	if (order->kind == FAULT_SHORT)
		return true;
	if (order->kind != FAULT_ERROR || order->error != EINTR)
		return false;
	return moves(call) || call == CALL_fsync || call == CALL_fdatasync ||
	    call == CALL_ftruncate || call == CALL_recvmsg ||
	    call == CALL_poll || call == CALL_waitpid || call == CALL_getrandom;
}

const char *
process_name(unsigned process)
{
	static const char *const names[] = {
	    "back", "front", "verifier", "scanner"};

	return names[process < 3 ? process : 3];
}
