/* tools/img_copy_job.h: one window of a copy. */
#ifndef BANTAM_TOOLS_IMG_COPY_JOB_H
#define BANTAM_TOOLS_IMG_COPY_JOB_H

#include "codec/deflate.h"
#include "codec/zstd_encode.h"
#include "tools/img_copy.h"

enum copy_state {
	COPY_FREE,
	COPY_WANTING, /* to read from the next source */
	COPY_READING,
	COPY_READ_FAILED,
	COPY_COMPUTING,
	COPY_COMPUTED, /* to be placed */
	COPY_WRITING,
};

/* One write of it. */
struct copy_write {
	enum block_op op; /* WRITE or ZERO */
	uint64_t host;
	const uint8_t *from;
	uint64_t len;
};

struct copy_job {
	struct copy *copy;
	enum copy_state state;
	uint64_t offset, len; /* of the disk; len is padded with zeros to whole granules */
	uint64_t filled;
	int status;
	uint8_t *bytes; /* job_bytes */
	struct chain_read read;
	struct crew_task task;
	/* -c: */
	uint8_t *packed;      /* job_bytes: each cluster's at its own place */
	uint32_t *packed_len; /* 0: zeros; PACKED_NOT: as it is */
	union copy_packer *packer;
	uint8_t *stream; /* packed clusters as they lie in the file */
	size_t stream_used;
	uint64_t stream_host; /* of the run that is open */
	size_t stream_begin, stream_len;
	/* what is to be written */
	struct copy_write *writes;
	unsigned write_count, next_write;
	struct block_req req;
	struct iovec iov;
};

#define PACKED_NOT UINT32_MAX

union copy_packer {
	struct deflate deflate;
	struct zstd_encoder zstd;
};

struct copy_job *copy_job_create(struct copy *c);
void copy_job_destroy(struct copy_job *j);

/* Pack its clusters, on a thread of the crew. */
void copy_job_compute(struct copy_job *j);

/* One more write of the job. */
void copy_job_add(struct copy_job *j, enum block_op op, uint64_t host, const uint8_t *from,
		  uint64_t len);

/* ---- packed clusters (img_copy_pack.c) ------------------------------------------------
 * They lie one after another at any byte, but files are written by sectors.  A sector
 * that the next window will go on with is held back, so that it is written once. */

/* Bytes of memory that a job's stream may need. */
size_t copy_stream_room(const struct copy *c);
void copy_stream_begin(struct copy_job *j);
/* Have bytes written at host. */
void copy_stream_put(struct copy_job *j, uint64_t host, const uint8_t *bytes, size_t len);
/* No more of this window. */
void copy_stream_end(struct copy_job *j);
/* No more at all: write what is held back.  0 or -errno. */
int copy_stream_finish(struct copy *c);

/* Choose places, in the disk's order, and begin to write. */
int copy_job_place(struct copy_job *j, struct err *err);

#endif
