/* The other direction of qcow2_header.c: from fields to bytes.
 *
 * A header is changed while an image is in use by nobody, but the power may fail: so
 * all of it that may ever change is within sector 0, which a disk writes as a whole
 * or not at all, or (a long name) at a place that the old header does not use.  QEMU's
 * table of feature names, a courtesy, would not fit: ours names what the image uses. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#include "block/qcow2_header.h"

#define V2_BYTES	   72u
#define V3_BYTES	   104u
#define KNOWN_BYTES	   112u
#define FEATURE_NAME_BYTES 48u

void qcow2_header_patch(const struct qcow2_header *h, uint8_t sector[QCOW2_SECTOR_BYTES])
{
	be64_store(sector + 24, h->size_bytes);
	be32_store(sector + 36, h->l1_entries);
	be64_store(sector + 40, h->l1_offset);
	be64_store(sector + 48, h->reftable_offset);
	be32_store(sector + 56, h->reftable_clusters);
	be32_store(sector + 60, h->snapshot_count);
	be64_store(sector + 64, h->snapshots_offset);
	if (h->version < 3)
		return;
	be64_store(sector + 72, h->incompatible);
	be64_store(sector + 80, h->compatible);
	be64_store(sector + 88, h->autoclear);
}

static void store_fields(const struct qcow2_header *h, uint8_t *p)
{
	be32_store(p, QCOW2_MAGIC);
	be32_store(p + 4, h->version);
	be32_store(p + 20, h->cluster_bits);
	if (h->version >= 3) {
		be32_store(p + 96, h->refcount_order);
		be32_store(p + 100, h->header_bytes);
		p[V3_BYTES] = (uint8_t)h->compression;
		if (h->unknown_fields_bytes > 0)
			memcpy(p + KNOWN_BYTES, h->unknown_fields, h->unknown_fields_bytes);
	}
	qcow2_header_patch(h, p);
}

/* ---- extensions -------------------------------------------------------------------------- */

/* Where the next extension goes, and up to where. */
struct cursor {
	uint8_t *p;
	uint32_t at;
	uint32_t end;
	bool full;
};

static uint8_t *put(struct cursor *c, uint32_t bytes)
{
	uint8_t *p = c->p + c->at;

	if (c->full || bytes > c->end - c->at) {
		c->full = true;
		return NULL;
	}
	c->at += bytes;
	return p;
}

static uint8_t *put_extension(struct cursor *c, uint32_t type, uint32_t len)
{
	uint8_t *p = put(c, 8 + ((len + 7) & ~UINT32_C(7)));

	if (!p)
		return NULL;
	be32_store(p, type);
	be32_store(p + 4, len);
	return p + 8;
}

static void put_backing_format(struct cursor *c, const struct qcow2_header *h)
{
	const uint32_t len = (uint32_t)strlen(h->backing_format);
	uint8_t *p;

	if (!h->has_backing || len == 0)
		return;
	p = put_extension(c, UINT32_C(0xe2792aca), len);
	if (p)
		memcpy(p, h->backing_format, len);
}

static void put_bitmaps(struct cursor *c, const struct qcow2_header *h)
{
	uint8_t *p;

	if (!h->has_bitmaps)
		return;
	p = put_extension(c, UINT32_C(0x23852875), 24);
	if (!p)
		return;
	be32_store(p, h->bitmap_count);
	be64_store(p + 8, h->bitmap_directory_bytes);
	be64_store(p + 16, h->bitmap_directory_offset);
}

static void put_unknown(struct cursor *c, const struct qcow2_header *h)
{
	uint8_t *p;

	if (h->unknown_extensions_bytes == 0)
		return;
	p = put(c, h->unknown_extensions_bytes);
	if (p)
		memcpy(p, h->unknown_extensions, h->unknown_extensions_bytes);
}

