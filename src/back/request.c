/*
 * request.c - what the front may ask, in which phase, how often.
 *
 * The front is believed in nothing: whatever is not in the table ends the
 * session.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "state.h"

#define ANY UINT32_MAX

struct request {
	uint32_t type;
	unsigned phases;
	uint32_t most; /* a session */
	void (*run)(struct back *);
};

/* clang-format off */
static const struct request requests[] = {
	{ CH_PASSWORD, PHASE_LOGIN, 100, on_password },
	{ CH_EXTERNAL, PHASE_LOGIN, 1, on_external },
	{ CH_OPEN, PHASE_MAILBOX, ANY, on_open },
	{ CH_LOOK, PHASE_MAILBOX, ANY, on_look },
	{ CH_MARK, PHASE_MAILBOX, VIEW_MESSAGES_MAX / (8 * CHANNEL_SET) + 1,
	    on_mark },
	{ CH_UPDATE, PHASE_MAILBOX, 1, on_update },
	{ CH_TRACE, PHASE_LOGIN | PHASE_MAILBOX | PHASE_DONE, ANY, on_trace },
	{ CH_DEBUG, PHASE_LOGIN | PHASE_MAILBOX | PHASE_DONE, ANY, on_debug },
	{ CH_END, PHASE_LOGIN | PHASE_MAILBOX | PHASE_DONE, 1, on_end },
};
/* clang-format on */

static const struct request *
request_find(const struct back *back)
{
	const struct request *r;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		r = &requests[i];
		if (r->type == back->record.type)
			return (r->phases & back->phase) != 0 &&
				back->seen[r->type] < r->most ?
			    r :
			    NULL;
	}
	return NULL;
}

void
phase_done(struct back *back)
{
	back->phase = PHASE_DONE;
	back->done = clock_ms();
}

void
answer(struct back *back, uint32_t type, const int *descriptors, size_t count)
{
	struct pollfd p = {.fd = back->channel, .events = POLLOUT};

	/* A front reads each answer before it asks again: one is none. */
	if (poll(&p, 1, 0) == 0) {
		log_warnx("the front does not read its answers");
		back->over = back->broken = true;
		return;
	}
	if (channel_write(
		back->channel, &back->record, type, descriptors, count) == -1 &&
	    errno != EPIPE)
		back->over = true;
}

void
request_run(struct back *back)
{
	const struct request *request;
	int n = channel_read(back->channel, &back->record, NULL, NULL);

	if (n == 0) {
		back->over = true;
		return;
	}
	request = n == 1 ? request_find(back) : NULL;
	if (request == NULL) {
		log_warnx("the front broke the rules: %s, phase %d",
		    n == 1 ? channel_name(back->record.type) : "bad record",
		    (int)back->phase);
		back->over = back->broken = true;
		return;
	}
	if (back->seen[request->type] < ANY)
		back->seen[request->type]++;
	request->run(back);
}
