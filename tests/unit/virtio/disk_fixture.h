/* A virtio disk over a block in memory, and its driver: what the tests of blk.c and
 * blk_queue.c stand on. */
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
#include "fake/virtio_fixture.h"
#include "virtio/blk.h"

#define DISK_BYTES    MIB(1)
#define RING_SIZE     64u
#define SLOT_BYTES    0x1400u /* guest memory of a request */
#define SLOT_STATUS   0x20u   /* behind the header */
#define SLOT_TABLE    0x100u  /* of indirect descriptors, where there is one */
#define SLOT_DATA     0x400u
#define SLOT_DATA_MAX 0x1000u
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
	struct virtio_fixture f;
	struct fake_block *fake;
	struct virtio_blk_config config;
	unsigned slots; /* used so far */
};

/* Board and content; disk_plug() makes the device once the test has changed
 * d->config and the limits of d->fake. */
static inline int disk_setup(void **state)
{
	struct disk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	virtio_fixture_init(&d->f);
	d->fake = fake_block_open(DISK_BYTES);
	d->config = (struct virtio_blk_config){
		.place = virtio_fixture_place(&d->f),
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

	if (!d->f.dev)
		block_close(&d->fake->block);
	virtio_fixture_free(&d->f);
	free(d);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

static inline void disk_plug(struct disk *d)
{
	virtio_fixture_add(&d->f, &virtio_blk_type, &d->config);
}

/* The disk in use by a driver that takes those of `features` that are offered. */
static inline struct disk *disk_ready(void **state, uint64_t features)
{
	struct disk *d = *state;

	disk_plug(d);
	virtio_fixture_start(&d->f, features & features_offered(&d->f));
	return d;
}

/* ---- requests ------------------------------------------------------------------------ */

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
	struct request r = { .queue = queue };
	uint8_t *raw;

	r.slot = VIRTIO_FIXTURE_DATA + (gpa_t)SLOT_BYTES * d->slots++;
	assert_true(r.slot + SLOT_BYTES <= FAKE_RAM_BYTES);
	raw = d->f.ram + r.slot;
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
	const uint32_t type = le32_load(d->f.ram + r->slot);
	const bool writable = type == BLK_T_IN || type == BLK_T_GET_ID;
	struct fake_buf bufs[3];
	unsigned n = 0;

	assert_true(len <= SLOT_DATA_MAX);
	bufs[n++] = (struct fake_buf){ r->slot, BLK_HEADER_BYTES, false };
	if (len > 0)
		bufs[n++] = (struct fake_buf){ r->slot + SLOT_DATA, len, writable };
	bufs[n++] = (struct fake_buf){ r->slot + SLOT_STATUS, 1, true };
	r->id = fake_driver_add(&d->f.queues[r->queue], bufs, n);
	assert_true(r->id >= 0);
	virtio_fixture_kick(&d->f, r->queue);
}

/* The chain that the device gave back next: its id; -1 if there is none. */
static inline int next_used(struct disk *d, unsigned queue, uint32_t *len)
{
	uint16_t id;

	return fake_driver_used(&d->f.queues[queue], &id, len) ? id : -1;
}

/* Offer r and wait for it.  Returns its status; *len is what was told with it. */
static inline uint8_t request_do(struct disk *d, struct request *r, uint32_t data_len,
				 uint32_t *len)
{
	request_offer(d, r, data_len);
	virtio_fixture_wait(&d->f, r->queue);
	assert_int_equal(next_used(d, r->queue, len), r->id);
	return *r->status;
}

/* One request from beginning to end; its status. */
static inline uint8_t do_one(struct disk *d, uint32_t type, uint64_t sector, uint32_t data_len)
{
	struct request r = request_new(d, 0, type, sector);
	uint32_t len;

	return request_do(d, &r, data_len, &len);
}

/* A segment of a discard or write zeroes request. */
static inline void range_put(uint8_t *at, uint64_t sector, uint32_t count, uint32_t flags)
{
	le64_store(at, sector);
	le32_store(at + 8, count);
	le32_store(at + 12, flags);
}

/* Requests that a test ended outside of the loop are shown at the end of a round. */
static inline void show_ended(struct disk *d, unsigned queue)
{
	virtio_again(&d->f.vp->v, queue);
	virtio_fixture_run(&d->f);
}

#endif
