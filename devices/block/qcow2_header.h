/* block/qcow2_header.h: the first cluster of a qcow2 image (QEMU's
 * docs/interop/qcow2): parsed, judged, and written again.  Pure; any bytes.
 *
 *      +0    QFI\xfb, version 2 or 3           sector 0 names every table of the
 *      +8    backing file's name: where, len   image: all structural changes are
 *      +20   cluster_bits                      committed by writing it once
 *      +24   size
 *      +36   L1: entries, offset
 *      +48   refcount table: offset, clusters
 *      +60   snapshots: count, offset
 *      +72   features: incompatible, compatible, autoclear      (v3 from here)
 *      +96   refcount_order, header_length
 *      +104  compression type
 *      +header_length: extensions (type, length, data, padding to 8) ... type 0
 *      anywhere behind: the backing file's name
 *
 * All numbers are big-endian. */
#ifndef BANTAM_BLOCK_QCOW2_HEADER_H
#define BANTAM_BLOCK_QCOW2_HEADER_H

#include "base/err.h"
#include "base/types.h"

#define QCOW2_MAGIC		       UINT32_C(0x514649fb)
#define QCOW2_SECTOR_BYTES	       512u
#define QCOW2_CLUSTER_BITS_MIN	       9u
#define QCOW2_CLUSTER_BITS_MAX	       21u
#define QCOW2_EXTENDED_BITS_MIN	       14u /* cluster_bits with extended L2 */
#define QCOW2_L1_BYTES_MAX	       MIB(32)
#define QCOW2_REFTABLE_BYTES_MAX       MIB(8)
#define QCOW2_SNAPSHOTS_MAX	       65536u
#define QCOW2_SNAPSHOT_TABLE_BYTES_MAX MIB(64)
#define QCOW2_BACKING_NAME_MAX	       1023u
#define QCOW2_BACKING_FORMAT_MAX       15u

/* Incompatible features. */
#define QCOW2_DIRTY	  (UINT64_C(1) << 0)
#define QCOW2_CORRUPT	  (UINT64_C(1) << 1)
#define QCOW2_DATA_FILE	  (UINT64_C(1) << 2)
#define QCOW2_COMPRESSION (UINT64_C(1) << 3)
#define QCOW2_EXTENDED_L2 (UINT64_C(1) << 4)
/* Compatible ones. */
#define QCOW2_LAZY_REFCOUNTS (UINT64_C(1) << 0)
/* Those that whoever does not keep them true clears before writing. */
#define QCOW2_BITMAPS (UINT64_C(1) << 0)

enum qcow2_compression { QCOW2_ZLIB, QCOW2_ZSTD };

/* Entries of tables. */
#define QCOW2_COPIED	    (UINT64_C(1) << 63) /* refcount 1: may be written in place */
#define QCOW2_COMPRESSED    (UINT64_C(1) << 62)
#define QCOW2_ZERO	    (UINT64_C(1) << 0) /* v3 without extended L2 */
#define QCOW2_OFFSET_MASK   UINT64_C(0x00fffffffffffe00)
#define QCOW2_REFBLOCK_MASK UINT64_C(0xfffffffffffffe00)
/* Of standard L2 entries (bit 0 is QCOW2_ZERO) and of L1 entries (bit 0 too). */
#define QCOW2_RESERVED_MASK    UINT64_C(0x3f000000000001fe)
#define QCOW2_L1_RESERVED_MASK UINT64_C(0x7f000000000001ff)

struct qcow2_header {
	unsigned version;
	unsigned cluster_bits;
	unsigned refcount_order; /* 0..6: refcounts of 1 << order bits */
	uint32_t header_bytes;
	uint64_t size_bytes; /* of the disk; any number up to INT64_MAX */
	uint32_t l1_entries;
	uint32_t reftable_clusters;
	uint32_t snapshot_count;
	uint64_t l1_offset;
	uint64_t reftable_offset;
	uint64_t snapshots_offset;
	uint64_t incompatible;
	uint64_t compatible;
	uint64_t autoclear;
	enum qcow2_compression compression;

	bool has_backing;
	uint32_t backing_offset;			   /* where the name is now */
	char backing_name[QCOW2_BACKING_NAME_MAX + 1];	   /* a path; "" without backing */
	char backing_format[QCOW2_BACKING_FORMAT_MAX + 1]; /* "": not said */

	/* The bitmaps extension; true only while QCOW2_BITMAPS is set. */
	bool has_bitmaps;
	uint32_t bitmap_count;
	uint64_t bitmap_directory_bytes;
	uint64_t bitmap_directory_offset;

	bool names_features; /* it has a feature name table */
	/* Opened for repair: these would have been refused, and are unusable. */
	bool bad_reftable;
	bool bad_snapshots;

