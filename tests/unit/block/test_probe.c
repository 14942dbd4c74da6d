#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "block/probe.h"

static const char *probe(unsigned offset, const void *bytes, size_t len)
{
	uint8_t first[PROBE_BYTES] = { 0 };

	memcpy(first + offset, bytes, len);
	return probe_format(first);
}

#define PROBE(offset, text) probe(offset, text, sizeof(text) - 1)

static void image_headers_are_told_apart(void **state)
{
	(void)state;
	assert_string_equal(PROBE(0, "QFI\xfb\0\0\0\x03"), "qcow2");
	assert_string_equal(PROBE(0, "QFI\xfb\0\0\0\x02"), "qcow2");
	assert_string_equal(PROBE(0, "QFI\xfb\0\0\0\x04"), "qcow2");
	assert_string_equal(PROBE(0, "QFI\xfb\0\0\0\x01"), "qcow");
	assert_string_equal(PROBE(0, "QED\0"), "QED");
	assert_string_equal(PROBE(0, "KDMV\1\0\0\0"), "VMDK");
	assert_string_equal(PROBE(0, "COWD"), "VMDK");
	assert_string_equal(PROBE(0, "# Disk DescriptorFile\nversion=1\n"), "VMDK");
	assert_string_equal(PROBE(64, "\x7f\x10\xda\xbe"), "VDI");
	assert_string_equal(PROBE(0, "vhdxfile"), "VHDX");
	assert_string_equal(PROBE(0, "conectix"), "VHD");
	assert_string_equal(PROBE(0, "WithoutFreeSpace"), "Parallels");
	assert_string_equal(PROBE(0, "WithouFreSpacExt"), "Parallels");
	assert_string_equal(PROBE(0, "Bochs Virtual HD Image"), "Bochs");
}

/* A descriptor may begin otherwise than with its usual first line. */
static void text_that_is_a_vmdk_descriptor_is_found_behind_comments(void **state)
{
	char first[PROBE_BYTES];

	(void)state;
	assert_string_equal(PROBE(0, "version=1\n"), "VMDK");
	assert_string_equal(PROBE(0, "# x\r\n\n  \r\n#\nversion=3\n"), "VMDK");
	assert_null(PROBE(0, "# x\nvers"));
	assert_null(PROBE(0, "# x\nfoo\nversion=1\n"));
	memset(first, '#', sizeof(first));
	assert_null(probe(0, first, sizeof(first)));
	memset(first, ' ', sizeof(first));
	assert_null(probe(0, first, sizeof(first)));
	memset(first, '\n', sizeof(first));
	memcpy(first + PROBE_BYTES - 8, "version=", 8);
	assert_string_equal(probe(0, first, sizeof(first)), "VMDK");
	memcpy(first + PROBE_BYTES - 8, "\nversion", 8);
	assert_null(probe(0, first, sizeof(first)));
}

static void what_disks_begin_with_is_raw(void **state)
{
	static const char grub[] = "\xeb\x63\x90\x10\x8e\xd0\xbc\x00\xb0";

	(void)state;
	assert_null(PROBE(0, ""));
	assert_null(PROBE(0, grub));
	assert_null(PROBE(510, "\x55\xaa"));
	assert_null(PROBE(0, "LUKS\xba\xbe")); /* a guest's own encryption */
	assert_null(PROBE(0, "XFSB"));
	assert_null(PROBE(1, "QFI\xfb\0\0\0\x03"));
	assert_null(PROBE(0, "QFI"));
	assert_null(PROBE(0, "#!/bin/sh\necho\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_headers_are_told_apart),
		cmocka_unit_test(text_that_is_a_vmdk_descriptor_is_found_behind_comments),
		cmocka_unit_test(what_disks_begin_with_is_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
