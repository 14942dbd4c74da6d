/* The UART's receiver: FIFO, triggers, time-out, errors, flow control. */
#include "uart_fixture.h"

static void received_byte_raises_data_ready_and_its_interrupt(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	type(b, "k");
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, RBR), 'k');
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(line(b), 0);
}

static void without_fifo_bytes_come_one_by_one_and_none_is_lost(void **state)
{
	struct uart_bench *b = *state;

	type(b, "abc");
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, RBR), 'c');
	assert_int_equal(in(b, LSR), 0x60); /* OE never */
}

static void fifo_interrupts_at_its_trigger_level(void **state)
{
	static const struct {
		uint8_t fcr;
		unsigned level;
	} rows[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		out(b, FCR, rows[i].fcr);
		for (unsigned n = 1; n < rows[i].level; n++)
			type(b, "x");
		assert_int_equal(line(b), 0);
		type(b, "x");
		assert_int_equal(line(b), 1);
		assert_int_equal(in(b, IIR), 0xc4);
		in(b, RBR); /* drops below the trigger */
		assert_int_equal(line(b), 0);
		while (in(b, LSR) & 0x01)
			in(b, RBR);
	}
}

static void four_silent_characters_below_the_trigger_time_out(void **state)
{
	struct uart_bench *b = *state;

	out(b, LCR, 0x80);
	out(b, DLL, 1);
	out(b, DLM, 0);
	out(b, LCR, 0x03); /* 115200 8N1 */
	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	out(b, FCR, 0x81);
	type(b, "k");
	fake_board_advance(&b->board, 4 * CHAR_NS(1) - 1000);
	assert_int_equal(line(b), 0);
	assert_int_equal(in(b, IIR), 0xc1);
	fake_board_advance(&b->board, 2000);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, IIR), 0xcc);
	assert_int_equal(in(b, RBR), 'k');
	assert_int_equal(line(b), 0);
	assert_int_equal(in(b, IIR), 0xc1);
}

static void each_byte_that_comes_or_is_read_restarts_the_time_out(void **state)
{
	struct uart_bench *b = *state;

	out(b, LCR, 0x80);
	out(b, DLL, 1);
	out(b, DLM, 0);
	out(b, LCR, 0x03);
	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	out(b, FCR, 0x81);
	type(b, "abc");
	fake_board_advance(&b->board, 3 * CHAR_NS(1));
	type(b, "d");
	fake_board_advance(&b->board, 3 * CHAR_NS(1));
	assert_int_equal(line(b), 0);
	in(b, RBR);
	fake_board_advance(&b->board, 3 * CHAR_NS(1));
	assert_int_equal(line(b), 0);
	fake_board_advance(&b->board, 2 * CHAR_NS(1));
	assert_int_equal(line(b), 1);
}

static void time_out_is_a_millisecond_at_most(void **state)
{
	struct uart_bench *b = *state;

	out(b, LCR, 0x80);
	out(b, DLM, 0x09); /* 50 baud: 800 ms by the book */
	out(b, LCR, 0x03);
	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	out(b, FCR, 0xc1);
	type(b, "k");
	fake_board_advance(&b->board, NS_PER_MS);
	assert_int_equal(in(b, IIR), 0xcc);
}

static void raising_the_trigger_level_starts_the_time_out(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	out(b, FCR, 0x01);
	type(b, "k");
	assert_int_equal(in(b, IIR), 0xc4);
	out(b, FCR, 0xc1);
	assert_int_equal(line(b), 0);
	fake_board_advance(&b->board, 5 * NS_PER_MS);
	assert_int_equal(in(b, IIR), 0xcc);
}

static void a_burst_of_input_moves_the_clocks_timer_once(void **state)
{
	struct uart_bench *b = *state;
	unsigned before;

	out(b, FCR, 0x81);
	before = b->board.rearm_count;
	for (unsigned i = 0; i < 7; i++) {
		type(b, "x");
		fake_board_advance(&b->board, NS_PER_US);
	}
	for (unsigned i = 0; i < 7; i++) {
		in(b, RBR);
		fake_board_advance(&b->board, NS_PER_US);
	}
	assert_int_equal(b->board.rearm_count, before + 1);
}

