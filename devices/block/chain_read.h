/* block/chain_read.h: a part of a chain's content into memory, on the loop, while
 * others go on.  Where its pieces are is looked up when it is begun; what is packed
 * is unpacked by a crew's threads. */
#ifndef BANTAM_BLOCK_CHAIN_READ_H
#define BANTAM_BLOCK_CHAIN_READ_H

#include "block/chain.h"
#include "codec/zstd_decode.h"
#include "host/crew.h"

struct chain_piece;

/* The caller's memory, zeroed at first; used again and again until
 * chain_read_release(). */
struct chain_read {
	struct chain *chain;
	struct crew *crew; /* borrowed; NULL: the loop's thread unpacks */
	unsigned first;	   /* the link to begin with */
	/* On the loop's thread, from a round, or from within chain_read_start() when
	 * nothing had to be read.  status: 0 or -errno. */
	void (*done)(struct chain_read *r, int status);
	/* ---- its own */
	uint8_t *to;
	uint64_t offset;
	struct chain_piece *pieces;
	unsigned piece_count, piece_room, next;
	uint8_t *packed, *unpacked; /* of one cluster each */
	size_t packed_room;
	struct zstd_decoder *zstd;
	int status;
	struct block_req req;
	struct iovec iov;
	struct crew_task task;
};

/* Read [offset, offset+len), inside the first link's disk: multiples of 512.
 * 0: done() comes, or came; -errno with err filled: it does not come. */
int chain_read_start(struct chain_read *r, uint64_t offset, uint64_t len, uint8_t *to,
		     struct err *err);

void chain_read_release(struct chain_read *r);

/* The same for one who waits. */
int chain_read_sync(struct chain *c, unsigned first, uint64_t offset, uint64_t len, uint8_t *to,
		    struct err *err);

#endif
