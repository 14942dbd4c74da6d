#include "block/chain_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#include "block/iov.h"

struct chain_disk {
	struct block block;
	struct chain *chain;
	unsigned first;
	struct qcow2_fill *fill;
	uint8_t *cluster; /* one, for parts of clusters; with a fill */
};

static struct chain_disk *of(struct block *b)
{
	return container_of(b, struct chain_disk, block);
}

static struct block *file_of(const struct chain_disk *d)
{
	return d->chain->links[d->first]->file;
}

/* ---- reads ------------------------------------------------------------------------------ */

struct disk_read {
	struct chain_read read;
	struct block_req *req;
	uint8_t *bytes;
	bool begun; /* chain_read_start() has returned */
	bool ended;
	int status;
};

static void end_read(struct disk_read *r)
{
	struct block_req *const req = r->req;
	struct iov_rest rest = { req->iov, req->iov_count };
	const int status = r->status;

	if (status == 0)
		iov_copy_in(&rest, r->bytes, req->len);
	chain_read_release(&r->read);
	free(r->bytes);
	free(r);
	block_done_later(req, status);
}

static void read_done(struct chain_read *read, int status)
{
	struct disk_read *r = container_of(read, struct disk_read, read);

	r->status = status;
	r->ended = true;
	if (r->begun)
		end_read(r);
}

static void submit_read(struct chain_disk *d, struct block_req *req)
{
	struct disk_read *r = calloc(1, sizeof(*r));
	struct err err;
	int rc;

	if (r)
		r->bytes = malloc(req->len);
	if (!r || !r->bytes) {
		free(r);
		block_done_later(req, -ENOMEM);
		return;
	}
	r->req = req;
	r->read = (struct chain_read){ .chain = d->chain, .first = d->first, .done = read_done };
	rc = chain_read_start(&r->read, req->offset, req->len, r->bytes, &err);
	r->begun = true;
	if (rc < 0) {
		log_warn("%s", err.text);
		r->status = rc;
	}
	if (rc < 0 || r->ended)
		end_read(r);
}

/* ---- writes to qcow2 ---------------------------------------------------------------------- */

static int write_file(struct chain_disk *d, uint64_t host, const uint8_t *bytes, size_t len)
{
	const struct sync_io io = { file_of(d), d->chain->loop };

	return sync_write(&io, host, bytes, len);
}

/* Part of a cluster: the rest stays what it is. */
static int write_part(struct chain_disk *d, uint64_t offset, const uint8_t *bytes, size_t len,
		      struct err *err)
{
	const struct chain_link *l = d->chain->links[d->first];
	const uint64_t cluster = qcow2_cluster_bytes(&l->meta.h);
	const uint64_t begin = offset & ~(cluster - 1);
	const uint64_t inside = min_u64(cluster, l->size_bytes - begin);
	uint64_t host = 0, run;
	int rc = qcow2_fill_finish(d->fill, err);

	/* What this fill changed before is in the tables now. */
	chain_forget(d->chain);
	memset(d->cluster, 0, cluster);
	if (rc == 0)
		rc = chain_read_sync(d->chain, d->first, begin, inside, d->cluster, err);
	if (rc == 0)
		rc = qcow2_fill_data(d->fill, begin, 1, &host, &run, err);
	if (rc < 0)
		return rc;
	memcpy(d->cluster + (offset - begin), bytes, len);
	return write_file(d, host, d->cluster, cluster);
}

static int write_qcow2(struct chain_disk *d, uint64_t offset, const uint8_t *bytes, uint64_t len,
		       struct err *err)
{
	const uint64_t cluster = qcow2_cluster_bytes(&d->chain->links[d->first]->meta.h);
	int rc = 0;

