/*
 * session_faults.h - what the parts of the suite do for each other.
 */

#ifndef SESSION_FAULTS_H
#define SESSION_FAULTS_H

#include "session_world.h"

struct suite {
	struct world *world;
	bool full;
	struct told told; /* of the session without faults */
	uint32_t processes, calls[SESSION_PROCESSES];
	uint32_t memory_calls[SESSION_PROCESSES];
	uint8_t trace[SESSION_PROCESSES][SESSION_TRACE];
	long points, runs, missed, states; /* tried */
};

/* What the answers and the end of a session leave open; 0: they are wrong. */
int promised(struct world *world, const struct told *told);

/* A failure's line, the first few of them. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Numbers that look random, the same in every run. */
uint32_t dice(uint32_t below);

/* session_recovery.c: snapshots of what was left; then their recoveries. */
void recovery_keep(struct world *world, uint32_t key, int may_be);
void recovery_run(struct suite *suite);

/* session_power.c */
void power_run(struct suite *suite);

/*
 * session_orders.c: the orders for one call: ORDER_KILLS kills, then its
 * errors, then others; false: no more.
 */
#define ORDER_KILLS 4
unsigned order_errors(unsigned call);
bool order_get(unsigned call, unsigned number, struct order *order);
void order_name(const struct order *order, char *text, size_t size);

/* Which agent delivers at FAULT_STOP, by the order. */
unsigned order_agent(const struct order *order);

/* A fault that must change nothing. */
bool order_harmless(unsigned call, const struct order *order);

const char *process_name(unsigned process);

#endif
