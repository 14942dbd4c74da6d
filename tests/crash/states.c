#include "crash/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR	   BLOCK_SECTOR_BYTES
#define TORN_KINDS 5u

/* What was at a place before, to be put back. */
struct undo {
	unsigned file;
	uint64_t offset, len, size_bytes;
	uint8_t *bytes;
};

struct walk {
	struct states *s;
	uint64_t *durable_at;	     /* of each entry of the tape */
	size_t first;		     /* entries before it are in bytes for good */
	uint64_t high[STATES_FILES]; /* above it all bytes are zeros */
	size_t *loose;		     /* entries that may be lost at this crash */
	size_t loose_count;
	bool *landed; /* of each entry */
	struct undo *undo;
	size_t undo_count;
	bool stop;
};

static uint64_t random_u64(struct states *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

/* ---- when a write is safe ----------------------------------------------------------- */

static uint64_t durable_at(const struct tape *t, size_t i)
{
	const struct tape_entry *e = &t->entries[i];
	uint64_t at = e->durable ? e->ended : TAPE_NEVER;

	for (size_t k = 0; k < t->count; k++) {
		const struct tape_entry *f = &t->entries[k];

		if (f->kind == TAPE_FLUSH && f->file == e->file && f->began > e->ended &&
		    f->ended < at)
			at = f->ended;
	}
	return at;
}

/* ---- playing and taking back ----------------------------------------------------------- */

static bool is_torn_off(struct states *s, unsigned kind, uint64_t sector, uint64_t count)
{
	switch (kind) {
	case 0: /* all of it is there */
		return false;
	case 1:
		return sector >= count / 2;
	case 2:
		return sector < count / 2;
	case 3:
		return sector != 0;
	case 4:
		return sector == 0;
	default:
		return random_u64(s) % 2 == 0;
	}
}

/* Where e changes bytes: nothing above the highest that was ever written matters. */
static void touched(const struct walk *w, const struct tape_entry *e, uint64_t *offset,
		    uint64_t *len)
{
	*offset = e->offset;
	*len = e->kind == TAPE_WRITE ? e->len : 0;
	if (e->kind == TAPE_ZERO && e->offset < w->high[e->file])
		*len = min_u64(e->len, w->high[e->file] - e->offset);
	if (e->kind == TAPE_TRUNCATE && e->offset < w->high[e->file])
		*len = w->high[e->file] - e->offset;
}

static void play(struct walk *w, const struct tape_entry *e, unsigned torn)
{
	struct states *s = w->s;
	struct state *file = &s->file[e->file];
	struct tape_entry part = *e;
	uint64_t offset, len;

	touched(w, e, &offset, &len);
	if (e->kind == TAPE_WRITE && e->offset + e->len > w->high[e->file])
		w->high[e->file] = e->offset + e->len;
	if (e->kind == TAPE_TRUNCATE) {
		memset(file->bytes + offset, 0, len);
		file->size_bytes = e->offset;
		return;
	}
	part.len = torn ? min_u64(SECTOR, len) : len;
	for (uint64_t at = 0; at < len; at += part.len) {
		part.len = min_u64(part.len, len - at);
		part.offset = offset + at;
		part.bytes = e->bytes ? e->bytes + at : NULL;
		if (!is_torn_off(s, torn, at / SECTOR, len / SECTOR))
			tape_play(&part, file->bytes, &file->size_bytes);
	}
}

static void play_undoably(struct walk *w, const struct tape_entry *e, unsigned torn)
{
	struct undo *u = &w->undo[w->undo_count++];
	const struct state *file = &w->s->file[e->file];

	touched(w, e, &u->offset, &u->len);
	u->file = e->file;
	u->size_bytes = file->size_bytes;
	u->bytes = malloc(u->len + 1);
	assert(u->bytes);
	memcpy(u->bytes, file->bytes + u->offset, u->len);
	play(w, e, torn);
}

static void take_back(struct walk *w)
{
	while (w->undo_count > 0) {
		struct undo *u = &w->undo[--w->undo_count];
		struct state *file = &w->s->file[u->file];

		memcpy(file->bytes + u->offset, u->bytes, u->len);
		file->size_bytes = u->size_bytes;
		free(u->bytes);
	}
}

/* The state in which of entries [first, end) those that landed are there. */
static void visit(struct walk *w, size_t end, uint64_t time, unsigned torn)
{
	struct states *s = w->s;

	if (w->stop || s->count++ % s->stride != s->stride - 1)
		return;
	for (size_t i = w->first; i < end; i++) {
		if (w->landed[i])
			play_undoably(w, &s->tape->entries[i], i + 1 == end ? torn : 0);
	}
	s->visited++;
	w->stop = !s->visit(s->arg, s->file, time);
	take_back(w);
}

/* ---- subsets ---------------------------------------------------------------------------- */

static void land_loose(struct walk *w, bool landed)
{
	for (size_t i = 0; i < w->loose_count; i++)
		w->landed[w->loose[i]] = landed;
}

static void visit_all_subsets(struct walk *w, size_t end, uint64_t time)
{
	for (uint64_t set = 0; set < UINT64_C(1) << w->loose_count; set++) {
		for (size_t i = 0; i < w->loose_count; i++)
			w->landed[w->loose[i]] = set >> i & 1;
		visit(w, end, time, 0);
	}
}

static void visit_some_subsets(struct walk *w, size_t end, uint64_t time)
{
	for (unsigned most = 0; most < 2; most++) {
		land_loose(w, most);
		visit(w, end, time, 0);
		for (size_t i = 0; i < w->loose_count; i++) {
			w->landed[w->loose[i]] = !most;
			visit(w, end, time, 0);
			w->landed[w->loose[i]] = most;
		}
	}
	for (unsigned n = 0; n < w->s->random_count; n++) {
		for (size_t i = 0; i < w->loose_count; i++)
			w->landed[w->loose[i]] = random_u64(w->s) % 2;
		visit(w, end, time, 0);
	}
}

/* Crash at `time`, when entries before `end` have begun, and the last of them (unless
 * it is a mark's crash) is there at least in part. */
static void crash(struct walk *w, size_t end, uint64_t time, bool is_mark)
{
	const struct tape *t = w->s->tape;
	const struct tape_entry *last = end > 0 ? &t->entries[end - 1] : NULL;

	w->loose_count = 0;
	for (size_t i = w->first; i < end; i++) {
		const bool is_loose = t->entries[i].kind != TAPE_FLUSH && w->durable_at[i] > time;

		w->landed[i] = t->entries[i].kind != TAPE_FLUSH;
		if (is_loose && (is_mark || i + 1 < end))
			w->loose[w->loose_count++] = i;
	}
	if (w->loose_count <= w->s->all_up_to)
		visit_all_subsets(w, end, time);
	else
		visit_some_subsets(w, end, time);
	if (is_mark || last->kind != TAPE_WRITE || last->len <= SECTOR)
		return;
	for (unsigned torn = 1; torn <= TORN_KINDS; torn++) {
		land_loose(w, true);
		visit(w, end, time, torn);
		land_loose(w, false);
		visit(w, end, time, torn);
	}
}

/* Put for good what is durable, and has nothing before it that may be lost. */
static void settle(struct walk *w, size_t end, uint64_t time)
{
	while (w->first < end && (w->s->tape->entries[w->first].kind == TAPE_FLUSH ||
				  w->durable_at[w->first] <= time)) {
		if (w->s->stride != UINT64_MAX)
			play(w, &w->s->tape->entries[w->first], 0);
		w->first++;
	}
}

static void walk(struct states *s)
{
	const size_t n = s->tape->count;
	struct walk w = {
		.s = s,
		.durable_at = calloc(n + 1, sizeof(*w.durable_at)),
		.loose = calloc(n + 1, sizeof(*w.loose)),
		.landed = calloc(n + 1, sizeof(*w.landed)),
		.undo = calloc(n + 1, sizeof(*w.undo)),
	};
	size_t mark = 0;

	assert(w.durable_at && w.loose && w.landed && w.undo);
	for (unsigned i = 0; i < STATES_FILES; i++)
		w.high[i] = s->file[i].size_bytes;
	for (size_t i = 0; i < n; i++)
		w.durable_at[i] = durable_at(s->tape, i);
	for (size_t i = 0; i <= n && !w.stop; i++) {
		const uint64_t until = i < n ? s->tape->entries[i].began : TAPE_NEVER;

		for (; mark < s->mark_count && s->marks[mark] < until; mark++) {
			settle(&w, i, s->marks[mark]);
			crash(&w, i, s->marks[mark], true);
		}
		if (i < n) {
			settle(&w, i, until);
			if (s->tape->entries[i].kind != TAPE_FLUSH)
				crash(&w, i + 1, until, false);
		}
	}
	free(w.durable_at);
	free(w.loose);
	free(w.landed);
	free(w.undo);
}

void states_visit(struct states *s)
{
	const uint64_t random = s->random;

	if (s->visits_max > 0) {
		/* Only count. */
		s->stride = UINT64_MAX;
		walk(s);
	}
	s->stride = s->visits_max ? s->count / s->visits_max + 1 : 1;
	s->random = random;
	s->count = s->visited = 0;
	walk(s);
}
