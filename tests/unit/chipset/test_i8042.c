#include "chipset/i8042.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

#define DATA	PORT_KBD_DATA
#define COMMAND PORT_KBD_STATUS

#define OBF	0x01
#define IBF	0x02
#define SYS	0x04
#define CMD	0x08
#define KEYLOCK 0x10
#define AUXDATA 0x20

#define KBD_INT 0x01
#define AUX_INT 0x02
#define KBD_DIS 0x10
#define AUX_DIS 0x20
#define XLATE	0x40

static int setup(void **state)
{
	return fixture_make(state, &i8042_type, NULL);
}

static uint8_t status(struct fake_board *fb)
{
	return fake_in8(fb, COMMAND);
}

/* A command whose answer must be there at once. */
static uint8_t ask(struct fake_board *fb, uint8_t command)
{
	fake_out8(fb, COMMAND, command);
	assert_int_equal(status(fb) & OBF, OBF);
	return fake_in8(fb, DATA);
}

static void tell(struct fake_board *fb, uint8_t command, uint8_t data)
{
	fake_out8(fb, COMMAND, command);
	fake_out8(fb, DATA, data);
}

static void it_starts_empty_unlocked_and_as_a_bios_leaves_it(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(status(fb), KEYLOCK | SYS);
	assert_int_equal(ask(fb, 0x20), KBD_INT | SYS | AUX_DIS | XLATE);
}

static void self_test_and_interface_test_pass(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(ask(fb, 0xaa), 0x55);
	assert_int_equal(ask(fb, 0xab), 0x00);
	assert_int_equal(status(fb) & SYS, SYS);
}

static void status_says_whether_the_last_write_was_a_command(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, COMMAND, 0x60);
	assert_int_equal(status(fb) & (CMD | IBF), CMD);
	fake_out8(fb, DATA, KBD_DIS);
	assert_int_equal(status(fb) & (CMD | IBF), 0);
}

static void the_command_byte_and_the_ram_read_back(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, 0x55);
	tell(fb, 0x7f, 0xa5);
	assert_int_equal(ask(fb, 0x20), 0x55);
	assert_int_equal(ask(fb, 0x3f), 0xa5);
	assert_int_equal(ask(fb, 0x21), 0x00);
}

static void enable_and_disable_commands_show_in_the_command_byte(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, COMMAND, 0xad);
	fake_out8(fb, COMMAND, 0xa8);
	assert_int_equal(ask(fb, 0x20) & (KBD_DIS | AUX_DIS), KBD_DIS);
	fake_out8(fb, COMMAND, 0xae);
	fake_out8(fb, COMMAND, 0xa7);
	assert_int_equal(ask(fb, 0x20) & (KBD_DIS | AUX_DIS), AUX_DIS);
}

static void irq1_makes_one_edge_for_each_byte(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, KBD_INT);
	fake_out8(fb, DATA, 0xf2);
	assert_int_equal(fb->irq_edges[GSI_KBD], 1);
	assert_int_equal(fake_in8(fb, DATA), 0xfa);
	assert_int_equal(fb->irq_edges[GSI_KBD], 2);
	assert_int_equal(fake_in8(fb, DATA), 0xab);
	assert_int_equal(fb->irq_edges[GSI_KBD], 3);
	assert_int_equal(fake_in8(fb, DATA), 0x83);
	assert_int_equal(fb->irq_edges[GSI_KBD], 3);
	assert_int_equal(fb->irq_level[GSI_KBD], 0);
	assert_int_equal(status(fb) & OBF, 0);
}

static void irq1_is_silent_unless_the_command_byte_enables_it(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, 0);
	fake_out8(fb, DATA, 0xf4);
	assert_int_equal(status(fb) & OBF, OBF);
	assert_int_equal(fb->irq_level[GSI_KBD], 0);
	tell(fb, 0x60, KBD_INT);
	assert_int_equal(fb->irq_level[GSI_KBD], 1);
}

static void the_identity_is_translated_like_a_scan_code(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, XLATE);
	fake_out8(fb, DATA, 0xf2);
	assert_int_equal(fake_in8(fb, DATA), 0xfa);
	assert_int_equal(fake_in8(fb, DATA), 0xab);
	assert_int_equal(fake_in8(fb, DATA), 0x41);
}

