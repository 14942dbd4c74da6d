/* A virtio NIC before a fake network, and its driver: what the tests of net*.c stand
 * on. */
#ifndef BANTAM_TEST_NET_FIXTURE_H
#define BANTAM_TEST_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake/fake_net.h"
#include "fake/virtio_fixture.h"
#include "virtio/net.h"
#include "virtio/net_features.h"

#define RING_SIZE    64u
#define HEADER_BYTES 12u
#define FRAME_BYTES  100u
#define RX	     0u /* queues of pair 0 */
#define TX	     1u
#define CTRL	     2u /* with one pair */

/* All that a driver of these tests may take but MRG_RXBUF and CTRL_RX. */
#define F_BASE (NET_F_MAC | NET_F_STATUS | NET_F_CTRL_VQ)

static const uint8_t own_mac[NET_MAC_BYTES] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static const uint8_t broadcast_mac[NET_MAC_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct nic {
	struct virtio_fixture f;
	struct fake_net *fake;
	struct virtio_net_config config;
	gpa_t free; /* guest memory from here on */
};

static inline int nic_setup(void **state)
{
	struct nic *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	virtio_fixture_init(&n->f);
	n->fake = fake_net_open();
	n->config = (struct virtio_net_config){
		.place = virtio_fixture_place(&n->f),
		.net = &n->fake->net,
		.pairs = 1,
		.queue_size = RING_SIZE,
	};
	memcpy(n->config.mac, own_mac, sizeof(own_mac));
	n->free = VIRTIO_FIXTURE_DATA;
	*state = n;
	return 0;
}

static inline int nic_teardown(void **state)
{
	struct nic *n = *state;

	if (!n->f.dev)
		net_close(&n->fake->net);
	virtio_fixture_free(&n->f);
	free(n);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, nic_setup, nic_teardown)

static inline void nic_plug(struct nic *n)
{
	virtio_fixture_add(&n->f, &virtio_net_type, &n->config);
}

/* In use by a driver that takes those of `features` that are offered. */
static inline struct nic *nic_ready(void **state, uint64_t features)
{
	struct nic *n = *state;

	nic_plug(n);
	virtio_fixture_start(&n->f, features & features_offered(&n->f));
	return n;
}

/* A test for each layout of rings: 0 .. LAYOUTS-1. */
#define LAYOUTS 6u
static inline uint64_t layout_features(unsigned layout)
{
	static const uint64_t layouts[LAYOUTS] = {
		0,
		VIRTIO_F_EVENT_IDX,
		VIRTIO_F_IN_ORDER,
		VIRTIO_F_RING_PACKED,
		VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
		VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER,
	};

	return layouts[layout];
}

static inline struct nic *nic_again(void **state, uint64_t features)
{
	nic_teardown(state);
	nic_setup(state);
	return nic_ready(state, features);
}

static inline gpa_t nic_memory(struct nic *n, uint32_t len)
{
	const gpa_t at = n->free;

	n->free += len;
	assert_true(n->free <= FAKE_RAM_BYTES);
	return at;
}

static inline struct virtio_net_stats stats_of(const struct nic *n)
{
	return virtio_net_stats(n->f.dev, 0);
}

/* ---- frames ------------------------------------------------------------------------- */

/* Fill in a frame of so many bytes to that address. */
static inline void frame_fill(uint8_t *frame, size_t len, const uint8_t *to)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(frame, to, NET_MAC_BYTES);
	be16_store(frame + 12, 0x0800);
}

/* A frame that the network brings, by a callback of its loop as always. */
struct arrival {
	struct nic *n;
	const uint8_t *frame;
	size_t len, want;
	const struct net_offload *offload;
	enum fake_net_fate fate;
};

static inline void arrive(void *arg)
{
	struct arrival *a = arg;

	a->fate = fake_net_bring(a->n->fake, 0, a->frame, a->len, a->want, a->offload);
}

static inline enum fake_net_fate bring_frame(struct nic *n, const uint8_t *frame, size_t len,
					     size_t want, const struct net_offload *offload)
{
	struct arrival a = { n, frame, len, want, offload, FAKE_NET_NO_ROOM };
	struct io_task task = { .run = arrive, .arg = &a };

	ioloop_post(n->f.loop, &task);
	assert_true(ioloop_round(n->f.loop, 0) > 0);
	return a.fate;
}

/* One for this guest. */
static inline enum fake_net_fate bring(struct nic *n, size_t len, size_t want)
{
	static uint8_t frame[NET_FRAME_BYTES_MAX];

	frame_fill(frame, len, own_mac);
	return bring_frame(n, frame, len, want, NULL);
}

