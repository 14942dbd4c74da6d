/* block/raw.h: a disk whose bytes are a file's or block device's bytes, one to
 * one.  Guest memory goes to the kernel as it is: nothing is copied, except for
 * direct I/O with misaligned buffers. */
#ifndef BANTAM_BLOCK_RAW_H
#define BANTAM_BLOCK_RAW_H

#include "block/block.h"
#include "block/store.h"

struct raw_options {
	bool by_thread;	     /* I/O by worker threads, whatever the loop stands on */
	bool durable_writes; /* every write is on stable storage when it is done */
	bool scratch;	     /* nobody needs it after us: no flushes, zeros are holes */
	bool growable;	     /* it holds an image: block.h's "blocks that hold a file" */
};

/* s    copied and taken over, if all goes well
 * out  owned by the caller until block_close(), which closes the file
 * 0, or -errno with err filled. */
int raw_create(const struct store *s, const struct raw_options *options, struct block **out,
	       struct err *err);

#endif
