/* base/options.h: a command line read by a table.
 *
 * A row says all there is to say of an option: its names, its argument, what it
 * does, its help.  The parser, the help text, the configuration file and the
 * tests of manual and completions read the same rows.
 *
 * Understood: --name=VALUE, --name VALUE, -xVALUE, -x VALUE, switches together
 * (-vv), and -- as the end.  An option that is given again is handled again. */
#ifndef BANTAM_BASE_OPTIONS_H
#define BANTAM_BASE_OPTIONS_H

#include "base/err.h"
#include "base/types.h"

struct option_row {
	const char *name;  /* long, without the dashes; shorter than OPTION_NAME_BYTES */
	char letter;	   /* short form, or 0 */
	const char *arg;   /* its argument's name, for the help; NULL: a switch */
	const char *group; /* heading that this row begins in the help, or NULL */
	const char *help;  /* one line or more, separated by \n */
	/* Take the option.
	 * target  what options_parse() was given
	 * value   NUL-terminated; stays good as long as its source; NULL for a switch
	 * Returns 0, or -errno with err saying what was wrong and what would be
	 * right: the parser puts the flag's name before it. */
	int (*set)(void *target, const char *value, struct err *err);
};

struct option_table {
	const struct option_row *rows;
	size_t count;
	const char *help_command; /* "bantam help run": where an error sends its reader */
};

#define OPTION_NAME_BYTES 32

/* Called for each option in the order given; 0 to go on, or -errno with err
 * filled, complete with the option's name. */
typedef int option_visit(void *ctx, const struct option_row *row, const char *value,
			 struct err *err);

/* Walk argv[1..argc-1] up to the first word that is no option, or to the end.
 * rest  index of the first word behind the options and behind "--"
 * Returns 0, -EINVAL for an unknown option or a missing or needless value, or
 * what visit returned. */
int options_walk(const struct option_table *table, int argc, char *const argv[],
		 option_visit *visit, void *ctx, int *rest, struct err *err);

/* options_walk() that hands each option to its row's set(target, ...). */
int options_parse(const struct option_table *table, int argc, char *const argv[], void *target,
		  int *rest, struct err *err);

/* Call row->set(), and put where + the option's name before its error.
 * where  "--" for a flag, "FILE:LINE: " for a line of a file */
int option_apply(const struct option_row *row, const char *value, void *target, const char *where,
		 struct err *err);

/* The row of that long name, or NULL. */
const struct option_row *option_find(const struct option_table *table, const char *name);

/* The row whose long name is a likely misspelling's target, or NULL. */
const struct option_row *option_nearest(const struct option_table *table, const char *name);

/* Whether typed is close enough to name to suggest it, and how close: 0 is the
 * same word; -1 is too far. */
int word_distance(const char *typed, const char *name);

/* err: "'value' what: right", as in "'12Q' is not a size: use for example 512M".
 * Returns -EINVAL. */
int value_wrong(struct err *err, const char *value, const char *what, const char *right);

#define QUOTED_BYTES 68

/* The user's own text, fit for a one-line message: cut in the middle when long,
 * control characters as '?'.  Returns out. */
const char *quoted(char out[QUOTED_BYTES], const char *text);

#endif
