/* tools/config_file.h: the flags of a command, written in a file.
 *
 * One "name = value" a line, named as the long flags; a switch is on or off.
 * Blank lines do nothing; a '#' at the start of a line or behind a blank begins
 * a comment.  Values have no quotes: they end where the line ends. */
#ifndef BANTAM_TOOLS_CONFIG_FILE_H
#define BANTAM_TOOLS_CONFIG_FILE_H

#include "base/options.h"

#define CONFIG_FILE_BYTES_MAX (64u << 10)

/* Read the file at path and hand each setting to its row's set(target, ...).
 * text  what the values point into; the caller's to free() whenever it is not
 *       NULL, after an error too
 * Returns 0, or -errno with err naming the file and the line. */
int config_file_parse(const char *path, const struct option_table *table, void *target, char **text,
		      struct err *err);

#endif
