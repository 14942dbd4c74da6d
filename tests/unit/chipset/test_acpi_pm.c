#include "chipset/acpi_pm.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

#define STATUS	(PORT_PM_BASE + PM1_STATUS)
#define ENABLE	(PORT_PM_BASE + PM1_ENABLE)
#define CONTROL (PORT_PM_BASE + PM1_CONTROL)
#define TIMER	(PORT_PM_BASE + PM_TIMER)

#define TMR    0x0001
#define PWRBTN 0x0100
#define SCI_EN 0x0001
#define SLP_EN 0x2000
#define S5     (PM_S5_SLP_TYP << 10)

#define HALF_TICKS (UINT64_C(1) << 23)

static int setup(void **state)
{
	return fixture_make(state, &acpi_pm_type, NULL);
}

static uint64_t ns_of(uint64_t ticks)
{
	return ticks_to_ns(ticks, PM_TIMER_HZ);
}

/* ---- PM timer --------------------------------------------------------------------- */

static void the_timer_counts_3579545_a_second(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fake_in32(fb, TIMER), 0);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fake_in32(fb, TIMER), PM_TIMER_HZ);
}

static void the_timer_wraps_at_24_bits_with_upper_8_zero(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, ns_of(2 * HALF_TICKS - 1));
	assert_int_equal(fake_in32(fb, TIMER), 0x00ffffff);
	fake_board_advance(fb, ns_of(2 * HALF_TICKS + 5) - fb->now_ns);
	assert_int_equal(fake_in32(fb, TIMER), 5);
}

static void the_timer_is_read_only_and_readable_in_parts(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, ns_of(0x123456));
	fake_out32(fb, TIMER, 0);
	assert_int_equal(fake_in32(fb, TIMER), 0x123456);
	assert_int_equal(fake_in16(fb, TIMER + 1), 0x1234);
	assert_int_equal(fake_in8(fb, TIMER + 2), 0x12);
}

static void tmr_sts_is_set_whenever_bit_23_changes(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, ns_of(HALF_TICKS) - 1);
	assert_int_equal(fake_in16(fb, STATUS), 0);
	fake_board_advance(fb, 1);
	assert_int_equal(fake_in16(fb, STATUS), TMR);
	fake_out16(fb, STATUS, TMR);
	assert_int_equal(fake_in16(fb, STATUS), 0);
	fake_board_advance(fb, ns_of(2 * HALF_TICKS) - fb->now_ns);
	assert_int_equal(fake_in16(fb, STATUS), TMR);
}

static void the_host_timer_is_armed_only_while_tmr_en_waits(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	fake_out16(fb, ENABLE, TMR);
	assert_int_equal(fb->rearm_ns, ns_of(HALF_TICKS));
	fake_board_advance(fb, ns_of(HALF_TICKS));
	assert_int_equal(fb->irq_level[GSI_SCI], 1);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	fake_out16(fb, STATUS, TMR);
	assert_int_equal(fb->irq_level[GSI_SCI], 0);
	assert_int_equal(fb->rearm_ns, ns_of(2 * HALF_TICKS));
	fake_out16(fb, ENABLE, 0);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void reading_the_timer_touches_no_interrupt_line(void **state)
{
	struct fake_board *fb = board_of(state);

	for (unsigned i = 0; i < 1000; i++)
		fake_in32(fb, TIMER);
	assert_int_equal(fb->irq_calls[GSI_SCI], 0);
}

/* ---- PM1 registers ------------------------------------------------------------------ */

static void the_enable_register_keeps_the_event_bits(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out16(fb, ENABLE, 0xffff);
	assert_int_equal(fake_in16(fb, ENABLE), 0x0721);
	fake_out8(fb, ENABLE + 1, 0x00);
	assert_int_equal(fake_in16(fb, ENABLE), 0x0021);
	fake_out8(fb, ENABLE, 0x01);
	assert_int_equal(fake_in8(fb, ENABLE), 0x01);
	assert_int_equal(fake_in8(fb, ENABLE + 1), 0x00);
}

static void sci_en_is_always_set_and_slp_en_reads_0(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fake_in16(fb, CONTROL), SCI_EN);
	fake_out16(fb, CONTROL, SLP_EN | 0x1400); /* a sleep type that is not there */
	assert_int_equal(fake_in16(fb, CONTROL), 0x1400 | SCI_EN);
	fake_out16(fb, CONTROL, 0);
	assert_int_equal(fake_in16(fb, CONTROL), SCI_EN);
}

static void a_32_bit_read_spans_status_and_enable(void **state)
{
	struct fake_board *fb = board_of(state);

	acpi_pm_press_power_button(device_of(state));
	fake_out16(fb, ENABLE, TMR);
	assert_int_equal(fake_in32(fb, STATUS), PWRBTN | TMR << 16);
}

