/* Where guests are: whoever spoke last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nat/nat.h"
#include "nat/neighbour.h"

static const uint8_t one[NET_MAC_BYTES] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t two[NET_MAC_BYTES] = { 0x52, 0x54, 0, 0, 0, 2 };
static const uint8_t group[NET_MAC_BYTES] = { 0x53, 0x54, 0, 0, 0, 3 };
static const uint8_t zeros[NET_MAC_BYTES];

static void the_last_one_that_spoke_is_there(void **state)
{
	struct neighbours t = { 0 };

	(void)state;
	neighbour_hear(&t, NAT_NETWORK | 20, one, 5);
	neighbour_hear(&t, NAT_NETWORK | 21, two, 5);
	assert_memory_equal(neighbour_mac(&t, NAT_NETWORK | 20), one, NET_MAC_BYTES);
	assert_memory_equal(neighbour_mac(&t, NAT_NETWORK | 21), two, NET_MAC_BYTES);
	assert_memory_equal(neighbour_mac(&t, NAT_NETWORK | 22), zeros, NET_MAC_BYTES);
	neighbour_hear(&t, NAT_NETWORK | 20, two, 6);
	assert_memory_equal(neighbour_mac(&t, NAT_NETWORK | 20), two, NET_MAC_BYTES);
	neighbour_hear(&t, NAT_NETWORK | 20, group, 7); /* nobody's address */
	assert_memory_equal(neighbour_mac(&t, NAT_NETWORK | 20), two, NET_MAC_BYTES);
}

static void who_uses_an_address_is_known_for_a_while(void **state)
{
	struct neighbours t = { 0 };

	(void)state;
	assert_false(neighbour_is_other(&t, 20, one, NS_PER_S));
	neighbour_hear(&t, 20, one, NS_PER_S);
	assert_false(neighbour_is_other(&t, 20, one, NS_PER_S));
	assert_true(neighbour_is_other(&t, 20, two, NS_PER_S));
	assert_true(neighbour_is_other(&t, 20, two, NEIGHBOUR_MEMORY_NS));
	assert_false(neighbour_is_other(&t, 20, two, NS_PER_S + NEIGHBOUR_MEMORY_NS));
}

static void who_left_is_not_there_but_still_reached(void **state)
{
	struct neighbours t = { 0 };

	(void)state;
	neighbour_hear(&t, 20, one, NS_PER_S);
	neighbour_leave(&t, 20, two); /* not its */
	assert_true(neighbour_is_other(&t, 20, two, NS_PER_S));
	neighbour_leave(&t, 20, one);
	assert_false(neighbour_is_other(&t, 20, two, NS_PER_S));
	assert_memory_equal(neighbour_mac(&t, 20), one, NET_MAC_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_that_spoke_is_there),
		cmocka_unit_test(who_uses_an_address_is_known_for_a_while),
		cmocka_unit_test(who_left_is_not_there_but_still_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
