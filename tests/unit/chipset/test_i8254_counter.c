#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/types.h"
#include "chipset/i8254_counter.h"

/* Control words: both bytes, or one; binary. */
#define BOTH(mode) (uint8_t)(0x30 | (mode) << 1)
#define LSB(mode)  (uint8_t)(0x10 | (mode) << 1)
#define MSB(mode)  (uint8_t)(0x20 | (mode) << 1)
#define BCD	   1u

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40

/* Program at tick 0, so that the count is loaded at tick 1. */
static struct i8254_counter programmed(uint8_t control, uint16_t count, bool gate)
{
	struct i8254_counter c;

	counter_init(&c, gate);
	counter_control(&c, control, 0);
	if ((control & 0x30) != 0x20)
		counter_write(&c, (uint8_t)count, 0);
	if ((control & 0x30) != 0x10)
		counter_write(&c, (uint8_t)(count >> 8), 0);
	return c;
}

/* The live count, read as the programmed access wants it, at one tick. */
static unsigned count_of(struct i8254_counter *c, uint64_t tick)
{
	const unsigned first = counter_read(c, tick);

	switch (c->control & 0x30) {
	case 0x10:
		return first;
	case 0x20:
		return first << 8;
	default:
		return first | (unsigned)counter_read(c, tick) << 8;
	}
}

static uint8_t status_of(struct i8254_counter *c, uint64_t tick)
{
	counter_latch_status(c, tick);
	return counter_read(c, tick);
}

/* OUT at ticks from, from+1, ... must look like wave: '1' high, '0' low. */
static void assert_wave(struct i8254_counter *c, uint64_t from, const char *wave)
{
	for (unsigned i = 0; wave[i]; i++)
		if (counter_out(c, from + i) != (wave[i] == '1'))
			fail_msg("OUT at tick %u is not %c", (unsigned)from + i, wave[i]);
}

static void assert_counts(struct i8254_counter *c, uint64_t from, const unsigned *counts,
			  unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (count_of(c, from + i) != counts[i])
			fail_msg("count at tick %u is not %u", (unsigned)from + i, counts[i]);
}

#define ASSERT_COUNTS(c, from, ...)                               \
	assert_counts(c, from, (const unsigned[]){ __VA_ARGS__ }, \
		      ARRAY_LEN(((const unsigned[]){ __VA_ARGS__ })))

/* ---- mode 0: interrupt on terminal count (data sheet figure 15) -------------- */

static void mode0_rises_n_plus_1_clocks_after_the_count_was_written(void **state)
{
	struct i8254_counter c = programmed(LSB(0), 4, true);

	(void)state;
	ASSERT_COUNTS(&c, 1, 4, 3, 2, 1, 0);
	c = programmed(LSB(0), 4, true);
	assert_wave(&c, 0, "0000011111");
}

static void mode0_counts_on_through_ffff_after_its_end(void **state)
{
	struct i8254_counter c = programmed(BOTH(0), 2, true);

	(void)state;
	ASSERT_COUNTS(&c, 1, 2, 1, 0, 0xffff, 0xfffe);
}

static void mode0_stands_still_while_the_gate_is_low(void **state)
{
	struct i8254_counter c = programmed(LSB(0), 4, true);

	(void)state;
	assert_int_equal(count_of(&c, 2), 3);
	counter_set_gate(&c, false, 2);
	assert_int_equal(count_of(&c, 100), 3);
	assert_int_equal(counter_next_rise(&c, 100), TICK_NEVER);
	counter_set_gate(&c, true, 100);
	assert_int_equal(count_of(&c, 101), 2);
	assert_wave(&c, 101, "0011");
}

static void mode0_loads_with_the_gate_low_and_needs_no_extra_clock_later(void **state)
{
	struct i8254_counter c = programmed(LSB(0), 3, false);

	(void)state;
	assert_int_equal(count_of(&c, 5), 3);
	counter_set_gate(&c, true, 5);
	assert_wave(&c, 5, "00011");
}

static void mode0_stops_and_goes_low_at_the_first_of_two_bytes(void **state)
{
	struct i8254_counter c = programmed(BOTH(0), 3, true);

	(void)state;
	assert_true(counter_out(&c, 10));
	counter_write(&c, 5, 10);
	assert_false(counter_out(&c, 10));
	assert_int_equal(counter_next_rise(&c, 10), TICK_NEVER);
	counter_write(&c, 0, 20);
	assert_int_equal(counter_next_rise(&c, 20), 26);
	assert_wave(&c, 25, "011");
}

