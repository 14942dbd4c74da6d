/* tools/command.h: what a subcommand is: a row of bantam.c's table, or of the table
 * of the command that it belongs to (`bantam img create`). */
#ifndef BANTAM_TOOLS_COMMAND_H
#define BANTAM_TOOLS_COMMAND_H

#include <stdio.h>

#include "base/options.h"

struct command;

struct command_table {
	const struct command *const *rows;
	size_t count;
};

struct command {
	const char *name;
	const char *within;		    /* the command it belongs to: "img"; or NULL */
	const char *synopsis;		    /* behind the name: "[FLAGS]" */
	const char *summary;		    /* one line */
	const struct option_table *options; /* NULL: none */
	const struct command_table *table;  /* of its own commands; or NULL */
	const char *epilogue;		    /* shown below the options, or NULL */
	/* argv[0] is the subcommand's name.  Returns the exit status. */
	int (*run)(int argc, char *argv[]);
};

/* The command of that name, or NULL. */
const struct command *command_find(const struct command_table *table, const char *name);

/* One line on stderr: no such command, and which may have been meant.
 * within  "", or the words before: "img " */
void command_unknown(const struct command_table *table, const char *within, const char *name);

/* A line a command. */
void command_list(const struct command_table *table, FILE *out);

/* Print a command's help, made from its options or its own commands, on stdout.
 * Returns the exit status: 0, or 1 if stdout did not take it. */
int command_help(const struct command *command);

/* Flush stdout; 0, or 1 with a line on stderr if it did not take all. */
int command_flush(void);

#endif