static void a_disabled_keyboard_is_heard_when_it_is_enabled(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, DATA, 0xf2);
	assert_int_equal(fake_in8(fb, DATA), 0xfa);
	fake_out8(fb, COMMAND, 0xad);
	fake_in8(fb, DATA); /* 0xab was in the output buffer already */
	assert_int_equal(status(fb) & OBF, 0);
	fake_out8(fb, COMMAND, 0xae);
	assert_int_equal(status(fb) & OBF, OBF);
	assert_int_equal(fake_in8(fb, DATA), 0x41);
}

static void a_byte_to_the_keyboard_enables_it(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, COMMAND, 0xad);
	fake_out8(fb, DATA, 0xee);
	assert_int_equal(status(fb) & OBF, OBF);
	assert_int_equal(fake_in8(fb, DATA), 0xee);
}

static void an_answer_that_nobody_fetched_is_replaced_by_the_next(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, DATA, 0xee); /* 0xee is in the output buffer */
	fake_out8(fb, COMMAND, 0xaa);
	fake_out8(fb, COMMAND, 0xab);
	assert_int_equal(fake_in8(fb, DATA), 0xee);
	assert_int_equal(fake_in8(fb, DATA), 0x00);
	assert_int_equal(status(fb) & OBF, 0);
	fake_out8(fb, COMMAND, 0xaa); /* 0x55 is in the output buffer */
	assert_int_equal(ask(fb, 0xab), 0x00);
	assert_int_equal(status(fb) & OBF, 0);
}

static void an_empty_output_buffer_reads_as_the_last_byte(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(ask(fb, 0xaa), 0x55);
	assert_int_equal(fake_in8(fb, DATA), 0x55);
}

static void d2_puts_a_byte_into_the_output_buffer(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0xd2, 0x3c);
	assert_int_equal(status(fb) & (OBF | AUXDATA), OBF);
	assert_int_equal(fb->irq_level[GSI_KBD], 1);
	fake_out8(fb, COMMAND, 0xae); /* a command drops answers, not data */
	assert_int_equal(fake_in8(fb, DATA), 0x3c);
}

static void what_is_sent_to_the_mouse_vanishes(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0xd4, 0xff);
	assert_int_equal(status(fb) & OBF, 0);
	/* And the next byte is the keyboard's again. */
	fake_out8(fb, DATA, 0xee);
	assert_int_equal(fake_in8(fb, DATA), 0xee);
}

/* ---- output port, reset ------------------------------------------------------------ */

static void the_output_port_remembers_a20(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(ask(fb, 0xd0) & 0x03, 0x03);
	tell(fb, 0xd1, 0x01);
	assert_int_equal(ask(fb, 0xd0) & 0x03, 0x01);
	tell(fb, 0xd1, 0xdf); /* as Linux's boot code opens it */
	assert_int_equal(ask(fb, 0xd0) & 0x03, 0x03);
	assert_int_equal(fb->power_count, 0);
}

static void the_pulse_fe_asks_for_a_reset(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, COMMAND, 0xff); /* pulses nothing */
	assert_int_equal(fb->power_count, 0);
	fake_out8(fb, COMMAND, 0xfe);
	assert_int_equal(fb->power_count, 1);
	assert_int_equal(fb->power_event, POWER_RESET);
	assert_string_equal(fb->power_source, "i8042");
}

static void bit_0_of_the_output_port_asks_for_a_reset(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0xd1, 0x02);
	assert_int_equal(fb->power_event, POWER_RESET);
	assert_string_equal(fb->power_source, "i8042");
}

static void reset_empties_it_and_lowers_irq1(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, KBD_INT);
	fake_out8(fb, DATA, 0xf2);
	fake_out8(fb, COMMAND, 0x60);
	i8042_type.reset(device_of(state));
	assert_int_equal(fb->irq_level[GSI_KBD], 0);
	assert_int_equal(status(fb), KEYLOCK | SYS);
	fake_out8(fb, DATA, 0xee); /* to the keyboard, not into the command byte */
	assert_int_equal(fake_in8(fb, DATA), 0xee);
}

/* ---- as Linux 6.1 drives it: drivers/input/serio/i8042.c ------------------------------ */

static void linux_flush_finds_a_controller(void **state)
{
	struct fake_board *fb = board_of(state);
	unsigned flushed = 0;

	while ((status(fb) & OBF) && flushed < 16) {
		fake_in8(fb, DATA);
		flushed++;
	}
	assert_int_equal(flushed, 0);
}

static void linux_controller_init_reads_the_same_byte_twice_and_no_keylock(void **state)
{
	struct fake_board *fb = board_of(state);
	const uint8_t ctr = ask(fb, 0x20);

	assert_int_equal(ask(fb, 0x20), ctr);
	assert_int_equal(status(fb) & KEYLOCK, KEYLOCK);
	assert_int_equal(ctr & XLATE, XLATE);
}

