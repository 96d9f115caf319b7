/*
 * hijack_test.c - a front that has been taken over: what it gets from the
 * back is a refusal and the end of the session, in bounded time, and nothing
 * else.
 *
 * The front here is the test's, and is not even closed in: it may do what it
 * likes with its channel.  After each attack the mailbox must be what it was,
 * the log must say what happened, and no process may be left.
 */

#include "hijack_front.h"

static void
test_types(void)
{
	static const uint32_t free_types[] = {CH_TRACE, CH_DEBUG, CH_END};
	static const uint32_t login_types[] = {
	    CH_PASSWORD, CH_DIGEST, CH_EXTERNAL};
	static const uint32_t mailbox_types[] = {
	    CH_OPEN, CH_LOOK, CH_MARK, CH_UPDATE};
	struct attack a = {.log = NULL, .lines = -1};
	char detail[80];
	bool allowed;
	size_t i;

	for (try_phase = 1; try_phase <= 8; try_phase *= 2) {
		for (try_type = 0; try_type < CHANNEL_TYPES + 3; try_type++) {
			allowed = false;
			for (i = 0; i < ARRAY_SIZE(free_types); i++)
				allowed |= try_type == free_types[i];
			for (i = 0; i < ARRAY_SIZE(login_types); i++)
				allowed |= try_phase == 1 &&
				    try_type == login_types[i];
			for (i = 0; i < ARRAY_SIZE(mailbox_types); i++)
				allowed |= try_phase == 2 &&
				    try_type == mailbox_types[i];
			allowed |= try_phase == 8 && try_type == CH_STEP;
			a.name = allowed ? "may come: " : "may not come: ";
			a.front = allowed ? front_allowed : front_type;
			a.log = allowed ? NULL : "the front broke the rules: ";
			a.answers = allowed ? -1 : 0;
			a.lines = allowed ? -1 : 0;
			text_cut(detail, sizeof(detail), "%s (%u) in phase %d",
			    channel_name(try_type), try_type, try_phase);
			attack(&a, detail);
		}
	}
}

static void
test_types_beyond(void)
{
	static const uint32_t types[] = {64, 255, 256, 65535, 65536 + CH_END,
	    0x7fffffff, 0x80000000U | CH_PASSWORD, UINT32_MAX};
	const struct attack a = {"no such type", front_type, 0,
	    "the front broke the rules: bad record", 0, 0};
	size_t i;

	try_phase = 2;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		try_type = types[i];
		attack(&a, "");
	}
}

static void
test_nonsense(void)
{
	static const size_t sizes[] = {1, 3, 4, 7, 8, 9, 12, 100, 520, 776,
	    sizeof(struct record) - 1, sizeof(struct record),
	    sizeof(struct record) + 1, 65536, 150000};
	static const int values[] = {0x00, 0xff, 0x41, 0x02};
	static const int lies[] = {-512, -8, -1, 1, 8, 1000};
	struct attack a = {
	    "", front_octets, 0, "the front broke the rules: bad record", 0, 0};
	char detail[80];
	size_t i, k;

	for (try_phase = 1; try_phase <= 2; try_phase++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (k = 0; k < ARRAY_SIZE(values); k++) {
				try_size = sizes[i];
				try_value = (uint64_t)values[k];
				text_cut(detail, sizeof(detail),
				    "%zu octets of %#x in phase %d", sizes[i],
				    (unsigned)values[k], try_phase);
				attack(&a, detail);
			}
		}
	}
	try_phase = 2;
	a.front = front_length;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		try_size = 0;
		try_value = (uint64_t)(int64_t)lies[i];
		attack(&a, "a length that is not the packet's");
		try_size = (size_t)try_value;
		attack(&a, "a length that is not the type's");
		try_value = 0;
		attack(&a, "a packet that is not its length");
	}
	/* An empty packet looks like the channel's end, and is one. */
	a.log = "DISCONNECTED";
	a.front = front_octets;
	try_size = 0;
	attack(&a, "an empty packet");
	a.front = front_random;
	a.log = "the front broke the rules: ";
	for (try_value = 1; try_value <= 60; try_value++) {
		try_phase = 1 + (int)(try_value & 1);
		attack(&a, "random octets");
	}
}

