/* The parts list of the PC, continued: what sits on the PCI bus. */
#include <errno.h>
#include <string.h>

#include "machine/internal.h"
#include "pci/hostbridge.h"
#include "virtio/blk.h"
#include "virtio/rng.h"

_Static_assert(DISK_QUEUES_MAX >= BLK_QUEUES_MAX, "a thread for each queue of a disk");

/* At the lowest free device number, served by loops. */
static struct virtio_pci_place place_for(struct machine *m, struct ioloop *const *loops,
					 unsigned loop_count, const char *label)
{
	return (struct virtio_pci_place){
		.bus = hostbridge_bus(m->hostbridge),
		.devfn = -1,
		.loops = loops,
		.loop_count = loop_count,
		.label = label,
	};
}

static int add_disk(struct machine *m, unsigned index, struct err *err)
{
	const struct disk_config *wanted = &m->config->disks[index];
	struct disk *d = &m->disks[index];
	struct ioloop *loops[DISK_QUEUES_MAX] = { iothread_loop(m->io) };
	struct virtio_blk_config config = {
		.place = place_for(m, loops, wanted->queues, d->label),
		.block = d->block,
		.queues = wanted->queues,
		.queue_size = wanted->queue_size,
		.discard = wanted->discard,
		.iops = wanted->iops,
		.iops_burst = wanted->iops_burst,
		.bps = wanted->bps,
		.bps_burst = wanted->bps_burst,
	};

	_Static_assert(sizeof(config.serial) == sizeof(wanted->serial), "the same text");
	memcpy(config.serial, wanted->serial, sizeof(config.serial));
	for (unsigned q = 1; q < wanted->queues; q++)
		loops[q] = iothread_loop(d->threads[q]);
	if (!pc_add(m, &virtio_blk_type, &config, err))
		return -EIO;
	d->block = NULL; /* the device has it */
	return 0;
}

static int add_rng(struct machine *m, struct err *err)
{
	struct ioloop *const loop = iothread_loop(m->io);
	const struct virtio_rng_config config = {
		.place = place_for(m, &loop, 1, "rng"),
		.rate_bytes_per_s = m->config->rng.rate_bytes,
	};

	return pc_add(m, &virtio_rng_type, &config, err) ? 0 : -EIO;
}

int pc_add_virtio(struct machine *m, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < m->config->disk_count; i++)
		rc = add_disk(m, i, err);
	if (rc == 0 && m->config->rng.present)
		rc = add_rng(m, err);
	return rc;
}
