#include "boot/smbios.h"

#include <assert.h>

#include "boot/layout.h"

#define VENDOR	     "Bantam"
#define PRODUCT	     "Bantam"
#define VERSION_TEXT "1"
#define RELEASE_DATE "01/01/2026" /* mm/dd/yyyy: no year before which an OS has quirks */
#define SEGMENT	     ((uint16_t)(LAYOUT_SMBIOS >> 4)) /* of the "firmware" */

/* Structure types and the lengths of their formatted areas, section 7. */
enum smbios_type {
	TYPE_BIOS = 0,
	TYPE_SYSTEM = 1,
	TYPE_CHASSIS = 3,
	TYPE_PROCESSOR = 4,
	TYPE_MEMORY_ARRAY = 16,
	TYPE_MEMORY_DEVICE = 17,
	TYPE_MEMORY_MAPPED = 19,
	TYPE_BOOT = 32,
	TYPE_END = 127,
};

enum smbios_bytes {
	BYTES_BIOS = 0x18,
	BYTES_SYSTEM = 0x1b,
	BYTES_CHASSIS = 0x15,
	BYTES_PROCESSOR = 0x30,
	BYTES_MEMORY_ARRAY = 0x17,
	BYTES_MEMORY_DEVICE = 0x28,
	BYTES_MEMORY_MAPPED = 0x1f,
	BYTES_BOOT = 0x0b,
	BYTES_END = 0x04,
};

/* One per structure: unique, and the type can be read from it. */
#define HANDLE(type, n) ((uint16_t)((type) << 8 | (n)))
#define HANDLE_NONE	0xfffeu /* 7.18: no error information structure */
#define CACHE_NONE	0xffffu /* 7.5: no cache structure */

/* Entry points, sections 5.2.2 and 5.2.1. */
enum entry_field {
	ENTRY3_CHECKSUM = 5,
	ENTRY3_BYTES = 0x18,
	ENTRY21_CHECKSUM = 4,
	ENTRY21_DMI = 0x10, /* the older entry point inside the 2.1 one */
	ENTRY21_DMI_CHECKSUM = 0x15,
	ENTRY21_BYTES = 0x1f,
};

/* The largest size and address that the older fields hold. */
#define ARRAY_KIB_EXTENDED  UINT32_C(0x80000000) /* 7.17: see the extended capacity */
#define DEVICE_MIB_EXTENDED 0x7fffu		 /* 7.18: see the extended size */
#define MAPPED_KIB_EXTENDED UINT32_MAX		 /* 7.20: see the extended addresses */

_Static_assert(ENTRY3_BYTES <= SMBIOS_ENTRY21_OFFSET, "the 3.0 entry point ends before the 2.1");
_Static_assert(SMBIOS_ENTRY21_OFFSET + ENTRY21_BYTES <= SMBIOS_TABLE_OFFSET,
	       "the 2.1 entry point ends before the structures");

/* The structures as they are written: counts for the 2.1 entry point. */
struct table {
	struct emit *out;
	uint16_t count;
	size_t longest;	   /* bytes of the largest structure, with its strings */
	size_t start;	   /* of the structure at hand */
	unsigned expected; /* bytes of its formatted area */
};

static void begin(struct table *t, enum smbios_type type, unsigned n, enum smbios_bytes len)
{
	t->start = t->out->len;
	t->expected = len;
	emit_u8(t->out, (uint8_t)type);
	emit_u8(t->out, (uint8_t)len);
	emit_u16(t->out, HANDLE(type, n));
}

/* Strings (section 6.1.3) are numbered from 1 by their place in this NUL-separated
 * list, given as a literal, so that its own NUL is the list's second. */
static void end_with(struct table *t, const char *strings, size_t size)
{
	struct emit *out = t->out;

	assert(out->overflow || out->len - t->start == t->expected);
	if (size <= 1)
		emit_zeros(out, 2);
	else
		emit_bytes(out, strings, size);
	t->count++;
	t->longest = max_u64(t->longest, out->len - t->start);
}

#define END(t, strings) end_with(t, strings, sizeof(strings))

