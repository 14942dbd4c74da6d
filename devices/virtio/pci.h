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
 *
 * pci_common.c has the common configuration, pci_window.c the capabilities and the
 * way to the BAR through configuration space. */
#ifndef BANTAM_VIRTIO_PCI_H
#define BANTAM_VIRTIO_PCI_H

#include "pci/bus.h"
#include "virtio/virtio.h"

#define VIRTIO_PCI_VENDOR    0x1af4u
#define VIRTIO_PCI_DEVICE    0x1040u /* plus the virtio device id */
#define VIRTIO_PCI_SUBSYSTEM 0x1100u /* what Windows' drivers look for */
#define VIRTIO_PCI_REVISION  1u

#define VIRTIO_PCI_BAR	     0u
#define VIRTIO_PCI_COMMON    0x0000u
#define VIRTIO_PCI_ISR	     0x1000u
#define VIRTIO_PCI_CONFIG    0x2000u
#define VIRTIO_PCI_TABLE     0x3000u
#define VIRTIO_PCI_PBA	     0x3800u
#define VIRTIO_PCI_NOTIFY    0x4000u
#define VIRTIO_PCI_BAR_BYTES 0x8000u

#define VIRTIO_PCI_NOTIFY_MULTIPLIER 4u

#define VIRTIO_PCI_ISR_QUEUE  1u
#define VIRTIO_PCI_ISR_CONFIG 2u

/* Types of virtio capabilities (4.1.4). */
enum virtio_pci_cap {
	VIRTIO_PCI_CAP_COMMON = 1,
	VIRTIO_PCI_CAP_NOTIFY,
	VIRTIO_PCI_CAP_ISR,
	VIRTIO_PCI_CAP_DEVICE,
	VIRTIO_PCI_CAP_PCI,
};

/* Common configuration (4.1.4.3), by offset; those of a queue are the selected
 * one's. */
enum virtio_pci_common {
	COMMON_DEVICE_FEATURE_SELECT = 0,
	COMMON_DEVICE_FEATURE = 4,
	COMMON_DRIVER_FEATURE_SELECT = 8,
	COMMON_DRIVER_FEATURE = 12,
	COMMON_CONFIG_VECTOR = 16,
	COMMON_NUM_QUEUES = 18,
	COMMON_STATUS = 20,
	COMMON_GENERATION = 21,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY_OFF = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_DRIVER = 40,
	COMMON_QUEUE_DEVICE = 48,
	COMMON_QUEUE_NOTIFY_DATA = 56,
	COMMON_QUEUE_RESET = 58,
	COMMON_BYTES = 64,
};

/* What the driver selected: any values. */
struct virtio_select {
	uint32_t device_feature, driver_feature;
	uint16_t queue;
};

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
	_Atomic uint16_t config_vector; /* read by loops */
	gpa_t notify_gpa;	   /* where the doorbells are; UINT64_MAX: nowhere */
	unsigned window_cap;	   /* offset of the PCI configuration access capability */
	/* ISR status and the pin that follows it change together. */
	pthread_mutex_t isr_lock;
	uint8_t isr;
};

/* What a virtio device's own config begins with. */
struct virtio_pci_place {
	struct pci_bus *bus;
	int devfn;		/* -1: the lowest free device */
	struct ioloop *const *loops; /* one a queue, or all the same: see loop_count */
	unsigned loop_count;	/* queue i runs on loops[i % loop_count] */
	unsigned vectors;	/* of MSI-X, 2..MSIX_VECTORS_MAX; 0: see virtio_pci_init() */
	const char *label;
};

/* Make v the device that setup says, at place, with a vector for each of its queues and
 * one more unless place says how many.  setup's loops and label come from place.
 * 0, or -errno with err filled: nothing is left then. */
int virtio_pci_init(struct virtio_pci *vp, const struct board *board,
		    const struct virtio_pci_place *place, const struct virtio_setup *setup,
		    const struct device_type *type, struct err *err);

/* Reset as the machine does (waits for what is in flight), and unmake. */
void virtio_pci_reset(struct virtio_pci *vp);
void virtio_pci_free(struct virtio_pci *vp);

#endif
