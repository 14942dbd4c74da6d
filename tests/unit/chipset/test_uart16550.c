/* Registers and interrupts of the UART, register by register as the PC16550D
 * data sheet has them.  The receiver's FIFO: test_uart16550_line.c. */
#include "uart_fixture.h"

static void reset_gives_the_data_sheets_values(void **state)
{
	struct uart_bench *b = *state;

	for (unsigned reg = IER; reg <= SCR; reg++)
		out(b, reg, 0xff);
	uart16550_type.reset(b->dev);
	assert_int_equal(in(b, IER), 0x00);
	assert_int_equal(in(b, IIR), 0x01);
	assert_int_equal(in(b, LCR), 0x00);
	assert_int_equal(in(b, MCR), 0x00);
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(in(b, MSR), 0xb0);
	assert_int_equal(line(b), 0);
}

static void reset_lowers_a_raised_interrupt(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x02);
	assert_int_equal(line(b), 1);
	uart16550_type.reset(b->dev);
	assert_int_equal(line(b), 0);
}

static void scratch_register_keeps_what_is_written(void **state)
{
	struct uart_bench *b = *state;

	out(b, SCR, 0xa5);
	assert_int_equal(in(b, SCR), 0xa5);
	out(b, SCR, 0x5a);
	assert_int_equal(in(b, SCR), 0x5a);
}

static void upper_bits_of_ier_and_mcr_read_zero(void **state)
{
	struct uart_bench *b = *state;

	out(b, IER, 0xff);
	assert_int_equal(in(b, IER), 0x0f);
	out(b, MCR, 0xff);
	assert_int_equal(in(b, MCR), 0x1f);
}

static void writes_to_lsr_and_msr_change_nothing(void **state)
{
	struct uart_bench *b = *state;

	out(b, LSR, 0x00);
	out(b, MSR, 0x0f);
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(in(b, MSR), 0xb0);
}

static void dlab_turns_the_first_two_ports_into_the_divisor(void **state)
{
	struct uart_bench *b = *state;

	out(b, IER, 0x05);
	out(b, LCR, 0x83);
	out(b, DLL, 0x34);
	out(b, DLM, 0x12);
	assert_int_equal(in(b, DLL), 0x34);
	assert_int_equal(in(b, DLM), 0x12);
	assert_int_equal(in(b, LCR), 0x83);
	out(b, LCR, 0x03);
	assert_int_equal(in(b, IER), 0x05);
	assert_string_equal(sent(b), ""); /* DLL went nowhere */
}

static void thr_goes_to_the_host_and_is_empty_again_at_once(void **state)
{
	struct uart_bench *b = *state;

	out(b, THR, 'h');
	assert_int_equal(in(b, LSR) & 0x60, 0x60);
	out(b, THR, 'i');
	assert_string_equal(sent(b), "hi");
}

static void thr_waits_while_the_host_is_busy_and_lsr_says_so(void **state)
{
	struct uart_bench *b = *state;
	uint8_t last[2] = { 0 };

	make_busy(b);
	out(b, THR, 'x');
	assert_int_equal(in(b, LSR), 0x00);
	make_room(b);
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(chardev_drain(b->far, last, 2), 1);
	assert_int_equal(last[0], 'x');
}

static void polling_lsr_is_enough_to_send_what_waited(void **state)
{
	struct uart_bench *b = *state;
	uint8_t one;

	make_busy(b);
	out(b, THR, 'x');
	assert_int_equal(chardev_drain(b->far, &one, 1), 1);
	assert_int_equal(in(b, LSR), 0x60); /* without host_ready() */
}

static void sixteen_bytes_wait_in_order_in_the_tx_fifo(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	make_busy(b);
	for (unsigned i = 0; i < 17; i++)
		out(b, THR, 'a' + i);
	make_room(b);
	assert_string_equal(sent(b), "abcdefghijklmnop"); /* no 'q': it was full */
}

static void tx_fifo_reset_drops_what_waits(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	make_busy(b);
	out(b, THR, 'x');
	out(b, FCR, 0x05);
	assert_int_equal(in(b, LSR), 0x60);
	make_room(b);
	assert_string_equal(sent(b), "");
}

static void room_at_the_host_raises_the_thre_interrupt(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	make_busy(b);
	out(b, THR, 'x');
	out(b, IER, 0x02); /* THR is not empty: nothing to say yet */
	assert_int_equal(line(b), 0);
	make_room(b);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, IIR), 0x02);
}

