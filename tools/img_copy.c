#include "tools/img_copy.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/checked.h"
#include "block/sync.h"
#include "host/now.h"
#include "tools/img_copy_job.h"

#define JOB_BYTES	  MIB(1)
#define PARALLEL_DEFAULT 8u
#define CREW_MAX	  16
#define RAW_GRANULE_BYTES 4096u
#define MS_MAX		  1000

/* ---- what is where -------------------------------------------------------------------------- */

enum copy_kind {
	COPY_DATA,
	COPY_ZEROS, /* nothing to read */
	COPY_BELOW, /* the target's backing file has it too */
};

static unsigned source_of(const struct copy *c, uint64_t at)
{
	unsigned i = 0;

	while (i + 1 < c->source_count && at >= c->starts[i + 1])
		i++;
	return i;
}

static uint64_t disk_end(const struct copy *c)
{
	return c->starts[c->source_count];
}

static int look(struct copy *c, uint64_t at, enum copy_kind *kind, uint64_t *len)
{
	const unsigned i = source_of(c, at);
	struct chain_extent x;
	const int rc = chain_extent(&c->sources[i], 0, at - c->starts[i], c->starts[i + 1] - at, &x,
				    c->err);

	if (rc < 0)
		return rc;
	*len = x.len;
	*kind = COPY_DATA;
	if (c->keep_below && (x.kind == EXTENT_ABSENT || x.depth > 0))
		*kind = COPY_BELOW;
	else if (x.kind <= EXTENT_ZERO || x.is_hole)
		*kind = c->sparse_bytes > 0 ? COPY_ZEROS : COPY_DATA;
	return 0;
}

/* The kind at `at`, and how far it goes on; looks no further than to `limit`, and no
 * further than to its end where it is data, which is read next. */
static int look_far(struct copy *c, uint64_t at, uint64_t limit, enum copy_kind *kind,
		    uint64_t *end)
{
	enum copy_kind next;
	uint64_t len = 0;
	int rc = look(c, at, kind, &len);

	*end = at + len;
	while (rc == 0 && *kind != COPY_DATA && *end < limit) {
		rc = look(c, *end, &next, &len);
		if (rc < 0 || next != *kind)
			break;
		*end += len;
	}
	return rc;
}

/* Zeros that are not read: have the target say so. */
static int put_zeros(struct copy *c, uint64_t at, uint64_t end)
{
	const struct sync_io io = { c->target->links[0]->file, c->loop };
	int rc;

	if (c->is_zero)
		return 0;
	if (c->is_qcow2)
		return qcow2_fill_zero(&c->fill, at,
				       (end - at + c->granule_bytes - 1) / c->granule_bytes, c->err);
	rc = sync_zero(&io, at, end - at, true);
	return rc < 0 ? err_errno(c->err, rc, "%s: zeros", c->target->links[0]->name) : 0;
}

/* Whether zeros have to be written as they are. */
static bool writes_zeros(const struct copy *c, enum copy_kind kind)
{
	return kind == COPY_ZEROS && !c->is_zero && c->is_qcow2 && !qcow2_fill_can_zero(&c->fill);
}

/* Skip what need not be read from c->at on; then the next window with data begins there.
 * *end is where it ends, or c->at at the disk's end. */
