/*
 * journal_hostile_test.c - journals that are damaged, lie, or belong to
 * another file: none may harm a file.
 */

#include "journal_files.h"
#include "journal/format.h"

/* After journal_finish() of what does not fit: nothing has changed. */
static bool
aside(int fd, const struct text *now)
{
	enum journal_state state;

	return journal_finish(&place, fd, &state) == 0 &&
	    state == JOURNAL_ASIDE && !has("j") && has("j.aside") &&
	    is_without(fd, now, NULL, 0, NULL);
}

static struct text
text_load(const char *name)
{
	struct text text = {2000000, malloc(2000000)};
	int fd = openat(directory, name, O_RDONLY);
	ssize_t got = -1;

	if (fd != -1 && text.p != NULL)
		got = pread_full(fd, text.p, text.size, 0);
	if (got == -1)
		broken(name);
	text.size = (size_t)got;
	(void)close(fd);
	return text;
}

static void
text_store(const char *name, const struct text *text)
{
	int fd = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || pwrite_full(fd, text->p, text->size, 0) == -1)
		broken(name);
	(void)close(fd);
}

/* What became of a file whose journal was tampered with. */
struct toll {
	size_t finished, set_aside, harmed;
};

static void
toll_take(struct toll *toll, const struct text *text, const struct text *now,
    const struct text *journal)
{
	enum journal_state state;
	int fd;

	text_store("j", journal);
	text_store("f", now);
	fd = file_reopen();
	if (journal_finish(&place, fd, &state) == -1)
		toll->harmed++;
	else if (state == JOURNAL_FINISHED &&
	    is_without(fd, text, holes, 3, NULL))
		toll->finished++;
	else if (state == JOURNAL_ASIDE && is_without(fd, now, NULL, 0, NULL))
		toll->set_aside++;
	else
		toll->harmed++;
	(void)close(fd);
}

static void
test_corrupt(void)
{
	struct text text, journal, now, bad;
	struct toll wrong = {0}, cut = {0};
	size_t step;

	text = interrupted(SIZE, holes, 3, LIMIT);
	journal = text_load("j");
	now = text_load("f");
	bad.p = malloc(journal.size);
	if (bad.p == NULL)
		broken("malloc");
	for (size_t at = 0; at < journal.size; at += step) {
		step = at % BLOCK_SIZE < 140 && at < RANGES_AT ? 1 : 97;
		memcpy(bad.p, journal.p, bad.size = journal.size);
		bad.p[at] ^= (unsigned char)(1 + at % 255);
		toll_take(&wrong, &text, &now, &bad);
	}
	ok(wrong.harmed == 0 && wrong.finished > 0 && wrong.set_aside > 0,
	    "a wrong octet: finished %zu, set aside %zu, harmed %zu",
	    wrong.finished, wrong.set_aside, wrong.harmed);
	for (bad.size = 0; bad.size < journal.size; bad.size += 509) {
		memcpy(bad.p, journal.p, bad.size);
		toll_take(&cut, &text, &now, &bad);
	}
	ok(cut.harmed == 0 && cut.finished == 0,
	    "cut short: set aside %zu, harmed %zu", cut.set_aside, cut.harmed);
	free(bad.p);
	free(journal.p);
	free(now.p);
	free(text.p);
}

/* The two records of a journal, and which of them counts. */
static size_t
records_get(
    const struct text *journal, struct header *header, struct record records[2])
{
	if (header_get(header, journal->p) != BLOCK_GOOD)
		broken("the header");
	for (size_t i = 0; i < 2; i++) {
		if (record_get(&records[i], header, journal->p + SLOT_AT(i)) !=
		    BLOCK_GOOD)
			broken("a record");
	}
	return records[1].sequence > records[0].sequence ? 1 : 0;
}

/* Whole journals, well summed, that say what cannot be. */
static void
test_hostile(void)
{
	struct text text, journal, now, bad;
	struct header header;
	struct record records[2], record;
	struct toll toll = {0};
	size_t slot;
	uint64_t *const fields[] = {&header.device, &header.inode,
	    &header.count, &header.first, &header.end, &header.removed,
	    &header.ranges_sum, &header.data_at, &header.data_size,
	    &record.sequence, &record.size, &record.moved, &record.window_at,
	    &record.window_size, &record.window_sum};
	const uint64_t values[] = {0, 1, 31, 4096, SIZE, SIZE * 2, INT64_MAX,
	    INT64_MAX - 4096, UINT64_MAX, UINT64_MAX - 15, (uint64_t)1 << 60};

	text = interrupted(SIZE, holes, 3, LIMIT);
	journal = text_load("j");
	now = text_load("f");
	bad = text_load("j");
	for (size_t i = 0; i < ARRAY_SIZE(fields) * ARRAY_SIZE(values); i++) {
		uint64_t *field = fields[i / ARRAY_SIZE(values)];
		uint64_t value = values[i % ARRAY_SIZE(values)];

		/* No window, or older: what could be true stands. */
		if (value == 0 &&
		    (field == &record.window_size || field == &record.sequence))
			continue;
		slot = records_get(&journal, &header, records);
		record = records[slot];
		*field = value;
		memcpy(bad.p, journal.p, journal.size);
		header_put(bad.p, &header);
		record_put(bad.p + SLOT_AT(slot), &record);
		toll_take(&toll, &text, &now, &bad);
	}
	ok(toll.harmed == 0 && toll.set_aside > 0,
	    "numbers out of bounds: finished %zu, set aside %zu, harmed %zu",
	    toll.finished, toll.set_aside, toll.harmed);
	free(bad.p);
	free(journal.p);
	free(now.p);
	free(text.p);
}

