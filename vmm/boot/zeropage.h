/* boot/zeropage.h: Linux's boot_params, the "zero page".
 * Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header", and
 * Documentation/arch/x86/zero-page.rst.  The header's offsets are the same in a
 * bzImage file and in the page. */
#ifndef BANTAM_BOOT_ZEROPAGE_H
#define BANTAM_BOOT_ZEROPAGE_H

#include "boot/initrd.h"
#include "boot/loader.h"

/* boot.rst, "The Real-Mode Kernel Header" */
#define HDR_START               0x1f1u
#define HDR_SETUP_SECTS         0x1f1u /* 1 byte */
#define HDR_SYSSIZE             0x1f4u /* 4 bytes, in 16-byte units */
#define HDR_BOOT_FLAG           0x1feu /* 2 bytes */
#define HDR_JUMP_OFFSET         0x201u /* 1 byte: the header ends this far behind 0x202 */
#define HDR_MAGIC               0x202u /* 4 bytes */
#define HDR_VERSION             0x206u /* 2 bytes */
#define HDR_TYPE_OF_LOADER      0x210u /* 1 byte */
#define HDR_LOADFLAGS           0x211u /* 1 byte */
#define HDR_CODE32_START        0x214u /* 4 bytes */
#define HDR_RAMDISK_IMAGE       0x218u /* 4 bytes */
#define HDR_RAMDISK_SIZE        0x21cu /* 4 bytes */
#define HDR_CMD_LINE_PTR        0x228u /* 4 bytes */
#define HDR_INITRD_ADDR_MAX     0x22cu /* 4 bytes: the last byte it may occupy */
#define HDR_KERNEL_ALIGNMENT    0x230u /* 4 bytes */
#define HDR_RELOCATABLE_KERNEL  0x234u /* 1 byte */
#define HDR_XLOADFLAGS          0x236u /* 2 bytes */
#define HDR_CMDLINE_SIZE        0x238u /* 4 bytes, without the NUL */
#define HDR_PAYLOAD_OFFSET      0x248u /* 4 bytes, from the protected-mode code */
#define HDR_PAYLOAD_LENGTH      0x24cu /* 4 bytes */
#define HDR_SETUP_DATA          0x250u /* 8 bytes */
#define HDR_PREF_ADDRESS        0x258u /* 8 bytes */
#define HDR_INIT_SIZE           0x260u /* 4 bytes */
#define HDR_END                 0x290u /* the page's next field (edd_mbr_sig_buffer) */

#define HDR_MAGIC_VALUE         UINT32_C(0x53726448) /* "HdrS" */
#define HDR_BOOT_FLAG_VALUE     0xaa55u
#define HDR_LOADER_UNDEFINED    0xffu /* boot.rst, "type_of_loader": no id assigned */
#define HDR_LOADED_HIGH         0x01u /* boot.rst, "loadflags" */
#define HDR_VERSION_64BIT       0x020cu /* 2.12: xloadflags with XLF_KERNEL_64 */

/* zero-page.rst */
#define ZP_ACPI_RSDP_ADDR       0x070u /* 8 bytes */
#define ZP_E820_ENTRIES         0x1e8u /* 1 byte */
#define ZP_E820_TABLE           0x2d0u /* 20 bytes each */
#define ZP_E820_ENTRY_BYTES     20u
#define ZP_E820_MAX             128u
#define ZP_BYTES                4096u

/* Borrow the page at LAYOUT_BOOT_PARAMS; still all zeros.  0 or -ENOMEM. */
int zeropage_span(const struct boot_job *job, uint8_t **page, struct err *err);

/* Fill what the boot loader owes, over the header that the caller put there:
 * loader type, command line pointer, initrd, memory map, RSDP. */
void zeropage_fill(const struct boot_job *job, uint8_t *page, const struct initrd *initrd);

#endif
