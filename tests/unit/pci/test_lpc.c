#include "pci/lpc.h"

#include "pci_fixture.h"

static struct device *make(struct pci_fixture *f)
{
	const struct lpc_config config = { .bus = &f->bus };
	struct device *dev;

	assert_int_equal(lpc_type.create(&f->fb.board, &config, &dev, NULL), 0);
	lpc_type.reset(dev);
	return dev;
}

static uint32_t config(struct pci_fixture *f, unsigned offset, unsigned size)
{
	return pci_bus_read(&f->bus, 0, PCI_LPC_DEVFN, offset, size);
}

static void it_is_the_ich9s(void **state)
{
	struct device *dev = make(*state);

	assert_int_equal(config(*state, PCI_VENDOR_ID, 4), 0x29188086);
	assert_int_equal(config(*state, PCI_CLASS_DEVICE, 2), 0x0601);
	assert_int_equal(config(*state, PCI_HEADER_TYPE, 1), 0);
	lpc_type.destroy(dev);
}

/* Linux: quirk_ich6_lpc() and lpc_ich look at these; firmware writes them. */
static void it_says_where_the_acpi_block_is(void **state)
{
	struct pci_fixture *f = *state;
	struct device *dev = make(f);

	pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, 0x40, 4, 0xb001);
	pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, 0x44, 1, 0);
	assert_int_equal(config(f, 0x40, 4), PORT_PM_BASE | 1);
	assert_int_equal(config(f, 0x44, 1) & 0x80, 0x80);
	assert_int_equal(config(f, 0x44, 1) & 0x07, 0); /* IRQ 9 */
	assert_int_equal(config(f, 0x4c, 1) & 0x10, 0); /* no GPIO */
	lpc_type.destroy(dev);
}

static const unsigned pirq_rout[] = { 0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b };

static void write_pirq(struct pci_fixture *f, unsigned line, uint32_t value)
{
	pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, pirq_rout[line], 1, value);
}

static void pirqs_are_on_irq_10_and_11_until_they_are_written(void **state)
{
	struct pci_fixture *f = *state;
	struct device *dev = make(f);

	for (unsigned i = 0; i < ARRAY_LEN(pirq_rout); i++) {
		assert_int_equal(config(f, pirq_rout[i], 1), 10 + i % 2);
		write_pirq(f, i, 0x7a);
		assert_int_equal(config(f, pirq_rout[i], 1), 0x0a);
	}
	assert_int_equal(config(f, 0x64, 4), 0x10); /* SERIRQ_CNTL, and reserved ones */
	pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, 0x64, 4, UINT32_MAX);
	assert_int_equal(config(f, 0x64, 4), 0x10);
	lpc_type.reset(dev);
	assert_int_equal(config(f, 0x60, 4), 0x0b0a0b0a);
	pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, 0x68, 4, 0x03040580);
	assert_int_equal(config(f, 0x6a, 2), 0x0304);
	lpc_type.destroy(dev);
}

static void a_line_goes_to_the_pic_as_its_pirq_says(void **state)
{
	struct pci_fixture *f = *state;
	struct device *dev = make(f);
	struct pci_function *fn = make_function(f, 0, 1);
	const unsigned irq_of[] = { 10, 5, 15 };

	plug(f, fn, PCI_DEVFN(2u, 0u));
	assert_int_equal(pci_function_read(fn, PCI_INTERRUPT_LINE, 1), 10);
	pci_set_intx(fn, true);
	for (unsigned i = 0; i < ARRAY_LEN(irq_of); i++) {
		write_pirq(f, 2, irq_of[i]);
		for (unsigned irq = 0; irq < 16; irq++)
			assert_int_equal(f->fb.irq_level[irq], irq == irq_of[i]);
		assert_int_equal(f->fb.irq_level[GSI_PCI_INTX + 2], 1);
	}
	pci_set_intx(fn, false);
	assert_int_equal(f->fb.irq_level[15], 0);
	lpc_type.destroy(dev);
}

