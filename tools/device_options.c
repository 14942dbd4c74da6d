#include "tools/device_options.h"

#include <errno.h>
#include <string.h>

#include "base/keyvals.h"
#include "base/options.h"
#include "base/units.h"

#define GUEST_PAGE_BYTES    4096u
#define RATE_MAX	    (UINT64_C(1) << 40) /* of anything a second */
#define STATS_PERIOD_MIN_NS NS_PER_S
#define STATS_PERIOD_MAX_NS (24 * 3600 * NS_PER_S)
#define PORT_NAME_BYTES_MAX 64u

int place_parse(const char *value, struct serial_config *out, struct err *err)
{
	static const struct {
		const char *word;
		enum chardev_kind kind;
		bool has_path;
	} kinds[] = {
		{ "stdio", CHARDEV_STDIO, false }, { "pty", CHARDEV_PTY, false },
		{ "null", CHARDEV_NULL, false },   { "file=", CHARDEV_FILE, true },
		{ "unix=", CHARDEV_UNIX, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const size_t len = strlen(kinds[i].word);

		if (strncmp(value, kinds[i].word, len) != 0 ||
		    (value[len] != '\0') != kinds[i].has_path)
			continue;
		*out = (struct serial_config){
			.present = true,
			.kind = kinds[i].kind,
			.path = kinds[i].has_path ? value + len : NULL,
		};
		return 0;
	}
	return value_wrong(err, value, "is not a place for a terminal",
			   "use stdio, pty, file=PATH, unix=PATH or null");
}

static bool is_on(const char *value)
{
	return strcmp(value, "on") == 0;
}

static int parse_rate(const char *value, bool is_bytes, uint64_t *out, struct err *err)
{
	const int rc = is_bytes ? parse_size(value, out) : parse_uint(value, RATE_MAX, out);

	if (rc == -EINVAL)
		return value_wrong(err, value, is_bytes ? "is not a size" : "is not a number",
				   is_bytes ? "use for example 10M, or 0 for no limit"
					    : "use for example 1000, or 0 for no limit");
	if (rc == -ERANGE || *out > RATE_MAX)
		return value_wrong(err, value, "is too much", "use 0 for no limit");
	return 0;
}

/* ---- --disk ---------------------------------------------------------------------- */

static int disk_path(void *target, const char *value, struct err *err)
{
	if (*value == '\0')
		return err_set(err, -EINVAL, "needs the name of an image file or block device");
	((struct disk_config *)target)->path = value;
	return 0;
}

static int disk_format(void *target, const char *value, struct err *err)
{
	struct disk_config *d = target;

	if (strcmp(value, "raw") == 0)
		d->format = DISK_FORMAT_RAW;
	else if (strcmp(value, "qcow2") == 0)
		d->format = DISK_FORMAT_QCOW2;
	else
		return value_wrong(err, value, "is not known", "use raw or qcow2");
	return 0;
}

static int disk_ro(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct disk_config *)target)->read_only = is_on(value);
	return 0;
}

static int disk_snapshot(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct disk_config *)target)->snapshot = is_on(value);
	return 0;
}

static int disk_overlay(void *target, const char *value, struct err *err)
{
	struct disk_config *d = target;

	(void)err;
	d->overlay = value;
	return 0;
}

static int disk_keep(void *target, const char *value, struct err *err)
{
	static const char *const words[] = {
		[DISK_KEEP_ALWAYS] = "always",
		[DISK_KEEP_OK] = "ok",
		[DISK_KEEP_NEVER] = "never",
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		((struct disk_config *)target)->keep = (enum disk_keep)i;
		return 0;
	}
	return value_wrong(err, value, "is not known", "use ok, always or never");
}

static int disk_backing(void *target, const char *value, struct err *err)
{
	static const char allow[] = "allow:";

	if (strncmp(value, allow, sizeof(allow) - 1) != 0 || !value[sizeof(allow) - 1])
		return value_wrong(err, value, "is not known",
				   "use allow:DIR for backing files outside the image's folder");
	((struct disk_config *)target)->backing_allowed = value + sizeof(allow) - 1;
	return 0;
}

