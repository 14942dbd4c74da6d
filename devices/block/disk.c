#include "block/disk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "host/file.h"

#include "block/guard.h"
#include "block/lock.h"
#include "block/overlay.h"
#include "block/overlay_file.h"
#include "block/probe.h"
#include "block/qcow2.h"
#include "block/raw.h"

/* ---- what cannot be -------------------------------------------------------------- */

bool disk_has_overlay_file(const struct disk_config *config)
{
	return !config->read_only && config->overlay && strcmp(config->overlay, "mem") != 0;
}

/* Whether the guest's writes go elsewhere. */
static bool has_overlay(const struct disk_config *config)
{
	return !config->read_only && (config->snapshot || config->overlay);
}

static int check_options(const struct disk_config *config, const char *name, struct err *err)
{
	char file[QUOTED_BYTES];
	struct err why;
	int rc;

	if (disk_has_overlay_file(config) && config->keep != DISK_KEEP_ALWAYS &&
	    access(config->overlay, F_OK) == 0)
		return err_set(err, -EEXIST,
			       "%s: the overlay %s is there already; keep=ok and keep=never are for "
			       "one that the run makes",
			       name, quoted(file, config->overlay));
	if (config->engine == IO_ENGINE_URING) {
		rc = io_uring_usable(&why);
		if (rc < 0)
			return err_set(err, rc, "%s: aio=io_uring: %s", name, why.text);
	}
	return 0;
}

static int check_size(const struct store *s, struct err *err)
{
	const uint64_t tail = s->size_bytes % s->logical_bytes;

	if (s->size_bytes == 0)
		return err_set(err, -EINVAL,
			       "%s is empty; 'truncate -s 10G %s' makes it an empty disk of 10 GiB",
			       s->name, s->name);
	if (s->size_bytes < s->logical_bytes)
		return err_set(err, -EINVAL, "%s has %llu bytes; a disk has at least %u", s->name,
			       (unsigned long long)s->size_bytes, s->logical_bytes);
	if (tail > 0)
		log_warn("%s: its size is no multiple of %u: the last %llu bytes are out of the "
			 "guest's reach",
			 s->name, s->logical_bytes, (unsigned long long)tail);
	return 0;
}

/* PROBE: what it is, of those that go on. */
static int find_format(const struct store *s, enum disk_format *out, struct err *err)
{
	uint8_t first[PROBE_BYTES] = { 0 };
	const char *format;
	int rc;

	/* A shorter file has zeros behind, as far as this goes. */
	rc = file_read_at(s->fd, first, (size_t)min_u64(s->size_bytes, sizeof(first)), 0);
	if (rc < 0)
		return err_errno(err, rc, "%s: its first sector", s->name);
	format = probe_format(first);
	*out = format ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW;
	if (!format || strcmp(format, "qcow2") == 0)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "%s is a %s image: raw and qcow2 are supported; 'qemu-img convert -O qcow2' "
		       "makes one (format=raw gives the guest the bytes as they are)",
		       s->name, format);
}

/* ---- the layers, from the bottom up ------------------------------------------------ */

/* *format: what the file holds. */
static int open_file(const struct disk_config *config, struct store *s, enum disk_format *format,
		     struct err *err)
{
	const bool read_only = config->read_only || has_overlay(config);
	int rc = store_open(s, config->path, read_only, err);

	if (rc < 0)
		return rc;

	rc = image_lock(s->fd, !read_only, s->name, err);
	if (rc == 0 && config->format == DISK_FORMAT_PROBE)
		rc = find_format(s, format, err);
	if (rc == 0 && *format == DISK_FORMAT_RAW)
		rc = check_size(s, err);
	if (rc == 0 && *format == DISK_FORMAT_QCOW2 && s->is_device && !read_only)
		rc = err_set(err, -EOPNOTSUPP,
			     "%s: a qcow2 image on a block device can only be read: add ,ro or "
			     ",snapshot, or copy it to a file",
			     s->name);
	if (rc == 0 && config->cache == DISK_CACHE_NONE)
		rc = store_set_direct(s, err);
	if (rc < 0)
		store_close(s);
	return rc;
}

static int open_raw(const struct disk_config *config, const struct store *s, bool holds_image,
		    struct block **out, struct err *err)
{
	const struct raw_options options = {
		.by_thread = config->engine == IO_ENGINE_THREADS,
		.durable_writes = config->cache == DISK_CACHE_WRITETHROUGH && !holds_image,
		.growable = holds_image,
	};

