#include "virtio/console.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ring.h"
#include "char/chardev.h"
#include "virtio/console_ports.h"

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

#define EMERGENCY_BYTES 1024u

/* Why the loop is to look: from other threads, by post(). */
#define EVENT_PORT(i) (1u << (i))
#define EVENT_SIZE    (1u << VIRTIO_CONSOLE_PORTS_MAX)
#define EVENT_BYE     (2u << VIRTIO_CONSOLE_PORTS_MAX)

struct console {
	struct virtio_pci vp;
	struct ioloop *loop;

	/* The loop's. */
	struct console_ports ports;
	unsigned known_driver; /* of drivers, what ports are for */

	/* Any thread's. */
	struct io_task task;
	atomic_uint events;
	atomic_bool gone;      /* the task was run for the last time */
	atomic_uint drivers;   /* how many said DRIVER_OK so far */
	struct ring emergency; /* under the device lock ─▶ the loop */
	uint8_t emergency_bytes[EMERGENCY_BYTES];
};

static struct console *console_of(struct virtio *v)
{
	return container_of(v, struct console, vp.v);
}

/* ---- queues ---------------------------------------------------------------------- */

/* What ports were to the driver before is forgotten here, on the loop, and not in
 * reset(), which comes on a vCPU's thread while post() may have the loop look. */
static void console_queue_start(struct virtio *v, unsigned index)
{
	struct console *c = console_of(v);
	const unsigned driver = atomic_load(&c->drivers);

	if (c->known_driver != driver)
		console_ports_begin(&c->ports, v->features & CONSOLE_F_MULTIPORT);
	c->known_driver = driver;
	hold_start(console_ports_hold(&c->ports, index), v, index);
}

static void console_queue_kick(struct virtio *v, unsigned index)
{
	console_ports_kick(&console_of(v)->ports, index);
}

static void console_queue_stop(struct virtio *v, unsigned index)
{
	hold_stop(console_ports_hold(&console_of(v)->ports, index));
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
		n = (uint32_t)chardev_write(c->ports.first_terminal->chardev, run, len);
		ring_skip(&c->emergency, n);
	} while (len > 0 && n == len);
}

static void run_events(void *arg)
{
	struct console *c = arg;
	const unsigned events = atomic_exchange(&c->events, 0);

	put_emergency(c);
	for (unsigned i = 0; i < c->ports.count; i++)
		if (events & EVENT_PORT(i))
			console_ports_look(&c->ports, i);
	if (events & EVENT_SIZE)
		console_ports_resized(&c->ports);
	if (events & EVENT_BYE)
		atomic_store(&c->gone, true);
}

void virtio_console_host_ready(struct device *dev, unsigned port)
{
	struct console *c = container_of(dev, struct console, vp.dev);

	assert(port < c->ports.count);
	post(c, EVENT_PORT(port));
}

void virtio_console_resize(struct device *dev, uint16_t cols, uint16_t rows)
{
	struct console *c = container_of(dev, struct console, vp.dev);
	const unsigned size = cols | (unsigned)rows << 16;

	if (atomic_exchange(&c->ports.size, size) == size)
		return;
	virtio_config_changed(&c->vp.v);
	post(c, EVENT_SIZE);
}

/* ---- registers ------------------------------------------------------------------- */

static void console_config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	struct console *c = console_of(v);
	const unsigned size = atomic_load(&c->ports.size);
	uint8_t bytes[CFG_BYTES] = { 0 };

	le16_store(bytes + CFG_COLS, (uint16_t)size);
	le16_store(bytes + CFG_ROWS, (uint16_t)(size >> 16));
	le32_store(bytes + CFG_MAX_PORTS, c->ports.count);
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

static void fill_ports(struct console_ports *ps, const struct virtio_console_config *config)
{
	ps->count = config->port_count;
	for (unsigned i = 0; i < ps->count; i++) {
		struct console_port *p = &ps->ports[i];

		p->id = i;
		p->chardev = config->ports[i].chardev;
		if (config->ports[i].name)
			memcpy(p->name, config->ports[i].name, strlen(config->ports[i].name) + 1);
		else if (!ps->first_terminal)
			ps->first_terminal = p;
	}
	if (!ps->first_terminal)
		ps->first_terminal = &ps->ports[0];
	atomic_init(&ps->size, config->cols | (unsigned)config->rows << 16);
}

static int console_create(const struct board *board, const void *config_, struct device **out,
			  struct err *err)
{
	const struct virtio_console_config *config = config_;
	struct virtio_pci_place place = config->place;
	uint16_t sizes[CONSOLE_QUEUES_MAX];
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
	fill_ports(&c->ports, config);
	if (c->ports.count > 1 || c->ports.ports[0].name[0]) {
		setup.features |= CONSOLE_F_MULTIPORT;
		setup.queue_count = 2 * (c->ports.count + 1);
	}
	for (unsigned i = 0; i < setup.queue_count; i++)
		sizes[i] = CONSOLE_QUEUE_SIZE;
	place.loop_count = 1;
	c->loop = place.loops[0];
	c->task = (struct io_task){ .run = run_events, .arg = c };
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
	console_ports_free(&c->ports);
	free(c);
}

const struct device_type virtio_console_type = { "virtio_console", console_create, console_reset,
						 console_destroy };
