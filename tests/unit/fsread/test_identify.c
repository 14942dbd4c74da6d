#include "fsread_fixture.h"

#include "fsread/identify.h"

static void assert_identity(struct disk *d, const char *type, const char *uuid, const char *label)
{
	struct identity id;

	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	if (!type) {
		assert_null(id.type);
		return;
	}
	assert_string_equal(id.type, type);
	assert_string_equal(id.uuid, uuid);
	assert_string_equal(id.label, label);
}

static void put(struct disk *d, size_t at, const char *bytes, size_t len)
{
	memcpy(d->bytes + at, bytes, len);
}

#define PUT(d, at, text) put(d, at, text, sizeof(text) - 1)

static void what_is_known_by_its_magic_is_named(void **state)
{
	static const uint8_t uuid[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					  0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	const char *text = "01234567-89ab-cdef-fedc-ba9876543210";
	struct disk *d = disk_new(NULL);

	(void)state;
	assert_identity(d, NULL, NULL, NULL);
	PUT(d, 0, "XFSB");
	memcpy(d->bytes + 32, uuid, 16);
	PUT(d, 108, "twelve chars");
	assert_identity(d, "xfs", text, "twelve chars");
	memset(d->bytes, 0, DISK_BYTES);
	PUT(d, 4086, "SWAPSPACE2");
	memcpy(d->bytes + 0x40c, uuid, 16);
	PUT(d, 0x41c, "swap ");
	assert_identity(d, "swap", text, "swap");
	memset(d->bytes, 0, DISK_BYTES);
	PUT(d, 0, "LUKS\xba\xbe\0\2");
	PUT(d, 24, "secret");
	put(d, 168, text, 37);
	assert_identity(d, "crypto_LUKS", text, "secret");
	memset(d->bytes, 0, DISK_BYTES);
	PUT(d, 536, "LVM2 001abcdefghijklmnopqrstuvwxyz012345");
	assert_identity(d, "LVM2_member", "abcdef-ghij-klmn-opqr-stuv-wxyz-012345", "");
	memset(d->bytes, 0, DISK_BYTES);
	PUT(d, 3, "NTFS    ");
	le64_store(d->bytes + 72, 0x123456789abcdef0);
	assert_identity(d, "ntfs", "123456789ABCDEF0", "");
	disk_free(d);
}

static void a_uuid_cannot_speak_to_a_terminal(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	PUT(d, 536, "LVM2 001\033]0;x\007ghijklmnopqrstuvwxyz012345");
	assert_identity(d, "LVM2_member", "??0?x?-ghij-klmn-opqr-stuv-wxyz-012345", "");
	disk_free(d);
}

static void ext_is_told_by_what_it_can(void **state)
{
	struct disk *d = disk_new("ext2");
	struct identity id;

	(void)state;
	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	assert_string_equal(id.type, "ext2");
	assert_int_equal(strlen(id.uuid), 36);
	d->bytes[1024 + 0x5c] |= 4; /* a journal */
	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	assert_string_equal(id.type, "ext3");
	d->bytes[1024 + 0x60] |= 0x40; /* extents */
	memset(d->bytes + 1024 + 0x78, 'L', 16);
	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	assert_string_equal(id.type, "ext4");
	assert_string_equal(id.label, "LLLLLLLLLLLLLLLL");
	disk_free(d);
}

static void fat_has_its_label_as_a_file(void **state)
{
	struct disk *d = disk_new("fat16");
	struct identity id;

	(void)state;
	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	assert_string_equal(id.type, "vfat");
	assert_string_equal(id.label, "LAB");
	memset(d->bytes + 43, 'B', 11); /* the boot sector's is older */
	assert_int_equal(identify(&d->reader, &id, NULL), 0);
	assert_string_equal(id.label, "LAB");
	disk_free(d);
}

static void a_short_disk_is_nothing(void **state)
{
	struct disk *d = disk_new(NULL);

	(void)state;
	for (uint64_t size = 0; size < 5000; size += 37) {
		d->reader.size_bytes = size;
		assert_identity(d, NULL, NULL, NULL);
	}
	disk_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_by_its_magic_is_named),
		cmocka_unit_test(a_uuid_cannot_speak_to_a_terminal),
		cmocka_unit_test(ext_is_told_by_what_it_can),
		cmocka_unit_test(fat_has_its_label_as_a_file),
		cmocka_unit_test(a_short_disk_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
