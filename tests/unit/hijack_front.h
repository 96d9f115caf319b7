/*
 * hijack_front.h - fronts that were taken over: each does one thing that the
 * back must not bear, or bears for a while.
 */

#ifndef HIJACK_FRONT_H
#define HIJACK_FRONT_H

#include "hijack_say.h"

static void
front_type(const struct front_args *args)
{
	static struct record r;
	int fd = args->channel;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	try_size = HEAD;
	/* Whatever length the table has for it. */
	if (strcmp(channel_name(try_type), "unknown") != 0) {
		for (r.type = try_type; try_size <= sizeof(r); try_size++) {
			r.length = (uint32_t)try_size;
			if (channel_check(&r, try_size) == 0)
				break;
		}
	}
	r.type = try_type;
	r.length = (uint32_t)try_size;
	send_octets(fd, &r, try_size, NULL, 0);
	stay(fd);
}

/* A type that may come: nothing bad must happen. */
static void
front_allowed(const struct front_args *args)
{
	int fd = args->channel;
	struct record r;

	enter(args, try_phase);
	say(fd, try_type, NULL);
	if (try_type == CH_END)
		_exit(0);
	if (try_type < CH_TRACE && try_type != CH_MARK)
		(void)answer_read(fd, &r);
	leave(fd);
}

/* try_size octets, all of them try_value. */
static void
front_octets(const struct front_args *args)
{
	static char octets[256 * 1024];

	enter(args, try_phase);
	memset(octets, (int)try_value, sizeof(octets));
	send_octets(args->channel, octets, try_size, NULL, 0);
	stay(args->channel);
}

/* A right record but for its length: in the head, and in truth. */
static void
front_length(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	r.type = CH_TRACE;
	r.length = (uint32_t)(HEAD + sizeof(r.u.text) + try_value);
	send_octets(
	    args->channel, &r, HEAD + sizeof(r.u.text) + try_size, NULL, 0);
	stay(args->channel);
}

/* try_size octets at try_place of a record's body are try_value. */
static void
front_field(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	memset(&r, 0, sizeof(r));
	memset((char *)&r.u + try_place, (int)try_value, try_size);
	say(args->channel, try_type, &r);
	stay(args->channel);
}

static void
front_random(const struct front_args *args)
{
	static uint8_t octets[sizeof(struct record) + 64];
	uint64_t state = try_value * 0x9e3779b97f4a7c15U + 1;
	uint32_t head[2];
	size_t i, length;

	enter(args, try_phase);
	for (i = 0; i < sizeof(octets); i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		octets[i] = (uint8_t)(state >> 24);
	}
	length = 1 + (size_t)(state >> 8) % sizeof(octets);
	/* Half of them with a head that is right. */
	if ((state & 1) != 0) {
		head[0] = octets[0] % CHANNEL_TYPES;
		head[1] = (uint32_t)length;
		memcpy(octets, head, sizeof(head));
	}
	send_octets(args->channel, octets, length, NULL, 0);
	stay(args->channel);
}

static void
front_descriptors(const struct front_args *args)
{
	static struct record r;
	int descriptors[256];
	size_t i;

	enter(args, try_phase);
	for (i = 0; i < try_count; i++)
		descriptors[i] = i % 3 == 0 ? STDIN_FILENO :
		    i % 3 == 1              ? args->channel :
					      open("/", O_RDONLY);
	memset(&r, 0, sizeof(r));
	r.type = try_type;
	r.length = (uint32_t)(HEAD + try_size);
	send_octets(args->channel, &r, HEAD + try_size, descriptors, try_count);
	stay(args->channel);
}

static void
front_update_twice(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_UPDATE, NULL);
	say(args->channel, CH_UPDATE, NULL);
	stay(args->channel);
}

static void
front_mark_after_update(const struct front_args *args)
{
	static struct record r;

	enter(args, 4);
	r.u.mark.deleted[0] = 0xff;
	say(args->channel, CH_MARK, &r);
	say(args->channel, CH_UPDATE, NULL);
	stay(args->channel);
}

static void
front_end_twice(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_END, NULL);
	say(args->channel, CH_END, NULL);
	password(args->channel, user, SECRET);
	_exit(0);
}

static void
front_end_and_live(const struct front_args *args)
{
	enter(args, 2);
	say(args->channel, CH_END, NULL);
	live_on();
}

