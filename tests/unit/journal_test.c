/*
 * journal_test.c - taking ranges out of files, whole and interrupted.
 *
 * What happens at every single system call is tests/faults/journal.t's.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "journal/format.h"
#include "tap.h"

#define SPACE ((uint64_t)8 << 20)

static char folder[64];
static int directory;
static struct journal_place place;

struct text {
	size_t size;
	unsigned char *p;
};

static void
broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct text
text_make(size_t size)
{
	struct text text = { size, malloc(size + 1) };
	uint64_t n = 88172645463325252U;

	if (text.p == NULL)
		broken("malloc");
	for (size_t i = 0; i < size; i++) {
		n ^= n << 13;
		n ^= n >> 7;
		n ^= n << 17;
		text.p[i] = (unsigned char)(' ' + n % 90);
	}
	return text;
}

static int
file_make(const struct text *text)
{
	int fd = openat(directory, "f", O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || pwrite_full(fd, text->p, text->size, 0) == -1)
		broken("f");
	return fd;
}

static int
file_reopen(void)
{
	int fd = openat(directory, "f", O_RDWR);

	if (fd == -1)
		broken("f");
	return fd;
}

static void
file_append(const void *p, size_t length)
{
	int fd = openat(directory, "f", O_WRONLY | O_APPEND);

	if (fd == -1 || write_full(fd, p, length) == -1)
		broken("append");
	(void)close(fd);
}

static bool
has(const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The file is text without the ranges, and then more. */
static bool
is_without(int fd, const struct text *text, const struct journal_range *r,
    size_t count, const struct text *more)
{
	struct text now = { text->size + 1000000, NULL };
	size_t at = 0, place_now = 0, n;
	ssize_t got;
	bool same = true;

	now.p = malloc(now.size);
	if (now.p == NULL || (got = pread_full(fd, now.p, now.size, 0)) == -1)
		broken("f");
	now.size = (size_t)got;
	for (size_t i = 0; i <= count && same; i++) {
		n = (i < count ? (size_t)r[i].offset : text->size) - at;
		same = n <= now.size - place_now &&
		    memcmp(now.p + place_now, text->p + at, n) == 0;
		place_now += n;
		at += n + (i < count ? (size_t)r[i].length : 0);
	}
	n = more == NULL ? 0 : more->size;
	same = same && now.size == place_now + n &&
	    (n == 0 || memcmp(now.p + place_now, more->p, n) == 0);
	free(now.p);
	return same;
}

static void
test_remove(const char *name, size_t size, uint64_t space,
    const struct journal_range *r, size_t count)
{
	struct text text = text_make(size);
	struct stat before, after;
	bool begun;
	int fd = file_make(&text), result;

	place.space = space;
	(void)fstat(fd, &before);
	result = journal_remove(&place, fd, size, r, count, &begun);
	ok(result == 0 && is_without(fd, &text, r, count, NULL) && !has("j") &&
		!has("j.new"),
	    "%s", name);
	(void)fstat(fd, &after);
	if (before.st_ino != after.st_ino)
		ok(0, "%s: another inode", name);
	(void)close(fd);
	free(text.p);
	place.space = SPACE;
}

static void
test_many(uint64_t space)
{
	static struct journal_range r[3000];

	for (size_t i = 0; i < 3000; i++) {
		r[i].offset = 7 + i * 700;
		r[i].length = i % 5 == 0 ? 600 : 40;
	}
	test_remove("3000 ranges", 2200000, space, r, 3000);
}

static void
test_removals(void)
{
	struct journal_range r[4] = { { 0, 5000 } };

	test_remove("the first message", 100000, SPACE, r, 1);
	test_remove("all of it", 5000, SPACE, r, 1);
	test_remove("a small gap, a big move, 64 KiB", 3000000, 65536, r, 1);
	r[0].offset = 50000;
	test_remove("one in the middle", 100000, SPACE, r, 1);
	test_remove("the last one", 55000, SPACE, r, 1);
	r[0].length = 32;
	test_remove("32 octets, a move of 3 MB", 3000000, SPACE, r, 1);
	test_remove("32 octets at the end", 50032, SPACE, r, 1);
	r[0].length = 900000;
	test_remove("a gap greater than the journal", 4000000, 65536, r, 1);
	r[1] = (struct journal_range){ 950000, 50000 };
	test_remove("two", 4000000, SPACE, r, 2);
	test_remove("one and the tail", 1000000, SPACE, r, 2);
	r[2] = (struct journal_range){ 1000000, 300000 };
	test_remove("two that touch, and the tail", 1300000, 65536, r, 3);
	r[0] = (struct journal_range){ 0, 1 };
	r[1] = (struct journal_range){ 2, 1 };
	r[2] = (struct journal_range){ 4, 31 };
	test_remove("single octets", 100000, 20000, r, 3);
	test_many(SPACE);
	test_many(65536);
}