	while (rc == 0 && len > 0) {
		const uint64_t in = offset & (cluster - 1);
		uint64_t part = min_u64(len, cluster - in), host = 0, run = 0;

		if (part < cluster) {
			rc = write_part(d, offset, bytes, part, err);
		} else {
			rc = qcow2_fill_data(d->fill, offset, len / cluster, &host, &run, err);
			part = rc == 0 ? run * cluster : 0;
			if (rc == 0)
				rc = write_file(d, host, bytes, part);
		}
		offset += part;
		bytes += part;
		len -= part;
	}
	return rc;
}

static int zero_qcow2(struct chain_disk *d, uint64_t offset, uint64_t len, struct err *err)
{
	const uint64_t cluster = qcow2_cluster_bytes(&d->chain->links[d->first]->meta.h);
	const uint64_t disk = d->block.limits.size_bytes;
	uint8_t *zeros = calloc(1, cluster);
	int rc = zeros ? 0 : -ENOMEM;

	while (rc == 0 && len > 0) {
		const uint64_t in = offset & (cluster - 1);
		uint64_t part = min_u64(len, cluster - in);

		/* The disk's end may cut its last cluster. */
		if (in == 0 && (part == cluster || offset + part == disk) &&
		    qcow2_fill_can_zero(d->fill))
			rc = qcow2_fill_zero(d->fill, offset, 1, err);
		else
			rc = write_qcow2(d, offset, zeros, part, err);
		offset += part;
		len -= part;
	}
	free(zeros);
	return rc;
}

/* All that was written comes true. */
static int flush_qcow2(struct chain_disk *d, struct err *err)
{
	const int rc = qcow2_fill_finish(d->fill, err);

	return rc < 0 ? rc : qcow2_meta_commit(d->fill->meta, err);
}

static int write_now(struct chain_disk *d, struct block_req *req)
{
	struct iov_rest rest = { req->iov, req->iov_count };
	struct err err = { "" };
	uint8_t *bytes;
	int rc;

	if (req->op == BLOCK_FLUSH) {
		rc = flush_qcow2(d, &err);
	} else if (req->op != BLOCK_WRITE) {
		rc = zero_qcow2(d, req->offset, req->len, &err);
	} else {
		bytes = malloc(req->len);
		if (!bytes)
			return -ENOMEM;
		iov_copy_out(&rest, bytes, req->len);
		rc = write_qcow2(d, req->offset, bytes, req->len, &err);
		free(bytes);
	}
	if (rc < 0 && *err.text)
		log_warn("%s", err.text);
	return rc;
}

/* ---- the block -------------------------------------------------------------------------------- */

static void submit(struct block *b, struct block_req *req)
{
	struct chain_disk *d = of(b);

	if (req->op == BLOCK_READ && d->chain->links[d->first]->format == IMAGE_QCOW2)
		submit_read(d, req);
	else if (!d->fill)
		block_hand_on(file_of(d), req);
	else
		block_done_later(req, write_now(d, req));
}

static void close_disk(struct block *b)
{
	struct chain_disk *d = of(b);

	free(d->cluster);
	free(d);
}

static const struct block_ops ops = {
	.name = "chain",
	.submit = submit,
	.close = close_disk,
};

int chain_disk_create(struct chain *chain, unsigned first, struct qcow2_fill *fill,
		      struct block **out)
{
	const struct chain_link *l = chain->links[first];
	struct chain_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	if (fill) {
		d->cluster = malloc(qcow2_cluster_bytes(&l->meta.h));
		if (!d->cluster) {
			free(d);
			return -ENOMEM;
		}
	}
	d->chain = chain;
	d->first = first;
	d->fill = fill;
	d->block.ops = &ops;
	d->block.limits = l->file->limits;
	d->block.limits.size_bytes = l->size_bytes;
	if (l->format == IMAGE_QCOW2) {
		d->block.limits.read_only = !fill;
		d->block.limits.can_zero = fill != NULL;
		d->block.limits.can_discard = false;
		d->block.limits.logical_bytes = BLOCK_SECTOR_BYTES;
	}
	*out = &d->block;
	return 0;
}
