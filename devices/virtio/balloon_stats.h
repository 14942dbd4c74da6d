/* virtio/balloon_stats.h: what a guest says about its memory, as bytes and as values
 * (virtio 1.2, 5.5.6.3; tags from 10 on: Linux 6.12).  Pure.
 *
 * A list of 10-byte entries: le16 tag, le64 value. */
#ifndef BANTAM_VIRTIO_BALLOON_STATS_H
#define BANTAM_VIRTIO_BALLOON_STATS_H

#include "base/types.h"

enum balloon_stat {
	BALLOON_SWAP_IN,	/* bytes */
	BALLOON_SWAP_OUT,	/* bytes */
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE,		/* bytes not used for anything */
	BALLOON_TOTAL,		/* bytes */
	BALLOON_AVAILABLE,	/* bytes that could be had without swapping */
	BALLOON_CACHES,		/* bytes of file caches */
	BALLOON_HUGE_ALLOCATED, /* huge pages */
	BALLOON_HUGE_FAILED,
	BALLOON_OOM_KILLS,
	BALLOON_ALLOC_STALLS,
	BALLOON_ASYNC_SCANNED,	/* pages */
	BALLOON_DIRECT_SCANNED,
	BALLOON_ASYNC_RECLAIMED,
	BALLOON_DIRECT_RECLAIMED,
	BALLOON_STATS,
};

#define BALLOON_STAT_BYTES 10u

/* A name for each, as in "major-faults"; const. */
extern const char *const balloon_stat_names[BALLOON_STATS];

struct balloon_stats {
	uint32_t present; /* bit i: value[i] was given */
	uint64_t value[BALLOON_STATS];
};

/* Add an entry; one with an unknown tag is passed over, of two with the same tag the
 * later counts. */
void balloon_stats_add(struct balloon_stats *s, const uint8_t entry[BALLOON_STAT_BYTES]);

#endif
