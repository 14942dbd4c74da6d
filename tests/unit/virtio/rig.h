/* What the tests of the console and the balloon share, on top of virtio_fixture.h: RAM
 * that the host can take back, and a driver that keeps the rules and kicks only when it
 * is asked to.
 *
 *	struct virtio_rig rig;
 *	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 16 };
 *
 *	rig_init(&rig, RIG_PRIVATE);
 *	config.place = virtio_fixture_place(&rig.f);
 *	rig_plug(&rig, &virtio_console_type, &config);
 *	rig_drive(&rig, features);
 *	rig_offer(&rig, 1, &buf, 1);
 *	virtio_fixture_run(&rig.f);
 *	... rig_used(&rig, 1, &len) ...
 *	rig_free(&rig); */
#ifndef BANTAM_TEST_VIRTIO_RIG_H
#define BANTAM_TEST_VIRTIO_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fake/virtio_fixture.h"

#define RIG_RAM_BYTES MIB(4)
#define RIG_DATA      UINT64_C(0x100000) /* all above is the test's */

enum rig_ram { RIG_PRIVATE, RIG_MEMFD };

/* Not to be moved after rig_init(). */
struct virtio_rig {
	struct virtio_fixture f;
	int fd; /* of RAM; -1: private */
	uint8_t *ram;
};

static inline void rig_map_ram(struct virtio_rig *rig, enum rig_ram kind)
{
	rig->fd = kind == RIG_MEMFD ? memfd_create("rig", MFD_CLOEXEC) : -1;
	if (kind == RIG_MEMFD)
		assert_int_equal(ftruncate(rig->fd, RIG_RAM_BYTES), 0);
	rig->ram = mmap(NULL, RIG_RAM_BYTES, PROT_READ | PROT_WRITE,
			rig->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, rig->fd, 0);
	assert_ptr_not_equal(rig->ram, MAP_FAILED);
	/* So that each page counts for itself. */
	madvise(rig->ram, RIG_RAM_BYTES, MADV_NOHUGEPAGE);
	/* In place of the fixture's own. */
	memset(&rig->f.fb.mem, 0, sizeof(rig->f.fb.mem));
	assert_int_equal(mem_add_file(&rig->f.fb.mem, 0, RIG_RAM_BYTES, rig->ram, rig->fd, 0), 0);
}

static inline void rig_init(struct virtio_rig *rig, enum rig_ram kind)
{
	virtio_fixture_init(&rig->f);
	rig_map_ram(rig, kind);
}

static inline void rig_free(struct virtio_rig *rig)
{
	virtio_fixture_free(&rig->f);
	munmap(rig->ram, RIG_RAM_BYTES);
	if (rig->fd >= 0)
		close(rig->fd);
}

static inline void rig_plug(struct virtio_rig *rig, const struct device_type *type,
			    const void *config)
{
	virtio_fixture_add(&rig->f, type, config);
}

static inline void rig_unplug(struct virtio_rig *rig)
{
	rig->f.dev->type->destroy(rig->f.dev);
	rig->f.dev = NULL;
}

/* The driver begins: takes those of features that are offered, sets up all queues. */
static inline void rig_drive(struct virtio_rig *rig, uint64_t features)
{
	virtio_fixture_start(&rig->f, features & features_offered(&rig->f));
}

static inline void rig_reset(struct virtio_rig *rig)
{
	assert_true(virtio_fixture_reset(&rig->f));
}

/* Rounds until the device has come to rest. */
static inline void rig_rounds(struct virtio_rig *rig)
{
	virtio_fixture_run(&rig->f);
	assert_int_equal(ioloop_round(rig->f.loop, 0), 0);
}

static inline uint8_t *rig_at(struct virtio_rig *rig, gpa_t gpa)
{
	return fake_at(&rig->f.fb.mem, gpa);
}

/* Offer a chain, kick if that is wanted.  Returns the chain's id. */
static inline int rig_offer(struct virtio_rig *rig, unsigned queue, const struct fake_buf *bufs,
			    unsigned count)
{
	const int id = fake_driver_add(&rig->f.queues[queue], bufs, count);

	assert_true(id >= 0);
	virtio_fixture_kick(&rig->f, queue);
	return id;
}

/* The chain that was given back next: its id, or -1.
 * len  what the device wrote; may be NULL */
static inline int rig_used(struct virtio_rig *rig, unsigned queue, uint32_t *len)
{
	uint32_t ignored;
	uint16_t id;

	return fake_driver_used(&rig->f.queues[queue], &id, len ? len : &ignored) ? id : -1;
}

static inline bool rig_needs_reset(struct virtio_rig *rig)
{
	return status_read(&rig->f) & VIRTIO_NEEDS_RESET;
}

static inline unsigned rig_queue_count(struct virtio_rig *rig)
{
	return (unsigned)common_read(&rig->f, COMMON_NUM_QUEUES);
}

static inline unsigned rig_generation(struct virtio_rig *rig)
{
	return (unsigned)common_read(&rig->f, COMMON_GENERATION);
}

/* Device configuration; size 1, 2, 4 or 8. */
static inline uint64_t rig_config(struct virtio_rig *rig, unsigned offset, unsigned size)
{
	return fake_mmio_read(&rig->f.fb, rig->f.bar + VIRTIO_PCI_CONFIG + offset, size);
}

static inline void rig_set_config(struct virtio_rig *rig, unsigned offset, unsigned size,
				  uint64_t value)
{
	fake_mmio_write(&rig->f.fb, rig->f.bar + VIRTIO_PCI_CONFIG + offset, size, value);
}

#endif
