/* A hostile driver of a NIC, and a hostile network before it: a whole virtio NIC on a
 * fake board.  The input is a list of what the two do: buffers, frames and commands in
 * any cut, raw descriptors, bytes in memory, kicks, resets, configuration accesses; and
 * frames of any length and kind, and a network that takes none.
 *
 * Whatever comes: no byte outside RAM is touched or lent (RAM is two allocations that
 * touch in guest space), a frame is sent only with offloads that were agreed on and that
 * fit it, a driver that keeps the rules of its receive ring finds exactly the bytes of
 * the frames that were counted, and a reset always comes to its end.
 *
 * Input: 4 bytes of what the NIC is and what its driver takes, then records of 8 bytes:
 * what, a, b (16 bits), c (32 bits). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "fake/fake_net.h"
#include "net/offload.h"
#include "virtio/net.h"
#include "virtio/net_features.h"
#include "virtio/net_pair.h"

#define RECORD_BYTES 8u
#define RECORDS_MAX  256u
#define USES_MAX     64u     /* of a machine */
#define HALF_BYTES   KIB(32) /* of RAM, in each of two blocks */
#define RING_SIZE    16u
#define RING_BYTES   0x400u
#define PAIRS	     2u
#define QUEUES	     (2 * PAIRS + 1)
#define TABLES	     (QUEUES * RING_BYTES) /* indirect ones; no buffer is here */
#define TABLES_BYTES 0x4000u
#define TABLE_BYTES  (PIECES_MAX * 16)
#define ARENA	     (TABLES + TABLES_BYTES) /* buffers, from here on */
#define PIECES_MAX   48u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	uint8_t what, a;
	uint16_t b;
	uint32_t c;
};

struct queue {
	struct fake_driver driver;
	bool honest;		      /* nobody wrote to its ring but the driver */
	uint32_t in_bytes[RING_SIZE]; /* by id, of chains that are out */
	uint64_t came_bytes;	      /* by used lengths, since the driver began */
};

struct guest {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loop;
	struct fake_net *fake;
	struct device *dev;
	struct virtio *v;
	uint8_t *half[2];
	unsigned uses;
	uint16_t arena; /* next free byte of it; wraps: chains then share memory */
	unsigned tables;
	bool wild; /* some queue has a buffer that may lie over any ring */
	struct queue queues[QUEUES];
	uint64_t base_bytes[PAIRS]; /* of frames, before this driver */
};

#define CHECK(condition)                  \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

/* One loop for all inputs: nothing stays in it. */
static struct ioloop *the_loop(void)
{
	static struct ioloop *loop;

	if (!loop)
		CHECK(ioloop_create(IO_ENGINE_THREADS, &loop, NULL) == 0);
	return loop;
}

/* ---- the network ------------------------------------------------------------------ */

static struct net_shared *shared_of(const struct guest *g)
{
	return container_of(g->fake->nic, struct net_shared, nic);
}

static bool in_ram(const struct guest *g, const struct iovec *iov)
{
	for (unsigned i = 0; i < 2; i++) {
		const uintptr_t at = (uintptr_t)iov->iov_base, ram = (uintptr_t)g->half[i];

		if (at >= ram && range_inside(at - ram, iov->iov_len, HALF_BYTES))
			return true;
	}
	return false;
}

/* A frame of the guest: what was said of it is true. */
static void check_sent(struct fake_net *fake, unsigned pair, const struct net_frame *f)
{
	const struct guest *g = fake->arg;
	const struct net_offload *o = &f->offload;
	const unsigned from_guest = net_features_from_guest(g->v->features);
	size_t len = 0;

	(void)pair;
	for (unsigned i = 0; i < f->iov_count; i++) {
		CHECK(in_ram(g, &f->iov[i]));
		len += f->iov[i].iov_len;
	}
	CHECK(len == f->len);
	CHECK(!o->csum_valid && !(net_offload_needs(o) & ~from_guest));
	CHECK(!o->needs_csum ||
	      (o->csum_start >= NET_HEADER_BYTES && o->csum_start + o->csum_offset + 2u <= f->len));
	CHECK((o->gso == NET_GSO_NONE) == (o->gso_bytes == 0));
	CHECK(o->gso == NET_GSO_NONE || o->needs_csum);
	CHECK(o->header_bytes <= f->len);
}

