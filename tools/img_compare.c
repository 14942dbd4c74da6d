/* bantam img compare. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeros.h"
#include "block/chain_read.h"
#include "tools/img.h"
#include "tools/img_file.h"

/* As qemu-img's. */
enum { STATUS_SAME = 0, STATUS_DIFFERENT = 1, STATUS_FAILED = 2 };

#define PIECE_BYTES MIB(1)
#define PIECES	    8u

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2: the first's; else it is looked at",
	  img_set_format },
	{ "second-format", 'F', "FMT", NULL, "the second's", img_set_other_format },
	{ "strict", 's', NULL, NULL, "sizes, and what is allocated, have to be the same too",
	  img_set_strict },
	IMG_SOURCE_CACHE,
	IMG_PROGRESS,
	IMG_QUIET,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img compare" };

/* A piece of both. */
struct piece {
	uint64_t offset, len;
	bool used[2]; /* false: zeros, not read */
	struct chain_read read[2];
	uint8_t *bytes[2];
	unsigned reading;
	int status;
	unsigned failed;
};

struct compare {
	const struct img_options *o;
	struct ioloop *loop;
	struct chain chains[2];
	struct piece pieces[PIECES];
	uint64_t begun, ended; /* pieces */
	uint64_t at, size_bytes; /* the shorter one's */
	struct img_progress progress;
};

/* ---- what is where ------------------------------------------------------------------------ */

static bool is_zeros_extent(const struct chain_extent *x)
{
	return x->kind <= EXTENT_ZERO || x->is_hole;
}

/* Look at both from `at` on: how far is it alike, and what is it? */
static int look(struct compare *c, uint64_t at, uint64_t limit, struct chain_extent x[2],
		uint64_t *len, struct err *err)
{
	int rc = chain_extent(&c->chains[0], 0, at, limit - at, &x[0], err);

	if (rc == 0)
		rc = chain_extent(&c->chains[1], 0, at, limit - at, &x[1], err);
	*len = min_u64(x[0].len, x[1].len);
	return rc;
}

static int different(const struct compare *c, const char *what, uint64_t offset)
{
	if (!c->o->quiet)
		printf("%s at offset %llu!\n", what, (unsigned long long)offset);
	return STATUS_DIFFERENT;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void part_read(struct chain_read *r, struct piece *p, int status)
{
	if (status < 0) {
		p->status = status;
		p->failed = r == &p->read[1];
	}
	p->reading--;
}

static void first_read(struct chain_read *r, int status)
{
	part_read(r, container_of(r, struct piece, read[0]), status);
}

static void second_read(struct chain_read *r, int status)
{
	part_read(r, container_of(r, struct piece, read[1]), status);
}

static int start_piece(struct compare *c, uint64_t at, uint64_t len, const struct chain_extent x[2],
		       struct err *err)
{
	struct piece *p = &c->pieces[c->begun % PIECES];
	int rc = 0;

	c->begun++;
	p->offset = at;
	p->len = len;
	p->status = 0;
	p->reading = 1; /* until all are begun */
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		p->used[i] = !is_zeros_extent(&x[i]);
		if (!p->used[i])
			continue;
		p->reading++;
		rc = chain_read_start(&p->read[i], at, len, p->bytes[i], err);
		if (rc < 0)
			p->reading--;
	}
	p->reading--;
	return rc;
}

/* A place where they differ, or p->len. */
static uint64_t difference(const struct piece *p)
{
	static const uint8_t zeros[512];
	const uint8_t *a = p->bytes[p->used[0] ? 0 : 1], *b = p->used[0] ? p->bytes[1] : NULL;
	uint64_t at = 0;

	if (p->used[0] && !p->used[1])
		b = NULL;
	if (b ? memcmp(a, b, p->len) == 0 : is_zeros(a, p->len))
		return p->len;
	/* To the sector: as qemu-img tells it. */
	while (memcmp(a + at, b ? b + at : zeros, 512) == 0)
		at += 512;
	return at;
}

