/* virtio/blk.h: a disk (virtio 1.2, 5.2).
 *
 * What it offers follows from the block that it stands on: FLUSH, SEG_MAX,
 * BLK_SIZE, TOPOLOGY, GEOMETRY and CONFIG_WCE always; RO, MQ, DISCARD and
 * WRITE_ZEROES where they are true. */
#ifndef BANTAM_VIRTIO_BLK_H
#define BANTAM_VIRTIO_BLK_H

#include "block/block.h"
#include "virtio/blk_queue.h"
#include "virtio/pci.h"

#define BLK_QUEUES_MAX	       16u
#define BLK_QUEUE_SIZE_DEFAULT 256u
#define BLK_QUEUE_SIZE_MIN     4u

struct virtio_blk_config {
	struct virtio_pci_place place;
	/* Belongs to the device, and is closed by it, once create() succeeded. */
	struct block *block;
	unsigned queues;     /* 1..BLK_QUEUES_MAX */
	unsigned queue_size; /* 0: the default; a power of two, BLK_QUEUE_SIZE_MIN..VQ_SIZE_MAX */
	char serial[BLK_ID_BYTES + 1]; /* "": none */
	bool discard;		       /* offer DISCARD, if the block can */
	uint64_t iops, iops_burst;	       /* as throttle_init() takes them; all queues together */
	uint64_t bps, bps_burst;
};

extern const struct device_type virtio_blk_type;

unsigned virtio_blk_queues(const struct device *dev);
/* What queue index has done so far; its loop's own numbers, so exact only while
 * that loop stands still. */
struct blk_stats virtio_blk_stats(const struct device *dev, unsigned index);

#endif
