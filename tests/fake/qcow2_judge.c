#include "fake/qcow2_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "codec/inflate.h"
#include "codec/zstd_decode.h"

#define SECTOR	    512u
#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define COPIED	    (UINT64_C(1) << 63)
#define COMPRESSED  (UINT64_C(1) << 62)
#define CLUSTER_MAX MIB(2)
#define TABLE_MAX   MIB(32)

/* ---- bytes ------------------------------------------------------------------------- */

PRINTF_LIKE(2, 3) static void corrupt(struct qcow2_judge *j, const char *format, ...);

static void corrupt(struct qcow2_judge *j, const char *format, ...)
{
	va_list args;

	if (j->corruptions++ > 0)
		return;
	va_start(args, format);
	vsnprintf(j->why, sizeof(j->why), format, args);
	va_end(args);
}

/* Whatever is behind the file's end is zeros. */
static void load(const struct qcow2_judge *j, uint64_t offset, void *out, uint64_t len)
{
	const uint64_t there = offset >= j->len ? 0 : min_u64(len, j->len - offset);

	memcpy(out, j->bytes + (there ? offset : 0), there);
	memset((uint8_t *)out + there, 0, len - there);
}

static uint64_t load64(const struct qcow2_judge *j, uint64_t offset)
{
	uint8_t raw[8];

	load(j, offset, raw, 8);
	return be64_load(raw);
}

static uint32_t load32(const struct qcow2_judge *j, uint64_t offset)
{
	uint8_t raw[4];

	load(j, offset, raw, 4);
	return be32_load(raw);
}

static uint64_t cluster_bytes(const struct qcow2_judge *j)
{
	return UINT64_C(1) << j->cluster_bits;
}

static unsigned l2_bits(const struct qcow2_judge *j)
{
	return j->cluster_bits - (j->extended ? 4 : 3);
}

/* ---- the header ---------------------------------------------------------------------- */

static int refuse(struct qcow2_judge *j, const char *why)
{
	snprintf(j->why, sizeof(j->why), "%s", why);
	return -1;
}

static bool is_table(const struct qcow2_judge *j, uint64_t offset, uint64_t len)
{
	return len <= TABLE_MAX && (offset & (cluster_bytes(j) - 1)) == 0 &&
	       range_inside(offset, len, INT64_MAX);
}

int qcow2_judge_open(struct qcow2_judge *j, const uint8_t *bytes, uint64_t len)
{
	*j = (struct qcow2_judge){ .bytes = bytes, .len = len };
	if (len < 72 || be32_load(bytes) != 0x514649fb)
		return refuse(j, "no magic number");
	j->version = load32(j, 4);
	j->cluster_bits = load32(j, 20);
	j->disk_bytes = load64(j, 24);
	j->l1_entries = load32(j, 36);
	j->l1_offset = load64(j, 40);
	j->reftable_offset = load64(j, 48);
	j->reftable_clusters = load32(j, 56);
	j->snapshot_count = load32(j, 60);
	j->snapshots_offset = load64(j, 64);
	j->has_backing = load64(j, 8) != 0;
	j->refcount_order = 4;
	if (j->version == 3) {
		const uint64_t incompatible = load64(j, 72);

		j->dirty = incompatible & 1;
		j->corrupt = incompatible & 2;
		j->extended = incompatible & 16;
		j->refcount_order = load32(j, 96);
		j->compression = load32(j, 100) > 104 && incompatible & 8 ? bytes[104] : 0;
		if (incompatible & ~UINT64_C(0x1b))
			return refuse(j, "an unknown feature");
	}
	if (j->version < 2 || j->version > 3 || j->cluster_bits < 9 || j->cluster_bits > 21 ||
	    j->refcount_order > 6)
		return refuse(j, "a version or width that cannot be");
	if (!is_table(j, j->l1_offset, j->l1_entries * UINT64_C(8)) ||
	    !is_table(j, j->reftable_offset, (uint64_t)j->reftable_clusters << j->cluster_bits) ||
	    !is_table(j, j->snapshots_offset, 0))
		return refuse(j, "a table where none can be");
	if (j->disk_bytes > (uint64_t)j->l1_entries << (l2_bits(j) + j->cluster_bits))
		return refuse(j, "an L1 table that is too short");
	return 0;
}

/* ---- snapshots ------------------------------------------------------------------------- */

static void load_text(struct qcow2_judge *j, uint64_t offset, uint64_t len, char *out, size_t room)
{
	const uint64_t n = min_u64(len, room - 1);

	load(j, offset, out, n);
	out[n] = '\0';
}

