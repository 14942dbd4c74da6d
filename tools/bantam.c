#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "char/hostfd.h"
#include "tools/command.h"
#include "tools/doctor.h"
#include "tools/img.h"
#include "tools/net.h"
#include "tools/run.h"

static int help(int argc, char *argv[]);
static int version(int argc, char *argv[]);

static const struct command help_command = {
	.name = "help",
	.synopsis = "[COMMAND ...]",
	.summary = "Explain Bantam or one of its commands.",
	.run = help,
};

static const struct command version_command = {
	.name = "version",
	.synopsis = "",
	.summary = "Print the version.",
	.run = version,
};

static const struct command *const rows[] = {
	&run_command, &img_command, &net_command, &doctor_command, &help_command, &version_command,
};

static const struct command_table commands = { rows, ARRAY_LEN(rows) };

static void print_overview(FILE *out)
{
	fprintf(out, "usage: bantam COMMAND [FLAGS]\n\n");
	command_list(&commands, out);
	fprintf(out, "\n'bantam help COMMAND' lists a command's flags; 'man bantam' tells all.\n");
}

/* `bantam help`, `bantam help run`, `bantam help img create`. */
static int help(int argc, char *argv[])
{
	const struct command_table *table = &commands;
	const struct command *command = NULL;
	char within[QUOTED_BYTES + 1] = "";

	for (int i = 1; i < argc && table; i++) {
		command = command_find(table, argv[i]);
		if (!command) {
			command_unknown(table, within, argv[i]);
			return 1;
		}
		snprintf(within, sizeof(within), "%s ", command->name);
		table = command->table;
	}
	if (command)
		return command_help(command);
	print_overview(stdout);
	return command_flush();
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
	command = command_find(&commands, argv[1]);
	if (command)
		return command->run(argc - 1, argv + 1);
	command_unknown(&commands, "", argv[1]);
	return 1;
}
