/* What tests of networks share: a loop, guests on it that are fake NICs, and frames. */
#ifndef BANTAM_TESTS_NET_FIXTURE_H
#define BANTAM_TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake/fake_nic.h"
#include "host/now.h"
#include "net/net.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define ALL_CAN	    (NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN | NET_CAN_USO)

/* Rounds of loop until cond holds; the test fails if it never does. */
#define UNTIL(loop, cond)                                             \
	do {                                                          \
		const uint64_t end_ns_ = host_now_ns() + PATIENCE_NS; \
		while (!(cond)) {                                     \
			assert_true(host_now_ns() < end_ns_);         \
			ioloop_round((loop), 1);                      \
		}                                                     \
	} while (0)

struct guest {
	struct fake_nic fake;
	struct net *net;
};

/* A guest whose driver takes `can` is at net, and runs on loop. */
static inline struct guest *guest_start(struct ioloop *loop, struct net *net, unsigned can)
{
	struct guest *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	fake_nic_init(&g->fake);
	g->net = net;
	atomic_store(&g->fake.link_up, net->limits.link_up);
	net_attach(net, &g->fake.nic);
	net_offloads(net, can & net->limits.to_guest);
	net_start(net, 0, loop);
	return g;
}

static inline void guest_end(struct guest *g)
{
	if (!g)
		return;
	net_stop(g->net, 0);
	net_close(g->net);
	fake_nic_fini(&g->fake);
	free(g);
}

/* len bytes of a frame from node `from` to node `to` (0xff: everybody); the rest is a
 * pattern that begins with tag. */
static inline void fill_frame(uint8_t *bytes, size_t len, unsigned to, unsigned from, unsigned tag)
{
	assert_true(len >= NET_HEADER_BYTES);
	memset(bytes, to == 0xff ? 0xff : 0x52, 6);
	bytes[5] = (uint8_t)to;
	memset(bytes + 6, 0x52, 6);
	bytes[11] = (uint8_t)from;
	bytes[12] = 0x88; /* for local experiments */
	bytes[13] = 0xb5;
	for (size_t i = NET_HEADER_BYTES; i < len; i++)
		bytes[i] = (uint8_t)(tag + i % 251);
}

static inline int send_frame(struct guest *g, size_t len, unsigned to, unsigned from, unsigned tag)
{
	uint8_t *bytes = malloc(len);
	int rc;

	assert_non_null(bytes);
	fill_frame(bytes, len, to, from, tag);
	rc = fake_nic_send(&g->fake, g->net, bytes, len, NULL);
	net_flush(g->net, 0);
	free(bytes);
	return rc;
}

/* The next frame that came is exactly this one. */
static inline void assert_came(struct guest *g, size_t len, unsigned to, unsigned from,
			       unsigned tag)
{
	const struct fake_frame *f = fake_nic_next(&g->fake);
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	assert_non_null(f);
	assert_int_equal(f->len, len);
	fill_frame(bytes, len, to, from, tag);
	assert_memory_equal(f->bytes, bytes, len);
	free(bytes);
}

#endif
