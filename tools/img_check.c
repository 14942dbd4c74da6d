/* bantam img check. */
#include <errno.h>
#include <string.h>

#include "block/qcow2_ops.h"
#include "tools/img.h"
#include "tools/img_file.h"

/* As qemu-img's. */
enum { STATUS_GOOD = 0, STATUS_FAILED = 1, STATUS_CORRUPT = 2, STATUS_LEAKS = 3, STATUS_NO_CHECK = 63 };

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	{ "repair", 'r', "leaks|all", NULL, "put right: what only wastes space, or all",
	  img_set_repair },
	IMG_OUTPUT,
	IMG_QUIET,
	IMG_PROGRESS,
	IMG_SOURCE_CACHE,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img check" };

static void finding(void *arg, const char *line)
{
	const struct img_options *o = arg;

	if (!o->quiet && !o->json)
		fprintf(stderr, "%s\n", line);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (double)part * 100 / (double)whole;
}

static void print_human(const struct qcow2_check_result *r)
{
	if (r->leaks_fixed > 0 || r->corruptions_fixed > 0)
		printf("The following inconsistencies were found and repaired:\n\n"
		       "    %llu leaked clusters\n    %llu corruptions\n\n"
		       "Double checking the fixed image now...\n",
		       (unsigned long long)r->leaks_fixed, (unsigned long long)r->corruptions_fixed);
	if (r->corruptions + r->leaks + r->check_errors == 0)
		printf("No errors were found on the image.\n");
	if (r->corruptions > 0)
		printf("\n%llu errors were found on the image.\n"
		       "Data may be corrupted, or further writes to the image may corrupt it.\n",
		       (unsigned long long)r->corruptions);
	if (r->leaks > 0)
		printf("\n%llu leaked clusters were found on the image.\n"
		       "This means waste of disk space, but no harm to data.\n",
		       (unsigned long long)r->leaks);
	if (r->check_errors > 0)
		printf("\n%llu internal errors have occurred during the check.\n",
		       (unsigned long long)r->check_errors);
	if (r->allocated_clusters > 0)
		printf("%llu/%llu = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed clusters\n",
		       (unsigned long long)r->allocated_clusters,
		       (unsigned long long)r->total_clusters,
		       percent(r->allocated_clusters, r->total_clusters),
		       percent(r->fragmented_clusters, r->allocated_clusters),
		       percent(r->compressed_clusters, r->allocated_clusters));
	if (r->image_end_bytes > 0)
		printf("Image end offset: %llu\n", (unsigned long long)r->image_end_bytes);
}

static void print_number(const char *key, uint64_t v, bool always)
{
	if (v > 0 || always)
		printf("    \"%s\": %llu,\n", key, (unsigned long long)v);
}

static void print_json(const char *path, const struct qcow2_check_result *r)
{
	printf("{\n");
	print_number("image-end-offset", r->image_end_bytes, false);
	print_number("total-clusters", r->total_clusters, false);
	print_number("check-errors", r->check_errors, true);
	print_number("corruptions", r->corruptions, false);
	print_number("leaks", r->leaks, false);
	print_number("corruptions-fixed", r->corruptions_fixed, false);
	print_number("leaks-fixed", r->leaks_fixed, false);
	print_number("allocated-clusters", r->allocated_clusters, false);
	print_number("fragmented-clusters", r->fragmented_clusters, false);
	print_number("compressed-clusters", r->compressed_clusters, false);
	printf("    \"filename\": ");
	img_print_json_string(stdout, path);
	printf(",\n    \"format\": \"qcow2\"\n}\n");
}

static int verdict(const struct qcow2_check_result *r)
{
	if (r->check_errors > 0)
		return STATUS_FAILED;
	if (r->corruptions > 0)
		return STATUS_CORRUPT;
	return r->leaks > 0 ? STATUS_LEAKS : STATUS_GOOD;
}

static int check_image(const struct img_options *o, struct chain *c)
{
	const struct qcow2_report report = { finding, (void *)o };
	struct img_progress progress = { .shown = o->progress && !o->quiet && !o->json };
	const struct qcow2_progress step = { img_progress_step, &progress };
	const enum qcow2_repair repair = o->repair_all	 ? QCOW2_REPAIR_ALL :
					 o->repair_leaks ? QCOW2_REPAIR_LEAKS :
							   QCOW2_REPAIR_NONE;
	struct qcow2_check_result r;
	struct err err = { "" };
	const int rc = qcow2_check(&c->links[0]->meta, repair, &r, &report, &step, &err);

	img_progress_end(&progress);
	if (rc < 0) {
		img_error(o, "%s", err.text);
		return STATUS_FAILED;
	}
	if (o->json)
		print_json(o->words[0], &r);
	else if (!o->quiet)
		print_human(&r);
	return verdict(&r);
}

static int check(struct img_options *o)
{
	const struct chain_options options = {
		.format = o->format,
		.use = QCOW2_REPAIR,
		.read_only = !o->repair_all && !o->repair_leaks,
		.alone = true,
		.unlocked = o->unlocked,
		.direct = img_is_direct(o->source_cache),
	};
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int status = STATUS_FAILED;

	if (img_loop(o, &loop) < 0)
		return STATUS_FAILED;
	if (chain_open(&c, loop, o->words[0], &options, &err) < 0) {
		img_error(o, "%s", err.text);
	} else {
		if (c.links[0]->format != IMAGE_QCOW2) {
			img_error(o, "%s is raw: there is nothing to check", c.links[0]->name);
			status = STATUS_NO_CHECK;
		} else {
			status = check_image(o, &c);
		}
		chain_close(&c);
	}
	ioloop_destroy(loop);
	return command_flush() == 0 ? status : STATUS_FAILED;
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_check_command, argc, argv, 1, 1, &status))
		status = check(&o);
	img_options_release(&o);
	return status;
}

const struct command img_check_command = {
	.name = "check",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Check a qcow2 image, and put it right.",
	.options = &table,
	.epilogue = "Exit status: 0 good, 1 not checked, 2 corrupt, 3 leaks only, 63 not qcow2.",
	.run = run,
};
