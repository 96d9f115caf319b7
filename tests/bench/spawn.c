/*
 * spawn [-d step [-n most] [-s folder]] log program arguments - start it with
 * a pipe on standard input and one on standard output (what it says on
 * standard error goes to log), ask STAT, and print the seconds from before the
 * fork until the reply's last octet, the messages and octets that it told, and
 * (sampled between reply and QUIT, so outside the time) VmHWM of every process
 * below, summed: the peak of the whole, shared pages counted in each.
 *
 * With -d: then DELE of message 1, 1 + step, and so on, most of them with -n,
 * and also the seconds from QUIT to its reply; with -s also the most octets
 * that journals in folder occupied meanwhile, which is not for measuring.
 *
 * spawn -r file - one pass of read(2) over it, 1 MiB at a time, in this
 * process; prints the seconds and the octets.
 */

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "bench.h"

#define SPAWN_READ (1024 * 1024)
#define SPAWN_TREE 64 /* processes of one session: four at most */
#define SPAWN_ASK 64  /* commands sent at once; their replies fit in text */

struct child {
	pid_t pid;
	int in, out;     /* its standard input and output */
	char text[4096]; /* what it said */
	size_t have;
};

struct deletion {
	uint64_t step; /* 0: none */
	uint64_t most;
	const char *sampled; /* the folder with the journal, or NULL */
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

/* Read until the child has said that many more lines, all of them +OK. */
static void
child_read(struct child *c, uint64_t lines)
{
	char *p, *end;
	uint64_t seen;
	ssize_t n;

	for (c->have = 0;;) {
		c->text[c->have] = '\0';
		seen = 0;
		for (p = c->text; (end = strchr(p, '\n')) != NULL; p = end + 1)
			if (seen++ < lines && strncmp(p, "+OK", 3) != 0)
				errx(1, "it said: %s", p);
		if (seen >= lines)
			return;
		if (c->have == sizeof(c->text) - 1)
			errx(1, "it says too much");
		n = read(
		    c->out, c->text + c->have, sizeof(c->text) - 1 - c->have);
		if (n == -1)
			err(1, "read");
		if (n == 0)
			errx(1, "it ended: %s", c->text);
		c->have += (size_t)n;
	}
}

static void
child_delete(
    struct child *c, const struct deletion *deletion, uint64_t messages)
{
	uint64_t number = 1, done = 0, asked;
	char text[SPAWN_ASK * 32];
	size_t have;

	while (number <= messages && done < deletion->most) {
		asked = 0;
		have = 0;
		for (; asked < SPAWN_ASK && number <= messages &&
		     done < deletion->most;
		     asked++, done++, number += deletion->step)
			have +=
			    (size_t)snprintf(text + have, sizeof(text) - have,
				"DELE %ju\r\n", (uintmax_t)number);
		bench_write(c->in, text, have);
		child_read(c, asked);
	}
	printf("deleted %ju\n", (uintmax_t)done);
}

static uint64_t
journals_size(const char *folder)
{
	struct dirent *e;
	struct stat st;
	uint64_t size = 0;
	DIR *d;

	if ((d = opendir(folder)) == NULL)
		err(1, "%s", folder);
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".journal") != NULL &&
		    fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			size += (uint64_t)st.st_blocks * 512;
	closedir(d);
	return (size);
}

static void
child_sample(const struct child *c, const char *folder)
{
	struct pollfd reply = {.fd = c->out, .events = POLLIN};
	uint64_t size, most = 0;

	while (poll(&reply, 1, 1) == 0)
		if ((size = journals_size(folder)) > most)
			most = size;
	printf("space %ju\n", (uintmax_t)most);
}

static void
child_quit(struct child *c, const struct deletion *deletion)
{
	double from = bench_now();

	bench_write(c->in, "QUIT\r\n", 6);
	if (deletion->sampled != NULL)
		child_sample(c, deletion->sampled);
	child_read(c, 1);
	printf("quit %.6f\n", bench_now() - from);
}

static void
child_end(struct child *c)
{
	char rest[4096];
	int status;

	close(c->in);
	while (read(c->out, rest, sizeof(rest)) > 0)
		;
	if (waitpid(c->pid, &status, 0) == -1)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "it ended with status %#x", (unsigned)status);
}

static void
session_run(char **argv, const struct deletion *deletion)
{
	struct child c;
	unsigned long long messages, octets;
	const char *line;
	double from, seconds;

	from = bench_now();
	child_start(&c, argv[0], argv + 1);
	bench_write(c.in, "STAT\r\n", 6);
	child_read(&c, 2);
	seconds = bench_now() - from;
	line = strchr(c.text, '\n') + 1;
	if (sscanf(line, "+OK %llu %llu", &messages, &octets) != 2)
		errx(1, "no reply to STAT: %s", c.text);
	printf("seconds %.6f\nmessages %llu\noctets %llu\n", seconds, messages,
	    octets);
	if (deletion->step == 0)
		peak_print(c.pid);
	else
		child_delete(&c, deletion, messages);
	child_quit(&c, deletion);
	child_end(&c);
}

int
main(int argc, char **argv)
{
	struct deletion deletion = {0, UINT64_MAX, NULL};
	const char *file = NULL;
	int option;

	while ((option = getopt(argc, argv, "+d:n:r:s:")) != -1)
		switch (option) {
		case 'd':
			deletion.step = bench_number(optarg, 1, UINT32_MAX);
			break;
		case 'n':
			deletion.most = bench_number(optarg, 1, UINT32_MAX);
			break;
		case 'r':
			file = optarg;
			break;
		case 's':
			deletion.sampled = optarg;
			break;
		default:
			return (1);
		}
	alarm(BENCH_LIMIT);
	if (file != NULL)
		return (read_pass(file));
	if (argc - optind < 2)
		errx(1,
		    "usage: spawn [-d step [-n most] [-s folder]] log program "
		    "arguments | spawn -r file");
	signal(SIGPIPE, SIG_IGN);
	session_run(argv + optind, &deletion);
	return (0);
}
