/*
 * log_test.c - log lines on standard error, and names from outside in them.
 */

#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base.h"
#include "tap.h"

static char got[16384];

/* What run() writes to standard error, in got; its wait status. */
static int
capture(void (*run)(void))
{
	int ends[2], status = -1;
	size_t length;
	pid_t pid;

	if (pipe(ends) == -1)
		exit(99);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDERR_FILENO) == -1)
			_exit(98);
		(void)close(ends[0]);
		(void)close(ends[1]);
		run();
		_exit(0);
	}
	(void)close(ends[1]);
	length = (size_t)read_full(ends[0], got, sizeof(got) - 1);
	got[length < sizeof(got) ? length : 0] = '\0';
	(void)close(ends[0]);
	if (waitpid(pid, &status, 0) != pid)
		exit(99);
	return status;
}

static void
run_lines(void)
{
	log_init(LOG_MAIL, true, false);
	log_info("one %d", 1);
	errno = ENOENT;
	log_warn("two %s", "x");
	if (errno != ENOENT)
		_exit(2);
	log_warnx("three");
	log_debug("four");
	if (errno != ENOENT)
		_exit(2);
}

static void
run_debug(void)
{
	log_init(LOG_MAIL, true, true);
	log_debug("four %%s");
}

static void
run_silent(void)
{
	log_init(LOG_MAIL, false, true);
	log_info("nobody hears");
	log_debug("nobody hears");
}

static void
run_fatal(void)
{
	log_init(LOG_MAIL, true, false);
	errno = EACCES;
	fatal("it is over");
}

static void
run_fatalx(void)
{
	log_init(LOG_MAIL, true, false);
	errno = EACCES;
	fatalx("it is over");
}

static void
run_long(void)
{
	static char text[8192];

	log_init(LOG_MAIL, true, false);
	memset(text, 'x', sizeof(text) - 1);
	errno = ENOENT;
	log_warn("%s", text);
	log_info("next");
}

/* Standard error may be gone: logging must not be what ends a session. */
static void
run_closed(void)
{
	log_init(LOG_MAIL, true, false);
	(void)close(STDERR_FILENO);
	log_info("one");
	log_info("two");
}

static void
test_lines(void)
{
	char want[256], pid[32];
	const char *at;
	int status;

	status = capture(run_lines);
	at = strchr(got, ']');
	text_cut(pid, sizeof(pid), "%.*s", at == NULL ? 0 : (int)(at - got + 1),
	    got);
	text_cut(want, sizeof(want),
	    "%s: one 1\n%s: two x: No such file or directory\n%s: three\n", pid,
	    pid, pid);
	ok(status == 0 && strncmp(pid, "pop3d[", 6) == 0 &&
		strcmp(got, want) == 0,
	    "info, warn with errno, warnx; no debug; errno stays");
	ok(capture(run_debug) == 0 && strstr(got, "]: four %s\n") != NULL,
	    "debug, when wanted");
	ok(capture(run_silent) == 0 && got[0] == '\0',
	    "nothing to standard error, when not wanted");
	status = capture(run_fatal);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1 &&
		strstr(got, "]: it is over: Permission denied\n") != NULL,
	    "fatal: a line with errno, exit 1");
	status = capture(run_fatalx);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1 &&
		strstr(got, "]: it is over\n") != NULL,
	    "fatalx: a line, exit 1");
	ok(capture(run_long) == 0 && strlen(got) < 4096 &&
		strstr(got, "x\npop3d[") != NULL &&
		strstr(got, "]: next\n") != NULL,
	    "a long line is cut, and ends");
	ok(capture(run_closed) == 0, "no standard error is no end");
}

static const struct {
	const char *name, *want;
} names[] = {
    /* clang-format off */
	{ "", "" },
	{ "demo", "demo" },
	{ "a.b-c_d+e@example.org", "a.b-c_d+e@example.org" },
	{ "x, ip=[1.2.3.4]", "x%2C%20ip%3D%5B1.2.3.4%5D" },
	{ "a\nLOGIN, user=b", "a%0ALOGIN%2C%20user%3Db" },
	{ "50%20", "50%2520" },
	{ "\x01\x7f\x80\xff", "%01%7F%80%FF" },
	{ "gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F" },
	{ "%s%n", "%25s%25n" },
	{ "a/b\\c\"d'e", "a%2Fb%5Cc%22d%27e" },
    /* clang-format on */
};

static void
test_names(void)
{
	char dst[256], small[8], all[256], *p;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		log_name(dst, sizeof(dst), names[i].name);
		ok(strcmp(dst, names[i].want) == 0, "log_name: %s",
		    names[i].want);
	}
	/* Whatever comes: printable, no blank, no bracket, no comma. */
	for (i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	for (i = 0; i < 255; i++) {
		log_name(dst, sizeof(dst), all + i);
		for (p = dst; *p != '\0'; p++) {
			if (*p <= 0x20 || *p >= 0x7f ||
			    strchr(",[]=\"'\\()", *p) != NULL)
				break;
		}
		if (*p != '\0')
			break;
	}
	ok(i == 255, "log_name: nothing but what is harmless");
	for (i = 1; i <= sizeof(small); i++) {
		memset(small, 'Z', sizeof(small));
		log_name(small, i, "a\n\n\n\n\n");
		k = strlen(small);
		if (k >= i || (k > 1 && (k - 1) % 3 != 0))
			break;
	}
	ok(i == sizeof(small) + 1, "log_name: cut, but not within a %%XX");
}

int
main(void)
{
	test_lines();
	test_names();
	return tap_end();
}
