/* virtio/console_ports.h: a console's ports as its loop sees them: data both ways, and
 * the talk with a driver that knows MULTIPORT.  All calls on the loop.  Behind
 * console.c; nobody else includes it. */
#ifndef BANTAM_VIRTIO_CONSOLE_PORTS_H
#define BANTAM_VIRTIO_CONSOLE_PORTS_H

#include "virtio/console.h"
#include "virtio/console_ctrl.h"
#include "virtio/hold.h"

/* Queues (virtio 1.2, 5.3.2): port 0's pair, the control pair, port 1's pair, ... */
#define CONSOLE_CTRL_IN	   2u
#define CONSOLE_CTRL_OUT   3u
#define CONSOLE_QUEUE_SIZE 64u
#define CONSOLE_QUEUES_MAX (2 * (VIRTIO_CONSOLE_PORTS_MAX + 1))

struct console_port {
	struct chardev *chardev;
	char name[CONSOLE_NAME_MAX + 1]; /* "": a terminal */
	uint32_t id;
	struct hold in, out;
	/* MULTIPORT; all false and 0 for a new driver */
	unsigned due;	 /* messages that it has yet to get */
	bool ready;	 /* it has added the port */
	bool guest_open; /* somebody in the guest has it open */
	bool told_open;	 /* what it was last told of the host end */
};

struct console_ports {
	unsigned count;
	struct console_port *first_terminal; /* it has the size and the emergencies */
	struct console_port ports[VIRTIO_CONSOLE_PORTS_MAX];
	struct hold ctrl_in, ctrl_out;
	bool multiport;	  /* the driver speaks that */
	atomic_uint size; /* columns, and rows << 16; written by any thread */
};

/* A new driver: what the ports were to the one before is forgotten. */
void console_ports_begin(struct console_ports *ps, bool multiport);

/* What serves queue. */
struct hold *console_ports_hold(struct console_ports *ps, unsigned queue);

/* Take as many chains of queue as can be served. */
void console_ports_kick(struct console_ports *ps, unsigned queue);

/* The host end has input, or room, or its peer came or went. */
void console_ports_look(struct console_ports *ps, unsigned port);

/* The size is another one. */
void console_ports_resized(struct console_ports *ps);

/* Give the memory of all queues back. */
void console_ports_free(struct console_ports *ps);

#endif
