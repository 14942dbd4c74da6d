/* virtio/page_run.h: pages that lie side by side, gathered one by one.  Pure.
 *
 * A guest that gives pages away takes most of them from the same place, upwards or
 * downwards: so a list of hundreds is a few runs, and a run is one system call. */
#ifndef BANTAM_VIRTIO_PAGE_RUN_H
#define BANTAM_VIRTIO_PAGE_RUN_H

#include "base/types.h"

#define PAGE_RUN_PAGE 4096u /* bytes */

/* All zero: empty. */
struct page_run {
	uint8_t *start;
	uint64_t len; /* bytes */
};

/* Take page in: it begins the run, lies at one of its ends, or is in it already.  False
 * if it lies elsewhere: the run is as it was. */
static inline bool page_run_join(struct page_run *run, uint8_t *page)
{
	if (run->len == 0 || page + PAGE_RUN_PAGE == run->start) {
		run->start = page;
		run->len += PAGE_RUN_PAGE;
		return true;
	}
	if (page == run->start + run->len) {
		run->len += PAGE_RUN_PAGE;
		return true;
	}
	return page >= run->start && page < run->start + run->len;
}

#endif
