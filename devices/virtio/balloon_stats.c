#include "virtio/balloon_stats.h"

#include "base/bytes.h"

const char *const balloon_stat_names[BALLOON_STATS] = {
	[BALLOON_SWAP_IN] = "swap-in",
	[BALLOON_SWAP_OUT] = "swap-out",
	[BALLOON_MAJOR_FAULTS] = "major-faults",
	[BALLOON_MINOR_FAULTS] = "minor-faults",
	[BALLOON_FREE] = "free",
	[BALLOON_TOTAL] = "total",
	[BALLOON_AVAILABLE] = "available",
	[BALLOON_CACHES] = "caches",
	[BALLOON_HUGE_ALLOCATED] = "huge-allocated",
	[BALLOON_HUGE_FAILED] = "huge-failed",
	[BALLOON_OOM_KILLS] = "oom-kills",
	[BALLOON_ALLOC_STALLS] = "alloc-stalls",
	[BALLOON_ASYNC_SCANNED] = "async-scanned",
	[BALLOON_DIRECT_SCANNED] = "direct-scanned",
	[BALLOON_ASYNC_RECLAIMED] = "async-reclaimed",
	[BALLOON_DIRECT_RECLAIMED] = "direct-reclaimed",
};

void balloon_stats_add(struct balloon_stats *s, const uint8_t entry[BALLOON_STAT_BYTES])
{
	const unsigned tag = le16_load(entry);

	if (tag >= BALLOON_STATS)
		return;
	s->present |= 1u << tag;
	s->value[tag] = le64_load(entry + 2);
}