	return raw_create(s, &options, out, err);
}

/* *disk, a file that holds an image, becomes the disk that is in it. */
static int open_image(const struct disk_config *config, const struct store *s, struct block **disk,
		      struct err *err)
{
	struct backing_rules rules = {
		.allowed = config->backing_allowed,
		.by_thread = config->engine == IO_ENGINE_THREADS,
		.direct = config->cache == DISK_CACHE_NONE,
	};
	struct qcow2_options options = {
		.name = s->name,
		.read_only = s->read_only,
		.durable_writes = config->cache == DISK_CACHE_WRITETHROUGH,
	};
	struct block *backing = NULL;
	struct backing_user user;
	struct qcow2_header h;
	int rc;

	rc = qcow2_read_header(*disk, s->name, &h, err);
	if (rc < 0)
		return rc;
	rc = backing_user_init(&user, NULL, &rules, config->path, s, err);
	if (rc == 0 && h.has_backing)
		rc = backing_open(&user, &h, &backing, &options.backing_bytes, err);
	if (rc == 0)
		rc = qcow2_open(*disk, &h, backing, &options, disk, err);
	if (rc < 0) {
		block_close(backing);
		qcow2_header_free(&h);
	}
	return rc;
}

static int open_scratch(const struct disk_config *config, uint64_t size_bytes, const char *name,
			struct block **out, struct err *err)
{
	const struct raw_options options = {
		.by_thread = config->engine == IO_ENGINE_THREADS,
		.scratch = true,
	};
	struct store s;
	int rc;

	rc = store_open_scratch(&s, size_bytes, config->overlay != NULL, name, err);
	if (rc < 0)
		return rc;
	rc = raw_create(&s, &options, out, err);
	if (rc < 0)
		store_close(&s);
	return rc;
}

static int add_overlay_file(const struct disk_config *config, const struct store *s,
			    enum disk_format format, struct block **disk, struct err *err)
{
	const struct overlay_file file = {
		.path = config->overlay,
		.base_path = config->path,
		.base_format = format == DISK_FORMAT_QCOW2 ? "qcow2" : "raw",
		.base_file = s,
		.by_thread = config->engine == IO_ENGINE_THREADS,
		.direct = config->cache == DISK_CACHE_NONE,
		.durable_writes = config->cache == DISK_CACHE_WRITETHROUGH,
	};

	return overlay_file_open(&file, disk, err);
}

/* *disk, a base, becomes an overlay over it. */
static int add_overlay(const struct disk_config *config, const struct store *s,
		       enum disk_format format, struct block **disk, struct err *err)
{
	struct block *top;
	int rc;

	if (disk_has_overlay_file(config))
		return add_overlay_file(config, s, format, disk, err);
	rc = open_scratch(config, (*disk)->limits.size_bytes, s->name, &top, err);
	if (rc < 0)
		return rc;
	rc = overlay_create(*disk, top, s->name, disk, err);
	if (rc < 0)
		block_close(top);
	return rc;
}

int disk_open(const struct disk_config *config, struct block **out, struct err *err)
{
	char name[QUOTED_BYTES];
	enum disk_format format = config->format;
	struct block *disk;
	struct store s;
	int rc;

	quoted(name, config->path);
	rc = check_options(config, name, err);
	if (rc == 0)
		rc = open_file(config, &s, &format, err);
	if (rc < 0)
		return rc;
	rc = open_raw(config, &s, format == DISK_FORMAT_QCOW2, &disk, err);
	if (rc < 0) {
		store_close(&s);
		return rc;
	}
	if (format == DISK_FORMAT_QCOW2)
		rc = open_image(config, &s, &disk, err);
	if (rc < 0) {
		block_close(disk);
		return rc;
	}
	/* Behind an overlay nothing is written, so there is nothing to guard. */
	if (has_overlay(config))
		rc = add_overlay(config, &s, format, &disk, err);
	else if (!config->read_only && config->format == DISK_FORMAT_PROBE &&
		 format == DISK_FORMAT_RAW)
		rc = guard_create(disk, name, &disk, err);
	if (rc < 0) {
		block_close(disk);
		return rc;
	}
	if (!config->discard) {
		disk->limits.can_discard = false;
		disk->limits.discard_granularity_bytes = 0;
	}
	*out = disk;
	return 0;
}
