/* block/qcow2_fill.h: much content put into a qcow2 image that no guest runs on.
 *
 * The caller goes through the disk from its start to its end, asks for places and
 * writes the data there itself, as many writes at once as it likes.  All that is there
 * before stays until qcow2_meta_commit(): a fill that is not committed never was. */
#ifndef BANTAM_BLOCK_QCOW2_FILL_H
#define BANTAM_BLOCK_QCOW2_FILL_H

#include "block/qcow2_meta.h"

struct qcow2_fill {
	struct qcow2_meta *meta;
	/* Made just now: clusters that it has hold nothing yet, and are written where
	 * they are (preallocation).  So are those that this fill chose itself before. */
	bool fresh;
	/* ---- its own */
	uint8_t *table;
	uint64_t index; /* the L1 entry whose table that is; UINT64_MAX: none */
	bool changed;
	uint64_t pack_at, pack_end; /* free bytes of the cluster that packed data goes to */
};

/* meta   open for writing, borrowed
 * 0, or -errno with err filled.  qcow2_fill_close() when all went well. */
int qcow2_fill_open(struct qcow2_fill *f, struct qcow2_meta *meta, bool fresh, struct err *err);
void qcow2_fill_close(struct qcow2_fill *f);

/* Have `count` clusters of the disk from the one at offset (a cluster's start) on in the
 * file.
 * host  where the first is; *run of them lie there in a row, at least one
 * 0, or -errno with err filled, here and below. */
int qcow2_fill_data(struct qcow2_fill *f, uint64_t offset, uint64_t count, uint64_t *host,
		    uint64_t *run, struct err *err);

/* The same for one cluster that was packed into `len` bytes, fewer than a cluster. */
int qcow2_fill_packed(struct qcow2_fill *f, uint64_t offset, uint64_t len, uint64_t *host,
		      struct err *err);

/* Have clusters read as zeros.  -EOPNOTSUPP, err filled: a version 2 image with a
 * backing file cannot; then zeros have to be written. */
int qcow2_fill_zero(struct qcow2_fill *f, uint64_t offset, uint64_t count, struct err *err);

/* Whether fill_zero() can. */
static inline bool qcow2_fill_can_zero(const struct qcow2_fill *f)
{
	return f->meta->h.version >= 3 || !f->meta->h.has_backing;
}

/* What the disk has at a cluster's start now, this fill counted in: the L2 entry. */
int qcow2_fill_entry(struct qcow2_fill *f, uint64_t offset, uint64_t *entry, struct err *err);

/* All places were asked for, and the data is written: qcow2_meta_commit() may follow. */
int qcow2_fill_finish(struct qcow2_fill *f, struct err *err);

#endif
