/* block/qcow2_recount.h: how often each cluster of an image is used, and for what.
 * Memory goes with what is really used, up to QCOW2_RECOUNT_BYTES_MAX. */
#ifndef BANTAM_BLOCK_QCOW2_RECOUNT_H
#define BANTAM_BLOCK_QCOW2_RECOUNT_H

#include "base/types.h"

#define QCOW2_RECOUNT_BYTES_MAX GIB(2)

enum qcow2_kind {
	QCOW2_KIND_NONE,
	QCOW2_KIND_DATA, /* any number of uses */
	QCOW2_KIND_L2,	 /* any number, as an L2 table */
	QCOW2_KIND_SOLE, /* header, tables: one use only */
};

struct qcow2_recount {
	uint32_t **chunks;
	uint64_t cluster_count;
	uint64_t bytes; /* of chunks */
};

/* For clusters [0, cluster_count).  0 or -ENOMEM. */
int qcow2_recount_init(struct qcow2_recount *r, uint64_t cluster_count);
void qcow2_recount_free(struct qcow2_recount *r);

/* One more use of a cluster below cluster_count.
 * conflict  true where it is used as something else, or twice what may be once
 * 0 or -ENOMEM (too many clusters far apart). */
int qcow2_recount_use(struct qcow2_recount *r, uint64_t cluster, enum qcow2_kind kind,
		      bool *conflict);

/* Uses so far; any cluster.  any: false means that none of [first, end) is used. */
uint64_t qcow2_recount_get(const struct qcow2_recount *r, uint64_t cluster);
bool qcow2_recount_any(const struct qcow2_recount *r, uint64_t first, uint64_t end);
bool qcow2_recount_conflict(const struct qcow2_recount *r, uint64_t cluster);

#endif
