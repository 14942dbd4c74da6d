/* tools/doctor.h: `bantam doctor`: can this host run guests, and if not, what
 * would help. */
#ifndef BANTAM_TOOLS_DOCTOR_H
#define BANTAM_TOOLS_DOCTOR_H

#include "tools/command.h"

extern const struct command doctor_command;
extern const struct option_table doctor_option_table;

#endif
