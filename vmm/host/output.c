#include "host/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int output_open(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);

	return fd < 0 ? -errno : fd;
}

int output_refused(struct err *err, int code, const char *flag, const char *path)
{
	if (code == -ENXIO)
		return err_set(err, code, "%s %s: nobody reads this FIFO: start its reader first",
			       flag, path);
	return err_errno(err, code, "%s %s", flag, path);
}

int output_line(int fd, const void *line, size_t len, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const uint8_t *at = line;

	assert(len <= OUTPUT_LINE_BYTES);
	if (poll(&p, 1, wait_ms) <= 0)
		return -EAGAIN;
	/* One write for whatever takes a line whole; a disk that fills up in
	 * the middle of one is told by the next. */
	while (len > 0) {
		const ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