static void enabling_thre_interrupt_while_thr_is_empty_raises_it(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x02);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, IIR), 0x02);
	assert_int_equal(line(b), 0);
	assert_int_equal(in(b, IIR), 0x01);
	out(b, IER, 0x02); /* stays enabled: no 0 -> 1 */
	assert_int_equal(line(b), 0);
	out(b, IER, 0x00);
	out(b, IER, 0x02);
	assert_int_equal(in(b, IIR), 0x02);
}

static void reading_iir_clears_thre_only_when_it_reports_it(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x03);
	type(b, "k");
	assert_int_equal(in(b, IIR), 0x04); /* data is more urgent */
	assert_int_equal(in(b, RBR), 'k');
	assert_int_equal(in(b, IIR), 0x02); /* still there */
	assert_int_equal(in(b, IIR), 0x01);
}

static void every_thr_write_brings_a_new_thre_interrupt(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x02);
	in(b, IIR);
	out(b, THR, 'a');
	assert_int_equal(b->board.irq_edges[IRQ], 2);
	assert_int_equal(in(b, IIR), 0x02);
	assert_int_equal(line(b), 0);
}

static void a_burst_into_thr_changes_the_line_once(void **state)
{
	struct uart_bench *b = *state;
	unsigned calls;

	out(b, FCR, 0x01);
	out(b, MCR, 0x08);
	out(b, IER, 0x02);
	in(b, IIR);
	calls = b->board.irq_calls[IRQ];
	for (unsigned i = 0; i < 16; i++)
		out(b, THR, 'z');
	assert_int_equal(b->board.irq_calls[IRQ], calls + 1);
}

static void out2_is_the_gate_to_the_interrupt_line(void **state)
{
	struct uart_bench *b = *state;

	out(b, IER, 0x01);
	type(b, "k");
	assert_int_equal(in(b, IIR), 0x04); /* the chip asks */
	assert_int_equal(line(b), 0);       /* the bus does not hear it */
	out(b, MCR, 0x08);
	assert_int_equal(line(b), 1);
	out(b, MCR, 0x00);
	assert_int_equal(line(b), 0);
}

static void iir_reports_the_most_urgent_first(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x18);
	out(b, IER, 0x0f);
	out(b, THR, 'a');
	out(b, THR, 'b'); /* no FIFO: overrun, data, THRE, and DCD, CTS, DSR changed */
	assert_int_equal(in(b, IIR), 0x06);
	in(b, LSR);
	assert_int_equal(in(b, IIR), 0x04);
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, IIR), 0x02);
	assert_int_equal(in(b, IIR), 0x00);
	in(b, MSR);
	assert_int_equal(in(b, IIR), 0x01);
	assert_int_equal(line(b), 0);
}

static void iir_shows_fifos_enabled_in_bits_6_and_7(void **state)
{
	struct uart_bench *b = *state;

	out(b, FCR, 0x01);
	assert_int_equal(in(b, IIR), 0xc1);
	out(b, FCR, 0x00);
	assert_int_equal(in(b, IIR), 0x01);
}

static void writing_thr_with_loopback_arrives_in_rbr(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x10);
	out(b, THR, 0x5a);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 0x5a);
	assert_int_equal(in(b, LSR), 0x60);
	assert_string_equal(sent(b), "");
}

static void loopback_leads_the_modem_outputs_to_the_inputs(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} rows[] = { { 0x10, 0x00 }, { 0x11, 0x20 }, { 0x12, 0x10 },
		     { 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1f, 0xf0 } };
	struct uart_bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		out(b, MCR, rows[i].mcr);
		assert_int_equal(in(b, MSR) & 0xf0, rows[i].msr);
	}
	out(b, MCR, 0x00);
	assert_int_equal(in(b, MSR) & 0xf0, 0xb0);
}

static void modem_changes_are_noted_until_msr_is_read(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x10);
	in(b, MSR);
	out(b, MCR, 0x17); /* DTR, RTS, OUT1 */
	assert_int_equal(in(b, MSR), 0x73);
	assert_int_equal(in(b, MSR), 0x70);
	out(b, MCR, 0x13); /* RI ends: only that is its change */
	assert_int_equal(in(b, MSR), 0x34);
	out(b, MCR, 0x1b);
	assert_int_equal(in(b, MSR), 0xb8);
}