/* Ask for room, scribble over all of it, and leave a frame there, or none. */
static void bring(struct guest *g, unsigned pair, const struct record *r)
{
	static const uint16_t lengths[] = { 0, 1, 13, 14, 60, 1514, 9014, 65535 };
	static const uint8_t macs[][NET_MAC_BYTES] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
						       { 2, 0, 0, 0, 0, 1 },
						       { 2, 0, 0, 0, 0, 9 },
						       { 0x33, 0x33, 0, 0, 0, 1 } };
	const struct net_nic_ops *nic = g->fake->nic->ops;
	const size_t len = r->a & 8 ? r->b : lengths[r->a & 7];
	const size_t want = max_u64(r->a & 16 ? NET_FRAME_BYTES_MAX : len, NET_HEADER_BYTES);
	uint8_t header[NET_VNET_HEADER_BYTES] = { 0 };
	struct net_offload offload;
	struct net_room room;
	size_t room_len = 0;

	if (!g->fake->loop[pair])
		return;
	le32_store(header, r->c);
	le16_store(header + 4, r->b);
	le16_store(header + 6, 34);
	le16_store(header + 8, r->c & 0x300 ? 16 : 6);
	if (net_offload_parse(header, len, UINT32_MAX, &offload) < 0)
		offload = (struct net_offload){ 0 };
	if (!nic->room(g->fake->nic, pair, want, &room))
		return;
	CHECK(room.iov_count >= 1 && room.iov_count <= NET_IOV_MAX);
	for (unsigned i = 0; i < room.iov_count; i++) {
		CHECK(in_ram(g, &room.iov[i]));
		memset(room.iov[i].iov_base, (int)(r->c >> 24), room.iov[i].iov_len);
		room_len += room.iov[i].iov_len;
	}
	CHECK(room_len == room.len && room_len >= NET_HEADER_BYTES);
	room.iov[-1] = (struct iovec){ NULL, SIZE_MAX };
	if (r->a & 32) /* else of one byte's repeats */
		for (size_t i = 0; i < NET_MAC_BYTES && i < room.iov[0].iov_len; i++)
			((uint8_t *)room.iov[0].iov_base)[i] = macs[r->a >> 6][i];
	nic->commit(g->fake->nic, pair, len <= room.len ? len : 0, &offload);
	if (len > room.len)
		nic->dropped(g->fake->nic, pair);
}

/* A network that has more to bring when it is told of room. */
static void bring_more(struct fake_net *fake, unsigned pair)
{
	const struct record r = { .a = 4 | 32 };

	bring(fake->arg, pair, &r);
}

/* ---- the machine ------------------------------------------------------------------ */

static void make(struct guest *g, uint8_t flags)
{
	static const unsigned sets[] = { 0, NET_CAN_CSUM, NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_ECN,
					 NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN |
						 NET_CAN_UFO | NET_CAN_USO };
	struct ioloop *loops[1];
	struct net_limits *limits;

	fake_board_init(&g->fb);
	for (unsigned i = 0; i < 2; i++) {
		g->half[i] = malloc(HALF_BYTES);
		CHECK(g->half[i] &&
		      mem_add(&g->fb.mem, i * HALF_BYTES, HALF_BYTES, g->half[i]) == 0);
	}
	pci_bus_init(&g->bus, &g->fb.board);
	g->loop = loops[0] = the_loop();
	g->fake = fake_net_open();
	g->fake->forget = true;
	g->fake->arg = g;
	g->fake->on_send = check_sent;
	g->fake->on_rx_ready = bring_more;
	limits = &g->fake->net.limits;
	limits->pairs_max = PAIRS;
	limits->from_guest = sets[flags & 3];
	limits->to_guest = sets[flags >> 2 & 3];
	limits->link_up = !(flags & 64);
	limits->mtu_max = flags & 128 ? NET_MTU_DEFAULT : NET_MTU_MAX;
	const struct virtio_net_config config = {
		.place = { .bus = &g->bus,
			   .devfn = -1,
			   .loops = loops,
			   .loop_count = 1,
			   .label = "net" },
		.net = &g->fake->net,
		.mac = { 2, 0, 0, 0, 0, 1 },
		.pairs = flags & 16 ? PAIRS : 1,
		.queue_size = RING_SIZE,
		.mtu = flags & 32 ? NET_MTU_DEFAULT : 0,
	};

	CHECK(virtio_net_type.create(&g->fb.board, &config, &g->dev, NULL) == 0);
	g->v = &container_of(g->dev, struct virtio_pci, dev)->v;
}

