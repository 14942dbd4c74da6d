/* tools/cmdline.h: the kernel command line that a guest gets. */
#ifndef BANTAM_TOOLS_CMDLINE_H
#define BANTAM_TOOLS_CMDLINE_H

#include "base/err.h"
#include "base/types.h"

/* Linux on x86 keeps 2048 bytes with the NUL (COMMAND_LINE_SIZE) and drops the
 * rest without a word. */
#define CMDLINE_BYTES_MAX 2048

/* What a guest gets unless --cmdline replaces it. */
extern const char cmdline_default[];

/* Put a blank and words behind what line has.  0, or -E2BIG when it does not
 * fit, with the line unchanged. */
int cmdline_append(char line[CMDLINE_BYTES_MAX], const char *words);

#endif
