/* tools/device_options.h: values of flags that have parts: `--disk FILE,ro,...`.
 *
 * Each takes a copy of the value, which is cut into parts that the result points
 * into; 0, or -errno with err saying which key is wrong and what would be right. */
#ifndef BANTAM_TOOLS_DEVICE_OPTIONS_H
#define BANTAM_TOOLS_DEVICE_OPTIONS_H

#include "machine/config.h"

/* "stdio", "pty", "null", "file=PATH", "unix=PATH": value is not changed. */
int place_parse(const char *value, struct serial_config *out, struct err *err);

int disk_option_parse(char *text, struct disk_config *out, struct err *err);
int console_option_parse(char *text, struct console_config *out, struct err *err);
int rng_option_parse(char *text, struct rng_config *out, struct err *err);
int balloon_option_parse(char *text, struct balloon_config *out, struct err *err);

#endif
