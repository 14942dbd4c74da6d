#include "tools/img_copy_job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeros.h"

#define ALIGN_BYTES 4096u

static bool packs(const struct copy *c)
{
	return c->o->compress;
}

struct copy_job *copy_job_create(struct copy *c)
{
	struct copy_job *j = calloc(1, sizeof(*j));
	const size_t granules = (size_t)(c->job_bytes / c->granule_bytes);
	void *bytes = NULL;

	if (!j)
		return NULL;
	if (posix_memalign(&bytes, ALIGN_BYTES, c->job_bytes) != 0)
		bytes = NULL;
	j->copy = c;
	j->bytes = bytes;
	/* A packed cluster may be two: itself, and a sector before it that waited. */
	j->writes = malloc((2 * granules + 2) * sizeof(*j->writes));
	if (packs(c)) {
		j->packed = malloc(c->job_bytes);
		j->stream = malloc(copy_stream_room(c));
		j->packed_len = malloc(granules * sizeof(*j->packed_len));
		j->packer = malloc(c->target->links[0]->meta.h.compression == QCOW2_ZSTD ?
					   sizeof(j->packer->zstd) :
					   sizeof(j->packer->deflate));
	}
	if (!bytes || !j->writes || (packs(c) && (!j->packed || !j->packed_len || !j->packer || !j->stream))) {
		copy_job_destroy(j);
		return NULL;
	}
	return j;
}

void copy_job_destroy(struct copy_job *j)
{
	if (!j)
		return;
	chain_read_release(&j->read);
	free(j->bytes);
	free(j->packed);
	free(j->packed_len);
	free(j->packer);
	free(j->stream);
	free(j->writes);
	free(j);
}

/* ---- packing ---------------------------------------------------------------------------------- */

static uint32_t pack_one(struct copy_job *j, const uint8_t *in, uint8_t *out, size_t len)
{
	size_t used = 0;
	int rc;

	if (is_zeros(in, len) && j->copy->sparse_bytes > 0)
		return 0;
	if (j->copy->target->links[0]->meta.h.compression == QCOW2_ZSTD)
		rc = zstd_encode(&j->packer->zstd, in, len, out, len, &used);
	else
		rc = deflate_raw(&j->packer->deflate, in, len, out, len, &used);
	return rc < 0 ? PACKED_NOT : (uint32_t)used;
}

static void compute(void *arg)
{
	struct copy_job *j = arg;
	const size_t granule = (size_t)j->copy->granule_bytes;

	for (size_t i = 0; i < j->len / granule; i++)
		j->packed_len[i] = pack_one(j, j->bytes + i * granule, j->packed + i * granule, granule);
}

static void computed(void *arg)
{
	((struct copy_job *)arg)->state = COPY_COMPUTED;
}

void copy_job_compute(struct copy_job *j)
{
	j->state = COPY_COMPUTED;
	if (!packs(j->copy))
		return;
	j->state = COPY_COMPUTING;
	j->task = (struct crew_task){ .work = compute, .done = computed, .arg = j };
	crew_submit(j->copy->crew, &j->task);
}

/* ---- zeros ---------------------------------------------------------------------------------------- */

static bool granule_is_zero(const struct copy_job *j, uint64_t at)
{
	const uint64_t granule = j->copy->granule_bytes;

	if (j->copy->sparse_bytes == 0)
		return false;
	if (packs(j->copy))
		return j->packed_len[at / granule] == 0;
	return is_zeros(j->bytes + at, granule);
}

static uint64_t same_run(const struct copy_job *j, uint64_t at, bool zero)
{
	uint64_t end = at + j->copy->granule_bytes;

	while (end < j->len && granule_is_zero(j, end) == zero)
		end += j->copy->granule_bytes;
	return end - at;
}

/* From `at` on: zeros that are long enough to be left out, or what is to be written. */
static uint64_t next_run(const struct copy_job *j, uint64_t at, bool *zero)
{
	uint64_t len = same_run(j, at, granule_is_zero(j, at)), more;

	*zero = granule_is_zero(j, at);
	/* The window's ends may cut a run that is long enough. */
	if (*zero && (len >= j->copy->sparse_bytes || at == 0 || at + len == j->len))
		return len;
	*zero = false;
	while (at + len < j->len) {
		more = same_run(j, at + len, granule_is_zero(j, at + len));
		if (granule_is_zero(j, at + len) &&
		    (more >= j->copy->sparse_bytes || at + len + more == j->len))
			break;
		len += more;
	}
	return len;
}

