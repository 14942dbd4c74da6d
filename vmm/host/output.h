/* host/output.h: lines for somebody outside who may not read: a log, events.
 * A line goes out whole or not at all, and nobody waits for its reader. */
#ifndef BANTAM_HOST_OUTPUT_H
#define BANTAM_HOST_OUTPUT_H

#include <limits.h>

#include "base/err.h"
#include "base/types.h"

/* A pipe that is writable takes this many bytes at once (pipe(7)). */
#define OUTPUT_LINE_BYTES PIPE_BUF

/* Open path for writing: a regular file is made or emptied, a FIFO needs a
 * reader (-ENXIO).  Returns the descriptor or -errno. */
int output_open(const char *path);

/* Say in err why output_open() gave code for the path of flag.  Returns code. */
int output_refused(struct err *err, int code, const char *flag, const char *path);

/* Write line, newline included, at most OUTPUT_LINE_BYTES.
 * wait_ms  how long to wait for room: 0 not at all
 * 0; -EAGAIN if the reader left no room: nothing is written; another -errno. */
int output_line(int fd, const void *line, size_t len, int wait_ms);

#endif
