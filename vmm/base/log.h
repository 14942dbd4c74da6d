/* base/log.h: Bantam's own words, one line each, on stderr.
 * The level is the only global mutable state of the program. */
#ifndef BANTAM_BASE_LOG_H
#define BANTAM_BASE_LOG_H

#include "base/types.h"

enum log_level {
	LOG_ERROR, /* the user must act; always shown */
	LOG_WARN,  /* something is not as asked; always shown */
	LOG_INFO,  /* -v: what was chosen and why */
	LOG_DEBUG, /* -vv: guest's odd accesses, device misuse */
};

/* Show lines up to and including level. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* Print "bantam: " + the text + newline with one write(2).  In raw terminal
 * mode the line ends in CR LF (log_set_crlf).  Thread-safe. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_set_crlf(bool on);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* For faults that a guest can repeat: true for the first `burst` calls in each
 * second on the same struct, so that a guest cannot flood the host's log. */
struct log_limit {
	uint64_t window_ns;
	unsigned used;
};
bool log_limit_ok(struct log_limit *limit, uint64_t now_ns, unsigned burst);

#endif
