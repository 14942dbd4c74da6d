#include "tools/img_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "block/lock.h"
#include "block/raw.h"

/* ---- opening --------------------------------------------------------------------------------- */

int img_loop(const struct img_options *o, struct ioloop **out)
{
	struct err err = { "" };
	const int rc = ioloop_create(IO_ENGINE_AUTO, out, &err);

	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc;
}

bool img_is_direct(enum img_cache cache)
{
	return cache == IMG_CACHE_NONE || cache == IMG_CACHE_DIRECTSYNC;
}

int img_open(const struct img_options *o, struct ioloop *loop, const char *path,
	     enum image_format format, enum qcow2_use use, bool alone, struct chain *c)
{
	const enum img_cache cache = use == QCOW2_READ ? o->source_cache : o->cache;
	const struct chain_options options = {
		.format = format,
		.use = use,
		.alone = alone,
		.unlocked = o->unlocked,
		.direct = img_is_direct(cache),
		.no_flush = cache == IMG_CACHE_UNSAFE,
	};
	struct err err = { "" };
	const int rc = chain_open(c, loop, path, &options, &err);

	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc;
}

int img_open_write(const struct img_options *o, struct ioloop *loop, const char *path, bool alone,
		   struct chain *c)
{
	const int rc = img_open(o, loop, path, o->format, QCOW2_WRITE, alone, c);

	if (rc == 0 && o->format == IMAGE_PROBE && c->links[0]->format == IMAGE_RAW)
		img_warn(o, "%s: taken to be raw; -f raw says so for sure", c->links[0]->name);
	return rc;
}

/* ---- making ------------------------------------------------------------------------------------ */

static int preallocate_raw(int fd, const struct qcow2_create_options *c, const char *name,
			   struct err *err)
{
	static const uint8_t zeros[65536];
	uint64_t at = 0;

	if (c->preallocation == QCOW2_PREALLOC_FALLOC && c->size_bytes > 0 &&
	    fallocate(fd, 0, 0, (off_t)c->size_bytes) < 0)
		return err_errno(err, -errno, "%s: reserving its space", name);
	while (c->preallocation == QCOW2_PREALLOC_FULL && at < c->size_bytes) {
		const ssize_t n = pwrite(fd, zeros, min_u64(sizeof(zeros), c->size_bytes - at),
					 (off_t)at);

		if (n < 0 && errno != EINTR)
			return err_errno(err, -errno, "%s: writing zeros", name);
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int make_raw(int fd, const struct img_options *o, const char *name, struct err *err)
{
	const struct qcow2_create_options *c = &o->made.create;

	if (c->preallocation == QCOW2_PREALLOC_METADATA)
		return err_set(err, -EINVAL,
			       "%s: preallocation=metadata: raw has none; use off, falloc or full",
			       name);
	if (ftruncate(fd, (off_t)c->size_bytes) < 0)
		return err_errno(err, -errno, "%s: as large as that", name);
	return preallocate_raw(fd, c, name, err);
}

static int make_qcow2(int fd, const struct img_options *o, struct ioloop *loop, const char *path,
		      const char *name, struct err *err)
{
	const struct raw_options raw = {
		.by_thread = true,
		.growable = true,
		.scratch = o->cache == IMG_CACHE_UNSAFE,
	};
	struct block *file;
	struct store s;
	int rc;

	(void)fd;
	rc = store_open(&s, path, false, err);
	if (rc < 0)
		return rc;
	rc = raw_create(&s, &raw, &file, err);
	if (rc < 0) {
		store_close(&s);
		return rc;
	}
	rc = qcow2_create(file, loop, name, &o->made.create, NULL, err);
	block_close(file);
	return rc;
}

/* The image that backs it may not be overwritten, nor one that is in use. */
static int open_new(const char *path, const char *name, bool *existed, bool *is_device,
		    struct err *err)
{
	struct stat st;
	int fd, rc;

	*existed = stat(path, &st) == 0;
	*is_device = *existed && S_ISBLK(st.st_mode);
	if (*existed && !S_ISREG(st.st_mode) && !*is_device)
		return err_set(err, -EINVAL, "%s is there, and is neither a file nor a block device",
			       name);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | (*is_device ? O_EXCL : O_CREAT), 0644);
	if (fd < 0)
		return err_errno(err, -errno, "%s cannot be made", name);
	rc = image_lock(fd, true, name, err);
	if (rc == 0 && !*is_device && ftruncate(fd, 0) < 0)
		rc = err_errno(err, -errno, "%s: emptying it", name);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int img_make(const struct img_options *o, struct ioloop *loop, const char *path,
	     enum image_format format, bool *is_new, struct err *err)
{
	char name[QUOTED_BYTES];
	bool existed, is_device;
	int fd, rc;

	quoted(name, path);
	if (format == IMAGE_QCOW2) {
		rc = qcow2_create_check(&o->made.create, name, err);
		if (rc < 0)
			return rc;
	} else if (o->made.qcow2_only) {
		return err_set(err, -EINVAL, "-o %s: raw has no such thing; -%c qcow2 does",
			       o->made.qcow2_key, o->verb->name[1] == 'o' ? 'O' : 'f');
	}
	fd = open_new(path, name, &existed, &is_device, err);
	if (fd < 0)
		return fd;
	*is_new = !is_device;
	rc = 0;
	if (format == IMAGE_QCOW2)
		rc = make_qcow2(fd, o, loop, path, name, err);
	else if (!is_device)
		rc = make_raw(fd, o, name, err);
	close(fd);
	if (rc < 0 && !is_device)
		unlink(path);
	return rc;
}

/* ---- for people ------------------------------------------------------------------------------------ */

const char *img_size_text(char out[IMG_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	unsigned i = 0;
	double v = (double)bytes;

	/* Three digits: 1000 of a unit are the next one's 0.977. */
	while (v >= 1000 && i + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		i++;
	}
	snprintf(out, IMG_SIZE_TEXT, "%0.3g %sB", v, units[i]);
	return out;
}

void img_print_json_string(FILE *out, const char *s)
{
	char text[6 * 4096 + 16];
	struct json j;

	json_begin(&j, text, sizeof(text));
	json_string(&j, NULL, s);
	fputs(json_end(&j) < 0 ? "null" : text, out);
}

void img_progress(struct img_progress *p, uint64_t done, uint64_t total)
{
	const unsigned now =
		total == 0 ? 10000 : (unsigned)((double)done * 10000 / (double)total);

	if (!p->shown || (now == p->last && now != 0))
		return;
	p->last = now;
	printf("    (%u.%02u/100%%)\r", now / 100, now % 100);
	fflush(stdout);
}

void img_progress_end(struct img_progress *p)
{
	if (!p->shown)
		return;
	printf("\n");
	fflush(stdout);
	p->shown = false;
}

bool img_progress_step(void *arg, uint64_t done, uint64_t total)
{
	img_progress(arg, done, total);
	return true;
}
