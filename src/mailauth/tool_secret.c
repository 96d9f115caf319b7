/*
 * tool_secret.c - a secret from the terminal, without its showing, or from
 * standard input.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tool.h"

#define SECRET_TEXT (CHANNEL_SECRET + 2) /* with CR or LF: too long shows */

static const int blocked[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};

const char *
secret_trouble(const char *secret)
{
	const unsigned char *c = (const unsigned char *)secret;

	if (secret[0] == '\0')
		return "the secret is empty";
	if (strlen(secret) >= CHANNEL_SECRET)
		return "the secret is longer than 511 octets";
	for (; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f)
			return "the secret has a control character in it";
	}
	return NULL;
}

/* Is a signal waiting for us that ends or stops a process? */
static bool
signal_waits(void)
{
	sigset_t pending;
	size_t i;

	if (sigpending(&pending) == -1)
		return false;
	for (i = 0; i < ARRAY_SIZE(blocked); i++) {
		if (sigismember(&pending, blocked[i]) == 1)
			return true;
	}
	return false;
}

/*
 * A line, while signals are blocked: that the terminal shows nothing must not
 * outlive us.  When one waits the line is empty, and the signal comes as soon
 * as the terminal is as it was.
 */
static ssize_t
terminal_line(char text[SECRET_TEXT])
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int ready;

	do {
		if (signal_waits())
			return 0;
		ready = poll(&p, 1, 100);
	} while (ready == 0 || (ready == -1 && errno == EINTR));
	return ready == -1 ? -1 : read(STDIN_FILENO, text, SECRET_TEXT - 1);
}

static ssize_t
terminal_read(const char *prompt, char text[SECRET_TEXT])
{
	struct termios shown, hidden;
	sigset_t set, before;
	ssize_t got;
	size_t i;

	(void)sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(blocked); i++)
		(void)sigaddset(&set, blocked[i]);
	if (tcgetattr(STDIN_FILENO, &shown) == -1)
		return -1;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	hidden.c_lflag |= ICANON | ISIG;
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	got = -1;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0) {
		fprintf(stderr, "%s", prompt);
		got = terminal_line(text);
		fprintf(stderr, "\n");
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return got;
}

/* The first line of what was read is the secret; there must be no more. */
static int
secret_take(char text[SECRET_TEXT], ssize_t got, char secret[CHANNEL_SECRET])
{
	const char *why, *end;

	if (got == -1)
		return complain("standard input: %s", strerror(errno));
	text[got] = '\0';
	end = memchr(text, '\n', (size_t)got);
	if (end != NULL && end + 1 < text + got)
		return complain("standard input has more than one line");
	if (end != NULL)
		text[--got] = '\0';
	why = strlen(text) == (size_t)got ?
	    secret_trouble(text) :
	    "the secret has a control character in it";
	if (why != NULL)
		return complain("%s", why);
	memcpy(secret, text, (size_t)got + 1);
	return 0;
}

int
secret_get(const char *name, bool twice, char secret[CHANNEL_SECRET])
{
	char text[SECRET_TEXT], again[CHANNEL_SECRET],
	    prompt[CHANNEL_NAME + 32];
	int rc;

	if (!isatty(STDIN_FILENO)) {
		rc = secret_take(text,
		    read_full(STDIN_FILENO, text, sizeof(text) - 1), secret);
		explicit_bzero(text, sizeof(text));
		return rc;
	}
	text_cut(prompt, sizeof(prompt), "Secret of %s: ", name);
	rc = secret_take(text, terminal_read(prompt, text), secret);
	if (rc == 0 && twice) {
		rc = secret_take(
		    text, terminal_read("The same again: ", text), again);
		if (rc == 0 && strcmp(secret, again) != 0)
			rc = complain("the two were not the same");
		explicit_bzero(again, sizeof(again));
	}
	explicit_bzero(text, sizeof(text));
	return rc;
}
