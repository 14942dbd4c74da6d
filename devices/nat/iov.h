/* nat/iov.h: bytes that lie in pieces. */
#ifndef BANTAM_NAT_IOV_H
#define BANTAM_NAT_IOV_H

#include <sys/uio.h>

#include "base/types.h"

/* Copy up to len bytes from offset on.  Returns how many there were. */
size_t iov_read(const struct iovec *iov, unsigned count, size_t offset, void *to, size_t len);
size_t iov_write(const struct iovec *iov, unsigned count, size_t offset, const void *from,
		 size_t len);

/* Name [offset, offset+len) in pieces of its own; less if out_max pieces or what is
 * there do not reach so far.
 * bytes  how many are named; may be NULL
 * Returns how many pieces. */
unsigned iov_slice(const struct iovec *iov, unsigned count, size_t offset, size_t len,
		   struct iovec *out, unsigned out_max, size_t *bytes);

#endif