/* ---- places ------------------------------------------------------------------------------------------ */

void copy_job_add(struct copy_job *j, enum block_op op, uint64_t host, const uint8_t *from,
		  uint64_t len)
{
	struct copy_write *last = j->write_count > 0 ? &j->writes[j->write_count - 1] : NULL;

	assert(j->writes);
	if (last && last->op == op && last->host + last->len == host && last->from + last->len == from)
		last->len += len;
	else
		j->writes[j->write_count++] = (struct copy_write){ op, host, from, len };
}

static int place_packed(struct copy_job *j, uint64_t at, struct err *err)
{
	struct copy *c = j->copy;
	const uint32_t len = j->packed_len[at / c->granule_bytes];
	uint64_t host, run;
	int rc;

	if (len == PACKED_NOT) {
		rc = qcow2_fill_data(&c->fill, j->offset + at, 1, &host, &run, err);
		if (rc == 0)
			copy_job_add(j, BLOCK_WRITE, host, j->bytes + at, c->granule_bytes);
		return rc;
	}
	rc = qcow2_fill_packed(&c->fill, j->offset + at, len, &host, err);
	if (rc == 0)
		copy_stream_put(j, host, j->packed + at, len);
	return rc;
}

static int place_data(struct copy_job *j, uint64_t at, uint64_t len, struct err *err)
{
	struct copy *c = j->copy;
	const uint64_t cluster = c->granule_bytes;
	uint64_t host, run;
	int rc = 0;

	for (uint64_t end = at + len; rc == 0 && at < end; at += run * cluster) {
		run = 1;
		if (packs(c)) {
			rc = place_packed(j, at, err);
			continue;
		}
		rc = qcow2_fill_data(&c->fill, j->offset + at, (end - at) / cluster, &host, &run, err);
		if (rc == 0)
			copy_job_add(j, BLOCK_WRITE, host, j->bytes + at, run * cluster);
	}
	return rc;
}

static int place_qcow2(struct copy_job *j, struct err *err)
{
	struct copy *c = j->copy;
	uint64_t run;
	bool zero;
	int rc = 0;

	copy_stream_begin(j);
	for (uint64_t at = 0; rc == 0 && at < j->len; at += run) {
		run = next_run(j, at, &zero);
		if (zero && qcow2_fill_can_zero(&c->fill))
			rc = qcow2_fill_zero(&c->fill, j->offset + at, run / c->granule_bytes, err);
		else
			rc = place_data(j, at, run, err);
	}
	copy_stream_end(j);
	return rc;
}

static void place_raw(struct copy_job *j)
{
	uint64_t run;
	bool zero;

	for (uint64_t at = 0; at < j->len; at += run) {
		const uint64_t rest = j->copy->starts[j->copy->source_count] - (j->offset + at);

		run = next_run(j, at, &zero);
		if (!zero)
			copy_job_add(j, BLOCK_WRITE, j->offset + at, j->bytes + at,
				     min_u64(run, rest));
		else if (!j->copy->is_zero)
			copy_job_add(j, BLOCK_ZERO, j->offset + at, NULL, min_u64(run, rest));
	}
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static void write_next(struct copy_job *j);

static void written(struct block_req *req, int status)
{
	struct copy_job *j = container_of(req, struct copy_job, req);

	if (status < 0)
		j->status = status;
	j->next_write++;
	write_next(j);
}

static void write_next(struct copy_job *j)
{
	const struct copy_write *w;
	struct block_req *const req = &j->req;

	if (j->status < 0 || j->next_write == j->write_count) {
		j->state = COPY_FREE;
		return;
	}
	w = &j->writes[j->next_write];
	/* The block only reads them; an iovec does not know. */
	j->iov = (struct iovec){ (void *)(uintptr_t)w->from, w->len };
	req->op = w->op;
	req->may_unmap = true;
	req->offset = w->host;
	req->len = w->len;
	req->iov = &j->iov;
	req->iov_count = 1;
	req->loop = j->copy->loop;
	req->done = written;
	block_submit(j->copy->target->links[0]->file, req);
}

int copy_job_place(struct copy_job *j, struct err *err)
{
	int rc = 0;

	j->write_count = 0;
	j->next_write = 0;
	if (j->copy->is_qcow2)
		rc = place_qcow2(j, err);
	else
		place_raw(j);
	j->state = COPY_WRITING;
	if (rc < 0)
		j->status = rc;
	write_next(j);
	return rc;
}
