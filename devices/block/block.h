/* block/block.h: what a disk's content is behind: a file, a layer over one.
 *
 *      virtio/blk.c ──block_submit()──▶ throttle, guard, overlay ... ──▶ raw ──▶ ioloop
 *
 * A request names bytes of the disk and memory of this process, never a guest
 * address.  It is submitted on a loop and done on the same loop; different loops
 * may use one block at the same time.  Layers are the same interface again: one
 * that stands on another block hands the request on, as it is or in pieces.
 *
 * Errors are for the requester: EIO, ENOSPC, ... end that request and nothing
 * else; the next one finds the block as good as before. */
#ifndef BANTAM_BLOCK_BLOCK_H
#define BANTAM_BLOCK_BLOCK_H

#include <sys/uio.h>

#include "base/err.h"
#include "host/ioloop.h"

#define BLOCK_SECTOR_BYTES 512u

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,   /* all writes that were done before are durable after */
	BLOCK_DISCARD, /* content is not needed any more; reads give zeros or old data */
	BLOCK_ZERO,    /* reads give zeros after */
};

struct block;
struct block_req;

/* What a layer leaves on a request that it hands on, to hear of its end. */
struct block_frame {
	void (*done)(struct block_frame *f, struct block_req *req, int status);
	struct block *layer;
	uint64_t room[8]; /* the layer's, from its first push until block_done() */
};

#define BLOCK_FRAMES		2u /* layers that may wait for one request */
#define BLOCK_REQ_PRIVATE_BYTES 256u

struct block_req {
	enum block_op op;
	bool durable;	 /* WRITE, ZERO: done means on stable storage (FUA) */
	bool may_unmap;	 /* ZERO: the space may be given back */
	uint64_t offset; /* bytes, a multiple of the logical block size */
	uint64_t len;	 /* bytes; READ, WRITE: what iov holds */
	/* READ, WRITE: the submitter's, of any count.  The elements are used up: what
	 * they say when the request is done means nothing; all else is as it was. */
	struct iovec *iov;
	unsigned iov_count;
	struct ioloop *loop; /* where it was submitted */
	/* On req->loop, never from within block_submit().  status: 0 or -errno;
	 * all or nothing: a read that hit the end of a shrunken file is -EIO. */
	void (*done)(struct block_req *req, int status);
	/* ---- below is the blocks' own; the submitter need not fill it ---- */
	unsigned frame_count;
	struct block_frame frame[BLOCK_FRAMES];
	/* Room for the block that serves it, so that nothing is allocated. */
	_Alignas(16) uint8_t private_bytes[BLOCK_REQ_PRIVATE_BYTES];
};

/* What a block can do; fixed when it is open. */
struct block_limits {
	uint64_t size_bytes;	 /* a multiple of the logical block size */
	uint32_t logical_bytes;	 /* smallest addressable unit: 512 or 4096 */
	uint32_t physical_bytes; /* what the host does without read-modify-write */
	uint32_t optimal_bytes;	 /* preferred I/O size; 0: not known */
	bool read_only;
	bool can_discard;
	bool can_zero;
	uint32_t discard_granularity_bytes; /* 0 where can_discard is false */
	unsigned iov_max;    /* iovecs that go to the kernel as one; more are split */
	bool durable_writes; /* every write is durable by itself (cache=writethrough) */
};

struct block_ops {
	const char *name; /* "raw", "overlay", ... */
	/* Serve req, which is inside the limits. */
	void (*submit)(struct block *b, struct block_req *req);
	void (*close)(struct block *b);
	/* What else there is to a block that holds a file (an image's); all or none,
	 * NULL: it holds none.  On any thread, at once, 0 or -errno. */
	int (*file_size)(struct block *b, uint64_t *size_bytes);
	int (*file_truncate)(struct block *b, uint64_t size_bytes);
	int (*file_extent)(struct block *b, uint64_t offset, bool *is_data, uint64_t *end);
};

struct block {
	const struct block_ops *ops;
	struct block_limits limits;
};

/* Check req against the limits and hand it on.  A request out of bounds, or a
 * write to what is read-only, is done with -EINVAL or -EROFS, a DISCARD or ZERO
 * that the block cannot do with -EOPNOTSUPP (later, as always). */
void block_submit(struct block *b, struct block_req *req);

/* Nothing is in flight.  Closes what is below, too.  NULL is harmless. */
void block_close(struct block *b);

/* ---- blocks that hold a file -----------------------------------------------------
 *
 * Such a block has no end (its size_bytes is BLOCK_FILE_BYTES_MAX): what is read
 * behind the file's end is zeros, what is written there makes the file longer. */

#define BLOCK_FILE_BYTES_MAX ((uint64_t)INT64_MAX & ~UINT64_C(4095))

/* How long the file is now.  0 or -errno; -EOPNOTSUPP: the block holds no file. */
int block_file_size(struct block *b, uint64_t *size_bytes);

/* Cut the file off at size_bytes, or let it end there with a hole.  Nothing that
 * would be cut is in flight.  Durable after the next flush. */
int block_file_truncate(struct block *b, uint64_t size_bytes);

/* Whether there is data at offset, or a hole (also behind the file's end).
 * end  where that changes, above offset; UINT64_MAX: never */
int block_file_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end);

/* ---- for layers ---------------------------------------------------------------- */

/* Serve req by the block below: it was checked above. */
static inline void block_hand_on(struct block *below, struct block_req *req)
{
	below->ops->submit(below, req);
}

/* Have done() called for `layer` when the block below is done with req, which is
 * handed on after.  A layer that does one request in several rounds pushes again
 * from its done(); the frame's room stays as it was. */
struct block_frame *block_push(struct block *layer, struct block_req *req,
			       void (*done)(struct block_frame *f, struct block_req *req,
					    int status));

/* End req with status, for the layer above or for the submitter: from a
 * completion, never from within submit. */
void block_done(struct block_req *req, int status);

/* The same from within submit, in a round of the loop to come.  Takes
 * req->private_bytes. */
void block_done_later(struct block_req *req, int status);

/* The request whose private_bytes these are. */
static inline struct block_req *block_req_of(void *private_bytes)
{
	return (struct block_req *)(void *)((char *)private_bytes -
					    offsetof(struct block_req, private_bytes));
}

#endif
