#include "host/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

/* Constants of the program file, in a segment that nobody may write to; a whole page of
 * them is among these. */
static const uint8_t constants[3 * PAGE_BYTES] = { [PAGE_BYTES] = 0x5a, [2 * PAGE_BYTES] = 1 };

static const volatile uint8_t *page_of_constants(void)
{
	const uintptr_t at = ((uintptr_t)constants + PAGE_BYTES) & ~(uintptr_t)(PAGE_BYTES - 1);

	return (const volatile uint8_t *)at;
}

static int open_pagemap(void)
{
	const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* No string in here: it would be among the constants, and its neighbours would come back
 * into memory with it. */
static bool is_present(int pagemap, const volatile void *at)
{
	uint64_t page = 0;

	if (pread(pagemap, &page, sizeof(page),
		  (off_t)((uintptr_t)at / PAGE_BYTES * sizeof(page))) < 0)
		return false;
	return (page >> 63) != 0;
}

static uint8_t sum(const volatile uint8_t *bytes)
{
	uint8_t all = 0;

	for (unsigned i = 0; i < PAGE_BYTES; i++)
		all = (uint8_t)(all + bytes[i]);
	return all;
}

static void constants_leave_memory_and_come_back_as_they_were(void **state)
{
	const volatile uint8_t *page = page_of_constants();
	const uint8_t sum_before = sum(page);
	const int pagemap = open_pagemap();
	bool before, after;

	(void)state;
	before = is_present(pagemap, page);
	program_trim();
	after = is_present(pagemap, page);
	assert_true(before);
	assert_false(after);
	assert_int_equal(sum(page), sum_before);
	close(pagemap);
}

/* As a debugger does to set a breakpoint. */
static void page_that_was_changed_stays_as_it_is(void **state)
{
	volatile uint8_t *page = (volatile uint8_t *)(uintptr_t)page_of_constants();

	(void)state;
	assert_int_equal(mprotect((void *)(uintptr_t)page, PAGE_BYTES, PROT_READ | PROT_WRITE), 0);
	page[17] = 0xcc;
	assert_int_equal(mprotect((void *)(uintptr_t)page, PAGE_BYTES, PROT_READ), 0);
	program_trim();
	assert_int_equal(page[17], 0xcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constants_leave_memory_and_come_back_as_they_were),
		cmocka_unit_test(page_that_was_changed_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
