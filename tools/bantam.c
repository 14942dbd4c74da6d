#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "char/hostfd.h"
#include "tools/command.h"
#include "tools/doctor.h"
#include "tools/run.h"

static int help(int argc, char *argv[]);
static int version(int argc, char *argv[]);

static const struct command help_command = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "Explain Bantam or one of its commands.",
	.run = help,
};

static const struct command version_command = {
	.name = "version",
	.synopsis = "",
	.summary = "Print the version.",
	.run = version,
};

static const struct command *const commands[] = {
	&run_command,
	&doctor_command,
	&help_command,
	&version_command,
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static const struct command *nearest_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (word_distance(name, commands[i]->name) >= 0)
			return commands[i];
	}
	return NULL;
}

static void print_overview(FILE *out)
{
	fprintf(out, "usage: bantam COMMAND [FLAGS]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n'bantam help COMMAND' lists a command's flags; 'man bantam' tells all.\n");
}

static int unknown_command(const char *name)
{
	const struct command *near = nearest_command(name);
	char text[QUOTED_BYTES];

	quoted(text, name);
	if (near)
		log_error("'%s' is not a command: did you mean '%s'?", text, near->name);
	else
		log_error("'%s' is not a command: 'bantam help' lists them", text);
	return 1;
}

static int help(int argc, char *argv[])
{
	const struct command *command;

	if (argc < 2) {
		print_overview(stdout);
		return command_flush();
	}
	command = find_command(argv[1]);
	return command ? command_help(command) : unknown_command(argv[1]);
}

static int version(int argc, char *argv[])
{
	(void)argc, (void)argv;
	printf("bantam %s\n", BANTAM_VERSION);
	return command_flush();
}

int main(int argc, char *argv[])
{
	const struct command *command;

	hostfd_fill_standard();
	/* Little is allocated, and most of it here: one arena is enough. */
	mallopt(M_ARENA_MAX, 1);
	if (argc < 2) {
		print_overview(stderr);
		return 1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(1, argv);
	if (strcmp(argv[1], "--version") == 0)
		return version(1, argv);
	command = find_command(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}
