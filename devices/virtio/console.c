#include "virtio/console.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ring.h"
#include "char/chardev.h"
#include "virtio/console_ctrl.h"
#include "virtio/hold.h"

/* 5.3.3 */
#define CONSOLE_F_SIZE	      (UINT64_C(1) << 0)
#define CONSOLE_F_MULTIPORT   (UINT64_C(1) << 1)
#define CONSOLE_F_EMERG_WRITE (UINT64_C(1) << 2)

/* Configuration space (5.3.4). */
#define CFG_COLS      0u  /* le16 */
#define CFG_ROWS      2u  /* le16 */
#define CFG_MAX_PORTS 4u  /* le32 */
#define CFG_EMERG     8u  /* le32, write only */
#define CFG_BYTES     12u

/* Queues (5.3.2): port 0's pair, the control pair, port 1's pair, ... */
#define QUEUE_CTRL_IN  2u
#define QUEUE_CTRL_OUT 3u
#define QUEUE_SIZE     64u
#define QUEUES_MAX     (2 * (VIRTIO_CONSOLE_PORTS_MAX + 1))

#define EMERGENCY_BYTES 1024u

/* Messages that the driver has yet to get about a port: a set, so that they need no
 * queue that could grow.  Sent in this order. */
enum { DUE_ADD = 1, DUE_CONSOLE = 2, DUE_NAME = 4, DUE_SIZE = 8, DUE_OPEN = 16 };

struct port {
	struct chardev *chardev;
	char name[CONSOLE_NAME_MAX + 1]; /* "": a terminal */
	uint32_t id;
	struct hold in, out;
	/* MULTIPORT; all false and 0 for a new driver */
	unsigned due;
	bool ready;	 /* the driver has added it */
	bool guest_open; /* somebody in the guest has it open */
	bool told_open;	 /* what the driver was last told of the host end */
};

/* Why the loop is to look: from other threads, by post(). */
#define EVENT_PORT(i) (1u << (i))
#define EVENT_SIZE    (1u << VIRTIO_CONSOLE_PORTS_MAX)
#define EVENT_BYE     (2u << VIRTIO_CONSOLE_PORTS_MAX)

struct console {
	struct virtio_pci vp;
	struct ioloop *loop;
	unsigned port_count;
	struct port *first_terminal; /* has the size and the emergencies */

	/* The loop's. */
	struct port ports[VIRTIO_CONSOLE_PORTS_MAX];
	struct hold ctrl_in, ctrl_out;
	unsigned known_driver; /* of drivers, what the rest here and in ports is for */
	bool multiport;	       /* it speaks that */

	/* Any thread's. */
	struct io_task task;
	atomic_uint events;
	atomic_bool gone;     /* the task was run for the last time */
	atomic_uint size;     /* columns, and rows << 16 */
	atomic_uint drivers;  /* how many said DRIVER_OK so far */
	struct ring emergency; /* under the device lock ─▶ the loop */
	uint8_t emergency_bytes[EMERGENCY_BYTES];
};

static struct console *console_of(struct virtio *v)
{
	return container_of(v, struct console, vp.v);
}

static struct port *port_of(struct console *c, unsigned queue)
{
	return &c->ports[queue < QUEUE_CTRL_IN ? 0 : queue / 2 - 1];
}

static struct hold *hold_of(struct console *c, unsigned queue)
{
	if (queue == QUEUE_CTRL_IN)
		return &c->ctrl_in;
	if (queue == QUEUE_CTRL_OUT)
		return &c->ctrl_out;
	return queue % 2 == 0 ? &port_of(c, queue)->in : &port_of(c, queue)->out;
}

/* The driver broke a rule of consoles. */
static void fault(const struct hold *h, const char *text)
{
	virtio_fault(h->v, h->index, text);
}

/* ---- data ------------------------------------------------------------------------ */

/* False if the host end has no room for all of the chain: it tells when it has. */
static bool put_chain(struct port *p)
{
	struct hold *h = &p->out;

	for (; h->at < h->chain.out_count; h->at++) {
		struct iovec *iov = &h->chain.iov[h->at];
		const size_t n = chardev_write(p->chardev, iov->iov_base, iov->iov_len);

		if (n < iov->iov_len) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= n;
			return false;
		}
	}
	return true;
}

static void transmit(struct port *p)
{
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		if (!hold_next(&p->out) || !put_chain(p))
			return;
		hold_give(&p->out, 0);
	}
	hold_again(&p->out); /* other queues first */
}