static void mode0_starts_again_with_each_new_count(void **state)
{
	struct i8254_counter c = programmed(LSB(0), 9, true);

	(void)state;
	counter_write(&c, 2, 5);
	assert_wave(&c, 5, "00011");
}

/* ---- mode 1: one-shot (figure 16) --------------------------------------------- */

static void mode1_waits_for_the_gate_and_stays_low_for_n_clocks(void **state)
{
	struct i8254_counter c = programmed(LSB(1), 3, false);

	(void)state;
	assert_wave(&c, 0, "11111");
	counter_set_gate(&c, true, 5);
	assert_wave(&c, 5, "100011111");
}

static void mode1_is_retriggered_by_another_rising_gate(void **state)
{
	struct i8254_counter c = programmed(LSB(1), 3, false);

	(void)state;
	counter_set_gate(&c, true, 5);
	counter_set_gate(&c, false, 6);
	counter_set_gate(&c, true, 7);
	assert_wave(&c, 7, "000011");
}

static void mode1_takes_a_new_count_only_at_the_next_trigger(void **state)
{
	struct i8254_counter c = programmed(LSB(1), 3, false);

	(void)state;
	counter_set_gate(&c, true, 5);
	counter_write(&c, 5, 6);
	assert_int_equal(status_of(&c, 7) & STATUS_NULL, STATUS_NULL);
	assert_wave(&c, 7, "0011");
	counter_set_gate(&c, false, 20);
	counter_set_gate(&c, true, 21);
	assert_wave(&c, 22, "000001");
	assert_int_equal(status_of(&c, 27) & STATUS_NULL, 0);
}

/* ---- mode 2: rate generator (figure 17) --------------------------------------- */

static void mode2_is_low_for_one_clock_at_the_count_of_1(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 3, true);

	(void)state;
	assert_wave(&c, 0, "11101101101");
	c = programmed(LSB(2), 3, true);
	ASSERT_COUNTS(&c, 1, 3, 2, 1, 3, 2, 1, 3);
}

static void mode2_takes_a_new_count_at_the_end_of_the_period(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 4, true);

	(void)state;
	counter_write(&c, 5, 2);
	assert_int_equal(status_of(&c, 4) & STATUS_NULL, STATUS_NULL);
	ASSERT_COUNTS(&c, 4, 1, 5, 4, 3, 2, 1, 5);
}

static void mode2_goes_high_with_the_gate_low_and_reloads_with_its_rise(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 3, true);

	(void)state;
	assert_false(counter_out(&c, 3));
	counter_set_gate(&c, false, 3);
	assert_wave(&c, 3, "111111");
	assert_int_equal(count_of(&c, 9), 1);
	counter_set_gate(&c, true, 10);
	assert_wave(&c, 10, "1110110");
}

static void mode2_loads_a_count_written_under_a_low_gate_at_the_trigger(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 3, true);

	(void)state;
	counter_set_gate(&c, false, 5);
	counter_write(&c, 7, 6);
	assert_int_equal(status_of(&c, 50) & STATUS_NULL, STATUS_NULL);
	counter_set_gate(&c, true, 60);
	ASSERT_COUNTS(&c, 61, 7, 6, 5);
}

static void mode2_with_a_new_count_forgets_the_boundary_when_the_gate_falls(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 3, true);

	(void)state;
	counter_write(&c, 7, 2);
	counter_set_gate(&c, false, 2);
	assert_int_equal(status_of(&c, 50) & STATUS_NULL, STATUS_NULL);
	assert_int_equal(count_of(&c, 50), 2);
}

/* ---- mode 3: square wave (figure 18) ------------------------------------------- */

static void mode3_with_an_even_count_is_high_and_low_for_a_half_each(void **state)
{
	struct i8254_counter c = programmed(LSB(3), 4, true);

	(void)state;
	assert_wave(&c, 1, "110011001100");
	c = programmed(LSB(3), 4, true);
	ASSERT_COUNTS(&c, 1, 4, 2, 4, 2, 4, 2);
}

