/* virtio/blk_req.h: one request of a virtio disk, from a chain of buffers to plain
 * numbers (virtio 1.2, 5.2.6).
 *
 *	readable                         writable
 *	+------+----------+--------+     +-----------------------+--------+
 *	| type | reserved | sector | ... |                   ... | status |
 *	+------+----------+--------+     +-----------------------+--------+
 *	  le32     le32      le64   data                    data    u8
 *
 * How the driver cut this into descriptors says nothing (2.7.4): the header may be
 * spread over several, the status is the last writable byte wherever it lies.
 *
 * Nothing here has an effect but on the structs given: no I/O, no device. */
#ifndef BANTAM_VIRTIO_BLK_REQ_H
#define BANTAM_VIRTIO_BLK_REQ_H

#include "virtio/queue.h"

#define BLK_HEADER_BYTES  16u
#define BLK_RANGE_BYTES	  16u /* of a discard or write zeroes segment */
#define BLK_STATUS_BYTES  1u
#define BLK_ID_BYTES	  20u
#define BLK_RANGES_MAX	  16u
#define BLK_RANGE_SECTORS (1u << 21) /* the most in one segment: 1 GiB */

enum blk_type {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13,
};

enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

/* What requests are measured against; fixed for a disk's life. */
struct blk_rules {
	uint64_t size_bytes;	/* a multiple of logical_bytes */
	uint32_t logical_bytes; /* 512 or 4096: offsets and lengths are multiples of it */
	bool read_only;
	bool discard, write_zeroes; /* offered */
};

/* A segment of a discard or write zeroes request. */
struct blk_range {
	uint64_t sector; /* of 512 bytes, as in the protocol */
	uint32_t sector_count;
	bool may_unmap; /* write zeroes: the space may be given back */
};

struct blk_req {
	enum blk_type type;
	uint64_t offset, len;	/* IN, OUT: bytes of the disk, inside it; else 0 */
	struct iovec *iov;	/* IN, OUT: the data; pieces of the chain's own iov */
	unsigned iov_count;
	unsigned range_count;	/* DISCARD, WRITE_ZEROES: 1..BLK_RANGES_MAX */
	uint8_t *status;	/* where the verdict goes, in guest memory */
	struct blk_range ranges[BLK_RANGES_MAX];
};

/* Take a chain apart and check all that it asks for.
 * c  the chain's first and last iov are shortened to what is data; its counts stay
 * r  filled as far as the request was understood; r->status is set unless -EBADMSG
 * Returns BLK_S_OK: r may be served as it stands; BLK_S_IOERR or BLK_S_UNSUPP: that
 * is the answer, and nothing may be done; -EBADMSG: no room for the status byte, so
 * that no answer can be given (a driver that waits for one would take old bytes
 * for it). */
int blk_req_parse(const struct blk_rules *rules, struct chain *c, struct blk_req *r);

/* The length that is told with the chain: bytes written from the beginning of the
 * writable part on.  The status stands behind the data, so an error counts only
 * where no data precedes it. */
uint32_t blk_req_written(const struct chain *c, enum blk_status status);

#endif
