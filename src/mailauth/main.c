/*
 * main.c - mailauth(8), the administrator's tool: options; picks the command.
 *
 * No secret is an argument: those are for everybody to see.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const char usage_text[] =
    "usage: mailauth [-C config-file] [-f file] [-i iterations] command\n"
    "       add|change NAME [--apop]\n"
    "       delete|lock|unlock NAME\n"
    "       list|check [NAME]\n"
    "       import FILE [--apop] [--popauth]\n";

/* What getopt_long() returns for the long ones. */
enum { OPTION_APOP = 256, OPTION_POPAUTH };

struct options {
	struct tool tool;
	const char *config_file; /* -C, or NULL */
	const struct command *command;
	const char *wrong; /* what is wrong with them, or NULL */
};

static void
option_get(struct options *o, int letter)
{
	uint64_t number;

	switch (letter) {
	case 'C':
		o->config_file = optarg;
		break;
	case 'f':
		o->tool.file = optarg;
		break;
	case 'i':
		if (number_get(optarg, strlen(optarg), ITERATIONS_LEAST,
			ITERATIONS_MOST, &number) == 0)
			o->tool.iterations = (uint32_t)number;
		else
			o->wrong = "-i is a number from 4096 to 10000000";
		break;
	case OPTION_APOP:
		o->tool.apop = true;
		break;
	case OPTION_POPAUTH:
		o->tool.popauth = true;
		break;
	default:
		o->wrong = "unknown option";
	}
}

static void
command_get(struct options *o, int count, char **words)
{
	const struct command *c = tool_commands;

	if (count == 0) {
		o->wrong = "no command";
		return;
	}
	while (c->name != NULL && strcmp(c->name, words[0]) != 0)
		c++;
	o->command = c;
	o->tool.name = count > 1 ? words[1] : NULL;
	if (c->name == NULL)
		o->wrong = "unknown command";
	else if (c->argument == NAME_MUST && count < 2)
		o->wrong = "a name is missing";
	else if (count > 2)
		o->wrong = "unexpected argument";
	else if (c->run != tool_import && o->tool.popauth)
		o->wrong = "--popauth is for import";
	else if (c->run != tool_import && o->tool.name != NULL)
		o->wrong = name_trouble(o->tool.name);
}

static void
options_get(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"apop", no_argument, NULL, OPTION_APOP},
	    {"popauth", no_argument, NULL, OPTION_POPAUTH}, {NULL, 0, NULL, 0}};
	int letter;

	memset(o, 0, sizeof(*o));
	o->tool.iterations = ITERATIONS_DEFAULT;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "C:f:i:", longs, NULL)) != -1)
		option_get(o, letter);
	if (o->wrong == NULL)
		command_get(o, argc - optind, argv + optind);
}

/* The configuration says where the database is, unless -f does. */
static int
file_get(struct options *o, struct config *config)
{
	const char *path = o->config_file;
	char error[CONFIG_ERROR_SIZE];

	if (o->tool.file != NULL)
		return 0;
	if (config_init(config) == -1)
		return complain("configuration: %s", strerror(errno));
	if (config_load(config, path == NULL ? CONFIG_FILE : path, error) ==
		-1 &&
	    (path != NULL || errno != ENOENT))
		return complain("%s", error);
	o->tool.file = config->mailauth_file;
	return 0;
}

int
main(int argc, char **argv)
{
	struct config config;
	struct options o;

	platform_first_act();
	platform_hide();
	options_get(&o, argc, argv);
	if (o.wrong != NULL) {
		(void)complain("%s", o.wrong);
		fprintf(stderr, "%s", usage_text);
		return 2;
	}
	if (file_get(&o, &config) == -1 || o.command->run(&o.tool) == -1)
		return 1;
	if (fflush(stdout) == EOF) {
		(void)complain("standard output: %s", strerror(errno));
		return 1;
	}
	return 0;
}