static int disk_serial(void *target, const char *value, struct err *err)
{
	struct disk_config *d = target;

	if (strlen(value) >= sizeof(d->serial))
		return value_wrong(err, value, "is too long", "20 bytes are the most");
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~')
			return value_wrong(err, value, "has odd characters", "use printable ASCII");
	memcpy(d->serial, value, strlen(value) + 1);
	return 0;
}

static int disk_cache(void *target, const char *value, struct err *err)
{
	static const char *const words[] = {
		[DISK_CACHE_WRITEBACK] = "writeback",
		[DISK_CACHE_WRITETHROUGH] = "writethrough",
		[DISK_CACHE_NONE] = "none",
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		((struct disk_config *)target)->cache = (enum disk_cache)i;
		return 0;
	}
	return value_wrong(err, value, "is not known", "use writeback, writethrough or none");
}

static int disk_aio(void *target, const char *value, struct err *err)
{
	struct disk_config *d = target;

	if (strcmp(value, "io_uring") == 0)
		d->engine = IO_ENGINE_URING;
	else if (strcmp(value, "threads") == 0)
		d->engine = IO_ENGINE_THREADS;
	else
		return value_wrong(err, value, "is not known", "use io_uring or threads");
	return 0;
}

static int disk_discard(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct disk_config *)target)->discard = is_on(value);
	return 0;
}

static int disk_queues(void *target, const char *value, struct err *err)
{
	uint64_t count;

	if (parse_uint(value, 16, &count) < 0 || count < 1)
		return value_wrong(err, value, "is not a number of queues", "use 1 to 16");
	((struct disk_config *)target)->queues = (unsigned)count;
	return 0;
}

static int disk_queue_size(void *target, const char *value, struct err *err)
{
	uint64_t size;

	if (parse_uint(value, 1024, &size) < 0 || size < 4 || (size & (size - 1)) != 0)
		return value_wrong(err, value, "is not a queue's size",
				   "use a power of two from 4 to 1024");
	((struct disk_config *)target)->queue_size = (unsigned)size;
	return 0;
}

static int disk_iops(void *target, const char *value, struct err *err)
{
	return parse_rate(value, false, &((struct disk_config *)target)->iops, err);
}

static int disk_iops_burst(void *target, const char *value, struct err *err)
{
	return parse_rate(value, false, &((struct disk_config *)target)->iops_burst, err);
}

static int disk_bps(void *target, const char *value, struct err *err)
{
	return parse_rate(value, true, &((struct disk_config *)target)->bps, err);
}

static int disk_bps_burst(void *target, const char *value, struct err *err)
{
	return parse_rate(value, true, &((struct disk_config *)target)->bps_burst, err);
}

static const struct keyval_row disk_rows[] = {
	{ "format", "raw|qcow2", disk_format },
	{ "ro", NULL, disk_ro },
	{ "snapshot", NULL, disk_snapshot },
	{ "overlay", "mem|FILE", disk_overlay },
	{ "keep", "ok|always|never", disk_keep },
	{ "backing", "allow:DIR", disk_backing },
	{ "serial", "TEXT", disk_serial },
	{ "cache", "writeback|writethrough|none", disk_cache },
	{ "aio", "io_uring|threads", disk_aio },
	{ "discard", NULL, disk_discard },
	{ "queues", "N", disk_queues },
	{ "queue-size", "N", disk_queue_size },
	{ "iops", "N", disk_iops },
	{ "iops-burst", "N", disk_iops_burst },
	{ "bps", "SIZE", disk_bps },
	{ "bps-burst", "SIZE", disk_bps_burst },
};

static const struct keyval_table disk_table = { disk_rows, ARRAY_LEN(disk_rows), disk_path };

/* Which keys exclude one another, or need one another. */
static int disk_check(const struct disk_config *d, struct err *err)
{
	if (d->read_only && (d->snapshot || d->overlay))
		return err_set(err, -EINVAL, "ro and %s exclude each other: an overlay is for writes",
			       d->overlay ? "overlay" : "snapshot");
	if (d->snapshot && d->overlay)
		return err_set(err, -EINVAL, "snapshot and overlay exclude each other: the one is "
					     "thrown away, the other as it says");
	if (d->keep != DISK_KEEP_ALWAYS && !disk_has_overlay_file(d))
		return err_set(err, -EINVAL, "keep is for an overlay in a file: overlay=FILE");
	if (d->iops_burst && !d->iops)
		return err_set(err, -EINVAL, "iops-burst needs iops");
	if (d->bps_burst && !d->bps)
		return err_set(err, -EINVAL, "bps-burst needs bps");
	return 0;
}