/* Returns how many bytes were written into the chain. */
static uint32_t fill_chain(struct port *p)
{
	struct chain *chain = &p->in.chain;
	uint32_t sum = 0;

	for (unsigned i = 0; i < chain->in_count; i++) {
		const struct iovec *iov = &chain->iov[chain->out_count + i];
		const size_t n = chardev_read(p->chardev, iov->iov_base, iov->iov_len);

		sum += (uint32_t)n; /* a chain is below 2^32 bytes */
		if (n < iov->iov_len)
			break;
	}
	return sum;
}

static bool has_input(const struct console *c, const struct port *p)
{
	return (p->guest_open || !c->multiport) && chardev_has_input(p->chardev);
}

static void receive(struct console *c, struct port *p)
{
	for (unsigned i = 0; i < QUEUE_SIZE && has_input(c, p); i++) {
		if (!hold_next(&p->in))
			return;
		if (p->in.chain.in_bytes == 0) {
			fault(&p->in, "a receive buffer that cannot be written");
			return;
		}
		hold_give(&p->in, fill_chain(p));
	}
	if (has_input(c, p))
		hold_again(&p->in);
}

/* ---- control messages ------------------------------------------------------------ */

static unsigned encode(struct console *c, struct port *p, unsigned due, uint8_t *to)
{
	const unsigned size = atomic_load(&c->size);

	switch (due) {
	case DUE_ADD:
		return console_ctrl_encode(to, p->id, CONSOLE_PORT_ADD, 1);
	case DUE_CONSOLE:
		return console_ctrl_encode(to, p->id, CONSOLE_CONSOLE_PORT, 1);
	case DUE_NAME:
		return console_ctrl_encode_name(to, p->id, p->name);
	case DUE_SIZE:
		return console_ctrl_encode_resize(to, p->id, (uint16_t)size,
						  (uint16_t)(size >> 16));
	default:
		p->told_open = chardev_connected(p->chardev);
		return console_ctrl_encode(to, p->id, CONSOLE_PORT_OPEN, p->told_open);
	}
}

/* Send what is due, as far as the driver has posted buffers. */
static void tell(struct console *c)
{
	uint8_t message[CONSOLE_MESSAGE_MAX];

	for (struct port *p = c->ports; p < c->ports + c->port_count; p++) {
		while (p->due) {
			const unsigned due = p->due & -p->due;
			unsigned len;

			if (!hold_next(&c->ctrl_in))
				return;
			if (c->ctrl_in.chain.in_bytes < CONSOLE_CTRL_BYTES) {
				fault(&c->ctrl_in, "a control buffer below 8 bytes");
				return;
			}
			p->due &= ~due;
			len = encode(c, p, due, message);
			/* What does not fit is cut: old drivers of FreeBSD post 8
			 * bytes and do without names and sizes. */
			len = (unsigned)chain_write(&c->ctrl_in.chain, 0, message, len);
			hold_give(&c->ctrl_in, len);
		}
	}
}

static void make_due(struct console *c, struct port *p, unsigned due)
{
	p->due |= due;
	hold_again(&c->ctrl_in);
}

static void port_ready(struct console *c, struct port *p)
{
	unsigned due = p->name[0] ? DUE_NAME : DUE_CONSOLE;

	p->ready = true;
	p->told_open = false;
	if (p == c->first_terminal && atomic_load(&c->size) != 0)
		due |= DUE_SIZE;
	if (chardev_connected(p->chardev))
		due |= DUE_OPEN;
	make_due(c, p, due);
}

/* A message from the driver.  Unknown ports and events are passed over. */
static void heed(struct console *c, const struct console_ctrl *ctrl)
{
	struct port *p = ctrl->id < c->port_count ? &c->ports[ctrl->id] : NULL;

	if (ctrl->event == CONSOLE_DEVICE_READY && ctrl->value) {
		for (unsigned i = 0; i < c->port_count; i++)
			make_due(c, &c->ports[i], DUE_ADD);
	} else if (ctrl->event == CONSOLE_PORT_READY && p && ctrl->value) {
		port_ready(c, p);
	} else if (ctrl->event == CONSOLE_PORT_OPEN && p) {
		p->guest_open = ctrl->value != 0;
		hold_again(&p->in);
	}
}

static void listen_to_driver(struct console *c)
{
	uint8_t bytes[CONSOLE_CTRL_BYTES];

	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		struct console_ctrl ctrl;

		if (!hold_next(&c->ctrl_out))
			return;
		if (chain_read(&c->ctrl_out.chain, 0, bytes, sizeof(bytes)) < sizeof(bytes)) {
			fault(&c->ctrl_out, "a control message below 8 bytes");
			return;
		}
		ctrl = console_ctrl_decode(bytes);
		heed(c, &ctrl);
		hold_give(&c->ctrl_out, 0);
	}
	hold_again(&c->ctrl_out);
}