/* 7.1 */
static void put_bios(struct table *t)
{
	struct emit *out = t->out;

	begin(t, TYPE_BIOS, 0, BYTES_BIOS);
	emit_u8(out, 1); /* vendor */
	emit_u8(out, 2); /* version */
	emit_u16(out, SEGMENT);
	emit_u8(out, 3);     /* release date */
	emit_u8(out, 0);     /* 64 KiB */
	emit_u64(out, 0x08); /* characteristics: not supported */
	emit_u8(out, 0x01);  /* ACPI */
	emit_u8(out, 0x10);  /* a virtual machine */
	emit_u8(out, 1);     /* release 1.0 */
	emit_u8(out, 0);
	emit_u8(out, 0xff); /* no embedded controller */
	emit_u8(out, 0xff);
	END(t, VENDOR "\0" VERSION_TEXT "\0" RELEASE_DATE "\0");
}

/* 7.2 */
static void put_system(struct table *t)
{
	struct emit *out = t->out;

	begin(t, TYPE_SYSTEM, 0, BYTES_SYSTEM);
	emit_u8(out, 1);     /* manufacturer */
	emit_u8(out, 2);     /* product */
	emit_u8(out, 3);     /* version */
	emit_u8(out, 0);     /* no serial number */
	emit_zeros(out, 16); /* UUID: not present */
	emit_u8(out, 6);     /* woken by the power switch */
	emit_u8(out, 0);     /* no SKU */
	emit_u8(out, 0);     /* no family */
	END(t, VENDOR "\0" PRODUCT "\0" VERSION_TEXT "\0");
}

/* 7.4 */
static void put_chassis(struct table *t)
{
	struct emit *out = t->out;

	begin(t, TYPE_CHASSIS, 0, BYTES_CHASSIS);
	emit_u8(out, 1); /* manufacturer */
	emit_u8(out, 1); /* type: other */
	emit_u8(out, 0); /* no version, serial number, asset tag */
	emit_u8(out, 0);
	emit_u8(out, 0);
	emit_u8(out, 3); /* boot-up state: safe */
	emit_u8(out, 3); /* power supply state: safe */
	emit_u8(out, 3); /* thermal state: safe */
	emit_u8(out, 2); /* security: unknown */
	emit_u32(out, 0);
	emit_u8(out, 0); /* height unspecified */
	emit_u8(out, 0); /* power cords unspecified */
	emit_u8(out, 0); /* no contained elements */
	emit_u8(out, 0);
	END(t, VENDOR "\0");
}

/* 7.5: one socket with all vCPUs as its cores. */
static void put_processor(struct table *t, unsigned cpu_count)
{
	struct emit *out = t->out;

	begin(t, TYPE_PROCESSOR, 0, BYTES_PROCESSOR);
	emit_u8(out, 1);    /* socket */
	emit_u8(out, 3);    /* central processor */
	emit_u8(out, 1);    /* family: other */
	emit_u8(out, 2);    /* manufacturer */
	emit_u64(out, 0);   /* id: ask CPUID */
	emit_u8(out, 0);    /* no version */
	emit_u8(out, 0);    /* voltage unknown */
	emit_u16(out, 0);   /* external clock unknown */
	emit_u16(out, 0);   /* maximum speed unknown */
	emit_u16(out, 0);   /* current speed unknown */
	emit_u8(out, 0x41); /* populated, enabled */
	emit_u8(out, 1);    /* upgrade: other */
	for (unsigned level = 1; level <= 3; level++)
		emit_u16(out, CACHE_NONE);
	emit_u8(out, 0); /* no serial number, asset tag, part number */
	emit_u8(out, 0);
	emit_u8(out, 0);
	for (unsigned i = 0; i < 3; i++) /* cores, enabled cores, threads */
		emit_u8(out, (uint8_t)cpu_count);
	emit_u16(out, 0x04);		 /* 64-bit capable */
	emit_u16(out, 1);		 /* family 2: other */
	for (unsigned i = 0; i < 3; i++) /* the same as words */
		emit_u16(out, (uint16_t)cpu_count);
	END(t, "CPU 0\0" VENDOR "\0");
}

