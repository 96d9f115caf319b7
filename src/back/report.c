/*
 * report.c - log lines and the trace.
 *
 * The lines have Courier's form, so that the stock rules of fail2ban and
 * logwatch match; pop3d(8) lists them.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

#define DEBUG_MAX 1000 /* lines that a front may have written */

void
report_who(const struct back *back, const char *name, char *dst, size_t size)
{
	char printable[CHANNEL_NAME];

	log_name(printable, sizeof(printable), name);
	text_cut(dst, size, "user=%s, ip=[%s], port=[%s]", printable,
	    back->connection->peer, back->connection->peer_port);
}

/* How the session ended, in Courier's words. */
static const char *
end_word(enum channel_end why)
{
	switch (why) {
	case END_LOGOUT:
		return "LOGOUT";
	case END_TIMEOUT:
	case END_LOGIN_TIMEOUT:
		return "TIMEOUT";
	case END_DISCONNECTED:
	case END_NONSENSE:
	case END_LOGIN_FAILED:
	case END_CHANGED:
	case END_BACK:
	case END_VIEW:
	case END_HANDSHAKE:
	case END_INJECTED:
	case END_LIMIT:
		break;
	}
	return "DISCONNECTED";
}

/* What only an administrator who looks for it wants to know. */
static const char *
end_reason(enum channel_end why)
{
	switch (why) {
	case END_NONSENSE:
		return "too many bad commands";
	case END_LOGIN_TIMEOUT:
		return "no login in time";
	case END_LOGIN_FAILED:
		return "no more tries to log in";
	case END_CHANGED:
		return "another program changed the mailbox";
	case END_VIEW:
		return "kept view damaged";
	case END_INJECTED:
		return "commands behind STLS, perhaps another's";
	case END_LOGOUT:
	case END_TIMEOUT:
	case END_DISCONNECTED:
	case END_BACK:
	case END_HANDSHAKE:
	case END_LIMIT:
		break;
	}
	return NULL;
}

static void
report_statistics(const struct back *back)
{
	char printable[CHANNEL_NAME];
	struct mailbox_tally tally = back->tally;

	log_name(printable, sizeof(printable), back->name);
	log_info("Stats: %s %lu %llu %lu %llu", printable,
	    (unsigned long)tally.removed,
	    (unsigned long long)tally.removed_octets, (unsigned long)tally.left,
	    (unsigned long long)tally.left_octets);
}

static void
report_end(struct back *back, enum channel_end why, const struct ch_end *end)
{
	char who[CHANNEL_TEXT];
	const char *reason = end_reason(why);
	bool user = back->name[0] != '\0';

	report_who(back, back->name, who, sizeof(who));
	if (reason != NULL && (!user || why != END_LOGIN_FAILED))
		log_info("%s: ip=[%s], port=[%s]", reason,
		    back->connection->peer, back->connection->peer_port);
	if (!user) {
		log_debug("%s, ip=[%s], port=[%s]", end_word(why),
		    back->connection->peer, back->connection->peer_port);
		return;
	}
	log_info("%s, %s, top=%llu, retr=%llu, rcvd=%llu, sent=%llu, "
		 "time=%llu%s",
	    end_word(why), who, (unsigned long long)end->top_octets,
	    (unsigned long long)end->retr_octets,
	    (unsigned long long)end->received, (unsigned long long)end->sent,
	    (unsigned long long)(clock_ms() - back->begin) / 1000,
	    back->secure);
	if (back->config->statistics && back->mailbox != NULL)
		report_statistics(back);
}

void
on_end(struct back *back)
{
	const struct ch_end *end = &back->record.u.end;
	enum channel_end why = (enum channel_end)end->why;

	if (why == END_VIEW && back->mailbox != NULL)
		mailbox_distrust(back->mailbox);
	/* A front that says LOGOUT without an update had none. */
	if (why == END_LOGOUT && back->phase == PHASE_MAILBOX)
		why = END_DISCONNECTED;
	back->over = true;
	report_end(back, why, end);
}

void
report_lost(struct back *back, int status)
{
	static const struct ch_end nothing;

	if (WIFSIGNALED(status))
		log_warnx("the front died of signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == FRONT_NO_TLS)
		log_warnx("the front could not make TLS ready");
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warnx("the front could not be closed in");
	report_end(back, END_DISCONNECTED, &nothing);
}

void
on_debug(struct back *back)
{
	if (back->seen[CH_DEBUG] <= DEBUG_MAX)
		log_debug("front: %s", back->record.u.text.text);
}

int
trace_open(const char *path)
{
	char folder[CHANNEL_PATH];
	const char *slash = strrchr(path, '/');
	struct stat st;
	int fd;

	if (slash == NULL ||
	    text_copy(folder, sizeof(folder), path,
		slash == path ? 1 : (size_t)(slash - path)) == -1)
		return -1;
	if (stat(folder, &st) == -1)
		return -1;
	if ((st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return -1;
	}
	fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
		O_NONBLOCK | O_NOCTTY,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

void
on_trace(struct back *back)
{
	char line[CHANNEL_TEXT + 64], when[32];
	struct tm tm;
	time_t now = time(NULL);

	if (localtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		when[0] = '\0';
	text_cut(line, sizeof(line), "%s %ld %s\n", when, (long)getpid(),
	    back->record.u.text.text);
	if (back->trace == -1 ||
	    write_full(back->trace, line, strlen(line)) == 0)
		return;
	log_warn("%s", back->config->trace_file);
	(void)close(back->trace);
	back->trace = -1;
}
