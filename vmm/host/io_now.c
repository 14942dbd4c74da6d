#include "host/io_now.h"

#include <errno.h>
#include <unistd.h>

#include "host/now.h"

static bool is_small(const struct io_op *op)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < op->iov_count && bytes <= IO_NOW_BYTES_MAX; i++)
		bytes += op->iov[i].iov_len;
	return bytes <= IO_NOW_BYTES_MAX;
}

static bool through(struct io_op *op, ssize_t result)
{
	op->result = result < 0 ? -errno : result;
	return true;
}

static bool read_now(struct io_op *op, struct io_pace *pace)
{
	const int flags = pace->in_memory ? 0 : RWF_NOWAIT;
	ssize_t n;

	if (flags && atomic_load_explicit(&pace->no_nowait, memory_order_relaxed))
		return false;
	n = preadv2(op->fd, op->iov, (int)op->iov_count, (off_t)op->offset, op->flags | flags);
	if (n >= 0)
		return through(op, n);
	if (flags && errno == EOPNOTSUPP)
		atomic_store_explicit(&pace->no_nowait, true, memory_order_relaxed);
	/* Not cached, a signal, or a failure: the long way tells it right. */
	return false;
}

static bool write_now(struct io_op *op, struct io_pace *pace)
{
	const bool timed = !pace->in_memory;
	uint64_t begun_ns = 0, now_ns;
	ssize_t n;

	if (op->flags != 0) /* RWF_DSYNC waits for the disk */
		return false;
	if (timed) {
		begun_ns = host_now_ns();
		if (begun_ns < atomic_load_explicit(&pace->rest_until_ns, memory_order_relaxed))
			return false;
	}
	n = pwritev2(op->fd, op->iov, (int)op->iov_count, (off_t)op->offset, 0);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (timed) {
		const int error = errno;

		now_ns = host_now_ns();
		if (now_ns - begun_ns > IO_NOW_SLOW_NS)
			atomic_store_explicit(&pace->rest_until_ns, now_ns + IO_NOW_REST_NS,
					      memory_order_relaxed);
		errno = error;
	}
	return through(op, n);
}

bool io_now(struct io_op *op)
{
	struct io_pace *pace = op->pace;

	switch (op->kind) {
	case IO_READ:
		return is_small(op) && read_now(op, pace);
	case IO_WRITE:
		return is_small(op) && write_now(op, pace);
	case IO_SYNC:
		return pace->in_memory && through(op, fdatasync(op->fd));
	case IO_ALLOCATE:
		return false; /* gives memory back, or takes it: may take long */
	}
	return false;
}
