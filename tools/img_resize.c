/* bantam img resize. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "block/chain_disk.h"
#include "block/qcow2_ops.h"
#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	{ "shrink", 0, NULL, NULL, "yes, throw away what is behind the new end", img_set_shrink },
	{ "preallocation", 0, "off|metadata|falloc|full", NULL, "how to fill what it gains",
	  img_set_preallocation },
	IMG_PROGRESS,
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img resize" };

/* "10G", "+1G", "-512M". */
static int new_size(const char *text, uint64_t now, uint64_t *bytes, struct err *err)
{
	const char sign = *text;
	uint64_t v;
	const int rc = img_parse_size(sign == '+' || sign == '-' ? text + 1 : text, &v, err);

	if (rc < 0)
		return rc;
	if (sign == '-' && v >= now)
		return err_set(err, -EINVAL, "%s: it has only %llu bytes", text,
			       (unsigned long long)now);
	if (sign == '+' && v > INT64_MAX - now)
		return err_set(err, -EINVAL, "%s: too large", text);
	v = sign == '-' ? now - v : sign == '+' ? now + v : v;
	*bytes = (v + BLOCK_SECTOR_BYTES - 1) & ~(uint64_t)(BLOCK_SECTOR_BYTES - 1);
	return 0;
}

static int resize_raw(const struct img_options *o, struct chain *c, uint64_t bytes, struct err *err)
{
	const enum qcow2_preallocation how = o->made.create.preallocation;
	struct chain_link *l = c->links[0];
	const struct sync_io io = { l->file, c->loop };
	const uint64_t before = l->size_bytes;
	int rc;

	if (how == QCOW2_PREALLOC_METADATA)
		return err_set(err, -EINVAL,
			       "--preallocation=metadata: raw has none; use off, falloc or full");
	rc = block_file_truncate(l->file, bytes);
	if (rc == 0 && bytes > before && how == QCOW2_PREALLOC_FALLOC &&
	    fallocate(l->fd, 0, (off_t)before, (off_t)(bytes - before)) < 0)
		rc = -errno;
	for (uint64_t at = before; rc == 0 && how == QCOW2_PREALLOC_FULL && at < bytes;) {
		static const uint8_t zeros[65536];
		const uint64_t part = min_u64(sizeof(zeros), bytes - at);

		rc = sync_write(&io, at, zeros, part);
		at += part;
	}
	if (rc == 0)
		rc = sync_flush(&io);
	if (rc == 0)
		return 0;
	block_file_truncate(l->file, before > bytes ? bytes : before);
	if (rc == -EOPNOTSUPP)
		return err_set(err, rc, "%s cannot be resized", l->name);
	return err_errno(err, rc, "%s: resizing", l->name);
}

/* What it gained gets clusters. */
static int preallocate_qcow2(const struct img_options *o, struct chain *c, uint64_t before,
			     struct err *err)
{
	struct chain_link *l = c->links[0];
	const uint64_t cluster = qcow2_cluster_bytes(&l->meta.h);
	const struct sync_io io = { l->file, c->loop };
	const enum qcow2_preallocation how = o->made.create.preallocation;
	uint64_t at = (before + cluster - 1) & ~(cluster - 1), host, run;
	struct qcow2_fill fill;
	int rc = qcow2_fill_open(&fill, &l->meta, false, err);

	if (rc < 0)
		return rc;
	for (; rc == 0 && at < l->meta.h.size_bytes; at += run * cluster) {
		rc = qcow2_fill_data(&fill, at, (l->meta.h.size_bytes - at + cluster - 1) / cluster,
				     &host, &run, err);
		if (rc < 0)
			break;
		/* The place may have held something else before. */
		rc = sync_zero(&io, host, run * cluster, how == QCOW2_PREALLOC_METADATA);
		if (rc == 0 && how == QCOW2_PREALLOC_METADATA)
			rc = block_file_truncate(l->file, l->meta.end_bytes);
		if (rc < 0)
			err_errno(err, rc, "%s: its space", l->name);
	}
	if (rc == 0)
		rc = qcow2_fill_finish(&fill, err);
	if (rc == 0)
		rc = qcow2_meta_commit(&l->meta, err);
	qcow2_fill_close(&fill);
	return rc;
}

static int resize_qcow2(const struct img_options *o, struct chain *c, uint64_t bytes,
			struct err *err)
{
	struct img_progress progress = { .shown = o->progress && !o->quiet };
	const struct qcow2_progress step = { img_progress_step, &progress };
	struct qcow2_meta *m = &c->links[0]->meta;
	const uint64_t before = m->h.size_bytes;
	struct block *backing = NULL;
	int rc = 0;

	if (c->count > 1 && chain_disk_create(c, 1, NULL, &backing) < 0)
		return err_set(err, -ENOMEM, "no memory");
	rc = qcow2_resize(m, bytes, o->shrink, backing, &step, err);
	block_close(backing);
	img_progress_end(&progress);
	chain_forget(c);
	if (rc == 0 && bytes > before && o->made.create.preallocation != QCOW2_PREALLOC_OFF)
		rc = preallocate_qcow2(o, c, before, err);
	return rc;
}

static int resize_open(const struct img_options *o, struct chain *c, struct err *err)
{
	const struct chain_link *l = c->links[0];
	uint64_t bytes = 0;
	const int rc = new_size(o->words[1], l->size_bytes, &bytes, err);

	if (rc < 0)
		return rc;
	if (bytes < l->size_bytes && !o->shrink)
		return err_set(err, -EINVAL,
			       "%s: what is behind the new end would be lost: --shrink says that this "
			       "is meant",
			       l->name);
	if (bytes < l->size_bytes && o->preallocation_given)
		return err_set(err, -EINVAL, "--preallocation: it does not grow");
	return l->format == IMAGE_QCOW2 ? resize_qcow2(o, c, bytes, err) :
					  resize_raw(o, c, bytes, err);
}

static int resize(const struct img_options *o)
{
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int rc;

	if (img_loop(o, &loop) < 0)
		return 1;
	rc = img_open_write(o, loop, o->words[0], false, &c);
	if (rc == 0) {
		rc = resize_open(o, &c, &err);
		if (rc < 0)
			img_error(o, "%s", err.text);
		chain_close(&c);
	}
	ioloop_destroy(loop);
	if (rc == 0 && !o->quiet)
		printf("Image resized.\n");
	return rc < 0 ? 1 : command_flush();
}

/* "-512M" is a size, not flags: as the last word, it is hidden from the parser. */
static bool is_less(const char *word)
{
	return word[0] == '-' && word[1] >= '0' && word[1] <= '9';
}

static int run(int argc, char *argv[])
{
	char *last = argc > 1 ? argv[argc - 1] : NULL;
	struct img_options o;
	int status;

	if (last && is_less(last))
		argv[argc - 1] = "0";
	if (img_options_parse(&o, &img_resize_command, argc, argv, 2, 2, &status)) {
		if (last && is_less(last))
			o.words[1] = last;
		status = resize(&o);
	}
	img_options_release(&o);
	return status;
}

const struct command img_resize_command = {
	.name = "resize",
	.within = "img",
	.synopsis = "[FLAGS] FILE [+|-]SIZE",
	.summary = "Make an image's disk larger or smaller.",
	.options = &table,
	.run = run,
};
