/* The file has a line of fixed length for each NIC, so that a change is one write in
 * place; a reader that sees the same twice saw no half of one. */
#include "machine/leases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "host/file.h"
#include "host/rundir.h"

#define FOLDER	    "guests"
#define LINE_BYTES  256u
#define FILE_BYTES  (LEASES_MAX * LINE_BYTES)
#define NAMES_MAX   16	/* tried in a row */
#define LOOKS_MAX   100 /* at a file that changes */
#define LINE_FORMAT "%u %u %17s %15s %64s %63s"

/* ---- the guest's side ---------------------------------------------------------------------- */

static struct flock whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* A reader may take a file that is not locked yet for a dead guest's and remove it:
 * then another one is made.
 * 0; -EAGAIN: this one is gone; another -errno */
static int make_file(struct leases *l)
{
	struct flock lock = whole_file(F_WRLCK);
	struct stat st;

	l->fd = openat(l->dir_fd, l->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	if (fcntl(l->fd, F_OFD_SETLK, &lock) == 0 && fstat(l->fd, &st) == 0 && st.st_nlink == 1 &&
	    ftruncate(l->fd, FILE_BYTES) == 0)
		return 0;
	close(l->fd);
	l->fd = -1;
	return -EAGAIN;
}

static int open_file(struct leases *l, struct err *err)
{
	int rc = -EAGAIN;

	l->dir_fd = rundir_open(FOLDER, true, err);
	if (l->dir_fd < 0)
		return l->dir_fd;
	for (unsigned i = 0; rc == -EAGAIN && i < NAMES_MAX; i++) {
		snprintf(l->name, sizeof(l->name), "%d.%u", getpid(), i);
		rc = make_file(l);
	}
	return rc < 0 ? err_errno(err, rc, "%s", l->name) : 0;
}

void leases_init(struct leases *l)
{
	*l = (struct leases){ .dir_fd = -1, .fd = -1 };
}

void leases_set(struct leases *l, const struct lease *lease)
{
	char line[LINE_BYTES];
	struct err err;
	int rc = 0;

	if (l->refused)
		return;
	if (l->fd < 0)
		rc = open_file(l, &err);
	if (rc == 0) {
		memset(line, ' ', sizeof(line));
		line[snprintf(line, sizeof(line), LINE_FORMAT, lease->pid, lease->nic, lease->mac,
			      lease->address, lease->guest,
			      lease->hostname[0] ? lease->hostname : "-")] = ' ';
		line[sizeof(line) - 1] = '\n';
		rc = file_write_at(l->fd, line, sizeof(line), lease->nic * LINE_BYTES);
		if (rc < 0)
			err_errno(&err, rc, "%s", l->name);
	}
	if (rc == 0)
		return;
	log_warn("bantam net leases will not show this guest: %s", err.text);
	leases_close(l);
	l->refused = true;
}

void leases_close(struct leases *l)
{
	if (l->fd >= 0) {
		unlinkat(l->dir_fd, l->name, 0);
		close(l->fd);
	}
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	leases_init(l);
}

/* ---- the reader's ---------------------------------------------------------------------------- */

/* Whether a guest has the file; if not, it is removed.  With our lock on it, so that
 * whoever just makes it sees that (make_file()); other readers can have one, too. */
static bool is_held(int dir_fd, int fd, const char *name)
{
	struct flock lock = whole_file(F_RDLCK);

	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return true;
	unlinkat(dir_fd, name, 0);
	return false;
}

/* 0, or -errno; -EIO: it changes all the time. */
static int read_settled(int fd, char text[FILE_BYTES])
{
	char again[FILE_BYTES];
	int rc = file_read_at(fd, text, FILE_BYTES, 0);

	for (unsigned i = 0; rc == 0 && i < LOOKS_MAX; i++) {
		rc = file_read_at(fd, again, FILE_BYTES, 0);
		if (rc == 0 && memcmp(again, text, FILE_BYTES) == 0)
			return 0;
		memcpy(text, again, FILE_BYTES);
	}
	return rc < 0 ? rc : -EIO;
}

static void read_lines(const char text[FILE_BYTES],
		       void (*found)(void *arg, const struct lease *lease), void *arg)
{
	for (unsigned i = 0; i < LEASES_MAX; i++) {
		char line[LINE_BYTES + 1];
		struct lease lease = { .guest = "" };

		memcpy(line, text + i * LINE_BYTES, LINE_BYTES);
		line[LINE_BYTES] = '\0';
		if (sscanf(line, LINE_FORMAT, &lease.pid, &lease.nic, lease.mac, lease.address,
			   lease.guest, lease.hostname) != 6)
			continue; /* nothing was noted there */
		if (strcmp(lease.hostname, "-") == 0)
			lease.hostname[0] = '\0';
		found(arg, &lease);
	}
}

int leases_list(void (*found)(void *arg, const struct lease *lease), void *arg, struct err *err)
{
	const int dir_fd = rundir_open(FOLDER, false, err);
	struct dirent *entry;
	DIR *dir;

	if (dir_fd == -ENOENT)
		return 0; /* no guest ever had one */
	dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	if (!dir) {
		const int rc = dir_fd < 0 ? dir_fd : err_errno(err, -errno, FOLDER);

		if (dir_fd >= 0)
			close(dir_fd);
		return rc;
	}
	while ((entry = readdir(dir))) {
		char text[FILE_BYTES];
		const int fd = entry->d_name[0] == '.'
				       ? -1
				       : openat(dir_fd, entry->d_name,
						O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0)
			continue; /* gone meanwhile */
		if (is_held(dir_fd, fd, entry->d_name) && read_settled(fd, text) == 0)
			read_lines(text, found, arg);
		close(fd);
	}
	closedir(dir);
	return 0;
}
