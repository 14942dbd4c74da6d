/* base/units.h: the numbers that people write: sizes, durations, counts.
 *
 * All parsers take the whole string or nothing: no blanks, no sign, no trailing
 * junk.  They return 0, -EINVAL for text that is not such a number, or -ERANGE
 * for one that does not fit; *out is written on success only. */
#ifndef BANTAM_BASE_UNITS_H
#define BANTAM_BASE_UNITS_H

#include "base/types.h"

/* "512M", "2G", "64K", "1T", "1.5G", "4096": bytes.  Units are powers of 1024,
 * in either case, alone or as KB or KiB; the result is a whole number of bytes. */
int parse_size(const char *text, uint64_t *bytes);

/* "500ms", "5s", "1.5s", "10m", "1h", "90" (seconds), and us, ns: nanoseconds. */
int parse_duration(const char *text, uint64_t *ns);

/* A decimal number from 0 to max; -ERANGE above max. */
int parse_uint(const char *text, uint64_t max, uint64_t *value);

#define UNITS_TEXT_BYTES 24

/* Write what the parsers read back exactly, in the largest unit that gives a
 * whole number: "512M", "1536K", "1h", "1500ms".  Return text. */
const char *format_size(char text[UNITS_TEXT_BYTES], uint64_t bytes);
const char *format_duration(char text[UNITS_TEXT_BYTES], uint64_t ns);

#endif
