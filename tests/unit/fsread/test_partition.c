#include "fsread_fixture.h"

#include "fsread/crc.h"
#include "fsread/partition.h"

#define SECTORS (DISK_BYTES / 512)

static struct partition_table table;

static void put_entry(uint8_t *sector, unsigned i, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = sector + 446 + 16 * i;

	e[4] = type;
	le32_store(e + 8, start);
	le32_store(e + 12, count);
	le16_store(sector + 510, 0xaa55);
}

static void assert_partition(unsigned i, unsigned number, uint64_t sector, uint64_t count)
{
	assert_true(i < table.count);
	assert_int_equal(table.entries[i].number, number);
	assert_int_equal(table.entries[i].start_bytes, sector * 512);
	assert_int_equal(table.entries[i].size_bytes, count * 512);
}

static void primary_partitions_keep_their_numbers(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	put_entry(d->bytes, 0, 0x83, 1, 10);
	put_entry(d->bytes, 2, 0x0c, 20, 30);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.scheme, SCHEME_MBR);
	assert_int_equal(table.count, 2);
	assert_partition(0, 1, 1, 10);
	assert_partition(1, 3, 20, 30);
	assert_ptr_equal(partition_find(&table, 3), &table.entries[1]);
	assert_null(partition_find(&table, 2));
	disk_free(d);
}

static void logical_partitions_count_from_five(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	put_entry(d->bytes, 1, 0x0f, 20, 80);
	put_entry(d->bytes + 20 * 512, 0, 0x83, 2, 5);
	put_entry(d->bytes + 20 * 512, 1, 0x05, 10, 20);
	put_entry(d->bytes + 30 * 512, 0, 0x83, 1, 6);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.count, 2);
	assert_partition(0, 5, 22, 5);
	assert_partition(1, 6, 31, 6);
	assert_int_equal(table.faults, 0);
	disk_free(d);
}

static void a_chain_that_bites_its_tail_ends(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	put_entry(d->bytes, 0, 0x05, 20, 80);
	put_entry(d->bytes + 20 * 512, 0, 0x83, 2, 5);
	put_entry(d->bytes + 20 * 512, 1, 0x05, 0, 20);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_true(table.faults & PARTITION_CHAIN);
	assert_int_equal(table.count, PARTITIONS_MAX);
	disk_free(d);
}

static void a_chain_that_leaves_the_disk_ends(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	put_entry(d->bytes, 0, 0x05, UINT32_MAX, 80);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.faults, PARTITION_CHAIN);
	assert_int_equal(table.count, 0);
	disk_free(d);
}

static void a_partition_is_cut_where_the_disk_ends(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	put_entry(d->bytes, 0, 0x83, 100, UINT32_MAX);
	put_entry(d->bytes, 1, 0x83, SECTORS, 1);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.count, 1);
	assert_partition(0, 1, 100, SECTORS - 100);
	assert_int_equal(table.faults, PARTITION_CUT);
	disk_free(d);
}

/* What stands in the place of the entries there is code or text. */
static void a_boot_sector_of_a_file_system_is_no_table(void **state)
{
	static const char *const whole[] = { "fat12", "fat16", "fat32", "ext4" };
	struct disk *d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		d = disk_new(whole[i]);
		assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
		assert_int_equal(table.scheme, SCHEME_NONE);
		disk_free(d);
	}
	d = disk_new(NULL);
	put_entry(d->bytes, 0, 0x83, 1, 10);
	d->bytes[446] = 'x';
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.scheme, SCHEME_NONE);
	disk_free(d);
}

static void gpt_gives_names(void **state)
{
	struct disk *d = disk_new("gpt");

	(void)state;
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.scheme, SCHEME_GPT);
	assert_int_equal(table.faults, 0);
	assert_int_equal(table.count, 2);
	assert_partition(0, 1, 4, 37);
	assert_partition(1, 2, 41, 60);
	assert_string_equal(table.entries[0].name, "nam");
	disk_free(d);
}

