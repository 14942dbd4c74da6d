/* A small bzImage made in memory. */
#ifndef BANTAM_TEST_BZIMAGE_FIXTURE_H
#define BANTAM_TEST_BZIMAGE_FIXTURE_H

#include "unit/boot/load_fixture.h"

#include "boot/zeropage.h"

#define SETUP_BYTES (3 * 512u) /* boot sector and two setup sectors */
#define CODE_BYTES  0x8000u
#define CODE_AT	    UINT64_C(0x1000000)

/* A relocatable 64-bit kernel of protocol 2.15 that wants to run at 16 MiB and
 * 1 MiB of memory. */
static inline void make_bzimage(struct fixture *f)
{
	uint8_t *h = f->image;

	h[HDR_SETUP_SECTS] = 2;
	le32_store(h + HDR_SYSSIZE, CODE_BYTES / 16);
	le16_store(h + HDR_BOOT_FLAG, 0xaa55);
	h[HDR_JUMP_OFFSET] = 0x6a;
	memcpy(h + HDR_MAGIC, "HdrS", 4);
	le16_store(h + HDR_VERSION, 0x020f);
	h[HDR_LOADFLAGS] = 1;
	le32_store(h + HDR_CODE32_START, 0x100000);
	le32_store(h + HDR_INITRD_ADDR_MAX, 0x7fffffff);
	le32_store(h + HDR_KERNEL_ALIGNMENT, 0x200000);
	h[HDR_RELOCATABLE_KERNEL] = 1;
	le16_store(h + HDR_XLOADFLAGS, 1);
	le32_store(h + HDR_CMDLINE_SIZE, 2047);
	le32_store(h + HDR_PAYLOAD_OFFSET, 0x400);
	le32_store(h + HDR_PAYLOAD_LENGTH, 0x1000);
	le64_store(h + HDR_PREF_ADDRESS, CODE_AT);
	le32_store(h + HDR_INIT_SIZE, (uint32_t)MIB(1));
	for (uint32_t i = 0; i < CODE_BYTES; i++)
		h[SETUP_BYTES + i] = (uint8_t)(i * 7 + (i >> 8));
	set_kernel_size(f, SETUP_BYTES + CODE_BYTES);
}

static inline const uint8_t *page(const struct fixture *f)
{
	return f->ram + LAYOUT_BOOT_PARAMS;
}

#endif