static void
test_refused(void)
{
	struct text text = text_make(10000);
	int fd = file_make(&text);
	bool begun = true;
	struct {
		struct journal_range r[2];
		size_t count;
		uint64_t size;
		int error;
		const char *name;
	} cases[] = {
		{ { { 10, 0 } }, 1, 10000, EINVAL, "an empty range" },
		{ { { 10, 20 } }, 1, 10000, EINVAL, "fewer than 32 octets" },
		{ { { 10, 90 }, { 50, 90 } }, 2, 10000, EINVAL, "overlap" },
		{ { { 500, 90 }, { 50, 90 } }, 2, 10000, EINVAL, "disorder" },
		{ { { 9990, 90 } }, 1, 10000, EINVAL, "beyond the end" },
		{ { { 90, UINT64_MAX } }, 1, 10000, EINVAL, "overflow" },
		{ { { 10, 90 } }, 1, 9999, EAGAIN, "a greater size" },
		{ { { 0, 9999 } }, 1, 9999, EAGAIN, "a greater size, all" },
		{ { { 10, 90 } }, 1, 10001, EAGAIN, "a smaller size" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		errno = 0;
		ok(journal_remove(&place, fd, cases[i].size, cases[i].r,
		       cases[i].count, &begun) == -1 &&
			errno == cases[i].error && !begun && !has("j") &&
			!has("j.new") && is_without(fd, &text, NULL, 0, NULL),
		    "refused: %s", cases[i].name);
	}
	ok(journal_remove(&place, fd, 10000, NULL, 0, &begun) == 0 && !begun,
	    "nothing to take out is done at once");
	(void)close(fd);
	free(text.p);
}

/*
 * Begin a removal, and leave it with its journal: no file may grow beyond
 * limit octets in this child, so writes above fail.
 */
static int
remove_limited(size_t size, const struct journal_range *r, size_t count,
    rlim_t limit, bool *begun)
{
	const struct rlimit rlimit = { limit, limit };
	int status, fd = file_reopen(), result;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == -1)
		broken("fork");
	if (child == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &rlimit) == -1)
			_exit(3);
		result = journal_remove(&place, fd, size, r, count, begun);
		_exit(result == 0 ? 0 : *begun ? 1 : 2);
	}
	(void)close(fd);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		broken("child");
	*begun = WEXITSTATUS(status) == 1;
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void
test_full(void)
{
	struct text text = text_make(60000);
	struct journal_range r = { 100, 5000 };
	int fd = file_make(&text);
	bool begun = false;

	ok(remove_limited(60000, &r, 1, 4096, &begun) == -1 && !begun &&
		!has("j") && !has("j.new") &&
		is_without(fd, &text, NULL, 0, NULL),
	    "no room for any journal: nothing is begun");
	/* The journal fits, with less room than it would like. */
	ok(remove_limited(60000, &r, 1, 60000, &begun) == 0 &&
		is_without(fd, &text, &r, 1, NULL),
	    "a little room is enough");
	(void)close(fd);
	fd = file_make(&text);
	r.offset = 55000;
	ok(remove_limited(60000, &r, 1, 60000, &begun) == 0 &&
		is_without(fd, &text, &r, 1, NULL),
	    "a tail with room");
	(void)close(fd);
	fd = file_make(&text);
	ok(remove_limited(60000, &r, 1, 4096, &begun) == -1 && !begun &&
		is_without(fd, &text, NULL, 0, NULL),
	    "a limit on files is no full disk: a tail stays, too");
	(void)close(fd);
	free(text.p);
}

/*
 * A removal that has its journal but cannot write into the file above limit:
 * what a process that was killed there leaves behind.
 */
static struct text
interrupted(size_t size, const struct journal_range *r, size_t count,
    rlim_t limit)
{
	struct text text = text_make(size);
	bool begun;
	int fd = file_make(&text);

	if (remove_limited(size, r, count, limit, &begun) != -1 || !begun)
		printf("Bail out! no interruption\n");
	(void)close(fd);
	return text;
}

#define SIZE 400000
#define LIMIT 120000 /* in the second step: among what its window saved */
static const struct journal_range holes[] = {
	{ 20000, 9000 },
	{ 60000, 15000 },
	{ 390000, 1000 }
};

