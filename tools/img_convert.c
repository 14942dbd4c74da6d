/* bantam img convert. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/img.h"
#include "tools/img_copy.h"

#define SOURCES_MAX	     64
#define SPARSE_BYTES_DEFAULT 4096u

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "What is read",
	  "raw or qcow2: the sources'; without it they are looked at", img_set_format },
	{ "snapshot", 'l', "SNAPSHOT", NULL, "an internal snapshot's content, by id or name",
	  img_set_snapshot },
	IMG_SOURCE_CACHE,
	IMG_UNLOCKED,
	{ "salvage", 0, NULL, NULL, "zeros, and a warning, for what cannot be read",
	  img_set_salvage },
	{ "target-format", 'O', "FMT", "What is made", "raw (default) or qcow2",
	  img_set_other_format },
	{ "options", 'o', "KEY=VALUE,...", NULL,
	  "how it is to be made; -o help lists the keys; repeatable", img_set_made },
	{ "compress", 'c', NULL, NULL, "compressed clusters (qcow2)", img_set_compress },
	{ "backing", 'B', "FILE", NULL,
	  "over this backing file, which has what the source has from its own", img_set_backing },
	IMG_BACKING_FORMAT,
	{ "sparse-size", 'S', "SIZE", NULL,
	  "do not write runs of zeros of at least that length\n(default 4k); 0: write all",
	  img_set_sparse },
	{ "no-create", 'n', NULL, NULL, "into an image that is there already", img_set_no_create },
	{ "target-is-zero", 0, NULL, NULL, "with -n: which reads as zeros", img_set_target_is_zero },
	IMG_CACHE,
	{ "parallel", 'm', "COUNT", "How", "so many requests at once, 1 to 16; default 8",
	  img_set_parallel },
	{ "out-of-order", 'W', NULL, NULL, "do not keep the disk's order in the file",
	  img_set_out_of_order },
	{ "rate-limit", 'r', "SIZE", NULL, "at most so many bytes a second", img_set_rate },
	IMG_PROGRESS,
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img convert" };

struct sources {
	struct chain chains[SOURCES_MAX];
	uint64_t starts[SOURCES_MAX + 1];
	unsigned count;
};

/* ---- what does not go together ------------------------------------------------------------ */

static int check_options(struct img_options *o, struct err *err)
{
	if (o->other_format == IMAGE_PROBE)
		o->other_format = IMAGE_RAW;
	if (o->backing)
		o->made.create.backing_name = o->backing;
	if (o->backing_format)
		o->made.create.backing_format = o->backing_format;
	if (o->compress && o->other_format != IMAGE_QCOW2 && !o->no_create)
		return err_set(err, -EINVAL, "-c: raw cannot be compressed; -O qcow2 can");
	if (o->made.create.backing_name && o->other_format != IMAGE_QCOW2)
		return err_set(err, -EINVAL, "-B: raw has no backing file; -O qcow2 has");
	if (o->made.create.backing_name && !o->made.create.backing_format)
		return err_set(err, -EINVAL,
			       "-B: say what the backing file is: -F raw or -F qcow2");
	if (o->no_create && (o->made.qcow2_only || o->made.size_given))
		return err_set(err, -EINVAL, "-o, -B: the image is there already (-n)");
	if (o->target_is_zero && !o->no_create)
		return err_set(err, -EINVAL, "--target-is-zero: only with -n; a new image is zeros");
	if (o->snapshot && o->word_count > 2)
		return err_set(err, -EINVAL, "-l: of one image only");
	if (o->made.create.backing_name && o->word_count > 2)
		return err_set(err, -EINVAL, "-B: with one source only");
	if (o->cache == IMG_CACHE_DEFAULT)
		o->cache = IMG_CACHE_UNSAFE;
	return 0;
}

/* ---- sources -------------------------------------------------------------------------------- */

static int open_source(const struct img_options *o, struct ioloop *loop, const char *path,
		       struct sources *s, struct err *err)
{
	const struct chain_options options = {
		.format = o->format,
		.use = QCOW2_READ,
		.unlocked = o->unlocked,
		.direct = img_is_direct(o->source_cache),
		.snapshot = o->snapshot,
	};
	const int rc = chain_open(&s->chains[s->count], loop, path, &options, err);

	if (rc < 0)
		return rc;
	s->starts[s->count + 1] = s->starts[s->count] + chain_size(&s->chains[s->count]);
	s->count++;
	return 0;
}