/* 7.17 */
static void put_memory_array(struct table *t, uint64_t ram_bytes)
{
	struct emit *out = t->out;
	const bool extended = ram_bytes >> 10 >= ARRAY_KIB_EXTENDED;

	begin(t, TYPE_MEMORY_ARRAY, 0, BYTES_MEMORY_ARRAY);
	emit_u8(out, 1); /* location: other */
	emit_u8(out, 3); /* use: system memory */
	emit_u8(out, 3); /* no error correction */
	emit_u32(out, extended ? ARRAY_KIB_EXTENDED : (uint32_t)(ram_bytes >> 10));
	emit_u16(out, HANDLE_NONE);
	emit_u16(out, 1); /* device count */
	emit_u64(out, extended ? ram_bytes : 0);
	END(t, "");
}

/* 7.18: all RAM as one module. */
static void put_memory_device(struct table *t, uint64_t ram_bytes)
{
	struct emit *out = t->out;
	const uint64_t mib = ram_bytes >> 20;
	const bool extended = mib >= DEVICE_MIB_EXTENDED;

	assert(mib <= INT32_MAX);
	begin(t, TYPE_MEMORY_DEVICE, 0, BYTES_MEMORY_DEVICE);
	emit_u16(out, HANDLE(TYPE_MEMORY_ARRAY, 0));
	emit_u16(out, HANDLE_NONE);
	emit_u16(out, 0xffff); /* total width unknown */
	emit_u16(out, 0xffff); /* data width unknown */
	emit_u16(out, extended ? DEVICE_MIB_EXTENDED : (uint16_t)mib);
	emit_u8(out, 9);     /* form factor: DIMM */
	emit_u8(out, 0);     /* in no set */
	emit_u8(out, 1);     /* locator */
	emit_u8(out, 0);     /* no bank locator */
	emit_u8(out, 7);     /* type: RAM */
	emit_u16(out, 0x02); /* detail: other */
	emit_u16(out, 0);    /* speed unknown */
	emit_u8(out, 2);     /* manufacturer */
	emit_u8(out, 0);     /* no serial number, asset tag, part number */
	emit_u8(out, 0);
	emit_u8(out, 0);
	emit_u8(out, 0); /* rank unknown */
	emit_u32(out, extended ? (uint32_t)mib : 0);
	emit_u16(out, 0); /* clock speed unknown */
	emit_u16(out, 0); /* voltages unknown: minimum, maximum, configured */
	emit_u16(out, 0);
	emit_u16(out, 0);
	END(t, "DIMM 0\0" VENDOR "\0");
}

/* 7.20: RAM at [gpa, gpa + len); an end is the last KiB or byte inside. */
static void put_memory_mapped(struct table *t, unsigned n, gpa_t gpa, uint64_t len)
{
	struct emit *out = t->out;
	const uint64_t last = gpa + len - 1;
	const bool extended = last >> 10 >= MAPPED_KIB_EXTENDED;

	begin(t, TYPE_MEMORY_MAPPED, n, BYTES_MEMORY_MAPPED);
	emit_u32(out, extended ? MAPPED_KIB_EXTENDED : (uint32_t)(gpa >> 10));
	emit_u32(out, extended ? MAPPED_KIB_EXTENDED : (uint32_t)(last >> 10));
	emit_u16(out, HANDLE(TYPE_MEMORY_ARRAY, 0));
	emit_u8(out, 1); /* partition width */
	emit_u64(out, extended ? gpa : 0);
	emit_u64(out, extended ? last : 0);
	END(t, "");
}

/* 7.33 */
static void put_boot(struct table *t)
{
	begin(t, TYPE_BOOT, 0, BYTES_BOOT);
	emit_zeros(t->out, 6); /* reserved */
	emit_u8(t->out, 0);    /* no errors detected */
	END(t, "");
}

