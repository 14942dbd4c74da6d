#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/net_filter.h"

static const uint8_t own[NET_MAC_BYTES] = { 2, 0, 0, 0, 0, 1 };

/* A filter of this test's. */
static struct net_filter *fresh(unsigned modes)
{
	static struct net_filter filter;

	net_filter_reset(&filter, own, modes);
	return &filter;
}

static bool accepts(const struct net_filter *f, uint8_t first, uint8_t last)
{
	const uint8_t head[NET_HEADER_BYTES] = { first, 0, 0, 0, 0, last };

	return net_filter_accepts(f, head, sizeof(head));
}

static bool add(struct net_filter_table *t, uint8_t first, uint8_t last)
{
	return net_filter_add(t, (const uint8_t[]){ first, 0, 0, 0, 0, last });
}

static void a_table_counts_only_when_it_is_shown(void **state)
{
	struct net_filter *f = fresh(0);
	struct net_filter_table *t = net_filter_begin(f);

	(void)state;
	assert_true(add(t, 2, 9));
	assert_false(accepts(f, 2, 9));
	net_filter_show(f);
	assert_true(accepts(f, 2, 9));
	t = net_filter_begin(f);
	assert_true(accepts(f, 2, 9));
	net_filter_show(f);
	assert_false(accepts(f, 2, 9));
}

static void a_full_table_says_so(void **state)
{
	struct net_filter *f = fresh(0);
	struct net_filter_table *t = net_filter_begin(f);

	(void)state;
	for (unsigned i = 0; i < NET_FILTER_MACS; i++)
		assert_true(add(t, 4, (uint8_t)i));
	assert_false(add(t, 4, 200));
	net_filter_overflow(t, NET_FILTER_ALLMULTI);
	net_filter_show(f);
	assert_true(accepts(f, 4, NET_FILTER_MACS - 1));
	assert_false(accepts(f, 4, 200));
	assert_true(accepts(f, 5, 200));
}

/* A frame too short for its tag has none. */
static void a_tag_is_looked_for_inside_the_frame_only(void **state)
{
	struct net_filter *f = fresh(NET_FILTER_VLANS_ONLY);
	uint8_t head[NET_FILTER_PEEK_BYTES] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	be16_store(head + 12, 0x8100);
	be16_store(head + 14, 77);
	assert_false(net_filter_accepts(f, head, sizeof(head)));
	assert_false(net_filter_accepts(f, head, 16));
	assert_true(net_filter_accepts(f, head, 15));
	net_filter_vlan(f, 77, true);
	assert_true(net_filter_accepts(f, head, sizeof(head)));
	be16_store(head + 12, 0x0800);
	net_filter_vlan(f, 77, false);
	assert_true(net_filter_accepts(f, head, sizeof(head)));
}

/* Writer and readers at the same time: what is always in the table is always let in. */
struct readers {
	struct net_filter *f;
	atomic_bool over;
	atomic_uint refused;
	_Atomic uint64_t looks;
};

static void *read_on(void *arg)
{
	struct readers *r = arg;

	while (!atomic_load(&r->over)) {
		if (!accepts(r->f, 2, 1) || accepts(r->f, 2, 200))
			atomic_fetch_add(&r->refused, 1);
		atomic_fetch_add(&r->looks, 1);
	}
	return NULL;
}

static void readers_never_wait_and_never_see_what_was_not_there(void **state)
{
	struct readers r = { .f = fresh(0) };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	for (unsigned i = 0; i < 20000 || atomic_load(&r.looks) < 1000; i++) {
		struct net_filter_table *t = net_filter_begin(r.f);

		for (unsigned k = 0; k < i % 30; k++)
			add(t, 2, (uint8_t)(i + k) % 100);
		net_filter_show(r.f);
		net_filter_mode(r.f, NET_FILTER_ALLMULTI, i & 1);
		net_filter_vlan(r.f, i % NET_FILTER_VLANS, i & 1);
	}
	atomic_store(&r.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(r.refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_counts_only_when_it_is_shown),
		cmocka_unit_test(a_full_table_says_so),
		cmocka_unit_test(a_tag_is_looked_for_inside_the_frame_only),
		cmocka_unit_test(readers_never_wait_and_never_see_what_was_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
