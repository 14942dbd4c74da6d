#include "block/qcow2_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/options.h"

#define V2_BYTES	   72u
#define V3_BYTES	   104u
#define KNOWN_BYTES	   112u /* with the compression type, padded */
#define FEATURE_NAME_BYTES 48u

enum {
	EXT_END = 0,
	EXT_BACKING_FORMAT = 0xe2792aca,
	EXT_FEATURE_NAMES = 0x6803f857,
	EXT_BITMAPS = 0x23852875,
	EXT_ENCRYPTION = 0x0537be77,
	EXT_DATA_FILE = 0x44415441,
};

#define BITMAPS_BYTES 24u

/* ---- judging -------------------------------------------------------------------------- */

static int check_version(const uint8_t *p, const char *name, struct err *err)
{
	const uint32_t version = be32_load(p + 4);
	const uint32_t cluster_bits = be32_load(p + 20);

	if (be32_load(p) != QCOW2_MAGIC)
		return err_set(err, -EINVAL, "%s is no qcow2 image", name);
	if (version < 2 || version > 3)
		return err_set(err, -EOPNOTSUPP,
			       "%s is a qcow2 image of version %u; 2 and 3 are supported", name,
			       version);
	if (cluster_bits < QCOW2_CLUSTER_BITS_MIN || cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(err, -EINVAL,
			       "%s: clusters of 2^%u bytes; 512 bytes to 2 MiB are possible", name,
			       cluster_bits);
	return 0;
}

int qcow2_header_bytes(const uint8_t *first, const char *name, uint32_t *len, struct err *err)
{
	const int rc = check_version(first, name, err);

	if (rc == 0)
		*len = UINT32_C(1) << be32_load(first + 20);
	return rc;
}

/* A table of `bytes` at offset: aligned, not the header, and inside what an offset
 * can say. */
static bool is_place(const struct qcow2_header *h, uint64_t offset, uint64_t bytes)
{
	return (offset & (qcow2_cluster_bytes(h) - 1)) == 0 && offset != 0 &&
	       range_inside(offset, bytes, INT64_MAX);
}

static int check_l1(const struct qcow2_header *h, const char *name, struct err *err)
{
	const uint64_t bytes = (uint64_t)h->l1_entries * 8;

	if (h->size_bytes > INT64_MAX)
		return err_set(err, -EINVAL, "%s: a disk of %llu bytes cannot be", name,
			       (unsigned long long)h->size_bytes);
	if (bytes > QCOW2_L1_BYTES_MAX)
		return err_set(err, -EFBIG, "%s: its L1 table of %u entries is above 32 MiB", name,
			       h->l1_entries);
	if (h->l1_entries < qcow2_l1_entries_for(h, h->size_bytes))
		return err_set(err, -EINVAL, "%s: its L1 table is too small for the disk's size",
			       name);
	if (h->l1_entries > 0 && !is_place(h, h->l1_offset, bytes))
		return err_set(err, -EINVAL, "%s: its L1 table cannot be at %#llx", name,
			       (unsigned long long)h->l1_offset);
	return 0;
}

static int check_reftable(const struct qcow2_header *h, const char *name, struct err *err)
{
	const uint64_t bytes = (uint64_t)h->reftable_clusters << h->cluster_bits;

	if (h->reftable_clusters == 0)
		return err_set(err, -EINVAL, "%s has no refcount table", name);
	/* Clusters of more than the cap's half are whole anyway. */
	if (bytes > max_u64(QCOW2_REFTABLE_BYTES_MAX, qcow2_cluster_bytes(h)))
		return err_set(err, -EFBIG, "%s: its refcount table of %u clusters is above 8 MiB",
			       name, h->reftable_clusters);
	if (!is_place(h, h->reftable_offset, bytes))
		return err_set(err, -EINVAL, "%s: its refcount table cannot be at %#llx", name,
			       (unsigned long long)h->reftable_offset);
	return 0;
}

static int check_snapshots(const struct qcow2_header *h, const char *name, struct err *err)
{
	if (h->snapshot_count > QCOW2_SNAPSHOTS_MAX)
		return err_set(err, -EFBIG, "%s: %u snapshots; 65536 are possible", name,
			       h->snapshot_count);
	if (h->snapshot_count > 0 && !is_place(h, h->snapshots_offset, 0))
		return err_set(err, -EINVAL, "%s: its snapshot table cannot be at %#llx", name,
			       (unsigned long long)h->snapshots_offset);
	return 0;
}

static int check_tables(struct qcow2_header *h, bool for_repair, const char *name, struct err *err)
{
	int rc = check_l1(h, name, err);

	if (rc < 0)
		return rc;
	rc = check_reftable(h, name, err);
	if (rc < 0 && !for_repair)
		return rc;
	h->bad_reftable = rc < 0;
	rc = check_snapshots(h, name, err);
	if (rc < 0 && !for_repair)
		return rc;
	h->bad_snapshots = rc < 0;
	return 0;
}

/* ---- features ---------------------------------------------------------------------------- */

/* The image's own name of a feature, from its table; "" if it has none. */
static void feature_name(const uint8_t *table, uint32_t table_bytes, unsigned type, unsigned bit,
			 char out[QUOTED_BYTES])
{
	char text[FEATURE_NAME_BYTES - 1] = "";

	for (uint32_t at = 0; at + FEATURE_NAME_BYTES <= table_bytes; at += FEATURE_NAME_BYTES) {
		if (table[at] == type && table[at + 1] == bit) {
			memcpy(text, table + at + 2, FEATURE_NAME_BYTES - 2);
			break;
		}
	}
	if (*text)
		quoted(out, text);
	else
		*out = '\0';
}

static int check_features(const struct qcow2_header *h, const uint8_t *names, uint32_t names_bytes,
			  const char *name, struct err *err)
{
	const uint64_t known = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_DATA_FILE | QCOW2_COMPRESSION |
			       QCOW2_EXTENDED_L2;
	const uint64_t unknown = h->incompatible & ~known;
	char text[QUOTED_BYTES];

	if (unknown != 0) {
		const unsigned bit = (unsigned)__builtin_ctzll(unknown);

		feature_name(names, names_bytes, 0, bit, text);
		return err_set(err, -EOPNOTSUPP,
			       "%s needs incompatible feature %u%s%s, which is not known here",
			       name, bit, *text ? ", " : "", text);
	}
	if (h->incompatible & QCOW2_DATA_FILE)
		return err_set(
			err, -EOPNOTSUPP,
			"%s keeps its data in an external data file, which is not supported; "
			"'qemu-img convert -O qcow2' makes one image of both",
			name);
	if (qcow2_is_extended(h) && h->cluster_bits < QCOW2_EXTENDED_BITS_MIN)
		return err_set(err, -EINVAL,
			       "%s: extended L2 with clusters of %llu bytes; 16 KiB is the least",
			       name, (unsigned long long)qcow2_cluster_bytes(h));
	return 0;
}

static int check_crypt(uint32_t method, const char *name, struct err *err)
{
	if (method == 0)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "%s is encrypted (%s), which is not supported; 'qemu-img convert' with its "
		       "secret makes a plain image",
		       name,
		       method == 1   ? "AES"
		       : method == 2 ? "LUKS"
				     : "by an unknown method");
}