/* A buffer of the driver for frames. */
struct rx_buffer {
	int id;
	uint8_t *bytes;
};

/* Offer one in pieces of these lengths (0 ends them). */
static inline struct rx_buffer rx_offer_pieces(struct nic *n, unsigned queue,
					       const uint32_t *pieces)
{
	struct fake_buf bufs[RING_SIZE];
	struct rx_buffer b;
	uint32_t len = 0;
	unsigned count = 0;

	for (; pieces[count]; count++)
		len += pieces[count];
	bufs[0].gpa = nic_memory(n, len);
	b.bytes = n->f.ram + bufs[0].gpa;
	memset(b.bytes, 0xaa, len);
	for (unsigned i = 0; i < count; i++) {
		bufs[i].gpa = i == 0 ? bufs[0].gpa : bufs[i - 1].gpa + pieces[i - 1];
		bufs[i].len = pieces[i];
		bufs[i].writable = true;
	}
	b.id = fake_driver_add(&n->f.queues[queue], bufs, count);
	assert_true(b.id >= 0);
	return b;
}

static inline struct rx_buffer rx_offer(struct nic *n, unsigned queue, uint32_t len)
{
	return rx_offer_pieces(n, queue, (const uint32_t[]){ len, 0 });
}

/* Run the loop, then take the chain that the device gave back next: its id; -1: none. */
static inline int next_used(struct nic *n, unsigned queue, uint32_t *len)
{
	uint16_t id;

	virtio_fixture_run(&n->f);
	return fake_driver_used(&n->f.queues[queue], &id, len) ? id : -1;
}

/* A header and a frame of so many bytes, in one piece of guest memory. */
static inline gpa_t tx_fill(struct nic *n, const uint8_t *header, uint32_t len)
{
	const gpa_t at = nic_memory(n, HEADER_BYTES + len);

	memset(n->f.ram + at, 0, HEADER_BYTES);
	if (header)
		memcpy(n->f.ram + at, header, HEADER_BYTES);
	frame_fill(n->f.ram + at + HEADER_BYTES, len, broadcast_mac);
	return at;
}

/* Offer it.  Its id. */
static inline int tx_offer(struct nic *n, unsigned queue, const uint8_t *header, uint32_t len)
{
	const struct fake_buf buf = { tx_fill(n, header, len), HEADER_BYTES + len, false };

	return fake_driver_add(&n->f.queues[queue], &buf, 1);
}

static inline void tx_kick(struct nic *n, unsigned queue)
{
	virtio_fixture_kick(&n->f, queue);
	virtio_fixture_run(&n->f);
}

/* ---- commands ------------------------------------------------------------------------- */

#define NO_ACK 0xaau

/* Offer a command on queue `queue`; where its answer will be. */
static inline uint8_t *command_offer(struct nic *n, unsigned queue, uint8_t class, uint8_t number,
				     const void *data, uint32_t len)
{
	const gpa_t at = nic_memory(n, 2 + len + 1);
	const struct fake_buf bufs[] = { { at, 2, false },
					 { at + 2, len, false },
					 { at + 2 + len, 1, true } };
	uint8_t *ack = n->f.ram + at + 2 + len;

	n->f.ram[at] = class;
	n->f.ram[at + 1] = number;
	if (len > 0)
		memcpy(n->f.ram + at + 2, data, len);
	*ack = NO_ACK;
	assert_true(fake_driver_add(&n->f.queues[queue], bufs, 3) >= 0);
	virtio_fixture_kick(&n->f, queue);
	return ack;
}

static inline uint8_t command_on(struct nic *n, unsigned queue, uint8_t class, uint8_t number,
				 const void *data, uint32_t len)
{
	const uint8_t *ack = command_offer(n, queue, class, number, data, len);
	uint32_t used_len;

	assert_true(next_used(n, queue, &used_len) >= 0);
	assert_int_equal(used_len, 1);
	return *ack;
}

static inline uint8_t command(struct nic *n, uint8_t class, uint8_t number, const void *data,
			      uint32_t len)
{
	return command_on(n, CTRL, class, number, data, len);
}

static inline uint8_t command16(struct nic *n, unsigned queue, uint8_t class, uint8_t number,
				uint16_t value)
{
	uint8_t raw[2];

	le16_store(raw, value);
	return command_on(n, queue, class, number, raw, sizeof(raw));
}

static inline uint16_t config16(struct nic *n, unsigned offset)
{
	return (uint16_t)fake_mmio_read(&n->f.fb, n->f.bar + VIRTIO_PCI_CONFIG + offset, 2);
}

#define CONFIG_STATUS 6u
#define LINK_UP	      1u
#define ANNOUNCE      2u

#endif
