/* tools/report.h: what `bantam doctor` found: one row a check. */
#ifndef BANTAM_TOOLS_REPORT_H
#define BANTAM_TOOLS_REPORT_H

#include "base/types.h"

enum check_verdict {
	CHECK_OK,
	CHECK_WARN, /* something is lost or slower */
	CHECK_FAIL, /* no guest runs */
};

struct check {
	const char *name;
	enum check_verdict verdict;
	bool blocks_run;  /* `bantam run` of a stock kernel does not work because of it */
	char detail[224]; /* one line: what is there */
	char fix[256];	  /* what would help; empty: nothing is to be done, or nothing can */
};

#define REPORT_CHECKS_MAX 40

struct report {
	unsigned count;
	struct check checks[REPORT_CHECKS_MAX];
};

/* Add a row; CHECK_FAIL also sets blocks_run.  Returns it for its fix.
 * name  a static string */
struct check *report_add(struct report *r, const char *name, enum check_verdict verdict,
			 const char *detail_fmt, ...) PRINTF_LIKE(4, 5);

/* Set the row's fix. */
void check_fix(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The row that keeps `bantam run` from working, or NULL. */
const struct check *report_blocker(const struct report *r);

/* CHECK_FAIL if something keeps run from working, else the worst row's. */
enum check_verdict report_verdict(const struct report *r);

/* Print as a table for people; colour: with ANSI colours. */
void report_print(const struct report *r, bool colour);

/* Write as one JSON object.  Length, or -ENOSPC. */
int report_json(const struct report *r, char *buf, size_t room);

#endif
