#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/mac.h"

static void the_address_of_a_name_never_changes(void **state)
{
	uint8_t mac[NET_MAC_BYTES];
	char text[NET_MAC_TEXT_BYTES];

	(void)state;
	net_mac_from_name("guest", 0, mac);
	net_mac_format(mac, text);
	/* Guests keep it in their configuration: it must be the same for ever. */
	assert_string_equal(text, "5e:cc:57:77:27:fa");
	net_mac_from_name("", 7, mac);
	net_mac_format(mac, text);
	assert_string_equal(text, "a2:ac:0c:8e:06:c0");
}

static void addresses_of_names_are_unicast_local_and_different(void **state)
{
	static uint8_t macs[1000][NET_MAC_BYTES];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vm%u", i / 8);
		net_mac_from_name(name, i % 8, macs[i]);
		assert_int_equal(macs[i][0] & 3, 2);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(macs[i], macs[j], NET_MAC_BYTES);
	}
}

/* Names that differ in the end only, and indices, change every part of it. */
static void neighbours_have_nothing_in_common(void **state)
{
	unsigned same = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t a[NET_MAC_BYTES], b[NET_MAC_BYTES];

		net_mac_from_name("vm", i, a);
		net_mac_from_name("vm", i + 1, b);
		for (unsigned k = 0; k < NET_MAC_BYTES; k++)
			same += a[k] == b[k];
	}
	assert_in_range(same, 0, 20); /* by chance 5 and 4 for the first byte */
}

static void text_and_address_are_the_same(void **state)
{
	static const uint8_t want[] = { 0x52, 0x54, 0x00, 0xab, 0xcd, 0x09 };
	uint8_t mac[NET_MAC_BYTES];
	char text[NET_MAC_TEXT_BYTES];

	(void)state;
	assert_int_equal(net_mac_parse("52:54:00:ab:CD:09", mac), 0);
	assert_memory_equal(mac, want, sizeof(want));
	net_mac_format(mac, text);
	assert_string_equal(text, "52:54:00:ab:cd:09");
	assert_int_equal(net_mac_parse("52-54-00-AB-cd-09", mac), 0);
	assert_memory_equal(mac, want, sizeof(want));
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = { "",
					     "5",
					     "52",
					     "52:",
					     "52:54:00:12:34",
					     "52:54:00:12:34:",
					     "52:54:00:12:34:5",
					     "52:54:00:12:34:567",
					     "52:54:00:12:34:56:",
					     "52:54:00:12:34:5g",
					     "525400123456",
					     " 52:54:00:12:34:56",
					     "52:54:00:12:34:56 ",
					     "5:54:00:12:34:56",
					     "52.54.00.12.34.56" };
	uint8_t mac[NET_MAC_BYTES] = { 1, 2, 3, 4, 5, 6 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(net_mac_parse(texts[i], mac), -EINVAL);
	assert_int_equal(net_mac_parse("01:00:5e:00:00:01", mac), -EADDRNOTAVAIL);
	assert_int_equal(net_mac_parse("ff:ff:ff:ff:ff:ff", mac), -EADDRNOTAVAIL);
	assert_int_equal(net_mac_parse("00:00:00:00:00:00", mac), -EADDRNOTAVAIL);
	assert_memory_equal(mac, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_of_a_name_never_changes),
		cmocka_unit_test(addresses_of_names_are_unicast_local_and_different),
		cmocka_unit_test(neighbours_have_nothing_in_common),
		cmocka_unit_test(text_and_address_are_the_same),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