/* One field of a record that may come. */
static const struct field {
	const char *name;
	int phase;
	uint32_t type;
	size_t place, size;
	int value;
} fields[] = {
    /* clang-format off */
	{ "a name without NUL", 1, CH_PASSWORD, 0, CHANNEL_NAME, 'a' },
	{ "a password without NUL", 1, CH_PASSWORD, CHANNEL_NAME,
	    CHANNEL_SECRET, 'a' },
	{ "a digest's name without NUL", 1, CH_DIGEST, 0, CHANNEL_NAME, 'a' },
	{ "no such mechanism", 1, CH_STEP, 0, 1, MECHANISM_LIMIT },
	{ "a step given twice", 8, CH_STEP, 4, 1, 2 },
	{ "a step of 2^32 - 1 octets", 8, CH_STEP, 8, 4, 0xff },
	{ "an external name without NUL", 1, CH_EXTERNAL, 0, CHANNEL_NAME,
	    'a' },
	{ "a trace without NUL", 1, CH_TRACE, 0, CHANNEL_TEXT, 'a' },
	{ "a trace with LF", 1, CH_TRACE, 3, 1, '\n' },
	{ "a trace with a control", 1, CH_TRACE, 0, 8, 0x1b },
	{ "a debug with 8 bits", 2, CH_DEBUG, 0, 8, 0xe4 },
	{ "a debug with DEL", 2, CH_DEBUG, 0, 1, 0x7f },
	{ "a debug without NUL", 2, CH_DEBUG, 0, CHANNEL_TEXT, 'x' },
	{ "a look at 2^32 - 1", 2, CH_LOOK, 0, 4, 0xff },
	{ "a look at many", 2, CH_LOOK, 4, 1, 2 },
	{ "a mark at 2^32 - 1", 2, CH_MARK, 0, 4, 0xff },
	{ "an update of no known kind", 2, CH_UPDATE, 0, 1, 2 },
	{ "an end of no known kind", 2, CH_END, 0, 1, END_LIMIT },
	{ "an end of no known kind", 1, CH_END, 0, 4, 0xff },
    /* clang-format on */
};

static void
test_fields(void)
{
	struct attack a = {
	    "", front_field, 0, "the front broke the rules: bad record", 0, 0};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		a.name = fields[i].name;
		/* A control octet must be within the text to be seen. */
		try_phase = fields[i].phase;
		try_type = fields[i].type;
		try_place = fields[i].place;
		try_size = fields[i].size;
		try_value = (uint64_t)fields[i].value;
		if (try_place == 3) {
			try_place = 0;
			try_size = 4;
		}
		attack(&a, "");
	}
	/* Within the limits of the channel, but not of this mailbox. */
	a.log = "the front marked messages that are not there";
	try_phase = 2;
	try_type = CH_MARK;
	try_place = 0;
	try_size = 1;
	for (try_value = 1; try_value <= 8; try_value *= 2) {
		a.name = "a mark that is no multiple";
		attack(&a, "");
	}
	a.name = "a mark beyond the mailbox";
	try_place = 1;
	try_value = 0x20; /* 8192 */
	attack(&a, "");
}

