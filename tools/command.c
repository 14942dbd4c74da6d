#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Where the help texts begin. */
#define HELP_COLUMN 34

/* As long as the longest command's name. */
#define NAME_COLUMNS 9

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

const struct command *command_find(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->rows[i]->name, name) == 0)
			return table->rows[i];
	}
	return NULL;
}

static const struct command *nearest(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (word_distance(name, table->rows[i]->name) >= 0)
			return table->rows[i];
	}
	return NULL;
}

void command_unknown(const struct command_table *table, const char *within, const char *name)
{
	const struct command *near = nearest(table, name);
	char text[QUOTED_BYTES];

	quoted(text, name);
	if (near)
		log_error("'%s%s' is not a command: did you mean '%s%s'?", within, text, within,
			  near->name);
	else
		log_error("'%s%s' is not a command: 'bantam help%s%.*s' lists them", within, text,
			  *within ? " " : "", *within ? (int)strlen(within) - 1 : 0, within);
}

void command_list(const struct command_table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++)
		fprintf(out, "  %-*s %s\n", NAME_COLUMNS, table->rows[i]->name,
			table->rows[i]->summary);
}

int command_help(const struct command *command)
{
	printf("usage: bantam %s%s%s%s%s\n%s\n", command->within ? command->within : "",
	       command->within ? " " : "", command->name, *command->synopsis ? " " : "",
	       command->synopsis, command->summary);
	if (command->table) {
		printf("\n");
		command_list(command->table, stdout);
	}
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
