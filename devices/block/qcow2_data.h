/* block/qcow2_data.h: what a disk holds, cluster by cluster, of an image that no
 * guest runs on: read, and changed in free clusters until the commit. */
#ifndef BANTAM_BLOCK_QCOW2_DATA_H
#define BANTAM_BLOCK_QCOW2_DATA_H

#include "block/qcow2_meta.h"
#include "codec/zstd_decode.h"

struct qcow2_data {
	struct qcow2_meta *m;
	struct sync_io backing; /* block NULL: none, zeros */
	uint8_t *table;		/* the L2 table of L1 entry `index` */
	uint32_t index;
	bool loaded;
	bool changed;
	uint8_t *packed; /* compressed data; made when it is needed */
	struct zstd_decoder *zstd;
};

/* backing  a disk, borrowed, on m's loop; NULL: what is not in the image is zeros.
 * qcow2_data_close() in any case. */
int qcow2_data_open(struct qcow2_data *d, struct qcow2_meta *m, struct block *backing,
		    struct err *err);
void qcow2_data_close(struct qcow2_data *d);

/* Put the last table that changed in its place; then qcow2_meta_commit() may come. */
int qcow2_data_finish(struct qcow2_data *d, struct err *err);

/* What the tables say of a cluster of the disk (a number below what L1 covers). */
int qcow2_data_seek(struct qcow2_data *d, uint64_t cluster, uint64_t *entry, uint64_t *bitmap,
		    struct err *err);

/* Which of a cluster's 32 parts the image itself has, as data or as zeros; all or
 * none of them without extended L2. */
uint32_t qcow2_data_present(const struct qcow2_meta *m, uint64_t entry, uint64_t bitmap);

/* A cluster as the guest sees it. */
int qcow2_data_read(struct qcow2_data *d, uint64_t cluster, uint8_t *to, struct err *err);

/* Make a cluster of the disk these bytes, in a new cluster of the file; or zeros. */
int qcow2_data_put(struct qcow2_data *d, uint64_t cluster, const uint8_t *from, struct err *err);
int qcow2_data_put_zeros(struct qcow2_data *d, uint64_t cluster, struct err *err);

/* A disk's [offset, offset+len), zeros behind its end; block NULL: zeros. */
int qcow2_disk_read(const struct sync_io *disk, uint64_t offset, uint8_t *to, size_t len);

bool qcow2_is_zero(const uint8_t *bytes, size_t len);

#endif