static void
test_descriptors(void)
{
	static const size_t counts[] = {1, 2, 16, 17, 253};
	static const struct {
		uint32_t type;
		size_t size;
		int phase;
	} records[] = {{CH_PASSWORD, sizeof(struct ch_password), 1},
	    {CH_TRACE, sizeof(struct ch_text), 1},
	    {CH_LOOK, sizeof(struct ch_range), 2},
	    {CH_MARK, sizeof(struct ch_mark), 2},
	    {CH_UPDATE, sizeof(struct ch_update), 2},
	    {CH_END, sizeof(struct ch_end), 2},
	    {CH_END, sizeof(struct ch_end), 4}};
	const struct attack a = {"descriptors with ", front_descriptors, 0,
	    "the front broke the rules: bad record", 0, 0};
	char detail[80];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(records); i++) {
		for (k = 0; k < ARRAY_SIZE(counts); k++) {
			try_type = records[i].type;
			try_size = records[i].size;
			try_phase = records[i].phase;
			try_count = counts[k];
			text_cut(detail, sizeof(detail), "%s: %zu",
			    channel_name(try_type), try_count);
			attack(&a, detail);
		}
	}
}

static void
test_order(void)
{
	static const struct attack attacks[] = {
	    {"UPDATE twice", front_update_twice, 0,
		"the front broke the rules: update, phase 4", -1, 0},
	    {"marks after the update", front_mark_after_update, 0,
		"the front broke the rules: mark, phase 4", 0, 0},
	    {"END twice, and a login after it", front_end_twice, 0,
		"DISCONNECTED, user=", 0, 0},
	    {"END, and it lives on", front_end_and_live, 0,
		"DISCONNECTED, user=", 0, 0},
	    {"the channel closed, and it lives on", front_close_and_live, 0,
		"DISCONNECTED, user=", 0, 0},
	    {"marks without an update", front_mark_and_go, 0,
		"DISCONNECTED, user=", 0, 0},
	    {"3000 marks", front_mark_flood, 0,
		"the front broke the rules: mark, phase 2", 0, 0},
	    {"everything marked, and bits beyond it", front_mark_all, CHANGES,
		"DISCONNECTED, user=", 1, 0},
	    {"an update of a read-only mailbox", front_mark_all, READ_ONLY,
		"is read-only", 1, 0},
	    {"an update of a kept mailbox", front_mark_all, KEPT,
		"the front marked messages that are kept", 0, 0},
	    {"an update where the access file has read-only", front_mark_all,
		UNCHANGED, "is read-only", 1, 0},
	    {"a look beyond the mailbox", front_look_beyond, 0,
		"DISCONNECTED, user=", 4, 0}};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attacks); i++)
		attack(&attacks[i], "");
}

static void
test_deaths(void)
{
	static const int signals[] = {
	    SIGSEGV, SIGSYS, SIGKILL, SIGABRT, SIGTERM, SIGBUS};
	struct attack a = {"death by signal ", front_die, 0, NULL, 0, 0};
	char detail[80], log[80];
	size_t i;

	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		for (i = 0; i < ARRAY_SIZE(signals); i++) {
			try_value = (uint64_t)signals[i];
			text_cut(detail, sizeof(detail), "%d in phase %d",
			    signals[i], try_phase);
			text_cut(log, sizeof(log),
			    "the front died of signal %d", signals[i]);
			a.log = log;
			attack(&a, detail);
		}
	}
	a.name = "marks, then death";
	a.front = front_mark_and_go;
	try_value = SIGKILL;
	a.log = "the front died of signal 9";
	attack(&a, "");
	a.name = "exit without a word: ";
	a.front = front_exit;
	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		for (try_value = 0; try_value < 3; try_value++) {
			a.log = try_value == 0 ? "DISCONNECTED" : "the front ";
			text_cut(detail, sizeof(detail), "%d in phase %d",
			    (int)try_value, try_phase);
			attack(&a, detail);
		}
	}
	a.name = "a channel shut on one side: ";
	a.front = front_half_close;
	a.log = "DISCONNECTED, user=";
	for (try_value = 0; try_value < 2; try_value++)
		attack(&a, try_value == 0 ? "reading" : "writing");
}

