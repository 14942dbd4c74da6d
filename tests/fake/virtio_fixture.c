#include "fake/virtio_fixture.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "host/now.h"

#define RINGS_GPA   UINT64_C(0x1000)
#define RINGS_STEP  UINT64_C(0x7000)
#define ROUNDS_MAX  1000u
#define WAIT_MAX_NS (5 * NS_PER_S)

_Static_assert(RINGS_GPA + VIRTIO_FIXTURE_QUEUES * RINGS_STEP <= VIRTIO_FIXTURE_DATA,
	       "rings end where the data begins");

/* A fixture that fails is a test's end. */
static void must(bool true_, const char *what)
{
	if (true_)
		return;
	fprintf(stderr, "virtio_fixture: %s\n", what);
	abort();
}

void virtio_fixture_init_on(struct virtio_fixture *f, struct ioloop *loop)
{
	memset(f, 0, sizeof(*f));
	fake_board_init(&f->fb);
	pci_bus_init(&f->bus, &f->fb.board);
	f->ram = calloc(1, FAKE_RAM_BYTES);
	must(f->ram && mem_add(&f->fb.mem, 0, FAKE_RAM_BYTES, f->ram) == 0, "no RAM");
	f->loop = loop;
	f->loop_borrowed = true;
}

void virtio_fixture_init(struct virtio_fixture *f)
{
	struct ioloop *loop = NULL;
	struct err err;

	must(ioloop_create(IO_ENGINE_AUTO, &loop, &err) == 0, "no loop");
	virtio_fixture_init_on(f, loop);
	f->loop_borrowed = false;
}

struct virtio_pci_place virtio_fixture_place(struct virtio_fixture *f)
{
	return (struct virtio_pci_place){ .bus = &f->bus, .devfn = -1, .loops = &f->loop,
					  .loop_count = 1, .label = "test device" };
}

void virtio_fixture_take(struct virtio_fixture *f, struct virtio_pci *vp)
{
	f->vp = vp;
	f->dev = &vp->dev;
	f->bar = vp->fn.bars[VIRTIO_PCI_BAR].gpa;
	must(vp->fn.bars[VIRTIO_PCI_BAR].decoded, "the BAR is not decoded");
}

void virtio_fixture_add(struct virtio_fixture *f, const struct device_type *type,
			const void *config)
{
	struct err err = { "" };
	struct device *dev;

	must(type->create(&f->fb.board, config, &dev, &err) == 0, err.text);
	must(dev->type == type, "the device is of another type");
	type->reset(dev);
	virtio_fixture_take(f, container_of(dev, struct virtio_pci, dev));
}

void virtio_fixture_free(struct virtio_fixture *f)
{
	if (f->dev)
		f->dev->type->destroy(f->dev);
	must(f->fb.mmio.region_count == 0, "the BAR is still on the bus");
	must(f->fb.doorbell_count == 0, "a doorbell is left");
	must(f->fb.msi_open_count == 0, "an MSI line is left");
	if (!f->loop_borrowed)
		ioloop_destroy(f->loop);
	free(f->ram);
}

/* ---- steps of a driver ------------------------------------------------------------------ */

static unsigned register_bytes(enum virtio_pci_common at)
{
	switch (at) {
	case COMMON_STATUS:
	case COMMON_GENERATION:
		return 1;
	case COMMON_DEVICE_FEATURE_SELECT:
	case COMMON_DEVICE_FEATURE:
	case COMMON_DRIVER_FEATURE_SELECT:
	case COMMON_DRIVER_FEATURE:
		return 4;
	case COMMON_QUEUE_DESC:
	case COMMON_QUEUE_DRIVER:
	case COMMON_QUEUE_DEVICE:
		return 8;
	default:
		return 2;
	}
}

uint64_t common_read(struct virtio_fixture *f, enum virtio_pci_common at)
{
	return fake_mmio_read(&f->fb, f->bar + VIRTIO_PCI_COMMON + at, register_bytes(at));
}

