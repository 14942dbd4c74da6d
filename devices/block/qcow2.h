/* block/qcow2.h: a disk in a qcow2 image while a guest runs on it.
 *
 *      guest's offset ─▶ L1 entry ─▶ L2 entry ─▶ cluster of the image's file
 *                                        ├─▶ zeros          (zero flag, or nothing there)
 *                                        ├─▶ backing disk   (nothing there)
 *                                        └─▶ compressed sectors
 *
 * Order of writes.  A refcount is raised, durably, before anything uses the cluster;
 * an entry reaches the file when the data it points to is written, and where that
 * data replaces other data (a backing file's, a snapshot's), durable; an L1 entry
 * after the L2 table that it points to; a refcount falls when nothing on disk points
 * to the cluster any more.  So whatever a crash cuts off, the image is sound, and at
 * worst some clusters are counted that nobody uses.
 *
 * To do that with one fdatasync a guest's flush, refcounts are raised ahead for runs
 * of many clusters (struct qcow2_run) that are known to be zeros: the file's end,
 * moved further out, or holes.  A new cluster from a run can be named by an entry
 * before its data is durable, since what a crash would leave of it is the zeros that
 * were read there before; a new L2 table likewise.  A clean end gives the rest of the
 * run back.
 *
 * Threads.  Loops map, read and write side by side.  Tables in memory are read
 * without a lock (entries are atomics, a table that is dropped outlives the requests
 * that may look at it); `lock` is for who changes a mapping, never held over I/O.
 * Everything that must happen in an order is done by one thread, the steward, by
 * plain waiting calls: raising refcounts, writing tables at a flush, freeing. */
#ifndef BANTAM_BLOCK_QCOW2_H
#define BANTAM_BLOCK_QCOW2_H

#include "block/block.h"
#include "block/qcow2_header.h"

#define QCOW2_TABLE_CACHE_BYTES MIB(128)

struct qcow2_options {
	const char *name; /* the image's, for messages; copied */
	bool read_only;
	bool durable_writes;	    /* each write is on stable storage when it is done */
	uint64_t backing_bytes;	    /* where the disk below ends; 0: its size_bytes */
	uint64_t table_cache_bytes; /* L2 tables kept; 0: QCOW2_TABLE_CACHE_BYTES */
};

/* Read and judge an image's header.
 * h  owned by the caller until qcow2_header_free() */
int qcow2_read_header(struct block *file, const char *name, struct qcow2_header *h,
		      struct err *err);

/* The disk in an image.  Nothing is written yet.
 * file     a block that holds a file (block.h), ours alone when writable
 * h        its header as it is now; taken over (zeroed) if all goes well
 * backing  the disk below, or NULL
 * Both blocks are taken over, if all goes well.  0, or -errno with err filled. */
int qcow2_open(struct block *file, struct qcow2_header *h, struct block *backing,
	       const struct qcow2_options *options, struct block **out, struct err *err);

#endif
