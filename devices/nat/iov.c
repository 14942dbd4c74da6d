#include "nat/iov.h"

#include <string.h>

/* Where a walk over pieces stands: bytes of the present piece that are left. */
struct walk {
	const struct iovec *iov;
	unsigned count;
	size_t offset; /* to be stepped over first */
};

/* The next run of bytes, at most len; 0: the end. */
static size_t next_run(struct walk *w, size_t len, uint8_t **run)
{
	for (; w->count > 0; w->iov++, w->count--) {
		const size_t piece = w->iov->iov_len;

		if (w->offset < piece) {
			const size_t n = min_u64(piece - w->offset, len);

			*run = (uint8_t *)w->iov->iov_base + w->offset;
			w->offset += n;
			return n;
		}
		w->offset -= piece;
	}
	return 0;
}

size_t iov_read(const struct iovec *iov, unsigned count, size_t offset, void *to, size_t len)
{
	struct walk w = { iov, count, offset };
	size_t done = 0, n;
	uint8_t *run;

	for (; done < len && (n = next_run(&w, len - done, &run)) > 0; done += n)
		memcpy((uint8_t *)to + done, run, n);
	return done;
}

size_t iov_write(const struct iovec *iov, unsigned count, size_t offset, const void *from,
		 size_t len)
{
	struct walk w = { iov, count, offset };
	size_t done = 0, n;
	uint8_t *run;

	for (; done < len && (n = next_run(&w, len - done, &run)) > 0; done += n)
		memcpy(run, (const uint8_t *)from + done, n);
	return done;
}

unsigned iov_slice(const struct iovec *iov, unsigned count, size_t offset, size_t len,
		   struct iovec *out, unsigned out_max, size_t *bytes)
{
	struct walk w = { iov, count, offset };
	size_t done = 0, n;
	unsigned pieces = 0;
	uint8_t *run;

	for (; pieces < out_max && done < len && (n = next_run(&w, len - done, &run)) > 0;
	     done += n)
		out[pieces++] = (struct iovec){ run, n };
	if (bytes)
		*bytes = done;
	return pieces;
}
