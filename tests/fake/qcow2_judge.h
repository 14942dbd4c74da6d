/* fake/qcow2_judge.h: a second opinion on qcow2 images: small, slow, without any code
 * of the real thing, and only for tests.  It reads bytes in memory; what it finds wrong
 * is what `qemu-img check` would. */
#ifndef BANTAM_FAKE_QCOW2_JUDGE_H
#define BANTAM_FAKE_QCOW2_JUDGE_H

#include "base/types.h"

struct qcow2_judge {
	const uint8_t *bytes; /* of the image file, borrowed */
	uint64_t len;
	/* From the header. */
	unsigned version, cluster_bits, refcount_order, compression;
	bool extended, dirty, corrupt;
	uint64_t disk_bytes, l1_offset, reftable_offset, snapshots_offset;
	uint32_t l1_entries, reftable_clusters, snapshot_count;
	bool has_backing;
	/* What is below the image: NULL is nothing; zeros from backing_len on. */
	const uint8_t *backing;
	uint64_t backing_len;
	/* What it found. */
	uint64_t corruptions, leaks;
	uint64_t leaks_beyond; /* behind the file's end, where qemu-img does not look */
	char why[256]; /* the first corruption, or why it could not be opened */
};

struct qcow2_judge_snapshot {
	uint64_t l1_offset, disk_bytes, vm_state_bytes;
	uint32_t l1_entries;
	char id[32], name[64];
};

/* 0; -1 with j->why: no image that could be used. */
int qcow2_judge_open(struct qcow2_judge *j, const uint8_t *bytes, uint64_t len);

/* Count everything: j->corruptions, j->leaks. */
void qcow2_judge_check(struct qcow2_judge *j);

/* Snapshot number index, from 0: 0, or -1 where there is none. */
int qcow2_judge_snapshot(struct qcow2_judge *j, uint32_t index, struct qcow2_judge_snapshot *out);

/* Read the disk (snapshot NULL), or a snapshot's.  offset, len: multiples of 512.
 * 0; -1 with j->why. */
int qcow2_judge_read(struct qcow2_judge *j, const struct qcow2_judge_snapshot *snapshot,
		     uint64_t offset, uint8_t *out, uint64_t len);

#endif
