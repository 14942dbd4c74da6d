/* bantam img read, bantam img write: parts of a disk's content, for scripts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/chain_disk.h"
#include "tools/img.h"
#include "tools/img_file.h"

#define PIECE_BYTES ((size_t)1 << 20)

#define WHERE \
	IMG_FORMAT, { "offset", 's', "OFFSET", NULL, "begin there; default 0", img_set_offset }, \
		{ "length", 'l', "SIZE", NULL, "so many bytes; default: to the end", \
		  img_set_length }, \
		{ "pattern", 'P', "BYTE", NULL, "a byte, 0 to 255 or 0xff, instead of a file", \
		  img_set_pattern }

static const struct option_row read_rows[] = {
	{ "snapshot", 0, "SNAPSHOT", "Flags", "an internal snapshot's content, by id or name",
	  img_set_snapshot },
	WHERE,
	IMG_SOURCE_CACHE,
	IMG_QUIET,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_row write_rows[] = {
	{ "zero", 'z', NULL, "Flags", "zeros, without writing them where the image can say so",
	  img_set_zero },
	WHERE,
	IMG_CACHE,
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table read_table = { read_rows, ARRAY_LEN(read_rows),
						"bantam help img read" };
static const struct option_table write_table = { write_rows, ARRAY_LEN(write_rows),
						 "bantam help img write" };

/* Clip the range to the disk. */
static int check_range(struct img_options *o, uint64_t size, const char *name, struct err *err)
{
	if (o->offset > size)
		return err_set(err, -EINVAL, "-s: %s ends at %llu", name, (unsigned long long)size);
	if (!o->length_given)
		o->length = size - o->offset;
	if (o->length > size - o->offset)
		return err_set(err, -EINVAL, "-l: %s ends at %llu", name, (unsigned long long)size);
	return 0;
}

/* ---- read ------------------------------------------------------------------------------------ */

/* Bytes of a piece that begin somewhere in its first sector: all as the pattern? */
static int use_piece(const struct img_options *o, const uint8_t *bytes, size_t len, uint64_t at,
		     struct err *err)
{
	if (!o->pattern_given) {
		if (fwrite(bytes, 1, len, stdout) != len)
			return err_errno(err, -errno, "stdout");
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		const unsigned long long place = at + i;

		if (bytes[i] != o->pattern)
			return err_set(err, -EILSEQ, "the byte at %llu is %u, not %u", place,
				       bytes[i], o->pattern);
	}
	return 0;
}

static int read_all(struct img_options *o, struct chain *c, struct err *err)
{
	const uint64_t size = chain_size(c);
	uint8_t *bytes = malloc(PIECE_BYTES);
	int rc = check_range(o, size, c->links[0]->name, err);

	if (!bytes)
		return err_set(err, -ENOMEM, "no memory");
	while (rc == 0 && o->length > 0) {
		const uint64_t begin = o->offset & ~UINT64_C(511), in = o->offset - begin;
		const uint64_t len = min_u64(PIECE_BYTES, size - begin);
		const uint64_t part = min_u64(o->length, len - in);

		rc = chain_read_sync(c, 0, begin, len, bytes, err);
		if (rc == 0)
			rc = use_piece(o, bytes + in, part, o->offset, err);
		o->offset += part;
		o->length -= part;
	}
	free(bytes);
	return rc;
}

static int img_read(struct img_options *o)
{
	const struct chain_options options = {
		.format = o->format,
		.use = QCOW2_READ,
		.unlocked = o->unlocked,
		.direct = img_is_direct(o->source_cache),
		.snapshot = o->snapshot,
	};
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int rc;

	if (img_loop(o, &loop) < 0)
		return 1;
	rc = chain_open(&c, loop, o->words[0], &options, &err);
	if (rc == 0) {
		rc = read_all(o, &c, &err);
		chain_close(&c);
	}
	ioloop_destroy(loop);
	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc < 0 ? 1 : command_flush();
}