static void a_damaged_gpt_is_read_from_its_backup(void **state)
{
	/* the header's fields, its own sum, an entry */
	static const unsigned places[] = { 512 + 40, 512 + 16, 1024 + 32, 512 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct disk *d = disk_new("gpt");

		d->bytes[places[i]] ^= 1;
		assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
		assert_int_equal(table.faults, PARTITION_BACKUP);
		assert_int_equal(table.count, 2);
		assert_partition(0, 1, 4, 37);
		disk_free(d);
	}
}

static void a_header_that_belongs_elsewhere_is_damaged(void **state)
{
	struct disk *d = disk_new("gpt");

	(void)state;
	memcpy(d->bytes + 512, d->bytes + DISK_BYTES - 512, 512);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.faults, PARTITION_BACKUP);
	disk_free(d);
}

static void a_gpt_without_its_backup_is_told(void **state)
{
	struct disk *d = disk_new("gpt");

	(void)state;
	memset(d->bytes + DISK_BYTES - 512, 0, 512);
	assert_int_equal(partition_read(&d->reader, &table, NULL), 0);
	assert_int_equal(table.faults, PARTITION_NO_BACKUP);
	assert_int_equal(table.count, 2);
	disk_free(d);
}

static void a_gpt_that_is_damaged_twice_is_refused(void **state)
{
	struct disk *d = disk_new("gpt");
	struct err err = { "" };

	(void)state;
	d->bytes[512 + 40] ^= 1;
	d->bytes[DISK_BYTES - 512 + 40] ^= 1;
	assert_int_equal(partition_read(&d->reader, &table, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "both copies"));
	disk_free(d);
}

/* The sum is right, the number is not. */
static void a_gpt_of_endless_entries_is_refused(void **state)
{
	struct disk *d = disk_new("gpt");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *h = d->bytes + (i ? DISK_BYTES - 512 : 512);

		le32_store(h + 80, UINT32_MAX);
		le32_store(h + 16, 0);
		le32_store(h + 16, ~crc32_run(UINT32_MAX, h, 92));
	}
	assert_int_equal(partition_read(&d->reader, &table, NULL), -EUCLEAN);
	disk_free(d);
}

static void what_the_reader_says_goes_up(void **state)
{
	struct disk *d = disk_new("mbr");
	struct err err = { "" };

	(void)state;
	d->fails = -ETIMEDOUT;
	assert_int_equal(partition_read(&d->reader, &table, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "cannot read"));
	disk_free(d);
}

static void each_fault_has_its_text(void **state)
{
	unsigned faults = PARTITION_CUT | PARTITION_BACKUP | PARTITION_NO_BACKUP | PARTITION_CHAIN |
			  PARTITION_MANY;
	unsigned count = 0;

	(void)state;
	while (partition_fault_text(&faults))
		count++;
	assert_int_equal(count, 5);
	assert_int_equal(faults, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(primary_partitions_keep_their_numbers),
		cmocka_unit_test(logical_partitions_count_from_five),
		cmocka_unit_test(a_chain_that_bites_its_tail_ends),
		cmocka_unit_test(a_chain_that_leaves_the_disk_ends),
		cmocka_unit_test(a_partition_is_cut_where_the_disk_ends),
		cmocka_unit_test(a_boot_sector_of_a_file_system_is_no_table),
		cmocka_unit_test(gpt_gives_names),
		cmocka_unit_test(a_damaged_gpt_is_read_from_its_backup),
		cmocka_unit_test(a_header_that_belongs_elsewhere_is_damaged),
		cmocka_unit_test(a_gpt_without_its_backup_is_told),
		cmocka_unit_test(a_gpt_that_is_damaged_twice_is_refused),
		cmocka_unit_test(a_gpt_of_endless_entries_is_refused),
		cmocka_unit_test(what_the_reader_says_goes_up),
		cmocka_unit_test(each_fault_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