static void modem_change_raises_its_interrupt(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x18);
	in(b, MSR);
	out(b, IER, 0x08);
	assert_int_equal(line(b), 0);
	out(b, MCR, 0x1a);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, IIR), 0x00);
	in(b, MSR);
	assert_int_equal(line(b), 0);
}

static void break_from_the_host_is_a_zero_with_bi(void **state)
{
	struct uart_bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x04);
	uart16550_break(b->dev);
	assert_int_equal(line(b), 1);
	assert_int_equal(in(b, IIR), 0x06);
	assert_int_equal(in(b, LSR), 0x71);
	assert_int_equal(line(b), 0);
	assert_int_equal(in(b, LSR), 0x61); /* BI is gone, the 0 is not */
	assert_int_equal(in(b, RBR), 0x00);
	assert_int_equal(in(b, LSR), 0x60);
}

static void two_uarts_share_a_line_as_an_or(void **state)
{
	struct uart_bench *b = *state;
	struct irq_or node = { 0 };
	struct uart16550_config config = { .port = 0x3e8, .gsi = 5, .shared = &node };
	struct device *com[2];

	config.chardev = b->far;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(uart16550_type.create(&b->board.board, &config, &com[i], NULL), 0);
		fake_out8(&b->board, (uint16_t)(config.port + MCR), 0x08);
		fake_out8(&b->board, (uint16_t)(config.port + IER), 0x02);
		config.port = 0x2e8;
	}
	assert_int_equal(b->board.irq_level[5], 1);
	fake_in8(&b->board, 0x3e8 + IIR);
	assert_int_equal(b->board.irq_level[5], 1); /* the other still asks */
	fake_in8(&b->board, 0x2e8 + IIR);
	assert_int_equal(b->board.irq_level[5], 0);
	assert_int_equal(b->board.irq_edges[5], 1);
	uart16550_type.destroy(com[0]);
	uart16550_type.destroy(com[1]);
}

static void a_second_uart_on_the_same_port_is_refused(void **state)
{
	struct uart_bench *b = *state;
	struct uart16550_config config = { .port = COM1 + 7, .gsi = 3, .chardev = b->far };
	struct device *dev;
	struct err err;

	assert_true(uart16550_type.create(&b->board.board, &config, &dev, &err) < 0);
	assert_non_null(strstr(err.text, "0x3ff"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		UART_TEST(reset_gives_the_data_sheets_values),
		UART_TEST(reset_lowers_a_raised_interrupt),
		UART_TEST(scratch_register_keeps_what_is_written),
		UART_TEST(upper_bits_of_ier_and_mcr_read_zero),
		UART_TEST(writes_to_lsr_and_msr_change_nothing),
		UART_TEST(dlab_turns_the_first_two_ports_into_the_divisor),
		UART_TEST(thr_goes_to_the_host_and_is_empty_again_at_once),
		UART_TEST(thr_waits_while_the_host_is_busy_and_lsr_says_so),
		UART_TEST(polling_lsr_is_enough_to_send_what_waited),
		UART_TEST(sixteen_bytes_wait_in_order_in_the_tx_fifo),
		UART_TEST(tx_fifo_reset_drops_what_waits),
		UART_TEST(room_at_the_host_raises_the_thre_interrupt),
		UART_TEST(enabling_thre_interrupt_while_thr_is_empty_raises_it),
		UART_TEST(reading_iir_clears_thre_only_when_it_reports_it),
		UART_TEST(every_thr_write_brings_a_new_thre_interrupt),
		UART_TEST(a_burst_into_thr_changes_the_line_once),
		UART_TEST(out2_is_the_gate_to_the_interrupt_line),
		UART_TEST(iir_reports_the_most_urgent_first),
		UART_TEST(iir_shows_fifos_enabled_in_bits_6_and_7),
		UART_TEST(writing_thr_with_loopback_arrives_in_rbr),
		UART_TEST(loopback_leads_the_modem_outputs_to_the_inputs),
		UART_TEST(modem_changes_are_noted_until_msr_is_read),
		UART_TEST(modem_change_raises_its_interrupt),
		UART_TEST(break_from_the_host_is_a_zero_with_bi),
		UART_TEST(two_uarts_share_a_line_as_an_or),
		UART_TEST(a_second_uart_on_the_same_port_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
