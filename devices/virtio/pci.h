/* virtio/pci.h: the modern virtio transport over PCI (virtio 1.2, 4.1).
 *
 * One 64-bit memory BAR holds it all, a page or more apart so that the doorbells
 * have pages of their own:
 *
 *	0x0000  common configuration
 *	0x1000  ISR status
 *	0x2000  device configuration
 *	0x3000  MSI-X table
 *	0x3800  MSI-X pending bits
 *	0x4000  notify: queue i at 4 * i
 */
#ifndef BANTAM_VIRTIO_PCI_H
#define BANTAM_VIRTIO_PCI_H

#include "pci/bus.h"
#include "virtio/virtio.h"

#define VIRTIO_PCI_VENDOR 0x1af4u
#define VIRTIO_PCI_BAR_BYTES 0x8000u

/* Embedded in each device's struct: container_of() finds the way back. */
struct virtio_pci {
	struct virtio v;
	struct device dev; /* whose type the device file gives */
	struct pci_function fn;
	struct pci_identity identity;
	struct msix msix;
	struct pci_bus *bus;
	const struct board *board;
	struct virtio_select select;
	uint16_t config_vector;
	atomic_uint isr;
	unsigned window_cap; /* offset of the PCI configuration access capability */
};

/* What a virtio device's own config begins with. */
struct virtio_pci_place {
	struct pci_bus *bus;
	int devfn;		/* -1: the lowest free device */
	struct ioloop *const *loops; /* one a queue, or all the same: see loop_count */
	unsigned loop_count;	/* queue i runs on loops[i % loop_count] */
	const char *label;
};

/* Make v the device that setup says, at place, with vectors for its queues and one
 * more.  setup's loops and label come from place.
 * 0, or -errno with err filled: nothing is left then. */
int virtio_pci_init(struct virtio_pci *vp, const struct board *board,
		    const struct virtio_pci_place *place, const struct virtio_setup *setup,
		    const struct device_type *type, struct err *err);

/* Reset as the machine does (waits for what is in flight), and unmake. */
void virtio_pci_reset(struct virtio_pci *vp);
void virtio_pci_free(struct virtio_pci *vp);

#endif