static int check_compression(struct qcow2_header *h, unsigned type, const char *name,
			     struct err *err)
{
	if ((type != 0) != ((h->incompatible & QCOW2_COMPRESSION) != 0))
		return err_set(err, -EINVAL,
			       "%s: compression type %u and its feature bit contradict each other",
			       name, type);
	if (type > QCOW2_ZSTD)
		return err_set(err, -EOPNOTSUPP, "%s: compression type %u is not known here", name,
			       type);
	h->compression = (enum qcow2_compression)type;
	return 0;
}

/* ---- fields -------------------------------------------------------------------------------- */

static void load_v2(struct qcow2_header *h, const uint8_t *p)
{
	h->version = be32_load(p + 4);
	h->cluster_bits = be32_load(p + 20);
	h->size_bytes = be64_load(p + 24);
	h->l1_entries = be32_load(p + 36);
	h->l1_offset = be64_load(p + 40);
	h->reftable_offset = be64_load(p + 48);
	h->reftable_clusters = be32_load(p + 56);
	h->snapshot_count = be32_load(p + 60);
	h->snapshots_offset = be64_load(p + 64);
	h->refcount_order = 4;
	h->header_bytes = V2_BYTES;
}

static int keep(uint8_t **to, uint32_t *to_bytes, const uint8_t *from, uint32_t len)
{
	uint8_t *grown = realloc(*to, (size_t)*to_bytes + len);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + *to_bytes, from, len);
	*to = grown;
	*to_bytes += len;
	return 0;
}