void common_write(struct virtio_fixture *f, enum virtio_pci_common at, uint64_t value)
{
	fake_mmio_write(&f->fb, f->bar + VIRTIO_PCI_COMMON + at, register_bytes(at), value);
}

uint64_t queue_read(struct virtio_fixture *f, unsigned queue, enum virtio_pci_common at)
{
	common_write(f, COMMON_QUEUE_SELECT, queue);
	return common_read(f, at);
}

void queue_write(struct virtio_fixture *f, unsigned queue, enum virtio_pci_common at,
		 uint64_t value)
{
	common_write(f, COMMON_QUEUE_SELECT, queue);
	common_write(f, at, value);
}

uint8_t status_read(struct virtio_fixture *f)
{
	return (uint8_t)common_read(f, COMMON_STATUS);
}

uint64_t features_offered(struct virtio_fixture *f)
{
	uint64_t features;

	common_write(f, COMMON_DEVICE_FEATURE_SELECT, 0);
	features = common_read(f, COMMON_DEVICE_FEATURE);
	common_write(f, COMMON_DEVICE_FEATURE_SELECT, 1);
	return features | common_read(f, COMMON_DEVICE_FEATURE) << 32;
}

void virtio_fixture_use_msix(struct virtio_fixture *f)
{
	const unsigned cap = virtio_fixture_cap(f, PCI_CAP_ID_MSIX, 0);
	const uint32_t control = virtio_fixture_config_read(f, cap + PCI_MSIX_FLAGS, 2);

	must(cap != 0, "no MSI-X capability");
	for (unsigned i = 0; i <= (control & PCI_MSIX_FLAGS_QSIZE); i++) {
		const gpa_t entry = f->bar + VIRTIO_PCI_TABLE + (gpa_t)MSIX_ENTRY_BYTES * i;

		fake_mmio_write(&f->fb, entry, 8, 0xfee00000);
		fake_mmio_write(&f->fb, entry + 8, 4, i);
		fake_mmio_write(&f->fb, entry + 12, 4, 0);
	}
	virtio_fixture_config_write(f, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

bool virtio_fixture_negotiate(struct virtio_fixture *f, uint64_t features)
{
	features |= VIRTIO_F_VERSION_1;
	common_write(f, COMMON_STATUS, VIRTIO_ACKNOWLEDGE);
	common_write(f, COMMON_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	common_write(f, COMMON_DRIVER_FEATURE_SELECT, 0);
	common_write(f, COMMON_DRIVER_FEATURE, (uint32_t)features);
	common_write(f, COMMON_DRIVER_FEATURE_SELECT, 1);
	common_write(f, COMMON_DRIVER_FEATURE, features >> 32);
	common_write(f, COMMON_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return status_read(f) & VIRTIO_FEATURES_OK;
}

static uint64_t features_accepted(struct virtio_fixture *f)
{
	uint64_t features;

	common_write(f, COMMON_DRIVER_FEATURE_SELECT, 0);
	features = common_read(f, COMMON_DRIVER_FEATURE);
	common_write(f, COMMON_DRIVER_FEATURE_SELECT, 1);
	return features | common_read(f, COMMON_DRIVER_FEATURE) << 32;
}

unsigned virtio_fixture_vector(const struct virtio_fixture *f, unsigned i)
{
	return f->vp->msix.vector_count > f->vp->v.queue_count ? 1 + i : 1;
}

void virtio_fixture_queue(struct virtio_fixture *f, unsigned i, uint16_t size)
{
	struct fake_driver *d = &f->queues[i];

	assert(i < VIRTIO_FIXTURE_QUEUES);
	if (size == 0)
		size = (uint16_t)queue_read(f, i, COMMON_QUEUE_SIZE);
	fake_driver_init(d, &f->fb.mem, RINGS_GPA + i * RINGS_STEP, size, features_accepted(f));
	queue_write(f, i, COMMON_QUEUE_SIZE, size);
	queue_write(f, i, COMMON_QUEUE_VECTOR, virtio_fixture_vector(f, i));
	queue_write(f, i, COMMON_QUEUE_DESC, d->setup.desc);
	queue_write(f, i, COMMON_QUEUE_DRIVER, d->setup.driver);
	queue_write(f, i, COMMON_QUEUE_DEVICE, d->setup.device);
	queue_write(f, i, COMMON_QUEUE_ENABLE, 1);
}

void virtio_fixture_start(struct virtio_fixture *f, uint64_t features)
{
	const unsigned count = (unsigned)common_read(f, COMMON_NUM_QUEUES);

	virtio_fixture_use_msix(f);
	must(virtio_fixture_negotiate(f, features), "the device does not agree on features");
	common_write(f, COMMON_CONFIG_VECTOR, 0);
	for (unsigned i = 0; i < count && i < VIRTIO_FIXTURE_QUEUES; i++)
		virtio_fixture_queue(f, i, 0);
	common_write(f, COMMON_STATUS, status_read(f) | VIRTIO_DRIVER_OK);
	virtio_fixture_run(f);
}

bool virtio_fixture_kick(struct virtio_fixture *f, unsigned i)
{
	const gpa_t gpa = f->bar + VIRTIO_PCI_NOTIFY + (gpa_t)VIRTIO_PCI_NOTIFY_MULTIPLIER * i;
	const struct fake_doorbell *bell = fake_doorbell_at(&f->fb, gpa);
	const uint64_t one = 1;

	if (!fake_driver_wants_kick(&f->queues[i]))
		return false;
	if (bell)
		must(write(bell->fd, &one, sizeof(one)) == sizeof(one), "the doorbell is dead");
	else
		fake_mmio_write(&f->fb, gpa, 2, i);
	return true;
}

void virtio_fixture_run(struct virtio_fixture *f)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (ioloop_round(f->loop, 0) == 0)
			return;
}

/* Whether queue i has a used entry; takes nothing. */
static bool has_used(struct virtio_fixture *f, unsigned i)
{
	struct fake_driver look = f->queues[i];
	uint16_t id;
	uint32_t len;

	return fake_driver_used(&look, &id, &len);
}

void virtio_fixture_wait(struct virtio_fixture *f, unsigned i)
{
	const uint64_t end_ns = host_now_ns() + WAIT_MAX_NS;

	while (!has_used(f, i) && host_now_ns() < end_ns)
		ioloop_round(f->loop, 10);
	virtio_fixture_run(f);
}

unsigned virtio_fixture_interrupts(struct virtio_fixture *f, unsigned vector)
{
	const struct msix_vector *v = &f->vp->msix.vectors[vector];

	assert(vector < f->vp->msix.vector_count);
	return v->has_line ? atomic_load(&f->fb.msis[v->line].sends) : 0;
}

bool virtio_fixture_reset(struct virtio_fixture *f)
{
	common_write(f, COMMON_STATUS, 0);
	virtio_fixture_run(f);
	return status_read(f) == 0;
}

uint32_t virtio_fixture_config_read(struct virtio_fixture *f, unsigned offset, unsigned size)
{
	return pci_bus_read(&f->bus, 0, f->vp->fn.devfn, offset, size);
}

void virtio_fixture_config_write(struct virtio_fixture *f, unsigned offset, unsigned size,
				 uint32_t value)
{
	pci_bus_write(&f->bus, 0, f->vp->fn.devfn, offset, size, value);
}

unsigned virtio_fixture_cap(struct virtio_fixture *f, uint8_t id, unsigned nth)
{
	unsigned at = virtio_fixture_config_read(f, PCI_CAPABILITY_LIST, 1);

	for (unsigned n = 0; at != 0 && n < 48; n++) {
		if (virtio_fixture_config_read(f, at, 1) == id && nth-- == 0)
			return at;
		at = virtio_fixture_config_read(f, at + 1, 1);
	}
	return 0;
}
