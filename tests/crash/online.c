/* Crashes while a guest runs: what it was promised is there, snapshots are untouched,
 * and the image is sound. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/trial.h"

struct work {
	const char *name;
	bool snapshot, shuffle;
	unsigned before, during; /* operations */
};

static const struct work works[] = {
	{ "a_fresh_image_is_written_to", false, false, 0, 60 },
	{ "a_used_image_is_written_to", false, true, 40, 60 },
	{ "an_image_with_a_snapshot_is_written_to", true, true, 40, 60 },
};

static void scribble(struct guest *g, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		guest_do_anything(g, 120);
	guest_wait(g);
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* When the guest was promised something: then it must be there. */
static uint64_t *promises(struct guest *g, size_t *count)
{
	uint64_t *marks = malloc((g->op_count + 1) * sizeof(*marks));

	assert(marks);
	*count = 0;
	for (size_t i = 0; i < g->op_count; i++) {
		if (g->ops[i].op == BLOCK_FLUSH || g->ops[i].durable)
			marks[(*count)++] = g->ops[i].ended;
	}
	marks[(*count)++] = fake_file_mark(g->file);
	qsort(marks, *count, sizeof(*marks), compare_times);
	return marks;
}

static void try_work(struct trials *all, const struct work *w, const struct shape *shape)
{
	struct guest g;
	struct trial t = { .all = all, .g = &g, .is_lazy = shape->lazy_refcounts };
	struct state start[STATES_FILES] = { { NULL, 0 } };
	uint64_t *marks;
	size_t mark_count;

	snprintf(t.name, sizeof(t.name), "a_crash_while_%s_costs_nothing_promised_%s", w->name,
		 shape->name);
	if (!trial_wanted(&t) || (w->snapshot && shape->refcount_bits == 1))
		return;
	trial_prepare(all, &g, shape, 11);
	g.file->shuffle = w->shuffle;
	g.file->random = all->seed | 1;
	if (w->before > 0) {
		assert(guest_open(&g) == 0);
		scribble(&g, w->before);
		guest_close(&g);
	}
	if (w->snapshot)
		trial_take_snapshot(&g, "one");
	start[0] = trial_copy(g.file);
	assert(trial_view(&t, start, &t.frozen));
	guest_begin(&g);
	fake_file_record(g.file);
	assert(guest_open(&g) == 0);
	scribble(&g, all->is_long ? w->during : w->during / 3);
	guest_close(&g);
	t.held = malloc(TRIAL_SECTORS * sizeof(*t.held));
	assert(t.held);
	marks = promises(&g, &mark_count);
	trial_run(&t, start, marks, mark_count);
	free(t.held);
	free(marks);
	trial_free(&start[0]);
	guest_destroy(&g);
}

void online_trials(struct trials *all, const struct shape *shape)
{
	/* In short, each shape has one of them; another one with another seed. */
	const uint64_t one = (all->seed + (uint64_t)(shape - shapes)) % ARRAY_LEN(works);

	for (unsigned i = 0; i < ARRAY_LEN(works); i++) {
		if (all->is_long || all->only || i == one)
			try_work(all, &works[i], shape);
	}
}