/* Writing into what is read would eat it. */
static int check_not_source(const struct sources *s, const char *path, struct err *err)
{
	char name[QUOTED_BYTES];
	struct stat target, file;

	if (stat(path, &target) < 0)
		return 0;
	for (unsigned i = 0; i < s->count; i++) {
		for (unsigned d = 0; d < s->chains[i].count; d++) {
			if (fstat(s->chains[i].links[d]->fd, &file) == 0 &&
			    file.st_dev == target.st_dev && file.st_ino == target.st_ino)
				return err_set(err, -EINVAL, "%s is read from; write to another file",
					       quoted(name, path));
		}
	}
	return 0;
}

/* ---- the target ------------------------------------------------------------------------------- */

static int open_target(const struct img_options *o, struct ioloop *loop, const char *path,
		       struct chain *target, struct err *err)
{
	const struct chain_options options = {
		.format = o->other_format,
		.use = QCOW2_WRITE,
		.direct = img_is_direct(o->cache),
		.no_flush = o->cache == IMG_CACHE_UNSAFE,
	};

	return chain_open(target, loop, path, &options, err);
}

static int check_target(const struct img_options *o, const struct chain *target, uint64_t bytes,
			struct err *err)
{
	const struct chain_link *l = target->links[0];
	char have[IMG_SIZE_TEXT], need[IMG_SIZE_TEXT];

	if (l->size_bytes < bytes)
		return err_set(err, -ENOSPC, "%s has %s, and %s are to go into it; 'bantam img resize' "
					     "makes it larger",
			       l->name, img_size_text(have, l->size_bytes),
			       img_size_text(need, bytes));
	if (o->compress && l->format != IMAGE_QCOW2)
		return err_set(err, -EINVAL, "-c: %s is raw, which cannot be compressed", l->name);
	return 0;
}

static int copy(struct img_options *o, struct ioloop *loop, const struct sources *s,
		struct chain *target, bool is_new, int stop_fd, struct err *err)
{
	struct copy c = {
		.o = o,
		.loop = loop,
		.sources = (struct chain *)s->chains,
		.starts = s->starts,
		.source_count = s->count,
		.target = target,
		.is_zero = (is_new && !o->made.create.backing_name) || o->target_is_zero,
		.keep_below = o->made.create.backing_name != NULL,
		.sparse_bytes = o->sparse_given ? o->sparse_bytes : SPARSE_BYTES_DEFAULT,
		.parallel = o->parallel,
		.progress.shown = o->progress && !o->quiet,
		.stop_fd = stop_fd,
	};
	int rc = check_target(o, target, s->starts[s->count], err);

	if (rc < 0)
		return rc;
	rc = img_copy(&c, err);
	img_progress_end(&c.progress);
	return rc;
}

static int convert_into(struct img_options *o, struct ioloop *loop, const struct sources *s,
			const char *path, int stop_fd, struct err *err)
{
	struct chain target;
	bool is_new = false;
	int rc = check_not_source(s, path, err);

	if (!o->made.size_given)
		o->made.create.size_bytes = s->starts[s->count];
	if (rc == 0 && !o->no_create)
		rc = img_make(o, loop, path, o->other_format, &is_new, err);
	if (rc < 0)
		return rc;
	rc = open_target(o, loop, path, &target, err);
	if (rc == 0) {
		rc = copy(o, loop, s, &target, is_new, stop_fd, err);
		chain_close(&target);
	}
	if (rc < 0 && is_new)
		unlink(path);
	return rc;
}

static int convert(struct img_options *o, int stop_fd)
{
	const int last = o->word_count - 1;
	struct err err = { "" };
	struct sources *s;
	struct ioloop *loop;
	int rc;

	if (o->format_help) {
		img_format_list(stdout, o->other_format == IMAGE_QCOW2);
		return command_flush();
	}
	s = calloc(1, sizeof(*s));
	if (!s || img_loop(o, &loop) < 0) {
		free(s);
		return 1;
	}
	rc = check_options(o, &err);
	for (int i = 0; rc == 0 && i < last; i++)
		rc = open_source(o, loop, o->words[i], s, &err);
	if (rc == 0)
		rc = convert_into(o, loop, s, o->words[last], stop_fd, &err);
	while (s->count > 0)
		chain_close(&s->chains[--s->count]);
	free(s);
	ioloop_destroy(loop);
	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc < 0;
}

/* A signal that would end us is heard by the copy's loop, so that a half-made image is
 * removed; then it has its usual effect. */
static int convert_stoppable(struct img_options *o)
{
	sigset_t set, before;
	int status, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &before);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	status = convert(o, fd);
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_convert_command, argc, argv, 2, SOURCES_MAX + 1, &status))
		status = convert_stoppable(&o);
	img_options_release(&o);
	return status;
}

const struct command img_convert_command = {
	.name = "convert",
	.within = "img",
	.synopsis = "[FLAGS] FILE ... TARGET",
	.summary = "Copy an image into one of another format, or shape.",
	.options = &table,
	.epilogue = "Several files are put one behind the other.",
	.run = run,
};
