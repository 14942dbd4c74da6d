/* bantam img bench: many small requests at once, and how long they took. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/disk.h"
#include "host/now.h"
#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "count", 'c', "COUNT", "Flags", "requests; default 75000", img_set_count },
	{ "depth", 'd', "COUNT", NULL, "at once, 1 to 1024; default 64", img_set_depth },
	{ "buffer-size", 's', "SIZE", NULL, "bytes of each; default 4096", img_set_buffer },
	{ "step-size", 'S', "SIZE", NULL, "from one to the next; default: the buffer's size",
	  img_set_step },
	{ "offset", 'o', "OFFSET", NULL, "where to begin; default 0", img_set_offset },
	{ "write", 'w', NULL, NULL, "write, instead of reading", img_set_write },
	{ "pattern", 0, "BYTE", NULL, "what to write; default 0", img_set_pattern },
	{ "flush-interval", 0, "COUNT", NULL, "flush after every so many writes",
	  img_set_flush_interval },
	{ "no-drain", 0, NULL, NULL, "do not wait for the others before a flush", img_set_no_drain },
	IMG_FORMAT,
	{ "cache", 't', "MODE", NULL, "none, writeback or writethrough", img_set_cache },
	{ "aio", 'i', "MODE", NULL, "threads, native or io_uring; all are the same here",
	  img_set_aio },
	{ "native", 'n', NULL, NULL, "the same", img_set_aio },
	IMG_QUIET,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img bench" };

struct bench;

struct bench_req {
	struct bench *bench;
	struct block_req req;
	struct iovec iov;
};

struct bench {
	const struct img_options *o;
	struct block *disk;
	struct ioloop *loop;
	uint64_t at, step;
	uint64_t left;	  /* requests to be begun */
	uint64_t until_flush;
	unsigned in_flight;
	bool flushing;	  /* a flush is under way, or waits for the others */
	int status;
	struct bench_req *reqs;
	struct bench_req *idle[1024];
	unsigned idle_count;
	uint8_t *bytes;
};

static void go_on(struct bench *b);

static void done(struct block_req *req, int status)
{
	struct bench_req *r = container_of(req, struct bench_req, req);
	struct bench *b = r->bench;

	b->in_flight--;
	b->idle[b->idle_count++] = r;
	if (status < 0)
		b->status = status;
	if (req->op == BLOCK_FLUSH)
		b->flushing = false;
	go_on(b);
}

static void submit(struct bench *b, enum block_op op)
{
	struct bench_req *r = b->idle[--b->idle_count];

	b->in_flight++;
	r->iov = (struct iovec){ b->bytes + (size_t)(r - b->reqs) * b->o->buffer_bytes,
				 b->o->buffer_bytes };
	r->req.op = op;
	r->req.offset = op == BLOCK_FLUSH ? 0 : b->at;
	r->req.len = op == BLOCK_FLUSH ? 0 : b->o->buffer_bytes;
	r->req.iov = &r->iov;
	r->req.iov_count = op == BLOCK_FLUSH ? 0 : 1;
	r->req.loop = b->loop;
	r->req.done = done;
	if (op != BLOCK_FLUSH) {
		b->left--;
		b->at += b->step;
		/* From the disk's end on at its start again. */
		if (b->at + b->o->buffer_bytes > b->disk->limits.size_bytes)
			b->at = b->o->offset;
	}
	block_submit(b->disk, &r->req);
}

static void go_on(struct bench *b)
{
	while (b->status == 0 && b->idle_count > 0) {
		if (b->flushing && (!b->o->no_drain && b->in_flight == 0)) {
			submit(b, BLOCK_FLUSH);
			return;
		}
		if (b->left == 0 || (b->flushing && !b->o->no_drain))
			return;
		submit(b, b->o->write ? BLOCK_WRITE : BLOCK_READ);
		if (b->o->flush_interval == 0 || --b->until_flush > 0)
			continue;
		b->until_flush = b->o->flush_interval;
		b->flushing = true;
		if (b->o->no_drain && b->idle_count > 0)
			submit(b, BLOCK_FLUSH);
	}
}

static int measure(struct bench *b, uint64_t *ns)
{
	const uint64_t begin_ns = host_now_ns();

	go_on(b);
	while (b->in_flight > 0)
		ioloop_round(b->loop, -1);
	*ns = host_now_ns() - begin_ns;
	return b->status;
}

