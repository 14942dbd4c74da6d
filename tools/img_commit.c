/* bantam img commit. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/chain_disk.h"
#include "block/qcow2_ops.h"
#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	{ "keep", 'd', NULL, NULL, "leave the image full: do not empty it afterwards", img_set_keep },
	{ "base", 'b', "FILE", NULL, "its backing file, by its name; nothing else is supported",
	  img_set_backing },
	IMG_CACHE,
	IMG_PROGRESS,
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img commit" };

/* The backing file, to be written, and those below it. */
static int open_backing(const struct img_options *o, const struct qcow2_meta *m, const char *image,
			struct ioloop *loop, struct chain *c, struct err *err)
{
	struct chain_options options = {
		.use = QCOW2_WRITE,
		.direct = img_is_direct(o->cache),
		.no_flush = o->cache == IMG_CACHE_UNSAFE,
	};
	char *path = NULL;
	int rc;

	if (!*m->h.backing_format)
		return err_set(err, -EINVAL,
			       "%s does not say the format of its backing file; 'bantam img rebase -u "
			       "-b NAME -F raw|qcow2' says it",
			       m->name);
	rc = image_format_parse(m->h.backing_format, &options.format, err);
	if (rc == 0)
		rc = chain_resolve(image, m->h.backing_name, &path, err);
	if (rc < 0)
		return rc;
	rc = chain_open(c, loop, path, &options, err);
	free(path);
	return rc;
}

/* The backing disk is at least as large as the image's. */
static int grow(struct chain *backing, uint64_t size_bytes, struct err *err)
{
	struct chain_link *const l = backing->links[0];
	struct block *below = NULL;
	int rc;

	assert(l); /* open_backing() opened it */
	if (l->size_bytes >= size_bytes)
		return 0;
	if (l->format == IMAGE_RAW) {
		rc = block_file_truncate(l->file, size_bytes);
		if (rc < 0)
			return err_errno(err, rc, "%s: making it larger", l->name);
	} else {
		if (backing->count > 1 && chain_disk_create(backing, 1, NULL, &below) < 0)
			return err_set(err, -ENOMEM, "no memory");
		rc = qcow2_resize(&l->meta, size_bytes, false, below, NULL, err);
		block_close(below);
		if (rc < 0)
			return rc;
		l->l1_entries = l->meta.h.l1_entries;
		chain_forget(backing);
	}
	l->size_bytes = size_bytes;
	return 0;
}

struct commit {
	const struct img_options *o;
	struct qcow2_meta *image;
	struct chain backing;
	struct img_progress progress;
};

static int commit_data(struct commit *c, struct qcow2_fill *fill, struct err *err)
{
	const struct qcow2_progress step = { img_progress_step, &c->progress };
	struct block *disk;
	int rc = chain_disk_create(&c->backing, 0, fill, &disk);

	if (rc < 0)
		return err_set(err, rc, "no memory");
	rc = qcow2_commit(c->image, disk, !c->o->unsafe, &step, err);
	block_close(disk);
	return rc;
}

/* The backing image's own commit is the flush, before the image is emptied. */
static int commit_qcow2(struct commit *c, struct err *err)
{
	struct qcow2_fill fill;
	int rc = qcow2_fill_open(&fill, &c->backing.links[0]->meta, false, err);

	if (rc < 0)
		return rc;
	rc = commit_data(c, &fill, err);
	qcow2_fill_close(&fill);
	return rc;
}

static int commit_open(struct commit *c, struct chain *image, struct err *err)
{
	int rc;

	c->image = &image->links[0]->meta;
	if (image->links[0]->format != IMAGE_QCOW2 || !c->image->h.has_backing)
		return err_set(err, -EOPNOTSUPP, "%s has no backing file", image->links[0]->name);
	if (c->o->backing && strcmp(c->o->backing, c->image->h.backing_name) != 0)
		return err_set(err, -EOPNOTSUPP,
			       "-b: only its backing file %s can be committed to, one after the other",
			       c->image->h.backing_name);
	rc = open_backing(c->o, c->image, image->links[0]->path, image->loop, &c->backing, err);
	if (rc < 0)
		return rc;
	rc = grow(&c->backing, c->image->h.size_bytes, err);
	if (rc == 0 && c->backing.links[0]->format == IMAGE_RAW)
		rc = commit_data(c, NULL, err);
	else if (rc == 0)
		rc = commit_qcow2(c, err);
	img_progress_end(&c->progress);
	chain_close(&c->backing);
	return rc;
}

static int commit(const struct img_options *o)
{
	struct commit c = { .o = o, .progress.shown = o->progress && !o->quiet };
	struct err err = { "" };
	struct ioloop *loop;
	struct chain image;
	int rc;

	if (img_loop(o, &loop) < 0)
		return 1;
	rc = img_open(o, loop, o->words[0], o->format, QCOW2_WRITE, true, &image);
	if (rc == 0) {
		rc = commit_open(&c, &image, &err);
		if (rc < 0)
			img_error(o, "%s", err.text);
		chain_close(&image);
	}
	ioloop_destroy(loop);
	if (rc == 0 && !o->quiet)
		printf("Image committed.\n");
	return rc < 0 ? 1 : command_flush();
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_commit_command, argc, argv, 1, 1, &status))
		status = commit(&o);
	img_options_release(&o);
	return status;
}

const struct command img_commit_command = {
	.name = "commit",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Write what an image has over its backing file into that.",
	.options = &table,
	.run = run,
};