static int next_window(struct copy *c, uint64_t *end)
{
	const uint64_t disk = disk_end(c);
	enum copy_kind kind;
	uint64_t run_end = c->at, window_end;
	int rc = 0;

	while (c->at < disk) {
		uint64_t skip_to;

		rc = look_far(c, c->at, disk, &kind, &run_end);
		if (rc < 0)
			return rc;
		skip_to = run_end >= disk ? disk : align_down_u64(run_end, c->granule_bytes);
		if (kind == COPY_DATA || writes_zeros(c, kind) || skip_to <= c->at)
			break;
		/* What is placed is in the disk's order: wait for those before. */
		if (kind == COPY_ZEROS && !c->is_zero && c->placed < c->started) {
			*end = c->at;
			return 0;
		}
		if (kind == COPY_ZEROS)
			rc = put_zeros(c, c->at, skip_to);
		if (rc < 0)
			return rc;
		c->done_bytes += skip_to - c->at;
		c->at = skip_to;
	}
	*end = c->at;
	window_end = min_u64(align_down_u64(c->at, c->job_bytes) + c->job_bytes, disk);
	/* Data, and small holes in it, up to a hole of a granule or more. */
	while (*end < window_end) {
		rc = look_far(c, *end, window_end, &kind, &run_end);
		if (rc < 0)
			return rc;
		if (*end > c->at && kind != COPY_DATA &&
		    align_down_u64(run_end, c->granule_bytes) > *end + c->granule_bytes)
			break;
		*end = min_u64(run_end, window_end);
	}
	if (*end < disk)
		*end = min_u64(align_down_u64(*end + c->granule_bytes - 1, c->granule_bytes),
			       window_end);
	return 0;
}

/* ---- windows ---------------------------------------------------------------------------------- */

static struct copy_job *job(const struct copy *c, uint64_t number)
{
	return c->jobs[number % c->parallel];
}

static void part_read(struct chain_read *r, int status)
{
	struct copy_job *j = container_of(r, struct copy_job, read);

	j->status = status;
	j->state = status < 0 ? COPY_READ_FAILED : COPY_WANTING;
}

/* Read on from the source whose turn it is; or that was all. */
static int read_on(struct copy *c, struct copy_job *j)
{
	const uint64_t end = min_u64(j->offset + j->len, disk_end(c));
	const uint64_t at = j->offset + j->filled;
	unsigned i;
	uint64_t len;

	if (at >= end) {
		memset(j->bytes + j->filled, 0, j->len - j->filled);
		copy_job_compute(j);
		return 0;
	}
	i = source_of(c, at);
	len = min_u64(end, c->starts[i + 1]) - at;
	j->read.chain = &c->sources[i];
	j->read.crew = c->crew;
	j->read.done = part_read;
	j->filled += len;
	j->state = COPY_READING;
	return chain_read_start(&j->read, at - c->starts[i], len, j->bytes + (at - j->offset), c->err);
}

/* --salvage: what can be read, by pieces of 4 KiB; zeros for the rest. */
static int salvage(struct copy *c, struct copy_job *j)
{
	const uint64_t at = j->read.offset;
	const unsigned i = (unsigned)(j->read.chain - c->sources);
	const uint64_t end = j->offset + j->filled - c->starts[i];
	struct err why;

	for (uint64_t p = at; p < end; p += 4096) {
		uint8_t *to = j->bytes + (c->starts[i] + p - j->offset);
		const uint64_t len = min_u64(4096, end - p);

		if (chain_read_sync(j->read.chain, 0, p, len, to, &why) == 0)
			continue;
		memset(to, 0, len);
		img_warn(c->o, "%s; zeros instead", why.text);
	}
	j->status = 0;
	j->state = COPY_WANTING;
	return 0;
}

static int read_failed(struct copy *c, struct copy_job *j)
{
	if (c->o->salvage)
		return salvage(c, j);
	return err_errno(c->err, j->status, "%s: reading at %llu", j->read.chain->links[0]->name,
			 (unsigned long long)j->read.offset);
}

/* The next window, if there is one and a job for it. */
static int start_job(struct copy *c, bool *started)
{
	struct copy_job *j = job(c, c->started);
	uint64_t end;
	int rc;

	*started = false;
	if (c->started - c->ended >= c->parallel || c->at >= disk_end(c))
		return 0;
	rc = next_window(c, &end);
	if (rc < 0 || end == c->at)
		return rc;
	c->started++;
	*started = true;
	j->status = 0;
	j->offset = c->at;
	/* Behind the disk's end is nothing, but its last cluster goes on. */
	j->len = (end - c->at + c->granule_bytes - 1) / c->granule_bytes * c->granule_bytes;
	j->filled = 0;
	c->at = end;
	return read_on(c, j);
}

