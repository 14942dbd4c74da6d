/* base/zeros.h: is it all zeros? */
#ifndef BANTAM_BASE_ZEROS_H
#define BANTAM_BASE_ZEROS_H

#include <string.h>

#include "base/bytes.h"

/* Whether all of len bytes, of any alignment, are 0. */
static inline bool is_zeros(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	size_t head = 0;

	for (; head < len && head < 16; head++) {
		if (b[head] != 0)
			return false;
	}
	/* Each byte is the one 16 before it: as fast as memory, by libc's best loop. */
	return len <= 16 || memcmp(b, b + 16, len - 16) == 0;
}

#endif
