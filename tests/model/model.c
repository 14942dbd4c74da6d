/* Random work on qcow2 images of every shape, beside a list of what must be there:
 *
 *   model [-n OPERATIONS] [-s SEED] [SHAPE]
 *
 * The guest writes, zeroes, discards, flushes and reads with up to 32 requests under
 * way that end in any order; between, the image is closed, checked (by the judge, by
 * qcow2_check() and qemu-img), its snapshots made, applied and deleted, its size
 * changed.  Whatever is read must be what was written. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/guest.h"
#include "model/image.h"

#define SECTORS_MAX   UINT64_C(16384) /* 8 MiB */
#define SNAPSHOTS_MAX 4u

struct memory {
	char name[16];
	uint32_t *now;
	bool *maybe_zero;
	uint64_t sectors;
};

struct model {
	struct guest g;
	const struct shape *shape;
	struct memory memories[SNAPSHOTS_MAX];
	unsigned memory_count;
	unsigned snapshot_number;
	uint64_t reopened, checked, snapshots, resized, verified;
	bool ok;
};

static bool complain(struct model *m, const char *what)
{
	m->ok = false;
	printf("    %s\n", what);
	return false;
}

/* ---- between two lives of the disk ----------------------------------------------------------- */

/* After a clean end there is nothing wrong, and nothing lost either. */
static bool check(struct model *m, bool by_qemu)
{
	struct guest *g = &m->g;
	struct qcow2_judge j;
	int status;

	m->checked++;
	if (qcow2_judge_open(&j, g->file->bytes, g->file->size_bytes) < 0)
		return complain(m, j.why);
	qcow2_judge_check(&j);
	if (j.corruptions > 0)
		return complain(m, j.why);
	if (j.leaks > 0)
		return complain(m, "clusters have leaked over a clean end");
	if (j.dirty)
		return complain(m, "it is dirty after a clean end");
	if (!guest_verify_file(g, "the closed image"))
		return complain(m, "the judge reads something else");
	if (!by_qemu)
		return true;
	status = image_qemu_check(g->file->bytes, g->file->size_bytes);
	return status == 0 || complain(m, "qemu-img check finds fault");
}

static bool offline_open(struct model *m, struct qcow2_meta *meta)
{
	struct err err;

	if (qcow2_meta_open(meta, &m->g.file->block, m->g.loop, "the image", QCOW2_WRITE, &err) ==
	    0)
		return true;
	return complain(m, err.text);
}

static void remember(struct model *m)
{
	const struct guest *g = &m->g;
	struct memory *memory = &m->memories[m->memory_count++];

	snprintf(memory->name, sizeof(memory->name), "s%u", ++m->snapshot_number);
	memory->now = malloc(SECTORS_MAX * sizeof(*memory->now));
	memory->maybe_zero = malloc(SECTORS_MAX * sizeof(*memory->maybe_zero));
	assert(memory->now && memory->maybe_zero);
	memcpy(memory->now, g->now, SECTORS_MAX * sizeof(*memory->now));
	memcpy(memory->maybe_zero, g->maybe_zero, SECTORS_MAX * sizeof(*memory->maybe_zero));
	memory->sectors = g->sectors;
}

static void forget(struct model *m, unsigned i)
{
	free(m->memories[i].now);
	free(m->memories[i].maybe_zero);
	m->memories[i] = m->memories[--m->memory_count];
}

static void recall(struct model *m, unsigned i)
{
	const struct memory *memory = &m->memories[i];

	memcpy(m->g.now, memory->now, SECTORS_MAX * sizeof(*memory->now));
	memcpy(m->g.maybe_zero, memory->maybe_zero, SECTORS_MAX * sizeof(*memory->maybe_zero));
	m->g.sectors = memory->sectors;
}

static bool work_on_snapshots(struct model *m)
{
	const uint64_t dice = guest_below(&m->g, 3);
	const unsigned i = m->memory_count ? (unsigned)guest_below(&m->g, m->memory_count) : 0;
	struct qcow2_meta meta;
	struct err err;
	int rc = 0;

	if (m->shape->refcount_bits == 1 || !offline_open(m, &meta))
		return m->ok;
	m->snapshots++;
	/* The highest refcount is the snapshots', and the disk's own. */
	if (m->memory_count == 0 || (dice == 0 && m->memory_count < SNAPSHOTS_MAX &&
				     (m->shape->refcount_bits > 2 || m->memory_count < 2))) {
		remember(m);
		rc = qcow2_snapshot_create(&meta, m->memories[m->memory_count - 1].name, 1, NULL,
					   &err);
	} else if (dice == 1) {
		rc = qcow2_snapshot_apply(&meta, qcow2_snapshot_find(&meta, m->memories[i].name),
					  NULL, &err);
		recall(m, i);
	} else {
		rc = qcow2_snapshot_delete(&meta, qcow2_snapshot_find(&meta, m->memories[i].name),
					   NULL, &err);
		forget(m, i);
	}
	qcow2_meta_close(&meta);
	return rc == 0 || complain(m, err.text);
}

