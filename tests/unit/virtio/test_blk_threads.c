/* A disk whose time is real: limits of its speed, and queues on threads of their
 * own. */
#include "disk_fixture.h"

#include "host/iothread.h"
#include "host/now.h"

/* ---- limits ---------------------------------------------------------------------------- */

/* Rounds that may sleep, until `count` requests are done or 5 s have gone; how many it
 * took. */
static unsigned wait_for(struct disk *d, uint64_t count)
{
	const uint64_t end_ns = host_now_ns() + 5 * NS_PER_S;
	unsigned rounds = 0;

	while (virtio_blk_stats(d->f.dev, 0).requests < count && host_now_ns() < end_ns) {
		ioloop_round(d->f.loop, 1000);
		rounds++;
	}
	assert_int_equal(virtio_blk_stats(d->f.dev, 0).requests, count);
	return rounds;
}

static void offer_reads(struct disk *d, unsigned count, uint32_t len)
{
	for (unsigned i = 0; i < count; i++) {
		struct request r = request_new(d, 0, BLK_T_IN, 0);

		request_offer(d, &r, len);
	}
}

static void a_limit_of_requests_holds_over_time(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns;
	unsigned rounds;

	d->config.iops = 100;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	begun_ns = host_now_ns();
	offer_reads(d, 11, 512);
	rounds = wait_for(d, 11);
	/* The first is free, then one each 10 ms; a busy host may be late. */
	assert_in_range(host_now_ns() - begun_ns, 100 * NS_PER_MS, 2 * NS_PER_S);
	assert_in_range(rounds, 1, 100); /* it slept in between */
}

static void a_limit_of_bytes_counts_what_was_moved(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns;

	d->config.bps = 100 * 1024;
	d->config.bps_burst = 1024;
	disk_ready(state, F_FLUSH);
	begun_ns = host_now_ns();
	offer_reads(d, 4, 4096);
	wait_for(d, 4);
	/* The last may start when all but a burst of 12 KiB have leaked: 110 ms. */
	assert_in_range(host_now_ns() - begun_ns, 110 * NS_PER_MS, 2 * NS_PER_S);
}

static void queues_share_one_budget(void **state)
{
	struct disk *d = *state;
	struct request r;

	d->config.iops = 1;
	d->config.iops_burst = 2;
	d->config.queues = 2;
	disk_ready(state, F_FLUSH | F_MQ);
	offer_reads(d, 2, 512);
	virtio_fixture_run(&d->f);
	r = request_new(d, 1, BLK_T_IN, 0);
	request_offer(d, &r, 512);
	virtio_fixture_run(&d->f);
	assert_int_equal(virtio_blk_stats(d->f.dev, 0).requests, 2);
	assert_int_equal(virtio_blk_stats(d->f.dev, 1).requests, 0);
}

static void a_reset_does_not_wait_for_the_limit(void **state)
{
	struct disk *d = *state;

	d->config.iops = 1;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	offer_reads(d, 3, 512);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->submitted, 1);
	assert_true(virtio_fixture_reset(&d->f));
	assert_int_equal(ioloop_round(d->f.loop, 1200), 0); /* no timer is left */
	assert_int_equal(d->fake->submitted, 1);
}

static void a_limited_disk_that_waits_sleeps(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns;

	d->config.iops = 1;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	offer_reads(d, 1, 512);
	virtio_fixture_run(&d->f); /* now the ring is empty */
	assert_int_equal(ioloop_round(d->f.loop, 20), 0);
	offer_reads(d, 1, 512);	   /* and now one waits in it */
	virtio_fixture_run(&d->f);
	begun_ns = host_now_ns();
	assert_int_equal(ioloop_round(d->f.loop, 20), 0);
	assert_true(host_now_ns() - begun_ns >= 19 * NS_PER_MS);
	assert_int_equal(d->fake->submitted, 1);
}

/* ---- threads ------------------------------------------------------------------------------ */

#define THREADS	      2u
#define PER_QUEUE     8u
#define TURNS	      400u
#define QUEUE_SECTORS 1024u /* half the disk each */

/* Bring all requests through the device, which serves the queues at the same time. */
static void turn(struct disk *d, struct request r[THREADS][PER_QUEUE], uint32_t type)
{
	const uint64_t end_ns = host_now_ns() + 20 * NS_PER_S;
	unsigned left = THREADS * PER_QUEUE;
	uint32_t len;

	for (unsigned i = 0; i < THREADS * PER_QUEUE; i++) {
		struct request *one = &r[i % THREADS][i / THREADS];

		le32_store(d->f.ram + one->slot, type);
		*one->status = NO_STATUS;
		request_offer(d, one, 512);
	}
	while (left > 0) {
		assert_true(host_now_ns() < end_ns);
		for (unsigned t = 0; t < THREADS; t++)
			left -= next_used(d, t, &len) >= 0;
	}
	for (unsigned i = 0; i < THREADS * PER_QUEUE; i++)
		assert_int_equal(*r[i % THREADS][i / THREADS].status, BLK_S_OK);
}

static void write_and_read_back(struct disk *d, struct request r[THREADS][PER_QUEUE], unsigned n)
{
	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < PER_QUEUE; i++)
			memset(r[t][i].data, (int)(1 + t * 100 + n % 100), 512);
	}
	turn(d, r, BLK_T_OUT);
	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < PER_QUEUE; i++)
			memset(r[t][i].data, 0, 512);
	}
	turn(d, r, BLK_T_IN);
	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < PER_QUEUE; i++)
			assert_int_equal(r[t][i].data[511], 1 + t * 100 + n % 100);
	}
}

static void queues_on_two_threads_do_not_disturb_each_other(void **state)
{
	struct disk *d = *state;
	struct request r[THREADS][PER_QUEUE];
	struct iothread *threads[THREADS];
	struct ioloop *loops[THREADS];

	for (unsigned t = 0; t < THREADS; t++) {
		assert_int_equal(iothread_start(IO_ENGINE_AUTO, t, &threads[t], NULL), 0);
		loops[t] = iothread_loop(threads[t]);
	}
	d->config.queues = d->config.place.loop_count = THREADS;
	d->config.place.loops = loops;
	disk_ready(state, F_FLUSH | F_MQ | VIRTIO_F_EVENT_IDX);
	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < PER_QUEUE; i++)
			r[t][i] = request_new(d, t, BLK_T_IN, t * QUEUE_SECTORS + i);
	}
	for (unsigned n = 0; n < TURNS; n++) {
		write_and_read_back(d, r, n);
		if (n % 50 == 49) { /* in between, the machine begins anew */
			virtio_blk_type.reset(d->f.dev);
			virtio_fixture_start(&d->f, F_FLUSH | F_MQ);
		}
	}
	virtio_blk_type.destroy(d->f.dev);
	d->f.dev = NULL;
	for (unsigned t = 0; t < THREADS; t++)
		iothread_stop(threads[t]);
	d->fake = fake_block_open(DISK_BYTES); /* for the teardown: the device closed its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_limit_of_requests_holds_over_time),
		TEST(a_limit_of_bytes_counts_what_was_moved),
		TEST(queues_share_one_budget),
		TEST(a_reset_does_not_wait_for_the_limit),
		TEST(a_limited_disk_that_waits_sleeps),
		TEST(queues_on_two_threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
