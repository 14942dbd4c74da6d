#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "virtio/net_features.h"

#define ALL_CAN \
	(NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN | NET_CAN_UFO | NET_CAN_USO)

static void features_and_offloads_say_the_same(void **state)
{
	(void)state;
	for (unsigned can = 0; can <= ALL_CAN; can++) {
		const struct net_limits limits = { .from_guest = can, .to_guest = can };
		uint64_t f;

		/* What a network may promise: the rest needs CSUM, and ECN a TSO. */
		if ((can && !(can & NET_CAN_CSUM)) ||
		    ((can & NET_CAN_ECN) && !(can & (NET_CAN_TSO4 | NET_CAN_TSO6))))
			continue;
		f = net_features_offered(&limits, 1, false);
		assert_true(net_features_agree(f));
		assert_int_equal(net_features_from_guest(f), can);
		assert_int_equal(net_features_to_guest(f), can);
	}
}

/* There is one word for both on this side. */
static void a_driver_that_takes_half_of_uso_has_none(void **state)
{
	(void)state;
	assert_int_equal(net_features_to_guest(NET_F_GUEST_CSUM | NET_F_GUEST_USO4), NET_CAN_CSUM);
	assert_int_equal(
		net_features_to_guest(NET_F_GUEST_CSUM | NET_F_GUEST_USO4 | NET_F_GUEST_USO6),
		NET_CAN_CSUM | NET_CAN_USO);
}

static void only_what_comes_to_the_guest_can_be_switched(void **state)
{
	(void)state;
	assert_int_equal(net_features_switchable(UINT64_MAX),
			 NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN |
				 NET_F_GUEST_UFO | NET_F_GUEST_USO4 | NET_F_GUEST_USO6);
	assert_int_equal(net_features_switchable(NET_F_CSUM | NET_F_GUEST_CSUM), NET_F_GUEST_CSUM);
}

/* 5.1.3.1 */
static void nothing_goes_through_a_control_queue_that_is_not_there(void **state)
{
	static const uint64_t through[] = { NET_F_CTRL_RX, NET_F_CTRL_VLAN, NET_F_GUEST_ANNOUNCE,
					    NET_F_MQ, NET_F_CTRL_MAC_ADDR };

	(void)state;
	for (unsigned i = 0; i < sizeof(through) / sizeof(through[0]); i++) {
		assert_false(net_features_agree(through[i]));
		assert_true(net_features_agree(through[i] | NET_F_CTRL_VQ));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_and_offloads_say_the_same),
		cmocka_unit_test(a_driver_that_takes_half_of_uso_has_none),
		cmocka_unit_test(only_what_comes_to_the_guest_can_be_switched),
		cmocka_unit_test(nothing_goes_through_a_control_queue_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
