/* Crashes in the middle of what is done to an image that no guest runs on: it is the
 * image before, or the one after, to the last bit of disk and snapshots. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crash/trial.h"

/* ---- operations ----------------------------------------------------------------------------- */

struct place {
	struct guest *g;
	struct qcow2_meta m;
	struct fake_file *backing; /* NULL: none */
	const struct shape *shape;
	struct err err;
};

static int create_snapshot(struct place *p)
{
	return qcow2_snapshot_create(&p->m, "three", 3, NULL, &p->err);
}

static int apply_snapshot(struct place *p)
{
	return qcow2_snapshot_apply(&p->m, 0, NULL, &p->err);
}

static int delete_snapshot(struct place *p)
{
	return qcow2_snapshot_delete(&p->m, 0, NULL, &p->err);
}

static int resize_to(struct place *p, uint64_t size_bytes)
{
	return qcow2_resize(&p->m, size_bytes, true, p->backing ? &p->backing->block : NULL, NULL,
			    &p->err);
}

static int grow(struct place *p)
{
	return resize_to(p, 2 * TRIAL_DISK_BYTES);
}

static int shrink(struct place *p)
{
	return resize_to(p, TRIAL_DISK_BYTES / 4 + GUEST_SECTOR);
}

static int flatten(struct place *p)
{
	return qcow2_rebase(&p->m, &p->backing->block, NULL, NULL, NULL, NULL, &p->err);
}

static int rebase_unsafely(struct place *p)
{
	return qcow2_rebase_unsafe(&p->m, NULL, NULL, &p->err);
}

static int commit(struct place *p)
{
	return qcow2_commit(&p->m, &p->backing->block, true, NULL, &p->err);
}

static int repair(struct place *p)
{
	struct qcow2_check_result result;

	return qcow2_check(&p->m, QCOW2_REPAIR_ALL, &result, NULL, NULL, &p->err);
}

static int create(struct place *p)
{
	image_create(p->g->file, p->g->loop, p->shape, TRIAL_DISK_BYTES);
	return 0;
}

static const struct operation {
	const char *name;
	int (*run)(struct place *p);
	bool needs_snapshot, needs_backing;
	bool changes_backing; /* it needs the backing disk in a file */
	bool damaged, creates;
} operations[] = {
	{ .name = "creating_a_snapshot", .run = create_snapshot, .needs_snapshot = true },
	{ .name = "applying_a_snapshot", .run = apply_snapshot, .needs_snapshot = true },
	{ .name = "deleting_a_snapshot", .run = delete_snapshot, .needs_snapshot = true },
	{ .name = "growing", .run = grow },
	{ .name = "shrinking", .run = shrink },
	{ .name = "flattening", .run = flatten, .needs_backing = true },
	{ .name = "rebasing", .run = rebase_unsafely, .needs_backing = true },
	{ .name = "committing", .run = commit, .needs_backing = true, .changes_backing = true },
	{ .name = "repairing", .run = repair, .damaged = true },
	{ .name = "creating", .run = create, .creates = true },
};

/* ---- images -----------------------------------------------------------------------------------
 */

/* What an operation finds is not all our own work. */
static void scribble(struct guest *g, unsigned count)
{
	static const char *const writes[] = { "write -q -P 1", "write -q -P 77",
					      "write -q -P 255" };
	static char commands[16384];
	size_t at = 0;

	for (unsigned i = 0; i < count && at + 100 < sizeof(commands); i++) {
		const uint64_t first = guest_below(g, TRIAL_SECTORS);
		const uint64_t n = 1 + guest_below(g, min_u64(100, TRIAL_SECTORS - first));
		const char *what = i % 5 < 3	? writes[guest_below(g, ARRAY_LEN(writes))]
				   : i % 5 == 3 ? "write -q -z"
						: "discard -q";

		at += (size_t)snprintf(commands + at, sizeof(commands) - at, "%s %llu %llu\n", what,
				       first * 512ull, n * 512ull);
	}
	assert(image_qemu_io(g->file, commands) == 0);
}

/* Refcounts too high and too low: what can be put right without a loss. */
static void damage(struct guest *g)
{
	uint8_t *bytes = g->file->bytes;
	const uint64_t table = be64_load(bytes + 48);
	const uint64_t block = be64_load(bytes + table) & ~UINT64_C(511);

	for (unsigned i = 0; i < 24; i++)
		bytes[block + guest_below(g, 64)] ^= (uint8_t)(1u << guest_below(g, 8));
}

/* ---- trials -------------------------------------------------------------------------------------
 */

/* is_full: with room for the whole disk, as who commits needs it */
static struct fake_file *open_backing(struct guest *g, bool is_full)
{
	struct fake_file *backing;

	if (!g->backing)
		return NULL;
	backing = fake_file_open(g->backing, g->backing_sectors * GUEST_SECTOR);
	if (is_full)
		assert(block_file_truncate(&backing->block, TRIAL_DISK_BYTES) == 0);
	backing->block.limits.size_bytes = backing->size_bytes;
	backing->recorder = g->file;
	backing->number = 1;
	return backing;
}

static void set_file(struct fake_file *file, const struct state *to)
{
	memset(file->bytes, 0, max_u64(file->size_bytes, to->size_bytes));
	memcpy(file->bytes, to->bytes, to->size_bytes);
	file->size_bytes = to->size_bytes;
}

