/* tools/run.h: `bantam run`. */
#ifndef BANTAM_TOOLS_RUN_H
#define BANTAM_TOOLS_RUN_H

#include "tools/command.h"

extern const struct command run_command;

/* The status of everything that is Bantam's or its caller's fault. */
#define RUN_STATUS_USAGE 125

#endif
