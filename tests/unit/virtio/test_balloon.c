#include "rig.h"

#include "host/now.h"
#include "virtio/balloon.h"

#define F_STATS	  (UINT64_C(1) << 1)
#define F_OOM	  (UINT64_C(1) << 2)
#define F_POISON  (UINT64_C(1) << 4)
#define F_REPORTS (UINT64_C(1) << 5)

#define INFLATE	   0u
#define DEFLATE	   1u
#define STATS	   2u
#define REPORTS	   4u
#define REPORTS_3  3u /* where Linux puts them */

#define PAGE 4096u
#define POOL MIB(2) /* pages that a test may give away, up to the end of RAM */
#define POOL_PFN (POOL / PAGE)

struct bench {
	struct virtio_rig rig;
	struct virtio_balloon_config config;
	struct balloon_stats stats;
	unsigned stats_count;
};

static void keep_stats(void *ctx, const struct balloon_stats *stats)
{
	struct bench *b = ctx;

	b->stats = *stats;
	b->stats_count++;
}

static int setup_on(void **state, enum rig_ram ram)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	rig_init(&b->rig, ram);
	b->config.place = virtio_fixture_place(&b->rig.f);
	b->config.stats = keep_stats;
	b->config.ctx = b;
	*state = b;
	return 0;
}

static int setup(void **state)
{
	return setup_on(state, RIG_PRIVATE);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	rig_free(&b->rig);
	free(b);
	return 0;
}

static struct bench *balloon(void **state, uint64_t features)
{
	struct bench *b = *state;

	rig_plug(&b->rig, &virtio_balloon_type, &b->config);
	rig_drive(&b->rig, features);
	return b;
}

/* ---- pages ------------------------------------------------------------------------- */

static void mark_pool(struct bench *b)
{
	memset(rig_at(&b->rig, POOL), 0x5a, RIG_RAM_BYTES - POOL);
}

static bool is_resident(struct bench *b, unsigned page)
{
	unsigned char flags;

	assert_int_equal(mincore(rig_at(&b->rig, POOL + (gpa_t)PAGE * page), PAGE, &flags), 0);
	return flags & 1;
}

/* Exactly `count` pages of the pool from first on are gone; no other is touched. */
static void expect_gone(struct bench *b, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < (RIG_RAM_BYTES - POOL) / PAGE; i++)
		if (is_resident(b, i) == (i >= first && i < first + count))
			fail_msg("page %u is %s", i, is_resident(b, i) ? "there" : "gone");
	for (unsigned i = 0; i < (RIG_RAM_BYTES - POOL) / PAGE; i++) {
		const bool gone = i >= first && i < first + count;

		assert_int_equal(*rig_at(&b->rig, POOL + (gpa_t)PAGE * i + 77), gone ? 0 : 0x5a);
	}
}

/* Offer page numbers that lie at gpa. */
static int offer_pfns_at(struct bench *b, unsigned queue, gpa_t gpa, const uint32_t *pfns,
			 unsigned count)
{
	const struct fake_buf buf = { .gpa = gpa, .len = 4 * count };

	for (unsigned i = 0; i < count; i++)
		le32_store(rig_at(&b->rig, gpa + 4 * i), pfns[i]);
	return rig_offer(&b->rig, queue, &buf, 1);
}

static void offer_pfns(struct bench *b, unsigned queue, const uint32_t *pfns, unsigned count)
{
	const int id = offer_pfns_at(b, queue, RIG_DATA, pfns, count);
	uint32_t len;

	rig_rounds(&b->rig);
	assert_int_equal(rig_used(&b->rig, queue, &len), id);
	assert_int_equal(len, 0);
}

static void inflated_pages_leave_the_host(void **state)
{
	static const uint32_t up[] = { POOL_PFN + 8, POOL_PFN + 9, POOL_PFN + 10 };
	struct bench *b = balloon(state, 0);

	mark_pool(b);
	offer_pfns(b, INFLATE, up, 3);
	assert_int_equal(virtio_balloon_discarded(b->rig.f.dev), 3 * PAGE);
	expect_gone(b, 8, 3);
}

static void pages_of_a_memfd_leave_it(void **state)
{
	struct bench *b;

	teardown(state);
	setup_on(state, RIG_MEMFD);
	b = *state;
	inflated_pages_leave_the_host(state);
	assert_true(b->rig.fd >= 0);
}