static void put_structures(struct table *t, const struct platform_desc *desc)
{
	const uint64_t low_bytes = min_u64(desc->ram_bytes, RAM_LOW_MAX);

	put_bios(t);
	put_system(t);
	put_chassis(t);
	put_processor(t, desc->cpu_count);
	put_memory_array(t, desc->ram_bytes);
	put_memory_device(t, desc->ram_bytes);
	put_memory_mapped(t, 0, 0, low_bytes);
	if (desc->ram_bytes > low_bytes)
		put_memory_mapped(t, 1, RAM_HIGH_BASE, desc->ram_bytes - low_bytes);
	put_boot(t);
	begin(t, TYPE_END, 0, BYTES_END);
	END(t, "");
}

/* 5.2.2 */
static void put_entry3(struct emit *e, gpa_t table_gpa, size_t table_bytes)
{
	emit_text(e, "_SM3_", 5);
	emit_u8(e, 0); /* checksum */
	emit_u8(e, ENTRY3_BYTES);
	emit_u8(e, 3); /* 3.0, docrev 0 */
	emit_u8(e, 0);
	emit_u8(e, 0);
	emit_u8(e, 1); /* entry point revision */
	emit_u8(e, 0);
	emit_u32(e, (uint32_t)table_bytes);
	emit_u64(e, table_gpa);
	emit_patch_checksum(e, ENTRY3_CHECKSUM, 0, ENTRY3_BYTES);
}

/* 5.2.1: for those who look for SMBIOS 2.x. */
static void put_entry21(struct emit *e, gpa_t table_gpa, size_t table_bytes, const struct table *t)
{
	emit_text(e, "_SM_", 4);
	emit_u8(e, 0); /* checksum */
	emit_u8(e, ENTRY21_BYTES);
	emit_u8(e, 2); /* 2.8 */
	emit_u8(e, 8);
	emit_u16(e, (uint16_t)t->longest);
	emit_u8(e, 0); /* entry point revision */
	emit_zeros(e, 5);
	emit_text(e, "_DMI_", 5);
	emit_u8(e, 0); /* checksum of this part */
	emit_u16(e, (uint16_t)table_bytes);
	emit_u32(e, (uint32_t)table_gpa);
	emit_u16(e, t->count);
	emit_u8(e, 0x28); /* 2.8 in BCD */
	emit_patch_checksum(e, ENTRY21_DMI_CHECKSUM, ENTRY21_DMI, ENTRY21_BYTES - ENTRY21_DMI);
	emit_patch_checksum(e, ENTRY21_CHECKSUM, 0, ENTRY21_BYTES);
}

int smbios_build(struct emit *e, gpa_t gpa, const struct platform_desc *desc)
{
	struct table t = { .out = e };
	struct emit head;
	size_t table_bytes;
	int rc;

	assert(desc->cpu_count >= 1 && desc->cpu_count <= CPUS_MAX && desc->ram_bytes > 0);
	assert(gpa % 16 == 0 && gpa + e->capacity <= GIB(4) && e->len == 0);
	emit_zeros(e, SMBIOS_TABLE_OFFSET);
	put_structures(&t, desc);
	rc = emit_status(e);
	if (rc < 0)
		return rc;
	table_bytes = e->len - SMBIOS_TABLE_OFFSET;
	assert(table_bytes <= UINT16_MAX);
	/* Both sums are known only now. */
	emit_init(&head, e->bytes + SMBIOS_ENTRY3_OFFSET, ENTRY3_BYTES);
	put_entry3(&head, gpa + SMBIOS_TABLE_OFFSET, table_bytes);
	emit_init(&head, e->bytes + SMBIOS_ENTRY21_OFFSET, ENTRY21_BYTES);
	put_entry21(&head, gpa + SMBIOS_TABLE_OFFSET, table_bytes, &t);
	return 0;
}

int smbios_write(const struct mem *mem, const struct platform_desc *desc)
{
	/* The MP table has the tail of the area. */
	const uint64_t len = LAYOUT_MPTABLE - LAYOUT_SMBIOS;
	struct emit e;
	uint8_t *area;
	int rc;

	rc = mem_span(mem, LAYOUT_SMBIOS, len, &area);
	if (rc < 0)
		return rc;
	emit_init(&e, area, len);
	return smbios_build(&e, LAYOUT_SMBIOS, desc);
}
