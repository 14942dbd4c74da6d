#include "virtio/blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define BLK_ID	  2u
#define BLK_CLASS 0x018000u /* mass storage, other */

/* Feature bits (5.2.3). */
#define BLK_F_SEG_MAX	   (UINT64_C(1) << 2)
#define BLK_F_GEOMETRY	   (UINT64_C(1) << 4)
#define BLK_F_RO	   (UINT64_C(1) << 5)
#define BLK_F_BLK_SIZE	   (UINT64_C(1) << 6)
#define BLK_F_FLUSH	   (UINT64_C(1) << 9)
#define BLK_F_TOPOLOGY	   (UINT64_C(1) << 10)
#define BLK_F_CONFIG_WCE   (UINT64_C(1) << 11)
#define BLK_F_MQ	   (UINT64_C(1) << 12)
#define BLK_F_DISCARD	   (UINT64_C(1) << 13)
#define BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)

/* Configuration space (5.2.4): offset of each field. */
enum {
	CONFIG_CAPACITY = 0,
	CONFIG_SEG_MAX = 12,
	CONFIG_CYLINDERS = 16,
	CONFIG_HEADS = 18,
	CONFIG_SECTORS = 19,
	CONFIG_BLK_SIZE = 20,
	CONFIG_PHYSICAL_EXP = 24,
	CONFIG_MIN_IO = 26,
	CONFIG_OPT_IO = 28,
	CONFIG_WRITEBACK = 32,
	CONFIG_NUM_QUEUES = 34,
	CONFIG_DISCARD_SECTORS = 36,
	CONFIG_DISCARD_SEGS = 40,
	CONFIG_DISCARD_ALIGN = 44,
	CONFIG_ZEROES_SECTORS = 48,
	CONFIG_ZEROES_SEGS = 52,
	CONFIG_ZEROES_MAY_UNMAP = 56,
	CONFIG_BYTES = 60,
};

/* The geometry that a PC's BIOS would make up. */
#define CHS_HEADS   16u
#define CHS_SECTORS 63u

/* A chain holds header and status besides the data. */
#define CHAIN_OVERHEAD 2u

struct virtio_blk {
	struct virtio_pci pci;
	struct blk_disk disk;
	uint8_t config[CONFIG_BYTES]; /* but for writeback */
	unsigned queue_count;
	struct blk_queue queues[];
};

static struct virtio_blk *blk_of(struct virtio *v)
{
	return container_of(v, struct virtio_blk, pci.v);
}

/* ---- configuration space ----------------------------------------------------------- */

static uint32_t log2_u32(uint32_t power_of_two)
{
	return (uint32_t)__builtin_ctz(power_of_two);
}

static void fill_config(struct virtio_blk *b, unsigned queue_size)
{
	const struct block_limits *l = &b->disk.block->limits;
	const struct blk_rules *rules = &b->disk.rules;
	const uint64_t sectors = l->size_bytes / BLOCK_SECTOR_BYTES;
	const uint32_t physical_blocks = l->physical_bytes / l->logical_bytes;
	uint8_t *c = b->config;

	le64_store(c + CONFIG_CAPACITY, sectors);
	le32_store(c + CONFIG_SEG_MAX, queue_size - CHAIN_OVERHEAD);
	le16_store(c + CONFIG_CYLINDERS,
		   (uint16_t)min_u64(sectors / (CHS_HEADS * CHS_SECTORS), UINT16_MAX));
	c[CONFIG_HEADS] = CHS_HEADS;
	c[CONFIG_SECTORS] = CHS_SECTORS;
	le32_store(c + CONFIG_BLK_SIZE, l->logical_bytes);
	c[CONFIG_PHYSICAL_EXP] = (uint8_t)log2_u32(physical_blocks);
	le16_store(c + CONFIG_MIN_IO, (uint16_t)physical_blocks);
	le32_store(c + CONFIG_OPT_IO, l->optimal_bytes / l->logical_bytes);
	le16_store(c + CONFIG_NUM_QUEUES, (uint16_t)b->queue_count);
	if (rules->discard) {
		le32_store(c + CONFIG_DISCARD_SECTORS, BLK_RANGE_SECTORS);
		le32_store(c + CONFIG_DISCARD_SEGS, BLK_RANGES_MAX);
		le32_store(c + CONFIG_DISCARD_ALIGN,
			   l->discard_granularity_bytes / BLOCK_SECTOR_BYTES);
	}
	if (rules->write_zeroes) {
		le32_store(c + CONFIG_ZEROES_SECTORS, BLK_RANGE_SECTORS);
		le32_store(c + CONFIG_ZEROES_SEGS, BLK_RANGES_MAX);
		c[CONFIG_ZEROES_MAY_UNMAP] = rules->discard;
	}
}

