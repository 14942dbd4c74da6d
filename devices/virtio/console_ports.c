#include "virtio/console_ports.h"

#include "char/chardev.h"

/* Messages that the driver has yet to get about a port: a set, so that they need no
 * queue that could grow.  Sent in this order. */
enum { DUE_ADD = 1, DUE_CONSOLE = 2, DUE_NAME = 4, DUE_SIZE = 8, DUE_OPEN = 16 };

static struct console_port *port_of(struct console_ports *ps, unsigned queue)
{
	return &ps->ports[queue < CONSOLE_CTRL_IN ? 0 : queue / 2 - 1];
}

struct hold *console_ports_hold(struct console_ports *ps, unsigned queue)
{
	if (queue == CONSOLE_CTRL_IN)
		return &ps->ctrl_in;
	if (queue == CONSOLE_CTRL_OUT)
		return &ps->ctrl_out;
	return queue % 2 == 0 ? &port_of(ps, queue)->in : &port_of(ps, queue)->out;
}

/* The driver broke a rule of consoles. */
static void fault(const struct hold *h, const char *text)
{
	virtio_fault(h->v, h->index, text);
}

/* ---- data ------------------------------------------------------------------------ */

/* False if the host end has no room for all of the chain: it tells when it has. */
static bool put_chain(struct console_port *p)
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

static void transmit(struct console_port *p)
{
	for (unsigned i = 0; i < CONSOLE_QUEUE_SIZE; i++) {
		if (!hold_next(&p->out) || !put_chain(p))
			return;
		hold_give(&p->out, 0);
	}
	hold_again(&p->out); /* other queues first */
}

/* Returns how many bytes were written into the chain. */
static uint32_t fill_chain(struct console_port *p)
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

static bool has_input(const struct console_ports *ps, const struct console_port *p)
{
	return (p->guest_open || !ps->multiport) && chardev_has_input(p->chardev);
}

static void receive(struct console_ports *ps, struct console_port *p)
{
	for (unsigned i = 0; i < CONSOLE_QUEUE_SIZE && has_input(ps, p); i++) {
		if (!hold_next(&p->in))
			return;
		if (p->in.chain.in_bytes == 0) {
			fault(&p->in, "a receive buffer that cannot be written");
			return;
		}
		hold_give(&p->in, fill_chain(p));
	}
	if (has_input(ps, p))
		hold_again(&p->in);
}

/* ---- control messages ------------------------------------------------------------ */

static unsigned encode(struct console_ports *ps, struct console_port *p, unsigned due, uint8_t *to)
{
	const unsigned size = atomic_load(&ps->size);

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
static void tell(struct console_ports *ps)
{
	uint8_t message[CONSOLE_MESSAGE_MAX];

	for (struct console_port *p = ps->ports; p < ps->ports + ps->count; p++) {
		while (p->due) {
			const unsigned due = p->due & -p->due;
			unsigned len;

			if (!hold_next(&ps->ctrl_in))
				return;
			if (ps->ctrl_in.chain.in_bytes < CONSOLE_CTRL_BYTES) {
				fault(&ps->ctrl_in, "a control buffer below 8 bytes");
				return;
			}
			p->due &= ~due;
			len = encode(ps, p, due, message);
			/* What does not fit is cut: old drivers of FreeBSD post 8
			 * bytes and do without names and sizes. */
			len = (unsigned)chain_write(&ps->ctrl_in.chain, 0, message, len);
			hold_give(&ps->ctrl_in, len);
		}
	}
}

static void make_due(struct console_ports *ps, struct console_port *p, unsigned due)
{
	p->due |= due;
	hold_again(&ps->ctrl_in);
}

static void port_ready(struct console_ports *ps, struct console_port *p)
{
	unsigned due = p->name[0] ? DUE_NAME : DUE_CONSOLE;

	p->ready = true;
	p->told_open = false;
	if (p == ps->first_terminal && atomic_load(&ps->size) != 0)
		due |= DUE_SIZE;
	if (chardev_connected(p->chardev))
		due |= DUE_OPEN;
	make_due(ps, p, due);
}

/* A message from the driver.  Unknown ports and events are passed over. */
static void heed(struct console_ports *ps, const struct console_ctrl *ctrl)
{
	struct console_port *p = ctrl->id < ps->count ? &ps->ports[ctrl->id] : NULL;

	if (ctrl->event == CONSOLE_DEVICE_READY && ctrl->value) {
		for (unsigned i = 0; i < ps->count; i++)
			make_due(ps, &ps->ports[i], DUE_ADD);
	} else if (ctrl->event == CONSOLE_PORT_READY && p && ctrl->value) {
		port_ready(ps, p);
	} else if (ctrl->event == CONSOLE_PORT_OPEN && p) {
		p->guest_open = ctrl->value != 0;
		hold_again(&p->in);
	}
}

static void listen_to_driver(struct console_ports *ps)
{
	uint8_t bytes[CONSOLE_CTRL_BYTES];

	for (unsigned i = 0; i < CONSOLE_QUEUE_SIZE; i++) {
		struct console_ctrl ctrl;

		if (!hold_next(&ps->ctrl_out))
			return;
		if (chain_read(&ps->ctrl_out.chain, 0, bytes, sizeof(bytes)) < sizeof(bytes)) {
			fault(&ps->ctrl_out, "a control message below 8 bytes");
			return;
		}
		ctrl = console_ctrl_decode(bytes);
		heed(ps, &ctrl);
		hold_give(&ps->ctrl_out, 0);
	}
	hold_again(&ps->ctrl_out);
}

/* ---- for console.c --------------------------------------------------------------- */

void console_ports_begin(struct console_ports *ps, bool multiport)
{
	ps->multiport = multiport;
	for (unsigned i = 0; i < ps->count; i++) {
		struct console_port *p = &ps->ports[i];

		p->due = 0;
		p->ready = false;
		p->guest_open = false;
		p->told_open = false;
	}
}

void console_ports_kick(struct console_ports *ps, unsigned queue)
{
	if (queue == CONSOLE_CTRL_IN)
		tell(ps);
	else if (queue == CONSOLE_CTRL_OUT)
		listen_to_driver(ps);
	else if (queue % 2 == 0)
		receive(ps, port_of(ps, queue));
	else
		transmit(port_of(ps, queue));
}

void console_ports_look(struct console_ports *ps, unsigned port)
{
	struct console_port *p = &ps->ports[port];

	if (p->ready && chardev_connected(p->chardev) != p->told_open)
		make_due(ps, p, DUE_OPEN);
	if (p->out.busy)
		hold_again(&p->out);
	if (has_input(ps, p))
		hold_again(&p->in);
}

void console_ports_resized(struct console_ports *ps)
{
	if (ps->first_terminal->ready)
		make_due(ps, ps->first_terminal, DUE_SIZE);
}

void console_ports_free(struct console_ports *ps)
{
	for (unsigned i = 0; i < ps->count; i++) {
		hold_free(&ps->ports[i].in);
		hold_free(&ps->ports[i].out);
	}
	hold_free(&ps->ctrl_in);
	hold_free(&ps->ctrl_out);
}
