#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Where the help texts begin. */
#define HELP_COLUMN 34

/* "  -m, --memory SIZE   32M to 1T", further lines under the first. */
static void print_option(const struct option_row *row)
{
	const char *line = row->help;
	int column;

	if (row->group)
		printf("\n%s:\n", row->group);
	if (row->letter)
		column = printf("  -%c, --%s", row->letter, row->name);
	else
		column = printf("      --%s", row->name);
	if (row->arg)
		column += printf(" %s", row->arg);
	if (column > HELP_COLUMN - 2) {
		printf("\n");
		column = 0;
	}
	while (line) {
		const char *end = strchr(line, '\n');
		const int len = end ? (int)(end - line) : (int)strlen(line);

		printf("%*s%.*s\n", HELP_COLUMN - column, "", len, line);
		column = 0;
		line = end ? end + 1 : NULL;
	}
}

int command_help(const struct command *command)
{
	printf("usage: bantam %s%s%s\n%s\n", command->name, *command->synopsis ? " " : "",
	       command->synopsis, command->summary);
	for (size_t i = 0; command->options && i < command->options->count; i++)
		print_option(&command->options->rows[i]);
	if (command->epilogue)
		printf("\n%s\n", command->epilogue);
	return command_flush();
}

int command_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_error("cannot write to stdout: %s", strerror(errno));
	return 1;
}
