/* crash/trial.h: what must hold of a qcow2 image after a crash, whichever. */
#ifndef BANTAM_TESTS_CRASH_TRIAL_H
#define BANTAM_TESTS_CRASH_TRIAL_H

#include "crash/states.h"
#include "model/guest.h"
#include "model/image.h"

#define TRIAL_DISK_BYTES KIB(256)
#define TRIAL_SECTORS	 (TRIAL_DISK_BYTES / GUEST_SECTOR)
#define VIEWS_MAX	 8u

/* What main() was told, and what became of it. */
struct trials {
	bool is_long;
	uint64_t seed;
	const char *only; /* part of the names of trials to run; NULL: all */
	uint64_t states, leaking, checked, repaired;
};

/* What an image is to whoever looks at it, as hashes: the disk, then each snapshot
 * with its name. */
struct view {
	unsigned count;
	uint64_t hash[VIEWS_MAX];
};

struct trial {
	struct trials *all;
	char name[128];
	struct guest *g;
	bool is_offline, is_lazy;
	/* Of an offline operation: */
	bool creates;	      /* there may be no image before */
	bool was_damaged;     /* until done_at it may be corrupt */
	bool changes_backing; /* it is file 1; what snapshots show of it changes, too */
	struct view before, after;
	uint64_t done_at; /* from then on it is the image after */
	/* Of a running guest: snapshots are what they were. */
	struct view frozen;
	uint32_t *held; /* by sector: what it may hold at held_at */
	uint64_t held_at;
	/* What came of it. */
	uint64_t leaking, checked, repaired;
	struct states states;
	bool failed;
};

/* What file (and, where it is in a file too, its backing disk) says now: false with why
 * on stdout. */
bool trial_view(const struct trial *t, const struct state *file, struct view *v);

bool trial_is_same(const struct view *a, const struct view *b);

/* Whether it is to be run. */
bool trial_wanted(const struct trial *t);
bool trial_fail(struct trial *t, const struct state *file, const char *why);

/* Look at all states of the tape of t->g->file, which began with `start`. */
void trial_run(struct trial *t, const struct state *start, const uint64_t *marks,
	       size_t mark_count);

/* The file's bytes now, to begin a tape with. */
struct state trial_copy(const struct fake_file *file);
void trial_free(struct state *file);

/* An image to begin with: empty, or compressed. */
void trial_prepare(const struct trials *all, struct guest *g, const struct shape *shape,
		   uint64_t salt);
void trial_take_snapshot(struct guest *g, const char *name);

void offline_trials(struct trials *all, const struct shape *shape);
void online_trials(struct trials *all, const struct shape *shape);

#endif