/* i8042_check_aux(): the loop test fails at once, the line test says why. */
static void linux_sees_without_waiting_that_there_is_no_aux_port(void **state)
{
	struct fake_board *fb = board_of(state);

	tell(fb, 0x60, (uint8_t)((ask(fb, 0x20) | KBD_DIS) & ~KBD_INT));
	tell(fb, 0xd3, 0x5a);
	assert_int_equal(status(fb) & (OBF | AUXDATA), OBF);
	/* It leaves that byte unread, and asks why: "clock stuck low". */
	assert_int_equal(ask(fb, 0xa9), 0x01);
	/* Nothing stray is left for the keyboard's port. */
	assert_int_equal(status(fb) & OBF, 0);
}

static void linux_atkbd_probe_gets_each_answer_in_turn(void **state)
{
	static const struct {
		uint8_t send, count, answer[3];
	} steps[] = {
		{ 0xf2, 3, { 0xfa, 0xab, 0x41 } },
		{ 0xf5, 1, { 0xfa } },
		{ 0xed, 1, { 0xfa } },
		{ 0x00, 1, { 0xfa } },
		{ 0xf3, 1, { 0xfa } },
		{ 0x00, 1, { 0xfa } },
		{ 0xf4, 1, { 0xfa } },
	};
	struct fake_board *fb = board_of(state);
	const uint8_t ctr = ask(fb, 0x20);
	unsigned edges;

	tell(fb, 0x60, (uint8_t)((ctr | KBD_DIS) & ~KBD_INT));
	tell(fb, 0x60, (uint8_t)((ctr | KBD_INT) & ~KBD_DIS));
	edges = fb->irq_edges[GSI_KBD];
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		fake_out8(fb, DATA, steps[i].send);
		for (unsigned n = 0; n < steps[i].count; n++) {
			assert_int_equal(fb->irq_edges[GSI_KBD], ++edges);
			assert_int_equal(status(fb) & (OBF | AUXDATA), OBF);
			assert_int_equal(fake_in8(fb, DATA), steps[i].answer[n]);
		}
	}
	assert_int_equal(fb->irq_level[GSI_KBD], 0);
}

static void no_order_of_accesses_does_harm(void **state)
{
	struct fake_board *fb = board_of(state);

	srandom(6);
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned r = (unsigned)random();

		switch (r & 3) {
		case 0:
			fake_out8(fb, COMMAND, (uint8_t)(r >> 8));
			break;
		case 1:
			fake_out32(fb, DATA, r >> 4);
			break;
		default:
			fake_in32(fb, (uint16_t)(DATA + (r >> 8 & 7)));
			break;
		}
		assert_int_equal(status(fb) & (IBF | AUXDATA), 0);
		assert_int_equal(fb->irq_calls[GSI_MOUSE], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_starts_empty_unlocked_and_as_a_bios_leaves_it),
		TEST(self_test_and_interface_test_pass),
		TEST(status_says_whether_the_last_write_was_a_command),
		TEST(the_command_byte_and_the_ram_read_back),
		TEST(enable_and_disable_commands_show_in_the_command_byte),
		TEST(irq1_makes_one_edge_for_each_byte),
		TEST(irq1_is_silent_unless_the_command_byte_enables_it),
		TEST(the_identity_is_translated_like_a_scan_code),
		TEST(a_disabled_keyboard_is_heard_when_it_is_enabled),
		TEST(a_byte_to_the_keyboard_enables_it),
		TEST(an_answer_that_nobody_fetched_is_replaced_by_the_next),
		TEST(an_empty_output_buffer_reads_as_the_last_byte),
		TEST(d2_puts_a_byte_into_the_output_buffer),
		TEST(what_is_sent_to_the_mouse_vanishes),
		TEST(the_output_port_remembers_a20),
		TEST(the_pulse_fe_asks_for_a_reset),
		TEST(bit_0_of_the_output_port_asks_for_a_reset),
		TEST(reset_empties_it_and_lowers_irq1),
		TEST(linux_flush_finds_a_controller),
		TEST(linux_controller_init_reads_the_same_byte_twice_and_no_keylock),
		TEST(linux_sees_without_waiting_that_there_is_no_aux_port),
		TEST(linux_atkbd_probe_gets_each_answer_in_turn),
		TEST(no_order_of_accesses_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
