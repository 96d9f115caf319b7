/*
 * lookup file count - look up so many names of a database that the bench made,
 * and so many that are not there, in turn and at random; print the median of
 * each in microseconds.
 */

#include <stdio.h>

#include "bench.h"
#include "mailauth.h"

#define USERS 1000000

static int
number_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
lookup_time(const char *file, const char *form, int want)
{
	static struct mailauth_entry entry;
	char name[64];
	double from;

	snprintf(name, sizeof(name), form, (int)(random() % USERS));
	from = bench_now();
	if (mailauth_find(file, name, &entry) != want)
		err(1, "%s: a wrong answer", name);
	return (bench_now() - from) * 1e6;
}

int
main(int argc, char **argv)
{
	double *known, *unknown;
	int i, count;

	if (argc != 3)
		errx(2, "usage: lookup file count");
	count = (int)bench_number(argv[2], 1, 1000000);
	known = calloc((size_t)count, sizeof(*known));
	unknown = calloc((size_t)count, sizeof(*unknown));
	if (known == NULL || unknown == NULL)
		err(1, "calloc");
	for (i = 0; i < count; i++) {
		known[i] = lookup_time(argv[1], "user%07d", 1);
		unknown[i] = lookup_time(argv[1], "user%07dx", 0);
	}
	qsort(known, (size_t)count, sizeof(*known), number_compare);
	qsort(unknown, (size_t)count, sizeof(*unknown), number_compare);
	printf("known %.1f\nunknown %.1f\nworst %.1f\n", known[count / 2],
	    unknown[count / 2], known[count - 1]);
	return 0;
}
