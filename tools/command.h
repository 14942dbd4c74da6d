/* tools/command.h: what a subcommand is: a row of bantam.c's table. */
#ifndef BANTAM_TOOLS_COMMAND_H
#define BANTAM_TOOLS_COMMAND_H

#include "base/options.h"

struct command {
	const char *name;
	const char *synopsis;		    /* behind the name: "[FLAGS]" */
	const char *summary;		    /* one line */
	const struct option_table *options; /* NULL: none */
	const char *epilogue;		    /* shown below the options, or NULL */
	/* argv[0] is the subcommand's name.  Returns the exit status. */
	int (*run)(int argc, char *argv[]);
};

/* Print a command's help, made from its options, on stdout.
 * Returns the exit status: 0, or 1 if stdout did not take it. */
int command_help(const struct command *command);

/* Flush stdout; 0, or 1 with a line on stderr if it did not take all. */
int command_flush(void);

#endif
