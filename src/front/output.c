/*
 * output.c - octets to the client: gathered, so that the answers to a batch
 * of commands leave in as few writes as can be, and never torn between the
 * CR and the LF of a line (some clients cannot bear that).
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

/* The client takes no more: what it sent may still be a QUIT. */
static void
output_deaf(struct session *s)
{
	s->deaf = true;
	if (s->output.mail)
		s->lost = true;
}

static bool
output_wait(struct session *s)
{
	struct pollfd fds[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
	    {.fd = s->channel, .events = 0}};
	int n;

	do
		n = poll(fds, 2, wait_time(s));
	while (n == -1 && errno == EINTR);
	if (n == 0)
		wait_over(s);
	else if (fds[1].revents != 0)
		session_end(s, END_BACK);
	return n > 0 && fds[1].revents == 0;
}

/*
 * O_NONBLOCK is not ours to set on a descriptor that others may share: a
 * socket is told with each message, anything else is asked first, and given
 * no more than a pipe takes without waiting.
 */
static ssize_t
output_some(struct session *s, const char *octets, size_t length)
{
	struct msghdr message;
	struct iovec iov;

	if (!s->output.socket) {
		if (!output_wait(s)) {
			errno = ETIMEDOUT;
			return -1;
		}
		return write(STDOUT_FILENO, octets,
		    length > PIPE_BUF ? PIPE_BUF : length);
	}
	memcpy(&iov.iov_base, &octets, sizeof(octets));
	iov.iov_len = length;
	memset(&message, 0, sizeof(message));
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	return sendmsg(STDOUT_FILENO, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
output_raw(struct session *s, const char *octets, size_t length)
{
	size_t put = 0;
	ssize_t n;

	while (put < length && !s->deaf) {
		n = output_some(s, octets + put, length - put);
		if (n >= 0) {
			put += (size_t)n;
			if (s->tls == NULL)
				s->sent += (uint64_t)n;
		} else if (errno == ENOTSOCK && s->output.socket) {
			s->output.socket = false;
		} else if (errno == EAGAIN) {
			if (!output_wait(s))
				output_deaf(s);
		} else if (errno != EINTR) {
			output_deaf(s);
		}
	}
}

/* The octets of a session are those of POP3, in clear or not. */
static void
output_write(struct session *s, size_t length)
{
	if (s->tls == NULL) {
		output_raw(s, s->output.buffer, length);
		return;
	}
	if (!secure_write(s, s->output.buffer, length))
		output_deaf(s);
	if (!s->deaf)
		s->sent += length;
}

void
output_flush(struct session *s)
{
	struct output *out = &s->output;

	if (s->deaf) {
		output_deaf(s);
		out->length = 0;
	}
	output_write(s, out->length);
	out->length = 0;
	out->mail = false;
}

/* Write what there is, but keep a CR back whose LF is still to come. */
static void
output_spill(struct session *s)
{
	struct output *out = &s->output;
	bool torn = out->length > 1 && out->buffer[out->length - 1] == '\r';
	bool mail = out->mail;

	if (torn)
		out->length--;
	output_flush(s);
	if (torn) {
		out->buffer[0] = '\r';
		out->length = 1;
		out->mail = mail;
	}
}

void
busy_take(struct session *s)
{
	char *pages;

	if (s->busy != NULL)
		return;
	pages = mmap(NULL, OUTPUT_SIZE + MAIL_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return;
	memcpy(pages, s->output.buffer, s->output.length);
	s->busy = pages;
	s->output.buffer = pages;
	s->output.size = OUTPUT_SIZE;
	s->mail = pages + OUTPUT_SIZE;
	s->mail_size = MAIL_SIZE;
}

void
busy_drop(struct session *s)
{
	if (s->output.length > 0)
		return;
	if (s->busy != NULL)
		(void)munmap(s->busy, OUTPUT_SIZE + MAIL_SIZE);
	s->busy = NULL;
	s->output.buffer = s->small[0];
	s->output.size = SMALL_SIZE;
	s->mail = s->small[1];
	s->mail_size = SMALL_SIZE;
}

char *
output_room(struct session *s, size_t size)
{
	if (s->output.size - s->output.length < size)
		busy_take(s);
	if (s->output.size - s->output.length < size)
		output_spill(s);
	return s->output.buffer + s->output.length;
}

static void
output_octets(struct session *s, const char *octets, size_t length)
{
	memcpy(output_room(s, length), octets, length);
	s->output.length += length;
}

void
output_text(struct session *s, const char *text)
{
	output_octets(s, text, strlen(text));
}

void
output_number(struct session *s, uint64_t number)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	output_octets(s, digits + i, sizeof(digits) - i);
}

void
output_line(struct session *s, const char *format, ...)
{
	char line[CHANNEL_TEXT + 64]; /* RFC 1939, 3: 512 octets with CRLF */
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(line, 511, format, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	trace(s, "> %s", line);
	output_text(s, line);
	output_text(s, "\r\n");
}
