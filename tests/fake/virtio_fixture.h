/* fake/virtio_fixture.h: a virtio device on a fake board, with a PCI bus, a loop of
 * the test's own thread, and a fake driver that knows the PCI transport.
 *
 *	struct virtio_fixture f;
 *
 *	virtio_fixture_init(&f);
 *	config.place = virtio_fixture_place(&f);
 *	virtio_fixture_add(&f, &virtio_blk_type, &config);
 *	virtio_fixture_start(&f, VIRTIO_F_EVENT_IDX | BLK_F_FLUSH); // all the way to DRIVER_OK
 *
 *	id = fake_driver_add(&f.queues[0], bufs, 3);
 *	virtio_fixture_kick(&f, 0);                // if the device asked for it
 *	virtio_fixture_run(&f);                    // until the loop has nothing to do
 *	assert_int_equal(virtio_fixture_interrupts(&f, 1), 1);
 *	assert_true(fake_driver_used(&f.queues[0], &id, &len));
 *
 *	virtio_fixture_free(&f);                   // device, too
 *
 * Everything goes through the bus, as a guest's accesses do.  Vector 0 is the
 * configuration's; for queues see virtio_fixture_vector(). */
#ifndef BANTAM_VIRTIO_FIXTURE_H
#define BANTAM_VIRTIO_FIXTURE_H

#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "virtio/pci.h"

#define VIRTIO_FIXTURE_QUEUES 16u
/* RAM up to here is the rings'; from here to FAKE_RAM_BYTES it is the test's. */
#define VIRTIO_FIXTURE_DATA UINT64_C(0x80000)

struct virtio_fixture {
	struct fake_board fb; /* its mem has FAKE_RAM_BYTES at gpa 0 */
	struct pci_bus bus;
	uint8_t *ram;
	struct ioloop *loop;
	bool loop_borrowed;
	struct device *dev;
	struct virtio_pci *vp;
	gpa_t bar;
	struct fake_driver queues[VIRTIO_FIXTURE_QUEUES];
};

/* Not to be moved afterwards. */
void virtio_fixture_init(struct virtio_fixture *f);
/* The same on the caller's loop, which stays its own: for many fixtures in a row. */
void virtio_fixture_init_on(struct virtio_fixture *f, struct ioloop *loop);
struct virtio_pci_place virtio_fixture_place(struct virtio_fixture *f);

/* Create a device, whose config has that place, and reset it, as the machine does.
 * Its struct device is the one in its struct virtio_pci. */
void virtio_fixture_add(struct virtio_fixture *f, const struct device_type *type,
			const void *config);
/* Or take one that the test made itself. */
void virtio_fixture_take(struct virtio_fixture *f, struct virtio_pci *vp);

/* Destroy the device (through its type) and all else. */
void virtio_fixture_free(struct virtio_fixture *f);

/* ---- steps of a driver ------------------------------------------------------------------ */

/* Common configuration by offset; the size is the register's own. */
uint64_t common_read(struct virtio_fixture *f, enum virtio_pci_common at);
void common_write(struct virtio_fixture *f, enum virtio_pci_common at, uint64_t value);
/* For one queue: selects it first. */
uint64_t queue_read(struct virtio_fixture *f, unsigned queue, enum virtio_pci_common at);
void queue_write(struct virtio_fixture *f, unsigned queue, enum virtio_pci_common at,
		 uint64_t value);

uint8_t status_read(struct virtio_fixture *f);
uint64_t features_offered(struct virtio_fixture *f);

/* Route and unmask all vectors, and enable MSI-X.  Before it, or without, the
 * device has its INTx pin. */
void virtio_fixture_use_msix(struct virtio_fixture *f);

/* Up to FEATURES_OK, with VERSION_1 added; whether the device agrees. */
bool virtio_fixture_negotiate(struct virtio_fixture *f, uint64_t features);
/* Lay out queue i, tell the device, enable it.  size 0: the most it offers. */
void virtio_fixture_queue(struct virtio_fixture *f, unsigned i, uint16_t size);
/* All of it: MSI-X, features, every queue, DRIVER_OK; the loop has run. */
void virtio_fixture_start(struct virtio_fixture *f, uint64_t features);

/* Notify queue i if the device wants it, by its doorbell or else through the BAR;
 * whether it was wanted. */
bool virtio_fixture_kick(struct virtio_fixture *f, unsigned i);

/* Rounds of the loop until one has nothing to do, at most 1000.  Such that wait for
 * file I/O: virtio_fixture_wait(). */
void virtio_fixture_run(struct virtio_fixture *f);
/* Rounds until queue i has a used entry, up to 5 s; then as virtio_fixture_run(). */
void virtio_fixture_wait(struct virtio_fixture *f, unsigned i);

/* The vector of queue i: 1 + i, or 1 for all where there are fewer, as Linux has it. */
unsigned virtio_fixture_vector(const struct virtio_fixture *f, unsigned i);
/* Messages of vector so far. */
unsigned virtio_fixture_interrupts(struct virtio_fixture *f, unsigned vector);

/* Write status 0, run the loop; whether the device reads 0 then. */
bool virtio_fixture_reset(struct virtio_fixture *f);

/* Configuration cycles of the device's function. */
uint32_t virtio_fixture_config_read(struct virtio_fixture *f, unsigned offset, unsigned size);
void virtio_fixture_config_write(struct virtio_fixture *f, unsigned offset, unsigned size,
				 uint32_t value);
/* The offset of its capability id, the nth from 0; 0: none. */
unsigned virtio_fixture_cap(struct virtio_fixture *f, uint8_t id, unsigned nth);

#endif