/* ---- queues ---------------------------------------------------------------------- */

/* What ports were to the driver before is forgotten here, on the loop, and not in
 * reset(), which comes on a vCPU's thread while post() may have the loop look. */
static void meet_driver(struct console *c)
{
	const unsigned driver = atomic_load(&c->drivers);

	if (c->known_driver == driver)
		return;
	c->known_driver = driver;
	c->multiport = c->vp.v.features & CONSOLE_F_MULTIPORT;
	for (struct port *p = c->ports; p < c->ports + c->port_count; p++) {
		p->due = 0;
		p->ready = false;
		p->guest_open = false;
		p->told_open = false;
	}
}

static void console_queue_start(struct virtio *v, unsigned index)
{
	struct console *c = console_of(v);

	meet_driver(c);
	hold_start(hold_of(c, index), v, index);
}

static void console_queue_kick(struct virtio *v, unsigned index)
{
	struct console *c = console_of(v);

	if (index == QUEUE_CTRL_IN)
		tell(c);
	else if (index == QUEUE_CTRL_OUT)
		listen_to_driver(c);
	else if (index % 2 == 0)
		receive(c, port_of(c, index));
	else
		transmit(port_of(c, index));
}

static void console_queue_stop(struct virtio *v, unsigned index)
{
	hold_stop(hold_of(console_of(v), index));
}

/* ---- from other threads ---------------------------------------------------------- */

static void post(struct console *c, unsigned event)
{
	atomic_fetch_or(&c->events, event);
	ioloop_post(c->loop, &c->task);
}

/* Bytes that the host end has no room for wait for its ready(). */
static void put_emergency(struct console *c)
{
	const uint8_t *run;
	uint32_t len, n;

	do {
		len = ring_peek(&c->emergency, &run);
		n = (uint32_t)chardev_write(c->first_terminal->chardev, run, len);
		ring_skip(&c->emergency, n);
	} while (len > 0 && n == len);
}

static void look_at_host_end(struct console *c, struct port *p)
{
	if (p->ready && chardev_connected(p->chardev) != p->told_open)
		make_due(c, p, DUE_OPEN);
	if (p->out.busy)
		hold_again(&p->out);
	if (has_input(c, p))
		hold_again(&p->in);
}

static void run_events(void *arg)
{
	struct console *c = arg;
	const unsigned events = atomic_exchange(&c->events, 0);

	put_emergency(c);
	for (unsigned i = 0; i < c->port_count; i++)
		if (events & EVENT_PORT(i))
			look_at_host_end(c, &c->ports[i]);
	if ((events & EVENT_SIZE) && c->first_terminal->ready)
		make_due(c, c->first_terminal, DUE_SIZE);
	if (events & EVENT_BYE)
		atomic_store(&c->gone, true);
}

void virtio_console_host_ready(struct device *dev, unsigned port)
{
	struct console *c = container_of(dev, struct console, vp.dev);

	assert(port < c->port_count);
	post(c, EVENT_PORT(port));
}

void virtio_console_resize(struct device *dev, uint16_t cols, uint16_t rows)
{
	struct console *c = container_of(dev, struct console, vp.dev);
	const unsigned size = cols | (unsigned)rows << 16;

	if (atomic_exchange(&c->size, size) == size)
		return;
	virtio_config_changed(&c->vp.v);
	post(c, EVENT_SIZE);
}

/* ---- registers ------------------------------------------------------------------- */

static void console_config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	struct console *c = console_of(v);
	const unsigned size = atomic_load(&c->size);
	uint8_t bytes[CFG_BYTES] = { 0 };

	le16_store(bytes + CFG_COLS, (uint16_t)size);
	le16_store(bytes + CFG_ROWS, (uint16_t)(size >> 16));
	le32_store(bytes + CFG_MAX_PORTS, c->port_count);
	memcpy(to, bytes + offset, len);
}

/* A byte of a guest that cannot set up queues (yet), or no longer. */
static void console_config_write(struct virtio *v, unsigned offset, const void *from, unsigned len)
{
	struct console *c = console_of(v);
	const uint8_t *bytes = from;

	if (offset > CFG_EMERG || offset + len <= CFG_EMERG)
		return;
	ring_put(&c->emergency, bytes[CFG_EMERG - offset]); /* lost when it is full */
	post(c, 0);
}