/* The operation on tape: 0 or -errno. */
static int run(struct trial *t, struct place *p, const struct operation *o)
{
	const enum qcow2_use use = o->damaged ? QCOW2_REPAIR : QCOW2_WRITE;
	int rc = 0;

	fake_file_record(t->g->file);
	if (!o->creates)
		rc = qcow2_meta_open(&p->m, &t->g->file->block, t->g->loop, "the image", use,
				     &p->err);
	if (rc == 0) {
		rc = o->run(p);
		t->done_at = fake_file_mark(t->g->file);
		if (!o->creates)
			qcow2_meta_close(&p->m);
	}
	return rc;
}

/* ---- errors ------------------------------------------------------------------------- */

/* With the Nth request failing, and then without. */
static bool fail_at(struct trial *t, struct place *p, const struct operation *o,
		    const struct state *start, uint64_t n, const char **why)
{
	struct state now[STATES_FILES] = { { NULL, 0 } };
	struct fake_file *file = t->g->file;
	static struct qcow2_judge j;
	struct view v;
	int rc;

	set_file(file, start);
	file->submitted = 0;
	file->fail_at = n;
	file->fail_status = n % 2 ? -EIO : -ENOSPC;
	rc = run(t, p, o);
	file->fail_at = 0;
	now[0] = (struct state){ file->bytes, file->size_bytes };
	*why = "it is neither the image before nor the one after";
	if (!trial_view(t, now, &v) ||
	    (!trial_is_same(&v, &t->after) && (rc == 0 || !trial_is_same(&v, &t->before))))
		return false;
	qcow2_judge_open(&j, file->bytes, file->size_bytes);
	qcow2_judge_check(&j);
	*why = j.why;
	if (j.corruptions > 0 && !o->damaged)
		return false;
	if (rc == 0 || trial_is_same(&v, &t->after))
		return true;
	*why = p->err.text;
	return run(t, p, o) == 0;
}

static void try_errors(struct trial *t, struct place *p, const struct operation *o,
		       const struct state *start)
{
	struct fake_file *file = t->g->file;
	const char *why = "";
	uint64_t n = 0;
	bool ok;

	do
		ok = fail_at(t, p, o, start, ++n, &why);
	while (ok && file->submitted >= n);
	if (ok)
		printf("ok - an_error_while_%s\n    at each of %llu places\n",
		       t->name + strlen("a_crash_while_"), (unsigned long long)n);
	else
		printf("not ok - an_error_while_%s: %s (at request %llu)\n",
		       t->name + strlen("a_crash_while_"), why, (unsigned long long)n);
}

static void try_operation(struct trials *all, struct guest *g, const struct operation *o,
			  const struct shape *shape, const struct state *base)
{
	struct trial t = { .all = all,
			   .g = g,
			   .is_offline = true,
			   .creates = o->creates,
			   .was_damaged = o->damaged,
			   .changes_backing = o->changes_backing };
	struct place p = { .g = g, .shape = shape, .backing = open_backing(g, o->changes_backing) };
	struct state start[STATES_FILES] = { { NULL, 0 } }, end[STATES_FILES];
	struct state again; /* the trial uses up the other */
	uint64_t mark;

	snprintf(t.name, sizeof(t.name), "a_crash_while_%s_leaves_the_image_before_or_after_%s",
		 o->name, shape->name);
	set_file(g->file, base);
	if (o->damaged)
		damage(g);
	start[0] = trial_copy(g->file);
	again = trial_copy(g->file);
	if (o->changes_backing)
		start[1] = trial_copy(p.backing);
	if (!o->creates)
		assert(trial_view(&t, start, &t.before));
	if (run(&t, &p, o) < 0) {
		trial_fail(&t, start, p.err.text);
	} else {
		end[0] = (struct state){ g->file->bytes, g->file->size_bytes };
		if (p.backing)
			end[1] = (struct state){ p.backing->bytes, p.backing->size_bytes };
		mark = fake_file_mark(g->file);
		if (trial_view(&t, end, &t.after))
			trial_run(&t, start, &mark, 1);
		if (!t.failed && !o->creates && !o->changes_backing)
			try_errors(&t, &p, o, &again);
	}
	for (unsigned i = 0; i < STATES_FILES; i++)
		trial_free(&start[i]);
	trial_free(&again);
	if (p.backing)
		fake_file_close(p.backing);
}

void offline_trials(struct trials *all, const struct shape *shape)
{
	struct guest g;
	struct state base;

	trial_prepare(all, &g, shape, 7);
	scribble(&g, 20);
	if (shape->refcount_bits > 1) {
		trial_take_snapshot(&g, "one");
		scribble(&g, 20);
	}
	base = trial_copy(g.file);
	for (unsigned i = 0; i < ARRAY_LEN(operations); i++) {
		const struct operation *o = &operations[i];
		struct trial named = { .all = all };

		snprintf(named.name, sizeof(named.name),
			 "a_crash_while_%s_leaves_the_image_before_or_after_%s", o->name,
			 shape->name);
		if (!trial_wanted(&named) || (o->needs_snapshot && shape->refcount_bits == 1) ||
		    (o->needs_backing && !shape->backed) || (o->creates && shape->compressed))
			continue;
		if (o->creates)
			base.size_bytes = 0;
		try_operation(all, &g, o, shape, &base);
	}
	trial_free(&base);
	guest_destroy(&g);
}
