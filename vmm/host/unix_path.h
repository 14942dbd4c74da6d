/* host/unix_path.h: UNIX sockets that have a name in the file system. */
#ifndef BANTAM_HOST_UNIX_PATH_H
#define BANTAM_HOST_UNIX_PATH_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/types.h"

/* A bound name: ours as long as the file is. */
struct unix_name {
	struct sockaddr_un address;
	ino_t inode;
	dev_t device;
};

/* 0; -EINVAL for no path; -ENAMETOOLONG; err filled. */
int unix_path_address(const char *path, struct sockaddr_un *out, struct err *err);

/* Give the new socket fd that path.  A socket that its owner left behind is replaced,
 * and nothing else.
 * type  fd's: SOCK_STREAM ...
 * 0, or -errno with err filled. */
int unix_path_bind(int fd, int type, const char *path, struct unix_name *out, struct err *err);

/* Remove the name, unless another socket has it by now. */
void unix_path_remove(const struct unix_name *n);

#endif