#define LATER 250000 /* some records after LIMIT */

/* Recovery that can write nothing into the file above LATER. */
static void
finish_limited(void)
{
	const struct rlimit limit = {LATER, LATER};
	enum journal_state state;
	int status, fd = file_reopen();
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) == -1)
			_exit(1);
		_exit(journal_finish(&place, fd, &state) == -1 ? 0 : 2);
	}
	(void)close(fd);
	if (child == -1 || waitpid(child, &status, 0) != child || status != 0)
		broken("child");
}

/* The second copy in a slot is that of another record, so much later. */
static void
copy_put(
    struct text *journal, size_t slot, struct record record, uint64_t later)
{
	unsigned char block[BLOCK_SIZE];

	record.sequence += later;
	record.window_size = 0;
	record_put(block, &record);
	memcpy(
	    journal->p + SLOT_AT(slot) + BLOCK_SIZE / 2, block, BLOCK_SIZE / 2);
}

/* Power went while a record was written: its block has old and new. */
static void
test_mixed(void)
{
	struct text text, now, journal, after;
	struct header header;
	struct record records[2];
	struct toll toll = {0};
	bool same = true;
	size_t newer, half = BLOCK_SIZE / 2;

	text = interrupted(SIZE, holes, 3, LATER);
	now = text_load("f");
	journal = text_load("j");
	newer = records_get(&journal, &header, records);
	/* The block of the record in force has one before it in its 2nd copy */
	copy_put(&journal, newer, records[newer], (uint64_t)-2);
	/* and that of the other a later one that never was in force. */
	copy_put(&journal, !newer, records[!newer], 2);
	text_store("j", &journal);
	finish_limited();
	after = text_load("j");
	for (size_t i = 0; i < 2; i++)
		same = same &&
		    memcmp(after.p + SLOT_AT(i), after.p + SLOT_AT(i) + half,
			half) == 0;
	ok(same, "copies of other records do not outlive a recovery");
	toll_take(&toll, &text, &now, &journal);
	/* While the other is emptied: the record three before is left. */
	copy_put(&journal, !newer, records[!newer], (uint64_t)-2);
	toll_take(&toll, &text, &now, &journal);
	memset(journal.p + SLOT_AT(!newer), 0, half);
	toll_take(&toll, &text, &now, &journal);
	ok(toll.finished == 3, "with them it is finished: %zu of 3",
	    toll.finished);
	free(after.p);
	free(journal.p);
	free(now.p);
	free(text.p);
}

static void
test_foreign(void)
{
	struct text text, now;
	int fd;

	text = interrupted(SIZE, holes, 3, LIMIT);
	now = text_load("f");
	if (renameat(directory, "f", directory, "g") == -1)
		broken("g");
	fd = file_make(&now);
	ok(aside(fd, &now), "the journal of another file is set aside");
	(void)close(fd);
	(void)unlinkat(directory, "g", 0);
	free(now.p);
	free(text.p);

	text = interrupted(SIZE, holes, 3, LIMIT);
	fd = file_reopen();
	if (ftruncate(fd, SIZE - 500) == -1)
		broken("f");
	now = text_load("f");
	ok(aside(fd, &now), "or of one that was cut");
	file_append(text.p, 600);
	(void)close(fd);
	free(now.p);
	free(text.p);

	text = interrupted(SIZE, holes, 3, LIMIT);
	fd = file_reopen();
	if (ftruncate(fd, SIZE - 500) == -1)
		broken("f");
	file_append(text.p, 600);
	now = text_load("f");
	ok(aside(fd, &now), "or of one that was cut, and grew again");
	(void)close(fd);
	free(now.p);
	free(text.p);
}

/* What stands under the journal's name is none. */
static void
test_no_journal(void)
{
	struct text text = text_make(5000), now;
	enum journal_state state;
	int fd = file_make(&text);

	if (symlinkat("f", directory, "j") == -1)
		broken("j");
	now = text_load("f");
	ok(aside(fd, &now), "a symbolic link");
	(void)unlinkat(directory, "j.aside", 0);
	if (mkfifoat(directory, "j", 0600) == -1)
		broken("j");
	ok(aside(fd, &now), "a FIFO");
	if (linkat(directory, "f", directory, "j", 0) == -1)
		broken("j");
	ok(aside(fd, &now), "the file itself, by a second link");
	(void)unlinkat(directory, "j.aside", 0);
	(void)close(openat(directory, "j", O_CREAT | O_RDWR, 0600));
	ok(aside(fd, &now), "an empty file");
	(void)unlinkat(directory, "j.aside", 0);
	(void)close(openat(directory, "j.new", O_CREAT | O_RDWR, 0600));
	ok(journal_finish(&place, fd, &state) == 0 && state == JOURNAL_NONE &&
		!has("j.new"),
	    "one that never got its name goes");
	(void)close(fd);
	free(now.p);
	free(text.p);
}

int
main(void)
{
	files_open();
	place.space = 65536;
	test_corrupt();
	test_hostile();
	test_mixed();
	test_foreign();
	test_no_journal();
	files_close();
	return tap_end();
}