/* The entry at *offset; *offset becomes the next one's. */
static void walk_snapshot(struct qcow2_judge *j, uint64_t *offset, struct qcow2_judge_snapshot *out)
{
	const uint64_t at = *offset;
	const uint32_t extra = load32(j, at + 36);
	const uint16_t id_len = (uint16_t)(load32(j, at + 12) >> 16);
	const uint16_t name_len = (uint16_t)load32(j, at + 12);

	out->l1_offset = load64(j, at);
	out->l1_entries = load32(j, at + 8);
	out->vm_state_bytes = extra >= 8 ? load64(j, at + 40) : load32(j, at + 32);
	out->disk_bytes = extra >= 16 ? load64(j, at + 48) : j->disk_bytes;
	load_text(j, at + 40 + extra, id_len, out->id, sizeof(out->id));
	load_text(j, at + 40 + extra + id_len, name_len, out->name, sizeof(out->name));
	*offset = (at + 40 + extra + id_len + name_len + 7) & ~UINT64_C(7);
}

int qcow2_judge_snapshot(struct qcow2_judge *j, uint32_t index, struct qcow2_judge_snapshot *out)
{
	uint64_t at = j->snapshots_offset;

	for (uint32_t i = 0; i < j->snapshot_count && at < j->len; i++) {
		walk_snapshot(j, &at, out);
		if (i == index)
			return 0;
	}
	return -1;
}

/* ---- counting ---------------------------------------------------------------------------- */

struct count {
	struct qcow2_judge *j;
	uint64_t *uses; /* of each cluster of the file */
	uint64_t clusters;
};

/* Like qemu-img, allow the last cluster to be there in part. */
static void use(struct count *c, uint64_t offset, uint64_t len, const char *what)
{
	const uint64_t size = cluster_bytes(c->j);

	if (len == 0)
		return;
	if (!range_inside(offset, len, INT64_MAX) ||
	    (offset + len > c->j->len && offset + len - c->j->len >= size)) {
		corrupt(c->j, "%s at %#llx is behind the file's end (%#llx)", what,
			(unsigned long long)offset, (unsigned long long)c->j->len);
		return;
	}
	for (uint64_t i = offset >> c->j->cluster_bits;
	     i <= (offset + len - 1) >> c->j->cluster_bits; i++)
		if (i < c->clusters)
			c->uses[i]++;
}

static uint64_t refcount(struct qcow2_judge *j, uint64_t cluster)
{
	const unsigned block_bits = j->cluster_bits + 3 - j->refcount_order;
	const uint64_t index = cluster >> block_bits;
	const uint64_t within = cluster & ((UINT64_C(1) << block_bits) - 1);
	const uint64_t bit = within << j->refcount_order;
	uint64_t block, word;

	if (index >= ((uint64_t)j->reftable_clusters << j->cluster_bits) / 8)
		return 0;
	block = load64(j, j->reftable_offset + index * 8) & ~UINT64_C(511);
	if (block == 0 || (block & (cluster_bytes(j) - 1)) != 0)
		return 0;
	if (j->refcount_order == 6)
		return load64(j, block + within * 8);
	/* Less than a byte: from the low bits up; more: big-endian. */
	if (j->refcount_order < 3) {
		uint8_t byte;

		load(j, block + bit / 8, &byte, 1);
		return byte >> (bit % 8) & ((1u << (1u << j->refcount_order)) - 1);
	}
	word = load64(j, block + bit / 8);
	return word >> (64 - (1u << j->refcount_order));
}

static void compressed_place(const struct qcow2_judge *j, uint64_t entry, uint64_t *offset,
			     uint64_t *len)
{
	const unsigned x = 62 - (j->cluster_bits - 8);

	*offset = entry & ((UINT64_C(1) << x) - 1);
	*len = (((entry & (COMPRESSED - 1)) >> x) + 1) * SECTOR - *offset % SECTOR;
}

