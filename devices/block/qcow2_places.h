/* block/qcow2_places.h: which clusters of a qcow2 image's file hold tables, so that
 * nothing else is ever written to one, whatever the image's entries say.
 *
 * A bit a cluster, in memory that is only taken where a bit is set.  Bits may be asked
 * for by any thread while one sets them. */
#ifndef BANTAM_BLOCK_QCOW2_PLACES_H
#define BANTAM_BLOCK_QCOW2_PLACES_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/types.h"

struct qcow2_places {
	_Atomic uint64_t *words; /* NULL: nothing is known of tables */
	uint64_t cluster_count;	 /* behind them are no tables */
	unsigned cluster_bits;
};

/* For a file of file_bytes that may get room_bytes longer.  0 or -ENOMEM;
 * qcow2_places_free() in any case but that. */
int qcow2_places_init(struct qcow2_places *p, unsigned cluster_bits, uint64_t file_bytes,
		      uint64_t room_bytes);
void qcow2_places_free(struct qcow2_places *p);

/* A table of `bytes` (0: none) is at offset.  0; -EUCLEAN, err filled, where another is
 * already, or where no file can reach.
 * name  the image's, for the message */
int qcow2_places_add(struct qcow2_places *p, uint64_t offset, uint64_t bytes, const char *name,
		     struct err *err);

/* Cluster holds a table, or none, from now on. */
void qcow2_places_set(struct qcow2_places *p, uint64_t cluster);
void qcow2_places_clear(struct qcow2_places *p, uint64_t cluster);

static inline bool qcow2_places_has(const struct qcow2_places *p, uint64_t cluster)
{
	return cluster < p->cluster_count &&
	       (atomic_load_explicit(&p->words[cluster / 64], memory_order_relaxed) >>
			(cluster % 64) &
		1) != 0;
}

/* Whether a table is in any of count clusters. */
static inline bool qcow2_places_any(const struct qcow2_places *p, uint64_t first, uint64_t count)
{
	bool any = false;

	for (uint64_t c = first; c < first + count && !any; c++)
		any = qcow2_places_has(p, c);
	return any;
}

#endif
