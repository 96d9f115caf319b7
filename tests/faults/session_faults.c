/*
 * session_faults.c - whole sessions of the real program, both drivers: every
 * call of every process fails or kills in turn, mail comes before every call;
 * so in the next session; then power is lost.
 *
 * A point is a call of one process, by its number there: each process's own
 * calls come in the same order each time, those of two do not.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_faults.h"
#include "../unit/tap.h"

static struct world world;
static struct suite suite = {.world = &world};
static long failures;

/* At FAULT_STOP. */
static struct {
	const struct order *order;
	enum delivery delivery;
	bool delivered;
} agent;

void
report(const char *format, ...)
{
	va_list ap;

	if (failures++ >= 20)
		return;
	/* A planted fault is found by its first failure. */
	if (getenv("FAULTS_FIRST") != NULL) {
		printf("not ok - found\n");
		world_close(&world);
		exit(0);
	}
	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

uint32_t
dice(uint32_t below)
{
	static uint32_t state = 2463534242U;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* The mailbox as the session left it, against the words at its end. */
static const char *
end_wrong(struct world *w, const struct told *told, int may_be)
{
	const char *why;
	int is;

	if (told->hung)
		return "the session hangs";
	why = world_told(w, told, &suite.told);
	if (why != NULL)
		return why;
	/* An update that is to be finished is in the middle of it. */
	if (may_be == (IS_BEFORE | IS_AFTER | IS_PARTLY) ||
	    (w->scenario->driver == MBOX && told->quit == REPLY_LATER))
		return NULL;
	is = world_is(w, &why);
	if (is == 0)
		return why;
	if ((is & may_be) != 0)
		return NULL;
	return (is & IS_BEFORE) != 0 ?
	    "nothing is removed, but the answer to QUIT says so" :
	    (is & IS_AFTER) != 0 ?
	    "all is removed, but the answer to QUIT does not say so" :
	    "some are removed, which the answer to QUIT does not say";
}

int
promised(struct world *w, const struct told *told)
{
	bool maildir = w->scenario->driver == MAILDIR;

	if (!told->quit_sent || told->refused)
		return IS_BEFORE;
	switch (told->quit) {
	case REPLY_DONE:
		return IS_AFTER;
	case REPLY_NOTHING:
		return IS_BEFORE;
	case REPLY_LATER:
		return maildir ? 0 : IS_AFTER;
	case REPLY_SOME:
		return maildir ? IS_PARTLY | IS_BEFORE : 0;
	case REPLY_UNSYNCED:
		return maildir ? IS_AFTER | IS_PARTLY : 0;
	case REPLY_NONE:
		break;
	}
	return IS_BEFORE | IS_AFTER | IS_PARTLY;
}

static void
agent_comes(void *argument)
{
	agent.delivered = world_deliver(
	    argument, agent.delivery, order_agent(agent.order), false);
}

static enum delivery
agent_brings(const struct order *order, uint32_t number)
{
	if (world.scenario->driver == MAILDIR)
		return order_agent(order) == AGENT_DOTLOCK ? READER_RENAMES :
							     DELIVER_MAIL;
	return number % 2 == 0 ? DELIVER_MAIL : DELIVER_TWIN;
}

static void
complain(const struct order *order, const struct told *told, const char *hit,
    int delivery, const char *wrong)
{
	char what[64];

	order_name(order, what, sizeof(what));
	report("%s: %s %s's call %u (%s%s), then delivery %d: %s; told: %s",
	    world.scenario->name, what, process_name(order->process), order->at,
	    order->memory ? "memory, " : "", hit, delivery, wrong, told->line);
}

/* What the session left, from here on with each delivery. */
static void
afterwards(const struct order *order, const struct told *told, int may_be)
{
	static struct snapshot left;
	const char *wrong, *hit = run_hit();
	unsigned from, to, d;
	bool unfinished;

	world_save(&world, &left);
	unfinished = world_unfinished(&world, &left.tree);
	if (unfinished &&
	    (order->kind == FAULT_BEFORE || order->kind == FAULT_AFTER ||
		order->kind == FAULT_HALF))
		recovery_keep(
		    &world, atomic_load(&run_shared->changes), may_be);
	from = (order->at + (unsigned)order->kind) % DELIVERIES;
	to = unfinished && suite.full ? from + DELIVERIES : from + 1;
	for (d = from; d < to; d++) {
		if (d != from)
			world_restore(&world, &left);
		world_deliver_surely(&world, (enum delivery)(d % DELIVERIES));
		wrong = world_verdict(&world, may_be);
		suite.runs++;
		if (wrong != NULL)
			complain(
			    order, told, hit, (int)(d % DELIVERIES), wrong);
	}
}

static void
one_fault(const struct order *order)
{
	struct told told;
	const char *wrong = NULL;
	int may_be, hit;

	agent.order = order;
	agent.delivery = agent_brings(order, order->at);
	agent.delivered = true;
	world_reset(&world);
	world_session(&world, order, agent_comes, false, &told);
	suite.runs++;
	hit = atomic_load(&run_shared->hit);
	if (hit == 0) {
		suite.missed++;
		return;
	}
	may_be = promised(&world, &told);
	if (may_be == 0)
		wrong = "that is no answer of this driver";
	else
		wrong = end_wrong(&world, &told, may_be);
	if (wrong == NULL && order_harmless((unsigned)hit - 1, order) &&
	    told.transcript != suite.told.transcript)
		wrong = "that should have made no difference";
	if (wrong != NULL) {
		complain(order, &told, run_hit(), -1, wrong);
		return;
	}
	if (!agent.delivered)
		(void)world_deliver(
		    &world, agent.delivery, AGENT_DOTLOCK | AGENT_FCNTL, true);
	afterwards(order, &told, may_be);
}

/* One kill, one error, at times another, all by turns; or all there is. */
static void
one_point(uint32_t process, uint32_t at, unsigned call)
{
	struct order order = {.process = process, .at = at};
	unsigned turn = at + process, errors = order_errors(call), count = 0;

	suite.points++;
	if (suite.full) {
		while (order_get(call, count++, &order))
			one_fault(&order);
		return;
	}
	while (order_get(call, count, &order))
		count++;
	(void)order_get(call, turn % ORDER_KILLS, &order);
	one_fault(&order);
	if (errors > 0) {
		(void)order_get(call, ORDER_KILLS + turn % errors, &order);
		one_fault(&order);
	}
	errors += ORDER_KILLS;
	if (turn % 2 == 0 &&
	    order_get(call, errors + turn / 2 % (count - errors), &order))
		one_fault(&order);
}

static void
memory_points(unsigned stride)
{
	struct order order = {.kind = FAULT_ERROR, .memory = true};

	for (uint32_t p = 0; p < suite.processes; p++) {
		uint32_t most = suite.memory_calls[p];

		order.process = p;
		order.at = 1 + dice(most < stride ? most + 1 : stride);
		for (; order.at <= suite.memory_calls[p]; order.at += stride) {
			one_fault(&order);
			suite.points++;
		}
	}
}

/* The session as it should be; its calls are the points. */
static void
baseline_run(void)
{
	world_reset(&world);
	memset(&suite.told, 0, sizeof(suite.told));
	world_session(&world, NULL, NULL, false, &suite.told);
	suite.processes = atomic_load(&run_shared->processes);
	memcpy(suite.calls, run_shared->calls, sizeof(suite.calls));
	memcpy(suite.memory_calls, run_shared->memory_calls,
	    sizeof(suite.memory_calls));
	memcpy(suite.trace, run_shared->trace, sizeof(suite.trace));
}

static bool
baseline(void)
{
	const char *wrong;

	baseline_run();
	wrong = end_wrong(&world, &suite.told, promised(&world, &suite.told));
	if (wrong == NULL && world.scenario->quit &&
	    suite.told.quit != REPLY_DONE)
		wrong = suite.told.line;
	if (wrong == NULL)
		wrong = world_verdict(&world, promised(&world, &suite.told));
	if (wrong != NULL)
		report("%s: without a fault: %s", world.scenario->name, wrong);
	return wrong == NULL;
}

static void
judge(const char *what, long points, const char *more)
{
	ok(failures == 0 && points > 0,
	    "%s: %s: %ld points, %ld runs%s, %ld wrong", world.scenario->name,
	    what, points, suite.runs, more, failures);
	failures = suite.runs = suite.points = suite.missed = 0;
}

static long
calls_in_all(void)
{
	long sum = 0;

	for (uint32_t p = 0; p < suite.processes; p++)
		sum += suite.calls[p];
	return sum;
}

static void
scenario_run(const struct scenario *scenario)
{
	bool every = suite.full || scenario->major;
	unsigned stride = every ? 1 : 11, turn = 0;
	char more[80];
	long all;

	world_begin(&world, scenario);
	if (!baseline()) {
		judge("without a fault", 1, "");
		return;
	}
	all = calls_in_all();
	for (uint32_t p = 0; p < suite.processes; p++)
		for (uint32_t at = 1; at <= suite.calls[p]; at++)
			if (turn++ % stride == 0)
				one_point(p, at, suite.trace[p][at]);
	(void)snprintf(more, sizeof(more),
	    " of %ld calls (%ld times it came not so far)", all, suite.missed);
	judge("a fault at a call", suite.points, more);
	memory_points(suite.full ? (scenario->major ? 1 : 7) : every ? 17 : 61);
	judge("no memory", suite.points, "");
	if (scenario->driver == MBOX && scenario->quit) {
		recovery_run(&suite);
		if (suite.points > 0)
			judge("and in its recovery", suite.points, "");
	}
	if (!scenario->quit)
		return;
	power_run(&suite);
	(void)snprintf(more, sizeof(more), ", %ld disks", suite.states);
	judge("power lost", suite.points, more);
	suite.states = 0;
}

/* For session.t: what strace must find. */
static void
trace_run(const struct scenario *scenario)
{
	world_begin(&world, scenario);
	run_shared->marks = true;
	baseline_run();
	run_shared->marks = false;
	printf("# trace %s\n", scenario->name);
	for (uint32_t p = 0; p < suite.processes; p++)
		for (uint32_t at = 1; at <= suite.calls[p]; at++)
			printf("# call %u %u %s\n", p, at,
			    call_name(suite.trace[p][at]));
}

/* FAULTS_PART=n/m: every m-th scenario. */
static bool
is_mine(size_t i)
{
	const char *only = getenv("FAULTS_ONLY"), *part = getenv("FAULTS_PART");
	unsigned n, m;

	if (only != NULL)
		return strcmp(only, scenarios[i].name) == 0;
	return part == NULL || sscanf(part, "%u/%u", &n, &m) != 2 || m == 0 ||
	    i % m == n;
}

int
main(int argc, char **argv)
{
	const char *env = getenv("FAULTS");

	if (argc != 3) {
		printf("Bail out! session PROGRAMS SHARED\n");
		return 1;
	}
	suite.full = env != NULL && strcmp(env, "full") == 0;
	run_open(argv[1], argv[2]);
	world_open(&world);
	for (size_t i = 0; i < scenario_count; i++) {
		if (!is_mine(i))
			continue;
		if (getenv("SESSION_STRACE") != NULL)
			trace_run(&scenarios[i]);
		else
			scenario_run(&scenarios[i]);
	}
	world_close(&world);
	return getenv("SESSION_STRACE") != NULL ? 0 : tap_end();
}