static void blk_config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	struct virtio_blk *b = blk_of(v);

	memcpy(to, b->config + offset, len);
	if (offset <= CONFIG_WRITEBACK && CONFIG_WRITEBACK - offset < len)
		((uint8_t *)to)[CONFIG_WRITEBACK - offset] = atomic_load(&b->disk.writeback);
}

/* Only writeback can be written, and only by a driver that said it would, and that
 * can flush what write-back leaves behind. */
static void blk_config_write(struct virtio *v, unsigned offset, const void *from, unsigned len)
{
	const uint64_t needed = BLK_F_CONFIG_WCE | BLK_F_FLUSH;
	struct virtio_blk *b = blk_of(v);

	if ((v->features & needed) != needed || offset > CONFIG_WRITEBACK ||
	    CONFIG_WRITEBACK - offset >= len)
		return;
	atomic_store(&b->disk.writeback,
		     ((const uint8_t *)from)[CONFIG_WRITEBACK - offset] != 0);
}

/* 5.2.5.2 and 5.2.6.2: a driver that cannot flush gets write-through.  A block whose
 * writes are durable anyway says so: then nobody needs to flush.  No driver reads or
 * writes the mode before this (5.2.5.1). */
static bool blk_features_ok(struct virtio *v)
{
	struct virtio_blk *b = blk_of(v);

	atomic_store(&b->disk.writeback,
		     (v->features & BLK_F_FLUSH) && !b->disk.block->limits.durable_writes);
	return true;
}

/* ---- queues ------------------------------------------------------------------------ */

static void blk_start(struct virtio *v, unsigned index)
{
	blk_queue_start(&blk_of(v)->queues[index]);
}

static void blk_kick(struct virtio *v, unsigned index)
{
	blk_queue_kick(&blk_of(v)->queues[index]);
}

static void blk_stop(struct virtio *v, unsigned index)
{
	blk_queue_stop(&blk_of(v)->queues[index]);
}

static const struct virtio_ops blk_ops = {
	.name = "virtio-blk",
	.id = BLK_ID,
	.class_code = BLK_CLASS,
	.config_bytes = CONFIG_BYTES,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.features_ok = blk_features_ok,
	.queue_start = blk_start,
	.queue_kick = blk_kick,
	.queue_stop = blk_stop,
};

/* ---- life --------------------------------------------------------------------------- */

static uint64_t features_of(const struct virtio_blk *b)
{
	const struct blk_rules *rules = &b->disk.rules;
	uint64_t f = BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_BLK_SIZE | BLK_F_FLUSH |
		     BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;

	if (rules->read_only)
		f |= BLK_F_RO;
	if (b->queue_count > 1)
		f |= BLK_F_MQ;
	if (rules->discard)
		f |= BLK_F_DISCARD;
	if (rules->write_zeroes)
		f |= BLK_F_WRITE_ZEROES;
	return f;
}

static void fill_rules(struct blk_rules *rules, const struct virtio_blk_config *cfg)
{
	const struct block_limits *l = &cfg->block->limits;

	assert(l->logical_bytes == 512 || l->logical_bytes == 4096);
	assert(l->size_bytes % l->logical_bytes == 0);
	*rules = (struct blk_rules){
		.size_bytes = l->size_bytes,
		.logical_bytes = l->logical_bytes,
		.read_only = l->read_only,
		.discard = l->can_discard && cfg->discard && !l->read_only,
		.write_zeroes = l->can_zero && !l->read_only,
	};
}

