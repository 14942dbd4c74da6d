/* block/qcow2_ops.h: what can be done to a qcow2 image that no guest runs on.
 *
 * All take an image opened with qcow2_meta_open() and are whole or nothing, over a
 * power failure too (qcow2_meta.h).  All return 0, or -errno with err one line that
 * names the image and says what was wrong and what would be right; then the image is
 * as it was, and is closed: its tables in memory are no longer good. */
#ifndef BANTAM_BLOCK_QCOW2_OPS_H
#define BANTAM_BLOCK_QCOW2_OPS_H

#include "block/qcow2_meta.h"

/* ---- create ------------------------------------------------------------------------------ */

enum qcow2_preallocation {
	QCOW2_PREALLOC_OFF,
	QCOW2_PREALLOC_METADATA, /* all tables; data clusters are holes in the file */
	QCOW2_PREALLOC_FALLOC,	 /* and their space is reserved */
	QCOW2_PREALLOC_FULL,	 /* and written with zeros */
};

/* "off", "metadata", "falloc", "full". */
extern const char *const qcow2_preallocation_names[];

struct qcow2_create_options {
	uint64_t size_bytes;	/* of the disk, a multiple of 512 */
	unsigned version;	/* 2 ("0.10"), 3 ("1.1"); 0: 3 */
	uint32_t cluster_bytes; /* 512..2 MiB, a power of two; 0: 64 KiB */
	unsigned refcount_bits; /* 1, 2, 4, ... 64; 0: 16 */
	bool extended_l2;
	bool lazy_refcounts;
	enum qcow2_compression compression;
	enum qcow2_preallocation preallocation;
	const char *backing_name;   /* as it is to be stored; NULL: none */
	const char *backing_format; /* "raw", "qcow2", ...; with a backing name */
};

/* Judge the options without doing anything.  name: for messages */
int qcow2_create_check(const struct qcow2_create_options *o, const char *name, struct err *err);

/* Make file, which is empty or will be, an image.  The header is written last: until
 * then there is no image. */
int qcow2_create(struct block *file, struct ioloop *loop, const char *name,
		 const struct qcow2_create_options *o, const struct qcow2_progress *progress,
		 struct err *err);

/* ---- snapshots ----------------------------------------------------------------------------- */

/* Find by id or, if there is none, by name: m->h.snapshot_count where nothing is. */
uint32_t qcow2_snapshot_find(const struct qcow2_meta *m, const char *id_or_name);

/* The disk as it is now, under that name and a new id; the time is the caller's. */
int qcow2_snapshot_create(struct qcow2_meta *m, const char *snapshot, uint64_t date_ns,
			  const struct qcow2_progress *progress, struct err *err);

/* The disk (and its size, and vm state) becomes what it was.  Bitmaps are dropped. */
int qcow2_snapshot_apply(struct qcow2_meta *m, uint32_t index,
			 const struct qcow2_progress *progress, struct err *err);

int qcow2_snapshot_delete(struct qcow2_meta *m, uint32_t index,
			  const struct qcow2_progress *progress, struct err *err);

/* ---- resize ---------------------------------------------------------------------------------- */

/* size_bytes     a multiple of 512
 * may_shrink     else a smaller size is refused: it throws data away
 * backing        the backing disk, read-only; NULL without.  What the disk gains reads
 *                as zeros, never as what is there. */
int qcow2_resize(struct qcow2_meta *m, uint64_t size_bytes, bool may_shrink, struct block *backing,
		 const struct qcow2_progress *progress, struct err *err);

/* ---- check and repair ---------------------------------------------------------------------------
 */

enum qcow2_repair { QCOW2_REPAIR_NONE, QCOW2_REPAIR_LEAKS, QCOW2_REPAIR_ALL };

struct qcow2_check_result {
	/* What is still wrong now. */
	uint64_t leaks;	       /* clusters whose refcount is higher than what uses them */
	uint64_t corruptions;  /* anything that may lose data */
	uint64_t check_errors; /* could not be judged: reads failed */
	/* What was put right. */
	uint64_t leaks_fixed;
	uint64_t corruptions_fixed;
	/* What there is, of the active disk. */
	uint64_t total_clusters;
	uint64_t allocated_clusters;
	uint64_t fragmented_clusters;
	uint64_t compressed_clusters;
	uint64_t image_end_bytes; /* behind the last cluster in use */
};

/* Called for each finding; `line` has no newline.  At most QCOW2_FINDINGS_MAX come,
 * then only the counts go on. */
#define QCOW2_FINDINGS_MAX 1000u
struct qcow2_report {
	void (*finding)(void *arg, const char *line);
	void *arg;
};

/* Count all references, and compare.  The image is open for QCOW2_REPAIR (also for
 * QCOW2_REPAIR_NONE, which writes nothing).
 * report  may be NULL
 * 0 with *result filled, whatever was found; or -errno. */
int qcow2_check(struct qcow2_meta *m, enum qcow2_repair repair, struct qcow2_check_result *result,
		const struct qcow2_report *report, const struct qcow2_progress *progress,
		struct err *err);

/* ---- backing files -----------------------------------------------------------------------------
 */

/* Only the name changes (and format, "" or NULL: not said); name NULL: no backing
 * file any more.  What the guest sees is the caller's responsibility. */
int qcow2_rebase_unsafe(struct qcow2_meta *m, const char *backing_name, const char *backing_format,
			struct err *err);

/* The guest sees the same after: what differs between the old backing disk and the
 * new one, and was not in the image, is put there.  Either may be NULL (zeros). */
int qcow2_rebase(struct qcow2_meta *m, struct block *old_backing, struct block *new_backing,
		 const char *backing_name, const char *backing_format,
		 const struct qcow2_progress *progress, struct err *err);

/* Write all that is in the image, and not in its backing disk, into `backing`, which
 * is at least as large (-ENOSPC), and flush it.
 * empty  then let nothing be in the image */
int qcow2_commit(struct qcow2_meta *m, struct block *backing, bool empty,
		 const struct qcow2_progress *progress, struct err *err);

#endif
