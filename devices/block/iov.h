/* block/iov.h: the memory of a request, piece by piece. */
#ifndef BANTAM_BLOCK_IOV_H
#define BANTAM_BLOCK_IOV_H

#include <sys/uio.h>

#include "base/types.h"

/* What is left of a list; its elements are changed as it gets shorter. */
struct iov_rest {
	struct iovec *iov;
	unsigned count;
};

/* Take n bytes, which must be there, off the front. */
void iov_consume(struct iov_rest *rest, uint64_t n);

/* Copy the first n bytes, which must be there, out or in; they stay in front. */
void iov_copy_out(const struct iov_rest *rest, uint8_t *to, uint64_t n);
void iov_copy_in(const struct iov_rest *rest, const uint8_t *from, uint64_t n);

/* Fill all of it with zeros. */
void iov_zero(const struct iov_rest *rest);

#endif