static void a_fast_host_never_overruns_the_fifo(void **state)
{
	struct uart_bench *b = *state;
	char text[201], got[201] = { 0 };

	for (unsigned i = 0; i < 200; i++)
		text[i] = (char)('!' + i % 90);
	text[200] = '\0';
	out(b, FCR, 0x81);
	type(b, text);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(in(b, LSR), 0x61);
		got[i] = (char)in(b, RBR);
	}
	assert_string_equal(got, text);
	assert_int_equal(in(b, LSR), 0x60);
}

static void a_full_fifo_keeps_its_bytes_and_sets_oe(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	out(b, MCR, 0x10);
	for (unsigned i = 0; i < 16; i++)
		out(b, THR, 'a' + i);
	assert_int_equal(in(b, LSR), 0x61);
	out(b, THR, 'q');
	assert_int_equal(in(b, LSR), 0x63);
	assert_int_equal(in(b, LSR), 0x61); /* read once, gone */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(b, RBR), 'a' + i);
	assert_int_equal(in(b, LSR), 0x60);
}

static void without_fifo_an_overrun_replaces_the_byte(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x10);
	out(b, THR, 'a');
	out(b, THR, 'b');
	assert_int_equal(in(b, LSR), 0x63);
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, LSR), 0x60);
}

static void rx_fifo_reset_empties_it_without_touching_the_enable(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	out(b, MCR, 0x10);
	out(b, THR, 'a');
	out(b, THR, 'b');
	out(b, FCR, 0x03);
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(in(b, IIR), 0xc1);
	out(b, THR, 'c'); /* the reset bit has cleared itself */
	assert_int_equal(in(b, RBR), 'c');
}

static void switching_the_fifo_on_or_off_empties_it(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x10);
	out(b, THR, 'a');
	out(b, FCR, 0x01);
	assert_int_equal(in(b, LSR), 0x60);
	out(b, THR, 'b');
	out(b, FCR, 0x00);
	assert_int_equal(in(b, LSR), 0x60);
}

static void fcr_without_enable_programs_no_trigger(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0xc0);
	out(b, MCR, 0x18);
	out(b, IER, 0x01);
	out(b, THR, 'a');
	assert_int_equal(in(b, IIR), 0x04);
	assert_int_equal(line(b), 1);
}

static void break_shows_only_when_it_is_the_next_to_be_read(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	type(b, "a");
	uart16550_break(b->dev);
	type(b, "c");
	assert_int_equal(in(b, LSR), 0xe1); /* bit 7: an error somewhere in the FIFO */
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, LSR), 0xf1);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 0x00);
	assert_int_equal(in(b, RBR), 'c');
	assert_int_equal(in(b, LSR), 0x60);
}

static void a_break_waits_while_the_receiver_is_full(void **state)
{
	struct uart_bench *b = *state;

	type(b, "a");
	uart16550_break(b->dev);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, LSR), 0x71);
	assert_int_equal(in(b, RBR), 0x00);
}

static void loopback_cuts_the_host_off_and_its_end_lets_it_in(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x10);
	type(b, "k");
	assert_int_equal(in(b, LSR), 0x60);
	out(b, MCR, 0x00);
	assert_int_equal(in(b, RBR), 'k');
}

static void reading_an_empty_receiver_is_harmless(void **state)
{
	struct uart_bench *b = *state;

	for (unsigned i = 0; i < 40; i++)
		in(b, RBR);
	assert_int_equal(in(b, LSR), 0x60);
	type(b, "k");
	assert_int_equal(in(b, RBR), 'k');
}