static int check_config(const struct virtio_blk_config *cfg, unsigned queue_size, struct err *err)
{
	if (cfg->queues < 1 || cfg->queues > BLK_QUEUES_MAX)
		return err_set(err, -EINVAL, "%u queues: 1 to %u are possible", cfg->queues,
			       BLK_QUEUES_MAX);
	if (queue_size < BLK_QUEUE_SIZE_MIN || queue_size > VQ_SIZE_MAX ||
	    (queue_size & (queue_size - 1)) != 0)
		return err_set(err, -EINVAL, "a queue of %u entries: powers of two from %u to %u are possible",
			       queue_size, BLK_QUEUE_SIZE_MIN, VQ_SIZE_MAX);
	return 0;
}

static int init_queues(struct virtio_blk *b, unsigned queue_size)
{
	for (unsigned i = 0; i < b->queue_count; i++) {
		if (blk_queue_init(&b->queues[i], &b->disk, i, queue_size) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* All but the block, which create() may have to leave to its caller. */
static void blk_free(struct virtio_blk *b)
{
	for (unsigned i = 0; i < b->queue_count; i++)
		blk_queue_free(&b->queues[i]);
	throttle_destroy(&b->disk.throttle);
	free(b);
}

static int blk_create(const struct board *board, const void *config, struct device **out,
		      struct err *err)
{
	const struct virtio_blk_config *cfg = config;
	const unsigned queue_size = cfg->queue_size ? cfg->queue_size : BLK_QUEUE_SIZE_DEFAULT;
	uint16_t sizes[BLK_QUEUES_MAX];
	struct virtio_blk *b;
	int rc;

	rc = check_config(cfg, queue_size, err);
	if (rc < 0)
		return rc;
	b = calloc(1, sizeof(*b) + cfg->queues * sizeof(b->queues[0]));
	if (!b)
		return err_set(err, -ENOMEM, "no memory for a disk");
	b->queue_count = cfg->queues;
	b->disk.v = &b->pci.v;
	b->disk.block = cfg->block;
	fill_rules(&b->disk.rules, cfg);
	memcpy(b->disk.id, cfg->serial, strnlen(cfg->serial, BLK_ID_BYTES));
	throttle_init(&b->disk.throttle, cfg->iops, cfg->iops_burst, cfg->bps, cfg->bps_burst);
	b->disk.throttled = throttle_active(&b->disk.throttle);
	fill_config(b, queue_size);
	for (unsigned i = 0; i < b->queue_count; i++)
		sizes[i] = (uint16_t)queue_size;
	rc = init_queues(b, queue_size);
	if (rc < 0) {
		err_set(err, rc, "no memory for a disk's queues");
		blk_free(b);
		return rc;
	}
	const struct virtio_setup setup = {
		.ops = &blk_ops,
		.mem = board->mem,
		.features = features_of(b),
		.queue_count = b->queue_count,
		.queue_sizes = sizes,
	};

	rc = virtio_pci_init(&b->pci, board, &cfg->place, &setup, &virtio_blk_type, err);
	if (rc < 0) {
		blk_free(b);
		return rc;
	}
	*out = &b->pci.dev;
	return 0;
}

static void blk_reset(struct device *dev)
{
	virtio_pci_reset(container_of(dev, struct virtio_pci, dev));
}

static void blk_destroy(struct device *dev)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, pci.dev);

	virtio_pci_free(&b->pci);
	block_close(b->disk.block);
	blk_free(b);
}

const struct device_type virtio_blk_type = { "virtio_blk", blk_create, blk_reset, blk_destroy };

unsigned virtio_blk_queues(const struct device *dev)
{
	return container_of(dev, const struct virtio_blk, pci.dev)->queue_count;
}

struct blk_stats virtio_blk_stats(const struct device *dev, unsigned index)
{
	const struct virtio_blk *b = container_of(dev, const struct virtio_blk, pci.dev);

	assert(index < b->queue_count);
	return b->queues[index].stats;
}
