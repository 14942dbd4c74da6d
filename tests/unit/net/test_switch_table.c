/* Where frames go. */
#include "net_fixture.h"

#include "net/switch_table.h"

#define ALL    UINT64_C(0xf) /* ports 0..3 */
#define BIT(n) (UINT64_C(1) << (n))

static uint64_t route(struct switch_table *t, unsigned to, unsigned source, unsigned from,
		      uint64_t now_ns)
{
	uint8_t frame[NET_HEADER_BYTES];

	fill_frame(frame, sizeof(frame), to, source, 0);
	return switch_route(t, frame, from, ALL, now_ns);
}

static void unknown_and_group_addresses_go_everywhere_else(void **state)
{
	static struct switch_table t;

	(void)state;
	assert_int_equal(route(&t, 9, 1, 1, 1), ALL & ~BIT(1));
	assert_int_equal(route(&t, 0xff, 1, 1, 1), ALL & ~BIT(1));
}

static void a_sender_is_found_where_it_was_seen_last(void **state)
{
	static struct switch_table t;

	(void)state;
	route(&t, 0xff, 5, 2, 1);
	assert_int_equal(route(&t, 5, 6, 1, 1), BIT(2));
	route(&t, 0xff, 5, 3, 2); /* it moved */
	assert_int_equal(route(&t, 5, 6, 1, 2), BIT(3));
	assert_int_equal(route(&t, 5, 7, 3, 2), 0); /* never back */
}

static void who_is_silent_or_gone_is_forgotten(void **state)
{
	static struct switch_table t;

	(void)state;
	route(&t, 0xff, 5, 2, 1);
	assert_int_equal(route(&t, 5, 6, 1, SWITCH_MEMORY_NS), BIT(2));
	assert_int_equal(route(&t, 5, 6, 1, SWITCH_MEMORY_NS + 1), ALL & ~BIT(1));
	route(&t, 0xff, 5, 2, 2 * SWITCH_MEMORY_NS);
	switch_forget(&t, 2);
	assert_int_equal(route(&t, 5, 6, 1, 2 * SWITCH_MEMORY_NS), ALL & ~BIT(1));
}

static void a_group_address_is_nobodys(void **state)
{
	static struct switch_table t;
	uint8_t frame[NET_HEADER_BYTES];

	(void)state;
	fill_frame(frame, sizeof(frame), 0xff, 1, 0);
	frame[6] |= 1;
	switch_route(&t, frame, 1, ALL, 1);
	memcpy(frame, frame + 6, 6);
	assert_int_equal(switch_route(&t, frame, 2, ALL, 1), ALL & ~BIT(2));
}

static void a_guest_that_makes_up_addresses_does_not_displace_others(void **state)
{
	static struct switch_table t;
	uint8_t frame[NET_HEADER_BYTES];
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		route(&t, 0xff, i, 2, 1);
	for (uint32_t i = 0; i < 100000; i++) {
		fill_frame(frame, sizeof(frame), 0xff, 0, 0);
		memcpy(frame + 8, &i, 4);
		switch_route(&t, frame, 3, ALL, 2 + i);
	}
	for (unsigned i = 0; i < 60; i++)
		found += route(&t, i, 200, 1, 200000) == BIT(2);
	assert_int_equal(found, 60);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_and_group_addresses_go_everywhere_else),
		cmocka_unit_test(a_sender_is_found_where_it_was_seen_last),
		cmocka_unit_test(who_is_silent_or_gone_is_forgotten),
		cmocka_unit_test(a_group_address_is_nobodys),
		cmocka_unit_test(a_guest_that_makes_up_addresses_does_not_displace_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
