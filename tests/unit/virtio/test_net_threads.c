/* A NIC whose pairs are served by threads of their own. */
#include "net_fixture.h"

#include "host/iothread.h"
#include "host/now.h"

#define PAIRS	3u
#define CTRL_OF (2 * PAIRS)
#define F_PAIRS (F_BASE | NET_F_MQ | NET_F_MRG_RXBUF)
#define FRAMES	200u

struct threaded {
	struct nic *n;
	struct iothread *threads[PAIRS];
	struct ioloop *loops[PAIRS];
};

static void set_up(struct threaded *t, void **state, uint64_t features)
{
	struct nic *n = t->n = *state;
	struct err err;

	for (unsigned i = 0; i < PAIRS; i++) {
		assert_int_equal(iothread_start(IO_ENGINE_AUTO, i, &t->threads[i], &err), 0);
		t->loops[i] = iothread_loop(t->threads[i]);
	}
	n->fake->net.limits.pairs_max = PAIRS;
	n->config.pairs = PAIRS;
	n->config.place.loops = t->loops;
	n->config.place.loop_count = PAIRS;
	nic_plug(n);
	virtio_fixture_start(&n->f, features);
}

/* The device goes before its threads do. */
static void tear_down(struct threaded *t)
{
	struct nic *n = t->n;

	n->f.dev->type->destroy(n->f.dev);
	n->f.dev = NULL;
	for (unsigned i = 0; i < PAIRS; i++)
		iothread_stop(t->threads[i]);
	n->fake = fake_net_open(); /* for the teardown */
}

/* Wait up to 5 s; the condition has no effects. */
#define WAIT_FOR(condition)                                            \
	do {                                                           \
		const uint64_t end_ns_ = host_now_ns() + 5 * NS_PER_S; \
		while (!(condition) && host_now_ns() < end_ns_)        \
			sched_yield();                                 \
		assert_true(condition);                                \
	} while (0)

static bool used(struct nic *n, unsigned queue, uint32_t *len)
{
	uint16_t id;

	return fake_driver_used(&n->f.queues[queue], &id, len);
}

/* The next used chain, within 5 s. */
static void await_used(struct nic *n, unsigned queue, uint32_t *len)
{
	const uint64_t end_ns = host_now_ns() + 5 * NS_PER_S;

	while (!used(n, queue, len)) {
		assert_true(host_now_ns() < end_ns);
		sched_yield();
	}
}

static uint8_t use_pairs(struct nic *n, uint8_t count)
{
	const uint8_t raw[2] = { count, 0 };
	const gpa_t memory = n->free;
	const uint8_t *ack = command_offer(n, CTRL_OF, 4, 0, raw, sizeof(raw));
	uint32_t len;

	n->free = memory;
	await_used(n, CTRL_OF, &len);
	return *ack;
}

/* The answer comes when each loop has seen it, not before. */
static void the_answer_waits_for_the_loops_of_all_pairs(void **state)
{
	struct threaded t;

	set_up(&t, state, F_PAIRS);
	for (unsigned round = 0; round < 30; round++) {
		assert_int_equal(use_pairs(t.n, PAIRS), 0);
		assert_int_equal(t.n->fake->starts - t.n->fake->stops, PAIRS);
		assert_int_equal(use_pairs(t.n, 1), 0);
		assert_int_equal(t.n->fake->starts - t.n->fake->stops, 1);
	}
	tear_down(&t);
}

static void resets_come_at_any_moment(void **state)
{
	struct threaded t;

	set_up(&t, state, F_PAIRS);
	for (unsigned round = 0; round < 50; round++) {
		t.n->free = VIRTIO_FIXTURE_DATA;
		for (unsigned i = 0; i < 10; i++)
			rx_offer(t.n, 2 * (i % PAIRS), 500);
		for (unsigned i = 0; i < 10; i++) {
			tx_offer(t.n, 2 * (i % PAIRS) + 1, NULL, FRAME_BYTES);
			virtio_fixture_kick(&t.n->f, 2 * (i % PAIRS) + 1);
		}
		command_offer(t.n, CTRL_OF, 4, 0, round % 2 ? "\3" : "\2", 2);
		for (unsigned i = 0; i < round % 5; i++)
			sched_yield();
		common_write(&t.n->f, COMMON_STATUS, 0);
		WAIT_FOR(status_read(&t.n->f) == 0);
		assert_int_equal(t.n->fake->starts, t.n->fake->stops);
		virtio_fixture_start(&t.n->f, F_PAIRS);
	}
	WAIT_FOR(t.n->fake->starts - t.n->fake->stops == 1);
	tear_down(&t);
}

