#include "block/qcow2.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/qcow2_internal.h"

/* ---- requests -------------------------------------------------------------------------- */

/* The whole request is one row of clusters: it goes on as it is. */
static void row_done(struct block_frame *f, struct block_req *req, int status)
{
	req->offset = f->room[0];
	req->durable = f->room[3] != 0;
	q_leave((struct qslot *)(uintptr_t)f->room[1], (unsigned)f->room[2]);
	block_done(req, status);
}

/* Whether all mappings are on disk: then a write in place can be durable by itself. */
static bool is_clean(struct qcow2 *q)
{
	return atomic_load(&q->dirty_seq) == atomic_load(&q->durable_seq);
}

static bool hand_on_row(struct qcow2 *q, struct block_req *req, struct qslot *slot)
{
	const bool write = req->op == BLOCK_WRITE;
	const bool durable = write && (req->durable || q->durable_writes);
	const unsigned parity = q_enter(q, slot);
	struct block_frame *f;
	struct qspan s;

	q_map(q, req->offset, req->len, &s);
	if (s.kind != Q_DATA || s.len < req->len || req->frame_count == BLOCK_FRAMES ||
	    (write && (!s.in_place || q_is_on_table(q, s.host, s.len))) ||
	    (durable && !is_clean(q))) {
		q_leave(slot, parity);
		return false;
	}
	f = block_push(&q->block, req, row_done);
	f->room[0] = req->offset;
	f->room[1] = (uintptr_t)slot;
	f->room[2] = parity;
	f->room[3] = req->durable;
	req->durable = durable;
	req->offset = s.host;
	block_hand_on(q->file, req);
	return true;
}

static void submit_read(struct qcow2 *q, struct block_req *req, struct qslot *slot)
{
	if (!hand_on_row(q, req, slot))
		q_job_start(q, req, slot, q_read_step);
}

static void submit_write(struct qcow2 *q, struct block_req *req, struct qslot *slot)
{
	if (atomic_load_explicit(&q->prepared, memory_order_acquire) &&
	    !atomic_load_explicit(&q->corrupt, memory_order_relaxed) &&
	    hand_on_row(q, req, slot))
		return;
	q_job_start(q, req, slot, q_write_step);
}

static void submit_flush(struct qcow2 *q, struct block_req *req, struct qslot *slot)
{
	if (is_clean(q))
		block_hand_on(q->file, req);
	else
		q_job_start(q, req, slot, q_flush_step);
}

static void qcow2_submit(struct block *b, struct block_req *req)
{
	struct qcow2 *q = container_of(b, struct qcow2, block);
	struct qslot *slot = q_slot(q, req->loop);

	if (!slot) {
		block_done_later(req, -ENOMEM);
		return;
	}
	switch (req->op) {
	case BLOCK_READ:
		submit_read(q, req, slot);
		break;
	case BLOCK_WRITE:
		submit_write(q, req, slot);
		break;
	case BLOCK_FLUSH:
		submit_flush(q, req, slot);
		break;
	case BLOCK_DISCARD:
		q_job_start(q, req, slot, q_discard_step);
		break;
	case BLOCK_ZERO:
		q_job_start(q, req, slot, q_zero_step);
		break;
	}
}

/* ---- end ----------------------------------------------------------------------------------- */

static void free_slots(struct qcow2 *q)
{
	struct qslot *slot = atomic_load(&q->slots);

	while (slot) {
		struct qslot *next = slot->next;

		assert(atomic_load(&slot->active[0]) == 0 && atomic_load(&slot->active[1]) == 0);
		while (slot->free_ops) {
			struct qop *op = slot->free_ops;

			slot->free_ops = op->next;
			free(op);
		}
		free(slot->unzstd);
		free(slot);
		slot = next;
	}
}

