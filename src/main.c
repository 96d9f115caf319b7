/*
 * main.c - options and configuration; picks the role.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "back.h"
#include "listener.h"

#define ASSIGNMENTS_MAX 64 /* -o and the options that are short for one */

#define OPTION_RECOVER 256 /* --recover, which has no letter */

enum role {
	ROLE_SESSION,
	ROLE_LISTENER,
	ROLE_CHECK,
	ROLE_RECOVER,
	ROLE_VERSION
};

struct options {
	enum role role;
	bool background;
	const char *config_file;                     /* -C, or NULL */
	const char *mailbox;                         /* -a, or NULL */
	const char *assignments[ASSIGNMENTS_MAX][2]; /* name, value */
	size_t assignment_count;
	char *const *operands; /* up to NULL */
	bool tls;              /* -S */
	const char *wrong;     /* what is wrong with them, or NULL */
};

static const char usage_text[] =
    "usage: pop3d [-dDFnpsSV] [-a mailbox] [-C config-file] [-o name=value]\n"
    "             [-t trace-file] [-T timeout]\n"
    "       pop3d --recover [-C config-file] [-o name=value] [mailbox ...]\n";

/* name NULL: value is "name=value". */
static void
option_assign(struct options *o, const char *name, const char *value)
{
	if (o->assignment_count == ASSIGNMENTS_MAX) {
		o->wrong = "too many options";
		return;
	}
	o->assignments[o->assignment_count][0] = name;
	o->assignments[o->assignment_count++][1] = value;
}

static void
option_get(struct options *o, int letter)
{
	switch (letter) {
	case 'a':
		o->mailbox = optarg;
		break;
	case 'C':
		o->config_file = optarg;
		break;
	case 'd':
		option_assign(o, "debug", "yes");
		break;
	case 'D':
	case 'F':
		o->role = ROLE_LISTENER;
		o->background = letter == 'D';
		break;
	case 'n':
		o->role = ROLE_CHECK;
		break;
	case 'o':
		option_assign(o, NULL, optarg);
		break;
	case 'p':
		option_assign(o, "plaintext", "always");
		break;
	case 'S':
		o->tls = true;
		break;
	case 's':
		option_assign(o, "statistics", "yes");
		break;
	case 't':
		option_assign(o, "trace-file", optarg);
		break;
	case 'T':
		option_assign(o, "timeout", optarg);
		break;
	case 'V':
		o->role = ROLE_VERSION;
		break;
	case OPTION_RECOVER:
		o->role = ROLE_RECOVER;
		break;
	default:
		o->wrong = "unknown option";
	}
}

static void
options_get(struct options *o, int argc, char **argv)
{
	static const struct option longer[] = {
	    {"recover", no_argument, NULL, OPTION_RECOVER},
	    {NULL, 0, NULL, 0},
	};
	int letter;

	memset(o, 0, sizeof(*o));
	opterr = 0;
	while ((letter = getopt_long(
		    argc, argv, "a:C:dDFno:psSt:T:V", longer, NULL)) != -1)
		option_get(o, letter);
	o->operands = argv + optind;
	if (optind < argc && o->role != ROLE_RECOVER)
		o->wrong = "unexpected argument";
	if (o->tls && o->role == ROLE_LISTENER)
		o->wrong = "-S is for one session; with -D and -F there is "
			   "listen-tls";
	if (o->mailbox != NULL &&
	    (o->role == ROLE_LISTENER || o->role == ROLE_RECOVER))
		o->wrong = "-a is for one session, not for -D, -F or --recover";
}

/* -1 with the sentence in error. */
static int
config_get(const struct options *o, struct config *config,
    char error[CONFIG_ERROR_SIZE])
{
	const char *name, *value;
	size_t i;
	int result;

	if (o->config_file != NULL) {
		if (config_load(config, o->config_file, error) == -1)
			return -1;
	} else if (config_load(config, CONFIG_FILE, error) == -1 &&
	    errno != ENOENT)
		return -1;
	for (i = 0; i < o->assignment_count; i++) {
		name = o->assignments[i][0];
		value = o->assignments[i][1];
		result = name == NULL ? config_assign(config, value, error) :
					config_set(config, name, value, error);
		if (result == -1)
			return -1;
	}
	return 0;
}