static void count_entry(struct count *c, uint64_t entry, uint64_t bitmap, bool active)
{
	struct qcow2_judge *j = c->j;
	uint64_t offset = entry & OFFSET_MASK, len = cluster_bytes(j);

	if (entry & COMPRESSED) {
		if (entry & COPIED)
			corrupt(j, "a compressed cluster is marked COPIED");
		compressed_place(j, entry, &offset, &len);
		use(c, offset, len, "compressed cluster");
		return;
	}
	if ((j->version < 3 || j->extended) && entry & 1)
		corrupt(j, "a zero bit where there is none: %#llx", (unsigned long long)entry);
	if (j->extended && (bitmap & 0xffffffff) & bitmap >> 32)
		corrupt(j, "a subcluster both allocated and zero");
	if (entry & UINT64_C(0x3f000000000001fe) || offset & (len - 1)) {
		corrupt(j, "an L2 entry that cannot be: %#llx", (unsigned long long)entry);
		return;
	}
	if (offset == 0) {
		if (entry & COPIED)
			corrupt(j, "offset 0 is marked COPIED");
		if (j->extended && bitmap & 0xffffffff)
			corrupt(j, "subclusters allocated nowhere");
		return;
	}
	use(c, offset, len, "data cluster");
	if (active && (refcount(j, offset >> j->cluster_bits) == 1) != ((entry & COPIED) != 0))
		corrupt(j, "COPIED is wrong for data at %#llx: refcount %llu",
			(unsigned long long)offset,
			(unsigned long long)refcount(j, offset >> j->cluster_bits));
}

static void count_l2(struct count *c, uint64_t table, bool active)
{
	const unsigned step = c->j->extended ? 16 : 8;

	for (uint64_t i = 0; i < UINT64_C(1) << l2_bits(c->j); i++)
		count_entry(c, load64(c->j, table + i * step),
			    c->j->extended ? load64(c->j, table + i * step + 8) : 0, active);
}

static void count_l1(struct count *c, uint64_t table, uint32_t entries, bool active)
{
	struct qcow2_judge *j = c->j;

	use(c, table, entries * UINT64_C(8), "L1 table");
	for (uint32_t i = 0; i < entries; i++) {
		const uint64_t entry = load64(j, table + i * UINT64_C(8));
		const uint64_t offset = entry & OFFSET_MASK;

		if (offset == 0)
			continue;
		if (offset & (cluster_bytes(j) - 1)) {
			corrupt(j, "an L1 entry that cannot be: %#llx", (unsigned long long)entry);
			continue;
		}
		use(c, offset, cluster_bytes(j), "L2 table");
		if (active &&
		    (refcount(j, offset >> j->cluster_bits) == 1) != ((entry & COPIED) != 0))
			corrupt(j, "COPIED is wrong for the L2 table at %#llx",
				(unsigned long long)offset);
		if (offset < j->len)
			count_l2(c, offset, active);
	}
}

static void count_snapshots(struct count *c)
{
	struct qcow2_judge *j = c->j;
	uint64_t at = j->snapshots_offset;
	struct qcow2_judge_snapshot s;

	for (uint32_t i = 0; i < j->snapshot_count; i++) {
		if (at >= j->len) {
			corrupt(j, "the snapshot table is behind the file's end");
			return;
		}
		walk_snapshot(j, &at, &s);
		if (!is_table(j, s.l1_offset, s.l1_entries * UINT64_C(8)))
			corrupt(j, "a snapshot's L1 table cannot be");
		else
			count_l1(c, s.l1_offset, s.l1_entries, false);
	}
	use(c, j->snapshots_offset, at - j->snapshots_offset, "snapshot table");
}

static void count_refblocks(struct count *c)
{
	struct qcow2_judge *j = c->j;
	const uint64_t bytes = (uint64_t)j->reftable_clusters << j->cluster_bits;

	use(c, j->reftable_offset, bytes, "refcount table");
	for (uint64_t i = 0; i < bytes / 8 && j->reftable_offset + i * 8 < j->len; i++) {
		const uint64_t entry = load64(j, j->reftable_offset + i * 8);

		if (entry & (cluster_bytes(j) - 1))
			corrupt(j, "a refcount block that cannot be: %#llx",
				(unsigned long long)entry);
		else if (entry >= j->len)
			corrupt(j, "a refcount block behind the file's end");
		else if (entry)
			use(c, entry, cluster_bytes(j), "refcount block");
	}
}

static void count_beyond(struct count *c)
{
	struct qcow2_judge *j = c->j;
	const unsigned block_bits = j->cluster_bits + 3 - j->refcount_order;
	const uint64_t entries = ((uint64_t)j->reftable_clusters << j->cluster_bits) / 8;

	for (uint64_t i = c->clusters >> block_bits; i < entries; i++) {
		if (load64(j, j->reftable_offset + i * 8) == 0)
			continue;
		for (uint64_t k = i << block_bits; k < (i + 1) << block_bits; k++)
			j->leaks_beyond += k >= c->clusters && refcount(j, k) > 0;
	}
}