static void
test_interrupted(void)
{
	enum journal_state state;
	struct text text, more = text_make(700), twin;
	int fd;

	place.space = 65536;
	text = interrupted(SIZE, holes, 3, LIMIT);
	fd = file_reopen();
	ok(has("j"), "interrupted, a journal is there");
	ok(journal_finish(&place, fd, &state) == 0 &&
		state == JOURNAL_FINISHED && !has("j") &&
		is_without(fd, &text, holes, 3, NULL),
	    "and it is finished");
	ok(journal_finish(&place, fd, &state) == 0 && state == JOURNAL_NONE &&
		is_without(fd, &text, holes, 3, NULL),
	    "once");
	(void)close(fd);
	free(text.p);

	text = interrupted(SIZE, holes, 3, LIMIT);
	file_append(more.p, more.size);
	fd = file_reopen();
	ok(journal_finish(&place, fd, &state) == 0 &&
		state == JOURNAL_FINISHED &&
		is_without(fd, &text, holes, 3, &more),
	    "mail that came between stays");
	(void)close(fd);
	free(text.p);

	text = interrupted(SIZE, holes, 3, LIMIT);
	twin.size = 25000;
	twin.p = text.p + SIZE - twin.size;
	file_append(twin.p, twin.size);
	fd = file_reopen();
	ok(journal_finish(&place, fd, &state) == 0 &&
		state == JOURNAL_FINISHED &&
		is_without(fd, &text, holes, 3, &twin),
	    "twins of the last messages as well");
	(void)close(fd);
	free(text.p);
	free(more.p);
	place.space = SPACE;
}

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
	struct text text = { 2000000, malloc(2000000) };
	int fd = openat(directory, name, O_RDONLY);
	ssize_t got;

	if (fd == -1 || text.p == NULL ||
	    (got = pread_full(fd, text.p, text.size, 0)) == -1)
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

	place.space = 65536;
	text = interrupted(SIZE, holes, 3, LIMIT);
	place.space = SPACE;
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

/* Whole journals, well summed, that say what cannot be. */
static void
test_hostile(void)
{
	struct text text, journal, now, bad;
	struct header header;
	struct record record, good;
	struct toll toll = {0};
	size_t slot;
	uint64_t *const fields[] = { &header.device, &header.inode,
		&header.count, &header.first, &header.end, &header.removed,
		&header.ranges_sum, &header.data_at, &header.data_size,
		&record.sequence, &record.size, &record.moved,
		&record.window_at, &record.window_size, &record.window_sum };
	const uint64_t values[] = { 0, 1, 31, 4096, SIZE, SIZE * 2,
		INT64_MAX, INT64_MAX - 4096, UINT64_MAX, UINT64_MAX - 15,
		(uint64_t)1 << 60 };

	place.space = 65536;
	text = interrupted(SIZE, holes, 3, LIMIT);
	place.space = SPACE;
	journal = text_load("j");
	now = text_load("f");
	bad = text_load("j");
	for (size_t i = 0; i < ARRAY_SIZE(fields) * ARRAY_SIZE(values); i++) {
		uint64_t value = values[i % ARRAY_SIZE(values)];

		if (header_get(&header, journal.p) != BLOCK_GOOD ||
		    record_get(&good, &header, journal.p + SLOT_AT(0)) !=
			BLOCK_GOOD ||
		    record_get(&record, &header, journal.p + SLOT_AT(1)) !=
			BLOCK_GOOD)
			broken("the journal");
		/* No window, or older: what could be true cannot be refuted. */
		if (value == 0 &&
		    (fields[i / ARRAY_SIZE(values)] == &record.window_size ||
			fields[i / ARRAY_SIZE(values)] == &record.sequence))
			continue;
		slot = record.sequence > good.sequence ? 1 : 0;
		if (slot == 0)
			record = good;
		*fields[i / ARRAY_SIZE(values)] = value;
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

static void
test_foreign(void)
{
	struct text text, now;
	enum journal_state state;
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
	free(now.p);

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

static void
test_standing(void)
{
	struct text text = interrupted(SIZE, holes, 3, LIMIT);
	enum journal_state state;
	bool begun = true;
	int fd = file_reopen();

	ok(journal_remove(&place, fd, SIZE, holes, 3, &begun) == -1 &&
		errno == EEXIST && !begun && has("j"),
	    "nothing is begun while another journal stands");
	ok(journal_finish(&place, fd, &state) == 0 &&
		is_without(fd, &text, holes, 3, NULL),
	    "and that is finished all the same");
	(void)close(fd);
	free(text.p);
}

int
main(void)
{
	/* Thousands of syncs: in memory where there is such a folder. */
	(void)snprintf(folder, sizeof(folder), "%s/journal_test.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL)
		broken(folder);
	directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory == -1)
		broken(folder);
	place = (struct journal_place){ directory, "j", SPACE };
	test_removals();
	test_refused();
	test_full();
	test_interrupted();
	test_corrupt();
	test_hostile();
	test_foreign();
	test_standing();
	(void)unlinkat(directory, "f", 0);
	(void)unlinkat(directory, "j.aside", 0);
	(void)rmdir(folder);
	return tap_end();
}
