/*
 * agent.c - a delivery agent that appends without pause.
 *
 *      agent LOCKS MAILBOX DONE STOP SEED
 *
 * LOCKS is what it takes, in that order: "dotlock fcntl", "fcntl dotlock",
 * "dotlock" or "fcntl".  It waits for the first; where it does not get the
 * second soon it gives the first back, as agents do that have met one another.
 * Each message has a number of its own, in MAILBOX and then, as a line, in the
 * file DONE; its body tells its own sum.  Goes on until STOP exists, more slowly
 * when MAILBOX is larger than AGENT_MOST.
 *
 * Each message is appended in two writes.  Who takes only one lock is alone with
 * pop3d, but not with who takes only the other: so
 * these two flock MAILBOX besides, which means nothing to pop3d here.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENT_MOST (2L << 20) /* octets */
#define AGENT_BODY 3000
#define AGENT_LIFE 200 /* s */
#define AGENT_TRIES 3  /* of a millisecond, for the second lock */

struct agent {
	const char *locks;
	const char *path;
	char dotlock[4096];
	unsigned long name; /* its seed */
	uint64_t random;
	unsigned long count;
	bool slow;
	char mail[AGENT_BODY + 2048];
	size_t length;
};

static unsigned long
agent_chance(struct agent *a, unsigned long most)
{
	a->random = a->random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned long)(a->random >> 33) % most;
}

static void
agent_fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
agent_pause(long microseconds)
{
	(void)usleep((useconds_t)microseconds);
}

static int
agent_dotlock(struct agent *a)
{
	int fd = open(a->dotlock, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd == -1) {
		if (errno != EEXIST)
			agent_fail(a->dotlock);
		return -1;
	}
	close(fd);
	return 0;
}

static int
agent_fcntl(int fd, int command)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, command, &record);
}

/* Is the first lock to be taken the dotlock, and is there a second? */
static int
agent_take(struct agent *a, int fd)
{
	int dotlock_first = a->locks[0] == 'd', both, tries, got = -1;

	both = strchr(a->locks, ' ') != NULL;
	if (dotlock_first)
		while (agent_dotlock(a) == -1)
			agent_pause(300);
	else if (agent_fcntl(fd, F_SETLKW) == -1)
		agent_fail("fcntl");
	if (!both)
		return 0;
	for (tries = 0; tries < AGENT_TRIES && got == -1; tries++) {
		got =
		    dotlock_first ? agent_fcntl(fd, F_SETLK) : agent_dotlock(a);
		if (got == -1)
			agent_pause(1000);
	}
	/* Closing the file gives fcntl's back. */
	if (got == -1 && dotlock_first)
		(void)unlink(a->dotlock);
	return got;
}

static void
agent_compose(struct agent *a)
{
	size_t length = 200 + agent_chance(a, AGENT_BODY - 300), i, head;
	char body[AGENT_BODY];
	unsigned long sum = 0;

	for (i = 0; i < length; i++)
		body[i] = (char)(' ' + agent_chance(a, 95));
	for (i = 1 + agent_chance(a, 60); i < length;
	     i += 2 + agent_chance(a, 76))
		body[i] = '\n';
	body[length - 1] = '\n';
	/* "From " at the start of a line would be another message. */
	for (i = 0; i < length; i++)
		if (body[i] == 'F')
			body[i] = '.';
	for (i = 0; i < length; i++)
		sum = (sum * 31 + (unsigned char)body[i]) & 0xffffff;
	head = (size_t)snprintf(a->mail, sizeof(a->mail),
	    "From agent@example.org Mon Jan  5 10:20:30 2026\n"
	    "From: agent %lu <agent@example.org>\n"
	    "Message-ID: <%lu.%lu@agent>\nSubject: %lu\nX-Sum: %lu %zu\n\n",
	    a->name, a->name, a->count, a->count, sum, length);
	memcpy(a->mail + head, body, length);
	a->mail[head + length] = '\n';
	a->length = head + length + 1;
}

static void
agent_write(int fd, const char *octets, size_t length)
{
	ssize_t n = write(fd, octets, length);

	if (n == -1 || (size_t)n != length)
		agent_fail("write");
}

/* One try: 0 when it is delivered. */
static int
agent_deliver(struct agent *a)
{
	int fd = open(a->path, O_WRONLY | O_APPEND), result;
	size_t first = 1 + agent_chance(a, a->length - 1);

	if (fd == -1)
		agent_fail(a->path);
	result = agent_take(a, fd);
	if (result == 0) {
		if (strchr(a->locks, ' ') == NULL && flock(fd, LOCK_EX) == -1)
			agent_fail("flock");
		agent_write(fd, a->mail, first);
		agent_pause(a->slow ? 500 : 50);
		agent_write(fd, a->mail + first, a->length - first);
		if (strstr(a->locks, "dotlock") != NULL)
			(void)unlink(a->dotlock);
	}
	close(fd);
	return result;
}

int
main(int argc, char *argv[])
{
	struct agent a;
	struct stat st;
	FILE *done;

	if (argc != 6)
		return 2;
	/* Whatever becomes of the test. */
	(void)alarm(AGENT_LIFE);
	memset(&a, 0, sizeof(a));
	a.locks = argv[1];
	a.path = argv[2];
	a.name = strtoul(argv[5], NULL, 10);
	a.random = a.name;
	(void)snprintf(a.dotlock, sizeof(a.dotlock), "%s.lock", a.path);
	done = fopen(argv[3], "w");
	if (done == NULL)
		agent_fail(argv[3]);
	while (access(argv[4], F_OK) == -1) {
		a.slow = stat(a.path, &st) == 0 && st.st_size > AGENT_MOST;
		if (a.slow)
			agent_pause(10000);
		agent_compose(&a);
		while (agent_deliver(&a) == -1)
			agent_pause(500 + (long)agent_chance(&a, 3000));
		(void)fprintf(done, "%lu.%lu\n", a.name, a.count++);
	}
	if (fclose(done) != 0)
		agent_fail(argv[3]);
	return 0;
}
