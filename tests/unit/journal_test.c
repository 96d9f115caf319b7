/*
 * journal_test.c - taking ranges out of files, whole and interrupted.
 *
 * What happens at every single system call is tests/faults/journal.t's.
 */

#include "journal_files.h"

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
	struct journal_range r[4] = {{0, 5000}};

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
	r[1] = (struct journal_range){950000, 50000};
	test_remove("two", 4000000, SPACE, r, 2);
	test_remove("one and the tail", 1000000, SPACE, r, 2);
	r[2] = (struct journal_range){1000000, 300000};
	test_remove("two that touch, and the tail", 1300000, 65536, r, 3);
	r[0] = (struct journal_range){0, 1};
	r[1] = (struct journal_range){2, 1};
	r[2] = (struct journal_range){4, 31};
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
	    {{{10, 0}}, 1, 10000, EINVAL, "an empty range"},
	    {{{10, 20}}, 1, 10000, EINVAL, "fewer than 32 octets"},
	    {{{10, 90}, {50, 90}}, 2, 10000, EINVAL, "overlap"},
	    {{{500, 90}, {50, 90}}, 2, 10000, EINVAL, "disorder"},
	    {{{9990, 90}}, 1, 10000, EINVAL, "beyond the end"},
	    {{{90, UINT64_MAX}}, 1, 10000, EINVAL, "overflow"},
	    {{{10, 90}}, 1, 9999, EAGAIN, "a greater size"},
	    {{{0, 9999}}, 1, 9999, EAGAIN, "a greater size, all"},
	    {{{10, 90}}, 1, 10001, EAGAIN, "a smaller size"},
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

static void
test_full(void)
{
	struct text text = text_make(60000);
	struct journal_range r = {100, 5000};
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
	files_open();
	test_removals();
	test_refused();
	test_full();
	test_interrupted();
	test_standing();
	files_close();
	return tap_end();
}
