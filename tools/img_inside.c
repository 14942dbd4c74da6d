/* bantam img ls, cat, df, filesystems: into the file systems of an image. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/chain_read.h"
#include "tools/img.h"
#include "tools/img_file.h"
#include "tools/img_look.h"

/* A chain is read in whole sectors, and unpacks a cluster for each read. */
#define PIECE_BYTES KIB(64)

/* The last piece that was read. */
struct chain_reader {
	struct chain chain;
	uint8_t *bytes; /* PIECE_BYTES */
	uint64_t at, len;
	struct err err; /* what went wrong last */
};

/* Copy [offset, offset+len) of the piece at `at`. */
static int piece_copy(struct chain_reader *r, uint64_t at, uint64_t offset, uint8_t *to, size_t len)
{
	const uint64_t piece = min_u64(PIECE_BYTES, chain_size(&r->chain) - at);

	if (r->len == 0 || r->at != at) {
		const int rc = chain_read_sync(&r->chain, 0, at, piece, r->bytes, &r->err);

		r->len = rc < 0 ? 0 : piece;
		if (rc < 0)
			return rc;
		r->at = at;
	}
	memcpy(to, r->bytes + (offset - at), len);
	return 0;
}

static int reader_of_chain(void *ctx, uint64_t offset, void *to, size_t len)
{
	struct chain_reader *r = ctx;
	uint8_t *out = to;

	while (len > 0) {
		const uint64_t at = offset & ~(PIECE_BYTES - 1);
		size_t n;
		int rc;

		if (offset == at && len >= PIECE_BYTES) {
			n = len & ~(PIECE_BYTES - 1);
			rc = chain_read_sync(&r->chain, 0, offset, n, out, &r->err);
		} else {
			n = min_u64(len, at + PIECE_BYTES - offset);
			rc = piece_copy(r, at, offset, out, n);
		}
		if (rc < 0)
			return rc;
		offset += n, out += n, len -= n;
	}
	return 0;
}

/* Open FILE or FILE:PART; a file that has a colon in its name goes first. */
static int open_reader(const struct img_options *o, struct ioloop *loop, struct chain_reader *r,
		       struct look *look)
{
	const struct chain_options options = {
		.format = o->format,
		.use = QCOW2_READ,
		.unlocked = o->unlocked,
		.snapshot = o->snapshot,
	};

	look->part = access(o->words[0], F_OK) == 0 ? NULL : look_split(o->words[0]);
	look->file = o->words[0];
	r->bytes = malloc(PIECE_BYTES);
	if (!r->bytes)
		return err_set(&r->err, -ENOMEM, "no memory");
	return chain_open(&r->chain, loop, look->file, &options, &r->err);
}

static int with_reader(const struct img_options *o,
		       int (*verb)(const struct look *look, const struct img_options *o))
{
	struct look look = {
		.verb = o->verb->name, .json = o->json, .recursive = o->recursive, .human = o->human
	};
	struct chain_reader r = { .len = 0 };
	struct reader disk = { reader_of_chain, &r, 0 };
	struct ioloop *loop;
	int status = 1;

	look.why = &r.err;
	if (img_loop(o, &loop) < 0)
		return 1;
	if (open_reader(o, loop, &r, &look) == 0) {
		disk.size_bytes = chain_size(&r.chain);
		look.disk = &disk;
		status = verb(&look, o);
		chain_close(&r.chain);
	}
	if (r.err.text[0])
		img_error(o, "%s", r.err.text);
	free(r.bytes);
	ioloop_destroy(loop);
	return status;
}

static int run_verb(const struct command *command, int argc, char *argv[], int least, int most,
		    int (*verb)(const struct look *look, const struct img_options *o))
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, command, argc, argv, least, most, &status))
		status = with_reader(&o, verb);
	img_options_release(&o);
	return status;
}

/* clang-format off */
#define IMAGE \
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at", \
	  img_set_format }, \
	{ "snapshot", 's', "SNAPSHOT", NULL, "an internal snapshot's content, by id or name", \
	  img_set_snapshot }, \
	IMG_UNLOCKED
