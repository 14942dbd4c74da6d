/* bantam img rebase. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/chain_disk.h"
#include "block/qcow2_ops.h"
#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "backing", 'b', "FILE", "Flags", "the new backing file, seen from the image's folder; '': none",
	  img_set_backing },
	IMG_BACKING_FORMAT,
	{ "backing-unsafe", 'u', NULL, NULL,
	  "only write the new name: the content is the same, or the file\nonly moved",
	  img_set_unsafe },
	IMG_FORMAT,
	IMG_CACHE,
	IMG_SOURCE_CACHE,
	IMG_PROGRESS,
	IMG_QUIET,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img rebase" };

/* The new backing file and those below it. */
static int open_new(const struct img_options *o, struct chain *image, struct chain *new_chain,
		    struct err *err)
{
	struct chain_options options = { .use = QCOW2_READ, .unlocked = o->unlocked };
	char *path = NULL;
	int rc = image_format_parse(o->backing_format, &options.format, err);

	if (rc == 0)
		rc = chain_resolve(image->links[0]->path, o->backing, &path, err);
	if (rc < 0)
		return rc;
	options.direct = img_is_direct(o->source_cache);
	rc = chain_open(new_chain, image->loop, path, &options, err);
	free(path);
	return rc;
}

static int rebase_safe(const struct img_options *o, struct chain *image, const char *name,
		       struct err *err)
{
	struct img_progress progress = { .shown = o->progress && !o->quiet };
	const struct qcow2_progress step = { img_progress_step, &progress };
	struct block *old_disk = NULL, *new_disk = NULL;
	struct chain new_chain = { .count = 0 };
	int rc = name ? open_new(o, image, &new_chain, err) : 0;

	if (rc < 0)
		return rc;
	if (image->count > 1)
		rc = chain_disk_create(image, 1, NULL, &old_disk);
	if (rc == 0 && name)
		rc = chain_disk_create(&new_chain, 0, NULL, &new_disk);
	if (rc < 0)
		err_set(err, rc, "no memory");
	else
		rc = qcow2_rebase(&image->links[0]->meta, old_disk, new_disk, name,
				  o->backing_format, &step, err);
	img_progress_end(&progress);
	block_close(new_disk);
	block_close(old_disk);
	chain_close(&new_chain);
	return rc;
}

static int rebase_open(const struct img_options *o, struct chain *c, struct err *err)
{
	const char *name = *o->backing ? o->backing : NULL;

	if (c->links[0]->format != IMAGE_QCOW2)
		return err_set(err, -EOPNOTSUPP, "%s is raw, which has no backing file",
			       c->links[0]->name);
	if (o->unsafe)
		return qcow2_rebase_unsafe(&c->links[0]->meta, name, o->backing_format, err);
	return rebase_safe(o, c, name, err);
}

static int check_options(const struct img_options *o, struct err *err)
{
	if (!o->backing)
		return err_set(err, -EINVAL, "onto what? -b FILE, or -b '' for no backing file");
	if (*o->backing && !o->backing_format)
		return err_set(err, -EINVAL,
			       "-b: say what the backing file is: -F raw or -F qcow2 (a guest could "
			       "make a raw one look like another)");
	if (!*o->backing && o->backing_format)
		return err_set(err, -EINVAL, "-F: without a backing file");
	return 0;
}

static int rebase(const struct img_options *o)
{
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int rc = check_options(o, &err);

	if (rc < 0) {
		img_error(o, "%s", err.text);
		return 1;
	}
	if (img_loop(o, &loop) < 0)
		return 1;
	rc = img_open(o, loop, o->words[0], o->format, QCOW2_WRITE, o->unsafe, &c);
	if (rc == 0) {
		rc = rebase_open(o, &c, &err);
		if (rc < 0)
			img_error(o, "%s", err.text);
		chain_close(&c);
	}
	ioloop_destroy(loop);
	return rc < 0 ? 1 : command_flush();
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_rebase_command, argc, argv, 1, 1, &status))
		status = rebase(&o);
	img_options_release(&o);
	return status;
}

const struct command img_rebase_command = {
	.name = "rebase",
	.within = "img",
	.synopsis = "[FLAGS] -b BACKING -F FMT FILE",
	.summary = "Give a qcow2 image another backing file.",
	.options = &table,
	.run = run,
};