static void
test_floods(void)
{
	struct attack a = {"a flood of ", front_flood, TRACED, NULL, 0, 0};
	struct run *run;
	struct stat st;

	for (try_phase = 1; try_phase <= 4; try_phase *= 2) {
		try_type = CH_TRACE;
		attack(&a, "traces");
		try_type = CH_DEBUG;
		run = run_start(&a);
		run_wait(run);
		ok(log_count(run, "flood %s%n") == 1000,
		    "of 3000 lines in phase %d 1000 are logged", try_phase);
		(void)run_closed(run, 2000);
		run->left = run_left();
		run_judge(run, "debug lines");
		run_free(run);
	}
	ok(stat(world_path("trace"), &st) == 0 && st.st_size > 9000 * 12 &&
		(st.st_mode & 0777) == 0600,
	    "the trace has every line, and is nobody else's");
	(void)unlink(world_path("trace"));
}

static void
test_logins(void)
{
	struct attack a = {"", front_guess, 0, NULL, 3, 3};

	a.name = "many guesses: three are answered, the right one is not";
	try_count = 20;
	attack(&a, "");
	a.name = "three guesses, then the right password";
	try_count = 3;
	attack(&a, "");
	a.name = "EXTERNAL without -a, then again";
	a.front = front_external;
	a.answers = 1;
	a.lines = -1;
	attack(&a, "");
	a.name = "EXTERNAL as another, then as it should be";
	a.how = WITH_A;
	try_value = 1;
	attack(&a, "");
	a.name = "EXTERNAL where -a says so: once";
	a.front = front_external;
	a.how = WITH_A;
	a.log = "the front broke the rules: external, phase 2";
	try_value = 0;
	a.lines = 0;
	attack(&a, "");
	a.log = NULL;
	a.lines = -1;
	a.name = "a password where -a has logged in";
	a.front = front_password;
	a.how = WITH_A | CLOCK;
	attack(&a, "");
	a.name = "a password where none is accepted";
	a.how = NO_PLAINTEXT | CLOCK;
	a.lines = 0;
	attack(&a, "");
}

/* What takes its time runs side by side. */
static void
test_clock(void)
{
	static const struct {
		const char *name;
		void (*front)(const struct front_args *);
		unsigned how;
		const char *log;
		int phase;
		uint32_t type;
	} slow[] = {{"silence before the login", front_silent, CLOCK,
			"killed, ip=[local], port=[0]", 1, 0},
	    {"silence after the update", front_silent, CLOCK, "DISCONNECTED", 4,
		0},
	    {"silence after a mailbox that cannot be opened", front_password,
		CLOCK | BAD_MAILBOX, "DISCONNECTED", 1, 0},
	    {"talk past the login's time", front_talk, CLOCK, "killed", 1,
		CH_TRACE},
	    {"talk after the update", front_talk, CLOCK, "DISCONNECTED", 4,
		CH_DEBUG},
	    {"answers are not read", front_deaf, CLOCK, "DISCONNECTED", 2, 0}};
	struct run *run[ARRAY_SIZE(slow)];
	struct attack a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slow); i++) {
		memset(&a, 0, sizeof(a));
		a.name = slow[i].name;
		a.front = slow[i].front;
		a.how = slow[i].how;
		a.log = slow[i].log;
		a.answers = -1;
		a.lines = 0;
		try_phase = slow[i].phase;
		try_type = slow[i].type;
		run[i] = run_start(&a);
	}
	for (i = 0; i < ARRAY_SIZE(slow); i++)
		run_wait(run[i]);
	for (i = 0; i < ARRAY_SIZE(slow); i++) {
		if (!run_closed(run[i], 2000))
			run[i]->left++;
		run_judge(run[i], "");
		run_free(run[i]);
	}
	(void)run_left();
}

int
main(void)
{
	(void)alarm(600);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fatal("subreaper");
	world_prepare();
	test_order();
	test_deaths();
	test_logins();
	test_floods();
	test_fields();
	test_descriptors();
	test_nonsense();
	test_types_beyond();
	test_types();
	test_clock();
	return hijack_end();
}