static void pages_may_come_downwards_or_in_any_order(void **state)
{
	static const uint32_t down[] = { POOL_PFN + 10, POOL_PFN + 9, POOL_PFN + 8 };
	static const uint32_t mixed[] = { POOL_PFN + 13, POOL_PFN + 11, POOL_PFN + 12,
					  POOL_PFN + 7 };
	struct bench *b = balloon(state, 0);

	mark_pool(b);
	offer_pfns(b, INFLATE, down, 3);
	offer_pfns(b, INFLATE, mixed, 4);
	expect_gone(b, 7, 7);
}

static void what_is_no_ram_is_passed_over(void **state)
{
	static const uint32_t pfns[] = { 0xffffffff, POOL_PFN + 3, RIG_RAM_BYTES / PAGE,
					 POOL_PFN + 4, 0x80000000 };
	struct bench *b = balloon(state, 0);

	mark_pool(b);
	offer_pfns(b, INFLATE, pfns, 5);
	expect_gone(b, 3, 2);
	assert_false(rig_needs_reset(&b->rig));
}

static void a_page_given_twice_is_gone_once(void **state)
{
	static const uint32_t pfns[] = { POOL_PFN + 3, POOL_PFN + 3, POOL_PFN + 3 };
	struct bench *b = balloon(state, 0);

	mark_pool(b);
	offer_pfns(b, INFLATE, pfns, 3);
	assert_int_equal(virtio_balloon_discarded(b->rig.f.dev), PAGE);
	expect_gone(b, 3, 1);
}

static void bytes_behind_the_last_whole_number_do_not_count(void **state)
{
	struct bench *b = balloon(state, 0);
	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 7 };

	mark_pool(b);
	le32_store(rig_at(&b->rig, RIG_DATA), POOL_PFN + 1);
	le32_store(rig_at(&b->rig, RIG_DATA + 4), POOL_PFN + 2);
	rig_offer(&b->rig, INFLATE, &buf, 1);
	rig_rounds(&b->rig);
	assert_true(rig_used(&b->rig, INFLATE, NULL) >= 0);
	expect_gone(b, 1, 1);
}

static void a_number_may_lie_across_two_buffers(void **state)
{
	struct bench *b = balloon(state, 0);
	const struct fake_buf bufs[] = { { .gpa = RIG_DATA, .len = 2 },
					 { .gpa = RIG_DATA + 0x100, .len = 6 } };
	uint8_t bytes[8];

	mark_pool(b);
	le32_store(bytes, POOL_PFN + 5);
	le32_store(bytes + 4, POOL_PFN + 6);
	memcpy(rig_at(&b->rig, RIG_DATA), bytes, 2);
	memcpy(rig_at(&b->rig, RIG_DATA + 0x100), bytes + 2, 6);
	rig_offer(&b->rig, INFLATE, bufs, 2);
	rig_rounds(&b->rig);
	expect_gone(b, 5, 2);
}

static void a_long_list_takes_several_rounds(void **state)
{
	struct bench *b = balloon(state, 0);
	uint32_t pfns[300];
	unsigned rounds = 0;

	mark_pool(b);
	for (unsigned i = 0; i < ARRAY_LEN(pfns); i++)
		pfns[i] = (uint32_t)POOL_PFN + 100 + i;
	offer_pfns_at(b, INFLATE, RIG_DATA, pfns, ARRAY_LEN(pfns));
	for (; rig_used(&b->rig, INFLATE, NULL) < 0; rounds++) {
		assert_true(rounds < 100);
		assert_true(virtio_balloon_discarded(b->rig.f.dev) <= 256 * PAGE);
		ioloop_round(b->rig.f.loop, 0);
	}
	expect_gone(b, 100, 300);
}

static void deflated_pages_stay_and_come_back_by_a_touch(void **state)
{
	static const uint32_t pfns[] = { POOL_PFN, POOL_PFN + 1 };
	struct bench *b = balloon(state, 0);

	mark_pool(b);
	offer_pfns(b, INFLATE, pfns, 2);
	assert_false(is_resident(b, 0));
	offer_pfns(b, DEFLATE, pfns, 2);
	memset(rig_at(&b->rig, POOL), 0x5a, 2 * PAGE);
	offer_pfns(b, DEFLATE, pfns, 2);
	expect_gone(b, 0, 0);
}

