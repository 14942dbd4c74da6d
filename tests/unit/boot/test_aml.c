#include <errno.h>

#include "boot/aml.h"
#include "unit/boot/table_fixture.h"

/* The largest body tested is a little over 1 MiB. */
static uint8_t bytes[MIB(1) + 64];

struct writer {
	struct emit e;
	struct aml a;
};

static void writer_init(struct writer *w)
{
	memset(bytes, CANARY, sizeof bytes);
	emit_init(&w->e, bytes, sizeof bytes);
	aml_init(&w->a, &w->e);
}

#define assert_wrote(w, ...)                                     \
	do {                                                     \
		static const uint8_t want_[] = { __VA_ARGS__ };  \
		aml_done(&(w)->a);                               \
		assert_int_equal(emit_status(&(w)->e), 0);       \
		assert_int_equal((w)->e.len, sizeof want_);      \
		assert_memory_equal(bytes, want_, sizeof want_); \
	} while (0)

/* A scope whose PkgLength is total: opcode, PkgLength, "S___", zeros. */
static void write_scope(struct writer *w, uint32_t total, uint32_t length_bytes)
{
	writer_init(w);
	aml_open_scope(&w->a, "S");
	emit_zeros(&w->e, total - length_bytes - 4);
	aml_close(&w->a);
	aml_done(&w->a);
	assert_int_equal(emit_status(&w->e), 0);
	assert_int_equal(w->e.len, 1 + total);
	assert_memory_equal(bytes + 1 + length_bytes, "S___", 4);
}

static void package_length_has_one_byte_up_to_63(void **state)
{
	struct writer w;

	(void)state;
	write_scope(&w, 5, 1);
	assert_int_equal(bytes[1], 5);
	write_scope(&w, 63, 1);
	assert_int_equal(bytes[1], 0x3f);
}

static void package_length_has_two_bytes_up_to_4095(void **state)
{
	struct writer w;

	(void)state;
	/* 64 itself cannot be: a body of 62 makes 63, one of 63 makes 65. */
	write_scope(&w, 65, 2);
	assert_memory_equal(bytes + 1, "\x41\x04", 2);
	write_scope(&w, 66, 2);
	assert_memory_equal(bytes + 1, "\x42\x04", 2);
	write_scope(&w, 4095, 2);
	assert_memory_equal(bytes + 1, "\x4f\xff", 2);
}

static void package_length_has_three_bytes_up_to_1048575(void **state)
{
	struct writer w;

	(void)state;
	write_scope(&w, 4097, 3);
	assert_memory_equal(bytes + 1, "\x81\x00\x01", 3);
	write_scope(&w, 1048575, 3);
	assert_memory_equal(bytes + 1, "\x8f\xff\xff", 3);
}

static void package_length_has_four_bytes_beyond(void **state)
{
	struct writer w;

	(void)state;
	write_scope(&w, 1048577, 4);
	assert_memory_equal(bytes + 1, "\xc1\x00\x00\x01", 4);
}

static void outer_package_counts_the_inner_lengths(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_scope(&w.a, "A");
	aml_open_scope(&w.a, "B");
	emit_zeros(&w.e, 59); /* the inner length takes two bytes */
	aml_close(&w.a);
	aml_close(&w.a);
	aml_done(&w.a);
	/* Inner: 2 + 4 + 59 = 65; outer: 2 + 4 + 1 + 65 = 72. */
	assert_memory_equal(bytes,
			    "\x10\x48\x04"
			    "A___\x10\x41\x04"
			    "B___",
			    14);
	assert_int_equal(w.e.len, 73);
}

