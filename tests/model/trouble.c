/* A guest on a qcow2 image whose file fails: with EIO or ENOSPC, at each place of a
 * piece of work, once or from there on.
 *
 *   trouble [-l] [-s SEED]
 *
 * The guest sees errors, and no more than that: what did not fail is there, what
 * failed can be done again when the trouble is over, the image is sound. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/guest.h"
#include "model/image.h"

#define SECTORS UINT64_C(2048)

enum manner {
	ONCE,	     /* one request fails */
	FOR_A_WHILE, /* all fail from there on, until the work is over */
	TO_THE_END,  /* also while the image is closed */
	FULL,	     /* the file cannot grow */
	MANNERS,
};

static const char *const manner_names[MANNERS] = { "once", "for_a_while", "to_the_end",
						   "for_lack_of_space" };

struct base {
	uint8_t *bytes;
	uint64_t len;
	uint32_t *now;
	bool *maybe_zero;
};

static void work(struct guest *g, uint64_t seed)
{
	g->random = seed | 1;
	for (unsigned i = 0; i < 24; i++) {
		guest_do_anything(g, 200);
		if (i % 6 == 5)
			guest_do(g, BLOCK_FLUSH, 0, 0);
	}
	guest_wait(g);
}

static void restore(struct guest *g, const struct base *base)
{
	memset(g->file->bytes, 0, max_u64(g->file->size_bytes, base->len));
	memcpy(g->file->bytes, base->bytes, base->len);
	g->file->size_bytes = base->len;
	memcpy(g->now, base->now, SECTORS * sizeof(*g->now));
	memcpy(g->maybe_zero, base->maybe_zero, SECTORS * sizeof(*g->maybe_zero));
	guest_begin(g);
}

/* All that the guest was promised is in the file, which is sound. */
static bool check(struct guest *g, const char **why)
{
	static struct qcow2_judge j;
	static uint8_t bytes[SECTORS * GUEST_SECTOR];
	static char text[80];

	*why = j.why;
	if (qcow2_judge_open(&j, g->file->bytes, g->file->size_bytes) < 0)
		return false;
	j.backing = g->backing;
	j.backing_len = g->backing_sectors * GUEST_SECTOR;
	qcow2_judge_check(&j);
	if ((j.corruptions > 0 && !j.dirty) ||
	    qcow2_judge_read(&j, NULL, 0, bytes, sizeof(bytes)) < 0)
		return false;
	for (uint64_t i = 0; i < SECTORS; i++) {
		const uint32_t value = guest_value(i, bytes + i * GUEST_SECTOR);

		if (value != GUEST_NOBODY && guest_may_hold(g, i, value, TAPE_NEVER - 1))
			continue;
		snprintf(text, sizeof(text), "sector %llu is of write %x", (unsigned long long)i,
			 value);
		*why = text;
		return false;
	}
	return true;
}

/* When the trouble is over, all that failed can be done. */
static bool retry(struct guest *g, const char **why)
{
	*why = "a flush fails when the trouble is over";
	if (guest_do(g, BLOCK_FLUSH, 0, 0) < 0)
		return false;
	*why = "a write fails when the trouble is over";
	for (uint64_t i = 0; i < SECTORS; i += 64) {
		if (guest_do(g, BLOCK_WRITE, i, 64) < 0)
			return false;
	}
	*why = "a flush of what was written after the trouble fails";
	if (guest_do(g, BLOCK_FLUSH, 0, 0) < 0)
		return false;
	*why = "a read is wrong after the trouble";
	return guest_verify(g, 0, SECTORS);
}