#define JSON   { "json", 0, NULL, NULL, "print a JSON array", img_set_json }, IMG_OUTPUT
/* clang-format on */

#define PART_EPILOGUE                                                                             \
	"FILE:p1, FILE:1 or FILE:/dev/sda1 is the first partition, FILE:disk the whole of it;\n"  \
	"FILE alone is enough where only one file system can be read: ext2, ext3, ext4 or FAT.\n" \
	"Nothing is written, and no journal replayed: a warning says when that matters."

/* ---- ls ---- */

static const struct option_row ls_rows[] = {
	IMAGE,	  { "recursive", 'R', NULL, NULL, "directories below, too", img_set_recursive },
	JSON,	  IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table ls_table = { ls_rows, ARRAY_LEN(ls_rows), "bantam help img ls" };

static int ls(const struct look *look, const struct img_options *o)
{
	return look_ls(look, o->word_count > 1 ? o->words[1] : NULL);
}

static int run_ls(int argc, char *argv[])
{
	return run_verb(&img_ls_command, argc, argv, 1, 2, ls);
}

const struct command img_ls_command = {
	.name = "ls",
	.within = "img",
	.synopsis = "[FLAGS] FILE[:PART] [PATH]",
	.summary = "List a directory of a file system in an image, as ls -l.",
	.options = &ls_table,
	.epilogue = PART_EPILOGUE,
	.run = run_ls,
};

/* ---- cat ---- */

static const struct option_row cat_rows[] = { IMAGE, IMG_REFUSED, IMG_HELP };
static const struct option_table cat_table = { cat_rows, ARRAY_LEN(cat_rows),
					       "bantam help img cat" };

static int cat(const struct look *look, const struct img_options *o)
{
	return look_cat(look, o->words + 1, o->word_count - 1);
}

static int run_cat(int argc, char *argv[])
{
	return run_verb(&img_cat_command, argc, argv, 2, INT_MAX, cat);
}

const struct command img_cat_command = {
	.name = "cat",
	.within = "img",
	.synopsis = "[FLAGS] FILE[:PART] PATH...",
	.summary = "Print files of a file system in an image.",
	.options = &cat_table,
	.epilogue = PART_EPILOGUE,
	.run = run_cat,
};

/* ---- df ---- */

static const struct option_row df_rows[] = {
	IMAGE,
	{ "human-readable", 'h', NULL, NULL, "sizes as 1.5G", img_set_human },
	JSON,
	IMG_REFUSED,
	{ "help", 0, NULL, NULL, "this text", img_set_help },
};

static const struct option_table df_table = { df_rows, ARRAY_LEN(df_rows), "bantam help img df" };

static int df(const struct look *look, const struct img_options *o)
{
	(void)o;
	return look_df(look);
}

static int run_df(int argc, char *argv[])
{
	return run_verb(&img_df_command, argc, argv, 1, 1, df);
}

const struct command img_df_command = {
	.name = "df",
	.within = "img",
	.synopsis = "[FLAGS] FILE[:PART]",
	.summary = "Tell how full the file systems of an image are.",
	.options = &df_table,
	.run = run_df,
};

/* ---- filesystems ---- */

static const struct option_row filesystems_rows[] = { IMAGE, JSON, IMG_REFUSED, IMG_HELP };
static const struct option_table filesystems_table = { filesystems_rows,
						       ARRAY_LEN(filesystems_rows),
						       "bantam help img filesystems" };

static int filesystems(const struct look *look, const struct img_options *o)
{
	(void)o;
	return look_filesystems(look);
}

static int run_filesystems(int argc, char *argv[])
{
	return run_verb(&img_filesystems_command, argc, argv, 1, 1, filesystems);
}

const struct command img_filesystems_command = {
	.name = "filesystems",
	.within = "img",
	.synopsis = "[FLAGS] FILE[:PART]",
	.summary = "List an image's partitions and what they hold, with labels and UUIDs.",
	.options = &filesystems_table,
	.run = run_filesystems,
};