static void integers_take_their_shortest_form(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_integer(&w.a, 0);
	aml_integer(&w.a, 1);
	aml_integer(&w.a, 2);
	aml_integer(&w.a, 0xff);
	aml_integer(&w.a, 0x100);
	aml_integer(&w.a, 0xffff);
	aml_integer(&w.a, 0x10000);
	aml_integer(&w.a, 0xffffffff);
	aml_integer(&w.a, 0x100000000);
	aml_integer(&w.a, UINT64_MAX - 1);
	aml_integer(&w.a, UINT64_MAX);
	assert_wrote(&w, 0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff, 0x0b, 0x00, 0x01, 0x0b, 0xff, 0xff,
		     0x0c, 0x00, 0x00, 0x01, 0x00, 0x0c, 0xff, 0xff, 0xff, 0xff, 0x0e, 0, 0, 0, 0,
		     1, 0, 0, 0, 0x0e, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
}

static void short_name_segments_are_padded(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_ref(&w.a, "RTC");
	aml_ref(&w.a, "_S5");
	aml_ref(&w.a, "COM1");
	assert_wrote(&w, 'R', 'T', 'C', '_', '_', 'S', '5', '_', 'C', 'O', 'M', '1');
}

static void root_and_parents_are_prefixes(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_ref(&w.a, "\\_SB");
	aml_ref(&w.a, "^^AB");
	aml_ref(&w.a, "\\");
	aml_ref(&w.a, "^");
	assert_wrote(&w, '\\', '_', 'S', 'B', '_', '^', '^', 'A', 'B', '_', '_', '\\', 0x00, '^',
		     0x00);
}

static void paths_of_two_and_more_segments_are_counted(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_ref(&w.a, "\\_SB.PCI0");
	aml_ref(&w.a, "A.BC.DEF");
	assert_wrote(&w, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 0x2f, 3, 'A', '_', '_',
		     '_', 'B', 'C', '_', '_', 'D', 'E', 'F', '_');
}

static void name_comes_before_its_object(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_name(&w.a, "_HID");
	aml_string(&w.a, "QEMU0001");
	assert_wrote(&w, 0x08, '_', 'H', 'I', 'D', 0x0d, 'Q', 'E', 'M', 'U', '0', '0', '0', '1', 0);
}

/* The values are ACPI 6.4 6.1.5's own arithmetic; PNP0C02 is as iasl makes it. */
static void eisa_ids_are_compressed(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_eisa_id(&w.a, "PNP0501");
	aml_eisa_id(&w.a, "PNP0C02");
	aml_eisa_id(&w.a, "AZZFEDC");
	assert_wrote(&w, 0x0c, 0x41, 0xd0, 0x05, 0x01, 0x0c, 0x41, 0xd0, 0x0c, 0x02, 0x0c, 0x07,
		     0x5a, 0xfe, 0xdc);
}

static void device_is_an_extended_opcode(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_device(&w.a, "RTC");
	aml_close(&w.a);
	assert_wrote(&w, 0x5b, 0x82, 5, 'R', 'T', 'C', '_');
}

static void package_counts_its_elements(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_package(&w.a, 3);
	aml_integer(&w.a, 5);
	aml_integer(&w.a, 0);
	aml_integer(&w.a, 1);
	aml_close(&w.a);
	assert_wrote(&w, 0x12, 6, 3, 0x0a, 5, 0, 1);
}

static void method_returns_and_stores(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_method(&w.a, "WRPT", 7);
	aml_store(&w.a);
	aml_arg(&w.a, 6);
	aml_ref(&w.a, "PEPT");
	aml_return(&w.a);
	aml_arg(&w.a, 0);
	aml_close(&w.a);
	assert_wrote(&w, 0x14, 14, 'W', 'R', 'P', 'T', 7, 0x70, 0x6e, 'P', 'E', 'P', 'T', 0xa4,
		     0x68);
}

static void condition_comes_before_what_hangs_on_it(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_if(&w.a);
	aml_arg(&w.a, 0);
	aml_return(&w.a);
	aml_integer(&w.a, 1);
	aml_close(&w.a);
	assert_wrote(&w, 0xa0, 4, 0x68, 0xa4, 0x01);
}

static void region_has_ports_and_fields_of_bits(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_io_region(&w.a, "PEOR", 0x505, 16);
	aml_open_field(&w.a, "PEOR");
	aml_field_unit(&w.a, "F8", 8);
	aml_field_unit(&w.a, "F63", 63);
	aml_field_unit(&w.a, "F64", 64);
	aml_close(&w.a);
	assert_wrote(&w, 0x5b, 0x80, 'P', 'E', 'O', 'R', 0x01, 0x0b, 0x05, 0x05, 0x0a, 16, 0x5b,
		     0x81, 22, 'P', 'E', 'O', 'R', 0x01, 'F', '8', '_', '_', 8, 'F', '6', '3', '_',
		     63, 'F', '6', '4', '_', 0x40, 0x04);
}

static void resource_template_knows_its_size_and_ends_with_a_tag(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_resources(&w.a);
	aml_io(&w.a, 0x3f8, 8);
	aml_irq(&w.a, 4);
	aml_close_resources(&w.a);
	assert_wrote(&w, 0x11, 16, 0x0a, 13, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 1, 8, 0x22, 0x10,
		     0x00, 0x79, 0x00);
}

static void fixed_memory_has_base_and_length(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_memory32(&w.a, 0xc0000000, 0x10000000);
	assert_wrote(&w, 0x86, 9, 0, 0x01, 0, 0, 0, 0xc0, 0, 0, 0, 0x10);
}

/* Numbers in the order of 6.4.3.5: granularity, first, last, translation, length. */
static void windows_have_five_numbers_of_their_width(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_bus_numbers(&w.a, 1, 255);
	assert_wrote(&w, 0x88, 13, 0, 2, 0x0c, 0, 0, 0, 1, 0, 0xff, 0, 0, 0, 0xff, 0);
	writer_init(&w);
	aml_io_window(&w.a, 0xd00, 0xffff);
	assert_wrote(&w, 0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0x0d, 0xff, 0xff, 0, 0, 0, 0xf3);
	writer_init(&w);
	aml_memory_window32(&w.a, 0xd0000000, 0xfebfffff);
	assert_wrote(&w, 0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xd0, 0xff, 0xff, 0xbf,
		     0xfe, 0, 0, 0, 0, 0, 0, 0xc0, 0x2e);
	writer_init(&w);
	aml_memory_window64(&w.a, 0x140000000, 0xffffffffff);
	assert_wrote(&w, 0x8a, 43, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 0,
		     0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0,
		     0xfe, 0, 0, 0);
}

static void interrupts_above_seven_are_in_the_high_byte(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_irq(&w.a, 0);
	aml_irq(&w.a, 8);
	aml_irq(&w.a, 15);
	assert_wrote(&w, 0x22, 0x01, 0x00, 0x22, 0x00, 0x01, 0x22, 0x00, 0x80);
}

static void long_resource_template_has_a_word_for_its_size(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w);
	aml_open_resources(&w.a);
	for (unsigned i = 0; i < 32; i++)
		aml_io(&w.a, 0x100, 1);
	aml_close_resources(&w.a);
	aml_done(&w.a);
	/* 32 * 8 + 2 = 258 bytes behind a word constant and a two-byte PkgLength: 263. */
	assert_memory_equal(bytes, "\x11\x47\x10\x0b\x02\x01\x47", 7);
	assert_int_equal(w.e.len, 264);
}

