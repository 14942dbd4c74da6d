#include "block/disk.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "host/file.h"

#include "block/guard.h"
#include "block/lock.h"
#include "block/overlay.h"
#include "block/probe.h"
#include "block/raw.h"

/* ---- what cannot be -------------------------------------------------------------- */

static bool is_throw_away(const struct disk_config *config)
{
	return !config->read_only && (config->snapshot || config->overlay);
}

static int check_options(const struct disk_config *config, const char *name, struct err *err)
{
	struct err why;
	int rc;

	if (config->overlay && strcmp(config->overlay, "mem") != 0)
		return err_set(err, -EOPNOTSUPP,
			       "%s: overlay=FILE is not supported in this version; overlay=mem or "
			       "snapshot throw the changes away at the end",
			       name);
	if (config->format == DISK_FORMAT_QCOW2)
		return err_set(err, -EOPNOTSUPP,
			       "%s: format=qcow2 is not supported in this version, which reads raw "
			       "images only; qemu-img convert -O raw makes one",
			       name);
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

/* PROBE: only raw goes on. */
static int check_format(const struct store *s, struct err *err)
{
	uint8_t first[PROBE_BYTES] = { 0 };
	const char *format;
	int rc;

	/* A shorter file has zeros behind, as far as this goes. */
	rc = file_read_at(s->fd, first, (size_t)min_u64(s->size_bytes, sizeof(first)), 0);
	if (rc < 0)
		return err_errno(err, rc, "%s: its first sector", s->name);
	format = probe_format(first);
	if (!format)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "%s is a %s image: this version reads raw only; 'qemu-img convert -O raw' "
		       "makes one (format=raw gives the guest the bytes as they are)",
		       s->name, format);
}

/* ---- the layers, from the bottom up ------------------------------------------------ */

static int open_file(const struct disk_config *config, struct store *s, struct err *err)
{
	const bool read_only = config->read_only || is_throw_away(config);
	int rc = store_open(s, config->path, read_only, err);

	if (rc < 0)
		return rc;
	rc = image_lock(s->fd, !read_only, s->name, err);
	if (rc == 0)
		rc = check_size(s, err);
	if (rc == 0 && config->format == DISK_FORMAT_PROBE)
		rc = check_format(s, err);
	if (rc == 0 && config->cache == DISK_CACHE_NONE)
		rc = store_set_direct(s, err);
	if (rc < 0)
		store_close(s);
	return rc;
}

static int open_raw(const struct disk_config *config, const struct store *s, struct block **out,
		    struct err *err)
{
	const struct raw_options options = {
		.by_thread = config->engine == IO_ENGINE_THREADS,
		.durable_writes = config->cache == DISK_CACHE_WRITETHROUGH,
	};

	return raw_create(s, &options, out, err);
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

/* *disk, a base, becomes an overlay over it. */
static int add_overlay(const struct disk_config *config, const char *name, struct block **disk,
		       struct err *err)
{
	struct block *top;
	int rc;

	rc = open_scratch(config, (*disk)->limits.size_bytes, name, &top, err);
	if (rc < 0)
		return rc;
	rc = overlay_create(*disk, top, name, disk, err);
	if (rc < 0)
		block_close(top);
	return rc;
}

int disk_open(const struct disk_config *config, struct block **out, struct err *err)
{
	char name[QUOTED_BYTES];
	struct block *disk;
	struct store s;
	int rc;

	quoted(name, config->path);
	rc = check_options(config, name, err);
	if (rc == 0)
		rc = open_file(config, &s, err);
	if (rc < 0)
		return rc;
	rc = open_raw(config, &s, &disk, err);
	if (rc < 0) {
		store_close(&s);
		return rc;
	}
	/* Behind an overlay nothing is written, so there is nothing to guard. */
	if (is_throw_away(config))
		rc = add_overlay(config, name, &disk, err);
	else if (!config->read_only && config->format == DISK_FORMAT_PROBE)
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