/* For who does not know them: the features that may keep others out. */
static const struct {
	uint8_t type, bit;
	const char *name;
} feature_names[] = {
	{ 0, 0, "dirty bit" },		 { 0, 1, "corrupt bit" },    { 0, 3, "compression type" },
	{ 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
};

static bool is_used(const struct qcow2_header *h, size_t i)
{
	const uint64_t bits = feature_names[i].type == 0
				      ? h->incompatible | QCOW2_DIRTY | QCOW2_CORRUPT
				      : h->compatible;

	return (bits >> feature_names[i].bit & 1) != 0;
}

static uint32_t feature_names_bytes(const struct qcow2_header *h)
{
	uint32_t bytes = 8;

	for (size_t i = 0; i < ARRAY_LEN(feature_names); i++)
		bytes += is_used(h, i) ? FEATURE_NAME_BYTES : 0;
	return bytes;
}

/* spare  bytes to leave for what must have room */
static void put_feature_names(struct cursor *c, const struct qcow2_header *h, uint32_t spare)
{
	const uint32_t bytes = feature_names_bytes(h);
	uint8_t *p;

	if (h->version < 3 || !h->names_features || bytes + spare > c->end - c->at)
		return;
	p = put_extension(c, UINT32_C(0x6803f857), bytes - 8);
	for (size_t i = 0; p && i < ARRAY_LEN(feature_names); i++) {
		if (!is_used(h, i))
			continue;
		p[0] = feature_names[i].type;
		p[1] = feature_names[i].bit;
		memcpy(p + 2, feature_names[i].name, strlen(feature_names[i].name));
		p += FEATURE_NAME_BYTES;
	}
}

/* ---- the name -------------------------------------------------------------------------------- */

/* Behind the extensions in sector 0; else behind it, not over the old one. */
static bool place_name(const struct qcow2_header *h, const struct cursor *c, uint32_t len,
		       struct qcow2_name_place avoid, uint32_t *offset)
{
	const uint64_t cluster = qcow2_cluster_bytes(h);
	const uint32_t old_end = avoid.offset + avoid.len;

	*offset = c->at;
	if (len <= c->end - c->at)
		return true;
	*offset = QCOW2_SECTOR_BYTES;
	if (avoid.len == 0 || *offset + len <= avoid.offset)
		return *offset + len <= cluster;
	if (old_end > *offset)
		*offset = old_end;
	return *offset + len <= cluster;
}

int qcow2_header_emit(struct qcow2_header *h, uint8_t *cluster, struct qcow2_name_place avoid,
		      const char *name, struct err *err)
{
	const uint32_t name_bytes = h->has_backing ? (uint32_t)strlen(h->backing_name) : 0;
	struct cursor c = { .p = cluster, .end = QCOW2_SECTOR_BYTES };

	memset(cluster, 0, qcow2_cluster_bytes(h));
	h->header_bytes = h->version >= 3 ? KNOWN_BYTES + h->unknown_fields_bytes : V2_BYTES;
	c.at = h->header_bytes;
	c.full = c.at > c.end;
	put_backing_format(&c, h);
	put_bitmaps(&c, h);
	put_unknown(&c, h);
	/* In small clusters the name needs the place more. */
	if (!c.full)
		put_feature_names(&c, h, qcow2_cluster_bytes(h) <= 2048 ? 8 + name_bytes : 8);
	put(&c, 8); /* the end */
	if (c.full || !place_name(h, &c, name_bytes, avoid, &h->backing_offset))
		return err_set(err, -ENOSPC,
			       "%s: its header has no room for a backing file's name of %u bytes "
			       "(clusters of %llu bytes)",
			       name, name_bytes, (unsigned long long)qcow2_cluster_bytes(h));
	if (name_bytes > 0) {
		memcpy(cluster + h->backing_offset, h->backing_name, name_bytes);
		be64_store(cluster + 8, h->backing_offset);
		be32_store(cluster + 16, name_bytes);
	}
	store_fields(h, cluster);
	return 0;
}
