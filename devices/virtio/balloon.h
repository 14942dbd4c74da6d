/* virtio/balloon.h: memory that a guest gives back (virtio 1.2, 5.5).
 *
 *      inflate   page numbers that the guest does without: given back to the host
 *      deflate   page numbers that it uses again: they come back as zeros by a touch
 *      stats     what the guest says about its memory, asked for from time to time
 *      reports   free pages, given back while they are free: no balloon is needed
 *
 * A guest can only give away what is its own: numbers of pages that are no RAM are
 * counted and passed over. */
#ifndef BANTAM_VIRTIO_BALLOON_H
#define BANTAM_VIRTIO_BALLOON_H

#include "virtio/balloon_stats.h"
#include "virtio/pci.h"

extern const struct device_type virtio_balloon_type;

struct virtio_balloon_config {
	struct virtio_pci_place place; /* its first loop serves all */
	bool deflate_on_oom;	       /* the guest may take pages when it is short of them */
	bool free_page_reporting;
	unsigned stats_period_s;       /* 0: never ask for statistics */
	/* On the loop: the guest's words, every value hostile.  May be NULL. */
	void (*stats)(void *ctx, const struct balloon_stats *stats);
	void *ctx;
};

/* Ask the guest to do without `bytes` of its RAM, rounded down to pages, at most all
 * of it.  Any thread. */
void virtio_balloon_set_target(struct device *dev, uint64_t bytes);

/* How many bytes the guest says it does without: any multiple of 4096 below 2^44.
 * Any thread. */
uint64_t virtio_balloon_actual(struct device *dev);

/* Bytes handed back to the host so far, by balloon and reports, any page as often as it
 * was given.  Any thread. */
uint64_t virtio_balloon_discarded(struct device *dev);

#endif
