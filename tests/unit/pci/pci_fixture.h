/* A PCI bus on a fake board, and functions to put there. */
#ifndef BANTAM_TEST_PCI_FIXTURE_H
#define BANTAM_TEST_PCI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "fake/fake_board.h"
#include "pci/bus.h"

#define BAR(n) (PCI_BASE_ADDRESS_0 + 4u * (n))

/* A function whose BAR 0 reads as tag, and what it was told. */
struct test_function {
	struct pci_function fn;
	struct msix msix;
	uint8_t tag;
	unsigned moves;	    /* calls of bar_moved() */
	gpa_t gpas[PCI_BARS]; /* as last told */
	unsigned window_offset, window_size;
	uint32_t window_value; /* as last written; reads give it back */
};

struct pci_fixture {
	struct fake_board fb;
	struct pci_bus bus;
	struct test_function functions[4]; /* all zero until a test makes them */
};

static inline struct test_function *test_of(struct pci_function *fn)
{
	return container_of(fn, struct test_function, fn);
}

static inline void note_move(struct pci_function *fn, unsigned bar, gpa_t gpa)
{
	test_of(fn)->moves++;
	test_of(fn)->gpas[bar] = gpa;
}

static inline uint32_t window_read(struct pci_function *fn, unsigned offset, unsigned size)
{
	test_of(fn)->window_offset = offset;
	test_of(fn)->window_size = size;
	return test_of(fn)->window_value;
}

static inline void window_write(struct pci_function *fn, unsigned offset, unsigned size,
				uint32_t value)
{
	test_of(fn)->window_offset = offset;
	test_of(fn)->window_size = size;
	test_of(fn)->window_value = value;
}

static inline uint64_t tag_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct test_function *t = ctx;

	(void)offset;
	(void)size;
	return t->tag * UINT64_C(0x0101010101010101);
}

static inline void tag_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct test_function *t = ctx;

	(void)offset;
	(void)size;
	t->tag = (uint8_t)value;
}

static const struct pci_identity test_identity = {
	.vendor = 0x1234, .device = 0x5678, .subsystem_vendor = 0xabcd, .subsystem = 0xef01,
	.revision = 0x23, .class_code = 0x018000, .pin = 1,
};
static const struct pci_ops test_ops = { note_move, window_read, window_write };
static const struct bus_ops tag_ops = { tag_read, tag_write };

/* Function i without BARs, known by tag. */
static inline struct pci_function *make_function(struct pci_fixture *f, unsigned i, uint8_t tag)
{
	struct test_function *t = &f->functions[i];

	memset(t, 0, sizeof(*t));
	t->tag = tag;
	for (unsigned bar = 0; bar < PCI_BARS; bar++)
		t->gpas[bar] = UINT64_MAX;
	pci_function_init(&t->fn, &test_identity, &test_ops);
	return &t->fn;
}

static inline void add_bar(struct pci_function *fn, unsigned bar, uint64_t len, bool is_64bit)
{
	const struct bus_region region = {
		.name = "test", .max_access = 8, .ops = &tag_ops, .ctx = test_of(fn),
	};

	pci_add_bar(fn, bar, len, is_64bit, false, &region);
}

static inline void plug(struct pci_fixture *f, struct pci_function *fn, unsigned devfn)
{
	assert_int_equal(pci_bus_add(&f->bus, fn, devfn, NULL), 0);
}

static inline uint32_t config32(struct pci_function *fn, unsigned offset)
{
	return pci_function_read(fn, offset, 4);
}

static inline uint16_t config16(struct pci_function *fn, unsigned offset)
{
	return (uint16_t)pci_function_read(fn, offset, 2);
}

static inline void set_command(struct pci_function *fn, uint16_t command)
{
	pci_function_write(fn, PCI_COMMAND, 2, command);
}

static inline int pci_setup(void **state)
{
	struct pci_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_board_init(&f->fb);
	pci_bus_init(&f->bus, &f->fb.board);
	*state = f;
	return 0;
}

/* What goes leaves no region, no high line and no message line behind. */
static inline int pci_teardown(void **state)
{
	struct pci_fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_LEN(f->functions); i++)
		if (f->functions[i].fn.bus)
			pci_bus_remove(&f->bus, &f->functions[i].fn);
	assert_int_equal(f->fb.mmio.region_count, 0);
	assert_int_equal(f->fb.msi_open_count, 0);
	for (unsigned gsi = 0; gsi < FAKE_GSIS; gsi++)
		assert_int_equal(f->fb.irq_level[gsi], 0);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pci_setup, pci_teardown)

#endif
