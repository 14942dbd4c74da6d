/* base/err.h: an error that travels up with its reason.
 *
 * Functions return -errno.  Where the number alone does not say what is wrong
 * with a user's file or host, they also fill a struct err; the caller who knows
 * the name of the flag or file prints the one message. */
#ifndef BANTAM_BASE_ERR_H
#define BANTAM_BASE_ERR_H

#include "base/types.h"

struct err {
	char text[240]; /* one line, no newline, cut when longer */
};

/* Fill err (may be NULL) and return code, so that callers can write
 * `return err_set(err, -EINVAL, "...")`.
 * code  a negative errno */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set(), with ": " and the text of errno -code behind it. */
int err_errno(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* An analyser sees one file at a time, and not that these return what they got. */
#ifdef __clang_analyzer__
#define err_set(err, code, ...)                               \
	__extension__({                                       \
		const int code_ = (code);                     \
		(void)(err_set)((err), code_, __VA_ARGS__);   \
		code_;                                        \
	})
#define err_errno(err, code, ...)                             \
	__extension__({                                       \
		const int code_ = (code);                     \
		(void)(err_errno)((err), code_, __VA_ARGS__); \
		code_;                                        \
	})
#endif

#endif
