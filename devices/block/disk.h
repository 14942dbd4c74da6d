/* block/disk.h: from a disk's options to an open block: `--disk PATH,...`. */
#ifndef BANTAM_BLOCK_DISK_H
#define BANTAM_BLOCK_DISK_H

#include "block/backing.h"
#include "block/block.h"

enum disk_format { DISK_FORMAT_PROBE, DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };
enum disk_keep { DISK_KEEP_ALWAYS, DISK_KEEP_OK, DISK_KEEP_NEVER };
enum disk_cache { DISK_CACHE_WRITEBACK, DISK_CACHE_WRITETHROUGH, DISK_CACHE_NONE };

struct disk_config {
	const char *path;
	enum disk_format format; /* PROBE: qcow2 or, unless plainly another, raw with the guard */
	bool read_only;
	bool snapshot;	     /* writes go to a throw-away overlay in a temporary file */
	const char *overlay; /* "mem": to one in memory; a file's name: to that; NULL: as
			      * snapshot says */
	enum disk_keep keep; /* whether an overlay's file stays after the run */
	const char *backing_allowed; /* folders; backing.h */
	enum disk_cache cache;
	enum io_engine engine;	   /* AUTO, or by force */
	bool discard;		   /* default true; false: discards are not offered */
	char serial[21];	   /* "" : none */
	unsigned queues;	   /* 1..16 */
	unsigned queue_size;	   /* 0: default; a power of two up to 1024 */
	uint64_t iops, iops_burst; /* 0: no limit; burst in requests, 0: a second's worth */
	uint64_t bps, bps_burst;   /* bytes */
};

/* Open everything below the virtio device: file, lock, format, backing files, guard,
 * overlay.  Nothing on the host is changed by it, but that an overlay's file is made.
 * 0, or -errno with err one line that names the path and what would be right. */
int disk_open(const struct disk_config *config, struct block **out, struct err *err);

/* Whether there is an overlay in a file, which stays or goes as `keep` says. */
bool disk_has_overlay_file(const struct disk_config *config);

#endif
