/* A virtio disk over a block in memory, and a driver for its queues: what the tests
 * of blk.c stand on.  Transport registers are tested elsewhere; here the driver
 * calls what they call. */
#ifndef BANTAM_TEST_DISK_FIXTURE_H
#define BANTAM_TEST_DISK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake/fake_block.h"
#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "virtio/blk.h"

#define DISK_BYTES    MIB(1)
#define DISK_QUEUES   2u
#define RAM_BYTES     MIB(1)
#define RING_BASE     0x1000u /* a ring each 0x8000 bytes */
#define SLOT_BASE     0x20000u
#define SLOT_BYTES    0x2000u
#define SLOT_STATUS   0x20u /* in a slot, behind the header */
#define SLOT_DATA     0x1000u
#define SLOT_DATA_MAX 0x1000u
#define RING_SIZE     64u
#define NO_STATUS     0xaau /* where a status was not written */

/* Feature bits (virtio 1.2, 5.2.3). */
#define F_SEG_MAX      (UINT64_C(1) << 2)
#define F_GEOMETRY     (UINT64_C(1) << 4)
#define F_RO	       (UINT64_C(1) << 5)
#define F_BLK_SIZE     (UINT64_C(1) << 6)
#define F_FLUSH	       (UINT64_C(1) << 9)
#define F_TOPOLOGY     (UINT64_C(1) << 10)
#define F_CONFIG_WCE   (UINT64_C(1) << 11)
#define F_MQ	       (UINT64_C(1) << 12)
#define F_DISCARD      (UINT64_C(1) << 13)
#define F_WRITE_ZEROES (UINT64_C(1) << 14)

struct disk {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loop;
	struct ioloop *loops[DISK_QUEUES];
	uint8_t *ram;
	struct fake_block *fake;
	struct virtio_blk_config config;
	struct device *dev;
	struct virtio *v;
	struct fake_driver driver[DISK_QUEUES];
	unsigned slots; /* used so far */
};

/* RAM, bus, loop and content; disk_plug() makes the device once the test has
 * changed d->config and d->fake's limits. */
static inline int disk_setup(void **state)
{
	struct disk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	fake_board_init(&d->fb);
	d->ram = calloc(1, RAM_BYTES);
	assert_int_equal(mem_add(&d->fb.mem, 0, RAM_BYTES, d->ram), 0);
	pci_bus_init(&d->bus, &d->fb.board);
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &d->loop, NULL), 0);
	for (unsigned i = 0; i < DISK_QUEUES; i++)
		d->loops[i] = d->loop;
	d->fake = fake_block_open(DISK_BYTES);
	d->config = (struct virtio_blk_config){
		.place = { .bus = &d->bus, .devfn = -1, .loops = d->loops,
			   .loop_count = DISK_QUEUES, .label = "disk vda" },
		.block = &d->fake->block,
		.queues = 1,
		.queue_size = RING_SIZE,
		.serial = "BANTAM-7",
		.discard = true,
	};
	*state = d;
	return 0;
}

static inline int disk_teardown(void **state)
{
	struct disk *d = *state;

	if (d->dev)
		d->dev->type->destroy(d->dev);
	else
		fake_block_close(d->fake);
	ioloop_destroy(d->loop);
	free(d->ram);
	free(d);
	return 0;
}

static inline void disk_plug(struct disk *d)
{
	assert_int_equal(virtio_blk_type.create(&d->fb.board, &d->config, &d->dev, NULL), 0);
	virtio_blk_type.reset(d->dev);
	d->v = &container_of(d->dev, struct virtio_pci, dev)->v;
}

/* Rounds until nothing happens any more. */
static inline void disk_rounds(struct disk *d)
{
	for (unsigned idle = 0, n = 0; idle < 2 && n < 1000; n++)
		idle = ioloop_round(d->loop, 0) > 0 ? 0 : idle + 1;
}

/* A queue as a driver sets it up. */
static inline void disk_enable(struct disk *d, unsigned index)
{
	struct virtio_queue *q = &d->v->queues[index];
	struct fake_driver *drv = &d->driver[index];

	fake_driver_init(drv, &d->fb.mem, RING_BASE + 0x8000u * index, RING_SIZE, d->v->features);
	q->size = RING_SIZE;
	q->desc = drv->setup.desc;
	q->driver = drv->setup.driver;
	q->device = drv->setup.device;
	virtio_enable_queue(q);
}

/* The driver begins, taking those of `features` that are offered. */
static inline void disk_drive(struct disk *d, uint64_t features)
{
	struct virtio *v = d->v;

	virtio_set_status(v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->driver_features = (features | VIRTIO_F_VERSION_1) & v->offered;
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_true(virtio_status(v) & VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < v->queue_count; i++)
		disk_enable(d, i);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
				     VIRTIO_DRIVER_OK);
	disk_rounds(d);
}

/* Device and driver of a test that has no wishes. */
static inline struct disk *disk_ready(void **state, uint64_t features)
{
	struct disk *d = *state;

	disk_plug(d);
	disk_drive(d, features);
	return d;
}

/* A request as the driver keeps it. */
struct request {
	unsigned queue;
	int id;
	gpa_t slot;
	uint8_t *status, *data;
};

static inline struct request request_new(struct disk *d, unsigned queue, uint32_t type,
					 uint64_t sector)
{
	struct request r = { .queue = queue, .slot = SLOT_BASE + (gpa_t)SLOT_BYTES * d->slots++ };
	uint8_t *raw;

	assert_true(r.slot + SLOT_BYTES <= RAM_BYTES);
	raw = d->ram + r.slot;
	memset(raw, 0, BLK_HEADER_BYTES);
	le32_store(raw, type);
	le64_store(raw + 8, sector);
	r.status = raw + SLOT_STATUS;
	*r.status = NO_STATUS;
	r.data = raw + SLOT_DATA;
	return r;
}

/* Offer r with len bytes of data on the side where its type has them, and kick. */
static inline void request_offer(struct disk *d, struct request *r, uint32_t len)
{
	const bool writable = d->ram[r->slot] == BLK_T_IN || d->ram[r->slot] == BLK_T_GET_ID;
	struct fake_buf bufs[3];
	unsigned n = 0;

	assert_true(len <= SLOT_DATA_MAX);
	bufs[n++] = (struct fake_buf){ r->slot, BLK_HEADER_BYTES, false };
	if (len > 0)
		bufs[n++] = (struct fake_buf){ r->slot + SLOT_DATA, len, writable };
	bufs[n++] = (struct fake_buf){ r->slot + SLOT_STATUS, 1, true };
	r->id = fake_driver_add(&d->driver[r->queue], bufs, n);
	assert_true(r->id >= 0);
	virtio_kick(&d->v->queues[r->queue]);
}

/* The chain that the device gave back next: its id; -1 if there is none. */
static inline int next_used(struct disk *d, unsigned queue, uint32_t *len)
{
	uint16_t id;

	return fake_driver_used(&d->driver[queue], &id, len) ? id : -1;
}

/* Offer r and wait for it.  Returns its status; *len is what was told with it. */
static inline uint8_t request_do(struct disk *d, struct request *r, uint32_t data_len,
				 uint32_t *len)
{
	request_offer(d, r, data_len);
	disk_rounds(d);
	assert_int_equal(next_used(d, r->queue, len), r->id);
	return *r->status;
}

static inline void range_put(uint8_t *at, uint64_t sector, uint32_t count, uint32_t flags)
{
	le64_store(at, sector);
	le32_store(at + 8, count);
	le32_store(at + 12, flags);
}

#endif
