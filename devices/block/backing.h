/* block/backing.h: the disks that an image names as what is below it, and whether it
 * may: whoever made the image chose those names, and a guest must not read the host's
 * files by them.
 *
 *      x.qcow2 ─▶ base.qcow2 ─▶ debian.raw
 *
 * A name is a path, from the folder of the image that has it, to a regular file below
 * that folder or below one that the user allows; its format is said by the image. */
#ifndef BANTAM_BLOCK_BACKING_H
#define BANTAM_BLOCK_BACKING_H

#include <sys/types.h>

#include "block/block.h"
#include "block/qcow2_header.h"
#include "block/store.h"

#define BACKING_DEPTH_MAX 32u /* images above one another */

struct backing_rules {
	const char *allowed; /* folders besides the image's own, "DIR:DIR..."; NULL: none */
	bool by_thread; /* raw_options.by_thread */
	bool direct;	/* past the host's page cache */
};

/* An image, and those above it. */
struct backing_user {
	const struct backing_user *above; /* NULL: the top */
	const struct backing_rules *rules;
	const char *path;
	dev_t dev;
	ino_t ino;
};

/* Say who the user is: path and identity of an open image. */
int backing_user_init(struct backing_user *u, const struct backing_user *above,
		      const struct backing_rules *rules, const char *path, const struct store *s,
		      struct err *err);

/* Open what an image names, for reading.
 * u     the image
 * h     its header; h->has_backing
 * size  how long the disk is; what is behind reads as zeros
 * 0, or -errno with err naming the image, the file, and what would be right. */
int backing_open(const struct backing_user *u, const struct qcow2_header *h, struct block **out,
		 uint64_t *size_bytes, struct err *err);

/* Whether a name could be something else than a path: "nbd:...", "json:{...}". */
bool backing_is_grammar(const char *name);

#endif