static void destroy(struct guest *g)
{
	virtio_net_type.destroy(g->dev);
	free(g->half[0]);
	free(g->half[1]);
	free(g);
}

/* All as it was made, RAM too; the link as its two sides have it at first. */
static void power_on(struct guest *g)
{
	memset(g->half[0], 0, HALF_BYTES);
	memset(g->half[1], 0, HALF_BYTES);
	memset(g->queues, 0, sizeof(g->queues));
	g->arena = 0;
	g->tables = 0;
	fake_net_clear(g->fake);
	atomic_store(&g->fake->refuse, false);
	virtio_net_set_link(g->dev, true);
	g->fake->nic->ops->link(g->fake->nic, g->fake->net.limits.link_up);
	virtio_net_type.reset(g->dev);
}

/* Each queue has an eventfd. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= 2048);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* A machine of each kind, and USES_MAX inputs for each: to make one takes longer than
 * most inputs.  Nothing but counters may be left of an input after a reset. */
static struct guest **a_guest(uint8_t flags)
{
	static struct guest *guests[UINT8_MAX + 1];
	struct guest **g = &guests[flags];

	if (*g)
		return g;
	allow_descriptors();
	*g = calloc(1, sizeof(**g));
	CHECK(*g);
	make(*g, flags);
	return g;
}

/* Pairs that the driver knows of, whose queues come before the control queue. */
static unsigned pairs_of(const struct guest *g)
{
	return g->v->features & NET_F_MQ ? virtio_net_pairs(g->dev) : 1;
}

/* What was received so far, with a header for each frame. */
static uint64_t frame_bytes(const struct guest *g, unsigned pair)
{
	const struct virtio_net_stats s = virtio_net_stats(g->dev, pair);

	return s.rx_bytes + NET_VNET_HEADER_BYTES * s.rx_frames;
}

static void set_up_queue(struct guest *g, unsigned i)
{
	struct virtio_queue *vq = &g->v->queues[i];
	struct queue *q = &g->queues[i];

	if (virtio_queue_at(g->v, i)->enabled || virtio_queue_frozen(vq))
		return;
	fake_driver_init(&q->driver, &g->fb.mem, i * RING_BYTES, RING_SIZE, g->v->features);
	q->honest = !g->wild;
	q->came_bytes = 0;
	if (i % 2 == 0 && i / 2 < virtio_net_pairs(g->dev))
		g->base_bytes[i / 2] = frame_bytes(g, i / 2);
	vq->size = RING_SIZE;
	vq->desc = q->driver.setup.desc;
	vq->driver = q->driver.setup.driver;
	vq->device = q->driver.setup.device;
	virtio_enable_queue(vq);
}

/* Negotiate and start: choice says what the driver takes. */
static void drive(struct guest *g, uint16_t choice)
{
	static const uint64_t bits[] = {
		VIRTIO_F_RING_PACKED,
		VIRTIO_F_EVENT_IDX,
		VIRTIO_F_IN_ORDER,
		VIRTIO_F_INDIRECT_DESC,
		VIRTIO_F_RING_RESET,
		NET_F_MRG_RXBUF,
		NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_VLAN | NET_F_CTRL_MAC_ADDR,
		NET_F_CTRL_VQ | NET_F_CTRL_RX_EXTRA | NET_F_GUEST_ANNOUNCE,
		NET_F_CTRL_VQ | NET_F_MQ,
		NET_F_GUEST_CSUM | NET_F_CTRL_VQ | NET_F_CTRL_GUEST_OFFLOADS,
		NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN |
			NET_F_GUEST_UFO | NET_F_GUEST_USO4 | NET_F_GUEST_USO6,
		NET_F_CSUM,
		NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN | NET_F_HOST_UFO |
			NET_F_HOST_USO,
		NET_F_MTU,
		NET_F_GUEST_TSO4, /* alone it is refused */
	};
	uint64_t features = VIRTIO_F_VERSION_1 | NET_F_MAC | NET_F_STATUS;
	struct virtio *v = g->v;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		if (choice >> i & 1)
			features |= bits[i];
	}
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->driver_features = features & v->offered;
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < v->queue_count; i++)
		set_up_queue(g, i);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
				     VIRTIO_DRIVER_OK);
}

/* ---- what must hold --------------------------------------------------------------- */

/* All bytes of frames that were counted since the driver began are in used chains, and
 * no others.  What a broken device did last is shown to nobody. */
static void check_came(struct guest *g, unsigned pair)
{
	const struct queue *q = &g->queues[2 * pair];

	CHECK(!q->honest || g->v->broken ||
	      q->came_bytes == frame_bytes(g, pair) - g->base_bytes[pair]);
}

/* Take back what the device used. */
static void check_used(struct guest *g)
{
	for (unsigned i = 0; i < g->v->queue_count; i++) {
		struct queue *q = &g->queues[i];
		uint32_t len;
		uint16_t id;

		while (q->honest && fake_driver_used(&q->driver, &id, &len)) {
			CHECK(len <= q->in_bytes[id]);
			q->in_bytes[id] = 0; /* each comes once */
			q->came_bytes += len;
		}
	}
}

static void rounds(struct guest *g)
{
	for (unsigned n = 0; n < 16 && ioloop_round(g->loop, 0) > 0; n++)
		;
	check_used(g);
	for (unsigned i = 0; i < pairs_of(g); i++)
		check_came(g, i);
	/* A command that changed it is done by now. */
	for (unsigned i = atomic_load(&shared_of(g)->active); i < PAIRS; i++)
		CHECK(!g->fake->loop[i]);
}

/* ---- what the driver does ----------------------------------------------------------- */

static gpa_t take_arena(struct guest *g, uint32_t len)
{
	const uint32_t room = (uint32_t)(2 * HALF_BYTES) - ARENA;
	const gpa_t at = ARENA + g->arena;

	if (g->arena + len > room) {
		g->arena = 0;
		return ARENA;
	}
	g->arena = (uint16_t)(g->arena + len);
	return at;
}

/* For a table, inside one block of RAM.  One that is still in use may get another's
 * descriptors, but a frame never lands there: it could send the next one to a ring. */
static gpa_t take_table(struct guest *g)
{
	_Static_assert(ARENA <= HALF_BYTES, "a device maps a table as a whole");

	return TABLES + (g->tables++ % (TABLES_BYTES / TABLE_BYTES)) * TABLE_BYTES;
}

/* Add [gpa, gpa+len) in pieces of at most `most` bytes, the last as long as need be. */
static unsigned cut(struct fake_buf *bufs, unsigned n, gpa_t gpa, uint32_t len, uint32_t most,
		    bool writable)
{
	while (len > 0 && n < PIECES_MAX) {
		const uint32_t piece = n + 1 == PIECES_MAX ? len : (uint32_t)min_u64(len, most);

		bufs[n++] = (struct fake_buf){ gpa, piece, writable };
		gpa += piece;
		len -= piece;
	}
	return n;
}

static void offer(struct guest *g, struct queue *q, const struct fake_buf *bufs, unsigned n,
		  bool indirect)
{
	uint32_t in_bytes = 0;
	int id;

	for (unsigned i = 0; i < n; i++)
		in_bytes += bufs[i].writable ? bufs[i].len : 0;
	if (n == 0)
		return;
	if (indirect && (g->v->features & VIRTIO_F_INDIRECT_DESC)) {
		id = fake_driver_add_indirect(&q->driver, take_table(g), bufs, n);
		in_bytes = UINT32_MAX; /* see take_table() */
	} else {
		id = fake_driver_add(&q->driver, bufs, n);
	}
	if (id >= 0)
		q->in_bytes[id] = in_bytes;
}

static uint32_t cut_of(const struct record *r)
{
	static const uint16_t cuts[] = { 4096, 1536, 512, 100, 12, 11, 7, 1 };

	return cuts[r->c & 7];
}

