/* block/disk.h: from a disk's options to an open block: `--disk PATH,...`. */
#ifndef BANTAM_BLOCK_DISK_H
#define BANTAM_BLOCK_DISK_H

#include "block/backing.h"
#include "block/block.h"

enum disk_format { DISK_FORMAT_PROBE, DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };
enum disk_cache { DISK_CACHE_WRITEBACK, DISK_CACHE_WRITETHROUGH, DISK_CACHE_NONE };

struct disk_config {
	const char *path;
	enum disk_format format; /* PROBE: qcow2 or, unless plainly another, raw with the guard */
	bool read_only;
	bool snapshot;	     /* writes go to a throw-away overlay in a temporary file */
	const char *overlay; /* "mem": to one in memory; NULL: as snapshot says */
	const char *backing_allowed[BACKING_ALLOWED_MAX]; /* folders; backing.h */
	unsigned backing_allowed_count;
	enum disk_cache cache;
	enum io_engine engine;	   /* AUTO, or by force */
	bool discard;		   /* default true; false: discards are not offered */
	char serial[21];	   /* "" : none */
	unsigned queues;	   /* 1..16 */
	unsigned queue_size;	   /* 0: default; a power of two up to 1024 */
	uint64_t iops, iops_burst; /* 0: no limit; burst in requests, 0: a second's worth */
	uint64_t bps, bps_burst;   /* bytes */
};

/* Open everything below the virtio device: file, lock, format, guard, overlay.
 * Nothing on the host is changed by it.
 * 0, or -errno with err one line that names the path and what would be right. */
int disk_open(const struct disk_config *config, struct block **out, struct err *err);

#endif