static void the_rest_of_the_block_reads_0_and_swallows_writes(void **state)
{
	struct fake_board *fb = board_of(state);

	for (uint16_t p = TIMER + 4; p < PORT_PM_BASE + PM_BLOCK_BYTES; p++) {
		fake_out8(fb, p, 0xff);
		assert_int_equal(fake_in8(fb, p), 0);
	}
	/* 6 and 7 lie between control and timer. */
	fake_out16(fb, CONTROL + 2, 0xffff);
	assert_int_equal(fake_in16(fb, CONTROL + 2), 0);
	assert_int_equal(fb->power_count, 0);
}

/* ---- power button ------------------------------------------------------------------- */

static void the_power_button_raises_the_sci_if_enabled(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out16(fb, ENABLE, PWRBTN);
	assert_true(acpi_pm_press_power_button(device_of(state)));
	assert_int_equal(fb->irq_level[GSI_SCI], 1);
	assert_int_equal(fake_in16(fb, STATUS), PWRBTN);
	fake_out16(fb, STATUS, PWRBTN);
	assert_int_equal(fb->irq_level[GSI_SCI], 0);
}

static void the_power_button_tells_that_nobody_listens(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_false(acpi_pm_press_power_button(device_of(state)));
	assert_int_equal(fb->irq_level[GSI_SCI], 0);
	/* The press is not lost: enabling it raises the SCI. */
	fake_out16(fb, ENABLE, PWRBTN);
	assert_int_equal(fb->irq_level[GSI_SCI], 1);
}

static void status_bits_clear_by_writing_one_and_only_those(void **state)
{
	struct fake_board *fb = board_of(state);

	acpi_pm_press_power_button(device_of(state));
	fake_board_advance(fb, ns_of(HALF_TICKS));
	fake_out16(fb, STATUS, 0);
	assert_int_equal(fake_in16(fb, STATUS), PWRBTN | TMR);
	fake_out8(fb, STATUS, 0xff);
	assert_int_equal(fake_in16(fb, STATUS), PWRBTN);
	fake_out8(fb, STATUS + 1, 0x01);
	assert_int_equal(fake_in16(fb, STATUS), 0);
}

/* ---- sleep ---------------------------------------------------------------------------- */

static void slp_en_with_the_type_of_s5_powers_off(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out16(fb, CONTROL, S5 | SCI_EN); /* ACPICA writes the type first */
	assert_int_equal(fb->power_count, 0);
	fake_out16(fb, CONTROL, S5 | SCI_EN | SLP_EN);
	assert_int_equal(fb->power_count, 1);
	assert_int_equal(fb->power_event, POWER_OFF);
	assert_string_equal(fb->power_source, "ACPI S5");
}

static void a_byte_write_of_slp_en_powers_off_too(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, CONTROL + 1, (S5 | SLP_EN) >> 8);
	assert_int_equal(fb->power_event, POWER_OFF);
}

static void other_sleep_types_are_ignored(void **state)
{
	struct fake_board *fb = board_of(state);

	for (unsigned type = 0; type < 8; type++)
		if (type != PM_S5_SLP_TYP)
			fake_out16(fb, CONTROL, (uint16_t)(type << 10 | SLP_EN));
	assert_int_equal(fb->power_count, 0);
}

static void reset_clears_the_registers_and_lowers_the_sci(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out16(fb, ENABLE, PWRBTN | TMR);
	acpi_pm_press_power_button(device_of(state));
	fake_board_advance(fb, ns_of(HALF_TICKS + 3));
	acpi_pm_type.reset(device_of(state));
	assert_int_equal(fb->irq_level[GSI_SCI], 0);
	assert_int_equal(fake_in32(fb, STATUS), 0);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_timer_counts_3579545_a_second),
		TEST(the_timer_wraps_at_24_bits_with_upper_8_zero),
		TEST(the_timer_is_read_only_and_readable_in_parts),
		TEST(tmr_sts_is_set_whenever_bit_23_changes),
		TEST(the_host_timer_is_armed_only_while_tmr_en_waits),
		TEST(reading_the_timer_touches_no_interrupt_line),
		TEST(the_enable_register_keeps_the_event_bits),
		TEST(sci_en_is_always_set_and_slp_en_reads_0),
		TEST(a_32_bit_read_spans_status_and_enable),
		TEST(the_rest_of_the_block_reads_0_and_swallows_writes),
		TEST(the_power_button_raises_the_sci_if_enabled),
		TEST(the_power_button_tells_that_nobody_listens),
		TEST(status_bits_clear_by_writing_one_and_only_those),
		TEST(slp_en_with_the_type_of_s5_powers_off),
		TEST(a_byte_write_of_slp_en_powers_off_too),
		TEST(other_sleep_types_are_ignored),
		TEST(reset_clears_the_registers_and_lowers_the_sci),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
