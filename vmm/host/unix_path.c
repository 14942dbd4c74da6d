#include "host/unix_path.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int unix_path_address(const char *path, struct sockaddr_un *out, struct err *err)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!path || !*path)
		return err_set(err, -EINVAL, "no path for a socket");
	if (strlen(path) >= sizeof(out->sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "%.60s...: longer than the %zu bytes a socket's path may have", path,
			       sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

/* 0: somebody is there; -ECONNREFUSED, -ENOENT: nobody. */
static int probe(int type, const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* EAGAIN: it listens, and its queue is full. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno != EAGAIN)
		rc = -errno;
	close(fd);
	return rc;
}

static int clear(int type, const struct sockaddr_un *address, struct err *err)
{
	const char *const path = address->sun_path;
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, -errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST,
			       "%s: exists and is no socket; remove it or name another path", path);
	rc = probe(type, address);
	if (rc == 0)
		return err_set(err, -EADDRINUSE,
			       "%s: another program listens there; end it or name another path",
			       path);
	if (rc != -ECONNREFUSED && rc != -ENOENT)
		return err_errno(err, rc, "%s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "%s: stale socket", path);
	return 0;
}

int unix_path_bind(int fd, int type, const char *path, struct unix_name *out, struct err *err)
{
	struct stat st;
	int rc = unix_path_address(path, &out->address, err);

	if (rc == 0)
		rc = clear(type, &out->address, err);
	if (rc < 0)
		return rc;
	if (bind(fd, (const struct sockaddr *)&out->address, sizeof(out->address)) < 0 ||
	    lstat(path, &st) < 0)
		return err_errno(err, -errno, "%s: cannot make the socket", path);
	out->inode = st.st_ino;
	out->device = st.st_dev;
	return 0;
}

void unix_path_remove(const struct unix_name *n)
{
	struct stat st;

	if (lstat(n->address.sun_path, &st) == 0 && st.st_ino == n->inode && st.st_dev == n->device)
		unlink(n->address.sun_path);
}
