/* virtio/pci_internal.h: what pci.c, pci_common.c and pci_window.c share. */
#ifndef BANTAM_VIRTIO_PCI_INTERNAL_H
#define BANTAM_VIRTIO_PCI_INTERNAL_H

#include "virtio/pci.h"

/* The BAR as the guest sees it, under the device lock: offset + size is inside. */
uint64_t virtio_pci_bar_read(struct virtio_pci *vp, uint64_t offset, unsigned size);
void virtio_pci_bar_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value);

/* Common configuration; offset within its part of the BAR. */
uint64_t virtio_pci_common_read(struct virtio_pci *vp, uint64_t offset, unsigned size);
void virtio_pci_common_write(struct virtio_pci *vp, uint64_t offset, unsigned size,
			     uint64_t value);

/* Add the virtio capabilities to vp->fn, which has its BAR. */
void virtio_pci_add_caps(struct virtio_pci *vp);

/* The window of the PCI configuration access capability (4.1.4.9). */
uint32_t virtio_pci_window_read(struct pci_function *fn, unsigned offset, unsigned size);
void virtio_pci_window_write(struct pci_function *fn, unsigned offset, unsigned size,
			     uint32_t value);

#endif
