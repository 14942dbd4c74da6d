/* What check finds in L1 and L2 tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#include "block/qcow2_check.h"

static uint64_t cluster_mask(const struct qcow2_meta *m)
{
	return qcow2_cluster_bytes(&m->h) - 1;
}

/* A corruption in what the table says at disk offset `guest`. */
static void corrupt(struct qcow2_checker *c, uint64_t guest, uint64_t entry, const char *what)
{
	c->result.corruptions++;
	qcow2_find(c, "L2 entry %#llx of disk offset %#llx: %s", (unsigned long long)entry,
		   (unsigned long long)guest, what);
}

/* ---- COPIED ------------------------------------------------------------------------------------
 */

/* Against the refcounts as they are on disk. */
static int check_copied(struct qcow2_checker *c, uint64_t entry, const char *what, uint64_t guest,
			struct err *err)
{
	const uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> c->m->h.cluster_bits;
	uint64_t count;

	/* A refcount that cannot be read was reported with its block. */
	if (qcow2_refs_get_disk(&c->m->refs, cluster, &count, err) < 0)
		return 0;
	if ((count == 1) == ((entry & QCOW2_COPIED) != 0))
		return 0;
	c->result.corruptions++;
	qcow2_find(c, "%s entry %#llx of disk offset %#llx: COPIED is %s, its refcount is %llu",
		   what, (unsigned long long)entry, (unsigned long long)guest,
		   entry & QCOW2_COPIED ? "set" : "not set", (unsigned long long)count);
	return 0;
}

/* ---- L2 entries --------------------------------------------------------------------- */

static bool reads_as_zeros(const struct qcow2_meta *m, uint64_t entry, uint64_t bitmap)
{
	if (qcow2_is_extended(&m->h))
		return (uint32_t)bitmap == 0;
	return m->h.version >= 3 && (entry & QCOW2_ZERO) != 0;
}

bool qcow2_entry_mendable(const struct qcow2_meta *m, uint64_t *entry, uint64_t bitmap)
{
	const uint64_t offset = *entry & QCOW2_OFFSET_MASK;

	if (*entry & QCOW2_COMPRESSED) {
		*entry &= ~QCOW2_COPIED;
		return true;
	}
	if (offset == 0 || !reads_as_zeros(m, *entry, bitmap) ||
	    ((offset & cluster_mask(m)) == 0 && offset < m->end_bytes))
		return false;
	*entry &= ~(QCOW2_OFFSET_MASK | QCOW2_COPIED);
	return true;
}

static int check_compressed(struct qcow2_checker *c, uint64_t entry, uint64_t bitmap,
			    uint64_t guest, struct err *err)
{
	uint64_t offset, len;

	if (entry & QCOW2_COPIED)
		corrupt(c, guest, entry, "compressed and COPIED");
	if (bitmap != 0)
		corrupt(c, guest, entry, "compressed, with subclusters");
	qcow2_compressed_place(&c->m->h, entry, &offset, &len);
	c->result.compressed_clusters++;
	c->result.fragmented_clusters++;
	return qcow2_use(c, align_down_u64(offset, qcow2_cluster_bytes(&c->m->h)),
			 len + (offset & cluster_mask(c->m)), QCOW2_KIND_DATA, "compressed data",
			 err);
}

static void count_fragment(struct qcow2_checker *c, uint64_t offset)
{
	if (c->next_offset != 0 && offset != c->next_offset)
		c->result.fragmented_clusters++;
	c->next_offset = offset + qcow2_cluster_bytes(&c->m->h);
}

static void check_bits(struct qcow2_checker *c, uint64_t entry, uint64_t bitmap, uint64_t guest)
{
	const struct qcow2_header *h = &c->m->h;

	if (entry & QCOW2_RESERVED_MASK)
		corrupt(c, guest, entry, "reserved bits are set");
	if ((entry & QCOW2_ZERO) && (h->version < 3 || qcow2_is_extended(h)))
		corrupt(c, guest, entry, "a zero flag that the format does not have");
	if ((uint32_t)bitmap & (uint32_t)(bitmap >> 32))
		corrupt(c, guest, entry, "subclusters with data that read as zeros");
	if ((entry & QCOW2_OFFSET_MASK) == 0 && (uint32_t)bitmap != 0)
		corrupt(c, guest, entry, "subclusters with data that is nowhere");
}

static int check_standard(struct qcow2_checker *c, uint64_t entry, uint64_t bitmap, uint64_t guest,
			  bool active, struct err *err)
{
	const uint64_t offset = entry & QCOW2_OFFSET_MASK;

	check_bits(c, entry, bitmap, guest);
	if (offset == 0)
		return 0;
	if (offset & cluster_mask(c->m)) {
		corrupt(c, guest, entry, "its offset is no cluster's");
		return 0;
	}
	if (active) {
		count_fragment(c, offset);
		check_copied(c, entry, "L2", guest, err);
	}
	return qcow2_use(c, offset, qcow2_cluster_bytes(&c->m->h), QCOW2_KIND_DATA, "data", err);
}

static int check_entry(struct qcow2_checker *c, const uint8_t *table, uint64_t i, uint64_t guest,
		       bool active, struct err *err)
{
	const uint64_t entry = qcow2_entry(c->m, table, i);
	const uint64_t bitmap = qcow2_entry_bitmap(c->m, table, i);

	if (entry == 0 && (uint32_t)bitmap == 0)
		return 0;
	if (active && (entry & (QCOW2_OFFSET_MASK | QCOW2_COMPRESSED)) != 0)
		c->result.allocated_clusters++;
	if (entry & QCOW2_COMPRESSED)
		return check_compressed(c, entry, bitmap, guest, err);
	return check_standard(c, entry, bitmap, guest, active, err);
}

/* ---- tables ------------------------------------------------------------------------- */

static int check_l2(struct qcow2_checker *c, uint64_t l1_entry, uint64_t guest, bool active,
		    struct err *err)
{
	struct qcow2_meta *m = c->m;
	int rc = 0;

	if (qcow2_l2_read(m, l1_entry, m->table, NULL) < 0) {
		c->result.check_errors++;
		c->uncertain = true;
		qcow2_find(c, "the L2 table at %#llx cannot be read",
			   (unsigned long long)(l1_entry & QCOW2_OFFSET_MASK));
		return 0;
	}
	c->next_offset = 0; /* a table between data is no fragment */
	for (uint64_t i = 0; rc == 0 && i < qcow2_entry_count(m); i++)
		rc = check_entry(c, m->table, i, guest + (i << m->h.cluster_bits), active, err);
	return rc;
}

int qcow2_check_l1(struct qcow2_checker *c, const uint64_t *l1, uint32_t entries, bool active,
		   struct err *err)
{
	struct qcow2_meta *m = c->m;
	uint64_t offset;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < entries; i++) {
		const uint64_t guest = (uint64_t)i << qcow2_l1_shift(&m->h);

		if (qcow2_l1_check(m, l1[i], &offset, NULL) < 0) {
			c->result.corruptions++;
			c->uncertain = true;
			qcow2_find(c, "L1 entry %u, %#llx: no L2 table can be there", i,
				   (unsigned long long)l1[i]);
			continue;
		}
		if (offset == 0)
			continue;
		if (active)
			check_copied(c, l1[i], "L1", guest, err);
		rc = qcow2_use(c, offset, qcow2_cluster_bytes(&m->h), QCOW2_KIND_L2, "an L2 table",
			       err);
		if (rc == 0)
			rc = check_l2(c, l1[i], guest, active, err);
		if (rc == 0)
			rc = qcow2_step(m, c->progress, i, entries, err);
	}
	return rc;
}
