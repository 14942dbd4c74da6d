/* tests/bench/blockbench.c: how fast the virtio disk is without a guest.
 *
 *	blockbench FILE [KEY=VALUE...]
 *
 * The real device on its loop, over an image file by io_uring.  The driver is this
 * program: rings in ordinary memory, a kick by the eventfd that KVM would signal, and
 * instead of an interrupt it looks at the used ring.  `count` requests of `size` bytes,
 * each `step` bytes (by default as much) behind the one before, round and round the
 * disk, `depth` of them in flight, as `qemu-img bench` does it; after every `flush`
 * requests (0: never) all are waited for and a flush follows.
 *
 *   mode=thread  the device has an I/O thread, as in a machine: needs two processors
 *                that nobody else wants, or it measures the scheduler
 *   mode=alone   driver and device take turns on one thread: the work itself
 *
 * Others: cache=writeback|none, way=read|write, format=raw|qcow2,
 * engine=io_uring|threads.
 * Prints the seconds that they took. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "block/disk.h"
#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "host/iothread.h"
#include "virtio/blk.h"

#define RAM_BYTES   MIB(80)
#define RING_BASE   0x1000u
#define RING_SIZE   256u
#define DEPTH_MAX   64u
#define SLOT_BASE   0x10000u
#define DATA_AT	    0x1000u /* in a slot; header at 0, status at 0x20 */
#define REQUEST_MAX MIB(1)
#define SLOT_BYTES  (DATA_AT + REQUEST_MAX)
#define PATIENCE    1000u /* looks before another may have the processor */
#define F_FLUSH	    (UINT64_C(1) << 9)

struct plan {
	const char *path;
	unsigned long count, depth, size, step, flush;
	bool write, alone, qcow2;
	enum io_engine engine;
	enum disk_cache cache;
};

struct bench {
	struct plan plan;
	struct fake_board fb;
	struct pci_bus bus;
	struct iothread *thread; /* NULL: alone */
	struct ioloop *loop;
	struct block *block;
	struct device *dev;
	struct virtio *v;
	struct fake_driver driver;
	uint8_t *ram;
	uint64_t next;		     /* where on the disk */
	unsigned slot_of[RING_SIZE]; /* by chain id */
};