void qcow2_judge_check(struct qcow2_judge *j)
{
	struct count c = { .j = j };

	j->corruptions = j->leaks = j->leaks_beyond = 0;
	c.clusters = (j->len + cluster_bytes(j) - 1) >> j->cluster_bits;
	c.uses = calloc(c.clusters, sizeof(*c.uses));
	if (!c.uses)
		abort();
	use(&c, 0, cluster_bytes(j), "header");
	count_l1(&c, j->l1_offset, j->l1_entries, true);
	count_snapshots(&c);
	count_refblocks(&c);
	for (uint64_t i = 0; i < c.clusters; i++) {
		const uint64_t count = refcount(j, i);

		if (count < c.uses[i])
			corrupt(j, "cluster %llu is used %llu times, and its refcount is %llu",
				(unsigned long long)i, (unsigned long long)c.uses[i],
				(unsigned long long)count);
		else if (count > c.uses[i])
			j->leaks++;
	}
	count_beyond(&c);
	free(c.uses);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_backing(const struct qcow2_judge *j, uint64_t offset, uint8_t *out, uint64_t len)
{
	const uint64_t there = !j->has_backing || offset >= j->backing_len
				       ? 0
				       : min_u64(len, j->backing_len - offset);

	if (there > 0)
		memcpy(out, j->backing + offset, there);
	memset(out + there, 0, len - there);
}

static int read_compressed(struct qcow2_judge *j, uint64_t entry, uint64_t within, uint8_t *out,
			   uint64_t len)
{
	static struct zstd_decoder decoder;
	static uint8_t plain[CLUSTER_MAX], packed[2 * CLUSTER_MAX + SECTOR];
	uint64_t offset, bytes;
	int rc;

	compressed_place(j, entry, &offset, &bytes);
	load(j, offset, packed, bytes);
	if (j->compression)
		rc = zstd_decode(&decoder, packed, bytes, plain, cluster_bytes(j), NULL);
	else
		rc = inflate_raw(packed, bytes, plain, cluster_bytes(j), NULL);
	if (rc < 0)
		return refuse(j, "a compressed cluster that cannot be decoded");
	memcpy(out, plain + within, len);
	return 0;
}

/* What is inside one subcluster, or one cluster without them. */
static int read_piece(struct qcow2_judge *j, uint64_t table, uint64_t at, uint8_t *out,
		      uint64_t len)
{
	const uint64_t within = at & (cluster_bytes(j) - 1);
	const uint64_t index = at >> j->cluster_bits & ((UINT64_C(1) << l2_bits(j)) - 1);
	const uint64_t place = table + index * (j->extended ? 16 : 8);
	const uint64_t entry = table ? load64(j, place) : 0;
	const uint64_t bitmap = table && j->extended ? load64(j, place + 8) : 0;
	const unsigned sub = (unsigned)(within >> (j->cluster_bits - 5));
	bool is_zero = j->extended ? bitmap >> 32 >> sub & 1 : entry & 1;
	bool is_data = j->extended ? bitmap >> sub & 1 : (entry & OFFSET_MASK) != 0;

	if (entry & COMPRESSED)
		return read_compressed(j, entry, within, out, len);
	if (is_zero)
		memset(out, 0, len);
	else if (is_data)
		load(j, (entry & OFFSET_MASK) + within, out, len);
	else
		read_backing(j, at, out, len);
	return 0;
}

int qcow2_judge_read(struct qcow2_judge *j, const struct qcow2_judge_snapshot *snapshot,
		     uint64_t offset, uint8_t *out, uint64_t len)
{
	const uint64_t l1 = snapshot ? snapshot->l1_offset : j->l1_offset;
	const uint32_t entries = snapshot ? snapshot->l1_entries : j->l1_entries;
	const uint64_t grain = cluster_bytes(j) >> (j->extended ? 5 : 0);
	int rc = 0;

	while (len > 0 && rc == 0) {
		const uint64_t n = min_u64(len, grain - (offset & (grain - 1)));
		const uint64_t i = offset >> (j->cluster_bits + l2_bits(j));
		const uint64_t entry = i < entries ? load64(j, l1 + i * 8) & OFFSET_MASK : 0;

		rc = read_piece(j, entry, offset, out, n);
		offset += n;
		out += n;
		len -= n;
	}
	return rc;
}