static void a_reset_lets_go_of_a_list_that_is_under_way(void **state)
{
	static const uint32_t pfns[1024] = { POOL_PFN + 9 };
	static const uint32_t one[] = { POOL_PFN + 20 };
	struct bench *b = balloon(state, 0);

	offer_pfns_at(b, INFLATE, RIG_DATA, pfns, ARRAY_LEN(pfns));
	while (virtio_balloon_discarded(b->rig.f.dev) == 0)
		ioloop_round(b->rig.f.loop, 0);
	rig_reset(&b->rig);
	rig_drive(&b->rig, 0);
	mark_pool(b);
	offer_pfns(b, INFLATE, one, 1);
	expect_gone(b, 20, 1);
}

/* ---- reports ----------------------------------------------------------------------- */

static struct bench *reporting(void **state, uint64_t features)
{
	struct bench *b = *state;

	b->config.free_page_reporting = true;
	balloon(state, features | F_REPORTS);
	mark_pool(b);
	return b;
}

static void offer_report(struct bench *b, unsigned queue, const struct fake_buf *bufs,
			 unsigned count)
{
	uint32_t len;

	rig_offer(&b->rig, queue, bufs, count);
	rig_rounds(&b->rig);
	assert_true(rig_used(&b->rig, queue, &len) >= 0);
	assert_int_equal(len, 0);
}

static void reported_pages_leave_the_host(void **state)
{
	static const struct fake_buf bufs[] = { { POOL + 4 * PAGE, 2 * PAGE, true },
						{ POOL + 6 * PAGE, 10 * PAGE, true } };
	struct bench *b = reporting(state, 0);

	offer_report(b, REPORTS, bufs, 2);
	expect_gone(b, 4, 12);
}

static void reports_are_taken_where_linux_sends_them(void **state)
{
	static const struct fake_buf buf = { POOL, 5 * PAGE, true };
	struct bench *b = reporting(state, 0);

	offer_report(b, REPORTS_3, &buf, 1);
	expect_gone(b, 0, 5);
}

static void of_a_report_only_whole_pages_go(void **state)
{
	static const struct fake_buf buf = { POOL + PAGE - 1, 2 * PAGE, true };
	struct bench *b = reporting(state, 0);

	offer_report(b, REPORTS, &buf, 1);
	expect_gone(b, 1, 1);
}

static void what_a_report_lets_us_only_read_stays(void **state)
{
	static const struct fake_buf bufs[] = { { POOL, 2 * PAGE, false },
						{ POOL + 2 * PAGE, PAGE, true } };
	struct bench *b = reporting(state, 0);

	offer_report(b, REPORTS, bufs, 2);
	expect_gone(b, 2, 1);
}

static void pages_that_must_keep_their_poison_stay(void **state)
{
	static const struct fake_buf buf = { POOL, 5 * PAGE, true };
	struct bench *b = reporting(state, F_POISON);

	rig_set_config(&b->rig, 12, 4, 0xaaaaaaaa);
	assert_int_equal(rig_config(&b->rig, 12, 4), 0xaaaaaaaa);
	offer_report(b, REPORTS, &buf, 1);
	expect_gone(b, 0, 0);
}

static void pages_poisoned_with_zeros_go(void **state)
{
	static const struct fake_buf buf = { POOL, 5 * PAGE, true };
	struct bench *b = reporting(state, F_POISON);

	rig_set_config(&b->rig, 12, 4, 0);
	offer_report(b, REPORTS, &buf, 1);
	expect_gone(b, 0, 5);
}

static void poison_counts_only_if_it_was_negotiated(void **state)
{
	static const struct fake_buf buf = { POOL, 5 * PAGE, true };
	struct bench *b = reporting(state, 0);

	rig_set_config(&b->rig, 12, 4, 0xaaaaaaaa);
	offer_report(b, REPORTS, &buf, 1);
	expect_gone(b, 0, 5);
}

/* ---- statistics -------------------------------------------------------------------- */

/* The driver's buffer: free and total memory. */
static int offer_stats(struct bench *b, uint64_t free_bytes)
{
	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 20 };
	uint8_t *p = rig_at(&b->rig, RIG_DATA);

	le16_store(p, BALLOON_FREE);
	le64_store(p + 2, free_bytes);
	le16_store(p + 10, BALLOON_TOTAL);
	le64_store(p + 12, MIB(4));
	return rig_offer(&b->rig, STATS, &buf, 1);
}

