/* virtio/console.h: terminals and named ports (virtio 1.2, 5.3).
 *
 *      guest ──transmit chains──▶ chardev_write() ──▶ host
 *      guest ◀──receive chains─── chardev_read()  ◀── host
 *
 * A port without a name is a terminal (Linux: /dev/hvcN), one with a name a channel
 * (/dev/virtio-ports/NAME).  A single terminal is offered without MULTIPORT: it
 * needs two queues and no handshake.
 *
 * All queues run on one loop, which is the device side of every port's chardev.
 * Flow control goes both ways and nothing is stored here: a chain that the host end
 * has no room for is held until its ready() comes, and input waits in the chardev
 * until the driver has posted a buffer (and, with MULTIPORT, opened the port). */
#ifndef BANTAM_VIRTIO_CONSOLE_H
#define BANTAM_VIRTIO_CONSOLE_H

#include "virtio/pci.h"

#define VIRTIO_CONSOLE_PORTS_MAX 16u

struct chardev;

extern const struct device_type virtio_console_type;

struct virtio_console_port {
	struct chardev *chardev; /* borrowed until destroy() */
	const char *name;	 /* NULL: a terminal; see console_name_ok() */
};

struct virtio_console_config {
	struct virtio_pci_place place; /* its first loop serves all */
	unsigned port_count;	       /* 1..VIRTIO_CONSOLE_PORTS_MAX */
	struct virtio_console_port ports[VIRTIO_CONSOLE_PORTS_MAX];
	uint16_t cols, rows;	       /* of the first terminal; 0: unknown */
};

/* For the ready() of a port's chardev.  Any thread, from create() on and not after
 * destroy() began. */
void virtio_console_host_ready(struct device *dev, unsigned port);

/* The first terminal has another size.  As above. */
void virtio_console_resize(struct device *dev, uint16_t cols, uint16_t rows);

#endif
