/* machine/watch.h: reads over the guest's shoulder.
 *
 * The serial console's output goes through it on the main thread: it keeps the
 * last lines for an autopsy, writes --log with a host stamp a line, and knows
 * the few kernel lines that change a verdict. */
#ifndef BANTAM_MACHINE_WATCH_H
#define BANTAM_MACHINE_WATCH_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"

#define WATCH_LINE_BYTES 256 /* a longer line is cut in two */
#define WATCH_LINES_KEPT 24

enum watch_sign {
	WATCH_NONE,
	WATCH_BOOTED,    /* the kernel hands over to init */
	WATCH_PANIC,     /* "Kernel panic - not syncing: ...": text is the reason */
	WATCH_PANIC_END, /* the panicked kernel has said all it will say */
};

struct watch {
	/* A line that means something was seen; text is that line's meaningful
	 * part, valid during the call.  May be NULL. */
	void (*sign)(void *ctx, enum watch_sign sign, const char *text);
	void *ctx;
	int log_fd;               /* -1: no log */
	unsigned log_lost;        /* lines that nobody had room for */
	uint64_t zero_ns;         /* log stamps count from here (host monotonic) */
	uint64_t last_output_ns;  /* host monotonic; zero_ns before any */
	uint64_t line_start_ns;
	unsigned line_len;
	bool is_rest;             /* line is the rest of one that was cut */
	unsigned kept_next, kept_count;
	char line[WATCH_LINE_BYTES + 1];
	char kept[WATCH_LINES_KEPT][WATCH_LINE_BYTES + 1];
};

/* log_path  NULL for no log, else made or truncated.  0, or -errno with err. */
int watch_open(struct watch *w, const char *log_path, uint64_t zero_ns, struct err *err);
/* An unfinished line will not go on: the machine restarts or has ended. */
void watch_end_line(struct watch *w);

/* End the line, close the log; again is harmless. */
void watch_close(struct watch *w);

/* Output arrived at host time now_ns. */
void watch_bytes(struct watch *w, const uint8_t *bytes, size_t len, uint64_t now_ns);

/* The last lines, oldest first, each behind prefix. */
void watch_print_last(const struct watch *w, FILE *out, const char *prefix);

#endif