/* Let the device's timer come: real time, hence a short one. */
static void pass_seconds(struct bench *b, unsigned s)
{
	const uint64_t end_ns = host_now_ns() + s * NS_PER_S + 50 * NS_PER_MS;

	while (host_now_ns() < end_ns)
		ioloop_round(b->rig.f.loop, 10);
}

static void statistics_are_heard_and_asked_for_again(void **state)
{
	struct bench *b = *state;
	int id;

	b->config.stats_period_s = 1;
	balloon(state, F_STATS);
	id = offer_stats(b, 1111);
	rig_rounds(&b->rig);
	assert_int_equal(b->stats_count, 1);
	assert_int_equal(b->stats.present, 1u << BALLOON_FREE | 1u << BALLOON_TOTAL);
	assert_int_equal(b->stats.value[BALLOON_FREE], 1111);
	assert_int_equal(b->stats.value[BALLOON_TOTAL], MIB(4));
	assert_int_equal(rig_used(&b->rig, STATS, NULL), -1); /* kept until the time comes */
	pass_seconds(b, 1);
	assert_int_equal(rig_used(&b->rig, STATS, NULL), id);
	offer_stats(b, 2222);
	rig_rounds(&b->rig);
	assert_int_equal(b->stats_count, 2);
	assert_int_equal(b->stats.value[BALLOON_FREE], 2222);
	pass_seconds(b, 1);
	assert_true(rig_used(&b->rig, STATS, NULL) >= 0);
}

static void without_a_period_nobody_asks(void **state)
{
	struct bench *b = balloon(state, F_STATS);

	offer_stats(b, 1);
	pass_seconds(b, 1);
	assert_int_equal(b->stats_count, 1);
	assert_int_equal(rig_used(&b->rig, STATS, NULL), -1);
}

static void after_a_reset_nobody_asks(void **state)
{
	struct bench *b = *state;
	uint64_t end_ns;

	b->config.stats_period_s = 1;
	balloon(state, F_STATS);
	offer_stats(b, 1);
	rig_rounds(&b->rig);
	rig_reset(&b->rig);
	rig_rounds(&b->rig);
	end_ns = host_now_ns() + NS_PER_S + 50 * NS_PER_MS;
	while (host_now_ns() < end_ns)
		assert_int_equal(ioloop_round(b->rig.f.loop, 10), 0);
}

static void of_several_buffers_only_the_newest_is_kept(void **state)
{
	struct bench *b = balloon(state, F_STATS);
	const int first = offer_stats(b, 1);

	offer_stats(b, 2);
	rig_rounds(&b->rig);
	assert_int_equal(b->stats_count, 2);
	assert_int_equal(rig_used(&b->rig, STATS, NULL), first);
	assert_int_equal(rig_used(&b->rig, STATS, NULL), -1);
}

static void an_endless_list_of_statistics_is_cut(void **state)
{
	struct bench *b = balloon(state, F_STATS);
	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 0x80000 };
	uint8_t *late = rig_at(&b->rig, RIG_DATA + 10 * 64);

	for (unsigned i = 0; i < 64; i++)
		le16_store(rig_at(&b->rig, RIG_DATA + 10 * i), 999);
	le16_store(late, BALLOON_FREE);
	rig_offer(&b->rig, STATS, &buf, 1);
	rig_rounds(&b->rig);
	assert_int_equal(b->stats_count, 1);
	assert_int_equal(b->stats.present, 0);
}

/* ---- registers --------------------------------------------------------------------- */

static void the_target_is_in_the_configuration(void **state)
{
	struct bench *b = balloon(state, 0);
	const unsigned before = rig_generation(&b->rig);

	virtio_balloon_set_target(b->rig.f.dev, MIB(1) + 4095);
	assert_int_equal(rig_config(&b->rig, 0, 4), 256);
	assert_int_not_equal(rig_generation(&b->rig), before);
	virtio_balloon_set_target(b->rig.f.dev, UINT64_MAX);
	assert_int_equal(rig_config(&b->rig, 0, 4), RIG_RAM_BYTES / PAGE);
}