int disk_option_parse(char *text, struct disk_config *out, struct err *err)
{
	int rc;

	*out = (struct disk_config){ .discard = true, .queues = 1 };
	rc = keyvals_parse(&disk_table, text, out, err);
	return rc < 0 ? rc : disk_check(out, err);
}

/* ---- --console --------------------------------------------------------------------- */

static int console_place(void *target, const char *value, struct err *err)
{
	return place_parse(value, &((struct console_config *)target)->at, err);
}

static int console_name(void *target, const char *value, struct err *err)
{
	if (strlen(value) > PORT_NAME_BYTES_MAX || strchr(value, '/'))
		return value_wrong(err, value, "is not a port's name",
				   "use up to 64 characters without '/'");
	((struct console_config *)target)->name = value;
	return 0;
}

static const struct keyval_row console_rows[] = { { "name", "NAME", console_name } };

static const struct keyval_table console_table = { console_rows, ARRAY_LEN(console_rows),
						   console_place };

int console_option_parse(char *text, struct console_config *out, struct err *err)
{
	*out = (struct console_config){ .name = NULL };
	return keyvals_parse(&console_table, text, out, err);
}

/* ---- --rng --------------------------------------------------------------------------- */

static int rng_switch(void *target, const char *value, struct err *err)
{
	if (!is_on(value) && strcmp(value, "off") != 0)
		return value_wrong(err, value, "is not known", "use on or off");
	((struct rng_config *)target)->present = is_on(value);
	return 0;
}

static int rng_rate(void *target, const char *value, struct err *err)
{
	return parse_rate(value, true, &((struct rng_config *)target)->rate_bytes, err);
}

static const struct keyval_row rng_rows[] = { { "rate", "SIZE", rng_rate } };

static const struct keyval_table rng_table = { rng_rows, ARRAY_LEN(rng_rows), rng_switch };

int rng_option_parse(char *text, struct rng_config *out, struct err *err)
{
	*out = (struct rng_config){ .present = true };
	return keyvals_parse(&rng_table, text, out, err);
}

/* ---- --balloon ------------------------------------------------------------------------- */

static int balloon_size(void *target, const char *value, struct err *err)
{
	struct balloon_config *b = target;

	if (parse_size(value, &b->size_bytes) < 0)
		return value_wrong(err, value, "is not a size",
				   "use for example 256M, or 0 to take nothing yet");
	if (b->size_bytes % GUEST_PAGE_BYTES)
		return value_wrong(err, value, "is not a multiple of 4K", "use whole pages");
	return 0;
}

static int balloon_oom(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct balloon_config *)target)->deflate_on_oom = is_on(value);
	return 0;
}

static int balloon_reporting(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct balloon_config *)target)->free_page_reporting = is_on(value);
	return 0;
}

static int balloon_stats(void *target, const char *value, struct err *err)
{
	struct balloon_config *b = target;

	if (parse_duration(value, &b->stats_period_ns) < 0 ||
	    b->stats_period_ns < STATS_PERIOD_MIN_NS || b->stats_period_ns > STATS_PERIOD_MAX_NS)
		return value_wrong(err, value, "is not a time between statistics",
				   "use 1s to 24h");
	return 0;
}

static const struct keyval_row balloon_rows[] = {
	{ "deflate-on-oom", NULL, balloon_oom },
	{ "free-page-reporting", NULL, balloon_reporting },
	{ "stats", "DURATION", balloon_stats },
};

static const struct keyval_table balloon_table = { balloon_rows, ARRAY_LEN(balloon_rows),
						   balloon_size };

int balloon_option_parse(char *text, struct balloon_config *out, struct err *err)
{
	*out = (struct balloon_config){ .present = true, .deflate_on_oom = true,
					.free_page_reporting = true };
	return keyvals_parse(&balloon_table, text, out, err);
}
