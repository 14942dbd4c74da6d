#include "net/network_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/rundir.h"

#define LISTEN_BACKLOG	  SOMAXCONN
#define SOCKET_BYTES_WISH (1 << 20) /* the kernel cuts it to net.core.wmem_max */

int net_network_check_name(const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const size_t len = strlen(name);

	if (len >= 1 && len <= NET_NETWORK_NAME_MAX && name[0] != '.' &&
	    strspn(name, allowed) == len)
		return 0;
	return err_set(err, -EINVAL,
		       "network '%.40s': a name has 1 to %u letters, digits, '-', '_' and '.', and "
		       "does not begin with '.'",
		       name, NET_NETWORK_NAME_MAX);
}

/* ---- the folder ------------------------------------------------------------------ */

/* A folder that a test chose. */
static int own_folder(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, -EPERM, "%s is not this user's alone", path);
	return 0;
}

int network_place_find(const char *name, const char *dir, struct network_place *out,
		       struct err *err)
{
	char folder[sizeof(out->lock_path)];
	int rc = net_network_check_name(name, err);
	int n;

	*out = (struct network_place){ .address.sun_family = AF_UNIX };
	if (rc == 0 && dir) {
		n = snprintf(folder, sizeof(folder), "%s", dir);
		rc = n < (int)sizeof(folder) ? own_folder(folder, err) : 0;
	} else if (rc == 0) {
		rc = rundir_path("net", folder, sizeof(folder), err);
	}
	if (rc < 0)
		return rc;
	memcpy(out->name, name, strlen(name) + 1);
	n = snprintf(out->address.sun_path, sizeof(out->address.sun_path), "%s/%s.sock",
		     dir ? dir : folder, name);
	if (n < 0 || n >= (int)sizeof(out->address.sun_path))
		return err_set(err, -ENAMETOOLONG, "%.80s...: longer than a socket's path may be",
			       out->address.sun_path);
	memcpy(out->lock_path, out->address.sun_path, (size_t)n - 4);
	memcpy(out->lock_path + n - 4, "lock", sizeof("lock"));
	return 0;
}

/* ---- who serves ------------------------------------------------------------------ */

int network_place_lock(const struct network_place *p)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	const int fd = open(p->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	/* Of the open file: it ends with the process, however that ends. */
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	rc = errno == EACCES ? -EAGAIN : -errno;
	close(fd);
	return rc;
}

static void widen(int fd)
{
	const int bytes = SOCKET_BYTES_WISH;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int make_socket(void)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* 0: nobody listens there; -EAGAIN: someone does, or at least his queue is there. */
static int probe(const struct network_place *p)
{
	const int fd = network_place_connect(p);

	if (fd < 0)
		return fd == -ECONNREFUSED || fd == -ENOENT ? 0 : fd;
	close(fd);
	return -EAGAIN;
}

int network_place_listen(const struct network_place *p)
{
	int rc = probe(p), fd;

	/* The file of his lock was deleted, and ours is another one. */
	if (rc < 0)
		return rc;
	fd = make_socket();
	if (fd < 0)
		return fd;
	/* The last server's, if it was killed: we have its lock. */
	unlink(p->address.sun_path);
	if (bind(fd, (const struct sockaddr *)&p->address, sizeof(p->address)) == 0 &&
	    listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void network_place_leave(const struct network_place *p)
{
	unlink(p->address.sun_path);
}

/* Whether a connection's other side is this user, or root. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

int network_place_connect(const struct network_place *p)
{
	const int fd = make_socket();
	int rc;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&p->address, sizeof(p->address)) == 0) {
		widen(fd);
		if (is_trusted(fd))
			return fd;
		errno = EPERM;
	}
	rc = -errno;
	close(fd);
	return rc;
}

int network_place_accept(int listen_fd)
{
	const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	widen(fd); /* it has not inherited that */
	if (is_trusted(fd))
		return fd;
	close(fd);
	return -EPERM;
}
