#include "host/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* An open folder that is ours alone; closes it if it is not. */
static int check_private(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return fd;
	close(fd);
	return err_set(err, -EPERM,
		       "%s is not this user's alone: remove it, or set XDG_RUNTIME_DIR", path);
}

static int open_private(int at, const char *name, bool create, const char *path, struct err *err)
{
	int fd;

	if (create && mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", path);
	/* A link that somebody left in /tmp is not followed. */
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	return check_private(fd, path, err);
}

/* $XDG_RUNTIME_DIR; NULL if it is not ours: sudo passes the variable on. */
static const char *runtime_dir(void)
{
	const char *const path = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (!path || path[0] != '/' || stat(path, &st) < 0 || st.st_uid != geteuid())
		return NULL;
	return path;
}

/* As snprintf(): the folder of all, or `sub` in it. */
static int name_folder(char *path, size_t size, const char *sub)
{
	const char *const base = runtime_dir();
	const char *const slash = *sub ? "/" : "";

	return base ? snprintf(path, size, "%s/bantam%s%s", base, slash, sub)
		    : snprintf(path, size, "/tmp/bantam-%u%s%s", geteuid(), slash, sub);
}

int rundir_open(const char *sub, bool create, struct err *err)
{
	char top[PATH_MAX], path[PATH_MAX];
	int top_fd, fd;

	if (name_folder(top, sizeof(top), "") >= PATH_MAX ||
	    name_folder(path, sizeof(path), sub) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "XDG_RUNTIME_DIR: name too long");
	top_fd = open_private(AT_FDCWD, top, create, top, err);
	if (top_fd < 0)
		return top_fd;
	fd = open_private(top_fd, sub, create, path, err);
	close(top_fd);
	return fd;
}

int rundir_path(const char *sub, char *path, size_t size, struct err *err)
{
	int fd;

	if ((size_t)name_folder(path, size, sub) >= size)
		return err_set(err, -ENAMETOOLONG, "%.80s...: too long for sockets in it", path);
	fd = rundir_open(sub, true, err);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
