/* base/keyvals.h: "FIRST,key=value,switch,...", as in --disk PATH,ro,queues=4.
 *
 * A row says what a key takes and what it does, as an option_row does for a flag.
 * A comma that belongs to a value is written twice: a,,b.  A switch may also be
 * said as switch=on or switch=off. */
#ifndef BANTAM_BASE_KEYVALS_H
#define BANTAM_BASE_KEYVALS_H

#include "base/err.h"
#include "base/types.h"

struct keyval_row {
	const char *name;
	const char *arg; /* its value's name, for messages; NULL: a switch */
	/* value  NUL-terminated, stays good as long as the text; "on" or "off"
	 *        for a switch
	 * Returns 0, or -errno with err saying what is wrong and what would be
	 * right: the parser puts the key's name before it. */
	int (*set)(void *target, const char *value, struct err *err);
};

struct keyval_table {
	const struct keyval_row *rows;
	size_t count;
	/* Takes what stands first, without a key; NULL: everything has a key. */
	int (*first)(void *target, const char *value, struct err *err);
};

/* Read text, which is changed: values point into it.
 * Returns 0, or -errno with err filled: an unknown key (the likely one is named), a
 * missing or needless value, a key given twice, or what a row's set() said. */
int keyvals_parse(const struct keyval_table *table, char *text, void *target, struct err *err);

#endif
