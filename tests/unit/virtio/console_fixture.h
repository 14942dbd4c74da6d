/* A console on a rig, its host ends in memory. */
#ifndef BANTAM_TEST_CONSOLE_FIXTURE_H
#define BANTAM_TEST_CONSOLE_FIXTURE_H

#include "rig.h"

#include "char/backend.h"
#include "virtio/console.h"
#include "virtio/console_ctrl.h"

#define F_SIZE	    (UINT64_C(1) << 0)
#define F_MULTIPORT (UINT64_C(1) << 1)

#define PORTS_MAX 3u

/* Queues of a port, and of the control messages. */
#define IN(port)  ((port) == 0 ? 0u : 2u * ((port) + 1u))
#define OUT(port) (IN(port) + 1u)
#define CTRL_IN	  2u
#define CTRL_OUT  3u

struct host_end {
	struct bench *bench;
	unsigned port;
	struct chardev *chardev;
};

struct bench {
	struct virtio_rig rig;
	struct virtio_console_config config;
	struct host_end ends[PORTS_MAX];
	struct ioloop *loop; /* of another thread, if the test has one */
};

static inline void end_ready(void *ctx)
{
	struct host_end *e = ctx;

	if (e->bench->rig.f.dev)
		virtio_console_host_ready(e->bench->rig.f.dev, e->port);
}

static inline int bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	rig_init(&b->rig, RIG_PRIVATE);
	b->config.place = virtio_fixture_place(&b->rig.f);
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		struct host_end *e = &b->ends[i];
		const struct chardev_config config = { .kind = CHARDEV_MEM, .ready = end_ready,
						       .ctx = e };

		e->bench = b;
		e->port = i;
		assert_int_equal(chardev_open(NULL, &config, &e->chardev, NULL), 0);
		b->config.ports[i].chardev = e->chardev;
	}
	*state = b;
	return 0;
}

static inline int bench_teardown(void **state)
{
	struct bench *b = *state;

	rig_free(&b->rig);
	for (unsigned i = 0; i < PORTS_MAX; i++)
		chardev_close(b->ends[i].chardev);
	free(b);
	return 0;
}

/* One terminal, and its driver with these features. */
static inline struct bench *terminal(void **state, uint64_t features)
{
	struct bench *b = *state;

	b->config.port_count = 1;
	rig_plug(&b->rig, &virtio_console_type, &b->config);
	rig_drive(&b->rig, features);
	return b;
}

/* A terminal, a port called "agent" and another terminal; no driver yet. */
static inline struct bench *three_ports(void **state)
{
	struct bench *b = *state;

	b->config.port_count = 3;
	b->config.ports[1].name = "agent";
	rig_plug(&b->rig, &virtio_console_type, &b->config);
	return b;
}

/* Where the bytes of queue's i-th buffer are. */
static inline gpa_t room(unsigned queue, unsigned i)
{
	return RIG_DATA + 0x40000u * queue + 0x1000u * i;
}

/* The driver transmits text, from buffer i. */
static inline int transmit(struct bench *b, unsigned port, unsigned i, const char *text)
{
	const struct fake_buf buf = { .gpa = room(OUT(port), i), .len = (uint32_t)strlen(text) };

	memcpy(rig_at(&b->rig, buf.gpa), text, buf.len);
	return rig_offer(&b->rig, OUT(port), &buf, 1);
}

/* It posts len bytes of room in buffer i. */
static inline int post_room(struct bench *b, unsigned queue, unsigned i, uint32_t len)
{
	const struct fake_buf buf = { .gpa = room(queue, i), .len = len, .writable = true };

	return rig_offer(&b->rig, queue, &buf, 1);
}

/* It says something to the device. */
static inline void say(struct bench *b, uint32_t id, enum console_event event, uint16_t value)
{
	const struct fake_buf buf = { .gpa = room(CTRL_OUT, 0), .len = CONSOLE_CTRL_BYTES };

	console_ctrl_encode(rig_at(&b->rig, buf.gpa), id, event, value);
	rig_offer(&b->rig, CTRL_OUT, &buf, 1);
	rig_rounds(&b->rig);
	assert_true(rig_used(&b->rig, CTRL_OUT, NULL) >= 0);
}

/* A control message came: with this in its header and, behind it, these bytes. */
static inline void expect_message(struct bench *b, uint32_t id, enum console_event event,
				  uint16_t value, const void *more, uint32_t more_len)
{
	struct console_ctrl ctrl;
	uint32_t len;
	const int got = rig_used(&b->rig, CTRL_IN, &len);

	if (got < 0)
		fail_msg("event %d for port %u did not come", event, id);
	/* Buffers are posted in the order of their ids: see post_ctrl_rooms(). */
	ctrl = console_ctrl_decode(rig_at(&b->rig, room(CTRL_IN, (unsigned)got)));
	assert_int_equal(ctrl.id, id);
	assert_int_equal(ctrl.event, event);
	assert_int_equal(ctrl.value, value);
	assert_int_equal(len, CONSOLE_CTRL_BYTES + more_len);
	assert_memory_equal(rig_at(&b->rig, room(CTRL_IN, (unsigned)got) + CONSOLE_CTRL_BYTES),
			    more ? more : "", more_len);
}

static inline void expect_no_message(struct bench *b)
{
	assert_int_equal(rig_used(&b->rig, CTRL_IN, NULL), -1);
}

/* Room for messages, each buffer where expect_message() looks for its id. */
static inline void post_ctrl_rooms(struct bench *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct fake_driver *d = &b->rig.f.queues[CTRL_IN];
		const unsigned id = d->free[(d->packed ? d->free_ids : d->free_count) - 1];

		assert_int_equal(post_room(b, CTRL_IN, id, 128), id);
	}
	rig_rounds(&b->rig);
}

/* A driver that knows MULTIPORT has added all ports and opened the terminals, as
 * Linux does; nothing is left to be told. */
static inline void shake_hands(struct bench *b)
{
	rig_drive(&b->rig, F_MULTIPORT | F_SIZE);
	post_ctrl_rooms(b, 12);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		say(b, i, CONSOLE_PORT_READY, 1);
	say(b, 0, CONSOLE_PORT_OPEN, 1);
	say(b, 2, CONSOLE_PORT_OPEN, 1);
	for (unsigned n = 0; rig_used(&b->rig, CTRL_IN, NULL) >= 0; n++)
		assert_true(n < 12);
	post_ctrl_rooms(b, 4);
}

static inline void type(struct bench *b, unsigned port, const char *text)
{
	const size_t len = strlen(text);

	assert_int_equal(chardev_feed(b->ends[port].chardev, (const uint8_t *)text, len), len);
	rig_rounds(&b->rig);
}

/* The host's reader has exactly this. */
static inline void expect_shown(struct bench *b, unsigned port, const char *text)
{
	char shown[256];
	size_t n = chardev_drain(b->ends[port].chardev, (uint8_t *)shown, sizeof(shown) - 1);

	shown[n] = '\0';
	assert_string_equal(shown, text);
}

/* The next receive buffer came back with exactly this. */
static inline void expect_received(struct bench *b, unsigned port, unsigned i, const char *text)
{
	uint32_t len;

	assert_true(rig_used(&b->rig, IN(port), &len) >= 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(rig_at(&b->rig, room(IN(port), i)), text, len);
}

#define CONSOLE_TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif
