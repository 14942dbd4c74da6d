/* A hostile driver of a disk: a whole virtio disk on a fake board over a block in
 * memory.  The input is a list of what the driver does: requests in any cut, raw
 * descriptors, bytes in memory, kicks, resets, configuration accesses; and of when
 * and how the block's requests end.
 *
 * Whatever comes: no byte outside RAM is touched (RAM is two allocations that
 * touch in guest space), no request leaves the disk or its alignment, nothing
 * changes a read-only disk, a driver that keeps the rules gets each chain back once
 * with its true length, and a reset always comes to its end.
 *
 * RAM: rings, the arena with headers, data and status of requests, indirect tables.
 * The arena is used over and over: requests that are out share memory and spoil each
 * other's data, which breaks no rule.  A table that is out, like a ring, is nobody
 * else's: a device that reads it late would see another chain than was offered.
 *
 * Input: 2 bytes of what the disk is, then records of 8 bytes: what, a, b (16 bits),
 * c (32 bits). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fake/fake_block.h"
#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "virtio/blk.h"

#define RECORD_BYTES 8u
#define RECORDS_MAX  256u
#define RING_SIZE    64u
#define RING_BYTES   0x1000u
#define QUEUES	     2u
#define PIECES_MAX   48u
#define TABLE_BYTES  (PIECES_MAX * 16u)
#define DISK_BYTES   KIB(64)

/* RAM. */
#define ARENA	  (QUEUES * RING_BYTES)
#define SEAM	  KIB(32) /* in the arena: one allocation ends, the other begins */
#define TABLES	  KIB(64)
#define RAM_BYTES (TABLES + QUEUES * RING_SIZE * TABLE_BYTES)

/* Feature bits of blk that the harness chooses from. */
#define F_FLUSH	     (UINT64_C(1) << 9)
#define F_CONFIG_WCE (UINT64_C(1) << 11)
#define F_OTHERS     UINT64_C(0x7674) /* all of the rest that can be offered */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	uint8_t what, a;
	uint16_t b;
	uint32_t c;
};

/* A chain that the device has. */
struct out {
	bool is_out;
	uint32_t in_bytes;
	uint64_t table; /* its bit in queue.tables; 0: not indirect */
};

struct queue {
	struct fake_driver driver;
	struct out out[RING_SIZE]; /* by id */
	uint64_t tables;	   /* bit set: that table is of a chain that is out */
};

struct guest {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loop;
	struct fake_block *fake;
	struct device *dev;
	struct virtio *v;
	uint8_t *ram[2]; /* below the seam and above it */
	uint32_t logical_bytes;
	bool read_only;
	bool honest;	/* nobody wrote to rings and tables but the driver, by the rules */
	uint32_t arena; /* bytes of it that were given out in this turn */
	struct queue queues[QUEUES];
};

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

/* One loop for all inputs: nothing stays in it. */
static struct ioloop *the_loop(void)
{
	static struct ioloop *loop;

	if (!loop)
		CHECK(ioloop_create(IO_ENGINE_THREADS, &loop, NULL) == 0);
	return loop;
}

/* ---- the machine ------------------------------------------------------------------ */

static void power_on(struct guest *g, uint8_t flags)
{
	static const gpa_t edges[] = { 0, SEAM, RAM_BYTES };
	struct ioloop *loops[1];
	struct block_limits *limits;

	memset(g, 0, sizeof(*g));
	fake_board_init(&g->fb);
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t len = edges[i + 1] - edges[i];

		g->ram[i] = calloc(1, len);
		CHECK(g->ram[i] && mem_add(&g->fb.mem, edges[i], len, g->ram[i]) == 0);
	}
	pci_bus_init(&g->bus, &g->fb.board);
	g->loop = loops[0] = the_loop();
	g->fake = fake_block_open(DISK_BYTES);
	g->fake->hold = true;
	limits = &g->fake->block.limits;
	g->logical_bytes = limits->logical_bytes = limits->physical_bytes = flags & 1 ? 4096 : 512;
	g->read_only = limits->read_only = flags & 2;
	limits->can_discard = flags & 4;
	limits->can_zero = flags & 8;
	limits->durable_writes = flags & 16;
	const struct virtio_blk_config config = {
		.place = { .bus = &g->bus, .devfn = -1, .loops = loops, .loop_count = 1,
			   .label = "disk" },
		.block = &g->fake->block,
		.queues = flags & 32 ? QUEUES : 1,
		.queue_size = RING_SIZE,
		.discard = flags & 64,
	};

	CHECK(virtio_blk_type.create(&g->fb.board, &config, &g->dev, NULL) == 0);
	virtio_blk_type.reset(g->dev);
	g->v = &container_of(g->dev, struct virtio_pci, dev)->v;
	/* From here on the block would take anything: what is wrong shows. */
	limits->size_bytes = UINT64_C(1) << 62;
	limits->logical_bytes = 1;
	limits->read_only = false;
	limits->can_discard = limits->can_zero = true;
}

/* Negotiate and start: choice gives the layout of rings and what blk is to do. */
static void drive(struct guest *g, uint8_t choice)
{
	static const uint64_t bits[] = { VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX,
					 VIRTIO_F_IN_ORDER,    VIRTIO_F_INDIRECT_DESC,
					 F_FLUSH,	       F_CONFIG_WCE,
					 VIRTIO_F_RING_RESET };
	uint64_t features = VIRTIO_F_VERSION_1 | F_OTHERS;
	struct virtio *v = g->v;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		if (choice >> i & 1)
			features |= bits[i];
	}
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->driver_features = features & v->offered;
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	memset(g->queues, 0, sizeof(g->queues));
	for (unsigned i = 0; i < v->queue_count; i++) {
		struct queue *q = &g->queues[i];

		fake_driver_init(&q->driver, &g->fb.mem, i * RING_BYTES, RING_SIZE, v->features);
		v->queues[i].size = RING_SIZE;
		v->queues[i].desc = q->driver.setup.desc;
		v->queues[i].driver = q->driver.setup.driver;
		v->queues[i].device = q->driver.setup.device;
		virtio_enable_queue(&v->queues[i]);
	}
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
				     VIRTIO_DRIVER_OK);
	g->honest = true;
}

/* ---- what must hold --------------------------------------------------------------- */

static void check_held(const struct guest *g)
{
	CHECK(g->fake->held_count <= RING_SIZE * QUEUES);
	for (unsigned i = 0; i < g->fake->held_count; i++) {
		const struct block_req *r = g->fake->held[i];

		if (r->op == BLOCK_FLUSH)
			continue;
		CHECK(range_inside(r->offset, r->len, DISK_BYTES));
		CHECK(((r->offset | r->len) & (g->logical_bytes - 1)) == 0);
		CHECK(r->op == BLOCK_READ || !g->read_only);
	}
}

/* Take back what the device used: all of a chain was written, or nothing is told. */
static void check_used(struct guest *g)
{
	for (unsigned i = 0; i < g->v->queue_count; i++) {
		struct queue *q = &g->queues[i];
		uint32_t len;
		uint16_t id;

		while (g->honest && fake_driver_used(&q->driver, &id, &len)) {
			const struct out *out = &q->out[id];

			CHECK(out->is_out && (len == 0 || len == out->in_bytes));
			q->tables &= ~out->table;
			q->out[id] = (struct out){ .is_out = false };
		}
	}
}

static void rounds(struct guest *g)
{
	for (unsigned n = 0; n < 16 && ioloop_round(g->loop, 0) > 0; n++)
		;
	check_held(g);
	check_used(g);
}

static void end_all(struct guest *g)
{
	/* Each request has at most so many segments that follow one another. */
	fake_block_end_all(g->fake, RING_SIZE * QUEUES * BLK_RANGES_MAX);
	CHECK(g->fake->held_count == 0);
}

/* ---- what the driver does ----------------------------------------------------------- */

