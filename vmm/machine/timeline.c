#include "machine/timeline.h"

#include <inttypes.h>

#include "host/now.h"

uint64_t timeline_now(const struct timeline *t)
{
	return host_now_ns() - t->zero_ns;
}

void timeline_mark(struct timeline *t, const char *what)
{
	const uint64_t now_ns = timeline_now(t);
	const unsigned i = atomic_fetch_add(&t->count, 1);

	if (i >= TIMELINE_MARKS_MAX)
		return;
	t->marks[i].t_ns = now_ns;
	t->marks[i].what = what;
}

static void print_ms(FILE *out, uint64_t ns)
{
	fprintf(out, "%8" PRIu64 ".%03u ms", ns / NS_PER_MS, (unsigned)(ns % NS_PER_MS / NS_PER_US));
}

void timeline_print(const struct timeline *t, FILE *out)
{
	const unsigned count = (unsigned)min_u64(atomic_load(&t->count), TIMELINE_MARKS_MAX);
	uint64_t shown_ns = 0;
	bool shown[TIMELINE_MARKS_MAX] = { false };

	/* Marks of two threads interleave; print the earliest not yet shown. */
	for (unsigned n = 0; n < count; n++) {
		unsigned best = count;

		for (unsigned i = 0; i < count; i++)
			if (!shown[i] && (best == count || t->marks[i].t_ns < t->marks[best].t_ns))
				best = i;
		shown[best] = true;
		fputs("timeline: ", out);
		print_ms(out, t->marks[best].t_ns);
		fputs("  +", out);
		print_ms(out, t->marks[best].t_ns - shown_ns);
		fprintf(out, "  %s\n", t->marks[best].what);
		shown_ns = t->marks[best].t_ns;
	}
}
