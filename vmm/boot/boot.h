/* boot/boot.h: from files to a loaded guest and its first registers.
 *
 * The format is found by its magic, in one order: multiboot 1 (within the first
 * 8 KiB), bzImage ("HdrS"), ELF.  A flat image is only ever taken on request.
 * Files are hostile: every offset and size is checked against the file and
 * against RAM before a byte moves. */
#ifndef BANTAM_BOOT_BOOT_H
#define BANTAM_BOOT_BOOT_H

#include "base/err.h"
#include "base/types.h"
#include "core/mem.h"

/* A file to load from.  read() fills exactly len bytes from offset: 0 or
 * -errno (-EIO when the file ends before).  It may read straight into guest RAM. */
struct boot_file {
	int (*read)(void *ctx, uint64_t offset, void *dst, size_t len);
	void *ctx;
	uint64_t size_bytes;
};

#define BOOT_INITRDS_MAX 32

struct boot_request {
	const struct mem *mem;     /* RAM; still all zeros */
	const struct boot_file *kernel;
	bool flat;                 /* kernel is a raw 16-bit image */
	const struct boot_file *initrds; /* joined in order, each on 4 bytes */
	unsigned initrd_count;
	const char *cmdline;       /* for multiboot and PVH too */
	unsigned cpu_count;        /* 1..CPUS_MAX */
	bool serial_present[4];    /* which COM ports ACPI describes */
	bool debug_exit;           /* isa-debug-exit is there (ACPI reserves it) */
	unsigned phys_bits;        /* of the guest's physical addresses; 0: not known */
};

enum boot_mode {
	BOOT_REAL16, /* cs:ip = 0:rip, real mode, as after a BIOS */
	BOOT_PROT32, /* flat 32-bit segments, paging off */
	BOOT_LONG64, /* 64-bit, first 4 GiB identity-mapped */
};

/* What the boot vCPU starts with; all other registers are as after INIT. */
struct boot_entry {
	const char *protocol; /* "bzImage, 64-bit entry", for --timeline and -v */
	enum boot_mode mode;
	uint64_t rip, rsp, rax, rbx, rsi;
	uint64_t cr3;         /* BOOT_LONG64 */
	uint64_t gdt_gpa;     /* PROT32, LONG64: see boot/entry.h for the selectors */
	uint16_t gdt_limit;
};

/* One line of the guest's memory map, for --dry-run and tests. */
struct boot_region {
	gpa_t gpa;
	uint64_t len;
	const char *what; /* "kernel", "initrd", "ACPI tables", ... */
};

#define BOOT_REGIONS_MAX 32

struct boot_result {
	struct boot_entry entry;
	unsigned region_count;
	struct boot_region regions[BOOT_REGIONS_MAX];
};

/* Load everything.  0, or -errno with err filled: the text begins with "kernel:"
 * or "initrd N:" (from 1) so that the caller can name the file before it. */
int boot_load(const struct boot_request *req, struct boot_result *out, struct err *err);

#endif
