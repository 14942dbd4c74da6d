/* tools/img_copy.h: all of some disks, one behind the other, into an image.
 *
 *        extents of the sources            holes and zeros are skipped, not read
 *              │ windows of about 1 MiB that hold data
 *              ▼
 *        read ──▶ compute ──▶ place ──▶ write      several windows at once
 *      (loop)     (crew:     (here, in  (loop)
 *                 pack)       order)
 *
 * Memory is bounded by the number of windows under way. */
#ifndef BANTAM_TOOLS_IMG_COPY_H
#define BANTAM_TOOLS_IMG_COPY_H

#include "block/chain_read.h"
#include "block/qcow2_fill.h"
#include "tools/img_file.h"

#define COPY_JOBS_MAX 16u

struct copy_job;

struct copy {
	/* ---- the caller's: */
	const struct img_options *o;
	struct ioloop *loop;
	struct chain *sources;	/* one behind the other */
	const uint64_t *starts; /* of each on the disk; source_count + 1 of them */
	unsigned source_count;
	struct chain *target;
	bool is_zero;	 /* the target has nothing in it yet */
	bool keep_below; /* what a source has from its backing files is left to the target's */
	uint64_t sparse_bytes; /* runs of zeros of that length are not written; 0: all are */
	unsigned parallel;
	struct img_progress progress;
	int stop_fd; /* readable: end with -EINTR; -1: none */
	/* ---- its own: */
	struct io_source stop;
	bool stopped;
	bool is_qcow2;
	struct qcow2_fill fill;
	struct crew *crew;
	uint64_t granule_bytes, job_bytes;
	uint8_t held[BLOCK_SECTOR_BYTES]; /* the first held_len bytes of a sector, not written */
	size_t held_len;
	uint64_t held_host; /* a sector's start */
	struct copy_job *jobs[COPY_JOBS_MAX];
	uint64_t started, placed, ended; /* windows; those between are under way */
	uint64_t at;			 /* of the disk: all before is under way or done */
	uint64_t done_bytes, begun_ns, paced_bytes;
	int status;
	struct err *err;
};

/* 0, or -errno with err filled: then the target is not to be used. */
int img_copy(struct copy *c, struct err *err);

#endif
