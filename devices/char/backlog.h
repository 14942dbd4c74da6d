/* char/backlog.h: output that its reader has not taken yet.
 *
 * Bytes lie in one run inside a mapping of twice the most that is kept; when the
 * run reaches the end it is moved down.  A move of n bytes happens only after as
 * many were appended, so appending costs O(1) a byte, and a run is always ready
 * for write(2) as it is.  Nothing is mapped before the first append, and an
 * emptied backlog begins again at its first page and gives the others back, so
 * that a slow reader costs memory only while it is slow. */
#ifndef BANTAM_CHAR_BACKLOG_H
#define BANTAM_CHAR_BACKLOG_H

#include "base/types.h"

#define BACKLOG_BYTES KIB(1024)

/* All zero is an empty backlog. */
struct backlog {
	uint8_t *bytes; /* owned: 2 * BACKLOG_BYTES, or NULL */
	size_t start;
	size_t end;
	size_t high; /* bytes of the mapping touched since it was last empty */
};

static inline size_t backlog_used(const struct backlog *b)
{
	return b->end - b->start;
}

static inline const uint8_t *backlog_run(const struct backlog *b)
{
	return b->bytes + b->start;
}

/* Append as many of len bytes as fit below limit bytes (at most BACKLOG_BYTES)
 * in all.  Returns how many; 0 too when the host has no memory. */
size_t backlog_append(struct backlog *b, const uint8_t *bytes, size_t len, size_t limit);

/* Forget the first n bytes (at most backlog_used()). */
void backlog_skip(struct backlog *b, size_t n);

void backlog_free(struct backlog *b);

#endif
