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
#include <sys/resource.h>
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

/* This process may open so many files more, until files_are_many(). */
static inline void files_are_few(unsigned count)
{
	struct rlimit limit;
	const int lowest = dup(0);

	assert_true(lowest >= 0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)lowest + count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static inline void files_are_many(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 1024;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

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

/* The number behind `name` in what n tells for --stats. */
static inline unsigned long long stat_of(const struct net *n, const char *name)
{
	unsigned long long value = 0;
	char *text = NULL, *at;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	net_print(n, "net0", out);
	fclose(out);
	at = strstr(text, name);
	if (!at || sscanf(at + strlen(name), " %llu", &value) != 1)
		fail_msg("no '%s' in: %s", name, text);
	free(text);
	return value;
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

/* A network whose other end is the test. */
struct wire {
	struct net net;
	struct net_nic *nic;
	bool full; /* send() says -EAGAIN */
	unsigned to_guest, start_count, stop_count, flush_count, rx_ready_count;
	bool closed;
	unsigned frame_count; /* sent by the guest */
	size_t lens[4096];
	uint8_t *frames[4096];
	struct net_offload last_offload;
};

static inline struct wire *wire_of(struct net *n)
{
	return container_of(n, struct wire, net);
}

static inline void wire_attach(struct net *n, struct net_nic *nic)
{
	wire_of(n)->nic = nic;
}

static inline void wire_offloads(struct net *n, unsigned to_guest)
{
	wire_of(n)->to_guest = to_guest;
}

static inline void wire_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	(void)pair;
	(void)loop;
	wire_of(n)->start_count++;
}

static inline void wire_stop(struct net *n, unsigned pair)
{
	(void)pair;
	wire_of(n)->stop_count++;
}

static inline int wire_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct wire *w = wire_of(n);
	uint8_t *at = malloc(f->len);

	(void)pair;
	assert_non_null(at);
	if (w->full || w->frame_count == ARRAY_LEN(w->frames)) {
		free(at);
		return -EAGAIN;
	}
	w->lens[w->frame_count] = f->len;
	w->frames[w->frame_count++] = at;
	w->last_offload = f->offload;
	for (unsigned i = 0; i < f->iov_count; i++) {
		memcpy(at, f->iov[i].iov_base, f->iov[i].iov_len);
		at += f->iov[i].iov_len;
	}
	return 0;
}

static inline void wire_flush(struct net *n, unsigned pair)
{
	(void)pair;
	wire_of(n)->flush_count++;
}

static inline void wire_rx_ready(struct net *n, unsigned pair)
{
	(void)pair;
	wire_of(n)->rx_ready_count++;
}

static inline void wire_close(struct net *n)
{
	wire_of(n)->closed = true;
}

/* Heap memory; freed with wire_free() after the close. */
static inline struct wire *wire_make(void)
{
	static const struct net_ops ops = {
		.name = "wire",
		.attach = wire_attach,
		.offloads = wire_offloads,
		.start = wire_start,
		.stop = wire_stop,
		.send = wire_send,
		.flush = wire_flush,
		.rx_ready = wire_rx_ready,
		.close = wire_close,
	};
	struct wire *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->net.ops = &ops;
	w->net.limits = (struct net_limits){
		.pairs_max = 1,
		.mtu = 9000,
		.mtu_max = 9000,
		.from_guest = ALL_CAN,
		.to_guest = ALL_CAN,
		.link_up = true,
	};
	return w;
}

static inline void wire_free(struct wire *w)
{
	while (w->frame_count > 0)
		free(w->frames[--w->frame_count]);
	free(w);
}

/* A frame for the guest; false: it has no room. */
static inline bool wire_give(struct wire *w, size_t len, unsigned tag, const struct net_offload *o)
{
	struct net_room room;
	uint8_t *bytes = malloc(len), *at = bytes;
	bool ok;

	assert_non_null(bytes);
	fill_frame(bytes, len, 1, 2, tag);
	ok = w->nic->ops->room(w->nic, 0, len, &room);
	for (size_t left = len; ok && left > 0; room.iov++) {
		const size_t n = room.iov->iov_len < left ? room.iov->iov_len : left;

		memcpy(room.iov->iov_base, at, n);
		at += n;
		left -= n;
	}
	if (ok)
		w->nic->ops->commit(w->nic, 0, len, o);
	free(bytes);
	return ok;
}

#endif
