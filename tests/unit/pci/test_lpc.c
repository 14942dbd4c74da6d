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

static void pirqs_can_be_written_and_are_unrouted_after_reset(void **state)
{
	static const unsigned rout[] = { 0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b };
	struct pci_fixture *f = *state;
	struct device *dev = make(f);

	for (unsigned i = 0; i < ARRAY_LEN(rout); i++) {
		assert_int_equal(config(f, rout[i], 1), 0x80);
		pci_bus_write(&f->bus, 0, PCI_LPC_DEVFN, rout[i], 1, 0x7a);
		assert_int_equal(config(f, rout[i], 1), 0x0a);
	}
	lpc_type.reset(dev);
	assert_int_equal(config(f, 0x60, 4), 0x80808080);
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
		TEST(pirqs_can_be_written_and_are_unrouted_after_reset),
		TEST(its_watchdog_is_strapped_off),
		TEST(its_place_must_be_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
