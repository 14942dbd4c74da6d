/* The I/O threads, which serve virtio devices and what is behind them. */
#include "machine/internal.h"

static bool has_virtio(const struct machine_config *c)
{
	return c->disk_count > 0 || c->net_count > 0 || c->console_count > 0 || c->rng.present ||
	       c->balloon.present;
}

/* A thread for each queue, or queue pair, beyond the first. */
static int start_further(struct iothread **threads, unsigned count, unsigned *index,
			 struct err *err)
{
	int rc = 0;

	for (unsigned q = 1; rc == 0 && q < count; q++)
		rc = iothread_start(IO_ENGINE_AUTO, (*index)++, &threads[q], err);
	return rc;
}

static void stop_all(struct iothread **threads, unsigned count)
{
	for (unsigned q = 0; q < count; q++) {
		iothread_stop(threads[q]);
		threads[q] = NULL;
	}
}

/* One thread serves all devices.  A disk or NIC with more queues has a thread for each
 * further one, so that vCPUs that use them at once are served at once. */
int io_start(struct machine *m, struct err *err)
{
	const struct machine_config *c = m->config;
	unsigned index = 0;
	int rc;

	if (!has_virtio(c))
		return 0;
	rc = iothread_start(IO_ENGINE_AUTO, index++, &m->io, err);
	for (unsigned i = 0; rc == 0 && i < c->disk_count; i++)
		rc = start_further(m->disks[i].threads, c->disks[i].queues, &index, err);
	for (unsigned i = 0; rc == 0 && i < c->net_count; i++)
		rc = start_further(m->nics[i].threads, c->nets[i].queues, &index, err);
	if (rc < 0)
		io_stop(m);
	return rc;
}

void io_stop(struct machine *m)
{
	for (unsigned i = 0; i < MACHINE_DISKS_MAX; i++)
		stop_all(m->disks[i].threads, DISK_QUEUES_MAX);
	for (unsigned i = 0; i < MACHINE_NETS_MAX; i++)
		stop_all(m->nics[i].threads, NET_PAIRS_MAX);
	iothread_stop(m->io);
	m->io = NULL;
}