static _Noreturn void die(const char *what, const struct err *err)
{
	fprintf(stderr, "blockbench: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1);
}

static void open_loop(struct bench *b)
{
	const bool alone = b->plan.alone;
	struct err err;

	if (alone && ioloop_create(b->plan.engine, &b->loop, &err) < 0)
		die("I/O loop", &err);
	if (!alone && iothread_start(b->plan.engine, 0, &b->thread, &err) < 0)
		die("I/O thread", &err);
	if (!alone)
		b->loop = iothread_loop(b->thread);
}

static void open_disk(struct bench *b)
{
	const struct disk_config config = {
		.path = b->plan.path,
		.format = b->plan.qcow2 ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW,
		.cache = b->plan.cache,
		.engine = b->plan.engine,
		.queues = 1,
	};
	struct err err;

	if (disk_open(&config, &b->block, &err) < 0)
		die("disk", &err);
	if (b->plan.size > b->block->limits.size_bytes)
		die("the disk is smaller than a request", NULL);
	const struct virtio_blk_config device = {
		.place = { .bus = &b->bus,
			   .devfn = -1,
			   .loops = &b->loop,
			   .loop_count = 1,
			   .label = "disk vda" },
		.block = b->block,
		.queues = 1,
		.queue_size = RING_SIZE,
	};
	if (virtio_blk_type.create(&b->fb.board, &device, &b->dev, &err) < 0)
		die("device", &err);
	virtio_blk_type.reset(b->dev);
	b->v = &container_of(b->dev, struct virtio_pci, dev)->v;
}

/* Let the device work. */
static void give_way(struct bench *b)
{
	if (b->thread)
		sched_yield();
	else
		ioloop_round(b->loop, -1);
}

/* What a driver does until DRIVER_OK. */
static void start_driver(struct bench *b)
{
	struct virtio *v = b->v;
	struct virtio_queue *q = &v->queues[0];
	const uint8_t ready = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;

	virtio_set_status(v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->driver_features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | F_FLUSH;
	virtio_set_status(v, ready);
	fake_driver_init(&b->driver, &b->fb.mem, RING_BASE, RING_SIZE, v->features);
	fake_driver_mute(&b->driver);
	q->size = RING_SIZE;
	q->desc = b->driver.setup.desc;
	q->driver = b->driver.setup.driver;
	q->device = b->driver.setup.device;
	virtio_enable_queue(q);
	virtio_set_status(v, ready | VIRTIO_DRIVER_OK);
	while (atomic_load(&q->life) != QUEUE_RUNNING)
		give_way(b);
}

/* A request at b->next, or a flush. */
static void offer(struct bench *b, unsigned slot, bool flush)
{
	const gpa_t at = SLOT_BASE + (gpa_t)SLOT_BYTES * slot;
	const struct fake_buf bufs[] = {
		{ at, 16, false },
		{ at + DATA_AT, (uint32_t)b->plan.size, !b->plan.write },
		{ at + 0x20, 1, true },
	};
	const struct fake_buf flush_bufs[] = { bufs[0], bufs[2] };
	int id;

	le32_store(b->ram + at, flush ? BLK_T_FLUSH : b->plan.write ? BLK_T_OUT : BLK_T_IN);
	le64_store(b->ram + at + 8, flush ? 0 : b->next / BLOCK_SECTOR_BYTES);
	b->ram[at + 0x20] = 0xff;
	if (!flush)
		b->next =
			(b->next + b->plan.step) % (b->block->limits.size_bytes - b->plan.size + 1);
	b->next -= b->next % BLOCK_SECTOR_BYTES;
	id = flush ? fake_driver_add(&b->driver, flush_bufs, 2)
		   : fake_driver_add(&b->driver, bufs, 3);
	if (id < 0)
		die("ring", NULL);
	b->slot_of[id] = slot;
}

static void kick_if_wanted(struct bench *b)
{
	const uint64_t one = 1;

	if (fake_driver_wants_kick(&b->driver) &&
	    write(b->v->queues[0].kick.fd, &one, sizeof(one)) != sizeof(one))
		die("kick", NULL);
}

/* Take back what is done, offering as much anew: how many there were. */
static unsigned turn(struct bench *b, unsigned long *left)
{
	unsigned count = 0;
	uint32_t len;
	uint16_t id;

	for (; fake_driver_used(&b->driver, &id, &len); count++) {
		const unsigned slot = b->slot_of[id];

		if (b->ram[SLOT_BASE + (gpa_t)SLOT_BYTES * slot + 0x20] != BLK_S_OK)
			die("a request failed", NULL);
		if (*left > 0) {
			offer(b, slot, false);
			--*left;
		}
	}
	return count;
}

/* Until as many are done as are in flight and left to be offered. */
static void drain(struct bench *b, unsigned long wanted, unsigned long left)
{
	const unsigned patience = b->thread ? PATIENCE : 1;
	unsigned looks = 0;

	kick_if_wanted(b);
	for (unsigned long done = 0; done < wanted;) {
		const unsigned n = turn(b, &left);

		done += n;
		if (n > 0) {
			kick_if_wanted(b);
			looks = 0;
		} else if (++looks == patience) {
			give_way(b);
			looks = 0;
		}
	}
}

static void run(struct bench *b)
{
	const struct plan *p = &b->plan;

	for (unsigned long done = 0, part; done < p->count; done += part) {
		unsigned long first;

		part = p->flush > 0 && p->flush < p->count - done ? p->flush : p->count - done;
		first = p->depth < part ? p->depth : part;
		for (unsigned i = 0; i < first; i++)
			offer(b, i, false);
		drain(b, part, part - first);
		if (p->flush > 0) {
			offer(b, 0, true);
			drain(b, 1, 0);
		}
	}
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "blockbench: %s: see the top of blockbench.c\n", what);
	exit(2);
}

static unsigned long number(const char *value, unsigned long least, unsigned long most)
{
	char *end;
	const unsigned long n = strtoul(value, &end, 10);

	if (*end || n < least || n > most)
		usage(value);
	return n;
}

static void set(struct plan *p, const char *option)
{
	const char *value = strchr(option, '=');
	const size_t len = value ? (size_t)(value++ - option) : 0;

	if (!value)
		usage(option);
	else if (!strncmp(option, "count", len))
		p->count = number(value, 1, ULONG_MAX);
	else if (!strncmp(option, "depth", len))
		p->depth = number(value, 1, DEPTH_MAX);
	else if (!strncmp(option, "size", len))
		p->size = number(value, BLOCK_SECTOR_BYTES, REQUEST_MAX);
	else if (!strncmp(option, "step", len))
		p->step = number(value, 0, ULONG_MAX);
	else if (!strncmp(option, "flush", len))
		p->flush = number(value, 0, ULONG_MAX);
	else if (!strncmp(option, "cache", len))
		p->cache = strcmp(value, "none") ? DISK_CACHE_WRITEBACK : DISK_CACHE_NONE;
	else if (!strncmp(option, "way", len))
		p->write = !strcmp(value, "write");
	else if (!strncmp(option, "mode", len))
		p->alone = !strcmp(value, "alone");
	else if (!strncmp(option, "engine", len))
		p->engine = strcmp(value, "threads") ? IO_ENGINE_URING : IO_ENGINE_THREADS;
	else if (!strncmp(option, "format", len))
		p->qcow2 = !strcmp(value, "qcow2");
	else
		usage(option);
}

static struct plan parse(int argc, char **argv)
{
	struct plan p = {
		.count = 20000,
		.depth = 1,
		.size = 4096,
		.cache = DISK_CACHE_WRITEBACK,
		.engine = IO_ENGINE_URING,
	};

	if (argc < 2)
		usage("no file");
	p.path = argv[1];
	for (int i = 2; i < argc; i++)
		set(&p, argv[i]);
	if (p.step == 0)
		p.step = p.size;
	return p;
}

int main(int argc, char **argv)
{
	static struct bench b;
	double begin_s;

	b.plan = parse(argc, argv);
	b.ram = aligned_alloc(4096, RAM_BYTES);
	if (!b.ram)
		die("memory", NULL);
	memset(b.ram, 0x5a, RAM_BYTES);
	memset(b.ram, 0, SLOT_BASE);
	fake_board_init(&b.fb);
	if (mem_add(&b.fb.mem, 0, RAM_BYTES, b.ram) < 0)
		die("memory", NULL);
	pci_bus_init(&b.bus, &b.fb.board);
	open_loop(&b);
	open_disk(&b);
	start_driver(&b);
	begin_s = now_s();
	run(&b);
	printf("%.4f\n", now_s() - begin_s);
	virtio_blk_type.destroy(b.dev);
	iothread_stop(b.thread);
	if (!b.thread)
		ioloop_destroy(b.loop);
	free(b.ram);
	return 0;
}