static int judge(struct compare *c, const struct piece *p)
{
	uint64_t at;

	if (p->status < 0) {
		img_error(c->o, "%s: reading at %llu: %s", c->chains[p->failed].links[0]->name,
			  (unsigned long long)p->offset, strerror(-p->status));
		return STATUS_FAILED;
	}
	at = difference(p);
	return at == p->len ? STATUS_SAME : different(c, "Content mismatch", p->offset + at);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

/* Go on from c->at: over what both have as zeros, or with a piece. */
static int advance(struct compare *c)
{
	const uint64_t limit = min_u64(c->at + GIB(1), c->size_bytes);
	struct chain_extent x[2];
	struct err err = { "" };
	uint64_t len;
	int rc = look(c, c->at, limit, x, &len, &err);

	if (rc == 0 && c->o->strict && (x[0].kind == EXTENT_ABSENT) != (x[1].kind == EXTENT_ABSENT))
		return different(c, "Strict mode: Offset allocation mismatch", c->at);
	if (rc == 0 && !(is_zeros_extent(&x[0]) && is_zeros_extent(&x[1]))) {
		len = min_u64(len, PIECE_BYTES);
		rc = start_piece(c, c->at, len, x, &err);
	}
	if (rc < 0) {
		img_error(c->o, "%s", err.text);
		return STATUS_FAILED;
	}
	c->at += len;
	return STATUS_SAME;
}

static int compare_content(struct compare *c)
{
	int status = STATUS_SAME;

	while (status == STATUS_SAME && (c->at < c->size_bytes || c->ended < c->begun)) {
		struct piece *oldest = &c->pieces[c->ended % PIECES];

		if (c->at < c->size_bytes && c->begun - c->ended < PIECES) {
			status = advance(c);
		} else if (oldest->reading > 0) {
			ioloop_round(c->loop, -1);
		} else {
			c->ended++;
			status = judge(c, oldest);
			img_progress(&c->progress, oldest->offset, c->size_bytes);
		}
	}
	/* A difference further on may have been found while an earlier piece is read. */
	for (; c->ended < c->begun; c->ended++) {
		struct piece *p = &c->pieces[c->ended % PIECES];

		while (p->reading > 0)
			ioloop_round(c->loop, -1);
	}
	return status;
}

/* The longer one's rest has to be zeros. */
static int compare_rest(struct compare *c)
{
	const unsigned i = chain_size(&c->chains[1]) > chain_size(&c->chains[0]);
	const uint64_t end = chain_size(&c->chains[i]);
	uint8_t *bytes = c->pieces[0].bytes[0];
	struct chain_extent x;
	struct err err = { "" };
	int rc = 0;

	if (end > c->size_bytes && !c->o->quiet)
		printf("Warning: Image size mismatch!\n");
	for (uint64_t at = c->size_bytes; rc == 0 && at < end; at += x.len) {
		rc = chain_extent(&c->chains[i], 0, at, end - at, &x, &err);
		if (rc < 0 || is_zeros_extent(&x))
			continue;
		x.len = min_u64(x.len, PIECE_BYTES);
		rc = chain_read_sync(&c->chains[i], 0, at, x.len, bytes, &err);
		if (rc == 0 && !is_zeros(bytes, x.len)) {
			while (is_zeros(bytes, 512)) {
				bytes += 512;
				at += 512;
			}
			return different(c, "Content mismatch", at);
		}
	}
	if (rc < 0)
		img_error(c->o, "%s", err.text);
	return rc < 0 ? STATUS_FAILED : STATUS_SAME;
}

static int prepare(struct compare *c)
{
	for (unsigned n = 0; n < PIECES; n++) {
		struct piece *p = &c->pieces[n];

		for (unsigned i = 0; i < 2; i++) {
			void *bytes = NULL;

			if (posix_memalign(&bytes, 4096, PIECE_BYTES) != 0)
				return -ENOMEM;
			p->bytes[i] = bytes;
			p->read[i].chain = &c->chains[i];
			p->read[i].done = i == 0 ? first_read : second_read;
		}
	}
	return 0;
}

static void release(struct compare *c)
{
	for (unsigned n = 0; n < PIECES; n++) {
		for (unsigned i = 0; i < 2; i++) {
			chain_read_release(&c->pieces[n].read[i]);
			free(c->pieces[n].bytes[i]);
		}
	}
}

static int compare_open(struct compare *c)
{
	const uint64_t a = chain_size(&c->chains[0]), b = chain_size(&c->chains[1]);
	int status = STATUS_FAILED;

	c->size_bytes = min_u64(a, b);
	if (c->o->strict && a != b) {
		if (!c->o->quiet)
			printf("Strict mode: Image size mismatch!\n");
		return STATUS_DIFFERENT;
	}
	if (prepare(c) < 0) {
		img_error(c->o, "no memory");
	} else {
		status = compare_content(c);
		if (status == STATUS_SAME)
			status = compare_rest(c);
		img_progress_end(&c->progress);
	}
	release(c);
	if (status == STATUS_SAME && !c->o->quiet)
		printf("Images are identical.\n");
	return status;
}

static int compare(const struct img_options *o)
{
	struct compare *c = calloc(1, sizeof(*c));
	int status = STATUS_FAILED;

	if (!c || img_loop(o, &c->loop) < 0) {
		free(c);
		return STATUS_FAILED;
	}
	c->o = o;
	c->progress.shown = o->progress && !o->quiet;
	if (img_open(o, c->loop, o->words[0], o->format, QCOW2_READ, false, &c->chains[0]) == 0) {
		if (img_open(o, c->loop, o->words[1], o->other_format, QCOW2_READ, false,
			     &c->chains[1]) == 0) {
			status = compare_open(c);
			chain_close(&c->chains[1]);
		}
		chain_close(&c->chains[0]);
	}
	ioloop_destroy(c->loop);
	free(c);
	return command_flush() == 0 ? status : STATUS_FAILED;
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_compare_command, argc, argv, 2, 2, &status))
		status = compare(&o);
	else if (status != 0)
		status = STATUS_FAILED;
	img_options_release(&o);
	return status;
}

const struct command img_compare_command = {
	.name = "compare",
	.within = "img",
	.synopsis = "[FLAGS] FILE FILE",
	.summary = "Tell whether two images hold the same.",
	.options = &table,
	.epilogue = "Exit status: 0 the same, 1 different, 2 not compared.",
	.run = run,
};
