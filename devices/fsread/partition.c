#include "fsread/partition.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "fsread/gpt.h"

#define SECTOR_BYTES  512u
#define MBR_ENTRIES   446u /* where the four entries begin */
#define LOGICAL_FIRST 5u

enum mbr_type { MBR_EMPTY = 0, MBR_PROTECTIVE = 0xee };

struct mbr_entry {
	uint8_t flag;
	uint8_t type;
	uint32_t start, count; /* in sectors */
};

static struct mbr_entry mbr_entry(const uint8_t sector[SECTOR_BYTES], unsigned i)
{
	const uint8_t *raw = sector + MBR_ENTRIES + 16 * i;

	return (struct mbr_entry){ raw[0], raw[4], le32_load(raw + 8), le32_load(raw + 12) };
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static bool has_signature(const uint8_t sector[SECTOR_BYTES])
{
	return le16_load(sector + 510) == 0xaa55;
}

/* The boot sector of a file system has the same signature as an MBR, and code or
 * text where the entries would be. */
static bool is_mbr(const uint8_t sector[SECTOR_BYTES])
{
	unsigned used = 0;

	if (!has_signature(sector))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const struct mbr_entry e = mbr_entry(sector, i);

		if (e.flag != 0 && e.flag != 0x80)
			return false;
		if (e.type == MBR_EMPTY)
			continue;
		if (e.start == 0 || e.count == 0)
			return false;
		used++;
	}
	return used > 0;
}

struct partition *partition_add(struct partition_table *table, const struct reader *disk,
				unsigned number, uint64_t start_bytes, uint64_t size_bytes)
{
	struct partition *p = &table->entries[table->count];

	if (size_bytes == 0)
		return NULL;
	if (start_bytes >= disk->size_bytes) {
		table->faults |= PARTITION_CUT;
		return NULL;
	}
	if (table->count == PARTITIONS_MAX) {
		table->faults |= PARTITION_MANY;
		return NULL;
	}
	if (size_bytes > disk->size_bytes - start_bytes) {
		table->faults |= PARTITION_CUT;
		size_bytes = disk->size_bytes - start_bytes;
	}
	*p = (struct partition){ .number = number,
				 .start_bytes = start_bytes,
				 .size_bytes = size_bytes };
	table->count++;
	return p;
}

/* Each logical partition has a sector like an MBR before it, whose first entry is
 * the partition, relative to that sector, and whose second one the next such
 * sector, relative to the first of the chain. */
static int logical_read(const struct reader *disk, uint64_t first_sector,
			struct partition_table *table)
{
	uint8_t sector[SECTOR_BYTES];
	uint64_t at = first_sector;
	unsigned number = LOGICAL_FIRST;

	/* The chain may go back and forth; one that bites its tail ends here. */
	for (unsigned hops = 0; hops < PARTITIONS_MAX; hops++) {
		struct mbr_entry logical, next;
		const int rc = reader_read(disk, at * SECTOR_BYTES, sector, sizeof(sector));

		if (rc == -EIO || (rc == 0 && !has_signature(sector))) {
			table->faults |= PARTITION_CHAIN;
			return 0;
		}
		if (rc < 0)
			return rc;
		logical = mbr_entry(sector, 0);
		if (logical.type != MBR_EMPTY && logical.count)
			partition_add(table, disk, number++, (at + logical.start) * SECTOR_BYTES,
				      (uint64_t)logical.count * SECTOR_BYTES);
		next = mbr_entry(sector, 1);
		if (!is_extended(next.type) || next.count == 0)
			return 0;
		at = first_sector + next.start;
	}
	table->faults |= PARTITION_CHAIN;
	return 0;
}

static int mbr_read(const struct reader *disk, const uint8_t sector[SECTOR_BYTES],
		    struct partition_table *table)
{
	uint64_t extended = 0;

	table->scheme = SCHEME_MBR;
	for (unsigned i = 0; i < 4; i++) {
		const struct mbr_entry e = mbr_entry(sector, i);

		if (is_extended(e.type) && extended == 0)
			extended = e.start;
		else if (e.type != MBR_EMPTY && !is_extended(e.type))
			partition_add(table, disk, i + 1, (uint64_t)e.start * SECTOR_BYTES,
				      (uint64_t)e.count * SECTOR_BYTES);
	}
	return extended ? logical_read(disk, extended, table) : 0;
}

/* UEFI 2.10 section 5.2.3: a GPT counts only behind an MBR that says so, for the
 * leftovers of an older GPT may still be there. */
static bool is_protective(const uint8_t sector[SECTOR_BYTES])
{
	for (unsigned i = 0; i < 4; i++) {
		if (mbr_entry(sector, i).type == MBR_PROTECTIVE)
			return true;
	}
	return false;
}

int partition_read(const struct reader *disk, struct partition_table *table, struct err *err)
{
	uint8_t sector[SECTOR_BYTES];
	int rc;

	memset(table, 0, sizeof(*table));
	if (disk->size_bytes < SECTOR_BYTES)
		return 0;
	rc = reader_read(disk, 0, sector, sizeof(sector));
	if (rc < 0)
		return err_errno(err, rc, "cannot read the first sector");
	if (!is_mbr(sector))
		return 0;
	if (is_protective(sector)) {
		rc = gpt_read(disk, table, err);
		if (rc != -ENOENT)
			return rc;
	}
	rc = mbr_read(disk, sector, table);
	return rc < 0 ? err_errno(err, rc, "cannot read the partition table") : 0;
}

const struct partition *partition_find(const struct partition_table *table, unsigned number)
{
	for (unsigned i = 0; i < table->count; i++) {
		if (table->entries[i].number == number)
			return &table->entries[i];
	}
	return NULL;
}

const char *partition_fault_text(unsigned *faults)
{
	static const struct {
		enum partition_fault fault;
		const char *text;
	} texts[] = {
		{ PARTITION_CUT, "a partition reaches behind the end of the disk" },
		{ PARTITION_BACKUP, "the GPT is damaged: its backup was read" },
		{ PARTITION_NO_BACKUP, "the backup of the GPT is damaged or missing" },
		{ PARTITION_CHAIN, "the chain of logical partitions is damaged" },
		{ PARTITION_MANY, "there are more partitions than are looked at" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		if (*faults & texts[i].fault) {
			*faults &= ~(unsigned)texts[i].fault;
			return texts[i].text;
		}
	}
	return NULL;
}
