/* A hostile guest with a virtio device, as a script: what fuzz_console.c and
 * fuzz_balloon.c share.
 *
 * Input: records, a byte what to do and then what that needs; numbers of two bytes
 * are little-endian, missing bytes are 0.
 *
 *	0  write      gpa16 len8 bytes...      raw guest memory: rings, tables, data
 *	1  offer      queue8 count8 {gpa16 len16 writable8}...   a proper chain
 *	2  kick       queue8
 *	3  round
 *	4  registers  offset8 len8 value8...   configuration space, written and read
 *	5  begin      features8 skip8          reset, negotiate, all queues but one
 *	6  queue      queue8 desc16 driver16 device16 size8      for the next `begin`
 *	7  status     value8
 *	8  ring reset queue8
 *	9  replug     value8                   0x5a: destroy the device, make a new one;
 *	                                       once a script, for it takes long
 *	10+ the device's own
 *
 * At the end the device has to come to rest.  Then it is reset for the next script, as
 * that is ten times faster than making a new one: so it may not remember anything. */
#ifndef BANTAM_FUZZ_VIRTIO_GUEST_H
#define BANTAM_FUZZ_VIRTIO_GUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "virtio/pci.h"

#define GUEST_RAM_BYTES KIB(64)
#define GUEST_QUEUES	8u
#define GUEST_QUEUE_SIZE 8u
#define GUEST_RING_BYTES 0x200u
#define GUEST_RECORDS	256u
#define GUEST_OWN	10u /* the first of the device's own records */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

static inline uint8_t take8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint16_t take16(struct input *in)
{
	const unsigned low = take8(in);

	return (uint16_t)(low | (unsigned)take8(in) << 8);
}

struct guest {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loops[1];
	uint8_t *ram;
	const struct device_type *type;
	const void *config;
	struct device *dev;
	struct virtio *v;
	bool replugged; /* by this script */
	struct fake_driver driver[GUEST_QUEUES];
	struct vq_setup odd[GUEST_QUEUES]; /* size not 0: instead of a proper place */
};

