/* Offsets are from ACPI 6.4 section 5.2.9. */
#include "unit/boot/acpi_fixture.h"

static void fadt_has_the_length_of_its_revision(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_int_equal(a.fadt[8], 6);
	assert_int_equal(a.fadt[131], 3); /* minor: ACPI 6.3 */
	assert_int_equal(le32_load(a.fadt + 4), 276);
	assert_int_equal(le32_load(a.fadt + 40), le64_load(a.fadt + 140)); /* DSDT */
	acpi_destroy(&a);
}

/* What ACPICA checks for: the old field, its length, and the GAS agree. */
static void assert_block(const uint8_t *fadt, unsigned old, unsigned len, unsigned gas,
			 uint32_t port, uint8_t bytes)
{
	assert_int_equal(le32_load(fadt + old), port);
	assert_int_equal(fadt[len], bytes);
	assert_int_equal(fadt[gas], 1); /* system I/O */
	assert_int_equal(fadt[gas + 1], 8 * bytes);
	assert_int_equal(fadt[gas + 2], 0);
	assert_int_equal(le64_load(fadt + gas + 4), port);
}

static void pm_registers_are_where_the_device_is(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_block(a.fadt, 56, 88, 148, PORT_PM_BASE + PM1_STATUS, 4);
	assert_block(a.fadt, 64, 89, 172, PORT_PM_BASE + PM1_CONTROL, 2);
	assert_block(a.fadt, 76, 91, 208, PORT_PM_BASE + PM_TIMER, 4);
	assert_int_equal(a.fadt[148 + 3], 2); /* events and control by word */
	assert_int_equal(a.fadt[172 + 3], 2);
	assert_int_equal(a.fadt[208 + 3], 3); /* timer by double word */
	assert_int_equal(le16_load(a.fadt + 46), GSI_SCI);
	acpi_destroy(&a);
}

static void blocks_that_do_not_exist_are_null(void **state)
{
	static const unsigned old[] = { 60, 68, 72, 80, 84 }; /* PM1b, PM2, GPE0, GPE1 */
	static const unsigned lens[] = { 90, 92, 93 };
	static const unsigned gases[] = { 160, 184, 196, 220, 232, 244, 256 };
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	for (unsigned i = 0; i < ARRAY_LEN(old); i++)
		assert_int_equal(le32_load(a.fadt + old[i]), 0);
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++)
		assert_int_equal(a.fadt[lens[i]], 0);
	for (unsigned i = 0; i < ARRAY_LEN(gases); i++)
		for (unsigned b = 0; b < 12; b++)
			assert_int_equal(a.fadt[gases[i] + b], 0);
	acpi_destroy(&a);
}

static void acpi_mode_needs_no_command(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_int_equal(le32_load(a.fadt + 48), 0); /* SMI_CMD */
	assert_int_equal(a.fadt[52], 0);	     /* ACPI_ENABLE */
	assert_int_equal(a.fadt[53], 0);	     /* ACPI_DISABLE */
	acpi_destroy(&a);
}

static void reset_register_pulses_0xcf9(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_memory_equal(a.fadt + 116, "\x01\x08\x00\x01\xf9\x0c\0\0\0\0\0\0", 12);
	assert_int_equal(a.fadt[128] & 0x06, 0x06); /* hard reset, now */
	assert_true(le32_load(a.fadt + 112) & 1u << 10);
	acpi_destroy(&a);
}

static void fadt_flags_describe_this_pc(void **state)
{
	struct acpi a;
	uint32_t flags;

	(void)state;
	acpi_init(&a, &desc_one);
	flags = le32_load(a.fadt + 112);
	assert_true(flags & 1u << 0);		    /* WBINVD */
	assert_true(flags & 1u << 2);		    /* C1 */
	assert_false(flags & 1u << 4);		    /* there is a fixed power button */
	assert_true(flags & 1u << 5);		    /* there is no fixed sleep button */
	assert_true(flags & 1u << 6);		    /* no RTC wake */
	assert_false(flags & 1u << 7);		    /* nor from S4 */
	assert_false(flags & 1u << 8);		    /* 24-bit timer */
	assert_false(flags & 1u << 20);		    /* not hardware-reduced */
	assert_true(le16_load(a.fadt + 96) > 100);  /* no C2 */
	assert_true(le16_load(a.fadt + 98) > 1000); /* no C3 */
	assert_int_equal(a.fadt[108], 0x32);
	assert_int_equal(le16_load(a.fadt + 109), 0x0007); /* legacy, 8042, no VGA; MSI */
	acpi_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fadt_has_the_length_of_its_revision),
		cmocka_unit_test(pm_registers_are_where_the_device_is),
		cmocka_unit_test(blocks_that_do_not_exist_are_null),
		cmocka_unit_test(acpi_mode_needs_no_command),
		cmocka_unit_test(reset_register_pulses_0xcf9),
		cmocka_unit_test(fadt_flags_describe_this_pc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
