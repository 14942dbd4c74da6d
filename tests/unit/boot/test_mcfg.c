#include "boot/mcfg.h"

#include "unit/boot/acpi_fixture.h"

static void it_says_where_the_only_bus_is(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_int_equal(le32_load(a.mcfg + 4), HEADER_BYTES + 8 + 16); /* one allocation */
	assert_int_equal(a.mcfg[8], 1);
	assert_int_equal(le64_load(a.mcfg + 36), 0);
	assert_int_equal(le64_load(a.mcfg + 44), 0xc0000000);
	assert_int_equal(le16_load(a.mcfg + 52), 0);
	assert_int_equal(a.mcfg[54], 0);
	assert_int_equal(a.mcfg[55], 0);
	assert_int_equal(le32_load(a.mcfg + 56), 0);
	acpi_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_where_the_only_bus_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