static void
front_close_and_live(const struct front_args *args)
{
	enter(args, 2);
	(void)close(args->channel);
	live_on();
}

static void
front_half_close(const struct front_args *args)
{
	enter(args, 2);
	(void)shutdown(args->channel, try_value == 0 ? SHUT_RD : SHUT_WR);
	say(args->channel, CH_LOOK, NULL);
	if (try_value == 0)
		(void)close(args->channel);
	live_on();
}

static void
front_die(const struct front_args *args)
{
	const struct rlimit none = {0, 0};

	enter(args, try_phase);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal((int)try_value, SIG_DFL);
	(void)raise((int)try_value);
	_exit(0);
}

static void
front_exit(const struct front_args *args)
{
	enter(args, try_phase);
	_exit((int)try_value);
}

/* Marks of everything, and of what is not there; then no update. */
static void
front_mark_and_go(const struct front_args *args)
{
	static struct record r;
	int i;

	enter(args, 2);
	memset(&r.u.mark, 0xff, sizeof(r.u.mark));
	r.u.mark.first = 0;
	for (i = 0; i < 10; i++)
		say(args->channel, CH_MARK, &r);
	if (try_value != 0)
		(void)raise((int)try_value);
	leave(args->channel);
}

static void
front_mark_flood(const struct front_args *args)
{
	int i;

	enter(args, 2);
	for (i = 0; i < 3000; i++)
		say(args->channel, CH_MARK, NULL);
	stay(args->channel);
}

/* All of it is deleted, and bits beyond the last message: as if by DELE. */
static void
front_mark_all(const struct front_args *args)
{
	static struct record r;

	enter(args, 2);
	memset(&r.u.mark, 0xff, sizeof(r.u.mark));
	r.u.mark.first = 0;
	say(args->channel, CH_MARK, &r);
	say(args->channel, CH_UPDATE, NULL);
	(void)answer_read(args->channel, &r);
	leave(args->channel);
}

static void
front_look_beyond(const struct front_args *args)
{
	static const uint32_t beyond[] = {
	    MESSAGES, MESSAGES + 1, 8191, VIEW_INDEX_MAX};
	static struct record r;
	size_t i;

	enter(args, 2);
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		memset(&r, 0, sizeof(r));
		r.u.range.first = beyond[i];
		r.u.range.count = 1;
		say(args->channel, CH_LOOK, &r);
		(void)answer_read(args->channel, &r);
	}
	leave(args->channel);
}

/* Asks and asks, and reads nothing. */
static void
front_deaf(const struct front_args *args)
{
	static struct record r;
	int i;

	enter(args, 2);
	r.u.range.count = 1;
	for (i = 0; i < 20000; i++)
		say(args->channel, CH_LOOK, &r);
	live_on();
}

static void
front_flood(const struct front_args *args)
{
	static struct record r;
	unsigned i;

	enter(args, try_phase);
	text_cut(r.u.text.text, sizeof(r.u.text.text), "flood %%s%%n");
	for (i = 0; i < 3000; i++)
		say(args->channel, try_type, &r);
	leave(args->channel);
}

/* Talks without end, so that nobody shall look at the clock. */
static void
front_talk(const struct front_args *args)
{
	static struct record r;

	enter(args, try_phase);
	for (;;) {
		if (channel_write(args->channel, &r, try_type, NULL, 0) == -1)
			live_on();
	}
}

static void
front_silent(const struct front_args *args)
{
	enter(args, try_phase);
	stay(args->channel);
}

/* Guesses, and the right password at last. */
static void
front_guess(const struct front_args *args)
{
	static struct record r;
	size_t i;

	for (i = 0; i < try_count; i++) {
		password(args->channel, user, "a wrong one");
		if (!answer_read(args->channel, &r))
			live_on();
	}
	password(args->channel, user, SECRET);
	stay(args->channel);
}

/* A login that cannot be, then one that could. */
static void
front_external(const struct front_args *args)
{
	static struct record r;

	if (try_value != 0)
		text_cut(
		    r.u.external.name, sizeof(r.u.external.name), "another");
	say(args->channel, CH_EXTERNAL, &r);
	(void)answer_read(args->channel, &r);
	say(args->channel, CH_EXTERNAL, NULL);
	stay(args->channel);
}

static void
front_password(const struct front_args *args)
{
	password(args->channel, user, SECRET);
	stay(args->channel);
}

#endif
