/* block/qcow2_refs.h: the refcounts of a qcow2 image, changed as a whole.
 *
 *      refcount table ──▶ refcount block ──▶ one number of 1..64 bits a cluster
 *
 * Nothing that the image uses is changed in place: a block that changes gets a new
 * place in clusters that are free, and so does the table that names it.  Until the
 * header names the new table the image is as it was, to the last bit; from then on it
 * is as it shall be, exactly, without anything to be freed later.  So a cluster is
 * free for use when it is free on disk and in memory: what is being freed is still in
 * use until the header is written. */
#ifndef BANTAM_BLOCK_QCOW2_REFS_H
#define BANTAM_BLOCK_QCOW2_REFS_H

#include "block/qcow2_header.h"
#include "block/qcow2_places.h"
#include "block/sync.h"

struct qcow2_refblock {
	uint64_t offset; /* on disk; 0: none, all are 0 */
	uint8_t *disk;	 /* as there; NULL: not read yet, or there is none */
	uint8_t *now;	 /* NULL: as on disk */
	uint64_t place;	 /* where `now` goes; 0: not known yet */
	bool old_freed;	 /* the cluster at offset is counted down in `now` */
};

struct qcow2_refs {
	struct sync_io io;
	const char *name; /* the image's, borrowed */
	unsigned order;
	unsigned cluster_bits;
	unsigned block_bits; /* log2 of clusters a block */
	struct qcow2_refblock *blocks;
	uint64_t block_count;
	uint64_t table_offset;	 /* on disk */
	uint32_t table_clusters; /* on disk */
	uint64_t new_offset;	 /* of the table that replaces it; 0: none yet */
	uint32_t new_clusters;
	uint64_t hint;		  /* below it, no cluster is free */
	uint64_t cluster_end_max; /* the first that the largest table cannot count */
	uint64_t file_clusters;	  /* blocks behind the file's end cannot be */
	bool changed;
	struct qcow2_places *places; /* NULL, or borrowed: what is taken holds no table */
};

/* Read the table that h names.
 * io    copied; name is borrowed for as long as r lives
 * 0, or -errno with err filled.  qcow2_refs_close() in any case but a failure. */
int qcow2_refs_open(struct qcow2_refs *r, const struct sync_io *io, const struct qcow2_header *h,
		    uint64_t file_bytes, const char *name, struct err *err);

/* None at all: for an image that is being made or rebuilt.  h gives the widths. */
int qcow2_refs_init(struct qcow2_refs *r, const struct sync_io *io, const struct qcow2_header *h,
		    const char *name, struct err *err);

void qcow2_refs_close(struct qcow2_refs *r);

/* The refcount of a cluster (a number, not an offset), as it shall be. */
int qcow2_refs_get(struct qcow2_refs *r, uint64_t cluster, uint64_t *count, struct err *err);

/* As it is on disk. */
int qcow2_refs_get_disk(struct qcow2_refs *r, uint64_t cluster, uint64_t *count, struct err *err);

/* Set it.  -ERANGE, err filled: more than its bits can hold. */
int qcow2_refs_set(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err);

/* Count clusters up or down by one: -ERANGE where the bits do not hold it, -EINVAL
 * where it was 0 (the image is damaged), err filled. */
int qcow2_refs_up(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err);
int qcow2_refs_down(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err);

/* `count` free clusters in a row, with refcount 1 from now on.  -EFBIG when the
 * largest refcount table is full. */
int qcow2_refs_take(struct qcow2_refs *r, uint64_t count, uint64_t *cluster, struct err *err);

/* Forget a block that cannot be trusted: its refcounts are 0 from now on, and all
 * its clusters are taken to be in use on disk.  What was loaded stays what it is. */
int qcow2_refs_distrust(struct qcow2_refs *r, uint64_t block, struct err *err);

/* What such blocks say by now has been counted: what is 0 there is free. */
void qcow2_refs_trust(struct qcow2_refs *r);

/* Let every block change, without a change: all move to the first places that are free. */
int qcow2_refs_move(struct qcow2_refs *r, struct err *err);

/* Find places for all that changed and write it there; h names the new table then.
 * Nothing may change between this and qcow2_refs_committed(). */
int qcow2_refs_write(struct qcow2_refs *r, struct qcow2_header *h, struct err *err);

/* The header with the new table is durable: free what is not used any more. */
void qcow2_refs_committed(struct qcow2_refs *r);

/* The first cluster behind all that are in use; looks no further than limit. */
int qcow2_refs_end(struct qcow2_refs *r, uint64_t limit, uint64_t *end, struct err *err);

/* ---- refcounts in bytes ---------------------------------------------------------- */

uint64_t qcow2_refs_load(const uint8_t *block, unsigned order, uint64_t index);
void qcow2_refs_store(uint8_t *block, unsigned order, uint64_t index, uint64_t count);

#endif
