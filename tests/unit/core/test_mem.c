#include "core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define HIGH (UINT64_C(1) << 32)

/* Blocks: [0, 2 pages), [2 pages, 3 pages) which touch, and one at 4 GiB. */
static uint8_t low[2 * PAGE], mid[PAGE], high[PAGE];
static struct mem mem;

static int setup(void **state)
{
	(void)state;
	memset(&mem, 0, sizeof(mem));
	for (unsigned i = 0; i < sizeof(low); i++)
		low[i] = (uint8_t)i;
	memset(mid, 0x55, sizeof(mid));
	memset(high, 0xaa, sizeof(high));
	assert_int_equal(mem_add(&mem, 0, sizeof(low), low), 0);
	assert_int_equal(mem_add(&mem, 2 * PAGE, sizeof(mid), mid), 0);
	assert_int_equal(mem_add(&mem, HIGH, sizeof(high), high), 0);
	return 0;
}

static void blocks_must_be_whole_pages_in_rising_order(void **state)
{
	(void)state;
	assert_int_equal(mem_add(&mem, HIGH + PAGE, 0, high), -EINVAL);
	assert_int_equal(mem_add(&mem, HIGH + PAGE, 100, high), -EINVAL);
	assert_int_equal(mem_add(&mem, HIGH + PAGE + 1, PAGE, high), -EINVAL);
	assert_int_equal(mem_add(&mem, HIGH, PAGE, high), -EINVAL);
	assert_int_equal(mem_add(&mem, 3 * PAGE, PAGE, high), -EINVAL);
	assert_int_equal(mem_add(&mem, UINT64_MAX - PAGE + 1, PAGE, high), -EINVAL);
	assert_int_equal(mem.block_count, 3);
	assert_int_equal(mem_add(&mem, HIGH + PAGE, PAGE, high), 0);
}

static void the_table_of_blocks_is_bounded(void **state)
{
	(void)state;
	while (mem.block_count < MEM_BLOCKS_MAX)
		assert_int_equal(mem_add(&mem, HIGH + mem.block_count * PAGE, PAGE, high), 0);
	assert_int_equal(mem_add(&mem, HIGH * 2, PAGE, high), -ENOSPC);
}

static void a_span_is_the_hosts_address_of_the_guests_bytes(void **state)
{
	uint8_t *p;

	(void)state;
	assert_int_equal(mem_span(&mem, 0, 2 * PAGE, &p), 0);
	assert_ptr_equal(p, low);
	assert_int_equal(mem_span(&mem, PAGE + 7, PAGE - 7, &p), 0);
	assert_ptr_equal(p, low + PAGE + 7);
	assert_int_equal(mem_span(&mem, HIGH + PAGE - 1, 1, &p), 0);
	assert_ptr_equal(p, high + PAGE - 1);
}

static void a_span_of_nothing_is_refused(void **state)
{
	uint8_t *p;

	(void)state;
	assert_int_equal(mem_span(&mem, 0, 0, &p), -EINVAL);
}

static void a_span_that_leaves_its_block_is_refused(void **state)
{
	uint8_t *p;

	(void)state;
	assert_int_equal(mem_span(&mem, 2 * PAGE - 1, 2, &p), -EFAULT); /* crosses */
	assert_int_equal(mem_span(&mem, 3 * PAGE - 1, 2, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, 3 * PAGE, 1, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, HIGH - 1, 2, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, HIGH + PAGE, 1, &p), -EFAULT);
}

static void no_length_wraps_a_span_round(void **state)
{
	uint8_t *p;

	(void)state;
	assert_int_equal(mem_span(&mem, 1, UINT64_MAX, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, HIGH, UINT64_MAX - HIGH + 1, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, HIGH + 8, UINT64_MAX - 7, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, UINT64_MAX, 1, &p), -EFAULT);
	assert_int_equal(mem_span(&mem, UINT64_MAX, 2, &p), -EFAULT);
}

static void copies_cross_blocks_that_touch(void **state)
{
	uint8_t out[8];

	(void)state;
	assert_int_equal(mem_read(&mem, 2 * PAGE - 4, out, 8), 0);
	assert_memory_equal(out, "\xfc\xfd\xfe\xff\x55\x55\x55\x55", 8);
	assert_int_equal(mem_write(&mem, 2 * PAGE - 4, "abcdefgh", 8), 0);
	assert_memory_equal(low + 2 * PAGE - 4, "abcd", 4);
	assert_memory_equal(mid, "efgh", 4);
}

