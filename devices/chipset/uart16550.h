/* chipset/uart16550.h: a PC16550D serial port (National Semiconductor, June
 * 1995), as COM1..COM4 of a PC.
 *
 * Sending takes no time: the transmitter is busy only while the host side has no
 * room.  Receiving is flow controlled: bytes stay in the character device until
 * the FIFO has room, so that a fast host causes no overrun.  DSR and DCD follow
 * the peer; CTS is always there, because a guest must not wait for an absent
 * peer. */
#ifndef BANTAM_CHIPSET_UART16550_H
#define BANTAM_CHIPSET_UART16550_H

#include "core/device.h"

struct chardev;
struct irq_or;

struct uart16550_config {
	uint16_t port; /* 8 ports from here */
	unsigned gsi;
	struct chardev *chardev; /* borrowed for the device's life; never NULL */
	struct irq_or *shared;   /* the node of a shared line; NULL: line is ours alone */
};

extern const struct device_type uart16550_type;

/* The character device called ready(): take input, send what waited, see who is
 * connected.  Under the device lock. */
void uart16550_host_ready(struct device *dev);

/* Let the line break: the guest receives a 0 with LSR's break bit.  Under the
 * device lock. */
void uart16550_break(struct device *dev);

#endif
