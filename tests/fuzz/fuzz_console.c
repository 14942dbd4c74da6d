/* A hostile guest and a restless host at a console of three ports.  Records of its
 * own, besides those of virtio_guest.h:
 *
 *	10  feed      port8 len8 bytes...      the host types
 *	11  drain     port8 len16              its reader takes
 *	12  peer      port8 value8             it comes or goes
 *	13  resize    cols16 rows16
 *	14  message   id8 event8 value8        a proper control message */
#include "virtio_guest.h"

#include "char/backend.h"
#include "virtio/console.h"
#include "virtio/console_ctrl.h"

#define PORTS	  3u
#define MESSAGE_GPA 0x8000u
#define CTRL_OUT  3u

struct scene {
	struct guest g;
	struct chardev *chardev[PORTS];
	struct end {
		struct scene *s;
		unsigned port;
	} ends[PORTS];
	struct virtio_console_config config;
};

static void ready(void *ctx)
{
	const struct end *e = ctx;

	if (e->s->g.dev)
		virtio_console_host_ready(e->s->g.dev, e->port);
}

static void send_message(struct scene *s, struct input *in)
{
	const struct fake_buf buf = { .gpa = MESSAGE_GPA, .len = CONSOLE_CTRL_BYTES };
	const uint8_t id = take8(in), event = take8(in);

	console_ctrl_encode(s->g.ram + MESSAGE_GPA, id, (enum console_event)event, take8(in));
	if (s->g.driver[CTRL_OUT].setup.size == 0)
		return;
	fake_driver_add(&s->g.driver[CTRL_OUT], &buf, 1);
	virtio_kick(&s->g.v->queues[CTRL_OUT]);
	ioloop_round(s->g.loops[0], 0);
}

static void act(struct scene *s, struct input *in)
{
	static uint8_t sink[65536];
	const unsigned what = take8(in) % 15;
	unsigned port;
	uint16_t n;

	if (what < GUEST_OWN) {
		guest_act(&s->g, what, in);
		return;
	}
	if (what == 13) {
		n = take16(in);
		virtio_console_resize(s->g.dev, n, take16(in));
		return;
	}
	if (what == 14) {
		send_message(s, in);
		return;
	}
	port = take8(in) % PORTS;
	if (what == 10) {
		n = (uint16_t)min_u64(take8(in), (uint64_t)(in->end - in->at));
		chardev_feed(s->chardev[port], in->at, n);
		in->at += n;
	} else if (what == 11) {
		chardev_drain(s->chardev[port], sink, take16(in));
	} else {
		atomic_store(&s->chardev[port]->connected, take8(in) & 1);
		ready(&s->ends[port]);
	}
}

static void make(struct scene *s)
{
	static _Alignas(4096) uint8_t ram[GUEST_RAM_BYTES];

	guest_init(&s->g, ram);
	s->config = (struct virtio_console_config){ .place = guest_place(&s->g),
						    .port_count = PORTS, .cols = 80, .rows = 25 };
	s->config.ports[1].name = "agent";
	for (unsigned i = 0; i < PORTS; i++) {
		const struct chardev_config mem = { .kind = CHARDEV_MEM, .ready = ready,
						    .ctx = &s->ends[i] };

		s->ends[i] = (struct end){ s, i };
		trap_unless(chardev_open(NULL, &mem, &s->chardev[i], NULL) == 0);
		s->config.ports[i].chardev = s->chardev[i];
	}
	guest_plug(&s->g, &virtio_console_type, &s->config);
}

/* As it was when it was opened. */
static void rewind_host(struct chardev *c)
{
	ring_init(&c->in, c->in_bytes, IN_RING_BYTES);
	ring_init(&c->out, c->out_bytes, OUT_RING_BYTES);
	atomic_store(&c->room_wanted, false);
	atomic_store(&c->in_stalled, false);
	atomic_store(&c->connected, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene scene;
	struct scene *s = &scene;
	struct input in = { data, data + size };

	if (!s->g.type)
		make(s);
	for (unsigned i = 0; i < PORTS; i++)
		rewind_host(s->chardev[i]);
	guest_boot(&s->g, 0x07);
	for (unsigned i = 0; i < GUEST_RECORDS && in.at < in.end; i++)
		act(s, &in);
	guest_rest(&s->g);
	return 0;
}
