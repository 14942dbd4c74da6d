#include "fsread/gpt.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fsread/crc.h"

#define HEADER_BYTES_MIN 92u
#define HEADER_BYTES_MAX 512u
#define ENTRY_BYTES_MIN	 128u
#define ENTRY_BYTES_MAX	 4096u
#define ENTRIES_MAX	 4096u /* tools write 128 */
#define NAME_UNITS	 36u

/* A header whose sum is right and whose array lies inside the disk. */
struct gpt {
	uint32_t sector_bytes;
	uint32_t entry_bytes;
	uint32_t entry_count;
	uint32_t entries_crc;
	uint64_t first_lba, last_lba; /* that partitions may use */
	uint64_t entries_at;
};

/* Read and check the header in sector lba.
 * Returns 0; -ENOENT without the signature; -EUCLEAN when anything is wrong. */
static int header_read(const struct reader *disk, uint32_t sector_bytes, uint64_t lba,
		       struct gpt *g)
{
	uint8_t raw[HEADER_BYTES_MAX];
	uint64_t entries_lba;
	uint32_t raw_bytes, crc;
	int rc = reader_read(disk, lba * sector_bytes, raw, sizeof(raw));

	if (rc < 0)
		return rc;
	if (memcmp(raw, "EFI PART", 8) != 0)
		return -ENOENT;
	raw_bytes = le32_load(raw + 12);
	if (raw_bytes < HEADER_BYTES_MIN || raw_bytes > HEADER_BYTES_MAX)
		return -EUCLEAN;
	crc = le32_load(raw + 16);
	memset(raw + 16, 0, 4);
	if (~crc32_run(UINT32_MAX, raw, raw_bytes) != crc || le64_load(raw + 24) != lba)
		return -EUCLEAN;
	g->sector_bytes = sector_bytes;
	g->first_lba = le64_load(raw + 40);
	g->last_lba = le64_load(raw + 48);
	entries_lba = le64_load(raw + 72);
	g->entry_count = le32_load(raw + 80);
	g->entry_bytes = le32_load(raw + 84);
	g->entries_crc = le32_load(raw + 88);
	if (g->entry_bytes < ENTRY_BYTES_MIN || g->entry_bytes > ENTRY_BYTES_MAX ||
	    (g->entry_bytes & (g->entry_bytes - 1)) || g->entry_count > ENTRIES_MAX ||
	    !mul_u64(entries_lba, sector_bytes, &g->entries_at) ||
	    !range_inside(g->entries_at, (uint64_t)g->entry_count * g->entry_bytes,
			  disk->size_bytes))
		return -EUCLEAN;
	return 0;
}

static int entries_check(const struct reader *disk, const struct gpt *g)
{
	uint8_t entry[ENTRY_BYTES_MAX];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < g->entry_count; i++) {
		const int rc = reader_read(disk, g->entries_at + (uint64_t)i * g->entry_bytes,
					   entry, g->entry_bytes);

		if (rc < 0)
			return rc;
		crc = crc32_run(crc, entry, g->entry_bytes);
	}
	return ~crc == g->entries_crc ? 0 : -EUCLEAN;
}

static int copy_read(const struct reader *disk, uint32_t sector_bytes, uint64_t lba, struct gpt *g)
{
	const int rc = header_read(disk, sector_bytes, lba, g);

	return rc < 0 ? rc : entries_check(disk, g);
}

static void entry_take(const struct reader *disk, const struct gpt *g, uint32_t i,
		       const uint8_t raw[ENTRY_BYTES_MIN], struct partition_table *table)
{
	static const uint8_t unused[16];
	const uint64_t first = le64_load(raw + 32), last = le64_load(raw + 40);
	uint16_t units[NAME_UNITS];
	struct partition *p;
	uint64_t start, size;

	if (memcmp(raw, unused, sizeof(unused)) == 0)
		return;
	if (first < g->first_lba || last > g->last_lba || last < first ||
	    !mul_u64(first, g->sector_bytes, &start) ||
	    !mul_u64(last - first + 1, g->sector_bytes, &size)) {
		table->faults |= PARTITION_CUT;
		return;
	}
	p = partition_add(table, disk, i + 1, start, size);
	if (!p)
		return;
	for (unsigned n = 0; n < NAME_UNITS; n++)
		units[n] = le16_load(raw + 56 + 2 * n);
	utf16_text(p->name, units, NAME_UNITS);
}

static int entries_take(const struct reader *disk, const struct gpt *g,
			struct partition_table *table)
{
	uint8_t entry[ENTRY_BYTES_MIN];

	for (uint32_t i = 0; i < g->entry_count; i++) {
		const int rc = reader_read(disk, g->entries_at + (uint64_t)i * g->entry_bytes,
					   entry, sizeof(entry));

		if (rc < 0)
			return rc;
		entry_take(disk, g, i, entry, table);
	}
	return 0;
}

/* Both copies, for a size of sectors. */
static int gpt_read_sized(const struct reader *disk, uint32_t sector_bytes,
			  struct partition_table *table)
{
	const uint64_t sectors = disk->size_bytes / sector_bytes;
	struct gpt first, backup;
	int rc, backup_rc;

	if (sectors < 3)
		return -ENOENT;
	rc = copy_read(disk, sector_bytes, 1, &first);
	backup_rc = copy_read(disk, sector_bytes, sectors - 1, &backup);
	if (rc < 0 && backup_rc < 0)
		return rc == -ENOENT ? backup_rc : rc;
	table->scheme = SCHEME_GPT;
	if (rc < 0)
		table->faults |= PARTITION_BACKUP;
	else if (backup_rc < 0)
		table->faults |= PARTITION_NO_BACKUP;
	return entries_take(disk, rc < 0 ? &backup : &first, table);
}

int gpt_read(const struct reader *disk, struct partition_table *table, struct err *err)
{
	static const uint32_t sector_sizes[] = { 512, 4096 };
	int rc = -ENOENT;

	for (unsigned i = 0; i < ARRAY_LEN(sector_sizes) && rc == -ENOENT; i++)
		rc = gpt_read_sized(disk, sector_sizes[i], table);
	if (rc == -EUCLEAN)
		err_set(err, rc, "both copies of the GPT are damaged");
	else if (rc < 0 && rc != -ENOENT)
		err_errno(err, rc, "cannot read the GPT");
	return rc;
}