/*
 * Under inetd descriptor 2 is the connection: nothing but answers may go
 * there.  false when standard error is no place for diagnostics.
 */
static bool
stderr_separate(void)
{
	struct stat err, other;
	int fd;

	if (fstat(STDERR_FILENO, &err) == -1)
		return false;
	for (fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
		/* A terminal is all three, and people want to see. */
		if (fstat(fd, &other) == 0 && other.st_dev == err.st_dev &&
		    other.st_ino == err.st_ino && !S_ISCHR(err.st_mode))
			return false;
	}
	return true;
}

/* Nothing that is written to descriptor 2 may reach the client. */
static void
stderr_leave(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDERR_FILENO) == -1)
		_exit(1);
	(void)close(null);
}

/* Is there a client that waits for an answer? */
static bool
client_waits(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
}

static _Noreturn void
config_refuse(const struct options *o, const char *error)
{
	static const char text[] =
	    "-ERR [SYS/PERM] the server is not configured rightly\r\n";

	log_warnx("%s", error);
	if (o->role == ROLE_SESSION && !o->tls && client_waits() &&
	    write_full(STDOUT_FILENO, text, strlen(text)) == -1)
		log_warn("nobody to tell");
	exit(o->wrong != NULL ? 2 : 1);
}

/* What a session needs of the environment is in *remote; the rest goes. */
static void
environment_rebuild(const char **remote)
{
	static char address[ADDRESS_SIZE];
	const char *value = getenv("TCPREMOTEIP");

	*remote = NULL;
	if (value != NULL) {
		text_cut(address, sizeof(address), "%s", value);
		*remote = address;
	}
	if (clearenv() != 0 ||
	    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) == -1)
		fatal("environment");
}

static const char *session_remote, *session_mailbox;

/* Also the listener's children: descriptors 0 and 1 are the connection. */
static int
session_run(const struct config *config, const struct signer *signer, bool tls)
{
	struct connection connection;

	connection_init(&connection, session_remote, config->debug);
	connection.signer = signer;
	connection.tls = tls;
	return back_run(config, &connection, session_mailbox, front_run);
}

static int
role_run(const struct options *o, const struct config *config)
{
	if (o->role == ROLE_CHECK)
		return back_check(config);
	if (o->role == ROLE_LISTENER)
		return listener_run(
		    config, o->background, session_run, back_signer);
	if (o->role == ROLE_RECOVER)
		return back_recover(config, o->operands);
	session_mailbox = o->mailbox;
	return session_run(config, NULL, o->tls);
}

int
main(int argc, char **argv)
{
	char error[CONFIG_ERROR_SIZE];
	struct options o;
	struct config config;
	bool separate;

	platform_first_act();
	environment_rebuild(&session_remote);
	options_get(&o, argc, argv);
	if (o.role == ROLE_VERSION && o.wrong == NULL) {
		printf("pop3d %s\n", POP3D_VERSION);
		return 0;
	}
	separate = o.role != ROLE_SESSION || stderr_separate();
	if (!separate)
		stderr_leave();
	log_init(LOG_MAIL, separate, false);
	if (config_init(&config) == -1)
		fatal("configuration");
	if (o.wrong != NULL) {
		if (separate &&
		    write_full(STDERR_FILENO, usage_text, strlen(usage_text)) ==
			-1)
			separate = false;
		config_refuse(&o, o.wrong);
	}
	if (config_get(&o, &config, error) == -1)
		config_refuse(&o, error);
	/* --recover says itself what it logs. */
	log_init(config.syslog_facility, separate && o.role != ROLE_RECOVER,
	    config.debug);
	return role_run(&o, &config);
}