static void console_driver_ok(struct virtio *v)
{
	atomic_fetch_add(&console_of(v)->drivers, 1);
}

static const struct virtio_ops console_ops = {
	.name = "virtio-console",
	.id = 3,
	.class_code = 0x078000, /* communication controller, other */
	.config_bytes = CFG_BYTES,
	.config_read = console_config_read,
	.config_write = console_config_write,
	.driver_ok = console_driver_ok,
	.queue_start = console_queue_start,
	.queue_kick = console_queue_kick,
	.queue_stop = console_queue_stop,
};

/* ---- life ------------------------------------------------------------------------ */

static int check_ports(const struct virtio_console_config *config, struct err *err)
{
	if (config->port_count == 0 || config->port_count > VIRTIO_CONSOLE_PORTS_MAX)
		return err_set(err, -EINVAL, "%s: %u ports; a console has 1 to %u",
			       config->place.label, config->port_count, VIRTIO_CONSOLE_PORTS_MAX);
	for (unsigned i = 0; i < config->port_count; i++) {
		const char *name = config->ports[i].name;

		if (!name)
			continue;
		if (!console_name_ok(name))
			return err_set(err, -EINVAL,
				       "%s: \"%.64s\" is no name for a port; take 1 to %u letters, "
				       "digits, dots",
				       config->place.label, name, CONSOLE_NAME_MAX);
		for (unsigned j = 0; j < i; j++)
			if (config->ports[j].name && strcmp(config->ports[j].name, name) == 0)
				return err_set(err, -EEXIST, "%s: two ports are called %s",
					       config->place.label, name);
	}
	return 0;
}

static void fill_ports(struct console *c, const struct virtio_console_config *config)
{
	c->port_count = config->port_count;
	for (unsigned i = 0; i < c->port_count; i++) {
		struct port *p = &c->ports[i];

		p->id = i;
		p->chardev = config->ports[i].chardev;
		if (config->ports[i].name)
			strcpy(p->name, config->ports[i].name);
		else if (!c->first_terminal)
			c->first_terminal = p;
	}
	if (!c->first_terminal)
		c->first_terminal = &c->ports[0];
}

static int console_create(const struct board *board, const void *config_, struct device **out,
			  struct err *err)
{
	const struct virtio_console_config *config = config_;
	struct virtio_pci_place place = config->place;
	uint16_t sizes[QUEUES_MAX];
	struct virtio_setup setup = {
		.ops = &console_ops,
		.mem = board->mem,
		.features = CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE,
		.queue_count = 2,
		.queue_sizes = sizes,
	};
	struct console *c;
	int rc = check_ports(config, err);

	if (rc < 0)
		return rc;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, "no memory for %s", place.label);
	fill_ports(c, config);
	if (c->port_count > 1 || c->ports[0].name[0]) {
		setup.features |= CONSOLE_F_MULTIPORT;
		setup.queue_count = 2 * (c->port_count + 1);
	}
	for (unsigned i = 0; i < setup.queue_count; i++)
		sizes[i] = QUEUE_SIZE;
	place.loop_count = 1;
	c->loop = place.loops[0];
	c->task = (struct io_task){ .run = run_events, .arg = c };
	atomic_init(&c->size, config->cols | (unsigned)config->rows << 16);
	ring_init(&c->emergency, c->emergency_bytes, EMERGENCY_BYTES);
	rc = virtio_pci_init(&c->vp, board, &place, &setup, &virtio_console_type, err);
	if (rc < 0) {
		free(c);
		return rc;
	}
	*out = &c->vp.dev;
	return 0;
}

static void console_reset(struct device *dev)
{
	virtio_pci_reset(&container_of(dev, struct console, vp.dev)->vp);
}

/* Nobody posts any more: after this look the task lies in no list of the loop. */
static void await_last_look(struct console *c)
{
	post(c, EVENT_BYE);
	while (!atomic_load(&c->gone)) {
		if (ioloop_is_mine(c->loop))
			ioloop_round(c->loop, 0);
		else
			sched_yield();
	}
}

static void console_destroy(struct device *dev)
{
	struct console *c = container_of(dev, struct console, vp.dev);

	await_last_look(c);
	virtio_pci_free(&c->vp);
	for (unsigned i = 0; i < c->port_count; i++) {
		hold_free(&c->ports[i].in);
		hold_free(&c->ports[i].out);
	}
	hold_free(&c->ctrl_in);
	hold_free(&c->ctrl_out);
	free(c);
}

const struct device_type virtio_console_type = { "virtio_console", console_create, console_reset,
						 console_destroy };
