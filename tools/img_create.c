/* bantam img create. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw (default) or qcow2", img_set_format },
	{ "options", 'o', "KEY=VALUE,...", NULL,
	  "how the image is to be made; -o help lists the keys; repeatable", img_set_made },
	{ "backing", 'b', "FILE", NULL, "what the image is a layer over, seen from its folder",
	  img_set_backing },
	IMG_BACKING_FORMAT,
	{ "backing-unsafe", 'u', NULL, NULL, "do not look whether the backing file is there",
	  img_set_unsafe },
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img create" };

/* The backing file's size, and that it is there. */
static int look_at_backing(const struct img_options *o, struct ioloop *loop, const char *path,
			   uint64_t *size_bytes, struct err *err)
{
	const struct qcow2_create_options *c = &o->made.create;
	struct chain_options options = { .use = QCOW2_READ };
	struct chain chain;
	char *resolved = NULL;
	int rc = image_format_parse(c->backing_format, &options.format, err);

	if (rc == 0)
		rc = chain_resolve(path, c->backing_name, &resolved, err);
	if (rc < 0)
		return rc;
	rc = chain_open(&chain, loop, resolved, &options, err);
	if (rc == 0) {
		*size_bytes = chain_size(&chain);
		chain_close(&chain);
	} else {
		struct err why = *err;

		rc = err_set(err, rc, "backing file: %s (-u makes the image all the same)", why.text);
	}
	free(resolved);
	return rc;
}

static int choose_backing(struct img_options *o, struct err *err)
{
	struct qcow2_create_options *c = &o->made.create;

	if (o->backing)
		c->backing_name = o->backing;
	if (o->backing_format)
		c->backing_format = o->backing_format;
	if (c->backing_name && o->format != IMAGE_QCOW2)
		return err_set(err, -EINVAL, "-b: raw images have no backing file; -f qcow2 have");
	if (c->backing_name && !c->backing_format)
		return err_set(err, -EINVAL,
			       "-b: say what the backing file is: -F raw or -F qcow2 (a guest could "
			       "make a raw one look like another)");
	if (c->backing_format && !c->backing_name)
		return err_set(err, -EINVAL, "-F: without a backing file (-b FILE)");
	return 0;
}

static int choose_size(struct img_options *o, struct ioloop *loop, struct err *err)
{
	struct qcow2_create_options *c = &o->made.create;
	uint64_t backing_bytes = 0;
	int rc = 0;

	if (c->backing_name && !o->unsafe)
		rc = look_at_backing(o, loop, o->words[0], &backing_bytes, err);
	if (rc < 0)
		return rc;
	if (o->word_count > 1) {
		if (o->made.size_given)
			return err_set(err, -EINVAL, "the size is given twice: %s and -o size=",
				       o->words[1]);
		rc = img_parse_size(o->words[1], &c->size_bytes, err);
	} else if (!o->made.size_given && (!c->backing_name || o->unsafe)) {
		rc = err_set(err, -EINVAL, "how large? bantam img create %s 10G", o->words[0]);
	} else if (!o->made.size_given) {
		c->size_bytes = backing_bytes;
	}
	c->size_bytes = (c->size_bytes + BLOCK_SECTOR_BYTES - 1) & ~(uint64_t)(BLOCK_SECTOR_BYTES - 1);
	return rc;
}

/* As qemu-img says it. */
static void announce(const struct img_options *o)
{
	const struct qcow2_create_options *c = &o->made.create;

	printf("Formatting '%s', fmt=%s", o->words[0], image_format_name(o->format));
	if (o->format == IMAGE_QCOW2)
		printf(" cluster_size=%u extended_l2=%s", c->cluster_bytes ? c->cluster_bytes : 65536,
		       c->extended_l2 ? "on" : "off");
	if (c->preallocation != QCOW2_PREALLOC_OFF)
		printf(" preallocation=%s", qcow2_preallocation_names[c->preallocation]);
	if (o->format == IMAGE_QCOW2)
		printf(" compression_type=%s", c->compression == QCOW2_ZSTD ? "zstd" : "zlib");
	printf(" size=%llu", (unsigned long long)c->size_bytes);
	if (c->backing_name)
		printf(" backing_file=%s backing_fmt=%s", c->backing_name, c->backing_format);
	if (o->format == IMAGE_QCOW2)
		printf(" lazy_refcounts=%s refcount_bits=%u", c->lazy_refcounts ? "on" : "off",
		       c->refcount_bits ? c->refcount_bits : 16);
	printf("\n");
}

static int create(struct img_options *o)
{
	struct err err = { "" };
	struct ioloop *loop;
	bool is_new;
	int rc;

	if (o->format == IMAGE_PROBE)
		o->format = IMAGE_RAW;
	if (o->format_help) {
		img_format_list(stdout, o->format == IMAGE_QCOW2);
		return command_flush();
	}
	if (img_loop(o, &loop) < 0)
		return 1;
	rc = choose_backing(o, &err);
	if (rc == 0)
		rc = choose_size(o, loop, &err);
	if (rc == 0)
		rc = img_make(o, loop, o->words[0], o->format, &is_new, &err);
	ioloop_destroy(loop);
	if (rc < 0) {
		img_error(o, "%s", err.text);
		return 1;
	}
	if (!o->quiet)
		announce(o);
	return command_flush();
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_create_command, argc, argv, 1, 2, &status))
		status = create(&o);
	img_options_release(&o);
	return status;
}

const struct command img_create_command = {
	.name = "create",
	.within = "img",
	.synopsis = "[FLAGS] FILE [SIZE]",
	.summary = "Make an empty image.",
	.options = &table,
	.run = run,
};