	/* Kept for when the header is written anew, owned: unknown fields behind
	 * those above, and unknown extensions (whole, with their padding). */
	uint8_t *unknown_fields;
	uint32_t unknown_fields_bytes;
	uint8_t *unknown_extensions;
	uint32_t unknown_extensions_bytes;
};

/* How many bytes from the image's start qcow2_header_parse() wants, judged from the
 * first QCOW2_SECTOR_BYTES: a cluster, at most 2 MiB.
 * name  the image's, for messages
 * 0, or -errno with err filled: -EINVAL (no qcow2, or damaged), -EOPNOTSUPP. */
int qcow2_header_bytes(const uint8_t *first, const char *name, uint32_t *len, struct err *err);

/* bytes       the first cluster (zeros where the file is shorter)
 * for_repair  a refcount table or snapshot table that cannot be is no error
 * h           owned by the caller until qcow2_header_free(), when all goes well
 * 0, or -errno with err filled: -EINVAL, -EOPNOTSUPP (a feature; err names it). */
int qcow2_header_parse(struct qcow2_header *h, const uint8_t *bytes, uint32_t len, bool for_repair,
		       const char *name, struct err *err);

/* Frees what h owns; h may be zeroed memory. */
void qcow2_header_free(struct qcow2_header *h);

/* Put what changes with the image's structure (size, tables, snapshots, features)
 * into the image's first sector, of the same version and header length. */
void qcow2_header_patch(const struct qcow2_header *h, uint8_t sector[QCOW2_SECTOR_BYTES]);

/* The whole header with extensions, as version and features of h have it.
 * cluster  of h's cluster size; zeroed first
 * avoid    bytes that hold a name now, and stay: the new one is put elsewhere, so
 *          that the old header is true until sector 0 is written
 * Sets h->header_bytes and backing_offset.  The extensions are in sector 0, and the
 * name too where there is room.  0; -ENOSPC where they do not fit, err filled. */
struct qcow2_name_place {
	uint32_t offset;
	uint32_t len; /* 0: none */
};
int qcow2_header_emit(struct qcow2_header *h, uint8_t *cluster, struct qcow2_name_place avoid,
		      const char *name, struct err *err);

/* ---- what follows from a header -------------------------------------------------- */

static inline uint64_t qcow2_cluster_bytes(const struct qcow2_header *h)
{
	return UINT64_C(1) << h->cluster_bits;
}

static inline bool qcow2_is_extended(const struct qcow2_header *h)
{
	return (h->incompatible & QCOW2_EXTENDED_L2) != 0;
}

/* 8, or 16 with extended L2: log2 of it. */
static inline unsigned qcow2_l2_entry_bits(const struct qcow2_header *h)
{
	return qcow2_is_extended(h) ? 4 : 3;
}

/* Entries of an L2 table: log2 of it. */
static inline unsigned qcow2_l2_bits(const struct qcow2_header *h)
{
	return h->cluster_bits - qcow2_l2_entry_bits(h);
}

/* Disk bytes that an L1 entry covers: log2 of it, at most 39. */
static inline unsigned qcow2_l1_shift(const struct qcow2_header *h)
{
	return h->cluster_bits + qcow2_l2_bits(h);
}

/* L1 entries that a disk of size_bytes (up to INT64_MAX) needs. */
static inline uint64_t qcow2_l1_entries_for(const struct qcow2_header *h, uint64_t size_bytes)
{
	const unsigned shift = qcow2_l1_shift(h);

	return (size_bytes >> shift) + ((size_bytes & ((UINT64_C(1) << shift) - 1)) != 0);
}

/* Clusters whose refcounts are in one refcount block: log2 of it. */
static inline unsigned qcow2_refblock_bits(const struct qcow2_header *h)
{
	return h->cluster_bits + 3 - h->refcount_order;
}

static inline uint64_t qcow2_refcount_max(const struct qcow2_header *h)
{
	return UINT64_MAX >> (64 - (1u << h->refcount_order));
}

/* A compressed cluster's entry: where its data begins, and how many bytes to the end
 * of its last sector (more than it needs). */
static inline void qcow2_compressed_place(const struct qcow2_header *h, uint64_t entry,
					  uint64_t *offset, uint64_t *len)
{
	const unsigned x = 62 - (h->cluster_bits - 8);

	*offset = entry & ((UINT64_C(1) << x) - 1);
	*len = (((entry & ((UINT64_C(1) << 62) - 1)) >> x) + 1) * QCOW2_SECTOR_BYTES -
	       (*offset & (QCOW2_SECTOR_BYTES - 1));
}

#endif
