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
#define PHASE_ANY \
	(PHASE_LOGIN | PHASE_MAILBOX | PHASE_DONE | PHASE_EXCHANGE | \
	    PHASE_HANDSHAKE)

struct request {
	uint32_t type;
	unsigned phases;
	uint32_t most; /* a session */
	void (*run)(struct back *);
};

/* clang-format off */
static const struct request requests[] = {
	{ CH_PASSWORD, PHASE_LOGIN, 100, on_password },
	{ CH_DIGEST, PHASE_LOGIN, 1, on_digest },
	{ CH_STEP, PHASE_LOGIN | PHASE_EXCHANGE, 1000, on_step },
	{ CH_EXTERNAL, PHASE_LOGIN, 1, on_external },
	{ CH_STLS, PHASE_LOGIN, 3, on_stls },
	{ CH_SECURE, PHASE_HANDSHAKE, 1, on_secure },
	{ CH_OPEN, PHASE_MAILBOX, ANY, on_open },
	{ CH_LOOK, PHASE_MAILBOX, ANY, on_look },
	{ CH_MARK, PHASE_MAILBOX, VIEW_MESSAGES_MAX / (8 * CHANNEL_SET) + 1,
	    on_mark },
	{ CH_UPDATE, PHASE_MAILBOX, 1, on_update },
	{ CH_TRACE, PHASE_ANY, ANY, on_trace },
	{ CH_DEBUG, PHASE_ANY, ANY, on_debug },
	{ CH_END, PHASE_ANY, 1, on_end },
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
rules_broken(struct back *back)
{
	log_warnx("the front broke the rules: %s, phase %d",
	    channel_name(back->record.type), (int)back->phase);
	back->over = back->broken = true;
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
	if (n == -1) {
		log_warnx("the front broke the rules: bad record, phase %d",
		    (int)back->phase);
		back->over = back->broken = true;
		return;
	}
	request = request_find(back);
	if (request == NULL) {
		rules_broken(back);
		return;
	}
	if (back->seen[request->type] < ANY)
		back->seen[request->type]++;
	request->run(back);
}