static void input_typed_before_the_guest_set_the_port_up_is_not_lost(void **state)
{
	struct uart_bench *b = *state;
	char got[8] = { 0 };

	type(b, "login\n");
	/* As Linux' serial8250_do_startup() does. */
	out(b, FCR, 0x01);
	out(b, FCR, 0x07);
	out(b, FCR, 0x00);
	in(b, LSR);
	in(b, RBR);
	out(b, FCR, 0x81);
	fake_board_advance(&b->board, 50 * NS_PER_MS);
	for (unsigned i = 0; i < 6 && (in(b, LSR) & 1); i++)
		got[i] = (char)in(b, RBR);
	assert_string_equal(got, "login\n");
}

static void clearing_the_receiver_hides_typed_bytes_until_fcr_is_left_alone(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	type(b, "ab");
	out(b, FCR, 0x03);
	fake_board_advance(&b->board, 4 * NS_PER_MS);
	out(b, FCR, 0x03);
	fake_board_advance(&b->board, 4 * NS_PER_MS);
	type(b, "c");
	assert_int_equal(in(b, LSR), 0x60);
	fake_board_advance(&b->board, 2 * NS_PER_MS);
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, RBR), 'c');
	assert_int_equal(in(b, LSR), 0x60);
}

static void clearing_an_empty_receiver_arms_no_timer(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x07);
	out(b, FCR, 0x00);
	assert_int_equal(b->board.rearm_count, 0);
}

static void hostile_register_writes_do_no_harm(void **state)
{
	struct uart_bench *b = *state;
	uint32_t seed = 1;

	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 1664525u + 1013904223u;
		const unsigned reg = seed >> 29, value = seed >> 8 & 0xff;

		if (seed & 0x100000)
			out(b, reg, value);
		else
			in(b, reg);
		if (i % 64 == 0) {
			chardev_feed(b->far, (const uint8_t *)"input", 5);
			uart16550_host_ready(b->dev);
		}
		if (i % 97 == 0)
			uart16550_break(b->dev);
		if (i % 1000 == 0)
			make_room(b);
		fake_board_advance(&b->board, seed >> 20);
	}
	uart16550_type.reset(b->dev);
	assert_int_equal(line(b), 0);
	assert_int_equal(in(b, IIR), 0x01);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		UART_TEST(received_byte_raises_data_ready_and_its_interrupt),
		UART_TEST(without_fifo_bytes_come_one_by_one_and_none_is_lost),
		UART_TEST(fifo_interrupts_at_its_trigger_level),
		UART_TEST(four_silent_characters_below_the_trigger_time_out),
		UART_TEST(each_byte_that_comes_or_is_read_restarts_the_time_out),
		UART_TEST(time_out_is_a_millisecond_at_most),
		UART_TEST(raising_the_trigger_level_starts_the_time_out),
		UART_TEST(a_burst_of_input_moves_the_clocks_timer_once),
		UART_TEST(a_fast_host_never_overruns_the_fifo),
		UART_TEST(a_full_fifo_keeps_its_bytes_and_sets_oe),
		UART_TEST(without_fifo_an_overrun_replaces_the_byte),
		UART_TEST(rx_fifo_reset_empties_it_without_touching_the_enable),
		UART_TEST(switching_the_fifo_on_or_off_empties_it),
		UART_TEST(fcr_without_enable_programs_no_trigger),
		UART_TEST(break_shows_only_when_it_is_the_next_to_be_read),
		UART_TEST(a_break_waits_while_the_receiver_is_full),
		UART_TEST(loopback_cuts_the_host_off_and_its_end_lets_it_in),
		UART_TEST(reading_an_empty_receiver_is_harmless),
		UART_TEST(input_typed_before_the_guest_set_the_port_up_is_not_lost),
		UART_TEST(clearing_the_receiver_hides_typed_bytes_until_fcr_is_left_alone),
		UART_TEST(clearing_an_empty_receiver_arms_no_timer),
		UART_TEST(hostile_register_writes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
