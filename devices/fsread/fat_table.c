#include <errno.h>

#include "base/bytes.h"
#include "fsread/fat.h"

static int damaged(struct fat *f, uint32_t cluster)
{
	return err_set(&f->fs.err, -EUCLEAN, "the chain of clusters is damaged at %u", cluster);
}

int fat_entry(struct fat *f, uint32_t cluster, uint32_t *entry)
{
	/* FAT12 packs two entries into three bytes. */
	const uint64_t offset = (uint64_t)cluster * f->bits / 8;
	const size_t len = f->bits == 32 ? 4 : 2;
	uint8_t raw[4] = { 0 };
	int rc;

	rc = cache_copy(&f->fs.cache, f->table_at + offset, raw, len);
	if (rc < 0)
		return fs_io_error(&f->fs, rc, "cannot read the table of clusters");
	*entry = le32_load(raw);
	if (f->bits == 32)
		*entry &= 0x0fffffff;
	else if (f->bits == 12)
		*entry = cluster & 1 ? *entry >> 4 : *entry & 0xfff;
	return 0;
}

/* 1 with *next, 0 at the end of the chain. */
static int next_cluster(struct fat *f, uint32_t cluster, uint32_t *next)
{
	const uint32_t end = f->bits == 12 ? 0xff8 : f->bits == 16 ? 0xfff8 : 0x0ffffff8;
	const int rc = fat_entry(f, cluster, next);

	if (rc < 0)
		return rc;
	if (*next >= end)
		return 0;
	if (*next < 2 || *next - 2 >= f->cluster_count)
		return damaged(f, cluster);
	return 1;
}

int fat_cluster(struct fat *f, uint32_t first, uint32_t index, uint32_t *cluster)
{
	uint32_t at = 0, c = first;

	if (first == 0)
		return 0;
	if (first < 2 || first - 2 >= f->cluster_count)
		return damaged(f, first);
	/* No chain is longer than the table: one that bites its tail ends here. */
	if (index >= f->cluster_count)
		return damaged(f, first);
	if (f->place.first == first && f->place.index <= index) {
		at = f->place.index;
		c = f->place.cluster;
	}
	for (; at < index; at++) {
		const int rc = next_cluster(f, c, &c);

		if (rc <= 0)
			return rc;
	}
	f->place.first = first;
	f->place.index = index;
	f->place.cluster = *cluster = c;
	return 1;
}