static int load_v3(struct qcow2_header *h, const uint8_t *p, uint32_t len, const char *name,
		   struct err *err)
{
	const uint32_t order = be32_load(p + 96), header_bytes = be32_load(p + 100);

	h->incompatible = be64_load(p + 72);
	h->compatible = be64_load(p + 80);
	h->autoclear = be64_load(p + 88);
	if (header_bytes < V3_BYTES || header_bytes > len || header_bytes % 8 != 0)
		return err_set(err, -EINVAL, "%s: a header of %u bytes cannot be", name,
			       header_bytes);
	if (order > 6)
		return err_set(err, -EINVAL, "%s: refcounts of 2^%u bits; 64 bits are the most",
			       name, order);
	h->refcount_order = order;
	h->header_bytes = header_bytes;
	if (header_bytes > KNOWN_BYTES && keep(&h->unknown_fields, &h->unknown_fields_bytes,
					       p + KNOWN_BYTES, header_bytes - KNOWN_BYTES) < 0)
		return err_errno(err, -ENOMEM, "%s", name);
	return check_compression(h, header_bytes > V3_BYTES ? p[V3_BYTES] : 0, name, err);
}

/* ---- extensions ----------------------------------------------------------------------------- */

struct extension {
	uint32_t type;
	uint32_t len;
	const uint8_t *data;
};

static int load_bitmaps(struct qcow2_header *h, const struct extension *x, const char *name,
			struct err *err)
{
	/* Without its bit, what it says is stale. */
	if (!(h->autoclear & QCOW2_BITMAPS))
		return 0;
	if (x->len != BITMAPS_BYTES)
		return err_set(err, -EINVAL, "%s: its bitmaps extension has %u bytes, not 24", name,
			       x->len);
	h->has_bitmaps = true;
	h->bitmap_count = be32_load(x->data);
	h->bitmap_directory_bytes = be64_load(x->data + 8);
	h->bitmap_directory_offset = be64_load(x->data + 16);
	return 0;
}

static int load_extension(struct qcow2_header *h, const struct extension *x, const char *name,
			  struct err *err)
{
	switch (x->type) {
	case EXT_BACKING_FORMAT:
		if (x->len > QCOW2_BACKING_FORMAT_MAX || memchr(x->data, '\0', x->len))
			return err_set(err, -EINVAL,
				       "%s: the format of its backing file is no name", name);
		memcpy(h->backing_format, x->data, x->len);
		h->backing_format[x->len] = '\0';
		return 0;
	case EXT_FEATURE_NAMES:
		h->names_features = true;
		return 0;
	case EXT_BITMAPS:
		return load_bitmaps(h, x, name, err);
	case EXT_ENCRYPTION:
	case EXT_DATA_FILE: /* without their features: stale, like those of bitmaps */
		return 0;
	default:
		if (keep(&h->unknown_extensions, &h->unknown_extensions_bytes, x->data - 8,
			 8 + ((x->len + 7) & ~UINT32_C(7))) < 0)
			return err_errno(err, -ENOMEM, "%s", name);
		return 0;
	}
}

/* The extension at `at`, and where the next one is.  A backing file's name ends the
 * area, too. */