/* A buffer for frames.  b: its length; c: how it is cut; a: oddities. */
static void rx_buffer(struct guest *g, struct queue *q, const struct record *r)
{
	const uint32_t len = r->b % 0x3000;
	struct fake_buf bufs[PIECES_MAX];
	unsigned n = 0;

	if (r->a == 0x80)
		n = cut(bufs, n, take_arena(g, 8), 8, 8, false);
	n = cut(bufs, n, take_arena(g, len), len, cut_of(r), true);
	offer(g, q, bufs, n, r->c & 8);
}

/* A frame.  b: its length, a: kind of header; c: how it is cut, fields. */
static void tx_frame(struct guest *g, struct queue *q, const struct record *r)
{
	static const uint8_t types[] = { 0, 1, 3, 4, 5, 0x81, 0x84, 0x83 };
	const uint32_t len = NET_VNET_HEADER_BYTES + r->b % 0x3000;
	const gpa_t at = take_arena(g, len);
	uint8_t header[NET_VNET_HEADER_BYTES] = { 0 };
	struct fake_buf bufs[PIECES_MAX];
	unsigned n;

	header[0] = r->a >> 6;
	header[1] = r->a & 0x20 ? (uint8_t)(r->c >> 24) : types[r->a & 7];
	le16_store(header + 2, (uint16_t)(r->c >> 8 & 0xff));
	le16_store(header + 4, (uint16_t)(r->c >> 16 & 0xff));
	le16_store(header + 6, r->a & 0x10 ? (uint16_t)(r->c >> 16) : 34);
	le16_store(header + 8, (header[1] & 7) == 1 || (header[1] & 7) == 4 ? 16 : 6);
	CHECK(mem_write(&g->fb.mem, at, header, sizeof(header)) == 0);
	n = cut(bufs, 0, at, r->a & 8 ? len % 40 : len, cut_of(r), false);
	/* The same bytes again and again: a frame longer than RAM. */
	for (unsigned i = 0; (r->c & 16) && i < 16 && n < PIECES_MAX; i++, n++)
		bufs[n] = (struct fake_buf){ ARENA, 4096, false };
	if (r->c & 32 && n < PIECES_MAX)
		bufs[n++] = (struct fake_buf){ ARENA, 8, true };
	offer(g, q, bufs, n, r->c & 8);
}

/* A command.  a: class and number; b: length of the data; c: the data, how it is cut. */
static void command(struct guest *g, struct queue *q, const struct record *r)
{
	static const uint8_t lengths[] = { 0, 1, 2, 6, 8, 20, 32, 3 };
	const uint32_t len = 2 + (r->b & 8 ? r->b >> 4 : lengths[r->b & 7]);
	const gpa_t at = take_arena(g, len + 1);
	uint8_t raw[2 + 8] = { r->a & 7, r->a >> 3 & 7 };
	struct fake_buf bufs[PIECES_MAX];
	unsigned n;

	le32_store(raw + 2, r->c >> 8);
	CHECK(mem_write(&g->fb.mem, at, raw, min_u64(len, sizeof(raw))) == 0);
	n = cut(bufs, 0, at, len, cut_of(r), false);
	if (!(r->a & 0x40))
		n = cut(bufs, n, at + len, 1, 1, true);
	offer(g, q, bufs, n, r->c & 8);
}

/* By the rules of the ring, but not always of the queue. */
static void chain_of_any_kind(struct guest *g, unsigned index, const struct record *r)
{
	struct queue *q = &g->queues[index];

	if (!q->honest)
		return;
	if (index == 2 * pairs_of(g))
		command(g, q, r);
	else if (index % 2 == (r->a == 0x87))
		rx_buffer(g, q, r);
	else
		tx_frame(g, q, r);
}

static void distrust_all(struct guest *g)
{
	for (unsigned i = 0; i < QUEUES; i++)
		g->queues[i].honest = false;
}

static void poke(struct guest *g, const struct record *r)
{
	uint8_t bytes[4];

	le32_store(bytes, r->c);
	if (mem_write(&g->fb.mem, r->b, bytes, sizeof(bytes)) == 0 && r->b < ARENA)
		distrust_all(g);
}

/* A frame may land where it points to, and be it on a ring of another queue; or it points
 * to a table of whatever is there. */