/* Unrouted, reserved, and those that are not on the PIC's pins for others. */
static void a_line_goes_nowhere_else(void **state)
{
	static const uint8_t nowhere[] = { 0x80, 0x8a, 0, 1, 2, 8, 13 };
	struct pci_fixture *f = *state;
	struct device *dev = make(f);
	struct pci_function *fn = make_function(f, 0, 1);

	plug(f, fn, PCI_DEVFN(2u, 0u));
	for (unsigned i = 0; i < ARRAY_LEN(nowhere); i++) {
		write_pirq(f, 2, nowhere[i]);
		pci_set_intx(fn, true);
		for (unsigned irq = 0; irq < 16; irq++)
			assert_int_equal(f->fb.irq_level[irq], 0);
		pci_set_intx(fn, false);
	}
	lpc_type.destroy(dev);
}

static void an_irq_that_lines_share_is_high_while_one_of_them_is(void **state)
{
	struct pci_fixture *f = *state;
	struct device *dev = make(f);
	struct pci_function *fns[3];

	for (unsigned i = 0; i < ARRAY_LEN(fns); i++) { /* lines 2, 4, 2: IRQ 10 */
		fns[i] = make_function(f, i, 1);
		plug(f, fns[i], PCI_DEVFN(i == 2 ? 10 : 2 + 2 * i, 0u));
		pci_set_intx(fns[i], true);
	}
	write_pirq(f, 2, 11); /* two functions leave it */
	assert_int_equal(f->fb.irq_level[10], 1);
	assert_int_equal(f->fb.irq_level[11], 1);
	pci_set_intx(fns[1], false);
	assert_int_equal(f->fb.irq_level[10], 0);
	pci_set_intx(fns[0], false);
	assert_int_equal(f->fb.irq_level[11], 1);
	pci_set_intx(fns[2], false);
	assert_int_equal(f->fb.irq_level[11], 0);
	lpc_type.destroy(dev);
}

static void its_watchdog_is_strapped_off(void **state)
{
	struct pci_fixture *f = *state;
	struct device *dev = make(f);
	const gpa_t rcrb = config(f, 0xf0, 4) & ~0x3fffu;

	assert_int_equal(config(f, 0xf0, 4) & 1, 1);
	assert_int_equal(rcrb, RCRB_BASE);
	fake_mmio_write(&f->fb, rcrb + 0x3410, 4, 0);
	assert_int_equal(fake_mmio_read(&f->fb, rcrb + 0x3410, 4), 0x20);
	assert_int_equal(fake_mmio_read(&f->fb, rcrb + 0x340f, 2), 0x2000);
	assert_int_equal(fake_mmio_read(&f->fb, rcrb + 0x340c, 8), UINT64_C(0x20) << 32);
	assert_int_equal(fake_mmio_read(&f->fb, rcrb + 0x3411, 1), 0);
	assert_int_equal(fake_mmio_read(&f->fb, rcrb + 0x3ffc, 4), 0);
	lpc_type.destroy(dev);
}

static void its_place_must_be_free(void **state)
{
	struct pci_fixture *f = *state;
	const struct lpc_config twice = { .bus = &f->bus };
	struct device *dev = make(f), *second;
	struct err err;

	/* The second one finds the registers taken ... */
	assert_int_equal(lpc_type.create(&f->fb.board, &twice, &second, &err), -EEXIST);
	lpc_type.destroy(dev);
	/* ... or, elsewhere, the slot, and gives the registers back. */
	plug(f, make_function(f, 0, 1), PCI_LPC_DEVFN);
	assert_int_equal(lpc_type.create(&f->fb.board, &twice, &second, &err), -EEXIST);
	assert_string_equal(err.text, "PCI device 1f.0 is taken");
	assert_int_equal(f->fb.mmio.region_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_ich9s),
		TEST(it_says_where_the_acpi_block_is),
		TEST(pirqs_are_on_irq_10_and_11_until_they_are_written),
		TEST(a_line_goes_to_the_pic_as_its_pirq_says),
		TEST(a_line_goes_nowhere_else),
		TEST(an_irq_that_lines_share_is_high_while_one_of_them_is),
		TEST(its_watchdog_is_strapped_off),
		TEST(its_place_must_be_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