static bool resize(struct model *m)
{
	struct guest *g = &m->g;
	const uint64_t sectors = 1 + guest_below(g, SECTORS_MAX);
	struct block *backing = guest_backing(g);
	struct qcow2_meta meta;
	struct err err;
	int rc;

	if (!offline_open(m, &meta)) {
		block_close(backing);
		return false;
	}
	m->resized++;
	rc = qcow2_resize(&meta, sectors * GUEST_SECTOR, true, backing, NULL, &err);
	block_close(backing);
	qcow2_meta_close(&meta);
	if (rc < 0)
		return complain(m, err.text);
	for (uint64_t i = sectors < g->sectors ? sectors : g->sectors; i < SECTORS_MAX; i++) {
		g->now[i] = 0;
		g->maybe_zero[i] = false;
	}
	g->sectors = sectors;
	return true;
}

static void reopen(struct model *m)
{
	struct guest *g = &m->g;
	const uint64_t dice = guest_below(g, 10);

	guest_close(g);
	m->reopened++;
	check(m, dice == 0);
	if (m->ok && dice < 5)
		work_on_snapshots(m);
	if (m->ok && dice >= 5 && dice < 7)
		resize(m);
	if (m->ok && dice < 7)
		check(m, dice == 1);
	if (m->ok && guest_open(g) < 0)
		complain(m, "it cannot be opened again");
}

/* ---- one shape ---------------------------------------------------------------------- */

static void step(struct model *m)
{
	struct guest *g = &m->g;
	const uint64_t dice = guest_below(g, 100);
	uint64_t first = guest_below(g, g->sectors);

	if (dice < 82) {
		guest_do_anything(g, guest_below(g, 10) ? 300 : 3000);
	} else if (dice < 96) {
		m->verified++;
		if (!guest_verify(g, first, 1 + guest_below(g, min_u64(g->sectors - first, 2000))))
			complain(m, "a read is wrong");
	} else {
		reopen(m);
	}
}

static void run_shape(const struct shape *shape, uint64_t seed, unsigned operations)
{
	struct model m = { .shape = shape, .ok = true };
	struct guest *g = &m.g;
	unsigned i = 0;

	guest_init(g, seed, SECTORS_MAX, shape->backed ? 6000 : 0);
	g->sectors = 8192;
	if (shape->backed)
		image_store_backing(g->backing, g->backing_sectors * GUEST_SECTOR);
	if (shape->compressed) {
		uint8_t *bytes = calloc(g->sectors, GUEST_SECTOR);

		assert(bytes);
		for (uint64_t k = 0; k < g->sectors; k++) {
			g->now[k] = k % 1000 < 800 ? ++g->last_value : 0;
			guest_stamp(g->now[k], k, bytes + k * GUEST_SECTOR);
		}
		image_create_compressed(g->file, shape, bytes, g->sectors * GUEST_SECTOR);
		free(bytes);
	} else {
		image_create(g->file, g->loop, shape, g->sectors * GUEST_SECTOR);
	}
	g->file->shuffle = true;
	if (guest_open(g) < 0)
		complain(&m, "it cannot be opened");
	for (; i < operations && m.ok; i++) {
		step(&m);
		/* Times are not asked for. */
		if (g->flight_count == 0 || g->op_count > 1000) {
			guest_wait(g);
			guest_begin(g);
		}
	}
	if (m.ok && !guest_verify(g, 0, g->sectors))
		complain(&m, "the last read is wrong");
	guest_close(g);
	if (m.ok)
		check(&m, true);
	if (m.ok)
		printf("ok - random_work_leaves_what_was_written_%s\n"
		       "    %u operations, %llu reads compared, %llu reopened, %llu checks, "
		       "%llu of snapshots, %llu resized\n",
		       shape->name, operations, (unsigned long long)m.verified,
		       (unsigned long long)m.reopened, (unsigned long long)m.checked,
		       (unsigned long long)m.snapshots, (unsigned long long)m.resized);
	else
		printf("not ok - random_work_leaves_what_was_written_%s: after %u operations with "
		       "seed %llu\n",
		       shape->name, i, (unsigned long long)seed);
	fflush(stdout);
	while (m.memory_count > 0)
		forget(&m, 0);
	guest_destroy(g);
}

int main(int argc, char **argv)
{
	unsigned operations = 3000;
	uint64_t seed = 1;
	int c;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			operations = (unsigned)atoi(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	for (unsigned i = 0; i < shape_count; i++) {
		if (!argv[optind] || strcmp(argv[optind], shapes[i].name) == 0)
			run_shape(&shapes[i], seed + i,
				  argv[optind] ? operations : operations / shape_count);
	}
	image_forget();
	return 0;
}
