#include "block/overlay_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/lock.h"
#include "block/qcow2.h"
#include "block/qcow2_ops.h"
#include "block/raw.h"

/* ---- making ---------------------------------------------------------------------- */

/* The base's name as the overlay has it: short while both are in one folder, so that
 * the two can be moved together. */
static int base_name(const struct overlay_file *o, char out[PATH_MAX], struct err *err)
{
	char base[PATH_MAX], folder[PATH_MAX], text[QUOTED_BYTES];
	const char *slash = strrchr(o->path, '/');
	size_t len;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - o->path + 1) : 1,
		 slash ? o->path : ".");
	if (!realpath(o->base_path, base))
		return err_errno(err, -errno, "%s", quoted(text, o->base_path));
	if (!realpath(folder, out))
		return err_errno(err, -errno, "%s", quoted(text, o->path));
	len = strlen(out);
	if (strncmp(base, out, len) == 0 && base[len] == '/' && !backing_is_grammar(base + len + 1))
		memmove(out, base + len + 1, strlen(base + len + 1) + 1);
	else
		memcpy(out, base, strlen(base) + 1);
	return 0;
}

static int fill_new(const struct overlay_file *o, struct block *file, const char *name,
		    uint64_t size_bytes, struct err *err)
{
	char base[PATH_MAX];
	const struct qcow2_create_options options = {
		.size_bytes = size_bytes,
		.backing_name = base,
		.backing_format = o->base_format,
	};
	struct ioloop *loop = NULL;
	int rc = base_name(o, base, err);

	if (rc == 0)
		rc = ioloop_create(IO_ENGINE_AUTO, &loop, err);
	if (rc < 0)
		return rc;
	rc = qcow2_create(file, loop, name, &options, NULL, err);
	ioloop_destroy(loop);
	return rc;
}

/* ---- opening ----------------------------------------------------------------------- */

static int check_base(const struct overlay_file *o, const struct qcow2_header *h, const char *name,
		      struct err *err)
{
	const char *slash = strrchr(o->path, '/');
	char path[PATH_MAX], base[QUOTED_BYTES];
	struct stat named, open;
	int n;

	n = snprintf(path, sizeof(path), "%.*s%s",
		     slash && h->backing_name[0] != '/' ? (int)(slash - o->path + 1) : 0, o->path,
		     h->backing_name);
	if (h->has_backing && n > 0 && (size_t)n < sizeof(path) &&
	    strcmp(h->backing_format, o->base_format) == 0 && stat(path, &named) == 0 &&
	    fstat(o->base_file->fd, &open) == 0 && named.st_dev == open.st_dev &&
	    named.st_ino == open.st_ino)
		return 0;
	return err_set(err, -EINVAL,
		       "%s is no overlay of %s; give overlay= a name that is not there yet, or the "
		       "base that it was made for",
		       name, quoted(base, o->base_path));
}

static int open_image(const struct overlay_file *o, struct block *file, const char *name,
		      struct block **disk, struct err *err)
{
	const struct qcow2_options options = {
		.name = name,
		.durable_writes = o->durable_writes,
	};
	struct qcow2_header h;
	int rc = qcow2_read_header(file, name, &h, err);

	if (rc < 0)
		return rc;
	rc = check_base(o, &h, name, err);
	if (rc == 0)
		rc = qcow2_open(file, &h, *disk, &options, disk, err);
	if (rc < 0)
		qcow2_header_free(&h);
	return rc;
}

static int open_file(const struct overlay_file *o, struct store *s, struct block **out,
		     struct err *err)
{
	const struct raw_options options = { .by_thread = o->by_thread, .growable = true };
	int rc = store_open(s, o->path, false, err);

	if (rc < 0)
		return rc;
	if (s->is_device)
		rc = err_set(err, -EINVAL, "%s is a device; an overlay is kept in a file", s->name);
	if (rc == 0)
		rc = image_lock(s->fd, true, s->name, err);
	if (rc == 0 && o->direct)
		rc = store_set_direct(s, err);
	if (rc == 0)
		rc = raw_create(s, &options, out, err);
	if (rc < 0)
		store_close(s);
	return rc;
}

int overlay_file_open(const struct overlay_file *o, struct block **disk, struct err *err)
{
	const int fd = open(o->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
	const bool is_new = fd >= 0;
	char name[QUOTED_BYTES];
	struct block *file;
	struct store s;
	int rc;

	if (!is_new && errno != EEXIST)
		return err_errno(err, -errno, "overlay %s", quoted(name, o->path));
	if (is_new)
		close(fd);
	rc = open_file(o, &s, &file, err);
	if (rc == 0) {
		if (is_new)
			rc = fill_new(o, file, s.name, (*disk)->limits.size_bytes, err);
		if (rc == 0)
			rc = open_image(o, file, s.name, disk, err);
		if (rc < 0)
			block_close(file);
	}
	if (rc < 0 && is_new)
		unlink(o->path);
	return rc;
}
