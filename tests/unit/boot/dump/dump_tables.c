/* dump_tables DIR [CPUS [RAM_MIB]]: write what Bantam would leave in guest memory
 * into DIR, for the standards' own tools: one SIGNATURE.dat per ACPI table (iasl,
 * acpiexec) and smbios.bin (dmidecode --from-dump). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "boot/layout.h"
#include "boot/smbios.h"
#include "boot/tables.h"

#define LOW_BYTES MIB(1)

#define RSDP_XSDT	24u
#define RSDP_BYTES	36u
#define SDT_LENGTH	4u
#define XSDT_ENTRIES	36u
#define FADT_FACS	36u
#define FADT_X_DSDT	140u
#define ENTRY3_BYTES	24u
#define ENTRY3_CHECKSUM 5u
#define ENTRY3_LENGTH	12u
#define ENTRY3_TABLE	16u
#define DUMP_TABLE	32u /* where dmidecode's dumps have the structures */

static uint8_t low[LOW_BYTES] __attribute__((aligned(4096)));

static void write_file(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) {
		fprintf(stderr, "dump_tables: cannot write %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

/* A table that carries its length at offset 4: all but the RSDP. */
static void write_table(const char *dir, uint64_t gpa)
{
	char name[] = "XXXX.dat";

	memcpy(name, low + gpa, 4);
	write_file(dir, name, low + gpa, le32_load(low + gpa + SDT_LENGTH));
}

static void dump_acpi(const char *dir, gpa_t rsdp)
{
	const uint64_t xsdt = le64_load(low + rsdp + RSDP_XSDT);
	const uint32_t xsdt_bytes = le32_load(low + xsdt + SDT_LENGTH);
	const uint64_t fadt = le64_load(low + xsdt + XSDT_ENTRIES);

	write_file(dir, "RSDP.dat", low + rsdp, RSDP_BYTES);
	write_table(dir, xsdt);
	for (uint32_t at = XSDT_ENTRIES; at < xsdt_bytes; at += 8)
		write_table(dir, le64_load(low + xsdt + at));
	write_table(dir, le32_load(low + fadt + FADT_FACS));
	write_table(dir, le64_load(low + fadt + FADT_X_DSDT));
}

/* dmidecode wants the entry point to say where in the dump the structures are. */
static void dump_smbios(const char *dir)
{
	const uint8_t *entry = low + LAYOUT_SMBIOS + SMBIOS_ENTRY3_OFFSET;
	const uint32_t len = le32_load(entry + ENTRY3_LENGTH);
	uint8_t sum = 0;
	uint8_t *dump;

	dump = calloc(1, DUMP_TABLE + len);
	if (!dump)
		exit(1);
	memcpy(dump, entry, ENTRY3_BYTES);
	le64_store(dump + ENTRY3_TABLE, DUMP_TABLE);
	dump[ENTRY3_CHECKSUM] = 0;
	for (unsigned i = 0; i < ENTRY3_BYTES; i++)
		sum = (uint8_t)(sum + dump[i]);
	dump[ENTRY3_CHECKSUM] = (uint8_t)-sum;
	memcpy(dump + DUMP_TABLE, low + le64_load(entry + ENTRY3_TABLE), len);
	write_file(dir, "smbios.bin", dump, DUMP_TABLE + len);
	free(dump);
}

int main(int argc, char **argv)
{
	struct platform_desc desc = {
		.cpu_count = 4,
		.serial_present = { true, true, true, true },
		.debug_exit = true,
		.ram_bytes = GIB(5),
	};
	struct mem mem = { 0 };
	gpa_t rsdp;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: dump_tables DIR [CPUS [RAM_MIB]]\n");
		return 2;
	}
	if (argc > 2)
		desc.cpu_count = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		desc.ram_bytes = MIB(strtoull(argv[3], NULL, 10));
	if (desc.ram_bytes > RAM_LOW_MAX) { /* the smaller ones have no window above 4 GiB */
		desc.pci64_base = RAM_HIGH_BASE + desc.ram_bytes;
		desc.pci64_end = UINT64_C(1) << 46;
	}
	if (desc.cpu_count < 1 || desc.cpu_count > CPUS_MAX || desc.ram_bytes < RAM_MIN_BYTES) {
		fprintf(stderr, "dump_tables: CPUS is 1..%u, RAM_MIB at least 32\n", CPUS_MAX);
		return 2;
	}
	if (mem_add(&mem, 0, LOW_BYTES, low) < 0 || acpi_write(&mem, &desc, &rsdp) < 0 ||
	    smbios_write(&mem, &desc) < 0 || mptable_write(&mem, &desc) < 0) {
		fprintf(stderr, "dump_tables: the tables do not fit\n");
		return 1;
	}
	dump_acpi(argv[1], rsdp);
	dump_smbios(argv[1]);
	return 0;
}
