#include "unit/boot/load_fixture.h"

#include "boot/entry.h"

static uint64_t qword(const struct fixture *f, gpa_t gpa)
{
	return le64_load(f->ram + gpa);
}

/* Walk the page tables at cr3 as the CPU does; UINT64_MAX: not present. */
static uint64_t translate(const struct fixture *f, uint64_t cr3, uint64_t va)
{
	const uint64_t frame = UINT64_C(0x000ffffffffff000);
	const uint64_t pml4e = qword(f, (cr3 & frame) + 8 * (va >> 39 & 511));
	uint64_t pdpte, pde;

	if (!(pml4e & 1))
		return UINT64_MAX;
	pdpte = qword(f, (pml4e & frame) + 8 * (va >> 30 & 511));
	if (!(pdpte & 1))
		return UINT64_MAX;
	assert_int_equal(pdpte & 0x80, 0); /* no 1 GiB pages: not every CPU has them */
	pde = qword(f, (pdpte & frame) + 8 * (va >> 21 & 511));
	if (!(pde & 1))
		return UINT64_MAX;
	assert_int_equal(pde & 0x82, 0x82); /* large, writable */
	return (pde & frame) + (va & 0x1fffff);
}

static void first_4_gib_are_mapped_onto_themselves(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_LONG64 };

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	assert_int_equal(entry.cr3, LAYOUT_PAGE_TABLES);
	for (uint64_t va = 0; va < GIB(4); va += MIB(2))
		assert_int_equal(translate(f, entry.cr3, va + 0x1234), va + 0x1234);
	assert_int_equal(translate(f, entry.cr3, GIB(4)), UINT64_MAX);
	assert_int_equal(translate(f, entry.cr3, GIB(512)), UINT64_MAX);
}

static void long_mode_has_a_64_bit_code_segment(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_LONG64 };
	uint64_t cs;

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	cs = qword(f, entry.gdt_gpa + 0x10);
	assert_int_equal(cs >> 40 & 0xff, 0x9b); /* present, code, readable, accessed */
	assert_int_equal(cs >> 52 & 0xf, 0xa);	 /* G, L, not D */
}

static void protected_mode_has_flat_32_bit_segments_and_no_page_tables(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_PROT32 };

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	assert_int_equal(entry.gdt_gpa, LAYOUT_GDT);
	assert_int_equal(qword(f, entry.gdt_gpa), 0);
	assert_int_equal(qword(f, entry.gdt_gpa + ENTRY_CS_SELECTOR), 0x00cf9b000000ffff);
	assert_int_equal(qword(f, entry.gdt_gpa + ENTRY_DS_SELECTOR), 0x00cf93000000ffff);
	assert_int_equal(entry.cr3, 0);
	for (gpa_t gpa = LAYOUT_PAGE_TABLES; gpa < LAYOUT_STACK_TOP; gpa += 8)
		assert_int_equal(qword(f, gpa), 0);
}

static void gdt_holds_a_busy_task_of_16_bytes(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_LONG64 };

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	assert_int_equal(qword(f, entry.gdt_gpa + ENTRY_TSS_SELECTOR) >> 40 & 0xff, 0x8b);
	assert_int_equal(entry.gdt_limit, ENTRY_TSS_SELECTOR + 16 - 1);
}

static void real_mode_needs_nothing(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_REAL16 };

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	assert_int_equal(entry.gdt_gpa, 0);
	assert_int_equal(entry.cr3, 0);
	for (gpa_t gpa = 0; gpa < MIB(1); gpa += 8)
		assert_int_equal(qword(f, gpa), 0);
}

static void registers_of_the_loader_stay(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_LONG64, .rip = 1, .rsi = 2, .rsp = 3 };

	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	assert_int_equal(entry.rip, 1);
	assert_int_equal(entry.rsi, 2);
	assert_int_equal(entry.rsp, 3);
}

static void too_little_ram_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct boot_entry entry = { .mode = BOOT_PROT32 };

	guest_ram(f, LAYOUT_GDT);
	assert_int_equal(entry_prepare(&f->mem, &entry), -EFAULT);
	guest_ram(f, LAYOUT_PAGE_TABLES + LAYOUT_PAGE_TABLES_BYTES - 4096);
	assert_int_equal(entry_prepare(&f->mem, &entry), 0);
	entry.mode = BOOT_LONG64;
	assert_int_equal(entry_prepare(&f->mem, &entry), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(first_4_gib_are_mapped_onto_themselves),
		LOAD_TEST(long_mode_has_a_64_bit_code_segment),
		LOAD_TEST(protected_mode_has_flat_32_bit_segments_and_no_page_tables),
		LOAD_TEST(gdt_holds_a_busy_task_of_16_bytes),
		LOAD_TEST(real_mode_needs_nothing),
		LOAD_TEST(registers_of_the_loader_stay),
		LOAD_TEST(too_little_ram_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