static void a_copy_that_meets_a_hole_copies_nothing(void **state)
{
	uint8_t out[8];

	(void)state;
	memset(out, 0x11, sizeof(out));
	assert_int_equal(mem_read(&mem, 3 * PAGE - 4, out, 8), -EFAULT);
	for (unsigned i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0x11);
	assert_int_equal(mem_write(&mem, 3 * PAGE - 4, out, 8), -EFAULT);
	assert_int_equal(mid[PAGE - 4], 0x55);
	assert_int_equal(mem_write(&mem, 3 * PAGE, out, 1), -EFAULT);
}

static void no_length_wraps_a_copy_round(void **state)
{
	uint8_t out[1];

	(void)state;
	assert_int_equal(mem_read(&mem, 1, out, UINT64_MAX), -EFAULT);
	assert_int_equal(mem_write(&mem, HIGH, out, UINT64_MAX - HIGH + 2), -EFAULT);
}

static void a_copy_of_nothing_succeeds(void **state)
{
	(void)state;
	assert_int_equal(mem_read(&mem, UINT64_MAX, NULL, 0), 0);
	assert_int_equal(mem_write(&mem, 3 * PAGE, NULL, 0), 0);
}

static void pieces_are_one_a_block(void **state)
{
	struct iovec iov[3] = { 0 };

	(void)state;
	assert_int_equal(mem_iov(&mem, PAGE + 7, PAGE - 7, iov, 3), 1);
	assert_ptr_equal(iov[0].iov_base, low + PAGE + 7);
	assert_int_equal(iov[0].iov_len, PAGE - 7);
	assert_int_equal(mem_iov(&mem, 2 * PAGE - 4, PAGE + 4, iov, 3), 2);
	assert_ptr_equal(iov[0].iov_base, low + 2 * PAGE - 4);
	assert_int_equal(iov[0].iov_len, 4);
	assert_ptr_equal(iov[1].iov_base, mid);
	assert_int_equal(iov[1].iov_len, PAGE);
	assert_null(iov[2].iov_base);
	assert_int_equal(mem_iov(&mem, HIGH + PAGE - 1, 1, iov, 1), 1);
	assert_ptr_equal(iov[0].iov_base, high + PAGE - 1);
}

static void pieces_that_find_no_room_are_refused(void **state)
{
	struct iovec iov[2] = { 0 };

	(void)state;
	assert_int_equal(mem_iov(&mem, 2 * PAGE - 1, 2, iov, 1), -ENOBUFS);
	assert_null(iov[1].iov_base);
	assert_int_equal(mem_iov(&mem, 2 * PAGE - 1, 2, iov, 2), 2);
	assert_int_equal(mem_iov(&mem, 0, 1, iov, 0), -ENOBUFS);
}

static void pieces_of_nothing_or_beyond_ram_are_refused(void **state)
{
	struct iovec iov[4];

	(void)state;
	assert_int_equal(mem_iov(&mem, 0, 0, iov, 4), -EINVAL);
	assert_int_equal(mem_iov(&mem, 3 * PAGE - 1, 2, iov, 4), -EFAULT);
	assert_int_equal(mem_iov(&mem, HIGH - 1, 2, iov, 4), -EFAULT);
	assert_int_equal(mem_iov(&mem, 0, UINT64_MAX, iov, 4), -EFAULT);
	assert_int_equal(mem_iov(&mem, HIGH + 8, UINT64_MAX - 7, iov, 4), -EFAULT);
	assert_int_equal(mem_iov(&mem, UINT64_MAX, 2, iov, 4), -EFAULT);
}

static void the_total_is_the_sum_of_the_blocks(void **state)
{
	const struct mem none = { 0 };

	(void)state;
	assert_int_equal(mem_total(&mem), 4 * PAGE);
	assert_int_equal(mem_total(&none), 0);
}

/* Four pages of ones that the host can take back: the memory of fd, or private. */
static uint8_t *map_ones(int fd)
{
	uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			  fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	return p;
}