static void mode3_with_an_odd_count_is_high_for_one_clock_more(void **state)
{
	struct i8254_counter c = programmed(LSB(3), 5, true);

	(void)state;
	assert_wave(&c, 1, "111001110011100");
	c = programmed(LSB(3), 5, true);
	ASSERT_COUNTS(&c, 1, 4, 2, 0, 4, 2, 4, 2, 0, 4, 2);
}

static void mode3_takes_a_new_count_at_the_end_of_the_half_period(void **state)
{
	struct i8254_counter c = programmed(LSB(3), 8, true);

	(void)state;
	/* High 1..4; the new count takes over at 5, in its low half. */
	counter_write(&c, 4, 2);
	assert_wave(&c, 1, "11110011001100");
	/* And in the low half: high again with the new count. */
	c = programmed(LSB(3), 8, true);
	counter_write(&c, 4, 6);
	assert_wave(&c, 6, "000110011");
}

static void mode3_knows_its_next_rise_across_a_new_count(void **state)
{
	struct i8254_counter c = programmed(LSB(3), 8, true);

	(void)state;
	counter_write(&c, 4, 2);
	assert_int_equal(counter_next_rise(&c, 2), 7);
	c = programmed(LSB(3), 8, true);
	counter_write(&c, 4, 6);
	assert_int_equal(counter_next_rise(&c, 6), 9);
	assert_int_equal(counter_next_rise(&c, 9), 13);
}

/* ---- modes 4 and 5: strobes (figures 19 and 20) --------------------------------- */

static void mode4_strobes_once_n_plus_1_clocks_after_the_write(void **state)
{
	struct i8254_counter c = programmed(LSB(4), 3, true);

	(void)state;
	assert_wave(&c, 0, "1111011111");
	assert_true(counter_out(&c, 4 + 0x10000));
	assert_int_equal(counter_next_rise(&c, 5 + 0x10000), TICK_NEVER);
}

static void mode4_counts_anew_from_a_count_written_on_the_way(void **state)
{
	struct i8254_counter c = programmed(LSB(4), 9, true);

	(void)state;
	counter_write(&c, 2, 5);
	assert_wave(&c, 5, "11101111");
}

static void mode4_rise_at_the_end_of_a_strobe_is_seen_through_a_new_count(void **state)
{
	struct i8254_counter c = programmed(LSB(4), 3, true);

	(void)state;
	assert_false(counter_out(&c, 4));
	counter_write(&c, 9, 4);
	assert_int_equal(counter_next_rise(&c, 4), 5);
}

static void mode5_strobes_n_plus_1_clocks_after_the_trigger(void **state)
{
	struct i8254_counter c = programmed(LSB(5), 3, false);

	(void)state;
	assert_wave(&c, 0, "11111");
	counter_set_gate(&c, true, 5);
	assert_wave(&c, 5, "111101111");
	counter_set_gate(&c, false, 20);
	counter_set_gate(&c, true, 30);
	assert_wave(&c, 30, "111101111");
}

static void modes_1_and_5_never_rise_without_a_trigger(void **state)
{
	struct i8254_counter c = programmed(LSB(1), 3, true);

	(void)state;
	assert_int_equal(counter_next_rise(&c, 0), TICK_NEVER);
	c = programmed(LSB(5), 3, true);
	assert_int_equal(counter_next_rise(&c, 0), TICK_NEVER);
}

/* ---- next_rise agrees with OUT, tick by tick ---------------------------------- */

static void the_next_rise_is_where_out_goes_up(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode <= 5; mode++) {
		for (uint16_t count = 2; count < 12; count++) {
			struct i8254_counter c = programmed(LSB(mode), count, false);
			uint64_t rise;

			counter_set_gate(&c, true, 3);
			rise = counter_next_rise(&c, 3);
			for (uint64_t t = 4; t < 60; t++) {
				const bool goes_up = !counter_out(&c, t - 1) && counter_out(&c, t);

				if (goes_up != (t == rise))
					fail_msg("mode %u count %u: rise at %u", mode, count,
						 (unsigned)t);
				if (goes_up)
					rise = counter_next_rise(&c, t);
			}
		}
	}
}

static void an_illegal_count_of_1_never_interrupts(void **state)
{
	struct i8254_counter c = programmed(LSB(2), 1, true);

	(void)state;
	assert_int_equal(counter_next_rise(&c, 10), TICK_NEVER);
	c = programmed(LSB(3), 1, true);
	assert_int_equal(counter_next_rise(&c, 10), TICK_NEVER);
}