static gpa_t take_arena(struct guest *g, uint32_t len)
{
	gpa_t at;

	if (g->arena + len > TABLES - ARENA)
		g->arena = 0;
	at = ARENA + g->arena;
	g->arena += len;
	return at;
}

static void put(struct guest *g, gpa_t gpa, const void *bytes, uint32_t len)
{
	CHECK(mem_write(&g->fb.mem, gpa, bytes, len) == 0);
}

/* Cut [gpa, gpa+len) into pieces of at most `most` bytes. */
static void cut(struct fake_buf *bufs, unsigned *n, gpa_t gpa, uint32_t len, uint32_t most,
		bool writable)
{
	while (len > 0 && *n < PIECES_MAX) {
		const uint32_t piece = *n + 1 == PIECES_MAX ? len : (uint32_t)min_u64(len, most);

		bufs[(*n)++] = (struct fake_buf){ gpa, piece, writable };
		gpa += piece;
		len -= piece;
	}
}

/* Offer a chain, by an indirect table if that is wanted and possible. */
static void offer(struct guest *g, struct queue *q, const struct fake_buf *bufs, unsigned n,
		  uint32_t in_bytes, bool indirect)
{
	const unsigned first = (unsigned)(q - g->queues) * RING_SIZE;
	struct out out = { .is_out = true, .in_bytes = in_bytes };
	int id;

	_Static_assert(RING_SIZE == 64, "tables has a bit for each chain that can be out");
	if (indirect && g->v->features & VIRTIO_F_INDIRECT_DESC && ~q->tables != 0) {
		const unsigned unused = (unsigned)__builtin_ctzll(~q->tables);

		out.table = UINT64_C(1) << unused;
		id = fake_driver_add_indirect(&q->driver, TABLES + (first + unused) * TABLE_BYTES,
					      bufs, n);
	} else {
		id = fake_driver_add(&q->driver, bufs, n);
	}
	if (id < 0)
		return;
	q->tables |= out.table;
	q->out[id] = out;
}

/* A request by the rules of the ring.  a: type; b: sector; c: bytes of data in units
 * that depend on the type, and how it is cut. */
static void request(struct guest *g, struct queue *q, const struct record *r)
{
	static const uint8_t types[] = { BLK_T_IN, BLK_T_OUT, BLK_T_FLUSH, BLK_T_GET_ID,
					 BLK_T_DISCARD, BLK_T_WRITE_ZEROES };
	static const uint16_t cuts[] = { 4096, 512, 100, 20, 16, 7, 1 };
	const uint8_t kind = r->a & 7;
	const uint32_t type = kind < sizeof(types) ? types[kind] : r->a;
	const bool to_guest = type == BLK_T_IN || type == BLK_T_GET_ID;
	const uint32_t unit = type == BLK_T_IN || type == BLK_T_OUT ? 512 :
			      type == BLK_T_GET_ID		    ? 20 :
								      16;
	const uint32_t data = (r->c & 31) * unit + (r->c >> 5 & 3);
	const uint16_t most = cuts[(r->c >> 7 & 7) % ARRAY_LEN(cuts)];
	const uint32_t head = r->a & 0x80 ? 15 : BLK_HEADER_BYTES;
	const uint32_t tail = r->a & 0x40 ? 0 : 1;
	const uint64_t sector = r->a & 0x20 ? (uint64_t)r->b << 48 | r->b : r->b;
	const gpa_t at = take_arena(g, 32 + data);
	uint8_t raw[32] = { 0 };
	struct fake_buf bufs[PIECES_MAX];
	unsigned n = 0;

	le32_store(raw, type);
	le64_store(raw + 8, sector);
	le64_store(raw + 16, sector); /* a segment, where there are such */
	le32_store(raw + 24, r->c >> 16 & 0xff);
	le32_store(raw + 28, r->c >> 24);
	put(g, at, raw, sizeof(raw));
	for (uint32_t i = 1; unit == 16 && i * 16 + 16 <= data; i++)
		put(g, at + 16 + i * 16, raw + 16, 16);
	cut(bufs, &n, at, head + (to_guest ? 0 : data), most, false);
	cut(bufs, &n, at + (to_guest ? head : head + data), (to_guest ? data : 0) + tail, most,
	    true);
	offer(g, q, bufs, n, (to_guest ? data : 0) + tail, r->c >> 10 & 1);
}