/* -r: not faster than that. */
static bool is_early(const struct copy *c, int *wait_ms)
{
	const uint64_t rate = c->o->rate_bytes_s;
	uint64_t due_ns, now_ns;

	*wait_ms = -1;
	if (rate == 0)
		return false;
	due_ns = c->begun_ns + (uint64_t)((double)c->paced_bytes / (double)rate * 1e9);
	now_ns = host_now_ns();
	if (now_ns >= due_ns)
		return false;
	*wait_ms = (int)min_u64((due_ns - now_ns) / NS_PER_MS + 1, MS_MAX);
	return true;
}

static int start_jobs(struct copy *c, int *wait_ms)
{
	bool started = true;
	int rc = 0;

	while (rc == 0 && started && !is_early(c, wait_ms)) {
		const uint64_t before = c->at;

		rc = start_job(c, &started);
		c->paced_bytes += started ? c->at - before : 0;
	}
	return rc;
}

/* Bring each window under way a step on.  *moved: something was done. */
static int serve(struct copy *c, bool *moved)
{
	int rc = 0;

	*moved = false;
	for (uint64_t n = c->placed; rc == 0 && n < c->started; n++) {
		struct copy_job *j = job(c, n);

		if (j->state == COPY_READ_FAILED)
			rc = read_failed(c, j);
		else if (j->state == COPY_WANTING)
			rc = read_on(c, j);
		else
			continue;
		*moved = true;
	}
	/* In order; with -W as they come. */
	for (uint64_t n = c->placed; rc == 0 && n < c->started; n++) {
		struct copy_job *j = job(c, n);

		if (j->state == COPY_COMPUTED) {
			rc = copy_job_place(j, c->err);
			*moved = true;
		} else if (j->state < COPY_WRITING && j->state != COPY_FREE && !c->o->out_of_order) {
			break;
		}
	}
	while (c->placed < c->started && (job(c, c->placed)->state == COPY_WRITING ||
					  job(c, c->placed)->state == COPY_FREE))
		c->placed++;
	for (; rc == 0 && c->ended < c->placed && job(c, c->ended)->state == COPY_FREE; c->ended++) {
		struct copy_job *j = job(c, c->ended);

		*moved = true;
		c->done_bytes += j->len;
		if (j->status < 0)
			rc = err_errno(c->err, j->status, "%s: writing", c->target->links[0]->name);
	}
	img_progress(&c->progress, min_u64(c->done_bytes, disk_end(c)), disk_end(c));
	return rc;
}

static bool is_busy(const struct copy *c)
{
	for (uint64_t n = c->ended; n < c->started; n++) {
		const enum copy_state s = job(c, n)->state;

		if (s == COPY_READING || s == COPY_COMPUTING || s == COPY_WRITING)
			return true;
	}
	return false;
}

static void stop(void *arg, uint32_t events)
{
	(void)events;
	((struct copy *)arg)->stopped = true;
}

static int watch_stop(struct copy *c)
{
	c->stop = (struct io_source){ .fd = c->stop_fd, .ready = stop, .arg = c };
	if (c->stop_fd >= 0 && ioloop_add_source(c->loop, &c->stop, EPOLLIN) < 0)
		return err_set(c->err, -ENOMEM, "no memory");
	return 0;
}

