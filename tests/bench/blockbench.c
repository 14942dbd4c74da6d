/* tests/bench/blockbench.c: FILE COUNT DEPTH none|writeback read|write thread|alone:
 * how fast the virtio disk is without a guest.
 *
 * The real device on its loop, over a raw file by io_uring.  The driver is this
 * program: rings in ordinary memory, a kick by the eventfd that KVM would signal, and
 * instead of an interrupt it looks at the used ring.  COUNT requests of 4 KiB in
 * sequence, DEPTH of them in flight, as `qemu-img bench` does it.
 *
 *   thread  the device has an I/O thread, as in a machine: needs two processors
 *           that nobody else wants, or it measures the scheduler
 *   alone   driver and device take turns on one thread: the work itself
 *
 * Prints the seconds that they took. */
#include <errno.h>
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

#define RAM_BYTES     MIB(2)
#define RING_BASE     0x1000u
#define RING_SIZE     256u
#define DEPTH_MAX     64u
#define SLOT_BASE     0x10000u
#define SLOT_BYTES    0x4000u /* header, status at 0x20, data at 0x1000 */
#define REQUEST_BYTES 4096u
#define SECTORS	      (REQUEST_BYTES / 512u)
#define PATIENCE      1000u   /* looks before another may have the processor */
#define F_FLUSH	      (UINT64_C(1) << 9)

struct bench {
	struct fake_board fb;
	struct pci_bus bus;
	struct iothread *thread; /* NULL: alone */
	struct ioloop *loop;
	struct block *block;
	struct device *dev;
	struct virtio *v;
	struct fake_driver driver;
	uint8_t *ram;
	uint64_t requests_in_file, next; /* in units of REQUEST_BYTES */
	unsigned slot_of[RING_SIZE];	 /* by chain id */
	bool write;
};

static _Noreturn void die(const char *what, const struct err *err)
{
	fprintf(stderr, "blockbench: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1);
}

static void open_loop(struct bench *b, bool alone)
{
	struct err err;

	if (alone && ioloop_create(IO_ENGINE_URING, &b->loop, &err) < 0)
		die("I/O loop", &err);
	if (!alone && iothread_start(IO_ENGINE_URING, 0, &b->thread, &err) < 0)
		die("I/O thread", &err);
	if (!alone)
		b->loop = iothread_loop(b->thread);
}

static void open_disk(struct bench *b, const char *path, enum disk_cache cache)
{
	const struct disk_config config = {
		.path = path,
		.format = DISK_FORMAT_RAW,
		.cache = cache,
		.engine = IO_ENGINE_URING,
		.queues = 1,
	};
	struct err err;

	if (disk_open(&config, &b->block, &err) < 0)
		die("disk", &err);
	b->requests_in_file = b->block->limits.size_bytes / REQUEST_BYTES;
	const struct virtio_blk_config device = {
		.place = { .bus = &b->bus, .devfn = -1, .loops = &b->loop, .loop_count = 1,
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

static void offer(struct bench *b, unsigned slot)
{
	const gpa_t at = SLOT_BASE + (gpa_t)SLOT_BYTES * slot;
	const struct fake_buf bufs[] = {
		{ at, 16, false },
		{ at + 0x1000, REQUEST_BYTES, !b->write },
		{ at + 0x20, 1, true },
	};
	int id;

	le32_store(b->ram + at, b->write ? BLK_T_OUT : BLK_T_IN);
	le64_store(b->ram + at + 8, b->next * SECTORS);
	b->ram[at + 0x20] = 0xff;
	b->next = (b->next + 1) % b->requests_in_file;
	id = fake_driver_add(&b->driver, bufs, 3);
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
			offer(b, slot);
			--*left;
		}
	}
	return count;
}

static void run(struct bench *b, unsigned long count, unsigned depth)
{
	const unsigned patience = b->thread ? PATIENCE : 1;
	unsigned long left = count - depth, done = 0;
	unsigned looks = 0;

	for (unsigned i = 0; i < depth; i++)
		offer(b, i);
	kick_if_wanted(b);
	while (done < count) {
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

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct bench b;
	unsigned long count, depth;
	double begin_s;

	if (argc != 7) {
		fprintf(stderr, "usage: blockbench FILE COUNT DEPTH none|writeback read|write "
				"thread|alone\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 10);
	depth = strtoul(argv[3], NULL, 10);
	if (depth < 1 || depth > DEPTH_MAX || count < depth)
		return 2;
	b.write = strcmp(argv[5], "write") == 0;
	b.ram = aligned_alloc(4096, RAM_BYTES);
	if (!b.ram)
		die("memory", NULL);
	memset(b.ram, 0, RAM_BYTES);
	fake_board_init(&b.fb);
	if (mem_add(&b.fb.mem, 0, RAM_BYTES, b.ram) < 0)
		die("memory", NULL);
	pci_bus_init(&b.bus, &b.fb.board);
	open_loop(&b, strcmp(argv[6], "alone") == 0);
	open_disk(&b, argv[1],
		  strcmp(argv[4], "none") == 0 ? DISK_CACHE_NONE : DISK_CACHE_WRITEBACK);
	start_driver(&b);
	begin_s = now_s();
	run(&b, count, (unsigned)depth);
	printf("%.4f\n", now_s() - begin_s);
	virtio_blk_type.destroy(b.dev);
	iothread_stop(b.thread);
	if (!b.thread)
		ioloop_destroy(b.loop);
	free(b.ram);
	return 0;
}
