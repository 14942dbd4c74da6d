/* virtio/rng.h: the host's random numbers (virtio 1.2, 5.4). */
#ifndef BANTAM_VIRTIO_RNG_H
#define BANTAM_VIRTIO_RNG_H

#include "virtio/pci.h"

struct virtio_rng_config {
	struct virtio_pci_place place;
	uint64_t rate_bytes_per_s; /* 0: no limit */
};

extern const struct device_type virtio_rng_type;

#endif