static bool next_extension(const uint8_t *p, uint32_t end, uint32_t *at, struct extension *x)
{
	if (*at + 8 > end)
		return false;
	x->type = be32_load(p + *at);
	x->len = be32_load(p + *at + 4);
	x->data = p + *at + 8;
	if (x->type == EXT_END)
		return false;
	*at = x->len > end - *at - 8 ? UINT32_MAX : *at + 8 + ((x->len + 7) & ~UINT32_C(7));
	return true;
}

/* names  the feature name table, where there is one */
static int load_extensions(struct qcow2_header *h, const uint8_t *p, uint32_t end, const char *name,
			   struct err *err)
{
	uint32_t at = h->header_bytes;
	struct extension x;
	int rc = 0;

	while (rc == 0 && next_extension(p, end, &at, &x)) {
		/* Its padding may be cut off by the name; then take none of it. */
		if (at > ((end + 7) & ~UINT32_C(7)))
			return err_set(err, -EINVAL,
				       "%s: a header extension (%#x) goes beyond the header", name,
				       x.type);
		rc = load_extension(h, &x, name, err);
	}
	return rc;
}

static void find_feature_names(const struct qcow2_header *h, const uint8_t *p, uint32_t end,
			       struct extension *out)
{
	uint32_t at = h->header_bytes;
	struct extension x;

	*out = (struct extension){ .len = 0 };
	while (next_extension(p, end, &at, &x) && at != UINT32_MAX) {
		if (x.type == EXT_FEATURE_NAMES)
			*out = x;
	}
}

/* ---- the backing file's name ------------------------------------------------------------------
 */

static int load_backing(struct qcow2_header *h, const uint8_t *p, uint32_t len, const char *name,
			struct err *err)
{
	const uint64_t offset = be64_load(p + 8);
	const uint32_t bytes = be32_load(p + 16);

	if (offset == 0 || (bytes == 0 && offset <= len))
		return 0;
	if (bytes > QCOW2_BACKING_NAME_MAX || offset < h->header_bytes ||
	    !range_inside(offset, bytes, len))
		return err_set(err, -EINVAL,
			       "%s: the name of its backing file (%u bytes at %#llx) is not inside "
			       "the header's cluster, or above 1023 bytes",
			       name, bytes, (unsigned long long)offset);
	if (memchr(p + offset, '\0', bytes))
		return err_set(err, -EINVAL, "%s: the name of its backing file has a NUL in it",
			       name);
	h->has_backing = true;
	h->backing_offset = (uint32_t)offset;
	memcpy(h->backing_name, p + offset, bytes);
	h->backing_name[bytes] = '\0';
	return 0;
}

int qcow2_header_parse(struct qcow2_header *h, const uint8_t *bytes, uint32_t len, bool for_repair,
		       const char *name, struct err *err)
{
	struct extension names;
	uint32_t end = len;
	int rc;

	*h = (struct qcow2_header){ .version = 0 };
	rc = check_version(bytes, name, err);
	if (rc < 0)
		return rc;
	load_v2(h, bytes);
	if (h->version >= 3)
		rc = load_v3(h, bytes, len, name, err);
	if (rc == 0)
		rc = load_backing(h, bytes, len, name, err);
	if (rc == 0) {
		if (h->has_backing)
			end = h->backing_offset;
		find_feature_names(h, bytes, end, &names);
		rc = check_features(h, names.data, names.len, name, err);
	}
	if (rc == 0)
		rc = check_crypt(be32_load(bytes + 32), name, err);
	if (rc == 0)
		rc = load_extensions(h, bytes, end, name, err);
	if (rc == 0)
		rc = check_tables(h, for_repair, name, err);
	if (rc < 0)
		qcow2_header_free(h);
	return rc;
}

void qcow2_header_free(struct qcow2_header *h)
{
	free(h->unknown_fields);
	free(h->unknown_extensions);
	h->unknown_fields = NULL;
	h->unknown_extensions = NULL;
}
