/* The parts list of the PC, continued: what sits on the PCI bus. */
#include <errno.h>
#include <string.h>

#include "machine/internal.h"
#include "pci/hostbridge.h"
#include "virtio/balloon.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/net.h"
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

static struct device *add(struct machine *m, const struct device_type *type, const void *config,
			  struct err *err)
{
	struct device *dev = pc_add(m, type, config, err);

	if (dev)
		m->virtio[m->virtio_count++] = dev;
	return dev;
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
	if (!add(m, &virtio_blk_type, &config, err))
		return -EIO;
	d->block = NULL; /* the device has it */
	return 0;
}

static int add_nic(struct machine *m, unsigned index, struct err *err)
{
	const struct net_config *wanted = &m->config->nets[index];
	struct nic *nic = &m->nics[index];
	struct ioloop *loops[NET_PAIRS_MAX] = { iothread_loop(m->io) };
	struct virtio_net_config config = {
		.place = place_for(m, loops, wanted->queues, nic->label),
		.net = nic->net,
		.mtu = wanted->mtu,
		.pairs = wanted->queues,
		.queue_size = wanted->queue_size,
		.rx_bps = wanted->bps,
		.rx_bps_burst = wanted->bps_burst,
		.tx_bps = wanted->bps,
		.tx_bps_burst = wanted->bps_burst,
	};

	memcpy(config.mac, wanted->mac, sizeof(config.mac));
	for (unsigned p = 1; p < wanted->queues; p++)
		loops[p] = iothread_loop(nic->threads[p]);
	if (!add(m, &virtio_net_type, &config, err))
		return -EIO;
	nic->net = NULL; /* the device has it */
	return 0;
}

static int add_rng(struct machine *m, struct err *err)
{
	struct ioloop *const loop = iothread_loop(m->io);
	const struct virtio_rng_config config = {
		.place = place_for(m, &loop, 1, "rng"),
		.rate_bytes_per_s = m->config->rng.rate_bytes,
	};

	return add(m, &virtio_rng_type, &config, err) ? 0 : -EIO;
}

static int add_consoles(struct machine *m, struct err *err)
{
	struct ioloop *const loop = iothread_loop(m->io);
	struct virtio_console_config config = {
		.place = place_for(m, &loop, 1, "console"),
		.port_count = m->config->console_count,
	};

	_Static_assert(MACHINE_CONSOLES_MAX <= VIRTIO_CONSOLE_PORTS_MAX, "a port for each");
	for (unsigned i = 0; i < config.port_count; i++)
		config.ports[i] = (struct virtio_console_port){
			.chardev = m->consoles[i].chardev,
			.name = m->config->consoles[i].name,
		};
	console_size(m, &config.cols, &config.rows);
	m->virtio_console = add(m, &virtio_console_type, &config, err);
	return m->virtio_console ? 0 : -EIO;
}

static int add_balloon(struct machine *m, struct err *err)
{
	const struct balloon_config *wanted = &m->config->balloon;
	struct ioloop *const loop = iothread_loop(m->io);
	const struct virtio_balloon_config config = {
		.place = place_for(m, &loop, 1, "balloon"),
		.deflate_on_oom = wanted->deflate_on_oom,
		.free_page_reporting = wanted->free_page_reporting,
		.stats_period_s = (unsigned)(wanted->stats_period_ns / NS_PER_S),
		.stats = balloon_stats_came,
		.ctx = m,
	};

	m->balloon = add(m, &virtio_balloon_type, &config, err);
	return m->balloon ? 0 : -EIO;
}

int pc_add_virtio(struct machine *m, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < m->config->disk_count; i++)
		rc = add_disk(m, i, err);
	for (unsigned i = 0; rc == 0 && i < m->config->net_count; i++)
		rc = add_nic(m, i, err);
	if (rc == 0 && m->config->rng.present)
		rc = add_rng(m, err);
	if (rc == 0 && m->config->console_count > 0)
		rc = add_consoles(m, err);
	if (rc == 0 && m->config->balloon.present)
		rc = add_balloon(m, err);
	return rc;
}

static void print_disk(const struct device *dev, FILE *out)
{
	for (unsigned q = 0; q < virtio_blk_queues(dev); q++) {
		const struct blk_stats s = virtio_blk_stats(dev, q);

		fprintf(out,
			"stats:   queue %u: requests %llu, bytes read %llu, written %llu, errors %llu\n",
			q, (unsigned long long)s.requests, (unsigned long long)s.read_bytes,
			(unsigned long long)s.written_bytes, (unsigned long long)s.errors);
	}
}

static void print_nic(const struct device *dev, FILE *out)
{
	for (unsigned p = 0; p < virtio_net_pairs(dev); p++) {
		const struct virtio_net_stats s = virtio_net_stats(dev, p);

		fprintf(out,
			"stats:   pair %u: sent %llu frames, %llu bytes, dropped %llu, bad %llu; "
			"received %llu frames, %llu bytes, dropped %llu, filtered %llu\n",
			p, (unsigned long long)s.tx_frames, (unsigned long long)s.tx_bytes,
			(unsigned long long)s.tx_dropped, (unsigned long long)s.tx_bad,
			(unsigned long long)s.rx_frames, (unsigned long long)s.rx_bytes,
			(unsigned long long)s.rx_dropped, (unsigned long long)s.rx_filtered);
	}
}

void pc_print_virtio(const struct machine *m, FILE *out)
{
	for (unsigned i = 0; i < m->virtio_count; i++) {
		const struct device *dev = m->virtio[i];
		const struct virtio *v =
			&container_of(dev, const struct virtio_pci, dev)->v;

		for (unsigned q = 0; q < v->queue_count; q++) {
			const struct virtio_queue *vq = &v->queues[q];

			if (vq->chains > 0)
				fprintf(out,
					"stats: %s %s queue %u: kicks %llu, chains %llu, interrupts %llu\n",
					v->ops->name, v->label, q, (unsigned long long)vq->kicks,
					(unsigned long long)vq->chains,
					(unsigned long long)vq->interrupts);
		}
		if (dev->type == &virtio_blk_type)
			print_disk(dev, out);
		if (dev->type == &virtio_net_type)
			print_nic(dev, out);
	}
}
