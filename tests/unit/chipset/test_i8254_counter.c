#include "counter_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
