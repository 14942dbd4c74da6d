/* fake/fake_driver.h: the driver's side of a virtqueue, split or packed, in fake
 * guest RAM.
 *
 *	struct fake_ram ram;
 *	struct fake_driver d;
 *	const struct fake_buf bufs[] = {
 *		{ .gpa = 0x10000, .len = 16 },                    // device reads
 *		{ .gpa = 0x11000, .len = 512, .writable = true }, // device writes
 *	};
 *
 *	fake_ram_init(&ram);                       // FAKE_RAM_BYTES at gpa 0
 *	fake_driver_init(&d, &ram.mem, 0x1000, 16, VIRTIO_F_RING_PACKED);
 *	vq_start(&q, &d.setup);
 *	id = fake_driver_add(&d, bufs, 2);         // seen by the device at once
 *	if (fake_driver_wants_kick(&d)) ...        // what the device asked for
 *	... vq_pop(), vq_push(), vq_flush() ...
 *	assert_true(fake_driver_used(&d, &id, &len)); // and takes it back
 *	fake_ram_free(&ram);
 *
 * It keeps the rules; a test that wants them broken writes descriptors itself by
 * fake_driver_desc() and shows them by fake_driver_offer(). */
#ifndef BANTAM_FAKE_DRIVER_H
#define BANTAM_FAKE_DRIVER_H

#include "virtio/queue.h"

#define FAKE_RAM_BYTES MIB(1)

struct fake_ram {
	struct mem mem;
	uint8_t *bytes;
};

/* One block at gpa 0, all zero. */
void fake_ram_init(struct fake_ram *r);
void fake_ram_free(struct fake_ram *r);

/* The host's address of guest byte gpa, which is RAM. */
uint8_t *fake_at(const struct mem *m, gpa_t gpa);

struct fake_buf {
	gpa_t gpa;
	uint32_t len;
	bool writable;
};

/* Descriptor flags, for raw descriptors. */
#define FAKE_NEXT     1u
#define FAKE_WRITE    2u
#define FAKE_INDIRECT 4u

struct fake_driver {
	struct vq_setup setup; /* for vq_start(), or to be written to registers */
	bool packed, event_idx;
	uint8_t *desc, *driver, *device;
	uint16_t next_avail, next_used; /* split: free-running; packed: slots */
	bool avail_wrap, used_wrap;
	uint16_t added;		   /* since fake_driver_wants_kick() was asked */
	uint16_t free_count;	   /* descriptors, or slots */
	uint16_t free[VQ_SIZE_MAX]; /* split: free descriptors; packed: free ids; a stack */
	uint16_t free_ids;	   /* packed: entries of it */
	uint16_t next[VQ_SIZE_MAX]; /* split: the chain's next descriptor */
	uint16_t length[VQ_SIZE_MAX]; /* by id: descriptors of its chain, 0: not out */
};

/* Lay out the three areas from gpa base on (16-aligned), all zero; they take less
 * than 32 bytes an entry and 64 more.
 * features  those of rings decide the layout and how notifications are asked for */
void fake_driver_init(struct fake_driver *d, const struct mem *mem, gpa_t base, uint16_t size,
		      uint64_t features);

/* Offer a chain.  Returns its id, by which fake_driver_used() names it; -1 if there
 * is no room. */
int fake_driver_add(struct fake_driver *d, const struct fake_buf *bufs, unsigned count);
/* The same through an indirect table at gpa table. */
int fake_driver_add_indirect(struct fake_driver *d, gpa_t table, const struct fake_buf *bufs,
			     unsigned count);

/* Whether the device wants to be kicked for what was added since the last call. */
bool fake_driver_wants_kick(struct fake_driver *d);

/* Take the next used chain back: false if there is none. */
bool fake_driver_used(struct fake_driver *d, uint16_t *id, uint32_t *len);

/* Ask for no interrupts. */
void fake_driver_mute(struct fake_driver *d);
/* Ask for one when `count` more chains of one slot than were taken back are used:
 * without EVENT_IDX for each batch. */
void fake_driver_listen(struct fake_driver *d, uint16_t count);

/* ---- breaking rules ------------------------------------------------------------------ */

/* Write descriptor i of a table (d->desc, or an indirect one).
 * last  split: next; packed: buffer id; flags as given, see fake_driver_bits() */
void fake_driver_desc(const struct fake_driver *d, uint8_t *table, unsigned i, gpa_t addr,
		      uint32_t len, unsigned flags, uint16_t last);

/* Split: put head into the available ring and move the index. */
void fake_driver_offer(struct fake_driver *d, uint16_t head);

/* Packed: the AVAIL and USED bits of a descriptor that is available now. */
unsigned fake_driver_bits(const struct fake_driver *d);

#endif