/* ---- counts, bytes, latches ------------------------------------------------------ */

static void a_count_of_0_is_the_highest_one(void **state)
{
	struct i8254_counter c = programmed(BOTH(0), 0, true);

	(void)state;
	assert_int_equal(counter_next_rise(&c, 0), 65537);
	ASSERT_COUNTS(&c, 1, 0, 0xffff);
	c = programmed(BOTH(0) | BCD, 0, true);
	assert_int_equal(counter_next_rise(&c, 0), 10001);
	ASSERT_COUNTS(&c, 1, 0, 0x9999);
}

static void bcd_counts_in_decades(void **state)
{
	struct i8254_counter c = programmed(BOTH(2) | BCD, 0x1001, true);

	(void)state;
	assert_int_equal(counter_next_rise(&c, 1), 1002);
	ASSERT_COUNTS(&c, 1, 0x1001, 0x1000, 0x0999, 0x0998);
}

static void nonsense_bcd_is_counted_without_harm(void **state)
{
	struct i8254_counter c = programmed(BOTH(3) | BCD, 0xffff, true);

	(void)state;
	for (uint64_t t = 0; t < 40000; t += 7)
		for (uint16_t digits = (uint16_t)count_of(&c, t); digits; digits >>= 4)
			assert_in_range(digits & 15, 0, 9);
}

static void msb_only_access_means_a_low_byte_of_0(void **state)
{
	struct i8254_counter c = programmed(MSB(0), 0x0200, true);

	(void)state;
	assert_int_equal(counter_next_rise(&c, 0), 1 + 0x200);
	assert_int_equal(counter_read(&c, 1), 0x02);
	assert_int_equal(counter_read(&c, 2), 0x01);
}

static void live_reads_take_each_byte_at_its_own_time(void **state)
{
	struct i8254_counter c = programmed(BOTH(2), 0x1000, true);

	(void)state;
	assert_int_equal(counter_read(&c, 1), 0x00);
	assert_int_equal(counter_read(&c, 2), 0x0f);
	assert_int_equal(counter_read(&c, 3), 0xfe);
}

static void a_latched_count_holds_until_both_bytes_are_read(void **state)
{
	struct i8254_counter c = programmed(BOTH(2), 0x1201, true);

	(void)state;
	counter_latch_count(&c, 1);
	counter_latch_count(&c, 9); /* ignored: not read yet */
	assert_int_equal(counter_read(&c, 10), 0x01);
	assert_int_equal(counter_read(&c, 11), 0x12); /* live: 0x11 */
	assert_int_equal(count_of(&c, 12), 0x1201 - 11);
}

static void a_control_word_drops_latches_and_half_written_counts(void **state)
{
	struct i8254_counter c = programmed(BOTH(2), 0x1234, true);

	(void)state;
	counter_latch_count(&c, 1);
	counter_latch_status(&c, 1);
	counter_write(&c, 0xaa, 2);
	counter_control(&c, BOTH(0), 3);
	counter_write(&c, 0x10, 3);
	counter_write(&c, 0x00, 3);
	assert_int_equal(count_of(&c, 4), 0x10);
}

static void status_shows_out_null_count_and_the_control_word(void **state)
{
	struct i8254_counter c;

	(void)state;
	counter_init(&c, true);
	counter_control(&c, BOTH(7) | BCD, 0); /* mode 3, with its don't-care bit */
	assert_int_equal(status_of(&c, 0), STATUS_OUT | STATUS_NULL | BOTH(7) | BCD);
	counter_write(&c, 2, 0);
	counter_write(&c, 0, 0);
	assert_int_equal(status_of(&c, 0), STATUS_OUT | STATUS_NULL | BOTH(7) | BCD);
	assert_int_equal(status_of(&c, 1), STATUS_OUT | BOTH(7) | BCD);
	assert_int_equal(status_of(&c, 2), BOTH(7) | BCD);
}

static void latched_status_is_read_before_a_latched_count(void **state)
{
	struct i8254_counter c = programmed(BOTH(2), 0x1234, true);

	(void)state;
	counter_latch_count(&c, 1);
	counter_latch_status(&c, 1);
	assert_int_equal(counter_read(&c, 5), STATUS_OUT | BOTH(2));
	assert_int_equal(counter_read(&c, 6), 0x34);
	assert_int_equal(counter_read(&c, 7), 0x12);
}