static void the_drivers_count_is_what_it_wrote(void **state)
{
	struct bench *b = balloon(state, 0);

	rig_set_config(&b->rig, 4, 4, 100);
	assert_int_equal(virtio_balloon_actual(b->rig.f.dev), 100 * PAGE);
	rig_set_config(&b->rig, 4, 4, UINT32_MAX);
	assert_true(virtio_balloon_actual(b->rig.f.dev) == UINT64_C(0xffffffff000));
}

static void only_the_drivers_own_fields_are_writable(void **state)
{
	struct bench *b = balloon(state, 0);

	virtio_balloon_set_target(b->rig.f.dev, MIB(1));
	rig_set_config(&b->rig, 0, 4, 77);
	rig_set_config(&b->rig, 8, 4, 77);
	assert_int_equal(rig_config(&b->rig, 0, 4), 256);
	assert_int_equal(rig_config(&b->rig, 8, 4), 0);
	rig_set_config(&b->rig, 5, 1, 0x12);
	assert_int_equal(rig_config(&b->rig, 4, 4), 0x1200);
}

static void a_reset_forgets_the_drivers_count_and_keeps_the_target(void **state)
{
	struct bench *b = balloon(state, 0);

	virtio_balloon_set_target(b->rig.f.dev, MIB(1));
	rig_set_config(&b->rig, 4, 4, 100);
	rig_set_config(&b->rig, 12, 4, 1);
	rig_reset(&b->rig);
	assert_int_equal(virtio_balloon_actual(b->rig.f.dev), 0);
	assert_int_equal(rig_config(&b->rig, 12, 4), 0);
	assert_int_equal(rig_config(&b->rig, 0, 4), 256);
}

static void options_are_offered_as_configured(void **state)
{
	struct bench *b = *state;

	balloon(state, 0);
	assert_int_equal(features_offered(&b->rig.f) & 0xff, F_STATS);
	assert_int_equal(rig_queue_count(&b->rig), 3);
	rig_unplug(&b->rig);
	b->config.deflate_on_oom = true;
	b->config.free_page_reporting = true;
	balloon(state, 0);
	assert_int_equal(features_offered(&b->rig.f) & 0xff, F_STATS | F_OOM | F_POISON | F_REPORTS);
	assert_int_equal(rig_queue_count(&b->rig), 5);
}

#define BALLOON_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BALLOON_TEST(inflated_pages_leave_the_host),
		BALLOON_TEST(pages_of_a_memfd_leave_it),
		BALLOON_TEST(pages_may_come_downwards_or_in_any_order),
		BALLOON_TEST(what_is_no_ram_is_passed_over),
		BALLOON_TEST(a_page_given_twice_is_gone_once),
		BALLOON_TEST(bytes_behind_the_last_whole_number_do_not_count),
		BALLOON_TEST(a_number_may_lie_across_two_buffers),
		BALLOON_TEST(a_long_list_takes_several_rounds),
		BALLOON_TEST(deflated_pages_stay_and_come_back_by_a_touch),
		BALLOON_TEST(a_reset_lets_go_of_a_list_that_is_under_way),
		BALLOON_TEST(reported_pages_leave_the_host),
		BALLOON_TEST(reports_are_taken_where_linux_sends_them),
		BALLOON_TEST(of_a_report_only_whole_pages_go),
		BALLOON_TEST(what_a_report_lets_us_only_read_stays),
		BALLOON_TEST(pages_that_must_keep_their_poison_stay),
		BALLOON_TEST(pages_poisoned_with_zeros_go),
		BALLOON_TEST(poison_counts_only_if_it_was_negotiated),
		BALLOON_TEST(statistics_are_heard_and_asked_for_again),
		BALLOON_TEST(without_a_period_nobody_asks),
		BALLOON_TEST(after_a_reset_nobody_asks),
		BALLOON_TEST(of_several_buffers_only_the_newest_is_kept),
		BALLOON_TEST(an_endless_list_of_statistics_is_cut),
		BALLOON_TEST(the_target_is_in_the_configuration),
		BALLOON_TEST(the_drivers_count_is_what_it_wrote),
		BALLOON_TEST(only_the_drivers_own_fields_are_writable),
		BALLOON_TEST(a_reset_forgets_the_drivers_count_and_keeps_the_target),
		BALLOON_TEST(options_are_offered_as_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
