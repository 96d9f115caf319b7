/*
 * spawn log program arguments - start it with a pipe on standard input and one
 * on standard output (what it says on standard error goes to log), ask STAT,
 * and print the seconds from before the fork until the reply's last octet, the
 * messages and octets that it told, and (sampled between reply and QUIT, so
 * outside the time) VmHWM of every process below, summed: the peak of the
 * whole, shared pages counted in each.
 *
 * spawn -r file - one pass of read(2) over it, 1 MiB at a time, in this
 * process; prints the seconds and the octets.
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "bench.h"

#define SPAWN_READ (1024 * 1024)
#define SPAWN_TREE 64 /* processes of one session: four at most */

struct child {
	pid_t pid;
	int in, out;     /* its standard input and output */
	char text[4096]; /* what it said */
	size_t have;
};

static int
read_pass(const char *path)
{
	char *buffer;
	double from;
	uint64_t octets = 0;
	ssize_t n;
	int fd;

	if ((buffer = malloc(SPAWN_READ)) == NULL)
		err(1, "malloc");
	memset(buffer, 1, SPAWN_READ); /* page faults are not part of it */
	if ((fd = open(path, O_RDONLY)) == -1)
		err(1, "%s", path);
	from = bench_now();
	while ((n = read(fd, buffer, SPAWN_READ)) > 0)
		octets += (uint64_t)n;
	if (n == -1)
		err(1, "%s", path);
	printf("seconds %.6f\noctets %ju\n", bench_now() - from,
	    (uintmax_t)octets);
	return (0);
}

/* The number behind key in /proc/PID/status, or -1: it may have ended. */
static long
status_read(pid_t pid, const char *key)
{
	char path[64], line[256];
	long value = -1;
	size_t len = strlen(key);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return (-1);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return (value);
}

static int
tree_holds(const pid_t *tree, size_t count, long pid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (tree[i] == pid)
			return (1);
	return (0);
}

/*
 * root and all below it.  /proc is read until a pass finds nothing new, for
 * a child may be listed before its parent.
 */
static size_t
tree_find(pid_t root, pid_t *tree)
{
	struct dirent *e;
	size_t before, count = 0;
	DIR *d;
	long pid;

	tree[count++] = root;
	do {
		before = count;
		if ((d = opendir("/proc")) == NULL)
			err(1, "/proc");
		while ((e = readdir(d)) != NULL && count < SPAWN_TREE) {
			pid = strtol(e->d_name, NULL, 10);
			if (pid > 0 && !tree_holds(tree, count, pid) &&
			    tree_holds(
				tree, count, status_read((pid_t)pid, "PPid")))
				tree[count++] = (pid_t)pid;
		}
		closedir(d);
	} while (count > before && count < SPAWN_TREE);
	return (count);
}

static void
peak_print(pid_t root)
{
	pid_t tree[SPAWN_TREE];
	size_t count, i, alive = 0;
	long kib, sum = 0;

	count = tree_find(root, tree);
	for (i = 0; i < count; i++) {
		kib = status_read(tree[i], "VmHWM");
		if (kib > 0) {
			sum += kib;
			alive++;
		}
	}
	printf("peak_kib %ld\nprocesses %zu\n", sum, alive);
}

static void
child_start(struct child *c, const char *log, char **argv)
{
	int in[2], out[2], say;

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1)
		err(1, "pipe");
	say = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (say == -1)
		err(1, "%s", log);
	if ((c->pid = fork()) == -1)
		err(1, "fork");
	if (c->pid == 0) {
		if (dup2(in[0], 0) == -1 || dup2(out[1], 1) == -1 ||
		    dup2(say, 2) == -1)
			err(1, "dup2");
		execv(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	close(say);
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	c->have = 0;
}

/* Read until the child has said that many lines. */
static void
child_read(struct child *c, int lines)
{
	char *p;
	int seen;
	ssize_t n;

	for (;;) {
		seen = 0;
		for (p = c->text; p < c->text + c->have; p++)
			seen += *p == '\n';
		if (seen >= lines)
			return;
		if (c->have == sizeof(c->text))
			errx(1, "it says too much");
		n = read(c->out, c->text + c->have, sizeof(c->text) - c->have);
		if (n == -1)
			err(1, "read");
		if (n == 0)
			errx(1, "it ended: %.*s", (int)c->have, c->text);
		c->have += (size_t)n;
	}
}

static void
child_end(struct child *c)
{
	char rest[4096];
	int status;

	bench_write(c->in, "QUIT\r\n", 6);
	close(c->in);
	while (read(c->out, rest, sizeof(rest)) > 0)
		;
	if (waitpid(c->pid, &status, 0) == -1)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "it ended with status %#x", (unsigned)status);
}

int
main(int argc, char **argv)
{
	struct child c;
	unsigned long long messages, octets;
	char *line;
	double from, seconds;

	if (argc < 3)
		errx(1, "usage: spawn log program arguments | spawn -r file");
	alarm(BENCH_LIMIT);
	if (argc == 3 && strcmp(argv[1], "-r") == 0)
		return (read_pass(argv[2]));
	signal(SIGPIPE, SIG_IGN);
	from = bench_now();
	child_start(&c, argv[1], argv + 2);
	bench_write(c.in, "STAT\r\n", 6);
	child_read(&c, 2);
	seconds = bench_now() - from;
	line = memchr(c.text, '\n', c.have);
	c.text[c.have - 1] = '\0';
	if (sscanf(line + 1, "+OK %llu %llu", &messages, &octets) != 2)
		errx(1, "no reply to STAT: %s", c.text);
	printf("seconds %.6f\nmessages %llu\noctets %llu\n", seconds, messages,
	    octets);
	peak_print(c.pid);
	child_end(&c);
	return (0);
}
