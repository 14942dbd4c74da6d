/* block/overlay_file.h: what a guest writes to a disk, kept in a file of its own: a
 * qcow2 image with the disk's file below. */
#ifndef BANTAM_BLOCK_OVERLAY_FILE_H
#define BANTAM_BLOCK_OVERLAY_FILE_H

#include "block/backing.h"
#include "block/block.h"
#include "block/store.h"

struct overlay_file {
	const char *path;	     /* made if it is not there */
	const char *base_path;
	const char *base_format;     /* "raw" or "qcow2" */
	const struct store *base_file; /* open */
	bool by_thread, direct, durable_writes;
};

/* *disk, which is only read, becomes the overlay above it; taken over, if all goes
 * well.  A file that is there must be an overlay of this base.
 * 0, or -errno with err naming the file and what would be right; then no file was
 * made. */
int overlay_file_open(const struct overlay_file *o, struct block **disk, struct err *err);

#endif