static void poke(struct guest *g, const struct record *r)
{
	const gpa_t at = r->b | (gpa_t)(r->a & 1) << 16;
	uint8_t bytes[4];

	le32_store(bytes, r->c);
	if (mem_write(&g->fb.mem, at, bytes, sizeof(bytes)) == 0 &&
	    !range_inside(at - ARENA, sizeof(bytes), TABLES - ARENA))
		g->honest = false;
}

/* It can have the device write anywhere: to any queue's ring, too. */
static void raw_descriptor(struct guest *g, struct queue *q, const struct record *r)
{
	const uint64_t addr = r->c & 0x80000000 ? UINT64_MAX - r->b : r->b;

	g->honest = false;
	fake_driver_desc(&q->driver, q->driver.desc, r->a % RING_SIZE, addr, r->c & 0xffff,
			 (r->c >> 16 & 0xff) | (q->driver.packed ? fake_driver_bits(&q->driver) : 0),
			 r->c >> 24 & 0x7f);
	if (!q->driver.packed)
		fake_driver_offer(&q->driver, r->a % RING_SIZE);
}

static void config_access(struct guest *g, const struct record *r)
{
	const unsigned len = 1 + r->a % 8;
	const unsigned room = g->v->ops->config_bytes - len;
	const unsigned offset = r->b % (room + 1);
	uint8_t bytes[8];

	le64_store(bytes, r->c);
	if (r->a & 0x80)
		g->v->ops->config_write(g->v, offset, bytes, len);
	else
		g->v->ops->config_read(g->v, offset, bytes, len);
}

/* Whatever state it is in, a reset ends when the block has ended all requests. */
static void reset(struct guest *g)
{
	virtio_set_status(g->v, 0);
	rounds(g);
	end_all(g);
	rounds(g);
	CHECK(virtio_status(g->v) == 0);
}

static void act(struct guest *g, const struct record *r)
{
	const unsigned index = (r->what >> 4) % g->v->queue_count;
	struct queue *q = &g->queues[index];

	switch (r->what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		request(g, q, r);
		break;
	case 4:
		poke(g, r);
		break;
	case 5:
		raw_descriptor(g, q, r);
		break;
	case 6:
	case 7:
		virtio_kick(&g->v->queues[index]);
		break;
	case 8:
	case 9:
		rounds(g);
		break;
	case 10:
	case 11:
		if (g->fake->held_count > 0)
			fake_block_end(g->fake, r->a % g->fake->held_count,
				       r->b & 1 ? -EIO : r->b & 2 ? -EOPNOTSUPP : 0);
		check_held(g);
		break;
	case 12:
		config_access(g, r);
		break;
	case 13:
		reset(g);
		drive(g, r->a);
		break;
	case 14:
		virtio_reset_queue(&g->v->queues[index]);
		break;
	default:
		end_all(g);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest the_guest; /* too large for a stack with red zones */
	struct guest *g = &the_guest;

	if (size < 2)
		return 0;
	power_on(g, data[0]);
	drive(g, data[1]);
	rounds(g);
	for (size_t i = 0; i < RECORDS_MAX && 2 + (i + 1) * RECORD_BYTES <= size; i++) {
		const uint8_t *raw = data + 2 + i * RECORD_BYTES;
		const struct record r = { raw[0], raw[1], le16_load(raw + 2), le32_load(raw + 4) };

		act(g, &r);
	}
	reset(g);
	virtio_blk_type.destroy(g->dev);
	free(g->ram[0]);
	free(g->ram[1]);
	return 0;
}