static inline void trap_unless(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* RAM of GUEST_RAM_BYTES that the host can take back, all private. */
static inline void guest_init(struct guest *g, uint8_t *ram)
{
	log_set_level(LOG_ERROR); /* each fault is a warning */
	fake_board_init(&g->fb);
	g->ram = ram;
	trap_unless(mem_add(&g->fb.mem, 0, GUEST_RAM_BYTES, ram) == 0);
	pci_bus_init(&g->bus, &g->fb.board);
	trap_unless(ioloop_create(IO_ENGINE_THREADS, &g->loops[0], NULL) == 0);
}

static inline struct virtio_pci_place guest_place(struct guest *g)
{
	return (struct virtio_pci_place){ .bus = &g->bus, .devfn = -1, .loops = g->loops,
					  .loop_count = 1, .label = "device" };
}

/* type, config  stay in place */
static inline void guest_plug(struct guest *g, const struct device_type *type, const void *config)
{
	g->type = type;
	g->config = config;
	trap_unless(type->create(&g->fb.board, config, &g->dev, NULL) == 0);
	type->reset(g->dev);
	g->v = &container_of(g->dev, struct virtio_pci, dev)->v;
}

static inline void guest_unplug(struct guest *g)
{
	g->type->destroy(g->dev);
	g->dev = NULL;
	trap_unless(g->fb.mmio.region_count == 0);
	trap_unless(g->fb.doorbell_count == 0);
	trap_unless(g->fb.msi_open_count == 0);
}

static inline void guest_reset(struct guest *g)
{
	virtio_set_status(g->v, 0);
	for (unsigned i = 0; virtio_status(g->v) != 0; i++) {
		trap_unless(i < 1000);
		ioloop_round(g->loops[0], 0);
	}
}

static inline void guest_queue(struct guest *g, unsigned i)
{
	struct virtio_queue *q = &g->v->queues[i];
	struct vq_setup *s = &g->odd[i];

	fake_driver_init(&g->driver[i], &g->fb.mem, (gpa_t)GUEST_RING_BYTES * i, GUEST_QUEUE_SIZE,
			 g->v->features);
	if (s->size == 0)
		*s = g->driver[i].setup;
	q->size = s->size;
	q->desc = s->desc;
	q->driver = s->driver;
	q->device = s->device;
	s->size = 0;
	virtio_enable_queue(q);
}

/* features  the low bits are the device's, the others choose those of rings
 * skip      this queue is not set up */
static inline void guest_begin(struct guest *g, uint8_t features, unsigned skip)
{
	const uint8_t status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
	uint64_t wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | (features & 0x3f);

	guest_reset(g);
	wanted |= features & 0x40 ? VIRTIO_F_RING_PACKED : 0;
	wanted |= features & 0x80 ? VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER : 0;
	virtio_set_status(g->v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(g->v, status);
	g->v->driver_features = wanted & g->v->offered;
	virtio_set_status(g->v, status | VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < g->v->queue_count && i < GUEST_QUEUES; i++)
		if (i != skip)
			guest_queue(g, i);
	virtio_set_status(g->v, status | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static inline void guest_offer(struct guest *g, struct input *in)
{
	const unsigned queue = take8(in) % GUEST_QUEUES;
	struct fake_buf bufs[4];
	const unsigned count = 1 + take8(in) % ARRAY_LEN(bufs);

	for (unsigned i = 0; i < count; i++) {
		bufs[i].gpa = take16(in);
		bufs[i].len = take16(in);
		bufs[i].writable = take8(in) & 1;
	}
	if (g->driver[queue].setup.size == 0)
		return; /* never set up */
	fake_driver_add(&g->driver[queue], bufs, count);
	virtio_kick(&g->v->queues[queue]);
}

static inline void guest_registers(struct guest *g, struct input *in)
{
	const unsigned room = g->v->ops->config_bytes;
	const unsigned offset = take8(in) % room;
	const unsigned len = 1 + take8(in) % (room - offset);
	uint8_t bytes[64];

	trap_unless(room <= sizeof(bytes));
	g->v->ops->config_read(g->v, offset, bytes, len);
	for (unsigned i = 0; i < len; i++)
		bytes[i] = take8(in);
	g->v->ops->config_write(g->v, offset, bytes, len);
}

static inline void guest_write(struct guest *g, struct input *in)
{
	const unsigned gpa = take16(in);

	for (unsigned i = take8(in); i > 0; i--)
		g->ram[(gpa + i) % GUEST_RAM_BYTES] = take8(in);
}

/* A record that is not the device's own. */
static inline void guest_act(struct guest *g, unsigned what, struct input *in)
{
	struct vq_setup *s;
	unsigned i;

	switch (what) {
	case 0:
		guest_write(g, in);
		break;
	case 1:
		guest_offer(g, in);
		break;
	case 2:
		i = take8(in);
		if (i < g->v->queue_count)
			virtio_kick(&g->v->queues[i]);
		break;
	case 3:
		ioloop_round(g->loops[0], 0);
		break;
	case 4:
		guest_registers(g, in);
		break;
	case 5:
		i = take8(in);
		guest_begin(g, (uint8_t)i, take8(in));
		break;
	case 6:
		s = &g->odd[take8(in) % GUEST_QUEUES];
		s->desc = (gpa_t)take16(in) << 4;
		s->driver = take16(in);
		s->device = take16(in);
		s->size = take8(in);
		break;
	case 7:
		virtio_set_status(g->v, take8(in));
		break;
	case 8:
		i = take8(in);
		if (i < g->v->queue_count)
			virtio_reset_queue(&g->v->queues[i]);
		break;
	default:
		if (take8(in) != 0x5a || g->replugged)
			break;
		g->replugged = true;
		guest_unplug(g);
		pci_bus_init(&g->bus, &g->fb.board); /* it gives addresses out once */
		guest_plug(g, g->type, g->config);
		break;
	}
}

/* A guest that does nothing any more leaves its device nothing to do. */
static inline void guest_rest(struct guest *g)
{
	unsigned n = 0;

	for (unsigned idle = 0; idle < 2; n++) {
		trap_unless(n < 5000);
		idle = ioloop_round(g->loops[0], 0) > 0 ? 0 : idle + 1;
	}
}

/* A new guest with a new driver.
 * features  as guest_begin() */
static inline void guest_boot(struct guest *g, uint8_t features)
{
	madvise(g->ram, GUEST_RAM_BYTES, MADV_DONTNEED); /* zeros, and few are touched */
	memset(g->odd, 0, sizeof(g->odd));
	g->replugged = false;
	g->type->reset(g->dev);
	guest_begin(g, features, UINT32_MAX);
}

#endif
