/* bantam img info. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/img.h"
#include "tools/img_file.h"
#include "tools/img_print.h"
#include "tools/img_snapshots.h"

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	{ "backing-chain", 0, NULL, NULL, "its backing files too", img_set_backing_chain },
	IMG_OUTPUT,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img info" };

static uint64_t disk_bytes(const struct chain_link *l)
{
	struct stat st;

	return fstat(l->fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

static const char *on_off(bool v)
{
	return v ? "true" : "false";
}

static const char *compat(const struct qcow2_header *h)
{
	return h->version == 2 ? "0.10" : "1.1";
}

static const char *compression(const struct qcow2_header *h)
{
	return h->compression == QCOW2_ZSTD ? "zstd" : "zlib";
}

/* Where its backing file is, seen from here; NULL: none, or no path.  Freed by the
 * caller. */
static char *backing_path(const struct chain_link *l)
{
	char *path = NULL;

	if (l->format != IMAGE_QCOW2 || !l->meta.h.has_backing)
		return NULL;
	return chain_resolve(l->path, l->meta.h.backing_name, &path, NULL) == 0 ? path : NULL;
}

/* ---- for people -------------------------------------------------------------------------- */

static void print_specific(const struct qcow2_header *h)
{
	printf("Format specific information:\n    compat: %s\n    compression type: %s\n",
	       compat(h), compression(h));
	if (h->version >= 3)
		printf("    lazy refcounts: %s\n",
		       on_off((h->compatible & QCOW2_LAZY_REFCOUNTS) != 0));
	printf("    refcount bits: %u\n", 1u << h->refcount_order);
	if (h->version >= 3)
		printf("    corrupt: %s\n    extended l2: %s\n",
		       on_off((h->incompatible & QCOW2_CORRUPT) != 0), on_off(qcow2_is_extended(h)));
}

static void print_backing(const struct chain_link *l)
{
	const struct qcow2_header *h = &l->meta.h;
	char *path = backing_path(l);

	printf("backing file: ");
	print_text(stdout, h->backing_name);
	if (!path) {
		printf(" (cannot determine actual path)");
	} else if (strcmp(path, h->backing_name) != 0) {
		printf(" (actual path: ");
		print_text(stdout, path);
		printf(")");
	}
	if (*h->backing_format)
		printf("\nbacking file format: ");
	print_text(stdout, h->backing_format);
	printf("\n");
	free(path);
}

static void print_human(const struct chain_link *l)
{
	char size[IMG_SIZE_TEXT], used[IMG_SIZE_TEXT];

	printf("image: %s\nfile format: %s\nvirtual size: %s (%llu bytes)\ndisk size: %s\n", l->path,
	       image_format_name(l->format), img_size_text(size, l->size_bytes),
	       (unsigned long long)l->size_bytes, img_size_text(used, disk_bytes(l)));
	if (l->format != IMAGE_QCOW2)
		return;
	if (l->meta.h.incompatible & QCOW2_DIRTY)
		printf("cleanly shut down: no\n");
	printf("cluster_size: %llu\n", (unsigned long long)qcow2_cluster_bytes(&l->meta.h));
	if (l->meta.h.has_backing)
		print_backing(l);
	if (l->meta.h.snapshot_count > 0)
		img_snapshots_print(&l->meta);
	print_specific(&l->meta.h);
}

/* ---- for programs -------------------------------------------------------------------------- */

static void print_json_specific(const struct qcow2_header *h, const char *in)
{
	printf(",\n%s    \"format-specific\": {\n%s        \"type\": \"qcow2\",\n%s        \"data\": "
	       "{\n",
	       in, in, in);
	printf("%s            \"compat\": \"%s\",\n%s            \"compression-type\": \"%s\",\n", in,
	       compat(h), in, compression(h));
	if (h->version >= 3)
		printf("%s            \"lazy-refcounts\": %s,\n", in,
		       on_off((h->compatible & QCOW2_LAZY_REFCOUNTS) != 0));
	printf("%s            \"refcount-bits\": %u", in, 1u << h->refcount_order);
	if (h->version >= 3)
		printf(",\n%s            \"corrupt\": %s,\n%s            \"extended-l2\": %s", in,
		       on_off((h->incompatible & QCOW2_CORRUPT) != 0), in,
		       on_off(qcow2_is_extended(h)));
	printf("\n%s        }\n%s    }", in, in);
}

static void print_json_backing(const struct chain_link *l, const char *in)
{
	char *path = backing_path(l);

	if (*l->meta.h.backing_format) {
		printf(",\n%s    \"backing-filename-format\": ", in);
		img_print_json_string(stdout, l->meta.h.backing_format);
	}
	printf(",\n%s    \"backing-filename\": ", in);
	img_print_json_string(stdout, l->meta.h.backing_name);
	if (path) {
		printf(",\n%s    \"full-backing-filename\": ", in);
		img_print_json_string(stdout, path);
	}
	free(path);
}

/* in  what every line begins with */
static void print_json(const struct chain_link *l, const char *in)
{
	const bool is_qcow2 = l->format == IMAGE_QCOW2;

	printf("%s{\n%s    \"virtual-size\": %llu,\n%s    \"filename\": ", in, in,
	       (unsigned long long)l->size_bytes, in);
	img_print_json_string(stdout, l->path);
	if (is_qcow2)
		printf(",\n%s    \"cluster-size\": %llu", in,
		       (unsigned long long)qcow2_cluster_bytes(&l->meta.h));
	printf(",\n%s    \"format\": \"%s\",\n%s    \"actual-size\": %llu", in,
	       image_format_name(l->format), in, (unsigned long long)disk_bytes(l));
	if (is_qcow2 && l->meta.h.snapshot_count > 0)
		img_snapshots_print_json(&l->meta, in);
	if (is_qcow2)
		print_json_specific(&l->meta.h, in);
	if (is_qcow2 && l->meta.h.has_backing)
		print_json_backing(l, in);
	printf(",\n%s    \"dirty-flag\": %s\n%s}", in,
	       on_off(is_qcow2 && (l->meta.h.incompatible & QCOW2_DIRTY)), in);
}

static void print(const struct img_options *o, const struct chain *c)
{
	const unsigned count = o->backing_chain ? c->count : 1;

	if (o->json && o->backing_chain)
		printf("[\n");
	for (unsigned i = 0; i < count; i++) {
		if (!o->json) {
			printf("%s", i > 0 ? "\n" : "");
			print_human(c->links[i]);
			continue;
		}
		print_json(c->links[i], o->backing_chain ? "    " : "");
		printf("%s\n", i + 1 < count ? "," : "");
	}
	if (o->json && o->backing_chain)
		printf("]\n");
}

static int info(const struct img_options *o)
{
	struct ioloop *loop;
	struct chain c;
	int status = 1;

	if (img_loop(o, &loop) < 0)
		return 1;
	if (img_open(o, loop, o->words[0], o->format, QCOW2_READ, !o->backing_chain, &c) == 0) {
		print(o, &c);
		chain_close(&c);
		status = command_flush();
	}
	ioloop_destroy(loop);
	return status;
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_info_command, argc, argv, 1, 1, &status))
		status = info(&o);
	img_options_release(&o);
	return status;
}

const struct command img_info_command = {
	.name = "info",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Tell an image's format, sizes, backing file and snapshots.",
	.options = &table,
	.run = run,
};