static int copy_all(struct copy *c)
{
	bool moved = false;
	int wait_ms = -1, rc = watch_stop(c);

	if (rc < 0)
		return rc;
	while (rc == 0) {
		rc = c->stopped ? err_set(c->err, -EINTR, "stopped") : start_jobs(c, &wait_ms);
		if (rc == 0)
			rc = serve(c, &moved);
		if (rc < 0 || (c->at >= disk_end(c) && c->ended == c->started))
			break;
		if (!moved)
			ioloop_round(c->loop, wait_ms);
	}
	if (c->stop_fd >= 0)
		ioloop_remove_source(c->loop, &c->stop);
	/* After an error: nothing of ours may be in flight. */
	while (is_busy(c))
		ioloop_round(c->loop, -1);
	return rc;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int finish_qcow2(struct copy *c)
{
	struct qcow2_meta *m = c->fill.meta;
	uint64_t bytes;
	int rc = copy_stream_finish(c);

	if (rc < 0)
		return err_errno(c->err, rc, "%s: writing", m->name);
	rc = qcow2_fill_finish(&c->fill, c->err);
	/* The file ends with a whole cluster. */
	if (rc == 0 && block_file_size(m->io.block, &bytes) == 0 && bytes < m->end_bytes &&
	    block_file_truncate(m->io.block, m->end_bytes) < 0)
		rc = err_set(c->err, -EIO, "%s: its end", m->name);
	if (rc == 0)
		rc = qcow2_meta_commit(m, c->err);
	return rc;
}

static int finish_raw(struct copy *c)
{
	const struct sync_io io = { c->target->links[0]->file, c->loop };
	const int rc = sync_flush(&io);

	return rc < 0 ? err_errno(c->err, rc, "%s: writing", c->target->links[0]->name) : 0;
}

static unsigned processors(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > CREW_MAX ? CREW_MAX : (unsigned)n;
}

/* Whether there is something for a crew: clusters to pack or to unpack. */
static bool needs_crew(const struct copy *c)
{
	bool qcow2 = c->o->compress;

	for (unsigned i = 0; i < c->source_count; i++) {
		for (unsigned d = 0; d < c->sources[i].count; d++)
			qcow2 |= c->sources[i].links[d]->format == IMAGE_QCOW2;
	}
	return qcow2;
}

static int prepare(struct copy *c)
{
	const struct chain_link *t = c->target->links[0];
	int rc = 0;

	c->is_qcow2 = t->format == IMAGE_QCOW2;
	c->granule_bytes = c->is_qcow2 ? qcow2_cluster_bytes(&t->meta.h) : RAW_GRANULE_BYTES;
	if (!c->is_qcow2 && c->sparse_bytes > 0)
		c->granule_bytes = min_u64(c->granule_bytes, c->sparse_bytes);
	c->granule_bytes &= -c->granule_bytes; /* a power of two that S is a multiple of */
	c->job_bytes = max_u64(JOB_BYTES, c->granule_bytes);
	if (c->parallel == 0)
		c->parallel = PARALLEL_DEFAULT;
	if (needs_crew(c))
		rc = crew_create(c->loop, processors(), &c->crew);
	for (unsigned i = 0; rc == 0 && i < c->parallel; i++) {
		c->jobs[i] = copy_job_create(c);
		if (!c->jobs[i])
			rc = -ENOMEM;
	}
	if (rc < 0)
		return err_errno(c->err, rc, "windows of %llu bytes",
				 (unsigned long long)c->job_bytes);
	if (c->is_qcow2)
		rc = qcow2_fill_open(&c->fill, &c->target->links[0]->meta, c->is_zero, c->err);
	return rc;
}

static void release(struct copy *c)
{
	if (c->is_qcow2)
		qcow2_fill_close(&c->fill);
	for (unsigned i = 0; i < c->parallel; i++)
		copy_job_destroy(c->jobs[i]);
	crew_destroy(c->crew);
}

int img_copy(struct copy *c, struct err *err)
{
	int rc;

	c->err = err;
	c->begun_ns = host_now_ns();
	rc = prepare(c);
	if (rc == 0)
		rc = copy_all(c);
	if (rc == 0)
		rc = c->is_qcow2 ? finish_qcow2(c) : finish_raw(c);
	release(c);
	if (rc == 0)
		img_progress(&c->progress, 1, 1);
	return rc;
}