/* What is sent comes back by the same pair. */
static void echo(struct fake_net *fake, unsigned pair, const struct net_frame *f)
{
	uint8_t frame[FRAME_BYTES];
	size_t done = 0;

	for (unsigned i = 0; i < f->iov_count; i++) {
		memcpy(frame + done, f->iov[i].iov_base, f->iov[i].iov_len);
		done += f->iov[i].iov_len;
	}
	if (fake_net_bring(fake, pair, frame, done, done, NULL) == FAKE_NET_NO_ROOM)
		fake->nic->ops->dropped(fake->nic, pair);
}

static void pairs_on_threads_of_their_own_work_at_once(void **state)
{
	struct threaded t;
	unsigned sent[PAIRS] = { 0 }, came[PAIRS] = { 0 };
	gpa_t memory[PAIRS];
	uint32_t len;

	t.n = *state;
	t.n->fake->forget = true;
	t.n->fake->on_send = echo;
	set_up(&t, state, F_PAIRS | NET_F_CTRL_RX);
	assert_int_equal(use_pairs(t.n, PAIRS), 0);
	for (unsigned p = 0; p < PAIRS; p++) {
		memory[p] = tx_fill(t.n, NULL, FRAME_BYTES);
		memcpy(t.n->f.ram + memory[p] + HEADER_BYTES, own_mac, NET_MAC_BYTES);
		for (unsigned i = 0; i < RING_SIZE / 2; i++)
			rx_offer(t.n, 2 * p, 500);
	}
	for (unsigned turn = 0; came[0] + came[1] + came[2] < PAIRS * FRAMES; turn++) {
		const unsigned p = turn % PAIRS;
		const struct fake_buf tx = { memory[p], HEADER_BYTES + FRAME_BYTES, false };
		struct fake_buf rx = { VIRTIO_FIXTURE_DATA + 0x40000 + 512 * (gpa_t)p, 500, true };

		/* Filters change under the feet of all. */
		if (turn % 64 == 0) {
			const gpa_t free = t.n->free;

			command_offer(t.n, CTRL_OF, 0, 1, turn % 128 ? "\1" : "\0", 1);
			await_used(t.n, CTRL_OF, &len);
			t.n->free = free;
		}
		if (sent[p] < FRAMES && fake_driver_add(&t.n->f.queues[2 * p + 1], &tx, 1) >= 0) {
			sent[p]++;
			virtio_fixture_kick(&t.n->f, 2 * p + 1);
		}
		while (used(t.n, 2 * p + 1, &len))
			;
		for (bool full = sent[p] - came[p] == RING_SIZE / 2 - 1;
		     full || used(t.n, 2 * p, &len); full = false) {
			if (full)
				await_used(t.n, 2 * p, &len);
			assert_int_equal(len, HEADER_BYTES + FRAME_BYTES);
			came[p]++;
			fake_driver_add(&t.n->f.queues[2 * p], &rx, 1);
			virtio_fixture_kick(&t.n->f, 2 * p);
		}
		if (turn > 4000000)
			fail_msg("frames are missing");
	}
	for (unsigned p = 0; p < PAIRS; p++) {
		assert_int_equal(virtio_net_stats(t.n->f.dev, p).tx_frames, FRAMES);
		assert_int_equal(virtio_net_stats(t.n->f.dev, p).rx_frames, FRAMES);
	}
	tear_down(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_answer_waits_for_the_loops_of_all_pairs),
		TEST(resets_come_at_any_moment),
		TEST(pairs_on_threads_of_their_own_work_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
