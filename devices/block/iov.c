#include "block/iov.h"

#include <assert.h>
#include <string.h>

void iov_consume(struct iov_rest *rest, uint64_t n)
{
	while (n > 0) {
		uint64_t part;

		assert(rest->count > 0);
		part = min_u64(n, rest->iov->iov_len);
		rest->iov->iov_base = (uint8_t *)rest->iov->iov_base + part;
		rest->iov->iov_len -= part;
		n -= part;
		if (rest->iov->iov_len > 0)
			return;
		rest->iov++;
		rest->count--;
	}
}

void iov_copy_out(const struct iov_rest *rest, uint8_t *to, uint64_t n)
{
	for (unsigned i = 0; n > 0; i++) {
		uint64_t part;

		assert(i < rest->count);
		part = min_u64(n, rest->iov[i].iov_len);
		memcpy(to, rest->iov[i].iov_base, part);
		to += part;
		n -= part;
	}
}

void iov_copy_in(const struct iov_rest *rest, const uint8_t *from, uint64_t n)
{
	for (unsigned i = 0; n > 0; i++) {
		uint64_t part;

		assert(i < rest->count);
		part = min_u64(n, rest->iov[i].iov_len);
		memcpy(rest->iov[i].iov_base, from, part);
		from += part;
		n -= part;
	}
}

void iov_zero(const struct iov_rest *rest)
{
	for (unsigned i = 0; i < rest->count; i++)
		memset(rest->iov[i].iov_base, 0, rest->iov[i].iov_len);
}