static bool is_resident(uint8_t *page)
{
	unsigned char flags;

	assert_int_equal(mincore(page, PAGE, &flags), 0);
	return flags & 1;
}

static void check_page(uint8_t *page, int value)
{
	for (unsigned i = 0; i < PAGE; i++)
		if (page[i] != value)
			fail_msg("byte %u is %d", i, page[i]);
}

/* Blocks of two pages each, side by side for the host and apart for the guest. */
static void discard_middle_of(int fd)
{
	uint8_t *p = map_ones(fd);
	struct mem m = { 0 };

	assert_int_equal(mem_add_file(&m, 0, 2 * PAGE, p, fd, 0), 0);
	assert_int_equal(mem_add_file(&m, HIGH, 2 * PAGE, p + 2 * PAGE, fd, 2 * PAGE), 0);
	assert_int_equal(mem_discard(&m, p + PAGE, 2 * PAGE), 0);
	assert_true(is_resident(p));
	assert_false(is_resident(p + PAGE));
	assert_false(is_resident(p + 2 * PAGE));
	assert_true(is_resident(p + 3 * PAGE));
	if (fd >= 0) { /* before a read below fills the hole again */
		assert_int_equal(lseek(fd, 0, SEEK_HOLE), PAGE);
		assert_int_equal(lseek(fd, PAGE, SEEK_DATA), 3 * PAGE);
	}
	check_page(p, 1);
	check_page(p + PAGE, 0);
	check_page(p + 2 * PAGE, 0);
	check_page(p + 3 * PAGE, 1);
	munmap(p, 4 * PAGE);
}

static void discarded_private_pages_are_gone_and_read_as_zeros(void **state)
{
	(void)state;
	discard_middle_of(-1);
}

static void discarded_pages_leave_the_file_that_is_mapped(void **state)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	discard_middle_of(fd);
	close(fd);
}

static void only_whole_pages_are_discarded(void **state)
{
	uint8_t *p = map_ones(-1);
	struct mem m = { 0 };

	(void)state;
	assert_int_equal(mem_add(&m, 0, 4 * PAGE, p), 0);
	assert_int_equal(mem_discard(&m, p + 1, PAGE - 1), 0);
	assert_int_equal(mem_discard(&m, p + PAGE - 1, PAGE), 0);
	check_page(p, 1);
	check_page(p + PAGE, 1);
	assert_int_equal(mem_discard(&m, p + 1, 3 * PAGE), 0);
	check_page(p, 1);
	check_page(p + PAGE, 0);
	check_page(p + 2 * PAGE, 0);
	check_page(p + 3 * PAGE, 1);
	munmap(p, 4 * PAGE);
}

static void what_is_no_ram_cannot_be_discarded(void **state)
{
	uint8_t *p = map_ones(-1);
	struct mem m = { 0 };

	(void)state;
	assert_int_equal(mem_add(&m, 0, 2 * PAGE, p + PAGE), 0);
	assert_int_equal(mem_discard(&m, p, PAGE), -EFAULT);
	assert_int_equal(mem_discard(&m, p + 2 * PAGE, 2 * PAGE), -EFAULT);
	check_page(p, 1);
	check_page(p + 3 * PAGE, 1);
	munmap(p, 4 * PAGE);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blocks_must_be_whole_pages_in_rising_order),
		TEST(the_table_of_blocks_is_bounded),
		TEST(a_span_is_the_hosts_address_of_the_guests_bytes),
		TEST(a_span_of_nothing_is_refused),
		TEST(a_span_that_leaves_its_block_is_refused),
		TEST(no_length_wraps_a_span_round),
		TEST(copies_cross_blocks_that_touch),
		TEST(a_copy_that_meets_a_hole_copies_nothing),
		TEST(no_length_wraps_a_copy_round),
		TEST(a_copy_of_nothing_succeeds),
		TEST(pieces_are_one_a_block),
		TEST(pieces_that_find_no_room_are_refused),
		TEST(pieces_of_nothing_or_beyond_ram_are_refused),
		TEST(discarded_private_pages_are_gone_and_read_as_zeros),
		TEST(discarded_pages_leave_the_file_that_is_mapped),
		TEST(only_whole_pages_are_discarded),
		TEST(what_is_no_ram_cannot_be_discarded),
		TEST(the_total_is_the_sum_of_the_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