static void write_sample(struct aml *a)
{
	aml_open_scope(a, "\\_SB");
	aml_open_device(a, "COM1");
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0501");
	aml_name(a, "_CRS");
	aml_open_resources(a);
	for (unsigned i = 0; i < 33; i++)
		aml_io(a, 0x3f8, 8);
	aml_close_resources(a);
	aml_close(a);
	aml_close(a);
	aml_done(a);
}

static void too_small_a_buffer_is_told_and_never_written_past(void **state)
{
	struct writer w;
	size_t full;

	(void)state;
	writer_init(&w);
	write_sample(&w.a);
	full = w.e.len;
	for (size_t capacity = 0; capacity < full; capacity++) {
		uint8_t *exact = malloc(capacity + 1);

		assert_non_null(exact);
		exact[capacity] = CANARY;
		emit_init(&w.e, exact, capacity);
		aml_init(&w.a, &w.e);
		write_sample(&w.a);
		assert_int_equal(emit_status(&w.e), -ENOSPC);
		assert_int_equal(exact[capacity], CANARY);
		free(exact);
	}
	emit_init(&w.e, bytes, full);
	aml_init(&w.a, &w.e);
	write_sample(&w.a);
	assert_int_equal(emit_status(&w.e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(package_length_has_one_byte_up_to_63),
		cmocka_unit_test(package_length_has_two_bytes_up_to_4095),
		cmocka_unit_test(package_length_has_three_bytes_up_to_1048575),
		cmocka_unit_test(package_length_has_four_bytes_beyond),
		cmocka_unit_test(outer_package_counts_the_inner_lengths),
		cmocka_unit_test(integers_take_their_shortest_form),
		cmocka_unit_test(short_name_segments_are_padded),
		cmocka_unit_test(root_and_parents_are_prefixes),
		cmocka_unit_test(paths_of_two_and_more_segments_are_counted),
		cmocka_unit_test(name_comes_before_its_object),
		cmocka_unit_test(eisa_ids_are_compressed),
		cmocka_unit_test(device_is_an_extended_opcode),
		cmocka_unit_test(package_counts_its_elements),
		cmocka_unit_test(method_returns_and_stores),
		cmocka_unit_test(condition_comes_before_what_hangs_on_it),
		cmocka_unit_test(region_has_ports_and_fields_of_bits),
		cmocka_unit_test(resource_template_knows_its_size_and_ends_with_a_tag),
		cmocka_unit_test(fixed_memory_has_base_and_length),
		cmocka_unit_test(windows_have_five_numbers_of_their_width),
		cmocka_unit_test(interrupts_above_seven_are_in_the_high_byte),
		cmocka_unit_test(long_resource_template_has_a_word_for_its_size),
		cmocka_unit_test(too_small_a_buffer_is_told_and_never_written_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
