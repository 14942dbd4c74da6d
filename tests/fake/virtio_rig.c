#include "fake/virtio_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS_MAX 10000u

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "virtio_rig: %s\n", what);
	abort();
}

void rig_init(struct virtio_rig *rig, enum rig_ram ram)
{
	memset(rig, 0, sizeof(*rig));
	fake_board_init(&rig->fb);
	rig->fd = ram == RIG_MEMFD ? memfd_create("rig", MFD_CLOEXEC) : -1;
	if (ram == RIG_MEMFD)
		need(rig->fd >= 0 && ftruncate(rig->fd, RIG_RAM_BYTES) == 0, "memfd");
	rig->ram = mmap(NULL, RIG_RAM_BYTES, PROT_READ | PROT_WRITE,
			rig->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, rig->fd, 0);
	need(rig->ram != MAP_FAILED, "no memory");
	/* So that each page counts for itself. */
	madvise(rig->ram, RIG_RAM_BYTES, MADV_NOHUGEPAGE);
	need(mem_add_file(&rig->fb.mem, 0, RIG_RAM_BYTES, rig->ram, rig->fd, 0) == 0, "mem_add");
	pci_bus_init(&rig->bus, &rig->fb.board);
	need(ioloop_create(IO_ENGINE_THREADS, &rig->loop, NULL) == 0, "no loop");
	rig->loops[0] = rig->loop;
}

void rig_free(struct virtio_rig *rig)
{
	rig_unplug(rig);
	ioloop_destroy(rig->loop);
	munmap(rig->ram, RIG_RAM_BYTES);
	if (rig->fd >= 0)
		close(rig->fd);
}

struct virtio_pci_place rig_place(struct virtio_rig *rig)
{
	return (struct virtio_pci_place){ .bus = &rig->bus, .devfn = -1, .loops = rig->loops,
					  .loop_count = 1, .label = "device under test" };
}

void rig_plug(struct virtio_rig *rig, const struct device_type *type, const void *config)
{
	struct err err;

	if (type->create(&rig->fb.board, config, &rig->dev, &err) < 0)
		need(false, err.text);
	need(rig->dev->type == type, "a device of another type");
	type->reset(rig->dev);
	rig->v = &container_of(rig->dev, struct virtio_pci, dev)->v;
}

void rig_unplug(struct virtio_rig *rig)
{
	if (rig->dev)
		rig->dev->type->destroy(rig->dev);
	rig->dev = NULL;
}

static void enable(struct virtio_rig *rig, unsigned index)
{
	struct virtio_queue *q = &rig->v->queues[index];
	struct fake_driver *d = &rig->driver[index];

	fake_driver_init(d, &rig->fb.mem, (gpa_t)RIG_RING_BYTES * index, RIG_RING_SIZE,
			 rig->v->features);
	q->size = RIG_RING_SIZE;
	q->desc = d->setup.desc;
	q->driver = d->setup.driver;
	q->device = d->setup.device;
	virtio_enable_queue(q);
}

void rig_drive(struct virtio_rig *rig, uint64_t features)
{
	struct virtio *v = rig->v;
	uint8_t status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;

	virtio_set_status(v, VIRTIO_ACKNOWLEDGE);
	virtio_set_status(v, status);
	v->driver_features = (features | VIRTIO_F_VERSION_1) & v->offered;
	status |= VIRTIO_FEATURES_OK;
	virtio_set_status(v, status);
	need(virtio_status(v) == status, "features refused");
	for (unsigned i = 0; i < v->queue_count; i++)
		enable(rig, i);
	virtio_set_status(v, status | VIRTIO_DRIVER_OK);
	rig_rounds(rig);
}

void rig_reset(struct virtio_rig *rig)
{
	virtio_set_status(rig->v, 0);
	for (unsigned i = 0; i < ROUNDS_MAX && virtio_status(rig->v) != 0; i++)
		ioloop_round(rig->loop, 0);
	need(virtio_status(rig->v) == 0, "reset does not end");
}

void rig_rounds(struct virtio_rig *rig)
{
	unsigned n = 0;

	for (unsigned idle = 0; idle < 2 && n < ROUNDS_MAX; n++)
		idle = ioloop_round(rig->loop, 0) > 0 ? 0 : idle + 1;
	need(n < ROUNDS_MAX, "the device never comes to rest");
}

int rig_offer(struct virtio_rig *rig, unsigned queue, const struct fake_buf *bufs, unsigned count)
{
	const int id = fake_driver_add(&rig->driver[queue], bufs, count);

	need(id >= 0, "no room in the ring");
	if (fake_driver_wants_kick(&rig->driver[queue]))
		virtio_kick(&rig->v->queues[queue]);
	return id;
}

int rig_used(struct virtio_rig *rig, unsigned queue, uint32_t *len)
{
	uint16_t id;
	uint32_t ignored;

	return fake_driver_used(&rig->driver[queue], &id, len ? len : &ignored) ? id : -1;
}

uint8_t *rig_at(struct virtio_rig *rig, gpa_t gpa)
{
	return fake_at(&rig->fb.mem, gpa);
}
