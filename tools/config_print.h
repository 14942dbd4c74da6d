/* tools/config_print.h: a machine's settings for --dry-run. */
#ifndef BANTAM_TOOLS_CONFIG_PRINT_H
#define BANTAM_TOOLS_CONFIG_PRINT_H

#include "machine/config.h"

/* To stdout, in the words of --config; a setting that is not there has none. */
void config_print(const struct machine_config *c);

#endif
