/* host/file.h: exactly so many bytes from or to a place in a file. */
#ifndef BANTAM_HOST_FILE_H
#define BANTAM_HOST_FILE_H

#include "base/types.h"

/* 0; -EIO if the file ends before; another -errno.  The target may be half
 * filled then. */
int file_read_at(int fd, void *to, size_t len, uint64_t offset);

/* 0 or -errno; -ENOSPC too if the file system takes no more without a word. */
int file_write_at(int fd, const void *from, size_t len, uint64_t offset);

#endif