static void announce(const struct bench *b)
{
	const struct img_options *o = b->o;

	printf("Sending %llu %s requests, %llu bytes each, %llu in parallel (starting at offset %llu, "
	       "step size %llu)\n",
	       (unsigned long long)o->count, o->write ? "write" : "read",
	       (unsigned long long)o->buffer_bytes, (unsigned long long)o->depth,
	       (unsigned long long)o->offset, (unsigned long long)b->step);
	if (o->flush_interval > 0)
		printf("Sending flush every %llu %srequests\n", (unsigned long long)o->flush_interval,
		       o->no_drain ? "" : "ended ");
	fflush(stdout);
}

static int prepare(struct bench *b, struct err *err)
{
	const struct img_options *o = b->o;
	const uint32_t grain = b->disk->limits.logical_bytes;
	void *bytes = NULL;

	b->step = o->step_given ? o->step_bytes : o->buffer_bytes;
	if ((o->buffer_bytes | b->step | o->offset) & (grain - 1))
		return err_set(err, -EINVAL, "-s, -S, -o: not multiples of %u", grain);
	if (o->offset > b->disk->limits.size_bytes ||
	    o->buffer_bytes > b->disk->limits.size_bytes - o->offset)
		return err_set(err, -EINVAL, "-o: the disk ends before, at %llu",
			       (unsigned long long)b->disk->limits.size_bytes);
	b->reqs = calloc(o->depth, sizeof(*b->reqs));
	if (!b->reqs || posix_memalign(&bytes, 4096, o->depth * o->buffer_bytes) != 0)
		return err_set(err, -ENOMEM, "no memory for so many buffers");
	b->bytes = bytes;
	memset(bytes, o->pattern, o->depth * o->buffer_bytes);
	for (unsigned i = 0; i < o->depth; i++) {
		b->reqs[i].bench = b;
		b->idle[b->idle_count++] = &b->reqs[i];
	}
	b->left = o->count;
	b->until_flush = o->flush_interval;
	b->at = o->offset;
	return 0;
}

static int bench_disk(struct bench *b, struct err *err)
{
	uint64_t ns = 0;
	int rc = prepare(b, err);

	if (rc == 0) {
		if (!b->o->quiet)
			announce(b);
		rc = measure(b, &ns);
		if (rc < 0)
			err_errno(err, rc, "%s", b->o->words[0]);
		else if (!b->o->quiet)
			printf("Run completed in %llu.%03llu seconds.\n",
			       (unsigned long long)(ns / NS_PER_S),
			       (unsigned long long)(ns % NS_PER_S / NS_PER_MS));
	}
	free(b->reqs);
	free(b->bytes);
	return rc;
}

/* The disk as a guest gets it: by the same code, in the same way. */
static int open_disk(struct bench *b, struct err *err)
{
	static const enum disk_format formats[] = {
		[IMAGE_PROBE] = DISK_FORMAT_PROBE,
		[IMAGE_RAW] = DISK_FORMAT_RAW,
		[IMAGE_QCOW2] = DISK_FORMAT_QCOW2,
	};
	static const enum disk_cache caches[] = {
		[IMG_CACHE_DEFAULT] = DISK_CACHE_WRITEBACK,
		[IMG_CACHE_NONE] = DISK_CACHE_NONE,
		[IMG_CACHE_WRITEBACK] = DISK_CACHE_WRITEBACK,
		[IMG_CACHE_WRITETHROUGH] = DISK_CACHE_WRITETHROUGH,
	};
	const struct disk_config config = {
		.path = b->o->words[0],
		.format = formats[b->o->format],
		.read_only = !b->o->write,
		.backing_allowed = "/",
		.cache = caches[b->o->cache],
		.discard = true,
	};

	return disk_open(&config, &b->disk, err);
}

static int bench(const struct img_options *o)
{
	struct bench b = { .o = o };
	struct err err = { "" };
	int rc;

	if (o->flush_interval > 0 && !o->write) {
		img_error(o, "--flush-interval: only with -w");
		return 1;
	}
	if (o->cache > IMG_CACHE_WRITETHROUGH) {
		img_error(o, "-t: a guest's disk is none, writeback or writethrough");
		return 1;
	}
	if (img_loop(o, &b.loop) < 0)
		return 1;
	rc = open_disk(&b, &err);
	if (rc == 0)
		rc = bench_disk(&b, &err);
	block_close(b.disk);
	ioloop_destroy(b.loop);
	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc < 0 ? 1 : command_flush();
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_bench_command, argc, argv, 1, 1, &status))
		status = bench(&o);
	img_options_release(&o);
	return status;
}

const struct command img_bench_command = {
	.name = "bench",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Measure how fast requests are served.",
	.options = &table,
	.run = run,
};
