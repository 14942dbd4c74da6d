/* block/qcow2_check.h: inside of check and repair; qcow2_ops.h is for everybody. */
#ifndef BANTAM_BLOCK_QCOW2_CHECK_H
#define BANTAM_BLOCK_QCOW2_CHECK_H

#include "block/qcow2_bitmaps.h"
#include "block/qcow2_ops.h"
#include "block/qcow2_recount.h"

struct qcow2_checker {
	struct qcow2_meta *m;
	struct qcow2_recount counts;
	struct qcow2_check_result result;
	const struct qcow2_report *report;
	const struct qcow2_progress *progress;
	unsigned finding_count;
	/* Some table could not be followed: what seems unused may be in use there. */
	bool uncertain;
	bool bitmaps_damaged;
	uint64_t next_offset; /* where the next cluster of a table would be without fragments */
};

/* One line of a report, to go with a count that the caller raises. */
void qcow2_find(struct qcow2_checker *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* [offset, offset+len) is used.  What is outside the file is a corruption. */
int qcow2_use(struct qcow2_checker *c, uint64_t offset, uint64_t len, enum qcow2_kind kind,
	      const char *what, struct err *err);

/* Walk an L1 table with all that it reaches.
 * active  it is the disk's: its flags and its layout count */
int qcow2_check_l1(struct qcow2_checker *c, const uint64_t *l1, uint32_t entries, bool active,
		   struct err *err);

/* Whether an entry of a damaged preallocation can go: it reads as zeros anyway.
 * *entry is what it becomes. */
bool qcow2_entry_mendable(const struct qcow2_meta *m, uint64_t *entry, uint64_t bitmap);

/* Whether refcount block i is where it can be, and nowhere else. */
bool qcow2_refblock_good(const struct qcow2_checker *c, uint64_t i);

/* Put right what was found, as `repair` says, in one commit. */
int qcow2_repair(struct qcow2_checker *c, enum qcow2_repair repair, struct err *err);

#endif
