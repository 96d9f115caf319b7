/*
 * split mbox folder sized - the messages of what `gen` wrote, each in a file of
 * folder, named as Dovecot names them; a link to each in the folder sized,
 * with the sizes in its name.  Prints the messages.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "bench.h"

#define SPLIT_TIME 1700000000
#define SPLIT_BEGIN "\n\nFrom " /* gen quotes it in a body */

/* One message, without its envelope line and what separates it. */
static void
message_put(char **folder, unsigned number, const char *text, size_t size)
{
	char plain[PATH_MAX], sized[PATH_MAX], name[128];
	size_t i, wire = size;
	int fd;

	for (i = 0; i < size; i++)
		wire += text[i] == '\n';
	snprintf(name, sizeof(name), "%u.M%uP%u.mail.example.net",
	    SPLIT_TIME + number * 61, number * 7919U % 1000000, 1000 + number);
	snprintf(plain, sizeof(plain), "%s/%s:2,S", folder[0], name);
	snprintf(sized, sizeof(sized), "%s/%s,S=%zu,W=%zu:2,S", folder[1], name,
	    size, wire);
	fd = open(plain, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		err(1, "%s", plain);
	bench_write(fd, text, size);
	if (close(fd) == -1 || link(plain, sized) == -1)
		err(1, "%s", sized);
}

int
main(int argc, char **argv)
{
	const char *text, *line, *next, *end;
	unsigned count = 0;
	struct stat st;
	int fd;

	if (argc != 4)
		errx(1, "usage: split mbox folder sized");
	alarm(BENCH_LIMIT);
	if ((fd = open(argv[1], O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", argv[1]);
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		err(1, "%s", argv[1]);
	for (end = text + st.st_size; text < end; text = next) {
		line = memchr(text, '\n', (size_t)(end - text));
		if (line++ == NULL)
			errx(1, "%s: is not of gen", argv[1]);
		next = memmem(line, (size_t)(end - line), SPLIT_BEGIN,
		    strlen(SPLIT_BEGIN));
		next = next == NULL ? end : next + 2;
		message_put(argv + 2, count++, line, (size_t)(next - 1 - line));
	}
	printf("messages %u\n", count);
	return (0);
}