static void free_memory(struct qcow2 *q)
{
	free_slots(q);
	q_tables_free(q);
	q_unpacked_free(q);
	q_refcounts_close(q);
	q_flush_free(q);
	free(q->freed.extent);
	free(q->unmapped.extent);
	free(q->waiting.extent);
	qcow2_places_free(&q->places);
	free(q->l1_dirty);
	if (q->l1)
		munmap(q->l1, q->l1_bytes);
	if (q->tables)
		munmap(q->tables, q->l1_bytes);
	qcow2_header_free(&q->h);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void qcow2_close(struct block *b)
{
	struct qcow2 *q = container_of(b, struct qcow2, block);

	q_steward_stop(q);
	block_close(q->backing);
	block_close(q->file);
	free_memory(q);
}

static const struct block_ops qcow2_ops = {
	.name = "qcow2",
	.submit = qcow2_submit,
	.close = qcow2_close,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* What the calling thread waits with. */
static int with_loop(struct block *file, struct sync_io *io, struct err *err)
{
	struct ioloop *loop;
	const int rc = ioloop_create(IO_ENGINE_AUTO, &loop, err);

	if (rc == 0)
		*io = (struct sync_io){ .block = file, .loop = loop };
	return rc;
}

int qcow2_read_header(struct block *file, const char *name, struct qcow2_header *h, struct err *err)
{
	uint8_t first[QCOW2_SECTOR_BYTES];
	uint8_t *cluster = NULL;
	struct sync_io io;
	uint32_t len = 0;
	int rc = with_loop(file, &io, err);

	if (rc < 0)
		return rc;
	rc = sync_read(&io, 0, first, sizeof(first));
	if (rc < 0)
		err_errno(err, rc, "%s: its header", name);
	else
		rc = qcow2_header_bytes(first, name, &len, err);
	if (rc == 0) {
		cluster = malloc(len);
		rc = cluster ? sync_read(&io, 0, cluster, len) : -ENOMEM;
		if (rc < 0)
			err_errno(err, rc, "%s: its header", name);
		else
			rc = qcow2_header_parse(h, cluster, len, false, name, err);
	}
	free(cluster);
	ioloop_destroy(io.loop);
	return rc;
}

static void set_fixed(struct qcow2 *q, const struct qcow2_options *o)
{
	const struct qcow2_header *h = &q->h;

	q->cluster_bits = h->cluster_bits;
	q->cluster_bytes = qcow2_cluster_bytes(h);
	q->l2_bits = qcow2_l2_bits(h);
	q->l1_shift = qcow2_l1_shift(h);
	q->extended = qcow2_is_extended(h);
	q->entry_words = q->extended ? 2 : 1;
	q->grain_bits = q->extended ? q->cluster_bits - 5 : q->cluster_bits;
	q->v3 = h->version >= 3;
	q->data_mask = QCOW2_OFFSET_MASK & ~(q->cluster_bytes - 1);
	q->disk_bytes = h->size_bytes;
	q->l1_entries = qcow2_l1_entries_for(h, h->size_bytes);
	q->piece_bytes = (uint32_t)min_u64(Q_PIECE_BYTES, q->cluster_bytes);
	q->table_limit =
		(o->table_cache_bytes ? o->table_cache_bytes : QCOW2_TABLE_CACHE_BYTES) >>
		q->cluster_bits;
	q->table_limit = max_u64(q->table_limit, 4);
	q->durable_writes = o->durable_writes;
	snprintf(q->name, sizeof(q->name), "%s", o->name);
}

static void set_limits(struct qcow2 *q, const struct qcow2_options *o)
{
	const struct block_limits *f = &q->file->limits;

	q->block.ops = &qcow2_ops;
	q->block.limits = (struct block_limits){
		.size_bytes = align_down_u64(q->disk_bytes, f->logical_bytes),
		.logical_bytes = f->logical_bytes,
		.physical_bytes = f->physical_bytes,
		.optimal_bytes = f->optimal_bytes,
		.read_only = o->read_only,
		.can_discard = !o->read_only,
		.can_zero = !o->read_only,
		.discard_granularity_bytes = o->read_only ? 0 : (uint32_t)q->cluster_bytes,
		.iov_max = f->iov_max,
		.durable_writes = o->durable_writes,
	};
}

static void *zeroed(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Whole clusters of it, as they are written. */
static int load_l1(struct qcow2 *q)
{
	int rc = 0;

	if (!align_up_u64(max_u64(q->l1_entries, 1) * 8, q->cluster_bytes, &q->l1_bytes))
		return -EFBIG;
	q->l1 = zeroed(q->l1_bytes);
	q->tables = zeroed(q->l1_bytes);
	q->l1_dirty = calloc(q->l1_bytes / q->piece_bytes / 64 + 1, 8);
	if (!q->l1 || !q->tables || !q->l1_dirty)
		return -ENOMEM;
	if (q->l1_entries > 0)
		rc = sync_read(&q->io, q->h.l1_offset, (void *)q->l1, q->l1_bytes);
	for (uint64_t i = 0; rc == 0 && i < q->l1_bytes / 8; i++) {
		const uint64_t raw = be64_load((const uint8_t *)q->l1 + i * 8);

		/* The rest of the last cluster is not ours. */
		atomic_init(&q->l1[i], i < q->h.l1_entries ? raw : 0);
	}
	return rc;
}

static int check_writable(const struct qcow2 *q, struct err *err)
{
	if (q->h.incompatible & QCOW2_CORRUPT)
		return err_set(err, -EUCLEAN,
			       "%s is marked as damaged; 'bantam img check -r all' repairs what can "
			       "be repaired, ,ro reads it",
			       q->name);
	if (q->h.incompatible & QCOW2_DIRTY)
		return err_set(err, -EUCLEAN,
			       "%s was not closed properly and keeps its refcounts lazily; 'bantam "
			       "img check -r all' makes them right, ,ro reads it",
			       q->name);
	return 0;
}

static int load(struct qcow2 *q, bool read_only, struct err *err)
{
	uint64_t file_bytes, end;
	int rc = block_file_size(q->file, &file_bytes);

	if (rc < 0)
		return err_errno(err, rc, "%s", q->name);
	atomic_init(&q->file_bytes, file_bytes);
	if (!align_up_u64(file_bytes, q->cluster_bytes, &end) ||
	    !range_inside(q->h.l1_offset, q->l1_entries * 8, end))
		return err_set(err, -EUCLEAN,
			       "%s: its L1 table at %#llx is behind the file's end (was it cut off?); "
			       "'bantam img check' says more",
			       q->name, (unsigned long long)q->h.l1_offset);
	rc = load_l1(q);
	if (rc == 0 && !read_only)
		rc = q_refcounts_open(q);
	if (rc == 0 && !read_only)
		rc = q_flush_init(q);
	if (rc < 0)
		return err_errno(err, rc, "%s: its tables", q->name);
	if (read_only)
		return 0;
	q_reserve_init(q, file_bytes);
	atomic_init(&q->prepared, q->h.autoclear == 0);
	return q_guard_tables(q, file_bytes, err);
}

int qcow2_open(struct block *file, struct qcow2_header *h, struct block *backing,
	       const struct qcow2_options *options, struct block **out, struct err *err)
{
	struct ioloop *loop;
	struct qcow2 *q;
	void *memory;
	int rc;

	if (h->size_bytes < file->limits.logical_bytes)
		return err_set(err, -EINVAL, "%s holds a disk of %llu bytes; one has at least %u",
			       options->name, (unsigned long long)h->size_bytes,
			       file->limits.logical_bytes);
	if (qcow2_cluster_bytes(h) < file->limits.logical_bytes)
		return err_set(err, -EOPNOTSUPP,
			       "%s: clusters of %llu bytes on a device with blocks of %u",
			       options->name, (unsigned long long)qcow2_cluster_bytes(h),
			       file->limits.logical_bytes);
	if (posix_memalign(&memory, _Alignof(struct qcow2), sizeof(*q)) != 0)
		return err_errno(err, -ENOMEM, "%s", options->name);
	q = memory;
	memset(q, 0, sizeof(*q));
	pthread_mutex_init(&q->lock, NULL);
	q->file = file;
	q->h = *h;
	set_fixed(q, options);
	set_limits(q, options);
	rc = options->read_only ? 0 : check_writable(q, err);
	if (rc == 0)
		rc = with_loop(file, &q->io, err);
	if (rc == 0) {
		loop = q->io.loop;
		rc = load(q, options->read_only, err);
		ioloop_destroy(loop);
	}
	if (rc == 0 && !options->read_only)
		rc = q_steward_start(q, err);
	if (rc < 0) {
		q->h = (struct qcow2_header){ .version = 0 };
		free_memory(q);
		return rc;
	}
	if (backing) {
		q->backing = backing;
		q->backing_bytes = options->backing_bytes ? options->backing_bytes :
							    backing->limits.size_bytes;
	}
	*h = (struct qcow2_header){ .version = 0 };
	*out = &q->block;
	return 0;
}
