/* model/guest.h: a guest on a qcow2 disk in memory, which remembers what it wrote when,
 * and so knows what it must find: at any time, and after any crash.
 *
 * Every sector it writes says which write it is of, so that a look at a sector tells
 * from when it is. */
#ifndef BANTAM_TESTS_MODEL_GUEST_H
#define BANTAM_TESTS_MODEL_GUEST_H

#include "block/block.h"
#include "fake/fake_file.h"
#include "fake/qcow2_judge.h"

#define GUEST_SECTOR	BLOCK_SECTOR_BYTES
#define GUEST_BACKING	UINT32_C(0xffffffff) /* what the backing disk's sectors say */
#define GUEST_NOBODY	UINT32_C(0xfffffffe) /* a sector that no one wrote like that */
#define GUEST_IN_FLIGHT 32u

struct guest_op {
	enum block_op op;
	bool durable;
	uint64_t first, count; /* sectors */
	uint32_t value;	       /* of the sectors it writes */
	uint64_t began, ended; /* on the file's tape; TAPE_NEVER */
	int status;
};

struct guest {
	struct ioloop *loop;
	struct fake_file *file; /* the image: outlives the disk */
	struct block *disk;	/* NULL: not open */
	/* NULL, or what opens the image instead of `file`; aborts if it cannot. */
	struct block *(*open_file)(struct guest *g);
	uint64_t sectors; /* of the disk */
	uint8_t *backing; /* NULL: none */
	uint64_t backing_sectors;
	uint64_t random; /* not 0 */
	bool failures_expected;
	/* What it did since guest_begin(). */
	struct guest_op *ops;
	size_t op_count, op_room;
	uint32_t last_value;
	/* What is there: per sector, before ops[0], and now. */
	uint32_t *before, *now;
	bool *maybe_zero; /* discarded since it was `now` */
	bool *before_maybe_zero;
	uint64_t room; /* of these, in sectors */
	struct guest_flight *flights[GUEST_IN_FLIGHT];
	unsigned flight_count;
};

/* ---- numbers --------------------------------------------------------------------------- */

uint64_t guest_random(struct guest *g);
uint64_t guest_below(struct guest *g, uint64_t n);

/* What a sector of that value holds; and what value a sector has. */
void guest_stamp(uint32_t value, uint64_t sector, uint8_t out[GUEST_SECTOR]);
uint32_t guest_value(uint64_t sector, const uint8_t bytes[GUEST_SECTOR]);

/* ---- the guest --------------------------------------------------------------------------- */

/* seed, backing_sectors  0: no backing disk
 * sectors                as large as the disk will ever be */
void guest_init(struct guest *g, uint64_t seed, uint64_t sectors, uint64_t backing_sectors);
void guest_destroy(struct guest *g);

/* Its backing disk, for block_close(); NULL without. */
struct block *guest_backing(struct guest *g);

/* The image that g->file has.  0, or -errno with why on stderr. */
int guest_open(struct guest *g);
/* With a clean end. */
void guest_close(struct guest *g);

/* Forget what was done: what is `now` is also what was before. */
void guest_begin(struct guest *g);

/* Begin something; waits if it overlaps with what is under way. */
void guest_start(struct guest *g, enum block_op op, uint64_t first, uint64_t count, bool durable);
/* Until all is done. */
void guest_wait(struct guest *g);
/* Start, wait: its status. */
int guest_do(struct guest *g, enum block_op op, uint64_t first, uint64_t count);
/* Something of any kind, anywhere, of any size up to most sectors. */
void guest_do_anything(struct guest *g, uint64_t most);

/* Read sectors, and compare: false with a line on stdout. */
bool guest_verify(struct guest *g, uint64_t first, uint64_t count);
/* The same of the whole disk in the file's bytes as the judge reads it. */
bool guest_verify_file(struct guest *g, const char *what);

/* Whether a disk that crashed at `time` may hold that value there. */
bool guest_may_hold(const struct guest *g, uint64_t sector, uint32_t value, uint64_t time);

#endif