/* ---- hostile ---------------------------------------------------------------------- */

static void no_order_of_calls_does_harm(void **state)
{
	struct i8254_counter c;
	uint64_t tick = 0;

	(void)state;
	srandom(1);
	counter_init(&c, false);
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned r = (unsigned)random();
		const uint8_t byte = (uint8_t)(r >> 8 & (r & 1 ? 0x03 : 0xff));
		uint64_t rise;

		tick += r >> 16 & (r & 2 ? 3 : 0x3ff);
		switch (r >> 2 & 7) {
		case 0:
			counter_control(&c, byte | 0x10, tick);
			break;
		case 1:
		case 2:
			counter_write(&c, byte, tick);
			break;
		case 3:
			counter_set_gate(&c, byte & 1, tick);
			break;
		case 4:
			counter_latch_status(&c, tick);
			break;
		case 5:
			counter_latch_count(&c, tick);
			break;
		default:
			counter_read(&c, tick);
			break;
		}
		rise = counter_next_rise(&c, tick);
		assert_true(rise > tick);
		if (rise != TICK_NEVER && rise - tick < 1000) {
			struct i8254_counter ahead = c;

			assert_false(counter_out(&ahead, rise - 1));
			assert_true(counter_out(&ahead, rise));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode0_rises_n_plus_1_clocks_after_the_count_was_written),
		cmocka_unit_test(mode0_counts_on_through_ffff_after_its_end),
		cmocka_unit_test(mode0_stands_still_while_the_gate_is_low),
		cmocka_unit_test(mode0_loads_with_the_gate_low_and_needs_no_extra_clock_later),
		cmocka_unit_test(mode0_stops_and_goes_low_at_the_first_of_two_bytes),
		cmocka_unit_test(mode0_starts_again_with_each_new_count),
		cmocka_unit_test(mode1_waits_for_the_gate_and_stays_low_for_n_clocks),
		cmocka_unit_test(mode1_is_retriggered_by_another_rising_gate),
		cmocka_unit_test(mode1_takes_a_new_count_only_at_the_next_trigger),
		cmocka_unit_test(mode2_is_low_for_one_clock_at_the_count_of_1),
		cmocka_unit_test(mode2_takes_a_new_count_at_the_end_of_the_period),
		cmocka_unit_test(mode2_goes_high_with_the_gate_low_and_reloads_with_its_rise),
		cmocka_unit_test(mode2_loads_a_count_written_under_a_low_gate_at_the_trigger),
		cmocka_unit_test(mode2_with_a_new_count_forgets_the_boundary_when_the_gate_falls),
		cmocka_unit_test(mode3_with_an_even_count_is_high_and_low_for_a_half_each),
		cmocka_unit_test(mode3_with_an_odd_count_is_high_for_one_clock_more),
		cmocka_unit_test(mode3_takes_a_new_count_at_the_end_of_the_half_period),
		cmocka_unit_test(mode3_knows_its_next_rise_across_a_new_count),
		cmocka_unit_test(mode4_strobes_once_n_plus_1_clocks_after_the_write),
		cmocka_unit_test(mode4_counts_anew_from_a_count_written_on_the_way),
		cmocka_unit_test(mode4_rise_at_the_end_of_a_strobe_is_seen_through_a_new_count),
		cmocka_unit_test(mode5_strobes_n_plus_1_clocks_after_the_trigger),
		cmocka_unit_test(modes_1_and_5_never_rise_without_a_trigger),
		cmocka_unit_test(the_next_rise_is_where_out_goes_up),
		cmocka_unit_test(an_illegal_count_of_1_never_interrupts),
		cmocka_unit_test(a_count_of_0_is_the_highest_one),
		cmocka_unit_test(bcd_counts_in_decades),
		cmocka_unit_test(nonsense_bcd_is_counted_without_harm),
		cmocka_unit_test(msb_only_access_means_a_low_byte_of_0),
		cmocka_unit_test(live_reads_take_each_byte_at_its_own_time),
		cmocka_unit_test(a_latched_count_holds_until_both_bytes_are_read),
		cmocka_unit_test(a_control_word_drops_latches_and_half_written_counts),
		cmocka_unit_test(status_shows_out_null_count_and_the_control_word),
		cmocka_unit_test(latched_status_is_read_before_a_latched_count),
		cmocka_unit_test(no_order_of_calls_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
