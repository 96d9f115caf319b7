/*
 * input.c - lines from the client.
 */

#include <sys/mman.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "session.h"

void
session_end(struct session *s, enum channel_end why)
{
	if (s->state == OVER)
		return;
	s->state = OVER;
	s->why = why;
}

/* No NUL, and a CR only before the LF. */
static bool
line_clean(const char *line, size_t length)
{
	return memchr(line, '\0', length) == NULL &&
	    memchr(line, '\r', length) == NULL;
}

/* Octets of the line that begins here, at most, with its end. */
static size_t
line_most(const struct session *s)
{
	const struct input *in = &s->input;
	static const char verb[] = "AUTH ";

	if (s->exchange)
		return SASL_LINE_OCTETS;
	if (s->state == AUTH && in->end - in->begin >= strlen(verb) &&
	    strncasecmp(in->buffer + in->begin, verb, strlen(verb)) == 0)
		return SASL_LINE_OCTETS;
	return LINE_MAX_OCTETS;
}

/* An idle session has no memory for long lines. */
static bool
input_grow(struct input *in)
{
	char *pages;

	if (in->buffer != in->small)
		return true;
	pages = mmap(NULL, INPUT_LARGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return false;
	in->end -= in->begin;
	memcpy(pages, in->small + in->begin, in->end);
	in->begin = 0;
	explicit_bzero(in->small, sizeof(in->small));
	in->buffer = pages;
	in->size = INPUT_LARGE;
	return true;
}

static void
input_shrink(struct input *in)
{
	if (in->buffer == in->small || in->end >= LINE_MAX_OCTETS)
		return;
	memcpy(in->small, in->buffer, in->end);
	/* What the system gives back is cleared. */
	(void)munmap(in->buffer, INPUT_LARGE);
	in->buffer = in->small;
	in->size = sizeof(in->small);
}

/* A line that does not end within the limit is dropped as it comes. */
static enum line
line_unfinished(struct session *s)
{
	struct input *in = &s->input;
	size_t unread = in->end - in->begin;

	if (!in->skipping && unread < LINE_MAX_OCTETS)
		return LINE_MORE;
	if (!in->skipping && unread < line_most(s) && input_grow(in))
		return LINE_MORE;
	in->skipping = true;
	/* It may have been a password. */
	explicit_bzero(in->buffer, in->end);
	in->begin = in->end = 0;
	return LINE_MORE;
}

enum line
input_line(struct session *s, char **line, size_t *length)
{
	struct input *in = &s->input;
	char *begin = in->buffer + in->begin, *end;
	bool bad;

	end = memchr(begin, '\n', in->end - in->begin);
	if (end == NULL)
		return line_unfinished(s);
	bad = in->skipping || (size_t)(end - begin) >= line_most(s);
	in->begin += (size_t)(end - begin) + 1;
	in->skipping = false;
	if (bad)
		return LINE_BAD;
	if (end > begin && end[-1] == '\r')
		end--;
	*end = '\0';
	*line = begin;
	*length = (size_t)(end - begin);
	return line_clean(begin, *length) ? LINE_OK : LINE_BAD;
}

int
wait_time(const struct session *s)
{
	int64_t left = (int64_t)s->args->timeout * 1000, login;

	if (s->state == AUTH) {
		login = s->args->login_end - clock_ms();
		if (login < left)
			left = login;
	}
	return left < 0 ? 0 : (int)left;
}

void
wait_over(struct session *s)
{
	session_end(s,
	    s->state == AUTH && s->args->login_end <= clock_ms() ?
		END_LOGIN_TIMEOUT :
		END_TIMEOUT);
}

static bool
wait_failed(struct session *s, int n, const struct pollfd *fds)
{
	if (n == 0) {
		wait_over(s);
		return true;
	}
	if (fds[1].revents != 0) {
		session_end(s, END_BACK);
		return true;
	}
	return false;
}

/* poll(2); a session that says nothing for a while gives memory back. */
WAITS_HERE static int
input_poll(struct session *s, struct pollfd fds[2])
{
	int left = wait_time(s), n;

	if (s->state == TRANS && left > BUSY_MS) {
		n = poll(fds, 2, BUSY_MS);
		if (n > 0)
			return n;
		busy_drop(s);
		platform_trim_heap();
		left -= BUSY_MS;
	}
	do
		n = poll(fds, 2, left);
	while (n == -1 && errno == EINTR);
	return n;
}

/* What is unread to the front of the buffer; what was read was a password. */
static void
input_pull(struct input *in)
{
	size_t unread = in->end - in->begin;

	memmove(in->buffer, in->buffer + in->begin, unread);
	explicit_bzero(in->buffer + unread, in->end - unread);
	in->begin = 0;
	in->end = unread;
	input_shrink(in);
}

/* A read(2) of the client that finds something. */
static ssize_t
input_read(struct session *s, char *dst, size_t size)
{
	ssize_t n;

	if (s->tls != NULL)
		return secure_read(s, dst, size);
	do
		n = read(STDIN_FILENO, dst, size);
	while (n == -1 && errno == EINTR);
	return n;
}

/* What came; false where the session is over, or TLS has no whole record. */
static bool
input_take(struct session *s, ssize_t n)
{
	if (n == -1 && s->tls != NULL && errno == EAGAIN)
		return false;
	if (n <= 0) {
		session_end(s, END_DISCONNECTED);
		return false;
	}
	s->input.end += (size_t)n;
	s->received += (uint64_t)n;
	return true;
}

bool
input_rest(struct session *s)
{
	struct input *in = &s->input;

	if (s->tls == NULL)
		return false;
	input_pull(in);
	return input_take(
	    s, secure_rest(s, in->buffer + in->end, in->size - in->end));
}

bool
input_wait(struct session *s)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = s->channel, .events = POLLIN}};
	struct input *in = &s->input;

	input_pull(in);
	if (wait_failed(s, input_poll(s, fds), fds))
		return false;
	(void)input_take(
	    s, input_read(s, in->buffer + in->end, in->size - in->end));
	return s->state != OVER;
}
