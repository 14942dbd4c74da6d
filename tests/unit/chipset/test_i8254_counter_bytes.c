#include "counter_fixture.h"

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
