/* Hostile kernels and initrds: whatever the bytes, boot_load() refuses them with
 * a line of text or loads them into RAM without touching a byte beside it.
 *
 * Input: byte 0 flags, byte 1 length of the initrd, then the initrd, then the
 * kernel.  tests/fuzz/corpus/boot/ holds one small file for each format.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Ivmm \
 *         tests/fuzz/fuzz_boot.c vmm/boot/[a-z]*.c vmm/core/mem.c vmm/base/err.c */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "boot/boot.h"
#include "boot/layout.h"

#define RAM_BYTES   MIB(32)
#define GUARD_BYTES MIB(2)

#define IN_FLAT	    0x01 /* request a flat image */
#define IN_PADDED   0x02 /* the kernel file goes on with 2 MiB of zeros */
#define IN_TWICE    0x04 /* the initrd twice */
#define IN_GIGANTIC 0x08 /* the initrd says it is nearly 2^64 bytes long */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at;
	size_t len;
	uint64_t size_bytes; /* as told to the loader: zeros behind len */
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int read_bytes(void *ctx, uint64_t offset, void *dst, size_t len)
{
	const struct bytes *b = ctx;
	size_t n = 0;

	must(range_inside(offset, len, b->size_bytes)); /* the loader's promise */
	if (offset < b->len) {
		n = min_u64(len, b->len - offset);
		memcpy(dst, b->at + offset, n);
	}
	memset((uint8_t *)dst + n, 0, len - n);
	return 0;
}

/* RAM between two guards that cannot be touched, fresh for each input. */
static uint8_t *fresh_ram(void)
{
	static uint8_t *ram;

	if (!ram) {
		uint8_t *all = mmap(NULL, RAM_BYTES + 2 * GUARD_BYTES, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		must(all != MAP_FAILED);
		ram = all + GUARD_BYTES;
		must(mprotect(ram, RAM_BYTES, PROT_READ | PROT_WRITE) == 0);
	}
	must(madvise(ram, RAM_BYTES, MADV_DONTNEED) == 0);
	return ram;
}

static void check_loaded(const struct boot_result *out)
{
	const struct boot_region *r = out->regions;

	must(out->entry.rip < RAM_BYTES && out->entry.rsp <= LAYOUT_STACK_TOP);
	must(out->entry.mode == BOOT_REAL16 || out->entry.rip >= LAYOUT_KERNEL);
	must(out->region_count > 0 && out->region_count <= BOOT_REGIONS_MAX);
	for (unsigned i = 0; i < out->region_count; i++) {
		must(r[i].len > 0 && range_inside(r[i].gpa, r[i].len, RAM_BYTES));
		must(i == 0 || r[i - 1].gpa + r[i - 1].len <= r[i].gpa);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes kernel_bytes = { 0 }, initrd_bytes = { 0 };
	struct boot_file kernel = { read_bytes, &kernel_bytes, 0 };
	struct boot_file initrds[2];
	struct boot_result out;
	struct boot_request req = {
		.kernel = &kernel, .initrds = initrds, .cmdline = "console=ttyS0", .cpu_count = 2
	};
	struct err err = { "" };
	struct mem mem = { 0 };
	uint8_t flags;

	if (size < 2)
		return 0;
	flags = data[0];
	initrd_bytes.at = data + 2;
	initrd_bytes.len = min_u64(data[1], size - 2);
	initrd_bytes.size_bytes = flags & IN_GIGANTIC ? UINT64_MAX - 3 : initrd_bytes.len;
	kernel_bytes.at = initrd_bytes.at + initrd_bytes.len;
	kernel_bytes.len = size - 2 - initrd_bytes.len;
	kernel_bytes.size_bytes = kernel_bytes.len + (flags & IN_PADDED ? MIB(2) : 0);
	kernel.size_bytes = kernel_bytes.size_bytes;
	initrds[0] = initrds[1] =
		(struct boot_file){ read_bytes, &initrd_bytes, initrd_bytes.size_bytes };
	req.initrd_count = data[1] == 0 ? 0 : flags & IN_TWICE ? 2 : 1;
	req.flat = flags & IN_FLAT;
	must(mem_add(&mem, 0, RAM_BYTES, fresh_ram()) == 0);
	req.mem = &mem;

	if (boot_load(&req, &out, &err) == 0)
		check_loaded(&out);
	else
		must(strncmp(err.text, "kernel: ", 8) == 0 || strncmp(err.text, "initrd ", 7) == 0);
	return 0;
}