/* ---- write ----------------------------------------------------------------------------------- */

/* What goes into a piece: *len 0 at stdin's end. */
static int next_piece(const struct img_options *o, uint8_t *bytes, size_t *len, struct err *err)
{
	size_t n = 0;

	if (o->pattern_given) {
		memset(bytes, o->pattern, *len);
		return 0;
	}
	while (n < *len) {
		const ssize_t got = read(STDIN_FILENO, bytes + n, *len - n);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return err_errno(err, -errno, "stdin");
		n += got > 0 ? (size_t)got : 0;
	}
	*len = n;
	return 0;
}

static int write_all(struct img_options *o, const struct sync_io *disk, const char *name,
		     struct err *err)
{
	const uint64_t size = disk->block->limits.size_bytes;
	uint8_t *bytes = malloc(PIECE_BYTES);
	int rc = check_range(o, size, name, err);

	if (!bytes)
		return err_set(err, -ENOMEM, "no memory");
	if (rc == 0 && o->zero) {
		rc = sync_zero(disk, o->offset, o->length, true);
		if (rc < 0)
			err_errno(err, rc, "%s: writing", name);
		o->length = 0;
	}
	while (rc == 0 && o->length > 0) {
		size_t len = min_u64(o->length, PIECE_BYTES - (o->offset & 4095));

		rc = next_piece(o, bytes, &len, err);
		if (rc < 0 || len == 0)
			break;
		rc = sync_write(disk, o->offset, bytes, len);
		if (rc < 0)
			err_errno(err, rc, "%s: writing at %llu", name,
				  (unsigned long long)o->offset);
		o->offset += len;
		o->length -= len;
	}
	free(bytes);
	if (rc == 0) {
		rc = sync_flush(disk);
		if (rc < 0)
			err_errno(err, rc, "%s: writing", name);
	}
	return rc;
}

static int write_open(struct img_options *o, struct chain *c, struct err *err)
{
	const bool is_qcow2 = c->links[0]->format == IMAGE_QCOW2;
	struct sync_io disk = { NULL, c->loop };
	struct qcow2_fill fill;
	int rc = is_qcow2 ? qcow2_fill_open(&fill, &c->links[0]->meta, false, err) : 0;

	if (rc < 0)
		return rc;
	if (chain_disk_create(c, 0, is_qcow2 ? &fill : NULL, &disk.block) < 0)
		rc = err_set(err, -ENOMEM, "no memory");
	if (rc == 0)
		rc = write_all(o, &disk, c->links[0]->name, err);
	block_close(disk.block);
	if (is_qcow2)
		qcow2_fill_close(&fill);
	return rc;
}

static int img_write(struct img_options *o)
{
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int rc;

	if (o->zero && o->pattern_given) {
		img_error(o, "-z and -P: give one");
		return 1;
	}
	if (img_loop(o, &loop) < 0)
		return 1;
	rc = img_open_write(o, loop, o->words[0], false, &c);
	if (rc == 0) {
		rc = write_open(o, &c, &err);
		if (rc < 0)
			img_error(o, "%s", err.text);
		chain_close(&c);
	}
	ioloop_destroy(loop);
	return rc < 0;
}

/* ---- commands ----------------------------------------------------------------------------------- */

static int run_read(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_read_command, argc, argv, 1, 1, &status))
		status = img_read(&o);
	img_options_release(&o);
	return status;
}

static int run_write(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_write_command, argc, argv, 1, 1, &status))
		status = img_write(&o);
	img_options_release(&o);
	return status;
}

const struct command img_read_command = {
	.name = "read",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Write a part of a disk's content to stdout, or check it.",
	.options = &read_table,
	.epilogue = "With -P nothing is printed: status 0 if every byte is BYTE.",
	.run = run_read,
};

const struct command img_write_command = {
	.name = "write",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Write stdin, a pattern or zeros into a disk.",
	.options = &write_table,
	.epilogue = "All of it comes true at the end, or nothing (qcow2).",
	.run = run_write,
};
