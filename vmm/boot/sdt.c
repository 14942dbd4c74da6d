#include "boot/sdt.h"

#include <assert.h>
#include <string.h>

/* Offsets in the header, ACPI 6.4 section 5.2.6. */
enum sdt_field {
	SDT_LENGTH = 4,
	SDT_CHECKSUM = 9,
};

#define SDT_ALIGN	 16u
#define OEM_REVISION	 1u
#define CREATOR_ID	 "BNTM"
#define CREATOR_REVISION 1u

size_t sdt_begin(struct emit *e, const char *signature, uint8_t revision)
{
	size_t start;

	assert(strlen(signature) == 4);
	emit_align(e, SDT_ALIGN);
	start = e->len;
	emit_text(e, signature, 4);
	emit_u32(e, 0); /* length */
	emit_u8(e, revision);
	emit_u8(e, 0); /* checksum */
	emit_text(e, ACPI_OEM_ID, 6);
	emit_text(e, ACPI_OEM_TABLE_ID, 8);
	emit_u32(e, OEM_REVISION);
	emit_text(e, CREATOR_ID, 4);
	emit_u32(e, CREATOR_REVISION);
	assert(e->overflow || e->len - start == SDT_HEADER_BYTES);
	return start;
}

void sdt_end(struct emit *e, size_t start)
{
	const size_t len = e->len - start;

	emit_patch_u32(e, start + SDT_LENGTH, (uint32_t)len);
	emit_patch_checksum(e, start + SDT_CHECKSUM, start, len);
}