static bool run(struct guest *g, enum manner manner, uint64_t n, uint64_t seed, const char **why)
{
	bool ok;

	g->failures_expected = true;
	g->file->submitted = 0;
	if (manner == FULL) {
		g->file->room_bytes = g->file->size_bytes + (n - 1) * 1536;
	} else {
		g->file->fail_at = n;
		g->file->fail_from = manner != ONCE;
		g->file->fail_status = n % 2 ? -EIO : -ENOSPC;
	}
	if (guest_open(g) == 0)
		work(g, seed);
	if (manner != TO_THE_END) {
		g->file->fail_at = 0;
		g->file->room_bytes = FAKE_FILE_BYTES_MAX;
		g->failures_expected = false;
		*why = "it cannot be opened when the trouble is over";
		if (!g->disk && guest_open(g) < 0)
			return false;
		*why = "a read is wrong when the trouble is over";
		ok = guest_verify(g, 0, SECTORS) && retry(g, why);
		guest_close(g);
		return ok && check(g, why);
	}
	guest_close(g);
	g->file->fail_at = 0;
	g->failures_expected = false;
	return check(g, why);
}

static void try_shape(const struct shape *shape, enum manner manner, uint64_t seed, unsigned step)
{
	struct guest g;
	struct base base;
	const char *why = "";
	uint64_t n = 1, places = 0;
	bool reached = true;
	bool ok = true;

	guest_init(&g, seed, SECTORS, shape->backed ? SECTORS / 2 : 0);
	g.file->shuffle = true;
	image_create(g.file, g.loop, shape, SECTORS * GUEST_SECTOR);
	assert(guest_open(&g) == 0);
	work(&g, seed);
	guest_close(&g);
	if (shape->refcount_bits > 1) {
		struct qcow2_meta m;

		assert(qcow2_meta_open(&m, &g.file->block, g.loop, "the image", QCOW2_WRITE,
				       NULL) == 0);
		assert(qcow2_snapshot_create(&m, "one", 1, NULL, NULL) == 0);
		qcow2_meta_close(&m);
	}
	base.len = g.file->size_bytes;
	base.bytes = malloc(base.len);
	base.now = malloc(SECTORS * sizeof(*base.now));
	base.maybe_zero = malloc(SECTORS * sizeof(*base.maybe_zero));
	assert(base.bytes && base.now && base.maybe_zero);
	memcpy(base.bytes, g.file->bytes, base.len);
	memcpy(base.now, g.now, SECTORS * sizeof(*base.now));
	memcpy(base.maybe_zero, g.maybe_zero, SECTORS * sizeof(*base.maybe_zero));
	for (; ok && (manner == FULL ? n < 400 : reached); n += step) {
		restore(&g, &base);
		ok = run(&g, manner, n, seed + n, &why);
		reached = g.file->submitted >= n;
		places++;
	}
	if (ok)
		printf("ok - trouble_%s_costs_what_failed_and_no_more_%s\n    at %llu places\n",
		       manner_names[manner], shape->name, (unsigned long long)places);
	else
		printf("not ok - trouble_%s_costs_what_failed_and_no_more_%s: %s (request %llu, "
		       "seed %llu)\n",
		       manner_names[manner], shape->name, why, (unsigned long long)(n - step),
		       (unsigned long long)seed);
	fflush(stdout);
	free(base.bytes);
	free(base.now);
	free(base.maybe_zero);
	guest_destroy(&g);
}

int main(int argc, char **argv)
{
	static const char *const quick[] = { "64k", "4k-backed", "64k-extended-backed",
					     "1k-refcount-64" };
	bool is_long = false;
	uint64_t seed = 1;
	int c;

	while ((c = getopt(argc, argv, "ls:")) != -1) {
		if (c == 'l')
			is_long = true;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	/* What the host's user would be told of each. */
	if (!freopen("/dev/null", "w", stderr))
		return 2;
	for (unsigned i = 0; i < shape_count; i++) {
		bool wanted = is_long && !shapes[i].compressed;

		for (unsigned k = 0; k < ARRAY_LEN(quick); k++)
			wanted |= strcmp(quick[k], shapes[i].name) == 0;
		for (unsigned m = 0; wanted && m < MANNERS; m++)
			try_shape(&shapes[i], (enum manner)m, seed, is_long ? 1 : 5);
	}
	return 0;
}
