#include "virtio/blk_req.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/checked.h"

#define SECTOR_BYTES 512u

/* Flags of a discard or write zeroes segment. */
#define RANGE_UNMAP 1u

enum data_way { DATA_NONE, DATA_TO_DISK, DATA_TO_GUEST };

struct kind {
	uint32_t type;
	enum data_way data;
	bool changes; /* the disk's content */
	int (*parse)(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
		     struct blk_req *r);
};

/* [sector, sector + len / 512) as bytes, if it is whole blocks inside the disk. */
static bool inside(const struct blk_rules *rules, uint64_t raw_sector, uint64_t raw_len,
		   uint64_t *offset)
{
	return mul_u64(raw_sector, SECTOR_BYTES, offset) &&
	       ((*offset | raw_len) & (rules->logical_bytes - 1)) == 0 &&
	       range_inside(*offset, raw_len, rules->size_bytes);
}

/* Point r at the data in iov[0 .. count) without its first `head` and last `tail`
 * bytes, which are there. */
static void trim(struct blk_req *r, struct iovec *iov, unsigned count, size_t head, size_t tail)
{
	while (count > 0 && iov->iov_len <= head) {
		head -= iov->iov_len;
		iov++;
		count--;
	}
	while (count > 0 && iov[count - 1].iov_len <= tail) {
		tail -= iov[count - 1].iov_len;
		count--;
	}
	if (count > 0) {
		iov->iov_base = (uint8_t *)iov->iov_base + head;
		iov->iov_len -= head;
		iov[count - 1].iov_len -= tail;
	}
	r->iov = iov;
	r->iov_count = count;
}

static int parse_in(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
		    struct blk_req *r)
{
	r->len = c->in_bytes - BLK_STATUS_BYTES;
	if (!inside(rules, raw_sector, r->len, &r->offset))
		return BLK_S_IOERR;
	trim(r, c->iov + c->out_count, c->in_count, 0, BLK_STATUS_BYTES);
	return BLK_S_OK;
}

static int parse_out(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
		     struct blk_req *r)
{
	r->len = c->out_bytes - BLK_HEADER_BYTES;
	if (!inside(rules, raw_sector, r->len, &r->offset))
		return BLK_S_IOERR;
	trim(r, c->iov, c->out_count, BLK_HEADER_BYTES, 0);
	return BLK_S_OK;
}

static int parse_nothing(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
			 struct blk_req *r)
{
	(void)rules, (void)c, (void)raw_sector, (void)r;
	return BLK_S_OK;
}

/* 5.2.6.1: the length of data is 20 bytes. */
static int parse_get_id(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
			struct blk_req *r)
{
	(void)rules, (void)raw_sector, (void)r;
	return c->in_bytes == BLK_ID_BYTES + BLK_STATUS_BYTES ? BLK_S_OK : BLK_S_IOERR;
}

/* One segment.  5.2.6.2 asks for UNSUPP for flags that are not known, and for unmap
 * in a discard. */
static int parse_range(const struct blk_rules *rules, const uint8_t *raw, uint32_t known_flags,
		       struct blk_range *range)
{
	const uint32_t flags = le32_load(raw + 12);
	uint64_t offset;

	range->sector = le64_load(raw);
	range->sector_count = le32_load(raw + 8);
	range->may_unmap = flags & RANGE_UNMAP;
	if (flags & ~known_flags)
		return BLK_S_UNSUPP;
	if (range->sector_count > BLK_RANGE_SECTORS ||
	    !inside(rules, range->sector, (uint64_t)range->sector_count * SECTOR_BYTES, &offset))
		return BLK_S_IOERR;
	return BLK_S_OK;
}

/* All segments are copied once and checked before the first is served. */
static int parse_ranges(const struct blk_rules *rules, const struct chain *c, uint32_t known_flags,
			struct blk_req *r)
{
	uint8_t raw[BLK_RANGES_MAX * BLK_RANGE_BYTES];
	const uint64_t len = c->out_bytes - BLK_HEADER_BYTES;

	if (len == 0 || len % BLK_RANGE_BYTES != 0 || len > sizeof(raw) ||
	    chain_read(c, BLK_HEADER_BYTES, raw, (size_t)len) != len)
		return BLK_S_IOERR;
	r->range_count = (unsigned)(len / BLK_RANGE_BYTES);
	for (unsigned i = 0; i < r->range_count; i++) {
		const int rc = parse_range(rules, raw + (size_t)i * BLK_RANGE_BYTES, known_flags,
					   &r->ranges[i]);

		if (rc != BLK_S_OK)
			return rc;
	}
	return BLK_S_OK;
}

static int parse_discard(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
			 struct blk_req *r)
{
	(void)raw_sector;
	return rules->discard ? parse_ranges(rules, c, 0, r) : BLK_S_UNSUPP;
}

static int parse_write_zeroes(const struct blk_rules *rules, struct chain *c, uint64_t raw_sector,
			      struct blk_req *r)
{
	(void)raw_sector;
	return rules->write_zeroes ? parse_ranges(rules, c, RANGE_UNMAP, r) : BLK_S_UNSUPP;
}

static const struct kind kinds[] = {
	{ BLK_T_IN, DATA_TO_GUEST, false, parse_in },
	{ BLK_T_OUT, DATA_TO_DISK, true, parse_out },
	{ BLK_T_FLUSH, DATA_NONE, false, parse_nothing },
	{ BLK_T_GET_ID, DATA_TO_GUEST, false, parse_get_id },
	{ BLK_T_DISCARD, DATA_TO_DISK, true, parse_discard },
	{ BLK_T_WRITE_ZEROES, DATA_TO_DISK, true, parse_write_zeroes },
};

static const struct kind *find_kind(uint32_t raw_type)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].type == raw_type)
			return &kinds[i];
	}
	return NULL;
}

/* The last writable byte, or NULL.  An iov may be empty. */
static uint8_t *find_status(const struct chain *c)
{
	for (unsigned i = c->out_count + c->in_count; i > c->out_count; i--) {
		const struct iovec *iov = &c->iov[i - 1];

		if (iov->iov_len > 0)
			return (uint8_t *)iov->iov_base + iov->iov_len - 1;
	}
	return NULL;
}

int blk_req_parse(const struct blk_rules *rules, struct chain *c, struct blk_req *r)
{
	uint8_t header[BLK_HEADER_BYTES];
	const struct kind *kind;

	r->offset = r->len = 0;
	r->iov = NULL;
	r->iov_count = r->range_count = 0;
	r->status = find_status(c);
	if (!r->status)
		return -EBADMSG;
	if (chain_read(c, 0, header, sizeof(header)) != sizeof(header))
		return BLK_S_IOERR;
	kind = find_kind(le32_load(header));
	if (!kind)
		return BLK_S_UNSUPP;
	r->type = (enum blk_type)kind->type;
	if (kind->changes && rules->read_only)
		return BLK_S_IOERR;
	/* Data on the side where this type has none: what did the driver mean? */
	if ((kind->data != DATA_TO_DISK && c->out_bytes > BLK_HEADER_BYTES) ||
	    (kind->data != DATA_TO_GUEST && c->in_bytes > BLK_STATUS_BYTES))
		return BLK_S_IOERR;
	return kind->parse(rules, c, le64_load(header + 8), r);
}

uint32_t blk_req_written(const struct chain *c, enum blk_status status)
{
	if (status == BLK_S_OK || c->in_bytes == BLK_STATUS_BYTES)
		return (uint32_t)c->in_bytes;
	return 0;
}