static void raw_descriptor(struct guest *g, struct queue *q, const struct record *r)
{
	const uint64_t addr = r->c & 0x80000000 ? UINT64_MAX - r->b : r->b;

	if (!q->driver.desc)
		return;
	q->honest = false;
	if (r->b < ARENA || r->c >> 16 & FAKE_INDIRECT) {
		g->wild = true;
		distrust_all(g);
	}
	fake_driver_desc(&q->driver, q->driver.desc, r->a % RING_SIZE, addr, r->c & 0xffff,
			 (r->c >> 16 & 0xff) |
				 (q->driver.packed ? fake_driver_bits(&q->driver) : 0),
			 r->c >> 24 & 0x7f);
	if (!q->driver.packed)
		fake_driver_offer(&q->driver, r->a % RING_SIZE);
}

static void config_access(struct guest *g, const struct record *r)
{
	const unsigned len = 1 + r->a % 8;
	const unsigned room = g->v->ops->config_bytes - len;
	uint8_t bytes[8];

	g->v->ops->config_read(g->v, r->b % (room + 1), bytes, len);
}

/* Chains that were used and not shown yet are lost: no more of that ring is known. */
static void reset_queue(struct guest *g, unsigned index, const struct record *r)
{
	if (r->a & 1) {
		set_up_queue(g, index);
		return;
	}
	g->queues[index].honest = false;
	virtio_reset_queue(&g->v->queues[index]);
}

/* Whatever state it is in, a reset ends. */
static void reset(struct guest *g)
{
	distrust_all(g);
	virtio_set_status(g->v, 0);
	rounds(g);
	CHECK(virtio_status(g->v) == 0);
	CHECK(g->fake->starts == g->fake->stops);
	g->wild = false;
}

/* What else happens outside of the guest. */
static void outside(struct guest *g, unsigned pair, const struct record *r)
{
	struct io_timer *patience = &shared_of(g)->pairs[pair].rx.patience;

	switch (r->a & 7) {
	case 0:
		virtio_net_set_link(g->dev, r->a & 8);
		break;
	case 1:
		g->fake->nic->ops->link(g->fake->nic, r->a & 8);
		break;
	case 2:
		virtio_net_announce(g->dev);
		break;
	case 3:
		atomic_store(&g->fake->refuse, true);
		break;
	case 4:
		atomic_store(&g->fake->refuse, false);
		if (g->fake->loop[pair])
			fake_net_accept(g->fake, pair);
		break;
	default: /* time goes by */
		if (patience->deadline_ns != UINT64_MAX) {
			ioloop_disarm(g->loop, patience);
			patience->fire(patience->arg, 0);
			virtio_again(g->v, 2 * pair);
		}
		break;
	}
}

static void act(struct guest *g, const struct record *r)
{
	const unsigned index = (r->what >> 4) % g->v->queue_count;
	const unsigned pair = index / 2 % virtio_net_pairs(g->dev);

	switch (r->what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		chain_of_any_kind(g, index, r);
		break;
	case 5:
		poke(g, r);
		break;
	case 6:
		raw_descriptor(g, &g->queues[index], r);
		break;
	case 7:
		virtio_kick(&g->v->queues[index]);
		break;
	case 8:
	case 9:
		rounds(g);
		break;
	case 10:
	case 11:
		bring(g, pair, r);
		virtio_again(g->v, 2 * pair); /* or there is no end of a round */
		break;
	case 12:
		config_access(g, r);
		break;
	case 13:
		reset(g);
		drive(g, r->b);
		break;
	case 14:
		reset_queue(g, index, r);
		break;
	default:
		outside(g, pair, r);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest **kept, *g;

	if (size < 4)
		return 0;
	kept = a_guest(data[0]);
	g = *kept;
	power_on(g);
	drive(g, le16_load(data + 1));
	rounds(g);
	for (size_t i = 0; i < RECORDS_MAX && 4 + (i + 1) * RECORD_BYTES <= size; i++) {
		const uint8_t *raw = data + 4 + i * RECORD_BYTES;
		const struct record r = { raw[0], raw[1], le16_load(raw + 2), le32_load(raw + 4) };

		act(g, &r);
	}
	reset(g);
	if (++g->uses == USES_MAX) {
		destroy(g);
		*kept = NULL;
	}
	return 0;
}
