#include "block/backing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#include "block/lock.h"
#include "block/qcow2.h"
#include "block/raw.h"

int backing_user_init(struct backing_user *u, const struct backing_user *above,
		      const struct backing_rules *rules, const char *path, const struct store *s,
		      struct err *err)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_errno(err, -errno, "%s", s->name);
	*u = (struct backing_user){
		.above = above,
		.rules = rules,
		.path = path,
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
	return 0;
}

bool backing_is_grammar(const char *name)
{
	const char *colon = strchr(name, ':'), *slash = strchr(name, '/');

	return colon && (!slash || colon < slash);
}

/* ---- where it is --------------------------------------------------------------------- */

/* Paths are on the heap: each image of a chain has its own, and a thread's stack is
 * small. */

/* "DIR/" of a path; "" is the current one. */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* folder  not ended by a NUL; len bytes, none: the current one */
static bool is_below(const char *real, const char *folder, size_t len)
{
	char *path = len > 0 ? strndup(folder, len) : strdup(".");
	char *real_folder = path ? realpath(path, NULL) : NULL;
	const size_t real_len = real_folder ? strlen(real_folder) : 0;
	const bool below = real_len == 1 /* "/" */ ||
			   (real_len > 1 && strncmp(real, real_folder, real_len) == 0 &&
			    real[real_len] == '/');

	free(real_folder);
	free(path);
	return below;
}

static bool is_allowed(const struct backing_user *u, const char *real)
{
	const char *allowed = u->rules->allowed;

	if (is_below(real, u->path, folder_len(u->path)))
		return true;
	while (allowed && *allowed) {
		const size_t len = strcspn(allowed, ":");

		if (len > 0 && is_below(real, allowed, len))
			return true;
		allowed += len + (allowed[len] == ':');
	}
	return false;
}

/* The file's path without links, the caller's to free, also in failure; it may be
 * used. */
static int find(const struct backing_user *u, const struct qcow2_header *h, const char *image,
		char **real, struct err *err)
{
	const bool absolute = h->backing_name[0] == '/';
	char name[QUOTED_BYTES], *joined;
	int rc;

	quoted(name, h->backing_name);
	if (backing_is_grammar(h->backing_name))
		return err_set(err, -EINVAL,
			       "%s: its backing file '%s' is no path; './%s' would be one", image,
			       name, name);
	if (asprintf(&joined, "%.*s%s", absolute ? 0 : (int)folder_len(u->path), u->path,
		     h->backing_name) < 0)
		return err_errno(err, -ENOMEM, "%s: the path of its backing file", image);
	*real = realpath(joined, NULL);
	rc = -errno;
	free(joined);
	if (!*real)
		return err_errno(err, rc, "%s: its backing file '%s'", image, name);
	if (!is_allowed(u, *real))
		return err_set(err, -EACCES,
			       "%s: its backing file '%s' is not in the image's folder; add "
			       ",backing=allow:DIR if the image may read what is in DIR",
			       image, name);
	return 0;
}

/* ---- what it is ------------------------------------------------------------------------ */

static int check_chain(const struct backing_user *u, const struct store *s, const char *image,
		       struct err *err)
{
	unsigned depth = 0;
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_errno(err, -errno, "%s", s->name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: its backing file %s is no regular file", image,
			       s->name);
	for (; u; u = u->above, depth++) {
		if (u->dev == st.st_dev && u->ino == st.st_ino)
			return err_set(err, -ELOOP,
				       "%s: its backing file %s is above it already: they name each "
				       "other in a circle",
				       image, s->name);
	}
	if (depth >= BACKING_DEPTH_MAX)
		return err_set(err, -ELOOP, "%s: more than %u images above one another", image,
			       BACKING_DEPTH_MAX);
	return 0;
}

static int open_file(const struct backing_user *u, const struct store *s, struct block **out,
		     struct err *err)
{
	const struct raw_options options = {
		.by_thread = u->rules->by_thread,
		.growable = true, /* of any size: behind its end are zeros */
	};

	return raw_create(s, &options, out, err);
}

/* The disk of a qcow2 image; file is taken over, if all goes well. */
static int open_image(const struct backing_user *u, struct block *file, const char *name,
		      struct block **out, uint64_t *size_bytes, struct err *err)
{
	struct qcow2_options options = { .name = name, .read_only = true };
	struct qcow2_header *h = calloc(1, sizeof(*h));
	struct block *below = NULL;
	int rc;

	if (!h)
		return err_errno(err, -ENOMEM, "%s: its header", name);
	rc = qcow2_read_header(file, name, h, err);
	*size_bytes = h->size_bytes;
	if (rc == 0 && h->has_backing)
		rc = backing_open(u, h, &below, &options.backing_bytes, err);
	if (rc == 0)
		rc = qcow2_open(file, h, below, &options, out, err);
	if (rc < 0)
		block_close(below);
	qcow2_header_free(h);
	free(h);
	return rc;
}

static int open_store(const struct backing_user *u, const struct qcow2_header *h, const char *path,
		      struct store *s, struct block **out, uint64_t *size_bytes, struct err *err)
{
	struct backing_user self = *u;
	struct block *file = NULL;
	int rc = backing_user_init(&self, u, u->rules, path, s, err);

	if (rc == 0 && u->rules->direct)
		rc = store_set_direct(s, err);
	if (rc == 0)
		rc = open_file(u, s, &file, err);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*size_bytes = s->size_bytes;
	if (strcmp(h->backing_format, "qcow2") == 0)
		rc = open_image(&self, file, s->name, out, size_bytes, err);
	else
		*out = file;
	if (rc < 0)
		block_close(file);
	return rc;
}

int backing_open(const struct backing_user *u, const struct qcow2_header *h, struct block **out,
		 uint64_t *size_bytes, struct err *err)
{
	char image[QUOTED_BYTES], name[QUOTED_BYTES], *real = NULL;
	struct store s = { .fd = -1 };
	struct err why;
	int rc;

	quoted(image, u->path);
	if (h->backing_format[0] == '\0')
		return err_set(err, -EINVAL,
			       "%s does not say of what format its backing file '%s' is; 'bantam "
			       "img rebase -u -F FORMAT -b FILE' does",
			       image, quoted(name, h->backing_name));
	if (strcmp(h->backing_format, "raw") != 0 && strcmp(h->backing_format, "qcow2") != 0)
		return err_set(err, -EOPNOTSUPP,
			       "%s: its backing file is of format '%s'; raw and qcow2 are supported",
			       image, quoted(name, h->backing_format));
	rc = find(u, h, image, &real, err);
	if (rc == 0) {
		rc = store_open(&s, real, true, &why);
		if (rc < 0)
			err_set(err, rc, "%s: its backing file %s", image, why.text);
	}
	if (rc < 0) {
		free(real);
		return rc;
	}
	rc = check_chain(u, &s, image, err);
	if (rc == 0)
		rc = image_lock(s.fd, false, s.name, err);
	if (rc == 0)
		rc = open_store(u, h, real, &s, out, size_bytes, err);
	else
		store_close(&s);
	free(real);
	if (rc == 0 && !align_up_u64(*size_bytes, BLOCK_SECTOR_BYTES, size_bytes))
		*size_bytes = INT64_MAX;
	return rc;
}
