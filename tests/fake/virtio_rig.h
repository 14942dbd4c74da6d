/* fake/virtio_rig.h: a virtio device on a fake board with RAM of its own that the
 * host can take back, and a well-behaved driver for its queues.
 *
 *	struct virtio_rig rig;
 *	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 16 };
 *
 *	rig_init(&rig, RIG_PRIVATE);
 *	config.place = rig_place(&rig);
 *	rig_plug(&rig, &virtio_console_type, &config);
 *	rig_drive(&rig, features);
 *	rig_offer(&rig, 1, &buf, 1);      // and a kick, if the device wants one
 *	rig_rounds(&rig);
 *	... rig_used(&rig, 1, &len) ...
 *	rig_free(&rig);
 *
 * The transport's registers are tested elsewhere; here the driver calls what they
 * call.  A step that fails ends the program. */
#ifndef BANTAM_FAKE_VIRTIO_RIG_H
#define BANTAM_FAKE_VIRTIO_RIG_H

#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "virtio/pci.h"

#define RIG_RAM_BYTES  MIB(4)
#define RIG_RING_BYTES 0x2000u
#define RIG_RING_SIZE  16u
#define RIG_DATA       UINT64_C(0x100000) /* all above is the test's */

enum rig_ram { RIG_PRIVATE, RIG_MEMFD };

/* Not to be moved after rig_init(). */
struct virtio_rig {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loop;
	struct ioloop *loops[1];
	int fd; /* of RAM; -1: private */
	uint8_t *ram;
	struct device *dev;
	struct virtio *v;
	struct fake_driver driver[VIRTIO_QUEUES_MAX];
};

void rig_init(struct virtio_rig *rig, enum rig_ram ram);
void rig_free(struct virtio_rig *rig);

/* For the device's config. */
struct virtio_pci_place rig_place(struct virtio_rig *rig);

/* Create and reset, as the machine does. */
void rig_plug(struct virtio_rig *rig, const struct device_type *type, const void *config);
/* Destroy. */
void rig_unplug(struct virtio_rig *rig);

/* The driver begins: takes those of features that are offered, and VERSION_1; sets up
 * all queues. */
void rig_drive(struct virtio_rig *rig, uint64_t features);
/* It resets the device and waits until that is done. */
void rig_reset(struct virtio_rig *rig);

/* Rounds of the loop until nothing happens any more. */
void rig_rounds(struct virtio_rig *rig);

/* Offer a chain and kick if the device asked for it.  Returns the chain's id. */
int rig_offer(struct virtio_rig *rig, unsigned queue, const struct fake_buf *bufs, unsigned count);

/* The chain that was given back next: its id, or -1.
 * len  what the device wrote; may be NULL */
int rig_used(struct virtio_rig *rig, unsigned queue, uint32_t *len);

/* Guest memory at gpa. */
uint8_t *rig_at(struct virtio_rig *rig, gpa_t gpa);

#endif
