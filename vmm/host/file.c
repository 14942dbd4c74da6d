#include "host/file.h"

#include <errno.h>
#include <unistd.h>

int file_read_at(int fd, void *to, size_t len, uint64_t offset)
{
	uint8_t *p = to;

	while (len > 0) {
		const ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int file_write_at(int fd, const void *from, size_t len, uint64_t offset)
{
	const uint8_t *p = from;

	while (len > 0) {
		const ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}
